//! Requests about tabs and the document.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Reply;
use super::parts::merge;
use crate::api::convert::{flag, index, int, part, text};
use crate::api::error::ApiError;
use crate::api::fields::{Mask, request_mask};
use crate::api::get::sheet_properties;
use crate::model::cell::object;
use crate::model::grid::Sheet;
use crate::model::shift::{Axis, Move};
use crate::model::{NEW_TAB, Spreadsheet};

/// `addSheet`.
pub(super) fn add(book: &mut Spreadsheet, body: &Value) -> Reply {
    let asked = part(body, "properties");
    check_type(asked)?;
    let id = choose_id(book, asked, "sheetId")?;
    let title = match text(asked, "title").filter(|title| !title.is_empty()) {
        Some(title) => title.to_owned(),
        None => free_title(book, "Sheet"),
    };
    check_title(book, id, &title)?;
    let grid = part(asked, "gridProperties");
    let rows = index(grid, "rowCount")?.unwrap_or(NEW_TAB.0);
    let cols = index(grid, "columnCount")?.unwrap_or(NEW_TAB.1);
    check_size(rows, cols)?;
    book.admit(id, rows, cols)?;
    let mut sheet = Sheet::new(id, &title, rows, cols);
    sheet.hidden = flag(asked, "hidden");
    sheet.grid_properties = rest_of(grid, &["rowCount", "columnCount"]);
    check_frozen(&sheet)?;
    sheet.properties = rest_of(asked, KNOWN);
    let place = index(asked, "index")?.unwrap_or(book.sheets.len()).min(book.sheets.len());
    let reply = object("properties", sheet_properties(place, &sheet));
    book.sheets.insert(place, Arc::new(sheet));
    Ok(Some(reply))
}

/// Sheet properties the model keeps itself; the others stay JSON.
const KNOWN: &[&str] = &["sheetId", "title", "index", "sheetType", "gridProperties", "hidden"];

