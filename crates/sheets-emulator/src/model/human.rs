//! What people do in the grid, as opposed to what programs do through the API.

use std::sync::Arc;

use serde_json::json;

use super::act::{HumanAct, HumanError};
use super::area::{Rect, Span, column_index, parse_cells};
use super::cell::{Cell, Entered};
use super::eval::{Evaluator, compare};
use super::grid::Sheet;
use super::looks::{self, Choice};
use super::protect::Protection;
use super::shift::{Axis, Move, Shift};
use super::undo::{ACTS_MAX, Undo, Was};
use super::{NEW_TAB, Spreadsheet};

/// Does the act and remembers how to take it back.
pub(super) fn perform(book: &mut Spreadsheet, act: &HumanAct) -> Result<(), HumanError> {
    if matches!(act, HumanAct::Undo) {
        let undo = Arc::make_mut(&mut book.undo).pop();
        undo.ok_or_else(|| refuse("there is nothing to undo"))?.apply(book);
        return Ok(());
    }
    if let Some(undo) = apply(book, act)? {
        let acts = Arc::make_mut(&mut book.undo);
        if acts.len() == ACTS_MAX {
            acts.remove(0);
        }
        acts.push(undo);
    }
    Ok(())
}

pub(super) fn refuse(message: impl Into<String>) -> HumanError {
    HumanError(message.into())
}

fn apply(book: &mut Spreadsheet, act: &HumanAct) -> Result<Option<Undo>, HumanError> {
    use HumanAct as Act;
    let rows = Axis::Rows;
    let cols = Axis::Cols;
    match act {
        Act::Type { tab, cell, text } => {
            paste(book, tab, cell, std::slice::from_ref(&vec![text.clone()]))
        }
        Act::Paste { tab, at, rows } => paste(book, tab, at, rows),
        Act::Clear { tab, range } => clear(book, tab, range),
        Act::InsertRows { tab, at, count } => insert(book, tab, rows, row(*at)?, *count),
        Act::InsertColumns { tab, at, count } => insert(book, tab, cols, column(at)?, *count),
        Act::DeleteRows { tab, at, count } => delete(book, tab, rows, row(*at)?, *count),
        Act::DeleteColumns { tab, at, count } => delete(book, tab, cols, column(at)?, *count),
        Act::MoveRows { tab, from, count, to } => {
            drag(book, tab, rows, (row(*from)?, *count, row(*to)?))
        }
        Act::MoveColumns { tab, from, count, to } => {
            drag(book, tab, cols, (column(from)?, *count, column(to)?))
        }
        Act::Sort { tab, first_row, column: by, descending } => {
            sort(book, tab, row(*first_row)?, column(by)?, *descending)
        }
        Act::RenameTab { tab, to } => rename_tab(book, tab, to),
        Act::AddTab { title } => add_tab(book, title),
        Act::DeleteTab { tab } => delete_tab(book, tab),
        Act::RenameSpreadsheet { title } => {
            let before = book.title().to_owned();
            book.set_title(title);
            Ok(Some(Undo::Title(before)))
        }
        Act::Protect { tab, range, editors } => protect(book, tab, range.as_deref(), editors),
        Act::Unprotect { tab } => unprotect(book, tab),
        Act::Note { tab, cell, text } => looks::note(book, tab, cell, text),
        Act::Format { tab, range, kind, pattern } => {
            looks::format(book, (tab, range), kind, pattern.as_deref())
        }
        Act::HideRows { tab, at, count } => looks::hide(book, tab, *at, *count, true),
        Act::ShowRows { tab, at, count } => looks::hide(book, tab, *at, *count, false),
        Act::Filter { tab, range, column, hide, sort, descending } => {
            let (column, sort) = (column.as_deref(), sort.as_deref());
            let chosen = Choice { column, hide, sort, descending: *descending };
            looks::filter(book, (tab, range), chosen)
        }
        Act::ClearFilter { tab } => looks::clear_filter(book, tab),
        Act::Copy { tab, range, to } => looks::copy(book, tab, range, to),
        Act::Undo => Ok(None),
    }
}

