//! What Google tells a script about an act of a person, and what it does not tell.
//!
//! | act | edit trigger | change trigger |
//! |---|---|---|
//! | one cell | range, value, old value | `EDIT` |
//! | a block | range only | `EDIT` |
//! | rows or columns inserted, deleted | nothing | `INSERT_ROW`, `REMOVE_COLUMN`, ... |
//! | rows or columns dragged | range, where they hold data | `EDIT`, or `OTHER` where they do not |
//! | tabs added, deleted, renamed | nothing | `INSERT_GRID`, `REMOVE_GRID`, `OTHER` |
//! | a number format | nothing | `FORMAT` |
//! | notes, filters, hidden rows, protection | nothing | `OTHER` |
//! | sort, undo | see [`Unsure`] | see [`Unsure`] |
//!
//! Calls of programs never come here: they fire nothing.

use serde::{Deserialize, Serialize};

use super::area::{Rect, Span, column_index, parse_cells};
use super::cell::{Cell, Entered, Scalar};
use super::eval::Evaluator;
use super::format;
use super::{HumanAct, Spreadsheet, looks};

/// What sort and undo fire. Google does not say; nobody who measured it was found. A caller must bear all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsure {
    /// A change `OTHER`, without a range.
    #[default]
    Change,
    /// An edit with the range that was touched.
    Edit,
    /// Nothing.
    Silent,
}

/// `changeType` of a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "Google's own names")]
pub enum ChangeType {
    Edit,
    InsertRow,
    InsertColumn,
    RemoveRow,
    RemoveColumn,
    InsertGrid,
    RemoveGrid,
    Format,
    Other,
}

/// One thing that happened, as triggers hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Values changed by hand.
    Edit {
        /// `sheetId` of the tab.
        sheet: i64,
        /// The cells.
        rect: Rect,
        /// What was typed, of a single cell that is not empty now.
        value: Option<String>,
        /// What was there, of a single cell that was not empty before.
        old_value: Option<String>,
    },
    /// Something changed; where is not said.
    Change {
        /// The tab the person looks at.
        sheet: i64,
        /// What kind of change.
        kind: ChangeType,
    },
}

/// The events of an act, in the order they fire.
pub fn events(
    act: &HumanAct,
    unsure: Unsure,
    before: &Spreadsheet,
    after: &Spreadsheet,
) -> Vec<Event> {
    use HumanAct as Act;
    let change = |tab: &str, kind| changed(after, tab, kind);
    match act {
        Act::Type { tab, cell, .. } => edited(before, after, tab, cell_rect(cell)),
        Act::Paste { tab, at, rows } => {
            let width = rows.iter().map(Vec::len).max().unwrap_or(0);
            let rect =
                cell_rect(at).map(|corner| Rect::at(corner.r0, corner.c0, rows.len(), width));
            edited(before, after, tab, rect)
        }
        Act::Clear { tab, range } => {
            let rect = before.sheet_titled(tab).and_then(|sheet| looks::rect(sheet, range).ok());
            edited(before, after, tab, rect)
        }
        Act::Copy { tab, range, to } => {
            let from = before.sheet_titled(tab).and_then(|sheet| looks::rect(sheet, range).ok());
            edited(before, after, tab, from.and_then(|from| looks::target(to, from).ok()))
        }
        Act::InsertRows { tab, .. } => change(tab, ChangeType::InsertRow),
        Act::DeleteRows { tab, .. } => change(tab, ChangeType::RemoveRow),
        Act::InsertColumns { tab, .. } => change(tab, ChangeType::InsertColumn),
        Act::DeleteColumns { tab, .. } => change(tab, ChangeType::RemoveColumn),
        Act::MoveRows { tab, from, count, to } => {
            dragged(after, tab, (*from, *count, *to), |tab, rows| Rect {
                r0: rows.0,
                r1: rows.1,
                ..tab
            })
        }
        Act::MoveColumns { tab, from, count, to } => {
            let number = |letters: &str| column_index(letters).map_or(1, |index| index + 1);
            dragged(after, tab, (number(from), *count, number(to)), |tab, columns| Rect {
                c0: columns.0,
                c1: columns.1,
                ..tab
            })
        }
        Act::Sort { tab, first_row, .. } => {
            let sheet = after.sheet_titled(tab);
            let rect = sheet.map(|it| Rect {
                r0: first_row - 1,
                r1: it.data_end().max(*first_row),
                ..it.bounds()
            });
            not_sure(unsure, after, sheet.map(|it| it.id).zip(rect))
        }
        Act::Undo => not_sure(unsure, after, difference(before, after)),
        Act::AddTab { title } => change(title, ChangeType::InsertGrid),
        Act::DeleteTab { .. } => first_tab(after, ChangeType::RemoveGrid),
        Act::RenameTab { to, .. } => change(to, ChangeType::Other),
        Act::Format { tab, .. } => change(tab, ChangeType::Format),
        Act::Note { tab, .. }
        | Act::HideRows { tab, .. }
        | Act::ShowRows { tab, .. }
        | Act::Filter { tab, .. }
        | Act::ClearFilter { tab }
        | Act::Protect { tab, .. }
        | Act::Unprotect { tab } => change(tab, ChangeType::Other),
        // The name of the document is nothing inside of it.
        Act::RenameSpreadsheet { .. } => Vec::new(),
    }
}

