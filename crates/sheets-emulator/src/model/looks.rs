//! What people do to cells and rows beside their values: notes, formats, hiding, filters, copies inside the grid.

use serde_json::{Map, Value, json};

use super::Spreadsheet;
use super::act::HumanError;
use super::area::{Rect, parse_cells};
use super::grid::Sheet;
use super::human::{column, find, limit, refuse, row, spans};
use super::undo::{Undo, Was};

type Done = Result<Option<Undo>, HumanError>;

/// The rectangle of an A1 range in a tab, cut at the end of its grid.
pub(super) fn rect(sheet: &Sheet, range: &str) -> Result<Rect, HumanError> {
    let (rows, cols) = spans(range)?;
    let ((r0, r1), (c0, c1)) = (rows.within(sheet.rows), cols.within(sheet.cols));
    let rect = Rect { r0, r1, c0, c1 };
    if rect.is_empty() {
        return Err(refuse(format!("'{range}' is outside the grid of '{}'", sheet.title)));
    }
    Ok(rect)
}

fn was(sheet: &Sheet, rect: Rect) -> Vec<Was> {
    (rect.r0..rect.r1)
        .flat_map(|row| (rect.c0..rect.c1).map(move |col| (row, col)))
        .map(|(row, col)| (sheet.id, row, col, sheet.copy(row, col)))
        .collect()
}

/// Writes a note, or takes it away.
pub(super) fn note(book: &mut Spreadsheet, tab: &str, cell: &str, text: &str) -> Done {
    let sheet = find(book, tab)?;
    let (id, rect) = (sheet.id, rect(sheet, cell)?);
    let before = was(sheet, rect);
    if let Some(sheet) = book.sheet_mut(id) {
        for (_, row, col, _) in &before {
            sheet.edit(*row, *col, |cell| cell.edit_extra(|extra| extra.note = Some(text.into())));
        }
    }
    Ok(Some(Undo::Cells(before)))
}

/// Gives cells a number format.
pub(super) fn format(
    book: &mut Spreadsheet,
    (tab, range): (&str, &str),
    kind: &str,
    pattern: Option<&str>,
) -> Done {
    let sheet = find(book, tab)?;
    let (id, rect) = (sheet.id, rect(sheet, range)?);
    let before = was(sheet, rect);
    // Through the door of programs, so that what it refuses is refused here too.
    let mut number = Map::new();
    number.insert("type".into(), kind.into());
    if let Some(pattern) = pattern {
        number.insert("pattern".into(), pattern.into());
    }
    let request = json!({"requests": [{"repeatCell": {
        "range": crate::api::convert::area_json(&rect.on(id)),
        "cell": {"userEnteredFormat": {"numberFormat": number}},
        "fields": "userEnteredFormat.numberFormat",
    }}]});
    by_owner(book, &request)?;
    Ok(Some(Undo::Cells(before)))
}

/// Hides or shows rows.
pub(super) fn hide(
    book: &mut Spreadsheet,
    tab: &str,
    at: usize,
    count: usize,
    hidden: bool,
) -> Done {
    let sheet = find(book, tab)?;
    let (id, first) = (sheet.id, row(at)?);
    if count == 0 || first + count > sheet.rows {
        return Err(refuse(format!("'{tab}' does not have that many rows")));
    }
    let before = looks(sheet);
    if let Some(sheet) = book.sheet_mut(id) {
        for row in first..first + count {
            sheet.row_sizes.entry(row).or_default().hidden = hidden;
        }
    }
    Ok(Some(before))
}

/// What a person chooses in a filter: values of one column to hide, and a column to sort by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) column: Option<&'a str>,
    pub(super) hide: &'a [String],
    pub(super) sort: Option<&'a str>,
    pub(super) descending: bool,
}

/// Puts a filter on a range; its first row is the header.
pub(super) fn filter(
    book: &mut Spreadsheet,
    (tab, range): (&str, &str),
    chosen: Choice<'_>,
) -> Done {
    let sheet = find(book, tab)?;
    let (id, rect) = (sheet.id, rect(sheet, range)?);
    let before = looks(sheet);
    let mut filter = Map::new();
    if let Some(letters) = chosen.column {
        let spec = json!({
            "columnIndex": column(letters)?,
            "filterCriteria": {"hiddenValues": chosen.hide},
        });
        filter.insert("filterSpecs".into(), json!([spec]));
    }
    if let Some(letters) = chosen.sort {
        let order = if chosen.descending { "DESCENDING" } else { "ASCENDING" };
        let spec = json!({"dimensionIndex": column(letters)?, "sortOrder": order});
        filter.insert("sortSpecs".into(), json!([spec]));
    }
    let sorted = as_owner(book, |book| book.set_filter(rect.on(id), Value::Object(filter)));
    Ok(Some(match sorted.map_err(limit)? {
        None => before,
        Some((rect, order)) => {
            let back = super::human::inverse(&order);
            Undo::Both(Box::new(Undo::Order { sheet: id, rect, order: back }), Box::new(before))
        }
    }))
}

/// Takes the filter of a tab away.
pub(super) fn clear_filter(book: &mut Spreadsheet, tab: &str) -> Done {
    let sheet = find(book, tab)?;
    if sheet.filter.is_none() {
        return Err(refuse(format!("'{tab}' has no filter")));
    }
    let (id, before) = (sheet.id, looks(sheet));
    if let Some(sheet) = book.sheet_mut(id) {
        sheet.clear_filter();
    }
    Ok(Some(before))
}

/// Copies a block and pastes it elsewhere in the tab: formulas shift as they do in the grid.
pub(super) fn copy(book: &mut Spreadsheet, tab: &str, range: &str, to: &str) -> Done {
    let sheet = find(book, tab)?;
    let (id, from) = (sheet.id, rect(sheet, range)?);
    let (to, from_json) = (target(to, from)?, crate::api::convert::area_json(&from.on(id)));
    if to.r1 > sheet.rows || to.c1 > sheet.cols {
        return Err(refuse(format!("the copy does not fit into the grid of '{tab}'")));
    }
    let before = was(sheet, to);
    let request = json!({"requests": [{"copyPaste": {
        "source": from_json,
        "destination": crate::api::convert::area_json(&to.on(id)),
        "pasteType": "PASTE_NORMAL",
    }}]});
    by_owner(book, &request)?;
    Ok(Some(Undo::Cells(before)))
}

/// Where a copied block lands with its top left corner at `at`.
pub(super) fn target(at: &str, from: Rect) -> Result<Rect, HumanError> {
    let corner = parse_cells(at).and_then(|(rows, cols)| Some((rows.start?, cols.start?)));
    let (top, left) = corner.ok_or_else(|| refuse(format!("'{at}' is no cell")))?;
    Ok(Rect::at(top, left, from.height(), from.width()))
}

fn looks(sheet: &Sheet) -> Undo {
    Undo::Looks { sheet: sheet.id, sizes: sheet.row_sizes.clone(), filter: sheet.filter.clone() }
}

fn by_owner(book: &mut Spreadsheet, request: &Value) -> Result<(), HumanError> {
    let query = super::Query::default();
    let done = as_owner(book, |book| crate::api::batch::batch_update(book, request, &query));
    done.map(|_| ()).map_err(limit)
}

/// Runs a call as the person in the grid, who owns it, and not as the last program that called.
fn as_owner<T>(book: &mut Spreadsheet, call: impl FnOnce(&mut Spreadsheet) -> T) -> T {
    let caller = book.caller.take();
    let done = call(book);
    book.caller = caller;
    done
}
