//! Requests about developer metadata.

use serde_json::{Value, json};

use super::Reply;
use crate::api::convert::{int, list, part, text};
use crate::api::error::ApiError;
use crate::api::fields::request_mask;
use crate::api::metadata::{Filter, metadata_json, place};
use crate::model::Spreadsheet;
use crate::model::cell::object;
use crate::model::metadata::Metadata;

fn visibility(value: &Value) -> Result<String, ApiError> {
    match text(value, "visibility") {
        Some(word @ ("DOCUMENT" | "PROJECT")) => Ok(word.to_owned()),
        _ => Err(ApiError::invalid("Developer metadata must have a visibility.")),
    }
}

fn key(value: &Value) -> Result<String, ApiError> {
    match text(value, "metadataKey") {
        Some(key) if !key.is_empty() => Ok(key.to_owned()),
        _ => Err(ApiError::invalid("Developer metadata must have a metadataKey.")),
    }
}

/// `createDeveloperMetadata`.
pub(super) fn create(book: &mut Spreadsheet, body: &Value) -> Reply {
    let asked = part(body, "developerMetadata");
    let id = match int(asked, "metadataId") {
        Some(id) if id <= 0 => {
            return Err(ApiError::invalid(format!("metadataId must be positive, but was {id}.")));
        }
        Some(id) => id,
        None => 0,
    };
    let entry = Metadata {
        id,
        key: key(asked)?,
        value: text(asked, "metadataValue").map(str::to_owned),
        visibility: visibility(asked)?,
        place: place(book, part(asked, "location"))?,
    };
    let added = book.add_metadata(entry)?;
    Ok(Some(object("developerMetadata", metadata_json(&added))))
}

/// `updateDeveloperMetadata`: every entry that a filter matches takes the fields of the mask.
pub(super) fn update(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "DeveloperMetadata")?;
    let new = part(body, "developerMetadata");
    let mut filters = Vec::new();
    for filter in list(body, "dataFilters") {
        filters.push(Filter::read(book, filter)?);
    }
    if filters.is_empty() {
        return Err(ApiError::invalid("Must specify at least one data filter."));
    }
    let meant: Vec<Metadata> = book
        .metadata
        .iter()
        .filter(|entry| filters.iter().any(|f| f.matches(entry)))
        .cloned()
        .collect();
    let named = |name: &str| mask.wants(name) && (!mask.is_everything() || new.get(name).is_some());
    let mut changed = Vec::new();
    for mut entry in meant {
        if named("metadataKey") {
            entry.key = key(new)?;
        }
        if named("metadataValue") {
            entry.value = text(new, "metadataValue").map(str::to_owned);
        }
        if named("visibility") {
            entry.visibility = visibility(new)?;
        }
        if named("location") {
            entry.place = place(book, part(new, "location"))?;
        }
        book.replace_metadata(&entry)?;
        changed.push(metadata_json(&entry));
    }
    Ok(Some(listed("developerMetadata", changed)))
}

/// `deleteDeveloperMetadata`: every entry the filter matches; none is no error.
pub(super) fn delete(book: &mut Spreadsheet, body: &Value) -> Reply {
    let filter = Filter::read(book, part(body, "dataFilter"))?;
    let removed = book.remove_metadata(|entry| filter.matches(entry));
    Ok(Some(listed("deletedDeveloperMetadata", removed.iter().map(metadata_json).collect())))
}

fn listed(key: &str, entries: Vec<Value>) -> Value {
    if entries.is_empty() { json!({}) } else { object(key, Value::Array(entries)) }
}
