//! Requests about rows and columns: added, removed, moved, resized.

use serde_json::Value;

use super::Reply;
use super::cells::guard;
use crate::api::convert::{area, axis, dimension, flag, index, int, part};
use crate::api::error::ApiError;
use crate::api::fields::request_mask;
use crate::model::Spreadsheet;
use crate::model::area::{Area, Rect, Span};
use crate::model::grid::Sheet;
use crate::model::shift::{Axis, Move};

fn size(book: &Spreadsheet, sheet: i64, axis: Axis) -> usize {
    book.sheet(sheet).map_or(0, |tab| match axis {
        Axis::Rows => tab.rows,
        Axis::Cols => tab.cols,
    })
}

fn admit_more(book: &Spreadsheet, sheet: i64, axis: Axis, count: usize) -> Result<(), ApiError> {
    let (rows, cols) = book.sheet(sheet).map_or((0, 0), |tab| (tab.rows, tab.cols));
    match axis {
        Axis::Rows => book.admit(sheet, rows + count, cols),
        Axis::Cols => book.admit(sheet, rows, cols + count),
    }
}

/// A run of whole rows or columns as an area.
fn band(sheet: i64, axis: Axis, start: usize, end: usize) -> Area {
    match axis {
        Axis::Rows => Area { sheet, rows: Span::new(start, end), cols: Span::default() },
        Axis::Cols => Area { sheet, rows: Span::default(), cols: Span::new(start, end) },
    }
}

/// `appendDimension`.
pub(super) fn append(book: &mut Spreadsheet, body: &Value) -> Reply {
    let sheet = int(body, "sheetId").unwrap_or(0);
    if book.sheet(sheet).is_none() {
        return Err(ApiError::invalid(format!("No grid with id: {sheet}")));
    }
    let axis = axis(body, "dimension")?;
    let count = index(body, "length")?.unwrap_or(0);
    if count == 0 {
        return Err(ApiError::invalid("length must be greater than 0."));
    }
    admit_more(book, sheet, axis, count)?;
    let at = size(book, sheet, axis);
    book.move_dimension(sheet, axis, Move::Insert { at, count });
    Ok(None)
}

/// The closed run of a request; its end must lie in the grid when `inside` says so.
fn run(
    book: &Spreadsheet,
    range: &Value,
    name: &str,
) -> Result<(i64, Axis, usize, usize), ApiError> {
    let (sheet, axis, span) = dimension(book, range)?;
    let size = size(book, sheet, axis);
    let start = span.start.unwrap_or(0);
    let end = span.end.unwrap_or(size);
    if start >= end {
        return Err(ApiError::invalid(format!(
            "{name}.startIndex[{start}] must be less than {name}.endIndex[{end}]."
        )));
    }
    Ok((sheet, axis, start, end))
}

/// `insertDimension`.
pub(super) fn insert(book: &mut Spreadsheet, body: &Value) -> Reply {
    let inherit = flag(body, "inheritFromBefore");
    let (sheet, axis, at, end) = run(book, part(body, "range"), "range")?;
    let size = size(book, sheet, axis);
    if inherit && at == 0 {
        return Err(ApiError::invalid(
            "inheritFromBefore cannot be true when inserting at the first row or column.",
        ));
    }
    if !inherit && at >= size {
        return Err(ApiError::invalid(format!(
            "range.startIndex[{at}] must be less than the grid size ({size}) if inheritFromBefore is false"
        )));
    }
    if at > size {
        return Err(ApiError::invalid(format!(
            "range.startIndex[{at}] must be less than or equal to the grid size ({size}) if inheritFromBefore is true"
        )));
    }
    admit_more(book, sheet, axis, end - at)?;
    // Inside a protected run, not at its edge, an insertion changes what is protected.
    if at > 0 && at < size {
        let before = book.check_protection(&band(sheet, axis, at - 1, at));
        before.or_else(|error| {
            if book.check_protection(&band(sheet, axis, at, at + 1)).is_err() {
                Err(error)
            } else {
                Ok(())
            }
        })?;
    }
    let model = if inherit { at - 1 } else { at };
    let formats = formats_of(book, sheet, axis, model);
    book.move_dimension(sheet, axis, Move::Insert { at, count: end - at });
    let Some(tab) = book.sheet_mut(sheet) else { return Ok(None) };
    for place in at..end {
        for (across, format) in &formats {
            let (row, col) = match axis {
                Axis::Rows => (place, *across),
                Axis::Cols => (*across, place),
            };
            tab.edit(row, col, |cell| cell.edit_extra(|extra| extra.format = Some(format.clone())));
        }
    }
    Ok(None)
}

/// Formats of a row or column, which new ones beside it inherit.
fn formats_of(
    book: &Spreadsheet,
    sheet: i64,
    axis: Axis,
    at: usize,
) -> Vec<(usize, std::sync::Arc<Value>)> {
    let Some(tab) = book.sheet(sheet) else { return Vec::new() };
    let rect = match axis {
        Axis::Rows => Rect::at(at, 0, 1, tab.cols),
        Axis::Cols => Rect::at(0, at, tab.rows, 1),
    };
    tab.stored_in(rect)
        .filter_map(|(row, col, cell)| {
            let across = match axis {
                Axis::Rows => col,
                Axis::Cols => row,
            };
            Some((across, cell.format()?.clone()))
        })
        .collect()
}

