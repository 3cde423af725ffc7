//! A first copy of a table that is written to, killed in the middle.

use sheets_emulator::http::{Fault, FaultFilter, FaultKind};

use super::{BOOK, LONG, Mapped, RATE, Stage, numbers};
use crate::support::{
    proxy::Proxy,
    servers::{Flavor, Server, ServerOptions},
    wait::wait_until,
};

const ROWS: u32 = 20_000;

on_both! { a_first_copy_killed_in_the_middle_goes_on_where_it_stood_while_rows_change }

fn a_first_copy_killed_in_the_middle_goes_on_where_it_stood_while_rows_change(flavor: Flavor) {
    // A server of its own: what it sends is counted.
    let server = Server::private(flavor, ServerOptions::default());
    let mut stage =
        Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name", "n"])], RATE);
    let proxy = Proxy::start(stage.db.port);
    stage.port = proxy.port();
    stage.settings = String::from("[sheets.flush]\nmax_rows = 1000\n[limits]\nchunk_rows = 1000");
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200), n INT)");
    stage.db.sql(&format!(
        "INSERT INTO t SELECT n * 2, REPEAT('long text ', 12), n FROM {}",
        numbers(ROWS)
    ));
    let mut session = stage.db.session();
    let mut round = 0_u64;
    // Changes everywhere: before, in and behind the part that was copied.
    let mut write = || {
        round += 1;
        let [a, b, c] = [7_919, 104_729, 1_299_709].map(|step| round * step % u64::from(ROWS));
        session.query(&format!(
            "UPDATE t SET name = 'changed {round}' WHERE id = {}; DELETE FROM t WHERE id = {}; INSERT IGNORE INTO t VALUES ({}, 'new {round}', 0)",
            a * 2, b * 2, c * 2 + 1,
        ));
    };
    // Behind the probe and about thirteen batches of a thousand rows Google stalls, and the copy goes no further than two chunks ahead.
    let stall = Fault::once(FaultKind::StallBefore { for_ms: None }, FaultFilter::BatchUpdate);
    stage.emulator().faults().arm(Fault { skip: 19, ..stall });
    let running = stage.run();
    wait_until(LONG, "more than half of the rows, and a stall", || {
        write();
        !stage.emulator().faults().held().is_empty()
    });
    let status = stage.status().unwrap();
    assert_eq!(status["tables"][0]["state"], "copying", "{status:#?}");
    running.kill9();
    stage.emulator().faults().release_all();
    let (first, there) = (proxy.bytes_down(), stage.grid(BOOK, "Tab t!A2:A30000").len());
    for _ in 0..20 {
        write();
    }
    let mut running = stage.run();
    wait_until(LONG, "the copy to be complete", || {
        write();
        stage.status().is_some_and(|status| status["tables"][0]["state"] == "live")
    });
    let second = proxy.bytes_down() - first;
    stage.wait_equal(&mut running);
    assert!(there > 10_000, "{there} rows at the kill");
    // A copy from the start would have sent the larger part again.
    assert!(second < first, "{first} bytes before the kill, {second} after it");
    assert_eq!(stage.home.log().matches("copy complete").count(), 1);
    let status = stage.status().unwrap();
    assert_eq!(
        (&status["tables"][0]["frozen"], &status["tables"][0]["strangers"]),
        (&0.into(), &0.into())
    );
}
