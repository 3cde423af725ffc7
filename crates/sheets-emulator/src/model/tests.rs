//! Claims about the whole spreadsheet, through its API and by hand.

use serde_json::{Value, json};

use super::*;

fn query(pairs: &[(&str, &str)]) -> Query {
    Query(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

fn book() -> Spreadsheet {
    Spreadsheet::new("id", "Book")
}

fn batch(book: &mut Spreadsheet, requests: Value) -> Result<Value, String> {
    book.batch_update(&json!({"requests": requests}), &Query::default())
        .map_err(|error| error.message)
}

fn put(book: &mut Spreadsheet, range: &str, values: Value) {
    let query = query(&[("valueInputOption", "USER_ENTERED")]);
    book.values_update(range, &json!({"values": values}), &query).unwrap();
}

fn read(book: &Spreadsheet, range: &str, render: &str) -> Value {
    let answer = book.values_get(range, &query(&[("valueRenderOption", render)])).unwrap();
    answer.get("values").cloned().unwrap_or(Value::Null)
}

fn shown(book: &Spreadsheet, range: &str) -> Value {
    read(book, range, "FORMATTED_VALUE")
}

fn cells(values: &Value) -> Value {
    let row = |row: &Value| -> Value {
        let cells = row.as_array().unwrap().iter();
        json!({"values": cells.map(|text| json!({"userEnteredValue": {"stringValue": text}})).collect::<Vec<_>>()})
    };
    values.as_array().unwrap().iter().map(row).collect()
}

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

fn mark_row(row: usize, value: &str) -> Value {
    json!({"createDeveloperMetadata": {"developerMetadata": {
        "metadataKey": "k", "metadataValue": value, "visibility": "DOCUMENT",
        "location": {"dimensionRange": {"dimension": "ROWS", "startIndex": row, "endIndex": row + 1}}}}})
}

fn marked_rows(book: &Spreadsheet) -> Vec<(String, u64)> {
    let body = json!({"dataFilters": [{"developerMetadataLookup": {"metadataKey": "k"}}]});
    let found = book.metadata_search(&body).unwrap();
    let list = found["matchedDeveloperMetadata"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|entry| {
            let data = &entry["developerMetadata"];
            let row = data["location"]["dimensionRange"]["startIndex"].as_u64().unwrap();
            (data["metadataValue"].as_str().unwrap().to_owned(), row)
        })
        .collect()
}

#[test]
fn row_metadata_follows_sorts_inserts_and_moves_and_dies_with_its_row() {
    let mut book = book();
    put(&mut book, "A1:B4", json!([["id", "n"], [3, "=A2"], [1, "=A3"], [2, "x"]]));
    batch(&mut book, json!([mark_row(1, "three"), mark_row(3, "two")])).unwrap();
    batch(
        &mut book,
        json!([{"sortRange": {
        "range": {"startRowIndex": 1, "endRowIndex": 4, "startColumnIndex": 0, "endColumnIndex": 2},
        "sortSpecs": [{"dimensionIndex": 0, "sortOrder": "ASCENDING"}]}}]),
    )
    .unwrap();
    assert_eq!(shown(&book, "A2:B4"), json!([["1", "1"], ["2", "x"], ["3", "3"]]));
    assert_eq!(read(&book, "B2:B4", "FORMULA"), json!([["=A2"], ["x"], ["=A4"]]));
    assert_eq!(marked_rows(&book), [("three".to_owned(), 3), ("two".to_owned(), 2)]);
    let rows = |kind: &str, rest: Value| {
        let mut inner = rest;
        inner["range"]["dimension"] = "ROWS".into();
        json!({kind: inner})
    };
    batch(
        &mut book,
        json!([rows("insertDimension", json!({"range": {"startIndex": 0, "endIndex": 2}}))]),
    )
    .unwrap();
    assert_eq!(marked_rows(&book), [("three".to_owned(), 5), ("two".to_owned(), 4)]);
    batch(
        &mut book,
        json!([{"moveDimension": {
        "source": {"dimension": "ROWS", "startIndex": 5, "endIndex": 6}, "destinationIndex": 0}}]),
    )
    .unwrap();
    assert_eq!(marked_rows(&book), [("three".to_owned(), 0), ("two".to_owned(), 5)]);
    batch(
        &mut book,
        json!([rows("deleteDimension", json!({"range": {"startIndex": 0, "endIndex": 1}}))]),
    )
    .unwrap();
    assert_eq!(marked_rows(&book), [("two".to_owned(), 4)]);
}

#[test]
fn metadata_counts_characters_for_the_document_and_for_each_tab() {
    let mut book = book();
    let document = |id: i64, size: usize| {
        json!({"createDeveloperMetadata": {"developerMetadata": {"metadataId": id, "metadataKey": "k",
            "metadataValue": "é".repeat(size), "visibility": "DOCUMENT", "location": {"spreadsheet": true}}}})
    };
    batch(&mut book, json!([document(1, 29_999), mark_row(0, "v")])).unwrap();
    assert_eq!(
        batch(&mut book, json!([document(2, 0)])).unwrap_err(),
        "Invalid requests[0].createDeveloperMetadata: Adding the requested developer metadata would exceed the allowed storage limit."
    );
    let long = "x".repeat(29_999);
    assert!(batch(&mut book, json!([mark_row(1, &long)])).is_err());
    assert!(batch(&mut book, json!([document(1, 0)])).unwrap_err().contains("already exists"));
    assert_eq!(book.metadata_get(1).unwrap()["location"]["spreadsheet"], true);
    assert_eq!(book.metadata_get(2).unwrap_err().http, 404);
    let delete = json!({"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": {"metadataId": 1}}}});
    let reply = batch(&mut book, json!([delete])).unwrap();
    assert_eq!(
        reply["replies"][0]["deleteDeveloperMetadata"]["deletedDeveloperMetadata"][0]["metadataId"],
        1
    );
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

#[test]
fn reads_follow_the_grid_and_trim_what_is_empty() {
    let mut book = book();
    put(&mut book, "A1:C3", json!([["a", "", "c"], [], ["1,5"]]));
    let get = |range: &str| book.values_get(range, &Query::default());
    assert_eq!(
        get("Sheet1").unwrap(),
        json!({"range": "Sheet1!A1:Z1000", "majorDimension": "ROWS", "values": [["a", "", "c"], [], ["1,5"]]})
    );
    assert_eq!(get("A:A").unwrap()["range"], "Sheet1!A1:A1000");
    assert_eq!(get("D1:Z").unwrap().get("values"), None);
    assert_eq!(get("Nope!A1").unwrap_err().message, "Unable to parse range: Nope!A1");
    assert_eq!(
        get("AA1").unwrap_err().message,
        "Range (Sheet1!AA1) exceeds grid limits. Max rows: 1000, max columns: 26"
    );
    let columns = book.values_get("A1:C3", &query(&[("majorDimension", "COLUMNS")])).unwrap();
    assert_eq!(columns["values"], json!([["a", "", "1,5"], [], ["c"]]));
    let wrong = book.values_get("A1", &query(&[("valueRenderOption", "NOPE")])).unwrap_err();
    assert_eq!(
        wrong.message,
        "Invalid value at 'value_render_option' (type.googleapis.com/google.apps.sheets.v4.ValueRenderOption), \"NOPE\""
    );
}

#[test]
fn dates_are_read_in_all_forms() {
    let mut book = book();
    put(&mut book, "A1:B1", json!([["2020-01-01", "=4/2"]]));
    assert_eq!(shown(&book, "A1:B1"), json!([["2020-01-01", "2"]]));
    assert_eq!(read(&book, "A1:B1", "UNFORMATTED_VALUE"), json!([[43_831, 2]]));
    assert_eq!(read(&book, "A1:B1", "FORMULA"), json!([[43_831, "=4/2"]]));
    let both = query(&[
        ("valueRenderOption", "UNFORMATTED_VALUE"),
        ("dateTimeRenderOption", "FORMATTED_STRING"),
    ]);
    assert_eq!(book.values_get("A1:B1", &both).unwrap()["values"], json!([["2020-01-01", 2]]));
}

#[test]
fn raw_keeps_what_user_entered_reads() {
    let mut book = book();
    let raw = query(&[("valueInputOption", "RAW")]);
    book.values_update("A1", &json!({"values": [["=1+1", "007", true, 5, null, ""]]}), &raw)
        .unwrap();
    assert_eq!(read(&book, "A1:F1", "UNFORMATTED_VALUE"), json!([["=1+1", "007", true, 5]]));
    put(&mut book, "A2", json!([["=1+1", "007", "TRUE", "'5"]]));
    assert_eq!(read(&book, "A2:D2", "UNFORMATTED_VALUE"), json!([[2, 7, true, "5"]]));
    let none = book.values_update("A1", &json!({"values": [[1]]}), &Query::default()).unwrap_err();
    assert_eq!(none.message, "'valueInputOption' is required but not specified");
    let list = book.values_update("A1", &json!({"values": ["X"]}), &raw).unwrap_err();
    assert_eq!(
        list.message,
        "Invalid value at 'data.values' (type.googleapis.com/google.protobuf.ListValue), \"X\""
    );
}

#[test]
fn append_finds_the_table_and_grows_the_grid() {
    let mut book = book();
    batch(&mut book, json!([{"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 2, "columnCount": 4}},
        "fields": "gridProperties/rowCount,gridProperties.columnCount"}}]))
    .unwrap();
    let raw = query(&[("valueInputOption", "RAW")]);
    let first = book.values_append("Sheet1", &json!({"values": [["a", "b"]]}), &raw).unwrap();
    assert_eq!(first.get("tableRange"), None);
    assert_eq!(first["updates"]["updatedRange"], "Sheet1!A1:B1");
    let more = book.values_append("Sheet1", &json!({"values": [["c"], ["d"]]}), &raw).unwrap();
    assert_eq!(more["tableRange"], "Sheet1!A1:B1");
    assert_eq!(
        more["updates"],
        json!({"spreadsheetId": "id", "updatedRange": "Sheet1!A2:A3",
        "updatedRows": 2, "updatedColumns": 1, "updatedCells": 2})
    );
    assert_eq!(book.values_get("Sheet1", &Query::default()).unwrap()["range"], "Sheet1!A1:D3");
}

