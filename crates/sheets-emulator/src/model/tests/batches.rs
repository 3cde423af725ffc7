//! Batches: atomicity, order, cells, copies, tabs.

use super::*;

#[test]
fn a_batch_applies_whole_or_not_at_all() {
    let mut book = book();
    let write = json!({"updateCells": {"start": {}, "rows": cells(&json!([["x"]])), "fields": "userEnteredValue"}});
    let error = batch(&mut book, json!([write, {"deleteSheet": {"sheetId": 9}}])).unwrap_err();
    assert_eq!(error, "Invalid requests[1].deleteSheet: No sheet with id: 9");
    assert_eq!(shown(&book, "A1"), Value::Null);
    assert_eq!(book.revision(), 0);
    batch(&mut book, json!([write])).unwrap();
    assert_eq!(shown(&book, "A1"), json!([["x"]]));
    assert_eq!(book.revision(), 1);
}

#[test]
fn later_requests_see_what_earlier_ones_did() {
    let mut book = book();
    let answer = batch(
        &mut book,
        json!([
            {"addSheet": {"properties": {"sheetId": 7, "title": "J", "gridProperties": {"rowCount": 2, "columnCount": 3}}}},
            {"updateCells": {"start": {"sheetId": 7}, "rows": cells(&json!([["a"]])), "fields": "userEnteredValue"}},
        ]),
    );
    assert_eq!(answer.unwrap()["replies"][0]["addSheet"]["properties"]["sheetId"], 7);
    assert_eq!(shown(&book, "J!A1"), json!([["a"]]));
}

#[test]
fn update_cells_clears_what_its_range_covers_and_its_rows_do_not() {
    let mut book = book();
    put(&mut book, "A1:B3", json!([["a", "b"], ["c", "d"], ["e", "f"]]));
    batch(&mut book, json!([
        {"repeatCell": {"range": {"endRowIndex": 3, "endColumnIndex": 2}, "cell": {"note": "keep"}, "fields": "note"}},
        {"updateCells": {"range": {"endRowIndex": 2, "endColumnIndex": 2},
            "rows": [{"values": [{"userEnteredValue": {"numberValue": 1}}]}], "fields": "userEnteredValue"}},
    ]))
    .unwrap();
    assert_eq!(shown(&book, "A1:B3"), json!([["1"], [], ["e", "f"]]));
    let data = book
        .get(&query(&[("ranges", "B2"), ("fields", "sheets.data.rowData.values.note")]))
        .unwrap();
    assert_eq!(data["sheets"][0]["data"][0]["rowData"][0]["values"][0]["note"], "keep");
    // From a start nothing beyond the rows is touched, and an empty cell clears.
    batch(
        &mut book,
        json!([{"updateCells": {"start": {"rowIndex": 2}, "rows": [{"values": [{}]}],
        "fields": "userEnteredValue"}}]),
    )
    .unwrap();
    assert_eq!(shown(&book, "A3:B3"), json!([["", "f"]]));
}

#[test]
fn update_cells_does_not_grow_the_grid() {
    let mut book = book();
    let wide = json!({"updateCells": {"start": {"columnIndex": 25}, "rows": cells(&json!([["a", "b"]])),
        "fields": "userEnteredValue"}});
    assert_eq!(
        batch(&mut book, json!([wide])).unwrap_err(),
        "Invalid requests[0].updateCells: Attempting to write column: 26, beyond the last requested column of: 25"
    );
    let no_fields = json!({"updateCells": {"start": {}, "rows": []}});
    assert!(
        batch(&mut book, json!([no_fields]))
            .unwrap_err()
            .contains("At least one field must be listed in 'fields'.")
    );
    let no_grid =
        json!({"updateCells": {"start": {"sheetId": 999_999}, "rows": [], "fields": "*"}});
    assert_eq!(
        batch(&mut book, json!([no_grid])).unwrap_err(),
        "Invalid requests[0].updateCells: No grid with id: 999999"
    );
}

