//! What looks like a formula and is none, a formula that a person wrote, and names that want to break out of SQL and A1.

use serde_json::json;
use sheets_emulator::model::HumanAct;

use super::{TAB, stage};
use crate::{
    slice::{BOOK, LONG, Mapped, on_both},
    support::{servers::Flavor, wait::wait_until},
};

on_both! {
    text_that_looks_like_a_formula_stays_text_in_both_directions,
    hostile_names_of_tables_columns_and_tabs_are_names,
}

/// Beginnings that a spreadsheet may take for a formula, a number, a day, a truth or a mark of its own.
const INJECTIONS: [&str; 12] = [
    "=1+1",
    "=HYPERLINK(\"http://example.org/?\"&A1, \"look\")",
    "=IMPORTXML(\"http://example.org\", \"//a\")",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "'=1+1",
    "007",
    "TRUE",
    "2024-02-29",
    "1e3",
];

fn text_that_looks_like_a_formula_stays_text_in_both_directions(flavor: Flavor) {
    let mapped = Mapped::new("t", &["id", "name", "amount"]).both_ways("");
    let make = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80), amount INT)";
    let stage = stage(flavor, &[mapped], make);
    let insert = |text: &str| {
        stage.db.sql(&format!(
            "INSERT INTO t (name, amount) VALUES ('{}', 1)",
            text.replace('\'', "''")
        ));
    };
    // Half of them by the first copy, the others as changes.
    INJECTIONS[..6].iter().for_each(|text| insert(text));
    let mut running = stage.started();
    INJECTIONS[6..].iter().for_each(|text| insert(text));
    stage.wait_equal(&mut running);
    let texts = |range: &str, how: &str| -> Vec<String> {
        let rows = stage.rendered(BOOK, range, how);
        rows.iter().map(|row| row[0].as_str().unwrap_or_default().to_owned()).collect()
    };
    let mut shown = texts("'Tab t'!B2:B13", "UNFORMATTED_VALUE");
    shown.sort_unstable();
    let mut wanted = INJECTIONS.map(str::to_owned);
    wanted.sort_unstable();
    assert_eq!(shown, wanted);
    // No cell of the column holds a formula: what it shows is what was entered.
    assert_eq!(texts("'Tab t'!B2:B13", "FORMULA"), texts("'Tab t'!B2:B13", "UNFORMATTED_VALUE"));
    // A person's edit beside them takes none of them back into the database changed.
    stage.types("C2", "2");
    stage.wait_answer("SELECT COUNT(*) FROM t WHERE amount = 2", "1");
    for text in INJECTIONS {
        let found =
            format!("SELECT COUNT(*) FROM t WHERE BINARY name = '{}'", text.replace('\'', "''"));
        assert_eq!(stage.value(&found), "1", "{text}");
    }
    // A formula that a person writes feeds the database by its value, and is not written over.
    let id = stage.grid(BOOK, "'Tab t'!A2")[0][0].as_u64().unwrap();
    stage.types("C2", "=40+2");
    stage.wait_answer(&format!("SELECT amount FROM t WHERE id = {id}"), "42");
    // A column of texts is formatted as text, and the spreadsheet takes what is typed there literally, until somebody formats it.
    stage.does_by_hand(&HumanAct::Format {
        tab: TAB.to_owned(),
        range: "B2".to_owned(),
        kind: "NUMBER".to_owned(),
        pattern: None,
    });
    stage.types("B2", "=\"a\"&\"b\"");
    stage.wait_answer(&format!("SELECT name FROM t WHERE id = {id}"), "ab");
    stage.db.sql(&format!(
        "UPDATE t SET amount = 7 WHERE id = {id}; UPDATE t SET name = 'other' WHERE id <> {id}"
    ));
    let others = || texts("'Tab t'!B3:B13", "FORMULA");
    wait_until(LONG, "the update of the others", || others().iter().all(|text| text == "other"));
    stage.wait_status("rest", |status| status["idle"] == true);
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2:C2"), [[json!("=\"a\"&\"b\""), json!("=40+2")]]);
    let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
    let kept = all["conflicts"].as_array().unwrap().iter();
    let kept: Vec<_> = kept.filter(|one| one["kind"] == "formula kept").collect();
    assert_eq!(kept.len(), 1, "the database's value is told to whoever looks: {all:#}");
    assert_eq!((&kept[0]["column"], &kept[0]["database"]), (&json!("amount"), &json!(7.0)));
    stage.types("B3", "=1+1");
    stage.wait_answer("SELECT COUNT(*) FROM t WHERE name = '=1+1'", "1");
}

fn hostile_names_of_tables_columns_and_tabs_are_names(flavor: Flavor) {
    const TABLE: &str = "o'r`d;DROP TABLE x--\\%s";
    const KEY: &str = "i\"d`";
    const NAME: &str = "=1+1";
    const AMOUNT: &str = "a'); DROP TABLE x;-- ü";
    const TITLE: &str = "Tab 'of' !A1:B2 = 50%, \u{2603}";
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    let (table, key, name, amount) = (quoted(TABLE), quoted(KEY), quoted(NAME), quoted(AMOUNT));
    let mapped = Mapped::new("t", &[KEY, NAME, AMOUNT])
        .both_ways("on_delete = { in_sheet = \"remove\" }")
        .into_tab(BOOK, TITLE);
    let mapped = Mapped { table: TABLE.to_owned(), ..mapped };
    let stage = stage(
        flavor,
        &[mapped],
        &format!(
            "CREATE TABLE x (id INT PRIMARY KEY);
             CREATE TABLE {table} ({key} INT PRIMARY KEY AUTO_INCREMENT, {name} VARCHAR(40), {amount} INT);
             INSERT INTO {table} VALUES (1,'one',1),(2,'two',2),(3,'three',3)"
        ),
    );
    let running = stage.run();
    stage.wait_status("the writer", |status| status["writer"]["phase"] == "ready");
    let range = |cells: &str| format!("'{}'!{cells}", TITLE.replace('\'', "''"));
    let rows = || stage.grid(BOOK, &range("A1:C9"));
    let header = json!([KEY, NAME, AMOUNT]);
    wait_until(LONG, "the first copy", || rows().len() == 4);
    assert_eq!(json!(rows()[0]), header, "a column's name is no formula");
    let types = |cell: &str, text: &str| stage.types_in(TITLE, cell, text);
    types("B3", "zwei");
    stage.wait_answer(&format!("SELECT {name} FROM {table} WHERE {key} = 2"), "zwei");
    stage.db.sql(&format!("UPDATE {table} SET {amount} = 33 WHERE {key} = 3"));
    wait_until(LONG, "the update", || rows()[3][2] == json!(33));
    types("B5", "four");
    stage.wait_answer(&format!("SELECT {key}, {name} FROM {table} WHERE {key} > 3"), "4 four");
    stage.does_by_hand(&HumanAct::DeleteRows { tab: TITLE.to_owned(), at: 2, count: 1 });
    stage.wait_answer(&format!("SELECT GROUP_CONCAT({key} ORDER BY {key}) FROM {table}"), "2,3,4");
    stage.wait_status("rest", |status| status["idle"] == true);
    let wanted = json!([header, [2, "zwei", 2], [3, "three", 33], [4, "four"]]);
    assert_eq!(json!(rows()), wanted);
    assert_eq!(stage.value("SELECT COUNT(*) FROM x"), "0", "the other table is still there");
    stage.does(&["history", &format!("{}.{TABLE}", stage.db.name), "2"], 0);
    assert_eq!(running.terminate(LONG), 0);
}
