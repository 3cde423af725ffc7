//! Formulas and people: references, acts, undo, protection.

use super::*;

#[test]
fn copy_paste_repeats_and_shifts_formulas() {
    let mut book = book();
    put(&mut book, "A1:B2", json!([[1, "=A1*$A$1"], [2]]));
    batch(&mut book, json!([{"copyPaste": {
        "source": {"startColumnIndex": 1, "endColumnIndex": 2, "endRowIndex": 1},
        "destination": {"startColumnIndex": 1, "endColumnIndex": 2, "startRowIndex": 1, "endRowIndex": 3},
        "pasteType": "PASTE_NORMAL"}}]))
    .unwrap();
    assert_eq!(read(&book, "B1:B3", "FORMULA"), json!([["=A1*$A$1"], ["=A2*$A$1"], ["=A3*$A$1"]]));
    assert_eq!(shown(&book, "B1:B3"), json!([["1"], ["2"], ["0"]]));
}

#[test]
fn formulas_follow_the_grid_and_report_errors() {
    let mut book = book();
    put(&mut book, "A1:A3", json!([[1], [2], [3]]));
    put(
        &mut book,
        "C1:C8",
        json!([
            ["=SUM(A1:A3)"],
            ["=A2"],
            ["=1/0"],
            ["=NOPE(1)"],
            ["=\"a\"+1"],
            ["=IF(A1<2,\"low\",\"high\")"],
            ["=AVERAGE(A:A)&\"x\""],
            ["=C8"]
        ]),
    );
    assert_eq!(
        shown(&book, "C1:C8"),
        json!([["6"], ["2"], ["#DIV/0!"], ["#NAME?"], ["#VALUE!"], ["low"], ["2x"], ["#REF!"]])
    );
    batch(&mut book, json!([
        {"deleteDimension": {"range": {"dimension": "ROWS", "startIndex": 1, "endIndex": 2}}},
        {"insertDimension": {"range": {"dimension": "COLUMNS", "startIndex": 0, "endIndex": 1}}},
        {"addSheet": {"properties": {"title": "Other tab"}}},
    ]))
    .unwrap();
    assert_eq!(read(&book, "D1", "FORMULA"), json!([["=SUM(B1:B2)"]]));
    put(&mut book, "'Other tab'!A1:A2", json!([["=Sheet1!B1+1"], ["=COUNTA(Sheet1!B:B)"]]));
    assert_eq!(shown(&book, "'Other tab'!A1:A2"), json!([["2"], ["2"]]));
    book.human(&HumanAct::RenameTab { tab: "Sheet1".into(), to: "Now this".into() }).unwrap();
    assert_eq!(read(&book, "'Other tab'!A1", "FORMULA"), json!([["='Now this'!B1+1"]]));
}

#[test]
fn a_long_chain_of_formulas_does_not_exhaust_the_stack() {
    let mut book = book();
    let chain: Vec<Value> =
        (0..1000).map(|i| if i == 0 { json!([1]) } else { json!([format!("=A{i}+1")]) }).collect();
    put(&mut book, "A1:A1000", Value::Array(chain));
    assert_eq!(shown(&book, "A1000"), json!([["1000"]]));
    put(&mut book, "A1", json!([["=A1000"]]));
    assert_eq!(shown(&book, "A7"), json!([["#REF!"]]));
}

#[test]
fn deleted_cells_break_references_and_undo_mends_them() {
    let mut book = book();
    put(&mut book, "A1:B2", json!([["a", "=A2"], ["b"]]));
    let delete = HumanAct::DeleteRows { tab: "Sheet1".into(), at: 2, count: 1 };
    book.human(&delete).unwrap();
    assert_eq!(read(&book, "B1", "FORMULA"), json!([["=#REF!"]]));
    // A program writes in between; taking back the deletion must not take that back.
    put(&mut book, "C1", json!([["api"]]));
    book.human(&HumanAct::Undo).unwrap();
    assert_eq!(read(&book, "A1:C2", "FORMULA"), json!([["a", "=A2", "api"], ["b"]]));
    assert!(book.human(&HumanAct::Undo).is_err());
}

#[test]
fn people_type_paste_sort_and_take_back() {
    let mut book = book();
    let act = |book: &mut Spreadsheet, act: Value| {
        let act: HumanAct = serde_json::from_value(act).unwrap();
        book.human(&act).unwrap();
    };
    act(
        &mut book,
        json!({"act": "paste", "tab": "Sheet1", "at": "A1", "rows": [["id", "when"], ["2", "2020-01-02"], ["1", ""]]}),
    );
    act(&mut book, json!({"act": "type", "tab": "Sheet1", "cell": "C2", "text": "=A2*10"}));
    act(&mut book, json!({"act": "sort", "tab": "Sheet1", "first_row": 2, "column": "A"}));
    assert_eq!(shown(&book, "A1:C3"), json!([["id", "when"], ["1"], ["2", "2020-01-02", "20"]]));
    put(&mut book, "D3", json!([["api"]]));
    act(&mut book, json!({"act": "undo"}));
    assert_eq!(
        shown(&book, "A1:D3"),
        json!([["id", "when"], ["2", "2020-01-02", "20", "api"], ["1"]])
    );
    act(&mut book, json!({"act": "undo"}));
    assert_eq!(shown(&book, "C2"), Value::Null);
    let wrong = HumanAct::Type { tab: "None".into(), cell: "A1".into(), text: String::new() };
    assert_eq!(book.human(&wrong).unwrap_err().to_string(), "there is no tab 'None'");
}

#[test]
fn undo_finds_its_cell_after_rows_were_inserted_above() {
    let mut book = book();
    book.human(&HumanAct::Type { tab: "Sheet1".into(), cell: "A5".into(), text: "x".into() })
        .unwrap();
    batch(&mut book, json!([{"insertDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 3}}}])).unwrap();
    assert_eq!(shown(&book, "A8"), json!([["x"]]));
    book.human(&HumanAct::Undo).unwrap();
    assert_eq!(shown(&book, "A8"), Value::Null);
}

#[test]
fn protected_cells_stop_strangers_only() {
    let mut book = book();
    book.caller = Some("robot@example.com".into());
    book.human(&HumanAct::Protect {
        tab: "Sheet1".into(),
        range: Some("A1:A5".into()),
        editors: Vec::new(),
    })
    .unwrap();
    let write = |row: usize| {
        json!([{"updateCells": {"start": {"rowIndex": row}, "rows": cells(&json!([["x"]])),
        "fields": "userEnteredValue"}}])
    };
    assert_eq!(
        batch(&mut book, write(4)).unwrap_err(),
        "Invalid requests[0].updateCells: You are trying to edit a protected cell or object. Please contact the \
         spreadsheet owner to remove protection if you need to edit."
    );
    batch(&mut book, write(5)).unwrap();
    book.caller = None;
    batch(&mut book, write(4)).unwrap();
    book.caller = Some("robot@example.com".into());
    batch(&mut book, json!([{"addProtectedRange": {"protectedRange": {"range": {"startColumnIndex": 1, "endColumnIndex": 2}}}}]))
        .unwrap();
    put(&mut book, "B1", json!([["mine"]]));
}
