//! Several places: a table in two spreadsheets, tables on tabs of one spreadsheet, and rows that enter and leave by a condition.

use serde_json::json;
use sheets_emulator::model::{HumanAct, Query};

use super::{
    TAB,
    place::{Place, ROWS, letter, table},
    stage,
};
use crate::{
    slice::{BOOK, LONG, Mapped, on_both},
    support::{servers::Flavor, wait::wait_until},
};

on_both! {
    one_table_in_two_spreadsheets_takes_edits_of_both,
    several_tables_on_tabs_of_one_spreadsheet_keep_apart,
    rows_enter_and_leave_by_a_condition_from_both_sides,
    what_stands_below_and_how_cells_look_stays,
}

const COLUMNS: &[&str] = &["id", "name", "amount"];

fn one_table_in_two_spreadsheets_takes_edits_of_both(flavor: Flavor) {
    let here = Mapped::new("t", COLUMNS).both_ways("").into_tab(BOOK, "Here");
    let there = Mapped { header_row: 3, ..here.clone().into_tab("other", "There") };
    let stage = stage(flavor, &[here, there], &table("t"));
    let places: Vec<Place> = stage.tables.iter().map(Place::of).collect();
    let mut running = stage.started();
    for n in 1..=4_u64 {
        let (here, there) = (
            &places[usize::try_from(n % 2).unwrap()],
            &places[usize::try_from((n + 1) % 2).unwrap()],
        );
        here.works_both_ways(&stage, &mut running, (n, &here.book));
        there.wait_equal(&stage, &here.book, "TRUE");
    }
    // Both at once, in cells of one row.
    places[0].types(&stage, &places[0].cell(&stage, 5, "name"), "from here");
    places[1].types(&stage, &places[1].cell(&stage, 5, "amount"), "5555");
    stage.wait_answer("SELECT name, amount FROM t WHERE id = 5", "from here 5555");
    for place in &places {
        place.wait_equal(&stage, &"both at once", "TRUE");
    }
    // And both at once in one cell: one stands everywhere, the other one is in the conflict log.
    places[0].types(&stage, &places[0].cell(&stage, 6, "name"), "mine");
    places[1].types(&stage, &places[1].cell(&stage, 6, "name"), "no, mine");
    let name = || stage.value("SELECT name FROM t WHERE id = 6");
    wait_until(LONG, "one of them", || name().contains("mine"));
    stage.wait_equal(&mut running);
    let lost = if name() == "mine" { "no, mine" } else { "mine" };
    let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
    let logged = all["conflicts"].as_array().unwrap().iter();
    assert_eq!(logged.filter(|one| one["sheet"] == lost).count(), 1, "{lost}: {all:#}");
}

fn several_tables_on_tabs_of_one_spreadsheet_keep_apart(flavor: Flavor) {
    let tables: Vec<Mapped> =
        ["t", "u", "v"].iter().map(|name| Mapped::new(name, COLUMNS).both_ways("")).collect();
    let sql: String = ["t", "u", "v"].map(table).concat();
    let stage = stage(flavor, &tables, &sql);
    let places: Vec<Place> = stage.tables.iter().map(Place::of).collect();
    let mut running = stage.started();
    // One transaction touches all, and a person pastes into each before anybody looks.
    for (n, place) in (1..).zip(&places) {
        let at = place.cell(&stage, n, "name");
        let rows = vec![vec![format!("pasted into {}", place.table), n.to_string()]];
        place.does(&stage, &HumanAct::Paste { tab: place.tab.clone(), at, rows });
    }
    stage.db.sql(
        "BEGIN; UPDATE t SET amount = 7 WHERE id = 7; UPDATE u SET amount = 8 WHERE id = 8; UPDATE v SET amount = 9 WHERE id = 9; COMMIT",
    );
    for (n, place) in (1..).zip(&places) {
        let table = &place.table;
        let question = format!("SELECT id, name, amount FROM {table} WHERE name LIKE 'pasted%'");
        stage.wait_answer(&question, &format!("{n} pasted into {table} {n}"));
    }
    for (n, place) in (1..).zip(&places) {
        place.works_both_ways(&stage, &mut running, (n, &place.tab));
    }
    stage.wait_equal(&mut running);
}

