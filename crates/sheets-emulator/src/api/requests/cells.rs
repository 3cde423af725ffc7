//! Requests that write cells from `CellData`.

use std::sync::Arc;

use serde_json::Value;

use super::Reply;
use super::parts::Parts;
use crate::api::convert::{area, flag, index, int, list, part};
use crate::api::error::ApiError;
use crate::api::fields::{Mask, request_mask};
use crate::model::Spreadsheet;
use crate::model::area::{Area, Rect};
use crate::model::cell::Cell;
use crate::model::grid::Sheet;
use crate::model::shift::{Axis, Move};

/// `updateCells`: from `start` nothing else is touched; in a `range` what `rows` do not cover is cleared.
pub(super) fn update(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "CellData")?;
    let rows = list(body, "rows");
    let range = part(body, "range");
    let (sheet, target, fence) = if range.is_null() {
        let start = part(body, "start");
        if start.is_null() {
            return Err(ApiError::invalid("Must specify one of: start, range"));
        }
        let sheet = int(start, "sheetId").unwrap_or(0);
        let row = index(start, "rowIndex")?.unwrap_or(0);
        let col = index(start, "columnIndex")?.unwrap_or(0);
        let corner = Rect::at(row, col, 1, 1);
        let grid = grid(book, sheet)?;
        book.rect_of(&corner.on(sheet))?;
        let width = rows.iter().map(|row| list(row, "values").len()).max().unwrap_or(0);
        let target = Rect::at(row, col, rows.len(), width);
        (sheet, target, grid)
    } else {
        let area = area(book, range)?;
        let rect = book.rect_of(&area)?;
        (area.sheet, rect, rect)
    };
    fits(rows, target, fence)?;
    if !target.is_empty() {
        book.check_protection(&target.on(sheet))?;
    }
    if range.is_null() {
        write_rows(book, sheet, target, rows, &mask)
    } else {
        clear_uncovered(book, sheet, target, rows, &mask);
        write_rows(book, sheet, target, rows, &mask)
    }
    .map(|()| None)
}

/// `appendCells`: after the last row with data anywhere in the tab; grows the grid downwards.
pub(super) fn append(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "CellData")?;
    let sheet = int(body, "sheetId").unwrap_or(0);
    let rows = list(body, "rows");
    let grid = grid(book, sheet)?;
    let start = book.sheet(sheet).map_or(0, Sheet::data_end);
    let end = start + rows.len();
    if end > grid.r1 {
        book.admit(sheet, end, grid.c1)?;
        let by = Move::Insert { at: grid.r1, count: end - grid.r1 };
        book.move_dimension(sheet, Axis::Rows, by);
    }
    let width = rows.iter().map(|row| list(row, "values").len()).max().unwrap_or(0);
    let target = Rect::at(start, 0, rows.len(), width);
    fits(rows, target, Rect { r1: end.max(grid.r1), ..grid })?;
    if !target.is_empty() {
        book.check_protection(&target.on(sheet))?;
    }
    write_rows(book, sheet, target, rows, &mask)?;
    Ok(None)
}

/// `repeatCell`: the same cell everywhere in a range; formulas shift as copies do.
pub(super) fn repeat(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "CellData")?;
    let area = area(book, part(body, "range"))?;
    let rect = book.rect_of(&area)?;
    if rect.is_empty() {
        return Ok(None);
    }
    book.check_protection(&rect.on(area.sheet))?;
    let parts = Parts::of(&mask);
    let pattern = parts.read(book, area.sheet, part(body, "cell"))?;
    for row in rect.r0..rect.r1 {
        for col in rect.c0..rect.c1 {
            let mut cell = book.sheet(area.sheet).map(|tab| tab.copy(row, col)).unwrap_or_default();
            parts.put(&pattern, &mut cell, row - rect.r0, col - rect.c0);
            if let Some(tab) = book.sheet_mut(area.sheet) {
                tab.put(row, col, cell);
            }
        }
    }
    Ok(None)
}

