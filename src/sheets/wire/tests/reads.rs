//! Claims about reads of tabs.

use super::*;

#[test]
fn columns_are_read_in_runs_from_the_header_row_on() {
    let properties = TabProperties { sheet_id: 3, title: "it's".into(), rows: 4, columns: 5 };
    let column = |column: &u32| ColumnIndex(*column);
    let read = |header_row, columns: &[u32]| TabRead {
        sheet_id: 3,
        header_row: RowIndex(header_row),
        columns: Some(columns.iter().map(column).collect()),
        rows: None,
    };
    let asked = answer::ranges(&read(1, &[3, 0, 2, 9]), &properties);
    assert_eq!(asked.ranges, ["'it''s'!2:2", "'it''s'!A2:A", "'it''s'!C2:D"]);
    assert!(answer::ranges(&read(4, &[0]), &properties).ranges.is_empty());

    let sheet = serde_json::from_value(json!({
        "properties": {"sheetId": 3, "title": "it's",
                       "gridProperties": {"rowCount": 4, "columnCount": 5}},
        "data": [
            {"startRow": 1, "rowData": [{"values": [text("id"), {}, text("b"), text("a"), {}]}]},
            {"startRow": 1, "rowData": [{"values": [text("id")]}, {"values": [
                {"userEnteredValue": {"errorValue": {"type": "N_A", "message": "gone"}}}]}]},
            {"startRow": 1, "startColumn": 2,
             "rowData": [{}, {"values": [text("b1")]}, {"values": [{}, text("a2")]}, {}]},
        ],
    }))
    .unwrap();
    let image = answer::tab_image(sheet, &read(1, &[3, 0, 2, 9]), &asked).unwrap();
    assert_eq!(image.properties, properties);
    let expected_header = [Cell::text("id"), Cell::Empty, Cell::text("b"), Cell::text("a")];
    assert_eq!(image.header, expected_header);
    assert_eq!(
        image.columns,
        [
            (ColumnIndex(3), vec![Cell::Empty, Cell::text("a2")]),
            (ColumnIndex(0), vec![formula("=#N/A")]),
            (ColumnIndex(2), vec![Cell::text("b1")]),
            (ColumnIndex(9), vec![]),
        ]
    );
}

#[test]
fn a_read_of_some_rows_asks_for_these_alone_and_stays_in_the_grid() {
    let properties = TabProperties { sheet_id: 3, title: "t".into(), rows: 9, columns: 3 };
    let read = |from, count| TabRead {
        sheet_id: 3,
        header_row: RowIndex(1),
        columns: Some(vec![ColumnIndex(2)]),
        rows: Some((RowIndex(from), count)),
    };
    let asked = |from, count| answer::ranges(&read(from, count), &properties).ranges;
    assert_eq!(asked(4, 2), ["'t'!2:2", "'t'!C5:C6"]);
    assert_eq!(asked(7, 9), ["'t'!2:2", "'t'!C8:C9"]);
    assert_eq!(asked(9, 1), ["'t'!2:2"], "a row behind the last one may not be named");
    let sheet = serde_json::from_value(json!({
        "properties": {"sheetId": 3, "title": "t", "gridProperties": {"rowCount": 9, "columnCount": 3}},
        "data": [
            {"startRow": 1, "rowData": [{"values": [text("id")]}]},
            {"startRow": 4, "startColumn": 2, "rowData": [{"values": [
                {"userEnteredValue": {"stringValue": "x"}, "note": "n"}]}, {}]},
        ],
    }));
    let asked = answer::ranges(&read(4, 2), &properties);
    let image = answer::tab_image(sheet.unwrap(), &read(4, 2), &asked).unwrap();
    assert_eq!(image.columns, [(ColumnIndex(2), vec![Cell::text("x")])]);
    assert_eq!(image.notes, []);
}

#[test]
fn a_whole_read_knows_marks_notes_and_what_formulas_come_to() {
    let properties = TabProperties { sheet_id: 3, title: "t".into(), rows: 9, columns: 2 };
    let read = TabRead { sheet_id: 3, header_row: RowIndex(0), columns: None, rows: None };
    let asked = answer::ranges(&read, &properties);
    let mark = |key: &str| {
        json!({"developerMetadata": [{"metadataKey": "other", "metadataValue": "x"},
        {"metadataKey": key, "metadataValue": "due"}]})
    };
    let of = |formula: &str, value: Value| json!({"userEnteredValue": {"formulaValue": formula}, "effectiveValue": value});
    let sheet = serde_json::from_value(json!({
        "properties": {"sheetId": 3, "title": "t", "gridProperties": {"rowCount": 9, "columnCount": 2}},
        "data": [
            {"rowData": [{"values": [text("id"), {"note": "ours"}]}],
             "columnMetadata": [mark("other"), mark("sheetwire.column")]},
            {"rowData": [{"values": [text("id"), {"note": "ours"}]},
                {"values": [of("=A9", json!({"numberValue": 2.5})), {"note": "theirs"}]},
                {"values": [of("=1/0", json!({"errorValue": {"type": "DIVIDE_BY_ZERO"}}))]},
                {"values": [of("=\"\"", json!({"stringValue": ""}))]}]},
        ],
    }));
    let image = answer::tab_image(sheet.unwrap(), &read, &asked).unwrap();
    assert_eq!(image.bound, [(ColumnIndex(1), "due".to_owned())]);
    assert_eq!(image.header_notes, [ColumnIndex(1)]);
    let note = CellNote { row: RowIndex(1), column: ColumnIndex(1), text: "theirs".into() };
    assert_eq!(image.notes, [note]);
    let of = |text: &str, value| Cell::Formula { text: text.into(), value: Box::new(value) };
    let expected =
        [of("=A9", Cell::Number(2.5)), of("=1/0", formula("=#DIV/0!")), of("=\"\"", Cell::Empty)];
    assert_eq!(image.columns[0].1, expected);
}

#[test]
fn the_fence_of_a_read_is_the_one_of_that_moment() {
    let seen = |names: Value, sequence: &str, id: i32| -> Option<u64> {
        let mut values = first_row()["rowData"][0]["values"].clone();
        values[4] = text(sequence);
        let answer = json!({"namedRanges": names, "sheets": [
            {"properties": {"sheetId": id}, "data": [{"rowData": [{"values": values}]}]}]});
        let tab = JournalTab { sheet_id: id, ..tab() };
        answer::fence(&serde_json::from_value(answer).unwrap(), Some(&tab))
    };
    let names = json!([{"namedRangeId": "mine"}, {"namedRangeId": "sheetwire_fence_41"}]);
    assert_eq!(seen(names, "40", OURS), Some(41));
    assert_eq!(seen(json!([]), "40", OURS), None, "the journal alone is no fence here");
    let carrier = journal::sheet_id_of(40);
    assert_eq!(seen(json!([]), "40", carrier), Some(40));
    assert_eq!(seen(json!([]), "39", carrier), None, "another batch's row in this tab");
}