fn rows_enter_and_leave_by_a_condition_from_both_sides(flavor: Flavor) {
    let filter = "amount < 500";
    let mapped = Mapped {
        filter: Some(filter.to_owned()),
        ..Mapped::new("t", COLUMNS).both_ways("on_delete = { in_sheet = \"remove\" }")
    };
    let stage = stage(flavor, &[mapped], &table("t"));
    let place = Place::of(&stage.tables[0]);
    let mut running = stage.started();
    stage.db.sql("UPDATE t SET amount = 900 WHERE id IN (2, 3)");
    place.wait_equal(&stage, &"two have left", filter);
    assert_eq!(stage.value("SELECT COUNT(*) FROM t"), ROWS.to_string());
    // A person takes a third one out by an edit: it goes from the tab, and stays in the table.
    place.types(&stage, &place.cell(&stage, 4, "amount"), "700");
    stage.wait_answer("SELECT amount FROM t WHERE id = 4", "700");
    place.wait_equal(&stage, &"a third one has left", filter);
    stage.db.sql("UPDATE t SET amount = 30 WHERE id IN (3, 4)");
    place.wait_equal(&stage, &"two are back", filter);
    place.types(&stage, &place.cell(&stage, 3, "name"), "back again");
    stage.wait_answer("SELECT name FROM t WHERE id = 3", "back again");
    // One more leaves while a person's word in the next row is on its way: the rows below move up.
    place.types(&stage, &place.cell(&stage, 6, "name"), "still here");
    stage.db.sql("UPDATE t SET amount = 800 WHERE id = 5");
    stage.wait_answer("SELECT name FROM t WHERE id = 6", "still here");
    stage.wait_equal(&mut running);
    assert_eq!(stage.value("SELECT COUNT(*) FROM t"), ROWS.to_string());
}

fn what_stands_below_and_how_cells_look_stays(flavor: Flavor) {
    let stage = stage(flavor, &[Mapped::new("t", COLUMNS).both_ways("")], &table("t"));
    let place = Place { rows_only: false, ..Place::of(&stage.tables[0]) };
    let mut running = stage.started();
    place.widens(&stage, 1);
    let below = usize::try_from(ROWS).unwrap() + 3;
    let tab = stage.emulator().spreadsheet(BOOK).unwrap();
    let rows = tab.sheet_titled(TAB).unwrap().rows;
    if rows < below + 2 {
        stage.does_by_hand(&HumanAct::InsertRows {
            tab: TAB.to_owned(),
            at: rows,
            count: below + 2 - rows,
        });
    }
    // A totals row below, and amounts that look like money.
    let totals = vec![
        vec![format!("=SUM(C2:C{})", below - 2), "Total".to_owned()],
        vec![String::new(), "Seen by Ada".to_owned()],
    ];
    let last = place.row(&stage, 12);
    stage.does_by_hand(&HumanAct::Paste {
        tab: TAB.to_owned(),
        at: format!("C{below}"),
        rows: totals,
    });
    stage.does_by_hand(&HumanAct::Format {
        tab: TAB.to_owned(),
        range: format!("C{last}"),
        kind: "CURRENCY".to_owned(),
        pattern: Some("0.00 €".to_owned()),
    });
    for (n, what) in [(11, "totals below"), (24, "a sort"), (2, "again")] {
        if what == "a sort" {
            // Of the data alone: whoever sorts everything sorts the totals, too.
            let range = "A1:C13".to_owned();
            let sort = Some("C".to_owned());
            let (tab, column, hide, descending) = (TAB.to_owned(), None, Vec::new(), false);
            stage.does_by_hand(&HumanAct::Filter { tab, range, column, hide, sort, descending });
        }
        place.works_both_ways(&stage, &mut running, (n, &what));
        let grid = place.grid(&stage, "FORMULA");
        let total = grid.iter().position(|row| row.get(3) == Some(&json!("Total"))).unwrap();
        let sum = grid[total][2].as_str().unwrap();
        assert!(sum.starts_with("=SUM(C2:C"), "{sum}");
        assert_eq!(grid[total + 1][3], "Seen by Ada", "{grid:#?}");
        let row = place.row(&stage, 12);
        let query = Query(vec![
            ("ranges".to_owned(), format!("'{TAB}'!{}{row}", letter(2))),
            (
                "fields".to_owned(),
                "sheets(data(rowData(values(userEnteredFormat(numberFormat)))))".to_owned(),
            ),
        ]);
        let looks = stage.emulator().edit(BOOK, |book| book.get(&query)).unwrap().unwrap();
        let format = &looks["sheets"][0]["data"][0]["rowData"][0]["values"][0]["userEnteredFormat"]
            ["numberFormat"];
        assert_eq!(format["pattern"], "0.00 €", "{what}: {looks:#}");
    }
    assert_eq!(
        stage.value("SELECT COUNT(*) FROM t WHERE name = 'Total' OR name LIKE 'Seen%'"),
        "0"
    );
}
