//! The shipped script rings: what a person does is in the database at once, and the menu answers in sentences.

use serde_json::json;
use sheets_emulator::model::HumanAct;

use super::House;
use crate::{
    slice::{BOOK, LONG},
    support::servers::Flavor,
};

on_both! {
    what_a_person_does_rings_and_is_in_the_database_long_before_the_sweep,
    every_item_of_the_menu_answers_and_revert_puts_the_value_back,
}

fn what_a_person_does_rings_and_is_in_the_database_long_before_the_sweep(flavor: Flavor) {
    let house = House::new(flavor);
    let stage = &house.stage;
    let mut running = house.run();
    house.install_script();
    stage.types("B2", "uno");
    stage.wait_answer("SELECT name FROM t WHERE id = 1", "uno");
    stage.wait_equal(&mut running);
    assert_eq!(house.rings(), [("edit".to_owned(), 200)]);
    let tab = || "Tab t".to_owned();
    stage.emulator().human(BOOK, &HumanAct::DeleteRows { tab: tab(), at: 3, count: 1 }).unwrap();
    stage.wait_answer("SELECT GROUP_CONCAT(id ORDER BY id) FROM t", "1,3");
    assert_eq!(house.rings()[1..], [("REMOVE_ROW".to_owned(), 200)]);
    stage.emulator().human(BOOK, &HumanAct::InsertRows { tab: tab(), at: 2, count: 1 }).unwrap();
    stage.types("B2", "four");
    stage.wait_answer("SELECT name FROM t WHERE id > 3", "four");
    stage.wait_equal(&mut running);
    assert_eq!(stage.grid(BOOK, "'Tab t'!A2:B2"), [[json!(4), json!("four")]]);
    assert_eq!(house.rings()[2..], [("INSERT_ROW".to_owned(), 200), ("edit".to_owned(), 200)]);
    assert_eq!(running.terminate(LONG), 0);
}

fn every_item_of_the_menu_answers_and_revert_puts_the_value_back(flavor: Flavor) {
    let house = House::new(flavor);
    let stage = &house.stage;
    let mut running = house.run();
    house.install_script();
    house.chooses("isUpToDate", "A1", Some("Up to date: 3 rows, nothing is under way."));
    house.chooses("explainCell", "B3", Some("Column name of row 2: in step.\nBoth hold “two”."));
    house.chooses("explainCell", "E3", Some("This column is yours: sheetwire does not touch it."));
    house.chooses("showConflicts", "A1", Some("There is no open conflict in this tab."));
    house.chooses("revertCell", "B3", Some("This cell holds the database's value already."));
    house.chooses("syncNow", "B3", Some("sheetwire looks through this tab now"));
    stage.types("C2", "5000");
    stage.wait_status("the refusal", |status| status["tables"][0]["refused"] == 1);
    house.chooses("isUpToDate", "A1", Some("3 rows. 1 refused by the database, 1 open conflicts."));
    house.chooses("showConflicts", "A1", Some("?"));
    house.chooses("explainCell", "C2", Some("?"));
    let back = "The database's value, “10.5”, is coming back into this cell.";
    house.chooses("revertCell", "C2", Some(back));
    stage.wait_equal(&mut running);
    assert_eq!(stage.grid(BOOK, "'Tab t'!C2"), [[json!(10.5)]]);
    house.chooses("isUpToDate", "A1", Some("Up to date: 3 rows, nothing is under way."));
    assert_eq!(running.terminate(LONG), 0);
}
