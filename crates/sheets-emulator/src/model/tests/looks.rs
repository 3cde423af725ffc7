//! Notes, filters, hidden rows, copies and what triggers hear of acts.

use super::*;
use crate::model::area::Rect;
use crate::model::event::{ChangeType, Event, Unsure, events};

fn act(value: Value) -> HumanAct {
    serde_json::from_value(value).unwrap()
}

fn human(book: &mut Spreadsheet, value: Value) {
    book.human(&act(value)).unwrap();
}

/// A header and four rows.
fn fruit() -> Spreadsheet {
    let mut book = book();
    put(
        &mut book,
        "A1:C5",
        json!([
            ["id", "name", "twice"],
            [3, "pear", "=A2*2"],
            [1, "apple", "=A3*2"],
            [4, "fig", "=A4*2"],
            [2, "apple", "=A5*2"],
        ]),
    );
    book
}

fn rows(book: &Spreadsheet, key: &str) -> Vec<usize> {
    let query = query(&[("includeGridData", "true")]);
    let all = book.get(&query).unwrap();
    let looks = all["sheets"][0]["data"][0]["rowMetadata"].as_array().unwrap().clone();
    looks.iter().enumerate().filter(|(_, look)| look[key] == true).map(|(row, _)| row).collect()
}

#[test]
fn a_filter_sorts_below_its_header_hides_what_it_does_not_let_through_and_is_undone() {
    let mut book = fruit();
    human(
        &mut book,
        json!({"act": "filter", "tab": "Sheet1", "range": "A1:C5", "column": "B",
        "hide": ["apple"], "sort": "A"}),
    );
    assert_eq!(
        read(&book, "A1:C5", "FORMULA"),
        json!([
            ["id", "name", "twice"],
            [1, "apple", "=A2*2"],
            [2, "apple", "=A3*2"],
            [3, "pear", "=A4*2"],
            [4, "fig", "=A5*2"]
        ])
    );
    assert_eq!(rows(&book, "hiddenByFilter"), [1, 2]);
    // Rows that move take their look along.
    human(&mut book, json!({"act": "insert_rows", "tab": "Sheet1", "at": 2, "count": 1}));
    assert_eq!(rows(&book, "hiddenByFilter"), [2, 3]);
    human(&mut book, json!({"act": "undo"}));
    human(&mut book, json!({"act": "clear_filter", "tab": "Sheet1"}));
    assert_eq!(rows(&book, "hiddenByFilter"), [0_usize; 0]);
    human(&mut book, json!({"act": "undo"}));
    assert_eq!(rows(&book, "hiddenByFilter"), [1, 2]);
}

#[test]
fn an_undone_filter_gives_rows_their_order_and_their_look_back() {
    let mut book = fruit();
    let before = read(&book, "A1:C5", "FORMULA");
    human(
        &mut book,
        json!({"act": "filter", "tab": "Sheet1", "range": "A1:C5", "column": "B",
        "hide": ["fig"], "sort": "A", "descending": true}),
    );
    assert_ne!(read(&book, "A1:C5", "FORMULA"), before);
    human(&mut book, json!({"act": "undo"}));
    assert_eq!(read(&book, "A1:C5", "FORMULA"), before);
    assert_eq!(rows(&book, "hiddenByFilter"), [0_usize; 0]);
    assert!(book.sheet(0).unwrap().filter.is_none());
}

#[test]
fn a_filter_of_the_api_knows_its_conditions_and_names_what_it_does_not_know() {
    let mut book = fruit();
    let filter = |spec: Value| {
        json!([{"setBasicFilter": {"filter": {
            "range": {"endRowIndex": 5, "endColumnIndex": 3}, "filterSpecs": [spec]}}}])
    };
    let number = json!({"type": "NUMBER_GREATER", "values": [{"userEnteredValue": "2"}]});
    let spec = json!({"columnIndex": 0, "filterCriteria": {"condition": number}});
    batch(&mut book, filter(spec)).unwrap();
    assert_eq!(rows(&book, "hiddenByFilter"), [2, 4]);
    let said = |book: &mut Spreadsheet, spec: Value| batch(book, filter(spec)).unwrap_err();
    let date =
        json!({"columnIndex": 0, "filterCriteria": {"condition": {"type": "DATE_IS_VALID"}}});
    assert!(said(&mut book, date).contains("DATE_IS_VALID"));
    let colour = json!({"columnIndex": 0, "filterCriteria": {"visibleBackgroundColor": {}}});
    assert!(said(&mut book, colour).contains("visibleBackgroundColor"));
    let outside = json!({"columnIndex": 3, "filterCriteria": {}});
    assert!(said(&mut book, outside).contains("columnIndex[3]"));
    assert_eq!(rows(&book, "hiddenByFilter"), [2, 4], "a refused filter changes nothing");
}