#[test]
fn a_format_mask_changes_only_its_part() {
    let mut book = book();
    let format = |fields: &str, format: Value| {
        json!({"repeatCell": {"range": {"endRowIndex": 1, "endColumnIndex": 1},
            "cell": {"userEnteredFormat": format}, "fields": fields}})
    };
    batch(&mut book, json!([
        format("userEnteredFormat", json!({"horizontalAlignment": "LEFT", "numberFormat": {"type": "TEXT", "pattern": "@"}})),
        format("userEnteredFormat.numberFormat", json!({"numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"}})),
    ]))
    .unwrap();
    put(&mut book, "A1", json!([[43_831]]));
    assert_eq!(shown(&book, "A1"), json!([["2020-01-01"]]));
    let get = |book: &Spreadsheet| {
        book.get(&query(&[("fields", "sheets.data.rowData.values.userEnteredFormat")])).unwrap()
            ["sheets"][0]["data"][0]["rowData"][0]["values"][0]["userEnteredFormat"].clone()
    };
    assert_eq!(get(&book)["horizontalAlignment"], "LEFT");
    batch(
        &mut book,
        json!([{"updateCells": {"start": {}, "rows": cells(&json!([["x"]])), "fields": "*"}}]),
    )
    .unwrap();
    assert_eq!(get(&book), Value::Null);
}

#[test]
fn copy_paste_takes_the_image_of_its_moment_in_the_batch() {
    let mut book = book();
    put(&mut book, "A1:B1", json!([["before", "=A1&\"!\""]]));
    batch(&mut book, json!([
        {"addSheet": {"properties": {"sheetId": 5, "title": "_journal"}}},
        {"copyPaste": {"source": {"endRowIndex": 1, "endColumnIndex": 2},
            "destination": {"sheetId": 5, "endRowIndex": 1, "endColumnIndex": 2}, "pasteType": "PASTE_VALUES"}},
        {"updateCells": {"start": {}, "rows": cells(&json!([["after"]])), "fields": "userEnteredValue"}},
    ]))
    .unwrap();
    assert_eq!(read(&book, "_journal!A1:B1", "FORMULA"), json!([["before", "before!"]]));
    assert_eq!(shown(&book, "A1:B1"), json!([["after", "after!"]]));
}

#[test]
fn a_stale_named_range_id_refuses_the_whole_batch() {
    let mut book = book();
    let fence = |old: Option<&str>, new: &str, text: &str| {
        let mut requests = Vec::new();
        if let Some(old) = old {
            requests.push(json!({"deleteNamedRange": {"namedRangeId": old}}));
        }
        requests.push(json!({"addNamedRange": {"namedRange": {"namedRangeId": new, "name": format!("fence_{new}"),
            "range": {"endRowIndex": 1, "endColumnIndex": 1}}}}));
        requests.push(json!({"updateCells": {"start": {}, "rows": cells(&json!([[text]])), "fields": "userEnteredValue"}}));
        Value::Array(requests)
    };
    batch(&mut book, fence(None, "s1", "one")).unwrap();
    batch(&mut book, fence(Some("s1"), "s2", "two")).unwrap();
    let late = batch(&mut book, fence(Some("s1"), "s2", "late"));
    assert_eq!(
        late.unwrap_err(),
        "Invalid requests[0].deleteNamedRange: No named range with id: s1"
    );
    assert_eq!(shown(&book, "A1"), json!([["two"]]));
    // A Google that ignored unknown ids would still refuse the id that is taken.
    book.lenient_named_range_delete = true;
    let again = batch(&mut book, fence(Some("s1"), "s2", "late")).unwrap_err();
    assert!(again.starts_with("Invalid requests[1].addNamedRange: "), "{again}");
    batch(&mut book, fence(Some("s1"), "s3", "slipped")).unwrap();
}

