//! Many rows at once: a paste, a sort under a batch that is in flight, and a removal that the brake stops.

use std::{collections::BTreeMap, env, time::Instant};

use serde_json::{Value, json};
use sheets_emulator::{
    http::{Fault, FaultFilter, FaultKind},
    model::HumanAct,
};

use super::{TAB, stage};
use crate::{
    slice::{BOOK, LONG, Mapped, Stage, numbers, on_both},
    support::{servers::Flavor, wait::wait_until},
};

on_both! {
    a_paste_of_many_rows_without_keys_is_there_once_and_gets_its_keys,
    a_sort_while_a_batch_is_in_flight_hits_no_other_row,
    two_hundred_removed_rows_meet_the_brake,
}

const COLUMNS: &[&str] = &["id", "name", "amount"];

fn table(rows: u32) -> String {
    let fill = format!("INSERT INTO t SELECT n, CONCAT('row ', n), n FROM {};", numbers(rows));
    let make = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), amount INT);";
    format!("{make}{}", if rows > 0 { &*fill } else { "" })
}

/// The rows of the tab below its header, as they are, up to 9,000.
fn rows_of(stage: &Stage) -> Vec<Vec<Value>> {
    stage.grid(BOOK, "'Tab t'!A2:C9000")
}

fn a_paste_of_many_rows_without_keys_is_there_once_and_gets_its_keys(flavor: Flavor) {
    let count: usize = if env::var_os("SHEETWIRE_QUICK").is_some() { 500 } else { 5_000 };
    let stage = stage(flavor, &[Mapped::new("t", COLUMNS).both_ways("")], &table(3));
    let mut running = stage.started();
    let start = Instant::now();
    let rows: Vec<Vec<String>> =
        (0..count).map(|n| vec![String::new(), format!("pasted {n}"), n.to_string()]).collect();
    stage.does_by_hand(&HumanAct::Paste { tab: TAB.to_owned(), at: "A5".to_owned(), rows });
    let question = "SELECT COUNT(*), COUNT(DISTINCT name) FROM t WHERE name LIKE 'pasted %'";
    stage.wait_answer(question, &format!("{count} {count}"));
    let in_the_database = start.elapsed();
    stage.wait_equal(&mut running);
    eprintln!(
        "{}: {count} rows, {in_the_database:?} to the database, {:?} with their keys",
        flavor.name(),
        start.elapsed()
    );
    // Each key stands in the row in which the person pasted what the database has under it.
    let found = stage.db.query("SELECT name, id FROM t WHERE name LIKE 'pasted %'");
    let keys: BTreeMap<String, u64> = found
        .into_iter()
        .map(|row| (row[0].clone().unwrap(), row[1].as_deref().unwrap().parse().unwrap()))
        .collect();
    let tab = rows_of(&stage);
    assert_eq!(tab.len(), count + 3);
    for (n, row) in tab[3..].iter().enumerate() {
        let name = format!("pasted {n}");
        assert_eq!(*row, [json!(keys[&name]), json!(name), json!(n)], "row {}", n + 5);
    }
    assert_eq!(stage.value("SELECT COUNT(*) FROM t"), (count + 3).to_string());
}

