//! Values: ranges, input, rendering, limits.

use super::*;

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
