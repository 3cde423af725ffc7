//! Tabs and cells in a short JSON for the web grid and for tests that compare whole tabs.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::model::{Query, Spreadsheet};

/// Rows given when nobody says how many.
const ROWS_DEFAULT: usize = 200;

/// Which rows of which tab.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// Title of the tab.
    tab: String,
    /// First row, 0-based.
    #[serde(default)]
    from: usize,
    /// How many rows; less is given at the end of the tab.
    rows: Option<usize>,
}

fn query(pairs: &[(&str, String)]) -> Query {
    Query(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// Every tab with its id, size and frozen rows, in order.
pub(crate) fn tabs(book: &Spreadsheet) -> Result<Value, ApiError> {
    let answer = book.get(&query(&[("fields", "sheets.properties".to_owned())]))?;
    let sheets = answer.get("sheets").and_then(Value::as_array);
    let tabs: Vec<Value> = sheets
        .into_iter()
        .flatten()
        .map(|sheet| {
            let properties = &sheet["properties"];
            let size = &properties["gridProperties"];
            let number = |value: &Value| value.as_u64().unwrap_or(0);
            json!({
                "title": properties["title"],
                "sheetId": properties["sheetId"].as_i64().unwrap_or(0),
                "rows": number(&size["rowCount"]),
                "columns": number(&size["columnCount"]),
                "frozenRows": number(&size["frozenRowCount"]),
                "hidden": properties["hidden"].as_bool().unwrap_or(false),
            })
        })
        .collect();
    Ok(json!({"title": book.title(), "revision": book.revision(), "tabs": tabs}))
}

/// The cells of a window: `rows` of cells, empty ends left out.
///
/// A cell is `{"v": value, "t": "n" | "s" | "b" | "e" | "", "f": formula?, "fmt": shown?, "note": text?}`.
pub(crate) fn grid(book: &Spreadsheet, window: &Window) -> Result<Value, ApiError> {
    let all = tabs(book)?;
    let tab = all["tabs"]
        .as_array()
        .and_then(|tabs| tabs.iter().find(|tab| tab["title"] == window.tab.as_str()))
        .cloned()
        .ok_or_else(|| ApiError::invalid(format!("there is no tab named {:?}", window.tab)))?;
    let count = tab["rows"].as_u64().and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0);
    let end = window.from.saturating_add(window.rows.unwrap_or(ROWS_DEFAULT)).min(count);
    let rows = if window.from < end { cells(book, &window.tab, window.from, end)? } else { vec![] };
    Ok(json!({
        "tab": tab["title"],
        "sheetId": tab["sheetId"],
        "rowCount": tab["rows"],
        "columnCount": tab["columns"],
        "frozenRows": tab["frozenRows"],
        "revision": book.revision(),
        "from": window.from,
        "rows": rows,
    }))
}

fn cells(book: &Spreadsheet, tab: &str, from: usize, end: usize) -> Result<Vec<Value>, ApiError> {
    let range = format!("'{}'!{}:{end}", tab.replace('\'', "''"), from + 1);
    let fields = "sheets.data(startRow,rowData.values(userEnteredValue,effectiveValue,\
                  formattedValue,note))";
    let answer = book.get(&query(&[
        ("ranges", range),
        ("includeGridData", "true".to_owned()),
        ("fields", fields.to_owned()),
    ]))?;
    let data = answer.pointer("/sheets/0/data/0/rowData").and_then(Value::as_array);
    let rows = data.into_iter().flatten().map(|row| {
        let values = row.get("values").and_then(Value::as_array);
        let mut cells: Vec<Value> = values.into_iter().flatten().map(cell).collect();
        while cells.last().is_some_and(|cell| cell.as_object().is_some_and(Map::is_empty)) {
            cells.pop();
        }
        Value::Array(cells)
    });
    let mut rows: Vec<Value> = rows.collect();
    while rows.last().is_some_and(|row| row.as_array().is_some_and(Vec::is_empty)) {
        rows.pop();
    }
    Ok(rows)
}

/// One cell; `{}` when there is nothing in it.
fn cell(data: &Value) -> Value {
    let mut cell = Map::new();
    let effective = data.get("effectiveValue").and_then(Value::as_object);
    if let Some((kind, value)) = effective.and_then(|value| value.iter().next()) {
        let (letter, value) = match kind.as_str() {
            "numberValue" => ("n", value.clone()),
            "stringValue" => ("s", value.clone()),
            "boolValue" => ("b", value.clone()),
            _ => {
                ("e", data.get("formattedValue").cloned().unwrap_or_else(|| value["type"].clone()))
            }
        };
        cell.insert("v".to_owned(), value);
        cell.insert("t".to_owned(), json!(letter));
    }
    if let Some(formula) = data.pointer("/userEnteredValue/formulaValue") {
        cell.insert("f".to_owned(), formula.clone());
    }
    if let Some(shown) = data.get("formattedValue") {
        cell.insert("fmt".to_owned(), shown.clone());
    }
    if let Some(note) = data.get("note") {
        cell.insert("note".to_owned(), note.clone());
    }
    if !cell.is_empty() && !cell.contains_key("t") {
        cell.insert("v".to_owned(), Value::Null);
        cell.insert("t".to_owned(), json!(""));
    }
    Value::Object(cell)
}
