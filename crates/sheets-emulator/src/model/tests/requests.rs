//! The rarer requests: blocks, layout, names, protections, and what a full answer looks like.

use super::*;

fn rect(r0: usize, r1: usize, c0: usize, c1: usize) -> Value {
    json!({"startRowIndex": r0, "endRowIndex": r1, "startColumnIndex": c0, "endColumnIndex": c1})
}

#[test]
fn append_cells_goes_behind_the_last_row_with_data_anywhere() {
    let mut book = book();
    put(&mut book, "Z999", json!([["stray"]]));
    let append = json!([{"appendCells": {"sheetId": 0, "fields": "userEnteredValue",
        "rows": cells(&json!([["a"], ["b"]]))}}]);
    let answer = batch(&mut book, append).unwrap();
    assert_eq!(answer["replies"], json!([{}]));
    assert_eq!(shown(&book, "A1000:A1001"), json!([["a"], ["b"]]));
    assert_eq!(book.sheet(0).unwrap().rows, 1001);
}

#[test]
fn blocks_slide_without_touching_other_columns() {
    let mut book = book();
    put(&mut book, "A1:C3", json!([["a1", "b1", "=A3"], ["a2", "b2"], ["a3", "b3"]]));
    let insert = json!([{"insertRange": {"range": rect(1, 2, 0, 1), "shiftDimension": "ROWS"}}]);
    batch(&mut book, insert).unwrap();
    let after = json!([["a1", "b1", "=A4"], ["", "b2"], ["a2", "b3"], ["a3"]]);
    assert_eq!(read(&book, "A1:C4", "FORMULA"), after);
    let delete = json!([{"deleteRange": {"range": rect(0, 2, 0, 1), "shiftDimension": "ROWS"}}]);
    batch(&mut book, delete).unwrap();
    assert_eq!(read(&book, "A1:C2", "FORMULA"), json!([["a2", "b1", "=A2"], ["a3", "b2"]]));
    let left = json!([{"deleteRange": {"range": rect(0, 1, 0, 1), "shiftDimension": "COLUMNS"}}]);
    batch(&mut book, left).unwrap();
    assert_eq!(read(&book, "A1:C1", "FORMULA"), json!([["b1", "=A2"]]));
}

#[test]
fn a_cut_carries_its_references_along() {
    let mut book = book();
    put(&mut book, "A1:C1", json!([[5, "=A1", "=SUM(A1:A2)"]]));
    batch(
        &mut book,
        json!([
            {"addSheet": {"properties": {"sheetId": 3, "title": "T"}}},
            {"cutPaste": {"source": rect(0, 2, 0, 1), "pasteType": "PASTE_NORMAL",
                "destination": {"sheetId": 3, "rowIndex": 4, "columnIndex": 1}}},
        ]),
    )
    .unwrap();
    assert_eq!(read(&book, "A1:C1", "FORMULA"), json!([["", "=T!B5", "=SUM(T!B5:B6)"]]));
    assert_eq!(shown(&book, "B1:C1"), json!([["5", "5"]]));
}

#[test]
fn paste_types_take_their_part_only() {
    let mut book = book();
    put(&mut book, "A1:A2", json!([["2020-01-01"], ["=A1+1"]]));
    let copy = |kind: &str, column: usize| {
        json!({"copyPaste": {"source": rect(0, 2, 0, 1), "destination": rect(0, 2, column, column + 1),
            "pasteType": kind}})
    };
    let kinds = ["PASTE_VALUES", "PASTE_FORMULA", "PASTE_FORMAT", "PASTE_NORMAL"];
    let all: Vec<Value> = kinds.iter().enumerate().map(|(at, kind)| copy(kind, at + 1)).collect();
    batch(&mut book, Value::Array(all)).unwrap();
    let row =
        json!([[43_831, 43_831, 43_831, "", 43_831], ["=A1+1", 43_832, "=C1+1", "", "=E1+1"]]);
    assert_eq!(read(&book, "A1:E2", "FORMULA"), row);
    assert_eq!(shown(&book, "A1:E1"), json!([["2020-01-01", "43831", "43831", "", "2020-01-01"]]));
    let too_far =
        json!([{"copyPaste": {"source": rect(0, 2, 0, 1), "destination": rect(999, 1000, 0, 1)}}]);
    assert!(batch(&mut book, too_far).unwrap_err().contains("exceeds grid limits"));
}

