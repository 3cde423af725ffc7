//! Requests about order and look: sorting, filters, merges, conditional formats.

use serde_json::{Map, Value, json};

use super::Reply;
use super::cells::guard;
use crate::api::convert::{area, area_json, index, int, list, part, text};
use crate::api::error::ApiError;
use crate::model::Spreadsheet;
use crate::model::area::{Area, Rect};
use crate::model::cell::{Cell, object};
use crate::model::grid::Sheet;
use crate::model::human::sorted_order;

/// `sortRange`; `dimensionIndex` is the column of the tab, not of the range.
pub(super) fn sort(book: &mut Spreadsheet, body: &Value) -> Reply {
    let range = area(book, part(body, "range"))?;
    let mut rect = book.rect_of(&range)?;
    let mut specs = Vec::new();
    for spec in list(body, "sortSpecs") {
        let column = index(spec, "dimensionIndex")?.unwrap_or(0);
        if !(rect.c0..rect.c1).contains(&column) {
            return Err(ApiError::invalid(format!(
                "sortSpecs.dimensionIndex[{column}] must be within the range."
            )));
        }
        specs.push((column, text(spec, "sortOrder") == Some("DESCENDING")));
    }
    if specs.is_empty() {
        return Err(ApiError::invalid("Must specify at least one sort spec."));
    }
    guard(book, range.sheet, rect)?;
    // Rows behind the last stored one are all empty and stay where they are.
    let stored = book.sheet(range.sheet).map_or(0, Sheet::stored_rows);
    rect.r1 = rect.r1.min(stored.max(rect.r0));
    let order = sorted_order(book, range.sheet, rect, &specs);
    book.reorder_rows(range.sheet, rect, &order);
    Ok(None)
}

/// `setBasicFilter`.
pub(super) fn set_filter(book: &mut Spreadsheet, body: &Value) -> Reply {
    let filter = part(body, "filter");
    let range = area(book, part(filter, "range"))?;
    book.set_filter(range, without_range(filter, "range"))?;
    Ok(None)
}

/// `clearBasicFilter`.
pub(super) fn clear_filter(book: &mut Spreadsheet, body: &Value) -> Reply {
    let id = int(body, "sheetId").unwrap_or(0);
    let tab =
        book.sheet_mut(id).ok_or_else(|| ApiError::invalid(format!("No grid with id: {id}")))?;
    tab.clear_filter();
    Ok(None)
}

fn without_range(value: &Value, key: &str) -> Value {
    let mut map = value.as_object().cloned().unwrap_or_else(Map::new);
    map.shift_remove(key);
    Value::Object(map)
}

/// `mergeCells`: the first value stays, the others go.
pub(super) fn merge(book: &mut Spreadsheet, body: &Value) -> Reply {
    let range = area(book, part(body, "range"))?;
    let rect = book.rect_of(&range)?;
    guard(book, range.sheet, rect)?;
    let pieces: Vec<Rect> = match text(body, "mergeType") {
        Some("MERGE_COLUMNS") => {
            (rect.c0..rect.c1).map(|c| Rect { c0: c, c1: c + 1, ..rect }).collect()
        }
        Some("MERGE_ROWS") => {
            (rect.r0..rect.r1).map(|r| Rect { r0: r, r1: r + 1, ..rect }).collect()
        }
        _ => vec![rect],
    };
    let Some(tab) = book.sheet_mut(range.sheet) else { return Ok(None) };
    let inside = |inner: &Rect| {
        inner.r0 >= rect.r0 && inner.r1 <= rect.r1 && inner.c0 >= rect.c0 && inner.c1 <= rect.c1
    };
    if tab.merges.iter().any(|old| touches(old, &rect) && !inside(old)) {
        return Err(ApiError::invalid(
            "You must select all cells in a merged range to merge or unmerge them.",
        ));
    }
    tab.merges.retain(|old| !touches(old, &rect));
    for piece in pieces.into_iter().filter(|piece| piece.height() * piece.width() > 1) {
        let held: Vec<(usize, usize)> = tab
            .stored_in(piece)
            .filter(|(_, _, cell)| cell.entered.is_some())
            .map(|(row, col, _)| (row, col))
            .collect();
        let first: Option<Cell> = held.first().map(|(row, col)| tab.copy(*row, *col));
        for (row, col) in held {
            tab.edit(row, col, |cell| cell.entered = None);
        }
        if let Some(first) = first {
            tab.put(piece.r0, piece.c0, first);
        }
        tab.merges.push(piece);
    }
    Ok(None)
}

/// `unmergeCells`.
pub(super) fn unmerge(book: &mut Spreadsheet, body: &Value) -> Reply {
    let range = area(book, part(body, "range"))?;
    let rect = book.rect_of(&range)?;
    if let Some(tab) = book.sheet_mut(range.sheet) {
        tab.merges.retain(|old| !touches(old, &rect));
    }
    Ok(None)
}

fn touches(a: &Rect, b: &Rect) -> bool {
    a.r0 < b.r1 && b.r0 < a.r1 && a.c0 < b.c1 && b.c0 < a.c1
}

/// `addConditionalFormatRule`.
pub(super) fn add_rule(book: &mut Spreadsheet, body: &Value) -> Reply {
    let rule = part(body, "rule");
    let mut areas: Vec<Area> = Vec::new();
    for range in list(rule, "ranges") {
        areas.push(area(book, range)?);
    }
    let Some(first) = areas.first() else {
        return Err(ApiError::invalid(
            "Must specify at least one range in a conditional format rule.",
        ));
    };
    if areas.iter().any(|area| area.sheet != first.sheet) {
        return Err(ApiError::invalid(
            "All ranges of a conditional format rule must be on the same grid.",
        ));
    }
    let place = index(body, "index")?.unwrap_or(0);
    let id = first.sheet;
    let Some(tab) = book.sheet_mut(id) else { return Ok(None) };
    if place > tab.rules.len() {
        return Err(ApiError::invalid(format!(
            "index[{place}] must be less than or equal to the number of rules ({}).",
            tab.rules.len()
        )));
    }
    tab.rules.insert(place, (areas, without_range(rule, "ranges")));
    Ok(None)
}

/// `deleteConditionalFormatRule`.
pub(super) fn delete_rule(book: &mut Spreadsheet, body: &Value) -> Reply {
    let id = int(body, "sheetId").unwrap_or(0);
    let place = index(body, "index")?.unwrap_or(0);
    let tab =
        book.sheet_mut(id).ok_or_else(|| ApiError::invalid(format!("No grid with id: {id}")))?;
    if place >= tab.rules.len() {
        return Err(ApiError::invalid(format!(
            "No conditional format on sheet: {id} at index: {place}"
        )));
    }
    let (areas, mut rule) = tab.rules.remove(place);
    let ranges: Vec<Value> = areas.iter().map(area_json).collect();
    if let Value::Object(map) = &mut rule {
        map.insert("ranges".into(), json!(ranges));
    }
    Ok(Some(object("rule", rule)))
}
