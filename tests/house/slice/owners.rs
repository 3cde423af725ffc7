//! Who may write into a spreadsheet: an instance that takes it over from one that is gone, and nobody for a while after the journal was lost.

use std::time::Duration;

use sheets_emulator::{
    http::{Call, CallKind},
    model::HumanAct,
};

use super::{BOOK, LONG, Mapped, RATE, Stage};
use crate::support::{
    servers::{Flavor, Server},
    sheetwire::Home,
    wait::wait_until,
};

on_both! {
    a_spreadsheet_is_taken_over_on_demand_and_its_former_keeper_is_out,
    what_was_taken_over_without_a_difference_needs_no_second_word,
    writes_are_held_for_three_minutes_after_the_journal_was_deleted,
}

const ANOTHER_INSTANCE: i32 = 5;

fn stage(flavor: Flavor, rate: u32) -> Stage {
    let db = Server::shared(flavor).database("slice");
    let stage = Stage::on(db, &[Mapped::new("t", &["id", "name"])], rate);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two'),(3,'three')");
    stage
}

fn another_name(stage: &Stage) -> String {
    format!("another_{}", stage.db.name)
}

/// Another instance for the same table and tab: its own folder, name and number among the replicas.
fn another(stage: &Stage) -> Home {
    let mut home = Home::new();
    home.set("SHEETWIRE_CLOCK_RATE", &RATE.to_string());
    stage.google.write_key(&home.join("google.json"));
    home.secret("password", &stage.db.reader.password);
    let old = stage.home.path().display().to_string();
    let text = stage.config().replace(&old, &home.path().display().to_string());
    // Its number among the replicas follows from its name.
    let name = |name: &str| format!("name = \"{name}\"");
    home.configure(&text.replace(&name(&stage.db.name), &name(&another_name(stage))));
    home
}

fn a_spreadsheet_is_taken_over_on_demand_and_its_former_keeper_is_out(flavor: Flavor) {
    let stage = stage(flavor, RATE);
    let mut former = stage.run();
    stage.wait_equal(&mut former);
    let home = another(&stage);
    let refused = home.ask(&["run"], LONG);
    assert_eq!(refused.status.code(), Some(ANOTHER_INSTANCE), "{refused:?}");
    // The former one still runs, and hears of nothing for a moment: the next write is the new one's.
    let running = home.start(&["run", "--takeover"]);
    former.freeze();
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    wait_until(LONG, "the new keeper to write", || {
        assert!(!home.log().contains("sheetwire: "), "{}", home.log());
        stage.grid(BOOK, "Tab t!B2:B2") == [["uno"]]
    });
    former.thaw();
    stage.db.sql("UPDATE t SET name = 'uno!' WHERE id = 1");
    assert_eq!(former.wait_exit(LONG), ANOTHER_INSTANCE, "{}", stage.home.log());
    stage.db.sql("INSERT INTO t VALUES (4,'four'); DELETE FROM t WHERE id = 2; UPDATE t SET name = 'drei' WHERE id = 3");
    wait_until(LONG, "the new keeper to carry it on", || {
        stage.grid(BOOK, "Tab t!A2:A9").len() == 3 && home.ask(&["verify"], LONG).status.success()
    });
    assert!(!home.log().contains("panicked"), "{}", home.log());
    // It stays out, and the new one needs no word of allowance any more.
    let (code, said) = stage.run_to_its_end();
    assert_eq!(code, ANOTHER_INSTANCE, "{said}");
    assert!(said.contains(&another_name(&stage)) && said.contains("--takeover"), "{said}");
    assert_eq!(running.terminate(LONG), 0, "{}", home.log());
    let again = home.run();
    stage.db.sql("UPDATE t SET name = 'again' WHERE id = 4");
    wait_until(LONG, "the row", || {
        stage.grid(BOOK, "Tab t!B2:B9").iter().any(|row| row[0] == "again")
    });
    assert_eq!(again.terminate(LONG), 0, "{}", home.log());
}

fn what_was_taken_over_without_a_difference_needs_no_second_word(flavor: Flavor) {
    let stage = stage(flavor, RATE);
    let mut former = stage.run();
    stage.wait_equal(&mut former);
    assert_eq!(former.terminate(LONG), 0, "{}", stage.home.log());
    let home = another(&stage);
    let name = another_name(&stage);
    let running = home.start(&["run", "--takeover"]);
    wait_until(LONG, "the new keeper to put its name down", || {
        assert!(!home.log().contains("sheetwire: "), "{}", home.log());
        let journal = stage.grid(BOOK, "_sheetwire!A1:Z1000");
        journal.iter().flatten().any(|cell| cell.to_string().contains(&name))
    });
    assert_eq!(running.terminate(LONG), 0, "{}", home.log());
    let again = home.run();
    stage.db.sql("UPDATE t SET name = 'again' WHERE id = 1");
    wait_until(LONG, "the row", || stage.grid(BOOK, "Tab t!B2:B2") == [["again"]]);
    assert_eq!(again.terminate(LONG), 0, "{}", home.log());
    // Whoever kept it before is told so.
    let (code, said) = stage.run_to_its_end();
    assert_eq!(code, ANOTHER_INSTANCE, "{said}");
    assert!(said.contains(&another_name(&stage)), "{said}");
}

fn writes_are_held_for_three_minutes_after_the_journal_was_deleted(flavor: Flavor) {
    /// Google gives up on a batch after this; no late one can arrive then.
    const HOLD: Duration = Duration::from_mins(3);
    // Three minutes pass in three seconds, on both sides.
    let stage = stage(flavor, 60);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let mark = stage.mark();
    let act = HumanAct::DeleteTab { tab: "_sheetwire".to_owned() };
    stage.emulator().human(BOOK, &act).unwrap();
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (4,'four')");
    running.wait_log("journal gone or old", LONG);
    // While it waits, somebody types into a mapped cell: that is found when everything is compared.
    let act = HumanAct::Type {
        tab: "Tab t".to_owned(),
        cell: "B4".to_owned(),
        text: "typed meanwhile".to_owned(),
    };
    stage.emulator().human(BOOK, &act).unwrap();
    stage.wait_equal(&mut running);
    let calls: Vec<Call> = stage.emulator().log().after(mark, usize::MAX);
    let wrote = |call: &&Call| call.kind == CallKind::Write && call.applied;
    let first = calls.iter().find(wrote).expect("it wrote in the end");
    // Google was left alone: between two calls of ours, or before the first that wrote. Otherwise a sweep comes every minute.
    let before = calls.iter().filter(|call| call.ordinal <= first.ordinal);
    let times: Vec<u64> =
        before.filter(|call| call.account.is_some()).map(|call| call.at_ms).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("it looked first");
    let held = Duration::from_millis(longest);
    assert!(held >= HOLD && held < HOLD * 2, "held for {held:?}: {calls:#?}");
    let status = stage.status().unwrap();
    assert_eq!(status["conflicts"], 1, "the typed word is kept: {status:#?}");
}
