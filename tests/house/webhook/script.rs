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
    let says = |item, cell, sentence| house.chooses(item, ("Tab t", cell), Some(sentence));
    let in_step = "Up to date: 3 rows, nothing is under way.";
    says("isUpToDate", "A1", in_step);
    says("explainCell", "B3", "Column name of row 2: in step.\nBoth hold “two”.");
    says("showConflicts", "A1", "There is no open conflict in this tab.");
    says("revertCell", "B3", "This cell holds the database's value already.");
    says("revertCell", "B1", "This cell is none of the database's: there is nothing to put back.");
    says("syncNow", "B3", "sheetwire looks through this tab now");
    let no_table = "sheetwire keeps no table in this tab.";
    stage.emulator().human(BOOK, &HumanAct::AddTab { title: "Own".to_owned() }).unwrap();
    for item in ["isUpToDate", "explainCell", "showConflicts", "revertCell"] {
        house.chooses(item, ("Own", "B2"), Some(no_table));
    }
    stage.types("C2", "5000");
    stage.wait_status("the refusal", |status| {
        status["tables"][0]["refused"] == 1 && status["idle"] == true
    });
    says("isUpToDate", "A1", "3 rows. 1 row is refused by the database, 1 conflict is open.");
    let open = "1 open in this tab:\n1. row 1, amount (constraint refused): check 'small' does not allow it";
    says("showConflicts", "A1", open);
    let refused = "Column amount of row 1: the database refuses it: check 'small' does not allow it.\nDatabase: “10.5”\nSheet: “5000”\nConflict 1 is open about it.";
    says("explainCell", "C2", refused);
    says("revertCell", "C2", "The database's value, “10.5”, is coming back into this cell.");
    stage.wait_equal(&mut running);
    assert_eq!(stage.grid(BOOK, "'Tab t'!C2"), [[json!(10.5)]]);
    says("isUpToDate", "A1", in_step);
    assert_eq!(running.terminate(LONG), 0);
}