#[test]
fn layout_is_kept_returned_and_follows_the_rows() {
    let mut book = book();
    let rule = json!({"condition": {"type": "BOOLEAN"}, "strict": true});
    let look = json!({"ranges": [rect(1, 3, 0, 1)], "booleanRule": {"condition": {"type": "NOT_BLANK"}, "format": {}}});
    batch(&mut book, json!([
        {"setDataValidation": {"range": rect(1, 2, 1, 2), "rule": rule}},
        {"setBasicFilter": {"filter": {"range": rect(0, 9, 0, 3)}}},
        {"mergeCells": {"range": rect(4, 5, 0, 3), "mergeType": "MERGE_ALL"}},
        {"addConditionalFormatRule": {"rule": look, "index": 0}},
        {"updateDimensionProperties": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 1},
            "properties": {"pixelSize": 50, "hiddenByUser": true}, "fields": "pixelSize,hiddenByUser"}},
        {"insertDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 2}}},
    ]))
    .unwrap();
    let whole = book.get(&query(&[("includeGridData", "true"), ("ranges", "A3:C5")])).unwrap();
    let tab = &whole["sheets"][0];
    assert_eq!(tab["basicFilter"]["range"], rect(2, 11, 0, 3));
    assert_eq!(tab["merges"], json!([rect(6, 7, 0, 3)]));
    assert_eq!(tab["conditionalFormats"][0]["ranges"], json!([rect(3, 5, 0, 1)]));
    let data = &tab["data"][0];
    assert_eq!((&data["startRow"], data.get("startColumn")), (&json!(2), None));
    assert_eq!(data["rowMetadata"][0], json!({"pixelSize": 50, "hiddenByUser": true}));
    assert_eq!(data["columnMetadata"].as_array().unwrap().len(), 3);
    assert_eq!(data["rowData"], json!([{}, {"values": [{}, {"dataValidation": rule}]}]));
    let removed =
        batch(&mut book, json!([{"deleteConditionalFormatRule": {"sheetId": 0, "index": 0}}]))
            .unwrap();
    assert_eq!(
        removed["replies"][0]["deleteConditionalFormatRule"]["rule"]["ranges"],
        json!([rect(3, 5, 0, 1)])
    );
    let clear = json!([{"clearBasicFilter": {"sheetId": 0}}, {"unmergeCells": {"range": rect(0, 9, 0, 9)}}]);
    batch(&mut book, clear).unwrap();
    let tab = book.get(&Query::default()).unwrap()["sheets"][0].clone();
    assert!(
        tab.get("merges").is_none()
            && tab.get("basicFilter").is_none()
            && tab.get("data").is_none()
    );
}

#[test]
fn a_full_cell_has_all_its_parts() {
    let mut book = book();
    put(&mut book, "A1", json!([["=1/4"]]));
    let format = json!({"numberFormat": {"type": "PERCENT", "pattern": "0%"}});
    batch(
        &mut book,
        json!([{"updateCells": {"start": {}, "fields": "note,userEnteredFormat.numberFormat",
        "rows": [{"values": [{"note": "n", "userEnteredFormat": format}]}]}}]),
    )
    .unwrap();
    let whole = book.get(&query(&[("includeGridData", "true")])).unwrap();
    let mut cell = whole["sheets"][0]["data"][0]["rowData"][0]["values"][0].clone();
    assert_eq!(cell["effectiveFormat"]["numberFormat"], format["numberFormat"]);
    cell.as_object_mut().unwrap().shift_remove("effectiveFormat");
    assert_eq!(
        cell,
        json!({
            "userEnteredValue": {"formulaValue": "=1/4"}, "effectiveValue": {"numberValue": 0.25},
            "formattedValue": "25%", "userEnteredFormat": format, "note": "n",
        })
    );
    assert_eq!(
        whole["sheets"][0]["properties"],
        json!({"sheetId": 0, "title": "Sheet1", "index": 0,
        "sheetType": "GRID", "gridProperties": {"rowCount": 1000, "columnCount": 26}})
    );
}

