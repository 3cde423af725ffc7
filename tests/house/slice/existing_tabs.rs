//! Tabs that people had before sheetwire came, and go on using: their columns, formulas, formats and rows stay.

use serde_json::{Value, json};
use sheets_emulator::model::{HumanAct, Query};

use super::{BOOK, LONG, Mapped, Stage};
use crate::support::{servers::Flavor, wait::wait_until};

on_both! {
    rows_already_in_the_tab_are_matched_by_key_and_own_columns_stay,
    formulas_formats_and_a_totals_row_survive_two_hundred_changes,
    what_a_person_types_over_a_mapped_cell_is_written_over_and_kept_in_the_conflict_log,
}

fn numbers_of(rows: &[Vec<Value>]) -> Vec<Option<f64>> {
    rows.iter().map(|row| row.first().and_then(Value::as_f64)).collect()
}

fn rows_already_in_the_tab_are_matched_by_key_and_own_columns_stay(flavor: Flavor) {
    let mut mapped = Mapped::new("t", &["id", "name", "amount"]).into_tab(BOOK, "Sheet1");
    mapped.header_row = 3;
    let stage = Stage::new(flavor, &[mapped]);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40), amount DECIMAL(8,2));
         INSERT INTO t VALUES (1,'equal',10.50),(2,'to be changed',20),(3,'missing',30),(4,NULL,NULL)",
    );
    // Mapped columns in another order, with columns of one's own before, between and behind, under a title.
    let rows = json!([
        ["Our list"],
        [],
        ["remark", "amount", "checked", "id", "name", "twice"],
        ["of 4", "", true, 4, "was here", "=B4*2"],
        ["of 1", 10.5, false, 1, "equal", "=B5*2"],
        ["of 2", 7, "=1=1", 2, "old", "=B6*2"],
    ]);
    stage.fill(BOOK, "Sheet1!A1", &rows);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let grid = stage.grid(BOOK, "Sheet1!A1:F6");
    assert_eq!(grid[0], [json!("Our list")]);
    for (row, was) in [(3, "of 4"), (4, "of 1"), (5, "of 2")] {
        assert_eq!(grid[row][0], was, "{grid:#?}");
        assert_eq!(grid[row][5], format!("=B{}*2", row + 1), "{grid:#?}");
    }
    assert_eq!((&grid[4][2], &grid[5][2]), (&json!(false), &json!("=1=1")));
    // What was equal was not written: only row 2 and 4, and 3 as a new row.
    let log = stage.home.log();
    let written = log.lines().find(|line| line.contains("\"written\":")).unwrap();
    assert!(written.contains("\"written\":2") && written.contains("\"added\":1"), "{written}");
    stage.db.sql("UPDATE t SET amount = amount + 1 WHERE id = 1; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (5,'five',5)");
    stage.wait_equal(&mut running);
    wait_until(LONG, "the formula to follow", || {
        stage.grid(BOOK, "Sheet1!A4:F4")
            == [[
                json!("of 1"),
                json!(11.5),
                json!(false),
                json!(1),
                json!("equal"),
                json!("=B4*2"),
            ]]
    });
}

