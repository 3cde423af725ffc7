//! Ranges in A1 notation, resolved against the tabs and names of a spreadsheet.

use super::error::ApiError;
use crate::model::Spreadsheet;
use crate::model::area::{Area, Rect, Span, parse_range, print_rect};

/// What the text names: a bare cell range is on the first tab; a bare word is a tab or a named range.
pub(crate) fn resolve(book: &Spreadsheet, range: &str) -> Result<Area, ApiError> {
    let unreadable = || ApiError::invalid(format!("Unable to parse range: {range}"));
    let written = parse_range(range).ok_or_else(unreadable)?;
    let (rows, cols) = written.cells.unwrap_or_default();
    match &written.tab {
        None => {
            let first = book.tabs().find(|sheet| !sheet.hidden).or_else(|| book.tabs().next());
            let sheet = first.ok_or_else(unreadable)?.id;
            Ok(Area { sheet, rows, cols })
        }
        Some(title) => match book.sheet_titled(title) {
            Some(sheet) => Ok(Area { sheet: sheet.id, rows, cols }),
            None if written.cells.is_none() && !written.quoted => {
                book.named_area(title).ok_or_else(unreadable)
            }
            None => Err(unreadable()),
        },
    }
}

/// The rectangle of a range, cut at the end of the grid; a start outside is refused with the range as resolved.
pub(crate) fn rect(book: &Spreadsheet, range: &str) -> Result<(Area, Rect), ApiError> {
    let area = resolve(book, range)?;
    let sheet = book.sheet(area.sheet).ok_or_else(ApiError::not_found)?;
    let outside = |span: Span, size: usize| span.start.is_some_and(|start| start >= size);
    if outside(area.rows, sheet.rows) || outside(area.cols, sheet.cols) {
        return Err(ApiError::invalid(format!(
            "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
            book.print_area(&area),
            sheet.rows,
            sheet.cols
        )));
    }
    Ok((area, book.rect_of(&area)?))
}

/// The normalised range as answers echo it.
pub(crate) fn echo(book: &Spreadsheet, sheet: i64, rect: Rect) -> String {
    print_rect(book.sheet(sheet).map_or("", |sheet| sheet.title.as_str()), rect)
}