pub(super) fn find<'a>(book: &'a Spreadsheet, tab: &str) -> Result<&'a Sheet, HumanError> {
    book.sheet_titled(tab).ok_or_else(|| refuse(format!("there is no tab '{tab}'")))
}

pub(super) fn row(number: usize) -> Result<usize, HumanError> {
    number.checked_sub(1).ok_or_else(|| refuse("rows are counted from 1"))
}

pub(super) fn column(letters: &str) -> Result<usize, HumanError> {
    column_index(letters).ok_or_else(|| refuse(format!("'{letters}' is no column")))
}

pub(super) fn spans(text: &str) -> Result<(Span, Span), HumanError> {
    parse_cells(text).ok_or_else(|| refuse(format!("'{text}' is no range")))
}

pub(super) fn limit(error: super::ApiError) -> HumanError {
    HumanError(error.message)
}

fn paste(
    book: &mut Spreadsheet,
    tab: &str,
    at: &str,
    rows: &[Vec<String>],
) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?;
    let (row_span, col_span) = spans(at)?;
    let (Some(top), Some(left)) = (row_span.start, col_span.start) else {
        return Err(refuse(format!("'{at}' is no cell")));
    };
    let (id, height) = (sheet.id, sheet.rows.max(top + rows.len()));
    let width = sheet.cols.max(left + rows.iter().map(Vec::len).max().unwrap_or(0));
    if top >= sheet.rows || left >= sheet.cols {
        return Err(refuse(format!("'{at}' is outside the grid of '{tab}'")));
    }
    book.admit(id, height, width).map_err(limit)?;
    if let Some(sheet) = book.sheet_mut(id) {
        sheet.resize(height, width);
    }
    let mut before: Vec<Was> = Vec::new();
    for (down, line) in rows.iter().enumerate() {
        for (right, text) in line.iter().enumerate() {
            let (row, col) = (top + down, left + right);
            let old = book.sheet(id).map(|sheet| sheet.copy(row, col)).unwrap_or_default();
            let mut cell = old.clone();
            book.type_into(&mut cell, text);
            if let Some(sheet) = book.sheet_mut(id) {
                sheet.put(row, col, cell);
            }
            before.push((id, row, col, old));
        }
    }
    Ok(Some(Undo::Cells(before)))
}

fn clear(book: &mut Spreadsheet, tab: &str, range: &str) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?;
    let (rows, cols) = spans(range)?;
    let ((r0, r1), (c0, c1)) = (rows.within(sheet.rows), cols.within(sheet.cols));
    let id = sheet.id;
    let before: Vec<Was> = sheet
        .stored_in(Rect { r0, r1, c0, c1 })
        .filter(|(_, _, cell)| cell.entered.is_some())
        .map(|(row, col, cell)| (id, row, col, cell.clone()))
        .collect();
    if let Some(sheet) = book.sheet_mut(id) {
        for (_, row, col, _) in &before {
            sheet.edit(*row, *col, |cell| cell.entered = None);
        }
    }
    Ok(Some(Undo::Cells(before)))
}

fn size(sheet: &Sheet, axis: Axis) -> usize {
    match axis {
        Axis::Rows => sheet.rows,
        Axis::Cols => sheet.cols,
    }
}

fn insert(
    book: &mut Spreadsheet,
    tab: &str,
    axis: Axis,
    at: usize,
    count: usize,
) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?;
    let id = sheet.id;
    if at > size(sheet, axis) {
        return Err(refuse(format!("'{tab}' ends before that")));
    }
    let (rows, cols) = match axis {
        Axis::Rows => (sheet.rows + count, sheet.cols),
        Axis::Cols => (sheet.rows, sheet.cols + count),
    };
    book.admit(id, rows, cols).map_err(limit)?;
    book.move_dimension(id, axis, Move::Insert { at, count });
    Ok(Some(Undo::Dimension { sheet: id, axis, by: Move::Delete { at, count }, cells: Vec::new() }))
}

