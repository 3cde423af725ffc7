//! `spreadsheets.create`.

use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::model::{Query, Spreadsheet};

use super::state::State;

/// Title the first tab has while the wanted ones are being added; no client can want it.
const ASIDE: &str = "\u{2063}";

/// Makes a spreadsheet with the wanted properties and tabs, and answers like `spreadsheets.get`.
///
/// Cells, named ranges and metadata in the body are refused by name rather than left out silently.
pub(crate) fn create(
    state: &State,
    account: &str,
    body: &Value,
    query: &Query,
) -> Result<Value, ApiError> {
    if let Some(other) =
        body.as_object().and_then(|body| body.keys().find(|key| !known(key.as_str())))
    {
        let message =
            format!("The emulator's spreadsheets.create takes properties and sheets, not {other}.");
        return Err(ApiError::invalid(message));
    }
    let mut properties = body.get("properties").and_then(Value::as_object).cloned();
    let title = properties
        .as_mut()
        .and_then(|it| it.shift_remove("title"))
        .and_then(|title| title.as_str().map(str::to_owned))
        .unwrap_or_else(|| "Untitled spreadsheet".to_owned());
    let mut book = Spreadsheet::new(&state.new_id(), &title);
    book.caller = Some(account.to_owned());
    let mut requests = Vec::new();
    if let Some(properties) = properties.filter(|it| !it.is_empty()) {
        let fields = names(&properties);
        requests.push(json!({
            "updateSpreadsheetProperties": {"properties": properties, "fields": fields}
        }));
    }
    if let Some(sheets) = body.get("sheets").and_then(Value::as_array) {
        requests.extend(tabs(sheets)?);
    }
    if !requests.is_empty() {
        book.batch_update(&json!({ "requests": requests }), &Query::default())?;
    }
    let answer = book.get(query)?;
    state.insert(book).map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(answer)
}

fn known(key: &str) -> bool {
    ["properties", "sheets", "spreadsheetId", "spreadsheetUrl"].contains(&key)
}

/// Turns the one tab of a new spreadsheet into the wanted ones.
fn tabs(sheets: &[Value]) -> Result<Vec<Value>, ApiError> {
    if sheets.is_empty() {
        return Ok(Vec::new());
    }
    let mut requests = vec![update(&json!({"sheetId": 0, "title": ASIDE}), "title")];
    let mut kept = false;
    for (index, sheet) in sheets.iter().enumerate() {
        let parts = sheet.as_object().cloned().unwrap_or_default();
        if let Some(other) = parts.keys().find(|key| key.as_str() != "properties") {
            let message = format!(
                "The emulator's spreadsheets.create takes a tab's properties, not its {other}."
            );
            return Err(ApiError::invalid(message));
        }
        let mut wanted =
            parts.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let title = json!(format!("Sheet{}", index + 1));
        wanted.entry("title").or_insert(title);
        if wanted.get("sheetId") == Some(&json!(0)) {
            kept = true;
            let fields: Map<String, Value> =
                wanted.iter().filter(|(key, _)| *key != "sheetId").map(clone_pair).collect();
            requests.push(update(&Value::Object(wanted), &names(&fields)));
        } else {
            requests.push(json!({"addSheet": {"properties": wanted}}));
        }
    }
    if !kept {
        requests.push(json!({"deleteSheet": {"sheetId": 0}}));
    }
    Ok(requests)
}

fn clone_pair((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn update(properties: &Value, fields: &str) -> Value {
    json!({"updateSheetProperties": {"properties": properties, "fields": fields}})
}

fn names(properties: &Map<String, Value>) -> String {
    properties.keys().map(String::as_str).collect::<Vec<_>>().join(",")
}
