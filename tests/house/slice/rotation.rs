//! Where a stream goes on: over new log files, and not over a gap.

use super::{LONG, Mapped, RATE, Stage};
use crate::support::servers::{Flavor, Server, ServerOptions};

on_both! {
    new_log_files_are_no_event_for_sheetwire,
    a_purged_position_is_refused_with_the_range_that_is_missing,
}

fn stage(server: &Server) -> Stage {
    let stage = Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one')",
    );
    stage
}

fn new_log_files_are_no_event_for_sheetwire(flavor: Flavor) {
    let server = Server::private(flavor, ServerOptions::default());
    let stage = stage(&server);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    for round in 0..3 {
        server.flush_binlogs();
        stage.db.sql(&format!("INSERT INTO t VALUES (1{round},'while running'); UPDATE t SET name = 'r{round}' WHERE id = 1"));
        server.flush_binlogs();
    }
    stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
    for round in 0..3 {
        server.flush_binlogs();
        stage.db.sql(&format!("INSERT INTO t VALUES (2{round},'while stopped'); UPDATE t SET name = 's{round}' WHERE id = 1"));
    }
    server.restart();
    server.flush_binlogs();
    let mark = stage.home.log().len();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // It went on where it stood, and copied nothing again.
    assert!(!stage.home.log()[mark..].contains("copy complete"), "{}", stage.home.log());
    assert_eq!(stage.home.log().matches("copy complete").count(), 1);
}

fn a_purged_position_is_refused_with_the_range_that_is_missing(flavor: Flavor) {
    let server = Server::private(flavor, ServerOptions::default());
    let stage = stage(&server);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
    // Three transactions that nobody will ever read, and one behind them.
    let variable = match flavor {
        Flavor::MySql => "@@GLOBAL.gtid_executed",
        Flavor::MariaDb => "@@GLOBAL.gtid_binlog_pos",
    };
    let position = || server.admin_sql(&format!("SELECT {variable}"))[0][0].clone().unwrap();
    let before = position();
    stage.db.sql("INSERT INTO t VALUES (2,'gone'); INSERT INTO t VALUES (3,'gone'); INSERT INTO t VALUES (4,'gone')");
    let purged = position();
    server.purge_binlogs();
    stage.db.sql("INSERT INTO t VALUES (5,'there')");
    let last = |text: &str| text.rsplit(['-', ':']).next().unwrap().parse::<u64>().unwrap();
    let wanted = match flavor {
        // uuid:1-N was read, so uuid:N+1-N+3 is missing.
        Flavor::MySql => {
            let uuid = purged.split(':').next().unwrap();
            format!("{uuid}:{}-{}", last(&before) + 1, last(&purged))
        }
        Flavor::MariaDb => format!("those behind {before} up to {purged}"),
    };
    let (code, said) = stage.run_to_its_end();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains(&wanted), "{wanted:?} is not in:\n{said}");
    assert!(said.contains("binlog_expire_logs_seconds"), "{said}");
}