#[test]
fn insert_dimension_at_the_end_needs_inheritance() {
    let mut book = book();
    let insert = |inherit: bool| {
        json!([{"insertDimension": {"inheritFromBefore": inherit,
        "range": {"dimension": "ROWS", "startIndex": 1000, "endIndex": 1001}}}])
    };
    assert_eq!(
        batch(&mut book, insert(false)).unwrap_err(),
        "Invalid requests[0].insertDimension: range.startIndex[1000] must be less than the grid size (1000) if \
         inheritFromBefore is false"
    );
    batch(&mut book, insert(true)).unwrap();
    assert_eq!(book.sheet(0).unwrap().rows, 1001);
    let all = json!([{"deleteDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 1001}}}]);
    assert_eq!(
        batch(&mut book, all).unwrap_err(),
        "Invalid requests[0].deleteDimension: You can't delete all the rows on the sheet."
    );
}

#[test]
fn the_answer_of_a_batch_can_carry_the_updated_cells() {
    let mut book = book();
    put(&mut book, "A3", json!([["k"]]));
    let body = json!({
        "requests": [{"updateSheetProperties": {"properties": {"title": "T"}, "fields": "title"}}],
        "includeSpreadsheetInResponse": true,
        "responseRanges": ["'T'!A2:A"],
    });
    let fields = "replies,updatedSpreadsheet.sheets(properties(sheetId,title),data(startRow,rowData.values(userEnteredValue)))";
    let answer = book.batch_update(&body, &query(&[("fields", fields)])).unwrap();
    assert_eq!(
        answer,
        json!({
            "replies": [{}],
            "updatedSpreadsheet": {"sheets": [{
                "properties": {"sheetId": 0, "title": "T"},
                "data": [{"startRow": 1, "rowData": [{}, {"values": [{"userEnteredValue": {"stringValue": "k"}}]}]}],
            }]},
        })
    );
    let plain = book.batch_update(&body, &Query::default()).unwrap();
    assert_eq!(plain["commentUpdateState"], "NO_UPDATES_REQUESTED");
    assert_eq!(plain["updatedSpreadsheet"]["sheets"][0].get("data"), None);
}

#[test]
fn tabs_come_and_go_with_the_documented_refusals() {
    let mut book = book();
    let message =
        batch(&mut book, json!([{"addSheet": {"properties": {"title": "Sheet1"}}}])).unwrap_err();
    assert_eq!(
        message,
        "Invalid requests[0].addSheet: A sheet with the name \"Sheet1\" already exists. Please enter another name."
    );
    assert!(batch(&mut book, json!([{"addSheet": {"properties": {"sheetId": 0}}}])).is_err());
    assert!(batch(&mut book, json!([{"deleteSheet": {"sheetId": 0}}])).is_err());
    let hide = json!([{"updateSheetProperties": {"properties": {"sheetId": 0, "hidden": true}, "fields": "hidden"}}]);
    assert_eq!(
        batch(&mut book, hide).unwrap_err(),
        "Invalid requests[0].updateSheetProperties: You can't hide all the sheets in a document."
    );
    put(&mut book, "A1", json!([["v"]]));
    batch(&mut book, json!([mark_row(0, "m"), {"duplicateSheet": {"sourceSheetId": 0, "newSheetId": 4, "newSheetName": "C"}}])).unwrap();
    assert_eq!(shown(&book, "C!A1"), json!([["v"]]));
    assert_eq!(marked_rows(&book).len(), 1);
    batch(&mut book, json!([{"deleteSheet": {"sheetId": 0}}])).unwrap();
    assert_eq!(marked_rows(&book).len(), 0);
}

#[test]
fn a_large_tab_is_cheap_to_change_one_cell_of() {
    let mut book = book();
    batch(
        &mut book,
        json!([{"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 20_000}},
        "fields": "gridProperties.rowCount"}}]),
    )
    .unwrap();
    let rows: Vec<Value> = (0..20_000).map(|i| json!([i, "text", 1.5])).collect();
    put(&mut book, "A1:C20000", Value::Array(rows));
    let before = book.clone();
    put(&mut book, "A500", json!([["changed"]]));
    let shared = |row: usize| {
        std::ptr::eq(book.sheet(0).unwrap().row(row), before.sheet(0).unwrap().row(row))
    };
    assert!(shared(498) && !shared(499) && shared(500));
}