fn delete(
    book: &mut Spreadsheet,
    tab: &str,
    axis: Axis,
    at: usize,
    count: usize,
) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?;
    let id = sheet.id;
    if count == 0 || at + count > size(sheet, axis) || count == size(sheet, axis) {
        return Err(refuse(format!("'{tab}' does not have that many to delete")));
    }
    let by = Move::Delete { at, count };
    let shift = Shift { sheet: id, axis, by: by.clone(), cross: None };
    let rect = match axis {
        Axis::Rows => Rect { r0: at, r1: at + count, c0: 0, c1: sheet.cols },
        Axis::Cols => Rect { r0: 0, r1: sheet.rows, c0: at, c1: at + count },
    };
    let mut cells: Vec<Was> =
        sheet.stored_in(rect).map(|(r, c, cell)| (id, r, c, cell.clone())).collect();
    cells.extend(broken_by(book, &shift));
    book.move_dimension(id, axis, by);
    Ok(Some(Undo::Dimension { sheet: id, axis, by: Move::Insert { at, count }, cells }))
}

/// The formula cells that lose a reference in this shift, as they are now.
fn broken_by(book: &Spreadsheet, shift: &Shift) -> Vec<Was> {
    let mut found = Vec::new();
    for sheet in book.tabs() {
        for (row, col) in sheet.formula_cells() {
            let Some(Entered::Formula(formula)) =
                sheet.cell(row, col).and_then(|c| c.entered.as_ref())
            else {
                continue;
            };
            if formula.shifted(sheet.id, shift).is_some_and(|after| after.is_broken()) {
                found.push((sheet.id, row, col, sheet.copy(row, col)));
            }
        }
    }
    found
}

fn drag(
    book: &mut Spreadsheet,
    tab: &str,
    axis: Axis,
    (from, count, to): (usize, usize, usize),
) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?;
    let id = sheet.id;
    if from + count > size(sheet, axis) || to > size(sheet, axis) {
        return Err(refuse(format!("'{tab}' ends before that")));
    }
    if (from..=from + count).contains(&to) {
        return Ok(None);
    }
    book.move_dimension(id, axis, Move::Block { from, count, to });
    let by = if to > from {
        Move::Block { from: to - count, count, to: from }
    } else {
        Move::Block { from: to, count, to: from + count }
    };
    Ok(Some(Undo::Dimension { sheet: id, axis, by, cells: Vec::new() }))
}

fn sort(
    book: &mut Spreadsheet,
    tab: &str,
    first: usize,
    column: usize,
    descending: bool,
) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?;
    let rect = Rect { r0: first, r1: sheet.data_end(), c0: 0, c1: sheet.cols };
    if rect.height() < 2 {
        return Ok(None);
    }
    let id = sheet.id;
    let order = sorted_order(book, id, rect, &[(column, descending)]);
    book.reorder_rows(id, rect, &order);
    Ok(Some(Undo::Order { sheet: id, rect, order: inverse(&order) }))
}

/// The order that takes `order` back.
pub(super) fn inverse(order: &[usize]) -> Vec<usize> {
    let mut back = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        back[*old] = new;
    }
    back
}

/// Old offsets of the rows in their sorted order: stable, empty cells last in both directions.
pub(crate) fn sorted_order(
    book: &Spreadsheet,
    sheet: i64,
    rect: Rect,
    specs: &[(usize, bool)],
) -> Vec<usize> {
    use super::cell::Scalar;
    let eval = Evaluator::new(book);
    let keys: Vec<Vec<Scalar>> = (rect.r0..rect.r1)
        .map(|row| specs.iter().map(|(col, _)| eval.value(sheet, row, *col)).collect())
        .collect();
    let mut order: Vec<usize> = (0..rect.height()).collect();
    order.sort_by(|a, b| {
        for ((left, right), (_, descending)) in keys[*a].iter().zip(&keys[*b]).zip(specs) {
            let plain = compare(left, right);
            let empty = *left == Scalar::Empty || *right == Scalar::Empty;
            let turned = if *descending && !empty { plain.reverse() } else { plain };
            if turned.is_ne() {
                return turned;
            }
        }
        std::cmp::Ordering::Equal
    });
    order
}