#[test]
fn names_are_changed_by_mask_and_used_as_ranges() {
    let mut book = book();
    put(&mut book, "B2", json!([["v"]]));
    let add = json!([{"addNamedRange": {"namedRange": {"namedRangeId": "n", "name": "spot", "range": rect(1, 2, 1, 2)}}}]);
    let reply = batch(&mut book, add.clone()).unwrap();
    assert_eq!(reply["replies"][0]["addNamedRange"]["namedRange"]["range"], rect(1, 2, 1, 2));
    assert_eq!(shown(&book, "spot"), json!([["v"]]));
    assert!(batch(&mut book, add).unwrap_err().contains("already exists"));
    let update = json!([{"updateNamedRange": {"namedRange": {"namedRangeId": "n", "name": "place"}, "fields": "name"}}]);
    batch(&mut book, update).unwrap();
    put(&mut book, "C1", json!([["=place&\"!\""]]));
    assert_eq!(shown(&book, "C1"), json!([["v!"]]));
    let bad = json!([{"addNamedRange": {"namedRange": {"name": "A1", "range": rect(0, 1, 0, 1)}}}]);
    assert_eq!(
        batch(&mut book, bad).unwrap_err(),
        "Invalid requests[0].addNamedRange: Invalid name: A1"
    );
}

#[test]
fn a_warning_stops_no_program_and_its_owner_may_harden_it() {
    let mut book = book();
    book.owner = Some("owner@example.com".into());
    book.caller = book.owner.clone();
    let add = json!([{"addProtectedRange": {"protectedRange": {"protectedRangeId": 8, "range": rect(0, 1, 0, 1),
        "warningOnly": true, "description": "d"}}}]);
    let reply = batch(&mut book, add).unwrap();
    assert_eq!(
        reply["replies"][0]["addProtectedRange"]["protectedRange"],
        json!({"protectedRangeId": 8,
        "range": rect(0, 1, 0, 1), "warningOnly": true, "requestingUserCanEdit": true, "description": "d"})
    );
    book.caller = Some("robot@example.com".into());
    put(&mut book, "A1", json!([["robot"]]));
    book.caller = book.owner.clone();
    let harden = json!([{"updateProtectedRange": {"protectedRange": {"protectedRangeId": 8}, "fields": "warningOnly"}}]);
    batch(&mut book, harden).unwrap();
    book.caller = Some("robot@example.com".into());
    let delete = json!([{"deleteProtectedRange": {"protectedRangeId": 8}}]);
    assert!(batch(&mut book, delete.clone()).unwrap_err().contains("protected cell or object"));
    let remove_row = json!([{"deleteDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 1}}}]);
    assert!(batch(&mut book, remove_row).is_err());
    book.caller = book.owner.clone();
    batch(&mut book, delete).unwrap();
}

#[test]
fn batches_of_values_count_clear_and_fail_together() {
    let mut book = book();
    let write = |range: &str| {
        json!({"valueInputOption": "RAW", "includeValuesInResponse": true, "data": [
            {"range": "A1:B1", "values": [["a", "b"]]},
            {"range": range, "majorDimension": "COLUMNS", "values": [["c", "d"]]},
        ]})
    };
    let late = book.values_batch_update(&write("A1000"), &Query::default()).unwrap_err();
    assert_eq!(
        late.message,
        "Invalid data[1]: Requested writing within range ['Sheet1'!A1000], but tried writing to row [1001]"
    );
    assert_eq!(shown(&book, "A1:B1"), Value::Null);
    let answer = book.values_batch_update(&write("'Sheet1'!A2"), &Query::default()).unwrap();
    assert_eq!(answer["totalUpdatedCells"], 4);
    assert_eq!(answer["totalUpdatedSheets"], 1);
    assert_eq!(answer["responses"][1]["updatedData"]["values"], json!([["c", "d"]]));
    assert_eq!(shown(&book, "A1:B3"), json!([["a", "b"], ["c"], ["d"]]));
    let narrow = book.values_update(
        "A1:A2",
        &json!({"values": [["x", "y"]]}),
        &query(&[("valueInputOption", "RAW")]),
    );
    assert_eq!(
        narrow.unwrap_err().message,
        "Requested writing within range ['Sheet1'!A1:A2], but tried writing to column [B]"
    );
    let cleared = book.values_batch_clear(&json!({"ranges": ["A1:A2", "B:B"]})).unwrap();
    assert_eq!(cleared["clearedRanges"], json!(["Sheet1!A1:A2", "Sheet1!B1:B1000"]));
    let both = book.values_batch_get(&query(&[("ranges", "A1:B3"), ("ranges", "Nope")]));
    assert_eq!(both.unwrap_err().message, "Unable to parse range: Nope");
}
