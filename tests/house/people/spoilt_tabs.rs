//! What people do to a tab as a whole: delete it, take a mapped column away, fill the spreadsheet up, protect it. No row of the database goes for
//! that, the log says what is in the way, and once it is mended both sides become equal.

use serde_json::{Value, json};
use sheets_emulator::model::{HumanAct, Query};

use super::{TAB, stage};
use crate::{
    slice::{BOOK, LONG, Mapped, Stage, on_both},
    support::{servers::Flavor, wait::wait_until},
};

on_both! {
    a_tab_with_another_title_is_looked_at_where_it_is,
    a_deleted_tab_comes_back_with_its_rows,
    a_table_of_nothing_but_keys_survives_its_tab,
    a_column_taken_away_stops_its_table_until_it_is_back,
    a_full_spreadsheet_stops_the_table_that_grows,
    a_protected_tab_stops_its_table,
}

/// Rows that are removed in the sheet are removed in the database.
const REMOVES: &str = "on_delete = { in_database = \"remove\", in_sheet = \"remove\" }";
const ALL: &str = "SELECT * FROM t ORDER BY id";

fn two_way(flavor: Flavor) -> Stage {
    let mapped = Mapped::new("t", &["id", "name"]).both_ways(REMOVES);
    let sql = "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two'),(3,'three')";
    stage(flavor, &[mapped], sql)
}

fn delete_tab() -> HumanAct {
    HumanAct::DeleteTab { tab: TAB.to_owned() }
}

/// Waits until the table is set aside, and gives the sentence that says why.
#[track_caller]
fn wait_aside(stage: &Stage) -> String {
    let aside = |status: &Value| status["tables"][0]["set_aside"] == true;
    let status = stage.wait_status("the table to be set aside", aside);
    status["tables"][0]["state"].as_str().unwrap().to_owned()
}

fn a_tab_with_another_title_is_looked_at_where_it_is(flavor: Flavor) {
    let stage = two_way(flavor);
    let running = stage.started();
    let (tab, to) = (TAB.to_owned(), "Customers".to_owned());
    stage.does_by_hand(&HumanAct::RenameTab { tab, to });
    stage.does_by_hand(&HumanAct::AddTab { title: TAB.to_owned() });
    let verified = || {
        let said = stage.does(&["verify", "--json"], 0).json();
        assert_eq!(said[0]["rows"], 3, "{said:#}");
    };
    let checked = || {
        let said = stage.say(&["check"]);
        assert!(said.out.contains("is called 'Customers' by now"), "{}", said.out);
    };
    verified();
    checked();
    assert_eq!(running.terminate(LONG), 0);
    verified();
    checked();
    let running = stage.run();
    stage.types_in("Customers", "B3", "deux");
    stage.wait_answer(ALL, "1 one 2 deux 3 three");
    assert_eq!(stage.grid(BOOK, &format!("'{TAB}'!A1:Z9")), Vec::<Vec<Value>>::new());
    // The store is lost, and nobody has the configured title: it is known for ours all the same.
    assert_eq!(running.terminate(LONG), 0);
    stage.does_by_hand(&delete_tab());
    std::fs::remove_dir_all(stage.home.join("state")).unwrap();
    let _running = stage.home.start(&["run", "--takeover"]);
    stage.wait_status("the tab to be taken in", |status| {
        status["writer"]["phase"] == "ready"
            && status["tables"][0]["rows"] == 3
            && status["idle"] == true
    });
    stage.types_in("Customers", "B4", "trois");
    stage.wait_answer(ALL, "1 one 2 deux 3 trois");
}

fn a_deleted_tab_comes_back_with_its_rows(flavor: Flavor) {
    let stage = two_way(flavor);
    let mut running = stage.started();
    stage.does_by_hand(&delete_tab());
    stage.wait_equal(&mut running);
    stage.wait_answer(ALL, "1 one 2 two 3 three");
    stage.types_in(TAB, "B3", "deux");
    stage.wait_answer(ALL, "1 one 2 deux 3 three");
    // While it is down, and with something to say.
    assert_eq!(running.terminate(LONG), 0);
    stage.does_by_hand(&delete_tab());
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1; DELETE FROM t WHERE id = 3");
    let mut running = stage.started();
    stage.wait_answer(ALL, "1 uno 2 deux");
    // One row that somebody removes is still removed.
    stage.does_by_hand(&HumanAct::DeleteRows { tab: TAB.to_owned(), at: 2, count: 1 });
    stage.wait_answer("SELECT COUNT(*) FROM t", "1");
    stage.wait_equal(&mut running);
    let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
    assert_eq!(all["conflicts"], json!([]), "{all:#}");
}