/// Held before it is applied, and held when it is applied and unanswered: both times somebody sorts and types meanwhile.
fn a_sort_while_a_batch_is_in_flight_hits_no_other_row(flavor: Flavor) {
    let stage = stage(flavor, &[Mapped::new("t", COLUMNS).both_ways("")], &table(60));
    let mut running = stage.started();
    let kinds = [FaultKind::StallBefore { for_ms: None }, FaultKind::StallAfter { for_ms: None }];
    for (round, kind) in (1..).zip(kinds) {
        let faults = stage.emulator().faults();
        faults.arm(Fault::once(kind.clone(), FaultFilter::BatchUpdate));
        stage
            .db
            .sql(&format!("UPDATE t SET name = CONCAT('round {round} of ', id) WHERE id <= 40"));
        wait_until(LONG, "a batch in flight", || !faults.held().is_empty());
        let sort = |column: &str, descending| HumanAct::Sort {
            tab: TAB.to_owned(),
            first_row: 2,
            column: column.to_owned(),
            descending,
        };
        stage.does_by_hand(&sort("C", round == 1));
        // In the row that has gone furthest, a cell which the batch does not want, and one that it does.
        let (lowest, other) = (row_with(&stage, 1), row_with(&stage, 2));
        stage.types(&format!("C{lowest}"), &format!("{}", 1000 + round));
        stage.types(&format!("B{other}"), &format!("typed in round {round}"));
        faults.release_all();
        stage.wait_answer("SELECT amount FROM t WHERE id = 1", &(1000 + round).to_string());
        stage.wait_equal(&mut running);
        let right = format!(
            "SELECT COUNT(*) FROM t WHERE name = CONCAT('round {round} of ', id) AND id <= 40 AND id <> 2"
        );
        assert_eq!(stage.value(&right), "39", "{kind:?}");
        assert_eq!(
            stage.value("SELECT COUNT(*) FROM t WHERE id > 40 AND name = CONCAT('row ', id)"),
            "20"
        );
        // Both sides changed it: one of them stands, and the typed word is not lost.
        let name = stage.value("SELECT name FROM t WHERE id = 2");
        let word = format!("typed in round {round}");
        let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
        let logged = all["conflicts"].as_array().unwrap().iter();
        let logged =
            logged.filter(|one| one["sheet"] == *word && one["key"] == json!(["2"])).count();
        assert!(name == word || logged > 0, "{kind:?}: {name}, {all:#}");
        assert!(faults.armed().is_empty(), "{kind:?} did not strike");
    }
    // It was no easy game: what was written into the wrong rows had to be put back.
    assert!(stage.home.log().contains("rows had moved; putting them back"), "{}", stage.home.log());
}

/// The row of the tab, as people count them, in which this key stands.
fn row_with(stage: &Stage, id: u64) -> usize {
    let at = rows_of(stage).iter().position(|row| row[0] == json!(id));
    at.unwrap_or_else(|| panic!("no row has the key {id}")) + 2
}

fn two_hundred_removed_rows_meet_the_brake(flavor: Flavor) {
    let mapped = Mapped::new("t", COLUMNS).both_ways("on_delete = { in_sheet = \"remove\" }");
    let table_name = |stage: &Stage| format!("{}.t", stage.db.name);
    let stage = stage(flavor, &[mapped], &table(500));
    let name = table_name(&stage);
    let mut running = stage.started();
    let remove = HumanAct::DeleteRows { tab: TAB.to_owned(), at: 101, count: 200 };
    let all = "SELECT COUNT(*), SUM(id), SUM(amount) FROM t";
    let before = "500 125250 125250";
    for round in ["reject", "approve"] {
        let gone: Vec<u64> =
            rows_of(&stage)[99..299].iter().map(|row| row[0].as_u64().unwrap()).collect();
        stage.does_by_hand(&remove);
        stage.wait_status("two hundred held rows", |status| status["tables"][0]["held"] == 200);
        stage.wait_answer(all, before);
        let said = stage.does(&["held", "list", &name, "--json"], 1).json();
        let keys = said["held"][0]["keys"].as_array().unwrap();
        let mut listed: Vec<u64> =
            keys.iter().map(|key| key[0].as_str().unwrap().parse().unwrap()).collect();
        listed.sort_unstable();
        let mut wanted = gone.clone();
        wanted.sort_unstable();
        assert_eq!(listed, wanted);
        // Other work goes on while they wait.
        let left = rows_of(&stage)[0][0].as_u64().unwrap();
        stage.types("B2", &format!("while {round} waits"));
        stage.wait_answer(
            &format!("SELECT name FROM t WHERE id = {left}"),
            &format!("while {round} waits"),
        );
        stage.does(&["held", round, &name, "--all"], 0);
        if round == "reject" {
            stage.wait_equal(&mut running);
            stage.wait_answer(all, before);
            assert_eq!(rows_of(&stage).len(), 500);
        } else {
            stage.wait_answer("SELECT COUNT(*) FROM t", "300");
            stage.wait_equal(&mut running);
            let keys: Vec<String> = gone.iter().map(u64::to_string).collect();
            let left = format!("SELECT COUNT(*) FROM t WHERE id IN ({})", keys.join(","));
            assert_eq!(stage.value(&left), "0");
        }
        let status = stage.wait_status("rest", |status| status["idle"] == true);
        assert_eq!(status["tables"][0]["held"], 0, "{status:#}");
    }
}