#[test]
fn a_validation_leaves_filtered_rows_alone_unless_it_is_told_otherwise() {
    let mut book = fruit();
    human(
        &mut book,
        json!({"act": "filter", "tab": "Sheet1", "range": "A1:C5", "column": "B", "hide": ["fig"]}),
    );
    let validate = |also: bool| {
        json!([{"setDataValidation": {"filteredRowsIncluded": also,
            "range": {"startRowIndex": 1, "endRowIndex": 5, "endColumnIndex": 1},
            "rule": {"condition": {"type": "NOT_BLANK"}}}}])
    };
    let ruled = |book: &Spreadsheet| {
        let has =
            |row: &usize| book.sheet(0).unwrap().cell(*row, 0).unwrap().validation().is_some();
        (0..5).filter(has).collect::<Vec<_>>()
    };
    batch(&mut book, validate(false)).unwrap();
    assert_eq!(ruled(&book), [1, 2, 4]);
    batch(&mut book, validate(true)).unwrap();
    assert_eq!(ruled(&book), [1, 2, 3, 4]);
}

#[test]
fn a_note_of_a_person_and_one_of_a_program_are_the_same_note() {
    let mut book = fruit();
    let note = |book: &Spreadsheet, row, col| {
        book.sheet(0).unwrap().cell(row, col).and_then(|it| it.note().map(str::to_owned))
    };
    human(&mut book, json!({"act": "note", "tab": "Sheet1", "cell": "B2", "text": "ask her"}));
    assert_eq!(note(&book, 1, 1).as_deref(), Some("ask her"));
    let cell = json!({"range": {"startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 1, "endColumnIndex": 2},
        "cell": {"note": "asked"}, "fields": "note"});
    batch(&mut book, json!([{"repeatCell": cell}])).unwrap();
    assert_eq!(note(&book, 1, 1).as_deref(), Some("asked"));
    assert_eq!(shown(&book, "B2"), json!([["pear"]]));
    human(&mut book, json!({"act": "note", "tab": "Sheet1", "cell": "B2", "text": ""}));
    assert_eq!(note(&book, 1, 1), None);
    human(&mut book, json!({"act": "undo"}));
    assert_eq!(note(&book, 1, 1).as_deref(), Some("asked"));
}

#[test]
fn hidden_rows_and_formats_are_undone_one_by_one() {
    let mut book = fruit();
    human(&mut book, json!({"act": "hide_rows", "tab": "Sheet1", "at": 2, "count": 2}));
    human(
        &mut book,
        json!({"act": "format", "tab": "Sheet1", "range": "A2:A5", "kind": "NUMBER", "pattern": "0.0"}),
    );
    assert_eq!(shown(&book, "A2"), json!([["3.0"]]));
    assert_eq!(rows(&book, "hiddenByUser"), [1, 2]);
    human(&mut book, json!({"act": "undo"}));
    assert_eq!(shown(&book, "A2"), json!([["3"]]));
    assert_eq!(rows(&book, "hiddenByUser"), [1, 2]);
    human(&mut book, json!({"act": "show_rows", "tab": "Sheet1", "at": 2, "count": 1}));
    assert_eq!(rows(&book, "hiddenByUser"), [2]);
    let unknown = act(json!({"act": "format", "tab": "Sheet1", "range": "A2", "kind": "ROMAN"}));
    assert!(book.human(&unknown).unwrap_err().to_string().contains("ROMAN"));
}

#[test]
fn copied_rows_bring_their_formulas_along_shifted() {
    let mut book = fruit();
    human(&mut book, json!({"act": "copy", "tab": "Sheet1", "range": "A2:C3", "to": "A7"}));
    assert_eq!(
        read(&book, "A7:C8", "FORMULA"),
        json!([[3, "pear", "=A7*2"], [1, "apple", "=A8*2"]])
    );
    human(
        &mut book,
        json!({"act": "paste", "tab": "Sheet1", "at": "A10", "rows": [["5", "kiwi", "=A10*2"]]}),
    );
    assert_eq!(shown(&book, "A10:C10"), json!([["5", "kiwi", "10"]]));
    human(&mut book, json!({"act": "undo"}));
    human(&mut book, json!({"act": "undo"}));
    assert_eq!(read(&book, "A7:C10", "FORMULA"), json!(null));
}

/// What fires when this act is done.
fn fired(book: &mut Spreadsheet, unsure: Unsure, value: Value) -> Vec<Event> {
    let (before, act) = (book.clone(), act(value));
    book.human(&act).unwrap();
    events(&act, unsure, &before, book)
}

fn change(kind: ChangeType) -> Event {
    Event::Change { sheet: 0, kind }
}

fn edit(rect: Rect, value: Option<&str>, old_value: Option<&str>) -> [Event; 2] {
    let text = |it: Option<&str>| it.map(str::to_owned);
    [
        Event::Edit { sheet: 0, rect, value: text(value), old_value: text(old_value) },
        change(ChangeType::Edit),
    ]
}

#[test]
fn a_single_cell_is_told_with_its_values_and_a_block_with_its_range_alone() {
    let mut book = fruit();
    let usual = Unsure::default();
    let cell = Rect::at(1, 1, 1, 1);
    let typed = fired(
        &mut book,
        usual,
        json!({"act": "type", "tab": "Sheet1", "cell": "B2", "text": "plum"}),
    );
    assert_eq!(typed, edit(cell, Some("plum"), Some("pear")));
    let cleared = fired(&mut book, usual, json!({"act": "clear", "tab": "Sheet1", "range": "B2"}));
    assert_eq!(cleared, edit(cell, None, Some("plum")));
    let filled = fired(
        &mut book,
        usual,
        json!({"act": "type", "tab": "Sheet1", "cell": "B2", "text": "2020-01-01"}),
    );
    assert_eq!(filled, edit(cell, Some("43831"), None));
    let rows = json!([["8", "x"], ["9", "y"]]);
    let block =
        fired(&mut book, usual, json!({"act": "paste", "tab": "Sheet1", "at": "A2", "rows": rows}));
    assert_eq!(block, edit(Rect::at(1, 0, 2, 2), None, None));
    let copied = fired(
        &mut book,
        usual,
        json!({"act": "copy", "tab": "Sheet1", "range": "A2:B3", "to": "E8"}),
    );
    assert_eq!(copied, edit(Rect::at(7, 4, 2, 2), None, None));
    let cleared =
        fired(&mut book, usual, json!({"act": "clear", "tab": "Sheet1", "range": "A2:B3"}));
    assert_eq!(cleared, edit(Rect::at(1, 0, 2, 2), None, None));
}

#[test]
fn a_change_of_structure_is_told_by_its_type_alone() {
    use ChangeType as Kind;
    let mut book = fruit();
    let at = |act: &str, at: Value| json!({"act": act, "tab": "Sheet1", "at": at, "count": 1});
    for (act, wanted) in [
        (at("insert_rows", json!(2)), Kind::InsertRow),
        (at("delete_rows", json!(2)), Kind::RemoveRow),
        (at("insert_columns", json!("B")), Kind::InsertColumn),
        (at("delete_columns", json!("B")), Kind::RemoveColumn),
        (json!({"act": "format", "tab": "Sheet1", "range": "A2", "kind": "TEXT"}), Kind::Format),
        (json!({"act": "note", "tab": "Sheet1", "cell": "A2", "text": "n"}), Kind::Other),
        (at("hide_rows", json!(2)), Kind::Other),
        (json!({"act": "rename_tab", "tab": "Sheet1", "to": "Sheet1 "}), Kind::Other),
        (json!({"act": "rename_tab", "tab": "Sheet1 ", "to": "Sheet1"}), Kind::Other),
        // No data in what is dragged.
        (
            json!({"act": "move_rows", "tab": "Sheet1", "from": 20, "count": 2, "to": 30}),
            Kind::Other,
        ),
    ] {
        let said = act.to_string();
        assert_eq!(fired(&mut book, Unsure::default(), act), [change(wanted)], "{said}");
    }
    let added = fired(&mut book, Unsure::default(), json!({"act": "add_tab", "title": "New"}));
    let id = book.sheet_titled("New").unwrap().id;
    assert_eq!(added, [Event::Change { sheet: id, kind: Kind::InsertGrid }]);
    let gone = fired(&mut book, Unsure::default(), json!({"act": "delete_tab", "tab": "New"}));
    assert_eq!(gone, [change(Kind::RemoveGrid)]);
    let named =
        fired(&mut book, Unsure::default(), json!({"act": "rename_spreadsheet", "title": "T"}));
    assert_eq!(named, []);
}

#[test]
fn dragged_data_is_told_where_it_stands_now() {
    let mut book = fruit();
    let down = json!({"act": "move_rows", "tab": "Sheet1", "from": 2, "count": 2, "to": 6});
    let told = fired(&mut book, Unsure::default(), down);
    assert_eq!(told, edit(Rect { r0: 3, r1: 5, c0: 0, c1: 26 }, None, None));
    let left = json!({"act": "move_columns", "tab": "Sheet1", "from": "C", "count": 1, "to": "A"});
    let told = fired(&mut book, Unsure::default(), left);
    assert_eq!(told, edit(Rect { r0: 0, r1: 1000, c0: 0, c1: 1 }, None, None));
}

#[test]
fn what_google_does_not_say_of_sort_and_undo_can_be_any_of_three() {
    let sort = json!({"act": "sort", "tab": "Sheet1", "first_row": 2, "column": "A"});
    let undo = json!({"act": "undo"});
    let of = |unsure| {
        let mut book = fruit();
        (fired(&mut book, unsure, sort.clone()), fired(&mut book, unsure, undo.clone()))
    };
    let other = vec![change(ChangeType::Other)];
    assert_eq!(of(Unsure::Change), (other.clone(), other));
    assert_eq!(of(Unsure::Silent), (Vec::new(), Vec::new()));
    let (sorted, undone) = of(Unsure::Edit);
    assert_eq!(sorted, edit(Rect { r0: 1, r1: 5, c0: 0, c1: 26 }, None, None));
    assert_eq!(undone, edit(Rect { r0: 1, r1: 5, c0: 0, c1: 2 }, None, None));
}
