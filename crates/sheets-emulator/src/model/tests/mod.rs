//! Claims about the whole spreadsheet, through its API and by hand.

#![expect(clippy::needless_pass_by_value, reason = "json! literals read better without borrows")]

mod batches;
mod looks;
mod metadata;
mod people;
mod requests;
mod values;

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