fn a_table_of_nothing_but_keys_survives_its_tab(flavor: Flavor) {
    let mapped = Mapped::new("t", &["id", "role"]).both_ways(REMOVES);
    let sql = "CREATE TABLE t (id INT, role INT, PRIMARY KEY (id, role)); INSERT INTO t VALUES (1,7),(1,8),(2,7)";
    let stage = stage(flavor, &[mapped], sql);
    let mut running = stage.started();
    stage.does_by_hand(&delete_tab());
    stage.wait_equal(&mut running);
    stage.wait_answer("SELECT * FROM t ORDER BY id, role", "1 7 1 8 2 7");
}

fn a_column_taken_away_stops_its_table_until_it_is_back(flavor: Flavor) {
    let stage = two_way(flavor);
    let running = stage.started();
    let (tab, at) = (TAB.to_owned(), "B".to_owned());
    stage.does_by_hand(&HumanAct::DeleteColumns { tab, at, count: 1 });
    let why = wait_aside(&stage);
    assert!(why.contains("has no column 'name' in row 1"), "{why}");
    stage.db.sql("INSERT INTO t VALUES (4,'four'); UPDATE t SET name = 'uno' WHERE id = 1");
    assert_eq!(running.terminate(LONG), 0);
    stage.does_by_hand(&HumanAct::Undo);
    let mut running = stage.started();
    stage.wait_equal(&mut running);
    stage.wait_answer(ALL, "1 uno 2 two 3 three 4 four");
    let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
    assert_eq!(all["conflicts"], json!([]), "{all:#}");
}

fn a_full_spreadsheet_stops_the_table_that_grows(flavor: Flavor) {
    let stage = two_way(flavor);
    let running = stage.started();
    // Another tab takes all the cells that Google gives a spreadsheet, but for a few that do not make a row.
    stage.does_by_hand(&HumanAct::AddTab { title: "Archive".to_owned() });
    let sizes = || {
        let fields = "sheets(properties(title,gridProperties(rowCount,columnCount)))".to_owned();
        let query = Query(vec![("fields".to_owned(), fields)]);
        let book = stage.emulator().edit(BOOK, |book| book.get(&query)).unwrap().unwrap();
        let sheets = book["sheets"].as_array().unwrap().iter().map(|sheet| {
            let grid = &sheet["properties"]["gridProperties"];
            let size = |what: &str| usize::try_from(grid[what].as_u64().unwrap()).unwrap();
            (sheet["properties"]["title"] == "Archive", size("rowCount"), size("columnCount"))
        });
        sheets.collect::<Vec<_>>()
    };
    let cells: usize = sizes().iter().map(|(_, rows, columns)| rows * columns).sum();
    let (_, _, width) = sizes().into_iter().find(|(is_archive, ..)| *is_archive).unwrap();
    let count = (10_000_000 - cells) / width;
    let (tab, at) = ("Archive".to_owned(), 1);
    stage.does_by_hand(&HumanAct::InsertRows { tab, at, count });
    // What fits into its rows still goes; what needs new ones does not.
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    let shown = || stage.grid(BOOK, &format!("{TAB}!B2:B2")) == [[json!("uno")]];
    wait_until(LONG, "the value to be shown", shown);
    stage.db.sql("INSERT INTO t SELECT 3 + a.id + 3 * b.id + 9 * c.id + 27 * d.id, 'new' FROM t a, t b, t c, t d");
    let why = wait_aside(&stage);
    assert!(why.contains("above the limit of 10000000 cells"), "{why}");
    assert_eq!(running.terminate(LONG), 0);
    stage.does_by_hand(&HumanAct::DeleteTab { tab: "Archive".to_owned() });
    let mut running = stage.started();
    stage.wait_equal(&mut running);
    stage.wait_answer("SELECT COUNT(*) FROM t", "84");
}

fn a_protected_tab_stops_its_table(flavor: Flavor) {
    let stage = two_way(flavor);
    let running = stage.started();
    let (tab, range, editors) = (TAB.to_owned(), None, Vec::new());
    stage.does_by_hand(&HumanAct::Protect { tab, range, editors });
    // What people type still reaches the database.
    stage.types_in(TAB, "B3", "deux");
    stage.wait_answer(ALL, "1 one 2 deux 3 three");
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    let why = wait_aside(&stage);
    assert!(why.contains("protected"), "{why}");
    assert_eq!(running.terminate(LONG), 0);
    stage.does_by_hand(&HumanAct::Unprotect { tab: TAB.to_owned() });
    let mut running = stage.started();
    stage.wait_equal(&mut running);
}