/// `deleteDimension`.
pub(super) fn delete(book: &mut Spreadsheet, body: &Value) -> Reply {
    let (sheet, axis, at, end) = run(book, part(body, "range"), "range")?;
    let size = size(book, sheet, axis);
    if at >= size || end > size {
        let (name, place) = if at >= size { ("startIndex", at) } else { ("endIndex", end) };
        return Err(ApiError::invalid(format!(
            "range.{name}[{place}] must be {} the grid size ({size}).",
            if at >= size { "less than" } else { "less than or equal to" }
        )));
    }
    if end - at == size {
        let what = match axis {
            Axis::Rows => "rows",
            Axis::Cols => "columns",
        };
        return Err(ApiError::invalid(format!("You can't delete all the {what} on the sheet.")));
    }
    book.check_protection(&band(sheet, axis, at, end))?;
    book.move_dimension(sheet, axis, Move::Delete { at, count: end - at });
    Ok(None)
}

/// `moveDimension`; `destinationIndex` counts before the move.
pub(super) fn relocate(book: &mut Spreadsheet, body: &Value) -> Reply {
    let (sheet, axis, from, end) = run(book, part(body, "source"), "source")?;
    let size = size(book, sheet, axis);
    let to = index(body, "destinationIndex")?.unwrap_or(0);
    if end > size {
        return Err(ApiError::invalid(format!(
            "source.endIndex[{end}] must be less than or equal to the grid size ({size})."
        )));
    }
    if to > size {
        return Err(ApiError::invalid(format!(
            "destinationIndex[{to}] must be less than or equal to the grid size ({size})."
        )));
    }
    if (from..=end).contains(&to) {
        return Ok(None);
    }
    book.check_protection(&band(sheet, axis, from, end))?;
    book.move_dimension(sheet, axis, Move::Block { from, count: end - from, to });
    Ok(None)
}

/// `insertRange`.
pub(super) fn insert_range(book: &mut Spreadsheet, body: &Value) -> Reply {
    let (sheet, rect, axis) = block(book, body)?;
    let (used, grid) =
        book.sheet(sheet).map_or((0, Rect::default()), |tab| (tab.data_end(), tab.bounds()));
    // Rows are added only when cells would be pushed over the edge.
    if axis == Axis::Rows && used > rect.r0 && used + rect.height() > grid.r1 {
        book.admit(sheet, used + rect.height(), grid.c1)?;
    }
    book.push_block(sheet, rect, axis);
    Ok(None)
}

/// `deleteRange`.
pub(super) fn delete_range(book: &mut Spreadsheet, body: &Value) -> Reply {
    let (sheet, rect, axis) = block(book, body)?;
    book.pull_block(sheet, rect, axis);
    Ok(None)
}

fn block(book: &Spreadsheet, body: &Value) -> Result<(i64, Rect, Axis), ApiError> {
    let area = area(book, part(body, "range"))?;
    let axis = axis(body, "shiftDimension")?;
    let rect = book.rect_of(&area)?;
    let grid = book.sheet(area.sheet).map_or(rect, Sheet::bounds);
    let moved = match axis {
        Axis::Rows => Rect { r1: grid.r1, ..rect },
        Axis::Cols => Rect { c1: grid.c1, ..rect },
    };
    guard(book, area.sheet, moved)?;
    Ok((area.sheet, rect, axis))
}

/// `updateDimensionProperties`.
pub(super) fn properties(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "DimensionProperties")?;
    let (sheet, axis, start, end) = run(book, part(body, "range"), "range")?;
    let size = size(book, sheet, axis);
    if end > size {
        return Err(ApiError::invalid(format!(
            "range.endIndex[{end}] must be less than or equal to the grid size ({size})."
        )));
    }
    let new = part(body, "properties");
    let pixels = int(new, "pixelSize").and_then(|pixels| u64::try_from(pixels).ok());
    let hidden = flag(new, "hiddenByUser");
    let Some(tab) = book.sheet_mut(sheet) else { return Ok(None) };
    let sizes = match axis {
        Axis::Rows => &mut tab.row_sizes,
        Axis::Cols => &mut tab.col_sizes,
    };
    for place in start..end {
        let entry = sizes.entry(place).or_default();
        if mask.wants("pixelSize") {
            entry.pixels = pixels;
        }
        if mask.wants("hiddenByUser") {
            entry.hidden = hidden;
        }
    }
    Ok(None)
}

/// `autoResizeDimensions`: nothing is drawn here, so sizes go back to their default.
pub(super) fn auto_resize(book: &mut Spreadsheet, body: &Value) -> Reply {
    let (sheet, axis, start, end) = run(book, part(body, "dimensions"), "dimensions")?;
    let Some(tab) = book.sheet_mut(sheet) else { return Ok(None) };
    let sizes = match axis {
        Axis::Rows => &mut tab.row_sizes,
        Axis::Cols => &mut tab.col_sizes,
    };
    for (_, entry) in sizes.range_mut(start..end) {
        entry.pixels = None;
    }
    Ok(None)
}
