//! Transactions: what was rolled back is never seen, what was committed is seen whole, however it was written down.

use super::{LONG, Mapped, Stage, numbers, tap::Tap};
use crate::support::{servers::Flavor, wait::wait_until};

on_both! {
    what_was_rolled_back_is_never_sent_to_google,
    a_transaction_of_fifty_thousand_rows_arrives_whole,
}

fn what_was_rolled_back_is_never_sent_to_google(flavor: Flavor) {
    let mut stage = Stage::new(flavor, &[Mapped::new("t", &["id", "name"])]);
    let tap = Tap::start(stage.emulator().address().port());
    stage.endpoint = format!("http://127.0.0.1:{}/", tap.port());
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40));
         INSERT INTO t VALUES (1,'seen-start'),(2,'seen-start')",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let mut session = stage.db.session();
    // Taken back as a whole, while another transaction is committed around it.
    session.query(
        "BEGIN; UPDATE t SET name = 'unseen-1' WHERE id = 1; INSERT INTO t VALUES (3,'unseen-1')",
    );
    stage.db.sql("INSERT INTO t VALUES (4,'seen-other')");
    session.query("ROLLBACK");
    // Taken back to a savepoint, then committed.
    session.query(
        "BEGIN; INSERT INTO t VALUES (5,'seen-before'); SAVEPOINT a; INSERT INTO t VALUES (6,'unseen-2');
         UPDATE t SET name = 'unseen-2' WHERE id = 5; SAVEPOINT b; DELETE FROM t WHERE id = 2; ROLLBACK TO SAVEPOINT a;
         INSERT INTO t VALUES (7,'seen-after'); COMMIT",
    );
    // A statement that fails half-way is taken back by the server itself.
    session.query("BEGIN; INSERT INTO t VALUES (12,'seen-half')");
    session.try_query("INSERT INTO t VALUES (13,'unseen-5'),(1,'unseen-5')").unwrap_err();
    session.query("COMMIT");
    // A connection that goes away in the middle.
    let mut leaving = stage.db.session();
    leaving.query("BEGIN; INSERT INTO t VALUES (14,'unseen-6')");
    drop(leaving);
    session.query("INSERT INTO t VALUES (20,'seen-last')");
    stage.wait_status("the last row", |status| tap.heard("seen-last") && status["idle"] == true);
    stage.wait_equal(&mut running);
    for word in ["seen-start", "seen-other", "seen-before", "seen-after", "seen-half"] {
        assert!(tap.heard(word), "{word} was not sent");
    }
    assert!(!tap.heard("unseen"), "something rolled back was sent");
}

#[test]
fn a_rollback_that_stands_in_the_log_sets_its_table_aside_until_it_is_copied_again() {
    // Only an engine without transactions in the middle makes a server log what was rolled back; MySQL with GTIDs refuses that mix.
    let tables = [Mapped::new("t", &["id", "name"]), Mapped::new("plain", &["id", "name"])];
    let mut stage = Stage::new(Flavor::MariaDb, &tables);
    let tap = Tap::start(stage.emulator().address().port());
    stage.endpoint = format!("http://127.0.0.1:{}/", tap.port());
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'seen-start');
         CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(40)) ENGINE=MyISAM",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.db.sql(
        "BEGIN; INSERT INTO t VALUES (8,'seen-mixed'); SAVEPOINT c; INSERT INTO t VALUES (9,'unseen-3');
         INSERT INTO plain VALUES (1,'seen-plain'); UPDATE t SET name = 'unseen-3' WHERE id = 8; ROLLBACK TO SAVEPOINT c;
         INSERT INTO t VALUES (10,'seen-mixed'); COMMIT; INSERT INTO plain VALUES (2,'seen-behind')",
    );
    let status = stage.wait_status("the table to be set aside", |status| {
        status["tables"][0]["set_aside"] == true && tap.heard("seen-behind")
    });
    let reason = status["tables"][0]["state"].as_str().unwrap();
    assert!(reason.contains(".t: some of a transaction's rows were rolled back"), "{reason}");
    assert_eq!(status["tables"][1]["set_aside"], false);
    running.kill9();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert!(tap.heard("seen-mixed") && !tap.heard("unseen"));
}

fn a_transaction_of_fifty_thousand_rows_arrives_whole(flavor: Flavor) {
    let stage = Stage::new(flavor, &[Mapped::new("t", &["id", "n"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1000000, 1)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.db.sql(&format!(
        "BEGIN; INSERT INTO t SELECT n, n * 3 FROM {}; UPDATE t SET n = 5 WHERE id = 1000000; COMMIT",
        numbers(50_000)
    ));
    wait_until(LONG, "the last of the transaction", || {
        stage.grid("book", "Tab t!A50002:B50002").len() == 1
    });
    stage.wait_equal(&mut running);
    let status = stage.status().unwrap();
    assert_eq!(status["tables"][0]["rows"], 50_001, "{status:#?}");
}

#[test]
fn a_compressed_transaction_is_read_as_any_other() {
    let stage = Stage::new(Flavor::MySql, &[Mapped::new("t", &["id", "name"])]);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200)); INSERT INTO t VALUES (1,'one')",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let server = crate::support::servers::Server::shared(Flavor::MySql);
    let mut session = server.admin_session();
    session
        .query(&format!("USE {}; SET SESSION binlog_transaction_compression = ON", stage.db.name));
    session.query(&format!(
        "BEGIN; INSERT INTO t SELECT n + 1, REPEAT('compress me ', 10) FROM {}; UPDATE t SET name = 'two' WHERE id = 1; COMMIT",
        numbers(500)
    ));
    session.query("DELETE FROM t WHERE id BETWEEN 100 AND 120");
    wait_until(LONG, "the row to change", || {
        stage.grid("book", "Tab t!B2:B2").first().is_some_and(|row| row[0] == "two")
    });
    stage.wait_equal(&mut running);
    let rows = server.admin_sql(
        "SELECT COUNT(*) FROM performance_schema.binary_log_transaction_compression_stats \
         WHERE LOG_TYPE = 'BINARY' AND COMPRESSION_TYPE = 'ZSTD'",
    );
    assert_ne!(rows[0][0].as_deref(), Some("0"), "nothing was compressed");
}
