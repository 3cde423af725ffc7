//! `spreadsheets.batchUpdate`: the list of requests and the answer.

use serde_json::{Map, Value, json};

use super::convert::{flag, list};
use super::error::ApiError;
use super::fields::Mask;
use super::query::Query;
use super::{get, requests, strict};
use crate::model::Spreadsheet;

/// Applies every request in order. The caller throws the spreadsheet away when this fails.
pub(crate) fn batch_update(
    book: &mut Spreadsheet,
    body: &Value,
    query: &Query,
) -> Result<Value, ApiError> {
    strict::check("BatchUpdateSpreadsheetRequest", body)?;
    let fields = query.first("fields");
    let mask = Mask::of_query(fields, "BatchUpdateSpreadsheetResponse")?;
    let asked = list(body, "requests");
    if asked.is_empty() {
        return Err(ApiError::invalid("Must specify at least one request."));
    }
    let mut replies = Vec::with_capacity(asked.len());
    for (index, request) in asked.iter().enumerate() {
        replies.push(one(book, index, request)?);
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".into(), book.id().into());
    answer.insert("replies".into(), Value::Array(replies));
    if let Some(below) =
        mask.below("updatedSpreadsheet").filter(|_| flag(body, "includeSpreadsheetInResponse"))
    {
        let ranges: Vec<&str> =
            list(body, "responseRanges").iter().filter_map(Value::as_str).collect();
        let grid = fields.is_some() || flag(body, "responseIncludeGridData");
        answer.insert("updatedSpreadsheet".into(), get::whole(book, &ranges, grid, &below)?);
    }
    answer.insert("commentUpdateState".into(), "NO_UPDATES_REQUESTED".into());
    Ok(mask.apply(Value::Object(answer)))
}

fn one(book: &mut Spreadsheet, index: usize, request: &Value) -> Result<Value, ApiError> {
    let kinds: Vec<(&String, &Value)> = request
        .as_object()
        .map(|map| map.iter().filter(|(_, inner)| !inner.is_null()).collect())
        .unwrap_or_default();
    match kinds.as_slice() {
        [(kind, inner)] => {
            let prefix = format!("Invalid requests[{index}].{kind}: ");
            let reply =
                requests::apply(book, kind, inner).map_err(|error| error.prefixed(&prefix))?;
            Ok(reply.map_or_else(|| json!({}), |reply| crate::model::cell::object(kind, reply)))
        }
        [] => Err(ApiError::invalid(format!("Invalid requests[{index}]: No request set."))),
        _ => {
            let sentence = format!(
                "Invalid value at 'requests[{index}]' (oneof), oneof field 'kind' is already set. Cannot set '{}'",
                kinds.last().map_or("", |(kind, _)| kind.as_str())
            );
            Err(ApiError::bad_request(
                sentence.clone(),
                &[(format!("requests[{index}]"), sentence)],
            ))
        }
    }
}
