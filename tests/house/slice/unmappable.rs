//! A table that cannot be carried is set aside by itself, with a sentence that names it; cured, it is copied.

use std::time::Instant;

use serde_json::{Value, json};

use super::{BOOK, LONG, Mapped, Stage};
use crate::support::{oracle::Verdict, servers::Flavor, wait::wait_until};

on_both! {
    tables_that_cannot_be_carried_are_set_aside_one_by_one_and_copied_when_cured,
    a_table_that_changed_while_it_was_set_aside_is_copied_again,
    a_dropped_table_is_set_aside_and_the_others_go_on,
}

fn aside(status: &Value) -> Vec<(u64, String)> {
    let tables = status["tables"].as_array().unwrap().iter();
    let aside = tables.filter(|table| table["set_aside"] == true);
    let mut all: Vec<_> = aside
        .map(|table| {
            (table["table"].as_u64().unwrap(), table["state"].as_str().unwrap().to_owned())
        })
        .collect();
    all.sort();
    all
}

/// Waits until the first tables are equal, whatever the others are.
#[track_caller]
fn wait_equal_of(stage: &Stage, count: usize) {
    let start = Instant::now();
    for mapped in &stage.tables[..count] {
        wait_until(LONG * 2, &format!("{} to be equal", mapped.table), || {
            let found = stage.compare(mapped);
            let log = || stage.home.log();
            assert!(start.elapsed() < LONG, "{found:?}\n{:#?}\n{}", stage.status(), log());
            matches!(found, Ok(Verdict::Equal { .. }))
        });
    }
}

