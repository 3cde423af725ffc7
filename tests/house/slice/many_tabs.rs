//! Several tabs and spreadsheets on one stream, and tables of which only some rows are shown.

use std::fmt::Write as _;

use super::{LONG, Mapped, Stage, numbers};
use crate::support::{servers::Flavor, wait::wait_until};

on_both! {
    two_spreadsheets_and_three_tabs_live_on_one_stream,
    rows_enter_and_leave_a_filtered_tab,
    a_filter_sees_the_transaction_it_is_asked_about,
    a_large_transaction_enters_and_leaves_a_filtered_tab_whole,
}

fn two_spreadsheets_and_three_tabs_live_on_one_stream(flavor: Flavor) {
    let stage = Stage::new(
        flavor,
        &[
            Mapped::new("orders", &["id", "name"]).into_tab("shop", "Orders"),
            Mapped::new("people", &["id", "name"]).into_tab("shop", "People"),
            Mapped::new("stock", &["sku", "n"]).into_tab("store", "It's stock, 50%"),
        ],
    );
    stage.db.sql(
        "CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(40));
         CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(40));
         CREATE TABLE stock (sku VARCHAR(10) PRIMARY KEY, n INT);
         INSERT INTO orders VALUES (1,'a'),(2,'b'); INSERT INTO people VALUES (1,'Ada'); INSERT INTO stock VALUES ('A-1',5)",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.db.sql(&format!(
        "BEGIN; INSERT INTO orders SELECT n + 10, 'bulk' FROM {0}; UPDATE people SET name = 'Grace'; INSERT INTO stock SELECT n, n FROM {0}; COMMIT;
         DELETE FROM orders WHERE id % 3 = 0; UPDATE stock SET sku = 'B-1' WHERE sku = 'A-1'",
        numbers(60)
    ));
    stage.wait_equal(&mut running);
    // One stream: one dump thread at the server for all of it.
    let server = crate::support::servers::Server::shared(flavor);
    let dumps = server.admin_sql(&format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}' AND COMMAND LIKE 'Binlog Dump%'",
        stage.db.reader.user
    ));
    assert_eq!(dumps[0][0].as_deref(), Some("1"));
    let status = stage.status().unwrap();
    assert_eq!(status["spreadsheets"].as_array().unwrap().len(), 2);
}

fn rows_enter_and_leave_a_filtered_tab(flavor: Flavor) {
    let mut mapped = Mapped::new("orders", &["id", "status", "total"]);
    mapped.filter = Some("status <> 'archived' AND total > 10".to_owned());
    let stage = Stage::new(flavor, &[mapped]);
    stage.db.sql(
        "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20) NOT NULL, total INT);
         INSERT INTO orders VALUES (1,'new',11),(2,'archived',50),(3,'new',5),(4,'paid',NULL),(5,'paid',99)",
    );
    let ids = |stage: &Stage| {
        let rows = stage.grid("book", "Tab orders!A2:A50");
        let mut ids: Vec<u64> = rows.iter().filter_map(|row| row.first()?.as_u64()).collect();
        ids.sort_unstable();
        ids
    };
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(ids(&stage), [1, 5]);
    let steps: [(&str, &[u64]); 5] = [
        ("UPDATE orders SET status = 'archived' WHERE id = 1", &[5]),
        (
            "UPDATE orders SET status = 'new' WHERE id = 2; UPDATE orders SET total = 20 WHERE id IN (3, 4)",
            &[2, 3, 4, 5],
        ),
        ("INSERT INTO orders VALUES (6,'new',3), (7,'new',30)", &[2, 3, 4, 5, 7]),
        ("UPDATE orders SET id = 8 WHERE id = 7; DELETE FROM orders WHERE id = 5", &[2, 3, 4, 8]),
        (
            "BEGIN; UPDATE orders SET total = 1; UPDATE orders SET total = 12 WHERE id < 4; COMMIT",
            &[2, 3],
        ),
    ];
    for (sql, wanted) in steps {
        stage.db.sql(sql);
        stage.wait_status(&format!("the rows after {sql}: {wanted:?}"), |_| ids(&stage) == wanted);
    }
    stage.wait_equal(&mut running);
    // Also what changed while nobody looked.
    running.kill9();
    stage.db.sql("UPDATE orders SET total = 100 WHERE id IN (6, 8); UPDATE orders SET status = 'archived' WHERE id = 2");
    let mut running = stage.run();
    wait_until(LONG, "the rows after the restart", || ids(&stage) == [3, 6, 8]);
    stage.wait_equal(&mut running);
}

/// A transaction reaches the log's readers before others can see it: a filter that asks too early hears of the row that was.
fn a_filter_sees_the_transaction_it_is_asked_about(flavor: Flavor) {
    let mut mapped = Mapped::new("t", &["id", "n"]);
    mapped.filter = Some("n >= 0".to_owned());
    let stage = Stage::new(flavor, &[mapped]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // Each row changes once, in a transaction of its own, so that nothing mends what was misheard.
    let mut session = stage.db.session();
    let (mut inserts, mut updates) = (String::new(), String::new());
    for id in 0..150 {
        let _ = write!(inserts, "INSERT INTO t VALUES ({id}, {id});");
        let _ = write!(updates, "UPDATE t SET n = n + 1000 WHERE id = {id};");
    }
    session.query(&inserts);
    stage.wait_equal(&mut running);
    session.query(&updates);
    stage.wait_equal(&mut running);
}

fn a_large_transaction_enters_and_leaves_a_filtered_tab_whole(flavor: Flavor) {
    let mut mapped = Mapped::new("t", &["id", "n"]);
    mapped.filter = Some("n > 0".to_owned());
    let stage = Stage::new(flavor, &[mapped]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let count = |stage: &Stage| stage.grid("book", "Tab t!A2:A30000").len();
    // More keys than are asked for at once; every tenth row does not meet the condition.
    stage.db.sql(&format!("INSERT INTO t SELECT n, MOD(n, 10) FROM {}", numbers(22_000)));
    wait_until(LONG, "the rows that meet it", || count(&stage) == 19_800);
    stage.wait_equal(&mut running);
    stage.db.sql(
        "BEGIN; UPDATE t SET n = -n WHERE id <= 12000; UPDATE t SET n = 5 WHERE id > 21990; COMMIT",
    );
    stage.wait_equal(&mut running);
    wait_until(LONG, "the rows that meet it now", || count(&stage) == 9_001);
}
