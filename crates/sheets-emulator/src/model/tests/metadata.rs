//! Developer metadata: what it follows and how much there may be.

use super::*;

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