fn tables_that_cannot_be_carried_are_set_aside_one_by_one_and_copied_when_cured(flavor: Flavor) {
    let stage = Stage::new(
        flavor,
        &[
            Mapped::new("good", &["id", "name"]),
            Mapped::new("keyless", &["id", "name"]),
            Mapped::new("shapes", &["id", "place"]),
            Mapped::new("short", &["id", "lost"]),
            Mapped::new("headless", &["id", "name"]),
            Mapped::new("absent", &["id", "name"]),
        ],
    );
    stage.db.sql(
        "CREATE TABLE good (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO good VALUES (1,'one');
         CREATE TABLE keyless (id INT, name VARCHAR(40)); INSERT INTO keyless VALUES (1,'one');
         CREATE TABLE shapes (id INT PRIMARY KEY, place GEOMETRY); INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1 1)'));
         CREATE TABLE short (id INT PRIMARY KEY, found INT); INSERT INTO short VALUES (1, 2);
         CREATE TABLE headless (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO headless VALUES (1,'one')",
    );
    // Somebody's tab, with a header that lacks a mapped column.
    let body = json!({"requests": [{"addSheet": {"properties": {"title": "Tab headless"}}}]});
    stage
        .emulator()
        .edit(BOOK, |book| book.batch_update(&body, &sheets_emulator::model::Query::default()))
        .unwrap()
        .unwrap();
    stage.fill(BOOK, "Tab headless!A1", &json!([["id", "title"], [1, "mine"]]));
    let running = stage.run();
    let status =
        stage.wait_status("five tables to be set aside", |status| aside(status).len() == 5);
    let reasons = aside(&status);
    for (table, words) in [
        (1, "keyless: it has neither a primary key"),
        (2, "shapes: column 'place' has the type"),
        (3, "short: it has no column 'lost'"),
        (4, "name"),
        (5, "absent"),
    ] {
        let reason = &reasons.iter().find(|(number, _)| *number == table).unwrap().1;
        assert!(reason.contains(words), "{words:?} is not in {reason:?}");
    }
    assert!(reasons[3].1.contains("Tab headless"), "{:?}", reasons[3]);
    drop(running);
    let running = stage.run();
    stage.db.sql("UPDATE good SET name = 'uno' WHERE id = 1; INSERT INTO good VALUES (2,'two')");
    wait_equal_of(&stage, 1);
    assert_eq!(stage.home.ask(&["status"], LONG).status.code(), Some(1));
    assert_eq!(
        stage.grid(BOOK, "Tab headless!A1:C3"),
        [[json!("id"), json!("title")], [json!(1), json!("mine")]]
    );
    drop(running);
    stage.db.sql(
        "ALTER TABLE keyless ADD PRIMARY KEY (id); ALTER TABLE shapes DROP COLUMN place;
         ALTER TABLE shapes ADD COLUMN place VARCHAR(20) DEFAULT 'here'; ALTER TABLE short ADD COLUMN lost INT DEFAULT 3;
         CREATE TABLE absent (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO absent VALUES (7,'come')",
    );
    stage.fill(BOOK, "Tab headless!C1", &json!([["name"]]));
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(stage.home.ask(&["status"], LONG).status.code(), Some(0));
    assert_eq!(stage.grid(BOOK, "Tab headless!B2:B2"), [[json!("mine")]]);
    stage.db.sql("UPDATE keyless SET name = 'k'; UPDATE shapes SET place = 'p'; UPDATE short SET lost = 4; DELETE FROM absent");
    stage.wait_equal(&mut running);
}

fn a_table_that_changed_while_it_was_set_aside_is_copied_again(flavor: Flavor) {
    let stage = Stage::new(
        flavor,
        &[Mapped::new("good", &["id", "name"]), Mapped::new("odd", &["id", "name"])],
    );
    stage.db.sql(
        "CREATE TABLE good (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO good VALUES (1,'one');
         CREATE TABLE odd (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO odd VALUES (1,'one'),(2,'two')",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // While it runs: the column goes away under it.
    stage.db.sql("ALTER TABLE odd CHANGE name title VARCHAR(40); UPDATE odd SET title = 'missed' WHERE id = 1");
    let status = stage.wait_status("the table to be set aside", |status| aside(status).len() == 1);
    assert!(aside(&status)[0].1.contains("name"), "{:?}", aside(&status));
    running.kill9();
    // And at the start: set aside again, while rows change that nobody follows.
    let running = stage.run();
    stage.db.sql("DELETE FROM odd WHERE id = 2; INSERT INTO odd VALUES (3,'missed'); UPDATE good SET name = 'uno'");
    wait_equal_of(&stage, 1);
    stage.wait_status("the table to be set aside", |status| aside(status).len() == 1);
    running.kill9();
    stage.db.sql("ALTER TABLE odd CHANGE title name VARCHAR(40)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    running.kill9();
    // Cured once, it went on being followed; now it breaks and is cured while sheetwire is down in between.
    stage.db.sql("ALTER TABLE odd CHANGE name title VARCHAR(40)");
    let running = stage.run();
    stage.wait_status("the table to be set aside", |status| aside(status).len() == 1);
    stage.db.sql("UPDATE odd SET title = 'not seen'; UPDATE good SET name = 'due'");
    wait_equal_of(&stage, 1);
    running.kill9();
    stage.db.sql("ALTER TABLE odd CHANGE title name VARCHAR(40)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
}

fn a_dropped_table_is_set_aside_and_the_others_go_on(flavor: Flavor) {
    let stage = Stage::new(
        flavor,
        &[
            Mapped::new("good", &["id", "name"]),
            Mapped::new("first", &["id", "name"]),
            Mapped::new("second", &["id", "name"]),
        ],
    );
    for table in ["good", "first", "second"] {
        stage.db.sql(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO {table} VALUES (1,'one')"));
    }
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.db.sql("UPDATE good SET name = 'a'; DROP TABLE first; UPDATE good SET name = 'b'");
    let status = stage.wait_status("one table to be set aside", |status| aside(status).len() == 1);
    assert!(aside(&status)[0].1.contains("first"), "{status:#?}");
    wait_equal_of(&stage, 1);
    running.kill9();
    stage.db.sql("UPDATE second SET name = 'last'; DROP TABLE second; UPDATE good SET name = 'c'");
    let running = stage.run();
    let status = stage.wait_status("both to be set aside", |status| aside(status).len() == 2);
    assert!(aside(&status)[1].1.contains("second"), "{status:#?}");
    wait_equal_of(&stage, 1);
    // What was in the tabs stays there: nobody deleted those rows.
    assert_eq!(stage.grid(BOOK, "Tab first!A2:B2"), [[json!(1), json!("one")]]);
    running.kill9();
    for table in ["first", "second"] {
        stage.db.sql(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO {table} VALUES (5,'five')"));
    }
    let mut running = stage.run();
    stage.wait_equal(&mut running);
}