fn formulas_formats_and_a_totals_row_survive_two_hundred_changes(flavor: Flavor) {
    let stage =
        Stage::new(flavor, &[Mapped::new("t", &["id", "name", "amount"]).into_tab(BOOK, "Sheet1")]);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40), amount INT);
         INSERT INTO t VALUES (1,'one',1),(2,'two',2),(3,'three',3),(4,'four',4)",
    );
    let mut rows = vec![json!(["id", "name", "amount", "with tax", "share"])];
    for n in 1..=4 {
        rows.push(json!([n, "old", 0, format!("=C{0}*1.19", n + 1), format!("=C{0}/C$7", n + 1)]));
    }
    rows.push(json!([]));
    rows.push(json!(["", "total", "=SUM(C2:C5)", "=SUM(D2:D5)"]));
    stage.fill(BOOK, "Sheet1!A1", &Value::from(rows));
    let format = json!({"requests": [{"repeatCell": {
        "range": {"sheetId": 0, "startRowIndex": 1, "endRowIndex": 5, "startColumnIndex": 2, "endColumnIndex": 4},
        "cell": {"userEnteredFormat": {"textFormat": {"bold": true}, "numberFormat": {"type": "NUMBER", "pattern": "0.000"}}},
        "fields": "userEnteredFormat(textFormat,numberFormat)"}}]});
    stage
        .emulator()
        .edit(BOOK, |book| book.batch_update(&format, &Query::default()))
        .unwrap()
        .unwrap();
    let mut running = stage.run();
    let mut session = stage.db.session();
    for n in 0..200 {
        session.query(&format!(
            "UPDATE t SET amount = amount + {n}, name = 'n{n}' WHERE id = 1 + {n} % 4"
        ));
    }
    session.query("INSERT INTO t VALUES (5,'five',5),(6,'six',6)");
    wait_until(LONG, "the new rows", || {
        numbers_of(&stage.grid(BOOK, "Sheet1!A2:A7")).iter().flatten().count() == 6
    });
    // The totals row has no key: it is no row of the table.
    stage.wait_status("everything to be done", |status| status["idle"] == true);
    let grid = stage.grid(BOOK, "Sheet1!A1:E12");
    for row in 2..=5 {
        assert_eq!(grid[row - 1][3], format!("=C{row}*1.19"), "{grid:#?}");
    }
    let totals =
        grid.iter().position(|row| row.get(1).is_some_and(|cell| cell == "total")).unwrap();
    assert_eq!(totals, 8, "two rows came in above it: {grid:#?}");
    assert_eq!(grid[1][4], "=C2/C$9", "{grid:#?}");
    // The new rows stand behind the last row that was there, and so behind the range of the sum.
    assert_eq!(grid[totals][2], "=SUM(C2:C5)", "{grid:#?}");
    let wanted = stage.db.query("SELECT SUM(amount) FROM t WHERE id <= 4")[0][0].clone().unwrap();
    let shown = stage.rendered(BOOK, "Sheet1!C9:C9", "UNFORMATTED_VALUE");
    assert_eq!(shown[0][0].as_f64(), wanted.parse().ok(), "the total of the tab, and of the table");
    let query = Query(vec![
        ("ranges".to_owned(), "Sheet1!C2:D5".to_owned()),
        ("includeGridData".to_owned(), "true".to_owned()),
    ]);
    let book = stage.emulator().spreadsheet(BOOK).unwrap().get(&query).unwrap();
    for row in book["sheets"][0]["data"][0]["rowData"].as_array().unwrap() {
        for cell in row["values"].as_array().unwrap() {
            let format = &cell["userEnteredFormat"];
            assert_eq!(format["textFormat"]["bold"], true, "{cell:#}");
            assert_eq!(format["numberFormat"]["pattern"], "0.000", "{cell:#}");
        }
    }
    assert!(running.is_alive());
}

fn what_a_person_types_over_a_mapped_cell_is_written_over_and_kept_in_the_conflict_log(
    flavor: Flavor,
) {
    let stage = Stage::new(flavor, &[Mapped::new("t", &["id", "name"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two'),(3,'three')");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let types = |cell: &str, text: &str| {
        let tab = "Tab t".to_owned();
        let act = HumanAct::Type { tab, cell: cell.to_owned(), text: text.to_owned() };
        stage.emulator().human(BOOK, &act).unwrap();
    };
    // One is found by the write that hits it, one by the next look at the whole tab.
    types("B2", "typed into one");
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    types("B4", "typed into three");
    stage.wait_status("both in the conflict log", |status| status["conflicts"] == 2);
    stage.wait_equal(&mut running);
    assert!(stage.home.log().contains("values kept in the conflict log"));
    assert!(!stage.home.log().contains("typed into"), "a cell's content is in the log");
    assert_eq!(running.terminate(LONG), 0);
    let store =
        sheetwire::store::SledStore::open(&stage.home.join("state"), &stage.db.name).unwrap();
    let kept = format!("{:?}", store.conflicts().unwrap());
    for text in ["typed into one", "typed into three"] {
        assert!(kept.contains(text), "{text:?} is not in {kept}");
    }
}