#[test]
fn the_limits_are_enforced_with_their_texts() {
    let mut book = book();
    let raw = query(&[("valueInputOption", "RAW")]);
    let body = json!({"valueInputOption": "RAW", "data": [{"range": "A1", "values": [["x".repeat(50_001)]]}]});
    assert_eq!(
        book.values_batch_update(&body, &Query::default()).unwrap_err().message,
        "Invalid data[0]: Your input contains more than the maximum of 50000 characters in a single cell."
    );
    book.values_update("A1", &json!({"values": [["é".repeat(50_000)]]}), &raw).unwrap();
    let add = |rows: usize| {
        json!([{"addSheet": {"properties": {"title": "big",
        "gridProperties": {"rowCount": rows, "columnCount": 10}}}}])
    };
    assert_eq!(
        batch(&mut book, add(1_000_000)).unwrap_err(),
        "Invalid requests[0].addSheet: This action would increase the number of cells in the workbook above the \
         limit of 10000000 cells."
    );
    batch(&mut book, add(997_400)).unwrap();
    assert!(
        batch(
            &mut book,
            json!([{"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 1}}])
        )
        .is_err()
    );
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
         inheritFromBefore is false."
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
fn find_replace_counts_what_it_changed() {
    let mut book = book();
    put(&mut book, "A1:B2", json!([["abc abc", "ABC"], ["=\"abc\"", "x"]]));
    let find = |rest: Value| {
        let mut inner = json!({"find": "abc", "replacement": "z", "allSheets": true});
        inner.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!([{"findReplace": inner}])
    };
    let entire =
        batch(&mut book.clone(), find(json!({"matchEntireCell": true, "matchCase": true})))
            .unwrap();
    assert_eq!(entire["replies"][0], json!({"findReplace": {}}));
    let all = batch(&mut book, find(json!({}))).unwrap();
    assert_eq!(
        all["replies"][0]["findReplace"],
        json!({"valuesChanged": 2, "rowsChanged": 1,
        "sheetsChanged": 1, "occurrencesChanged": 3})
    );
    assert_eq!(shown(&book, "A1:B1"), json!([["z z", "z"]]));
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