fn rest_of(value: &Value, known: &[&str]) -> Map<String, Value> {
    let Value::Object(map) = value else { return Map::new() };
    map.iter()
        .filter(|(key, value)| !known.contains(&key.as_str()) && !is_default(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_default(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_i64() == Some(0)
}

fn choose_id(book: &mut Spreadsheet, asked: &Value, key: &str) -> Result<i64, ApiError> {
    match int(asked, key) {
        Some(id) if id < 0 => Err(ApiError::invalid(format!("{key} must be >= 0, but was {id}."))),
        Some(id) if book.sheet(id).is_some() => Err(ApiError::invalid(format!(
            "A sheet with the id {id} already exists. Please enter another id."
        ))),
        Some(id) => Ok(id),
        None => Ok(book.fresh_id(|book, id| book.sheet(id).is_some())),
    }
}

/// Tabs of the model are grids; a chart or a data source asked for must not become one silently.
fn check_type(asked: &Value) -> Result<(), ApiError> {
    match text(asked, "sheetType") {
        None | Some("SHEET_TYPE_UNSPECIFIED" | "GRID") => Ok(()),
        Some(other) => Err(ApiError::invalid(format!(
            "sheetType {other} is known to Google but not modelled by this emulator; it makes GRID tabs."
        ))),
    }
}

fn check_title(book: &Spreadsheet, id: i64, title: &str) -> Result<(), ApiError> {
    if title.is_empty() {
        return Err(ApiError::invalid("The sheet name cannot be empty."));
    }
    if book.sheet_titled(title).is_some_and(|other| other.id != id) {
        return Err(ApiError::invalid(format!(
            "A sheet with the name \"{title}\" already exists. Please enter another name."
        )));
    }
    Ok(())
}

fn check_size(rows: usize, cols: usize) -> Result<(), ApiError> {
    for (name, size) in [("rowCount", rows), ("columnCount", cols)] {
        if size == 0 {
            return Err(ApiError::invalid(format!(
                "gridProperties.{name} must be greater than 0."
            )));
        }
    }
    Ok(())
}

fn check_frozen(sheet: &Sheet) -> Result<(), ApiError> {
    for (name, size, what) in
        [("frozenRowCount", sheet.rows, "rows"), ("frozenColumnCount", sheet.cols, "columns")]
    {
        let frozen = sheet.grid_properties.get(name).and_then(Value::as_u64).unwrap_or(0);
        if usize::try_from(frozen).is_ok_and(|frozen| frozen >= size) {
            return Err(ApiError::invalid(format!(
                "You can't freeze all visible {what} on the sheet."
            )));
        }
    }
    Ok(())
}

fn free_title(book: &Spreadsheet, base: &str) -> String {
    let mut number = book.sheets.len() + 1;
    loop {
        let title = format!("{base}{number}");
        if book.sheet_titled(&title).is_none() {
            return title;
        }
        number += 1;
    }
}

fn known(book: &Spreadsheet, id: i64) -> Result<&Sheet, ApiError> {
    book.sheet(id).ok_or_else(|| ApiError::invalid(format!("No sheet with id: {id}")))
}

/// `deleteSheet`.
pub(super) fn delete(book: &mut Spreadsheet, body: &Value) -> Reply {
    let id = int(body, "sheetId").unwrap_or(0);
    known(book, id)?;
    if book.sheets.len() == 1 {
        return Err(ApiError::invalid("You can't remove all the sheets in a document."));
    }
    if !book.tabs().any(|sheet| sheet.id != id && !sheet.hidden) {
        return Err(ApiError::invalid("You can't remove all the visible sheets in a document."));
    }
    book.check_protection(&crate::model::area::Area::whole(id))?;
    book.remove_sheet(id);
    Ok(None)
}

/// `duplicateSheet`: cells and layout, no developer metadata.
pub(super) fn duplicate(book: &mut Spreadsheet, body: &Value) -> Reply {
    let source = int(body, "sourceSheetId").unwrap_or(0);
    let mut copy = known(book, source)?.clone();
    copy.id = choose_id(book, body, "newSheetId")?;
    copy.title = if let Some(title) = text(body, "newSheetName").filter(|title| !title.is_empty()) {
        title.to_owned()
    } else {
        let base = format!("Copy of {}", copy.title);
        if book.sheet_titled(&base).is_none() {
            base
        } else {
            free_title(book, &format!("{base} "))
        }
    };
    check_title(book, copy.id, &copy.title)?;
    book.admit(copy.id, copy.rows, copy.cols)?;
    if let Some((area, _)) = &mut copy.filter {
        area.sheet = copy.id;
    }
    for (areas, _) in &mut copy.rules {
        for area in areas {
            area.sheet = copy.id;
        }
    }
    let place = index(body, "insertSheetIndex")?.unwrap_or(0).min(book.sheets.len());
    let reply = object("properties", sheet_properties(place, &copy));
    book.sheets.insert(place, Arc::new(copy));
    Ok(Some(reply))
}

/// `updateSheetProperties`.
pub(super) fn properties(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "SheetProperties")?;
    let new = part(body, "properties");
    let id = int(new, "sheetId").unwrap_or(0);
    known(book, id)?;
    // With `*` only what is given is meant for the parts that identify the tab.
    let named = |name: &str| mask.wants(name) && (!mask.is_everything() || new.get(name).is_some());
    if named("sheetType") {
        check_type(new)?;
    }
    if named("title") {
        let title = text(new, "title").unwrap_or("").to_owned();
        check_title(book, id, &title)?;
        if let Some(sheet) = book.sheet_mut(id) {
            sheet.title = title;
        }
    }
    if named("hidden") {
        let hidden = flag(new, "hidden");
        if hidden && !book.tabs().any(|sheet| sheet.id != id && !sheet.hidden) {
            return Err(ApiError::invalid("You can't hide all the sheets in a document."));
        }
        if let Some(sheet) = book.sheet_mut(id) {
            sheet.hidden = hidden;
        }
    }
    if let Some(below) = mask.below("gridProperties").filter(|_| named("gridProperties")) {
        grid_properties(book, id, part(new, "gridProperties"), &below)?;
    }
    for name in ["tabColor", "tabColorStyle", "rightToLeft"] {
        if !named(name) {
            continue;
        }
        let value = part(new, name);
        if let Some(sheet) = book.sheet_mut(id) {
            if is_default(value) {
                sheet.properties.remove(name);
            } else {
                sheet.properties.insert(name.to_owned(), value.clone());
            }
        }
    }
    if named("index") {
        let to = index(new, "index")?.unwrap_or(0);
        let from = book.sheets.iter().position(|sheet| sheet.id == id).unwrap_or(0);
        // The place is counted before the tab is taken out.
        let sheet = book.sheets.remove(from);
        let to = if to > from { to - 1 } else { to };
        let last = book.sheets.len();
        book.sheets.insert(to.min(last), sheet);
    }
    Ok(None)
}

fn grid_properties(
    book: &mut Spreadsheet,
    id: i64,
    new: &Value,
    mask: &Mask,
) -> Result<(), ApiError> {
    let (mut rows, mut cols) = book.sheet(id).map_or((0, 0), |sheet| (sheet.rows, sheet.cols));
    let named = |name: &str| mask.wants(name) && (!mask.is_everything() || new.get(name).is_some());
    if named("rowCount") {
        rows = index(new, "rowCount")?.unwrap_or(0);
    }
    if named("columnCount") {
        cols = index(new, "columnCount")?.unwrap_or(0);
    }
    check_size(rows, cols)?;
    book.admit(id, rows, cols)?;
    let old = book.sheet(id).map_or((0, 0), |sheet| (sheet.rows, sheet.cols));
    resize(book, id, Axis::Rows, old.0, rows);
    resize(book, id, Axis::Cols, old.1, cols);
    let Some(sheet) = book.sheet_mut(id) else { return Ok(()) };
    let mut kept = Value::Object(std::mem::take(&mut sheet.grid_properties));
    let others = [
        "frozenRowCount",
        "frozenColumnCount",
        "hideGridlines",
        "rowGroupControlAfter",
        "columnGroupControlAfter",
    ];
    for name in others.into_iter().filter(|name| mask.wants(name)) {
        if let Value::Object(map) = &mut kept {
            map.remove(name);
            map.extend(
                new.get(name).filter(|v| !is_default(v)).map(|v| (name.to_owned(), v.clone())),
            );
        }
    }
    if let Value::Object(kept) = kept {
        sheet.grid_properties = kept;
    }
    check_frozen(sheet)
}

fn resize(book: &mut Spreadsheet, id: i64, axis: Axis, old: usize, new: usize) {
    if new > old {
        book.move_dimension(id, axis, Move::Insert { at: old, count: new - old });
    } else if new < old {
        book.move_dimension(id, axis, Move::Delete { at: new, count: old - new });
    }
}

/// `updateSpreadsheetProperties`.
pub(super) fn document(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "SpreadsheetProperties")?;
    let new = part(body, "properties");
    let named = |name: &str| mask.wants(name) && (!mask.is_everything() || new.get(name).is_some());
    if named("title") {
        let title = text(new, "title").unwrap_or("");
        book.set_title(title);
    }
    if named("locale") {
        text(new, "locale").unwrap_or("en_US").clone_into(&mut book.locale);
    }
    if named("timeZone") {
        text(new, "timeZone").unwrap_or("Etc/GMT").clone_into(&mut book.time_zone);
    }
    let mut kept = Value::Object(std::mem::take(&mut book.properties));
    for name in [
        "autoRecalc",
        "defaultFormat",
        "iterativeCalculationSettings",
        "spreadsheetTheme",
        "importFunctionsExternalUrlAccessAllowed",
    ] {
        if let Some(below) = mask.below(name).filter(|_| named(name)) {
            let mut inner = kept.get(name).cloned().unwrap_or(Value::Null);
            merge(&mut inner, new.get(name).unwrap_or(&Value::Null), &below);
            kept[name] = inner;
        }
    }
    if let Value::Object(kept) = kept {
        book.properties = kept;
    }
    Ok(None)
}