fn rename_tab(book: &mut Spreadsheet, tab: &str, to: &str) -> Result<Option<Undo>, HumanError> {
    let id = find(book, tab)?.id;
    if book.sheet_titled(to).is_some_and(|other| other.id != id) {
        return Err(refuse(format!("there is already a tab '{to}'")));
    }
    let before = tab.to_owned();
    if let Some(sheet) = book.sheet_mut(id) {
        to.clone_into(&mut sheet.title);
    }
    Ok(Some(Undo::TabTitle(id, before)))
}

fn add_tab(book: &mut Spreadsheet, title: &str) -> Result<Option<Undo>, HumanError> {
    if book.sheet_titled(title).is_some() {
        return Err(refuse(format!("there is already a tab '{title}'")));
    }
    let id = book.fresh_id(|book, id| book.sheet(id).is_some());
    book.admit(id, NEW_TAB.0, NEW_TAB.1).map_err(limit)?;
    book.sheets.push(Arc::new(Sheet::new(id, title, NEW_TAB.0, NEW_TAB.1)));
    Ok(Some(Undo::Added(id)))
}

fn delete_tab(book: &mut Spreadsheet, tab: &str) -> Result<Option<Undo>, HumanError> {
    let id = find(book, tab)?.id;
    if !book.tabs().any(|sheet| sheet.id != id && !sheet.hidden) {
        return Err(refuse("the last visible tab cannot be deleted"));
    }
    let Some(index) = book.sheets.iter().position(|sheet| sheet.id == id) else { return Ok(None) };
    let sheet = Arc::clone(&book.sheets[index]);
    book.remove_sheet(id);
    Ok(Some(Undo::Deleted(index, sheet)))
}

fn protect(
    book: &mut Spreadsheet,
    tab: &str,
    range: Option<&str>,
    editors: &[String],
) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?.id;
    let (rows, cols) = range.map_or_else(|| Ok((Span::default(), Span::default())), spans)?;
    let id = book.fresh_id(|book, id| book.protections.iter().any(|p| p.id == id));
    Arc::make_mut(&mut book.protections).push(Protection {
        id,
        area: Some(super::area::Area { sheet, rows, cols }),
        named: None,
        open: Vec::new(),
        warning_only: false,
        value: json!({"editors": {"users": editors}}),
    });
    Ok(None)
}

fn unprotect(book: &mut Spreadsheet, tab: &str) -> Result<Option<Undo>, HumanError> {
    let sheet = find(book, tab)?.id;
    let guards =
        |one: &Protection| !one.warning_only && one.area.is_some_and(|area| area.sheet == sheet);
    Arc::make_mut(&mut book.protections).retain(|one| !guards(one));
    Ok(None)
}

impl Spreadsheet {
    /// Puts a typed text into a cell the way the grid does: plain-text cells keep it, others read it.
    pub(crate) fn type_into(&self, cell: &mut Cell, text: &str) {
        use super::parse::{Typed, typed};
        if super::format::is_text(cell.number_format()) && !text.is_empty() {
            cell.entered = Some(Entered::text(text.strip_prefix('\'').unwrap_or(text)));
            return;
        }
        cell.entered = match typed(text) {
            Typed::Empty => None,
            Typed::Bool(value) => Some(Entered::Bool(value)),
            Typed::Text(text) => Some(Entered::text(&text)),
            Typed::Formula(text) => Some(Entered::Formula(Box::new(self.parse_formula(&text)))),
            Typed::Number(number, format) => {
                if let (Some((kind, pattern)), None) = (format, cell.number_format()) {
                    cell.set_number_format(kind, pattern);
                }
                Some(Entered::Number(number))
            }
        };
    }

    /// Removes a tab and what hangs on it; references to it break.
    pub(crate) fn remove_sheet(&mut self, id: i64) {
        self.sheets.retain(|sheet| sheet.id != id);
        self.remove_metadata(|entry| entry.place.sheet() == Some(id));
        if self.names.iter().any(|named| named.area.sheet == id) {
            Arc::make_mut(&mut self.names).retain(|named| named.area.sheet != id);
        }
        if self.protections.iter().any(|p| p.area.is_some_and(|area| area.sheet == id)) {
            Arc::make_mut(&mut self.protections)
                .retain(|p| p.area.is_none_or(|area| area.sheet != id));
        }
    }
}
