//! The few calls of the Drive API that spreadsheet clients make: create, find, look at and delete a file.

use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::model::{Query, Spreadsheet};

use super::quota::CallKind;
use super::state::{Document, Shared, State, no_permission};

const KIND: &str = "application/vnd.google-apps.spreadsheet";

/// `files.create` of an empty spreadsheet.
pub(crate) fn create(state: &State, body: &Value) -> Result<Value, ApiError> {
    if body.get("mimeType").and_then(Value::as_str) != Some(KIND) {
        return Err(ApiError::invalid(format!(
            "The emulator makes files of the type {KIND} only."
        )));
    }
    let name = body.get("name").and_then(Value::as_str).unwrap_or("Untitled");
    let book = Spreadsheet::new(&state.new_id(), name);
    let id = book.id().to_owned();
    state.insert(book).map_err(|error| ApiError::invalid(error.to_string()))?;
    of(state, &id, |document| Ok(described(state, document)))
}

/// `files.list`, oldest id first, on one page; `q` may ask for the type and for one name.
pub(crate) fn list(state: &State, account: &str, query: &Query) -> Result<Value, ApiError> {
    let name = wanted_name(query.first("q").unwrap_or_default())?;
    let mut files = Vec::new();
    for (id, title, _) in state.listing() {
        if name.as_ref().is_some_and(|name| *name != title) {
            continue;
        }
        let file = of(state, &id, |document| {
            Ok(document.permits(account, CallKind::Read).then(|| described(state, document)))
        });
        // One deleted since the listing is simply not there.
        files.extend(file.ok().flatten());
    }
    Ok(json!({"kind": "drive#fileList", "incompleteSearch": false, "files": files}))
}

/// `files.get`.
pub(crate) fn get(state: &State, account: &str, id: &str) -> Result<Value, ApiError> {
    of(state, id, |document| {
        if document.permits(account, CallKind::Read) {
            Ok(described(state, document))
        } else {
            Err(missing(id))
        }
    })
}

/// `files.delete`: for good, without a bin.
pub(crate) fn delete(state: &State, account: &str, id: &str) -> Result<Value, ApiError> {
    of(state, id, |document| {
        if document.permits(account, CallKind::Write) { Ok(()) } else { Err(no_permission()) }
    })?;
    state.remove(id);
    Ok(Value::Null)
}

fn of<T>(
    state: &Shared,
    id: &str,
    work: impl FnOnce(&Document) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    state.with(id, |document| work(document)).unwrap_or_else(|_| Err(missing(id)))
}

fn missing(id: &str) -> ApiError {
    ApiError { message: format!("File not found: {id}."), ..ApiError::not_found() }
}

fn described(state: &Shared, document: &Document) -> Value {
    let (created, changed) = document.times();
    let date = |moment| format!("{:.3}", state.clock.date(moment));
    json!({
        "kind": "drive#file",
        "id": document.book.id(),
        "name": document.book.title(),
        "mimeType": KIND,
        "createdTime": date(created),
        "modifiedTime": date(changed),
    })
}

/// The name a query asks for; any other wish is refused, since ignoring it would answer another question.
fn wanted_name(query: &str) -> Result<Option<String>, ApiError> {
    let mut name = None;
    for wish in query.split(" and ").map(str::trim).filter(|wish| !wish.is_empty()) {
        let (left, right) = wish.split_once('=').unwrap_or((wish, ""));
        let text = right.trim().trim_matches(['"', '\'']);
        match left.trim() {
            "mimeType" if text == KIND => {}
            "name" => name = Some(text.to_owned()),
            _ => {
                let message = format!("The emulator cannot search files by: {wish}");
                return Err(ApiError::invalid(message));
            }
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_by_type_and_name_or_refused() {
        let both = format!("mimeType=\"{KIND}\" and name = \"Orders\"");
        assert_eq!(wanted_name(&both).unwrap().as_deref(), Some("Orders"));
        assert_eq!(wanted_name("").unwrap(), None);
        assert!(wanted_name("parents in \"x\"").is_err());
    }
}
