//! Notes on cells: what waits, or was decided against somebody, is said where they look, and goes when it is over. Sweeps come once an hour
//! here, so that nothing but the notes' own reads can have seen to it.

use std::time::Duration;

use serde_json::{Value, json};
use sheets_emulator::{
    http::{CallKind, Fault, FaultFilter, FaultKind},
    model::{HumanAct, Query},
};

use super::{TAB, stage};
use crate::{
    slice::{BOOK, LONG, Mapped, Stage, on_both},
    support::{servers::Flavor, wait::wait_until},
};

on_both! {
    a_refused_cell_says_why_until_it_is_mended_and_costs_nothing_meanwhile,
    a_persons_note_stays_and_the_conflict_says_so,
    a_note_that_a_person_changed_is_theirs,
    a_conflict_says_both_values_until_it_is_resolved,
    what_a_rule_decided_is_said_until_the_cell_changes,
    a_row_that_moves_before_its_note_is_written_gets_it_all_the_same,
    a_restart_takes_away_what_is_over_and_keeps_what_is_not,
    a_row_that_lacks_something_says_so,
}

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) NOT NULL, amount DECIMAL(8,2), due DATE, CONSTRAINT small CHECK (amount < 1000));
     INSERT INTO t VALUES (1,'one',10.50,'2024-02-29'),(2,'two',20,NULL),(3,'three',30,NULL),(4,'four',40,NULL)";

fn noted(flavor: Flavor, keys: &str) -> Stage {
    let mapped = Mapped::new("t", &["id", "name", "amount", "due"]).both_ways(keys);
    let mut stage = stage(flavor, &[mapped], TABLE);
    // The doorbell's section stands last.
    stage.settings.push_str("\nsweep = \"1h\"");
    stage
}