fn changed(book: &Spreadsheet, tab: &str, kind: ChangeType) -> Vec<Event> {
    let sheet = book.sheet_titled(tab);
    sheet.map(|sheet| Event::Change { sheet: sheet.id, kind }).into_iter().collect()
}

fn first_tab(book: &Spreadsheet, kind: ChangeType) -> Vec<Event> {
    book.tabs().next().map(|sheet| Event::Change { sheet: sheet.id, kind }).into_iter().collect()
}

/// An edit and the change that goes with it; nothing where nothing is different.
fn edited(before: &Spreadsheet, after: &Spreadsheet, tab: &str, rect: Option<Rect>) -> Vec<Event> {
    let (Some(sheet), Some(rect)) = (after.sheet_titled(tab).map(|it| it.id), rect) else {
        return Vec::new();
    };
    let single = (rect.height(), rect.width()) == (1, 1);
    let text = |book| if single { told(book, sheet, rect) } else { None };
    both(sheet, rect, text(after), text(before))
}

fn both(sheet: i64, rect: Rect, value: Option<String>, old_value: Option<String>) -> Vec<Event> {
    vec![
        Event::Edit { sheet, rect, value, old_value },
        Event::Change { sheet, kind: ChangeType::Edit },
    ]
}

fn dragged(
    after: &Spreadsheet,
    tab: &str,
    (from, count, to): (usize, usize, usize),
    place: impl Fn(Rect, (usize, usize)) -> Rect,
) -> Vec<Event> {
    let Some(sheet) = after.sheet_titled(tab) else { return Vec::new() };
    let start = if to > from { to.saturating_sub(count) } else { to } - 1;
    let rect = place(sheet.bounds(), (start, start + count));
    let holds_data = sheet.stored_in(rect).any(|(_, _, cell)| cell.entered.is_some());
    if holds_data {
        both(sheet.id, rect, None, None)
    } else {
        vec![Event::Change { sheet: sheet.id, kind: ChangeType::Other }]
    }
}

fn not_sure(unsure: Unsure, book: &Spreadsheet, touched: Option<(i64, Rect)>) -> Vec<Event> {
    match (unsure, touched) {
        (Unsure::Silent, _) => Vec::new(),
        (Unsure::Edit, Some((sheet, rect))) => both(sheet, rect, None, None),
        (Unsure::Change, Some((sheet, _))) => {
            vec![Event::Change { sheet, kind: ChangeType::Other }]
        }
        (_, None) => first_tab(book, ChangeType::Other),
    }
}

/// The tab whose cells differ, and the smallest rectangle around them.
fn difference(before: &Spreadsheet, after: &Spreadsheet) -> Option<(i64, Rect)> {
    after.tabs().find_map(|now| {
        let was = before.sheet(now.id)?;
        let blank = Cell::default();
        let mut around: Option<Rect> = None;
        for row in 0..now.stored_rows().max(was.stored_rows()) {
            let (new, old) = (now.row(row), was.row(row));
            for col in 0..new.len().max(old.len()) {
                if new.get(col).unwrap_or(&blank) == old.get(col).unwrap_or(&blank) {
                    continue;
                }
                let seen = around.get_or_insert_with(|| Rect::at(row, col, 1, 1));
                seen.r1 = row + 1;
                seen.c0 = seen.c0.min(col);
                seen.c1 = seen.c1.max(col + 1);
            }
        }
        Some((now.id, around?))
    })
}

fn cell_rect(address: &str) -> Option<Rect> {
    let (Span { start: Some(row), .. }, Span { start: Some(col), .. }) = parse_cells(address)?
    else {
        return None;
    };
    Some(Rect::at(row, col, 1, 1))
}

/// The one cell as an event carries it: a string; dates are serial numbers; of a formula its result.
fn told(book: &Spreadsheet, sheet: i64, rect: Rect) -> Option<String> {
    let cell = book.sheet(sheet)?.cell(rect.r0, rect.c0)?;
    let value = match cell.entered.as_ref()? {
        Entered::Number(number) => Scalar::Number(*number),
        Entered::Text(text) => Scalar::text(text),
        Entered::Bool(value) => Scalar::Bool(*value),
        Entered::Formula(_) => Evaluator::new(book).value(sheet, rect.r0, rect.c0),
    };
    Some(format::shown(&value, None))
}