/// `setDataValidation`: without a rule the validation is taken away.
pub(super) fn validate(book: &mut Spreadsheet, body: &Value) -> Reply {
    let area = area(book, part(body, "range"))?;
    let rect = book.rect_of(&area)?;
    book.check_protection(&rect.on(area.sheet))?;
    let filtered_too = flag(body, "filteredRowsIncluded");
    let rule = part(body, "rule");
    let rule = (!rule.is_null()).then(|| Arc::new(rule.clone()));
    let Some(tab) = book.sheet_mut(area.sheet) else { return Ok(None) };
    let cells: Vec<(usize, usize)> = if rule.is_some() {
        (rect.r0..rect.r1).flat_map(|row| (rect.c0..rect.c1).map(move |col| (row, col))).collect()
    } else {
        tab.stored_in(rect).map(|(row, col, _)| (row, col)).collect()
    };
    for (row, col) in cells {
        if !filtered_too && tab.filtered(row) {
            continue;
        }
        tab.edit(row, col, |cell| cell.edit_extra(|extra| extra.validation.clone_from(&rule)));
    }
    Ok(None)
}

fn grid(book: &Spreadsheet, sheet: i64) -> Result<Rect, ApiError> {
    let tab =
        book.sheet(sheet).ok_or_else(|| ApiError::invalid(format!("No grid with id: {sheet}")))?;
    Ok(tab.bounds())
}

fn fits(rows: &[Value], target: Rect, fence: Rect) -> Result<(), ApiError> {
    if target.r0 + rows.len() > fence.r1 {
        return Err(ApiError::invalid(format!(
            "Attempting to write row: {}, beyond the last requested row of: {}",
            fence.r1,
            fence.r1.max(1) - 1
        )));
    }
    let width = rows.iter().map(|row| list(row, "values").len()).max().unwrap_or(0);
    if target.c0 + width > fence.c1 {
        return Err(ApiError::invalid(format!(
            "Attempting to write column: {}, beyond the last requested column of: {}",
            fence.c1,
            fence.c1.max(1) - 1
        )));
    }
    Ok(())
}

fn write_rows(
    book: &mut Spreadsheet,
    sheet: i64,
    target: Rect,
    rows: &[Value],
    mask: &Mask,
) -> Result<(), ApiError> {
    let parts = Parts::of(mask);
    for (down, row) in rows.iter().enumerate() {
        for (right, data) in list(row, "values").iter().enumerate() {
            let (row, col) = (target.r0 + down, target.c0 + right);
            let pattern = parts.read(book, sheet, data)?;
            if let Some(tab) = book.sheet_mut(sheet) {
                let mut cell = tab.copy(row, col);
                parts.put(&pattern, &mut cell, 0, 0);
                tab.put(row, col, cell);
            }
        }
    }
    Ok(())
}

fn clear_uncovered(book: &mut Spreadsheet, sheet: i64, rect: Rect, rows: &[Value], mask: &Mask) {
    let Some(tab) = book.sheet_mut(sheet) else { return };
    let covered = |row: usize, col: usize| {
        rows.get(row - rect.r0).is_some_and(|data| col - rect.c0 < list(data, "values").len())
    };
    let stale: Vec<_> = tab
        .stored_in(rect)
        .map(|(row, col, _)| (row, col))
        .filter(|(row, col)| !covered(*row, *col))
        .collect();
    let parts = Parts::of(mask);
    let nothing = Cell::default();
    for (row, col) in stale {
        tab.edit(row, col, |cell| parts.put(&nothing, cell, 0, 0));
    }
}

/// The rectangle as an area, for callers that only have the rectangle.
pub(super) fn guard(book: &Spreadsheet, sheet: i64, rect: Rect) -> Result<(), ApiError> {
    let area: Area = rect.on(sheet);
    book.check_protection(&area)
}