impl Stage {
    /// The note on a cell; empty where there is none. Asked of the document itself, so that it is no call.
    fn note(&self, cell: &str) -> String {
        let query = Query(vec![
            ("ranges".to_owned(), format!("'{TAB}'!{cell}")),
            ("fields".to_owned(), "sheets(data(rowData(values(note))))".to_owned()),
        ]);
        let found = self.emulator().edit(BOOK, |book| book.get(&query)).unwrap().unwrap();
        let note = &found["sheets"][0]["data"][0]["rowData"][0]["values"][0]["note"];
        note.as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn wait_note(&self, cell: &str, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_status(&format!("{cell}: {what}"), |_| wanted(&self.note(cell)));
        self.note(cell)
    }

    fn writes_note(&self, cell: &str, text: &str) {
        let (tab, cell, text) = (TAB.to_owned(), cell.to_owned(), text.to_owned());
        self.does_by_hand(&HumanAct::Note { tab, cell, text });
    }

    #[track_caller]
    fn wait_open(&self, count: usize) -> Value {
        self.wait_status("open conflicts", |status| status["tables"][0]["open"] == count)
    }

    /// The number of the only open conflict.
    #[track_caller]
    fn open_conflict(&self) -> u64 {
        let listed = self.say(&["conflicts", "list", "--json"]).json();
        let listed = listed["conflicts"].as_array().unwrap();
        assert_eq!(listed.len(), 1, "{listed:#?}");
        listed[0]["id"].as_u64().unwrap()
    }

    /// Waits until so many virtual seconds have gone by in which Google was asked for nothing.
    #[track_caller]
    fn wait_quiet(&self, seconds: u64) {
        let (mut mark, mut since) = (self.mark(), self.emulator().clock().now());
        wait_until(LONG, "silence", || {
            let now = self.emulator().clock().now();
            if self.mark() != mark {
                (mark, since) = (self.mark(), now);
            }
            now > since + Duration::from_secs(seconds)
        });
    }

    fn ours_since(&self, mark: u64) -> Vec<CallKind> {
        let calls = self.emulator().log().after(mark, 1000);
        calls.into_iter().map(|call| call.kind).filter(|kind| *kind != CallKind::Token).collect()
    }
}

fn a_refused_cell_says_why_until_it_is_mended_and_costs_nothing_meanwhile(flavor: Flavor) {
    let stage = noted(flavor, "");
    let mut running = stage.started();
    stage.types("C2", "5000");
    stage.types("D3", "someday");
    let refused = stage.wait_note("C2", "a note", |note| !note.is_empty());
    for said in
        ["not saved: ", "check 'small'", "The database holds “10.50”", "“5000”", "Type again"]
    {
        let said = said.replace("10.50", "10.5");
        assert!(refused.contains(&said), "{said} is not in: {refused}");
    }
    let day = stage.wait_note("D3", "a note", |note| !note.is_empty());
    assert!(day.contains("column 'due': this is not") && day.contains("holds nothing"), "{day}");
    stage.wait_open(2);
    // Nothing is asked for while nothing happens, however long the conflict stands.
    stage.wait_quiet(30);
    let mark = stage.mark();
    let until = stage.emulator().clock().now() + Duration::from_mins(2);
    wait_until(LONG, "two minutes", || stage.emulator().clock().now() > until);
    assert_eq!(stage.ours_since(mark), [], "{:#?}", stage.emulator().log().after(mark, 10));
    // Mended, and the note goes; the header's stays.
    stage.types("C2", "500");
    stage.wait_answer("SELECT amount FROM t WHERE id = 1", "500.00");
    stage.wait_note("C2", "no note", str::is_empty);
    assert_ne!(stage.note("D3"), "", "the other one is not mended");
    stage.types("D3", "2024-03-01");
    stage.wait_note("D3", "no note", str::is_empty);
    assert!(stage.note("C1").contains("Both ways"));
    stage.wait_equal(&mut running);
    // Five seconds behind a note that was written or taken away, it is read once more.
    stage.wait_quiet(30);
    let mark = stage.mark();
    stage.wait_quiet(60);
    assert_eq!(stage.ours_since(mark), [], "{:#?}", stage.emulator().log().after(mark, 10));
}

fn a_persons_note_stays_and_the_conflict_says_so(flavor: Flavor) {
    let stage = noted(flavor, "");
    let mut running = stage.started();
    stage.writes_note("C2", "ask Ann");
    stage.types("C2", "5000");
    stage.types("C3", "6000");
    stage.wait_note("C3", "a note", |note| note.contains("not saved"));
    let status = stage.wait_status("the withheld note", |status| {
        status["tables"][0]["unnoted"].as_array().is_some_and(|all| all.len() == 1)
    });
    let id = status["tables"][0]["unnoted"][0].to_string();
    assert_eq!(stage.note("C2"), "ask Ann");
    let shown = stage.say(&["conflicts", "show", &id]).out;
    assert!(shown.contains("bears one of a person's"), "{shown}");
    stage.types("C2", "500");
    stage.types("C3", "600");
    stage.wait_note("C3", "no note", str::is_empty);
    stage.wait_equal(&mut running);
    assert_eq!(stage.note("C2"), "ask Ann");
}

fn a_note_that_a_person_changed_is_theirs(flavor: Flavor) {
    let stage = noted(flavor, "");
    let mut running = stage.started();
    stage.types("C2", "5000");
    stage.types("C3", "6000");
    let ours = stage.wait_note("C2", "a note", |note| note.contains("not saved"));
    stage.wait_note("C3", "a note", |note| note.contains("not saved"));
    let theirs = format!("{ours}\nI have asked her. Bob");
    stage.writes_note("C2", &theirs);
    stage.types("C2", "500");
    stage.types("C3", "600");
    stage.wait_note("C3", "no note", str::is_empty);
    stage.wait_equal(&mut running);
    stage.wait_quiet(20);
    assert_eq!(stage.note("C2"), theirs);
}

/// The same cell is changed on both sides: the batch that brings the database's value is held back until somebody has typed.
fn clash(stage: &Stage) {
    let faults = stage.emulator().faults();
    faults.arm(Fault::once(FaultKind::StallBefore { for_ms: None }, FaultFilter::BatchUpdate));
    stage.db.sql("UPDATE t SET name = 'deux' WHERE id = 2");
    wait_until(LONG, "a batch in flight", || !faults.held().is_empty());
    stage.types("B3", "due");
    faults.release_all();
}

fn a_conflict_says_both_values_until_it_is_resolved(flavor: Flavor) {
    let stage = noted(flavor, "conflict = \"hold\"");
    let mut running = stage.started();
    clash(&stage);
    let note = stage.wait_note("B3", "a note", |note| note.contains("both sides"));
    stage.wait_open(1);
    let id = stage.open_conflict();
    for said in [&*format!("Conflict {id}:"), "rule: hold", "“deux”", "“due”"] {
        assert!(note.contains(said), "{said} is not in: {note}");
    }
    stage.does(&["conflicts", "resolve", &id.to_string(), "--keep", "sheet"], 0);
    stage.wait_answer("SELECT name FROM t WHERE id = 2", "due");
    stage.wait_note("B3", "no note", str::is_empty);
    stage.wait_equal(&mut running);
}

fn what_a_rule_decided_is_said_until_the_cell_changes(flavor: Flavor) {
    let stage = noted(flavor, "conflict = \"database\"");
    let running = stage.started();
    clash(&stage);
    let note = stage.wait_note("B3", "a note", |note| note.contains("both sides"));
    let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
    let id = all["conflicts"][0]["id"].as_u64().unwrap();
    assert_eq!(all["conflicts"].as_array().unwrap().len(), 1, "{all:#}");
    for said in [&*format!("Conflict {id}:"), "rule: database", "database's “deux” stands", "“due”"]
    {
        assert!(note.contains(said), "{said} is not in: {note}");
    }
    assert_eq!(stage.grid(BOOK, "'Tab t'!B3"), [[json!("deux")]]);
    stage.wait_open(0);
    // It stands while the cell does, also when another note is mended beside it, and over a restart.
    stage.types("C3", "6000");
    stage.wait_note("C3", "a note", |note| note.contains("not saved"));
    running.kill9();
    let mut running = stage.started_with_conflicts();
    stage.types("C3", "600");
    stage.wait_note("C3", "no note", str::is_empty);
    assert_eq!(stage.note("B3"), note);
    stage.types("B3", "dos");
    stage.wait_answer("SELECT name FROM t WHERE id = 2", "dos");
    // Nothing but a read can show that it is over; somebody asks for one.
    stage.does(&["sync", "--no-wait"], 0);
    stage.wait_note("B3", "no note", str::is_empty);
    stage.wait_equal(&mut running);
}

/// Sorted while the batch that carries the note is held back: the note lands in another row, is taken away there, and is written where it belongs.
fn a_row_that_moves_before_its_note_is_written_gets_it_all_the_same(flavor: Flavor) {
    let stage = noted(flavor, "");
    let mut running = stage.started();
    let faults = stage.emulator().faults();
    faults.arm(Fault::once(FaultKind::StallBefore { for_ms: None }, FaultFilter::BatchUpdate));
    // The row that will stand where the note is written bears a note of a person's.
    stage.writes_note("C5", "ask Ann");
    stage.types("C2", "5000");
    wait_until(LONG, "the batch with the note", || !faults.held().is_empty());
    let (tab, column) = (TAB.to_owned(), "A".to_owned());
    stage.does_by_hand(&HumanAct::Sort { tab, first_row: 2, column, descending: true });
    faults.release_all();
    // Key 1 stands in the last row now.
    stage.wait_note("C5", "a note", |note| note.contains("not saved"));
    stage.wait_note("C2", "the person's note", |note| note == "ask Ann");
    assert!(faults.armed().is_empty(), "the batch was not held");
    assert_eq!(stage.grid(BOOK, "'Tab t'!A5:C5"), [[json!(1), json!("one"), json!(5000)]]);
    // It moves with its row from now on, and nobody has to do anything about that.
    let (tab, column) = (TAB.to_owned(), "A".to_owned());
    stage.does_by_hand(&HumanAct::Sort { tab, first_row: 2, column, descending: false });
    assert!(stage.note("C2").contains("not saved"));
    stage.types("C2", "1");
    stage.wait_note("C2", "no note", str::is_empty);
    stage.wait_equal(&mut running);
    for (cell, note) in [("C3", ""), ("C4", ""), ("C5", "ask Ann")] {
        assert_eq!(stage.note(cell), note, "{cell}");
    }
}

fn a_restart_takes_away_what_is_over_and_keeps_what_is_not(flavor: Flavor) {
    let stage = noted(flavor, "");
    let running = stage.started();
    stage.types("C2", "5000");
    stage.types("C3", "6000");
    stage.wait_note("C2", "a note", |note| note.contains("not saved"));
    let other = stage.wait_note("C3", "a note", |note| note.contains("not saved"));
    running.kill9();
    // Somebody mends one of them while nothing runs.
    stage.types("C2", "500");
    let running = stage.started_with_conflicts();
    stage.wait_answer("SELECT amount FROM t WHERE id = 1", "500.00");
    stage.wait_note("C2", "no note", str::is_empty);
    stage.wait_quiet(20);
    let now = stage.note("C3");
    assert!(now.contains("not saved"), "{now} was {other}");
    assert!(now.contains(&format!("Conflict {}:", stage.open_conflict())), "{now}");
    assert_eq!(running.terminate(LONG), 0);
}

fn a_row_that_lacks_something_says_so(flavor: Flavor) {
    let stage = noted(flavor, "");
    let mut running = stage.started();
    stage.types("C6", "60");
    let note = stage.wait_note("A6", "a note", |note| !note.is_empty());
    assert!(note.contains("Not in the database yet: 'name' is missing"), "{note}");
    stage.types("B6", "six");
    stage.wait_answer("SELECT name FROM t WHERE amount = 60", "six");
    stage.wait_note("A6", "no note", str::is_empty);
    stage.wait_equal(&mut running);
}
