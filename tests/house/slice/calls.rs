//! What Google is asked for: few calls, never more than the budget, and nothing stops when it refuses for a while.

use std::fmt::Write as _;
use std::time::Duration;

use sheets_emulator::http::{CallKind, Fault, FaultFilter, FaultKind, QuotaLimits, QuotaWindow};

use super::{LONG, Mapped, RATE, Stage, numbers};
use crate::support::{
    servers::{Flavor, Server},
    wait::wait_until,
};

on_both! {
    a_hundred_changed_rows_of_one_transaction_are_one_write_and_no_read,
    a_row_changed_a_thousand_times_while_google_is_slow_is_written_once,
}

fn items(flavor: Flavor, rows: u32, slow: bool) -> Stage {
    items_at(flavor, rows, if slow { 1 } else { RATE })
}

fn items_at(flavor: Flavor, rows: u32, rate: u32) -> Stage {
    let tables = [Mapped::new("items", &["id", "name", "amount"])];
    let stage = Stage::on(Server::shared(flavor).database("slice"), &tables, rate);
    stage.db.sql("CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(40), amount INT)");
    stage
        .db
        .sql(&format!("INSERT INTO items SELECT n, CONCAT('item ', n), n FROM {}", numbers(rows)));
    stage
}

fn a_hundred_changed_rows_of_one_transaction_are_one_write_and_no_read(flavor: Flavor) {
    let stage = items(flavor, 150, true);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let mark = stage.mark();
    // Not neighbours, and not in the order of the tab: each row is a statement of its own.
    let mut sql = "BEGIN;".to_owned();
    for n in 0..100 {
        let id = 1 + (n * 67) % 150;
        write!(sql, "UPDATE items SET amount = amount + 1000 WHERE id = {id};").unwrap();
    }
    sql.push_str("COMMIT");
    stage.db.sql(&sql);
    // The oracle reads the tab, which is a call too: wait for sheetwire first.
    wait_until(LONG, "the batch", || {
        stage.calls_since(mark, CallKind::Write) > 0 && stage.is_idle()
    });
    let (writes, reads) =
        (stage.calls_since(mark, CallKind::Write), stage.calls_since(mark, CallKind::Read));
    assert_eq!((writes, reads), (1, 0), "{:#?}", stage.emulator().log().after(mark, 10));
    stage.wait_equal(&mut running);
    let changed = stage.grid("book", "Tab items!C2:C151");
    let above = changed.iter().filter(|row| row[0].as_f64().unwrap() > 1000.0).count();
    assert_eq!(above, 100);
    assert_eq!(stage.calls_since(mark, CallKind::Write), 1);
}

fn a_row_changed_a_thousand_times_while_google_is_slow_is_written_once(flavor: Flavor) {
    let stage = items(flavor, 5, true);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let faults = stage.emulator().faults();
    faults.arm(Fault::once(FaultKind::StallBefore { for_ms: None }, FaultFilter::Writes));
    stage.db.sql("UPDATE items SET amount = 0 WHERE id = 1");
    wait_until(LONG, "a batch to be held", || faults.held().len() == 1);
    let mark = stage.mark();
    let mut session = stage.db.session();
    session.query(&"UPDATE items SET amount = amount + 1 WHERE id = 1;".repeat(1000));
    // Commits come in order: when this one waits, all of the thousand are known.
    session.query("UPDATE items SET amount = 77 WHERE id = 2");
    stage.wait_status("both rows to wait", |status| status["tables"][0]["pending"] == 2);
    faults.release_all();
    stage.wait_equal(&mut running);
    assert_eq!(stage.calls_since(mark, CallKind::Write), 1);
    assert_eq!(stage.grid("book", "Tab items!C2:C3"), [[1000], [77]]);
}

#[test]
fn google_refusing_for_a_while_in_every_way_switches_nothing_off() {
    for flavor in Flavor::BOTH {
        let stage = items(flavor, 20, false);
        let mut running = stage.run();
        stage.wait_equal(&mut running);
        let weathers = [
            FaultKind::Throttled,
            FaultKind::Unauthenticated,
            FaultKind::Unavailable { applied: false },
            FaultKind::Unavailable { applied: true },
            FaultKind::Internal { applied: true },
        ];
        for (round, kind) in weathers.into_iter().enumerate() {
            let mark = stage.mark();
            let name = kind.name();
            let number = stage.emulator().faults().arm(Fault::always(kind, FaultFilter::Api));
            stage.db.sql(&format!(
                "UPDATE items SET amount = amount + 7 WHERE id % 2 = 0; DELETE FROM items WHERE id = {round};
                 INSERT INTO items VALUES ({}, 'new', 1)",
                100 + round
            ));
            let struck = || {
                let calls = stage.emulator().log().after(mark, 1000);
                calls.iter().filter(|call| call.fault.is_some()).count()
            };
            wait_until(
                LONG,
                &format!("{name} to strike three times\n{}", stage.home.log()),
                || struck() >= 3,
            );
            stage.emulator().faults().disarm(number);
            stage.wait_equal(&mut running);
            let status = stage.status().unwrap();
            assert!(status["spreadsheets"][0]["denied"].is_null(), "{name}: {status:#?}");
            assert_eq!(status["tables"][0]["set_aside"], false, "{name}: {status:#?}");
        }
    }
}

#[test]
fn a_busy_run_never_meets_a_429_and_stays_inside_its_budget_in_any_minute() {
    // Slower than the others: what is seen is when calls arrive, and a call may be late on its way.
    let mut stage = items_at(Flavor::MySql, 50, if RATE > 1 { 4 } else { 1 });
    stage.settings = "budget = { writes_per_minute = 30, reads_per_minute = 30 }".to_owned();
    let limits = QuotaLimits { window: QuotaWindow::Sliding, ..QuotaLimits::default() };
    stage.emulator().set_quota(Some(limits));
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let mut session = stage.db.session();
    let mut round = 0;
    // Until two and a half virtual minutes have gone by in which there was always something to write.
    let end = stage.emulator().clock().now() + Duration::from_secs(150);
    wait_until(LONG, "two and a half busy minutes", || {
        round += 1;
        session.query(&format!("UPDATE items SET amount = {round} WHERE id = 1 + {round} % 50"));
        stage.emulator().clock().now() > end
    });
    stage.wait_equal(&mut running);
    for kind in [CallKind::Read, CallKind::Write] {
        // The oracle's own reads carry no account of ours.
        let ours = |call: &sheets_emulator::http::Call| {
            call.account.as_deref() == Some(crate::support::google::ACCOUNT)
        };
        let calls: Vec<_> = stage.calls(kind).into_iter().filter(ours).collect();
        assert!(calls.iter().all(|call| call.status != Some(429)), "{kind:?}");
        let times: Vec<u64> = calls.iter().map(|call| call.at_ms).collect();
        // Late by up to half a second of real time: four virtual ones pass in a real one.
        let most = (0..times.len())
            .map(|from| times[from..].partition_point(|&at| at < times[from] + 58_000))
            .max();
        assert!(most.unwrap() <= 30, "{kind:?}: {most:?} calls in a minute: {times:?}");
        if kind == CallKind::Write {
            assert!(times.len() > 40, "it was not busy: {} writes", times.len());
        }
    }
}
