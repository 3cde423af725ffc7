//! The freedom of the sheet: whatever people do with rows, columns and names, both directions go on right after it.

use sheets_emulator::model::HumanAct;

use super::{
    TAB,
    place::{Place, ROWS, letter, table},
    stage,
};
use crate::{
    slice::{BOOK, LONG, Mapped, Stage, on_both},
    support::servers::Flavor,
};

on_both! {
    rows_may_be_sorted_filtered_hidden_inserted_and_moved,
    columns_may_be_inserted_moved_and_renamed,
    tabs_and_spreadsheets_may_be_renamed,
}

fn mapped(header_row: u32) -> Mapped {
    Mapped { header_row, ..Mapped::new("t", &["id", "name", "amount"]).both_ways("") }
}

fn tab() -> String {
    TAB.to_owned()
}

fn sort(first_row: usize, column: &str, descending: bool) -> HumanAct {
    HumanAct::Sort { tab: tab(), first_row, column: column.to_owned(), descending }
}

/// Somebody writes a title, and beside the data a remark and a formula for each row.
fn own_columns(stage: &Stage, place: &Place) {
    let top = place.header_row;
    if top > 1 {
        place.types(stage, "A1", "Our list");
    }
    let width = place.grid(stage, "FORMULA")[top - 1].len();
    let mut rows = vec![vec!["remark".to_owned(), "double".to_owned()]];
    let amount = letter(place.column(stage, "amount"));
    let key = place.column(stage, "id");
    for (at, row) in (top + 1..).zip(&place.grid(stage, "FORMULA")[top..]) {
        rows.push(vec![format!("about {}", row[key]), format!("={amount}{at}*2")]);
    }
    place.widens(stage, 2);
    let at = format!("{}{top}", letter(width));
    place.does(stage, &HumanAct::Paste { tab: place.tab.clone(), at, rows });
}

/// Remarks and formulas still stand beside the rows that they are about.
#[track_caller]
fn own_columns_are_right(stage: &Stage, place: &Place, what: &HumanAct) {
    let wanted = ["remark", "double", &*place.headers[2]];
    let found = place.by_key(stage, &wanted).unwrap_or_else(|| panic!("after {what:?}"));
    for id in 1..=ROWS {
        let [remark, double, amount] = &found[&id][..] else { unreachable!() };
        assert_eq!(*remark, format!("about {id}"), "after {what:?}: {found:#?}");
        let twice = amount.as_f64().map(|amount| amount * 2.0);
        assert_eq!(double.as_f64(), twice, "after {what:?}: {found:#?}");
    }
    if place.header_row > 1 {
        let title = &place.grid(stage, "FORMULA")[0];
        assert!(title.iter().any(|cell| cell == "Our list"), "after {what:?}: {title:?}");
    }
}

fn rows_may_be_sorted_filtered_hidden_inserted_and_moved(flavor: Flavor) {
    for header_row in [1_u32, 4] {
        let stage = stage(flavor, &[mapped(header_row)], &table("t"));
        let place = Place::of(&stage.tables[0]);
        let top = place.header_row;
        let mut running = stage.started();
        own_columns(&stage, &place);
        let filter = |column: Option<&str>, hide: &[&str], sort: Option<&str>| HumanAct::Filter {
            tab: tab(),
            range: format!("A{top}:E60"),
            column: column.map(str::to_owned),
            hide: hide.iter().map(|&word| word.to_owned()).collect(),
            sort: sort.map(str::to_owned),
            descending: false,
        };
        let acts = [
            sort(top + 1, "C", false),
            HumanAct::InsertRows { tab: tab(), at: top + 4, count: 3 },
            sort(top + 1, "B", true),
            filter(Some("B"), &["row 7", "row 9", "typed 1"], None),
            HumanAct::MoveRows { tab: tab(), from: top + 2, count: 3, to: top + 9 },
            filter(None, &[], Some("C")),
            HumanAct::HideRows { tab: tab(), at: top + 1, count: 5 },
            HumanAct::ClearFilter { tab: tab() },
            HumanAct::InsertRows { tab: tab(), at: top + 1, count: 2 },
            HumanAct::DeleteRows { tab: tab(), at: top + 1, count: 2 },
            HumanAct::ShowRows { tab: tab(), at: top + 1, count: 5 },
            HumanAct::Undo,
        ];
        for (n, act) in (1..).zip(&acts) {
            place.does(&stage, act);
            place.works_both_ways(&stage, &mut running, (n, act));
            own_columns_are_right(&stage, &place, act);
        }
    }
}

fn columns_may_be_inserted_moved_and_renamed(flavor: Flavor) {
    let stage = stage(flavor, &[mapped(2)], &table("t"));
    let mut place = Place::of(&stage.tables[0]);
    let mut running = stage.started();
    own_columns(&stage, &place);
    let insert = |at: &str| HumanAct::InsertColumns { tab: tab(), at: at.to_owned(), count: 1 };
    let drag = |from: &str, to: &str| HumanAct::MoveColumns {
        tab: tab(),
        from: from.to_owned(),
        count: 1,
        to: to.to_owned(),
    };
    let acts = [
        insert("A"),
        insert("C"),
        drag("E", "A"),
        drag("F", "B"),
        HumanAct::DeleteColumns { tab: tab(), at: "C".to_owned(), count: 1 },
        drag("C", "F"),
        HumanAct::Undo,
    ];
    for (n, act) in (1..).zip(&acts) {
        place.does(&stage, act);
        place.works_both_ways(&stage, &mut running, (n, act));
        own_columns_are_right(&stage, &place, act);
    }
    for (n, at, header) in [(20, 1, "What it is called"), (21, 2, "Amount (EUR)"), (22, 0, "No.")] {
        let cell = format!("{}2", letter(place.column(&stage, &place.headers[at])));
        let act = HumanAct::Type { tab: tab(), cell, text: header.to_owned() };
        place.does(&stage, &act);
        header.clone_into(&mut place.headers[at]);
        place.works_both_ways(&stage, &mut running, (n, &act));
        own_columns_are_right(&stage, &place, &act);
    }
    // The new names are still known after a restart, and columns that moved meanwhile, too.
    assert_eq!(running.terminate(LONG), 0);
    let act = drag("F", "A");
    place.does(&stage, &act);
    let mut running = stage.run();
    stage.wait_status("the writer", |status| status["writer"]["phase"] == "ready");
    place.works_both_ways(&stage, &mut running, (30, &act));
    own_columns_are_right(&stage, &place, &act);
}

fn tabs_and_spreadsheets_may_be_renamed(flavor: Flavor) {
    let stage = stage(flavor, &[mapped(1)], &table("t"));
    let mut place = Place::of(&stage.tables[0]);
    let mut running = stage.started();
    own_columns(&stage, &place);
    let rename =
        |from: &str, to: &str| HumanAct::RenameTab { tab: from.to_owned(), to: to.to_owned() };
    let acts = [
        rename(TAB, "It's ours, 50%"),
        HumanAct::RenameSpreadsheet { title: "Another name".to_owned() },
        // Somebody else's tab has the configured title now.
        HumanAct::AddTab { title: tab() },
        rename("It's ours, 50%", "Ours"),
    ];
    for (n, act) in (1..).zip(&acts) {
        place.does(&stage, act);
        if let HumanAct::RenameTab { to, .. } = act {
            to.clone_into(&mut place.tab);
        }
        place.works_both_ways(&stage, &mut running, (n, act));
        own_columns_are_right(&stage, &place, act);
    }
    assert!(stage.grid(BOOK, "'Tab t'!A1:Z9").is_empty());
}
