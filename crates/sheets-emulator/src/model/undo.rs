//! Acts of people that can be taken back, kept in step with what others do in the meantime.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::area::Area;
use super::cell::Cell;
use super::grid::{Dimension, Sheet};
use super::shift::{Axis, Move, Shift};
use super::{Spreadsheet, area::Rect};

/// Acts remembered; the oldest is forgotten first.
pub(crate) const ACTS_MAX: usize = 100;

/// A cell as it was: tab, row, column, content.
pub(crate) type Was = (i64, usize, usize, Cell);

/// What takes an act back.
#[derive(Debug, Clone)]
pub(crate) enum Undo {
    /// Puts cells back.
    Cells(Vec<Was>),
    /// Moves rows or columns back, then puts cells back.
    Dimension {
        /// The tab.
        sheet: i64,
        /// Which axis.
        axis: Axis,
        /// The reverse move.
        by: Move,
        /// Cells the act destroyed or changed, at their places before the act.
        cells: Vec<Was>,
    },
    /// Reorders the rows of a rectangle back.
    Order {
        /// The tab.
        sheet: i64,
        /// The rectangle that was sorted.
        rect: Rect,
        /// The reverse order.
        order: Vec<usize>,
    },
    /// Gives the rows of a tab their sizes, and the tab its filter, back.
    Looks {
        /// The tab.
        sheet: i64,
        /// Sizes and visibility of its rows.
        sizes: BTreeMap<usize, Dimension>,
        /// Its filter.
        filter: Option<(Area, Value)>,
    },
    /// Takes the first back, then the second.
    Both(Box<Self>, Box<Self>),
    /// Gives a tab its title back.
    TabTitle(i64, String),
    /// Gives the document its title back.
    Title(String),
    /// Removes a tab that was added.
    Added(i64),
    /// Puts a deleted tab back; its metadata, names and protections are gone.
    Deleted(usize, Arc<Sheet>),
}

impl Undo {
    /// Keeps the places right after rows or columns moved; `false` when it cannot be taken back any more.
    pub(crate) fn follow(&mut self, shift: &Shift) -> bool {
        match self {
            Self::Cells(cells) => follow_cells(cells, shift),
            Self::Dimension { sheet, axis, by, .. }
                if *sheet == shift.sheet && *axis == shift.axis =>
            {
                let place = match by {
                    Move::Insert { at, .. } | Move::Delete { at, .. } => at,
                    Move::Block { .. } | Move::Permute { .. } => return false,
                };
                match (shift.cross, shift.by.index(*place)) {
                    (None, Some(moved)) => *place = moved,
                    (Some(_), _) => {}
                    (None, None) => return false,
                }
                true
            }
            Self::Order { sheet, rect, .. } if *sheet == shift.sheet => {
                let before = rect.on(*sheet);
                shift.area(before) == Some(before) && !matches!(shift.by, Move::Permute { .. })
            }
            // Rows have moved: the sizes are no longer theirs.
            Self::Looks { sheet, .. } => {
                *sheet != shift.sheet
                    || shift.axis != Axis::Rows
                    || matches!(shift.by, Move::Permute { .. })
            }
            Self::Both(first, second) => first.follow(shift) && second.follow(shift),
            _ => true,
        }
    }

    /// Takes the act back.
    pub(crate) fn apply(self, book: &mut Spreadsheet) {
        match self {
            Self::Cells(cells) => restore(book, cells),
            Self::Dimension { sheet, axis, by, cells } => {
                if book.sheet(sheet).is_some() {
                    book.move_dimension(sheet, axis, by);
                    restore(book, cells);
                }
            }
            Self::Order { sheet, rect, order } => book.reorder_rows(sheet, rect, &order),
            Self::Looks { sheet, sizes, filter } => {
                if let Some(tab) = book.sheet_mut(sheet) {
                    tab.row_sizes = sizes;
                    tab.filter = filter;
                }
            }
            Self::Both(first, second) => {
                first.apply(book);
                second.apply(book);
            }
            Self::TabTitle(sheet, title) => {
                if let Some(tab) = book.sheet_mut(sheet) {
                    tab.title = title;
                }
            }
            Self::Title(title) => book.set_title(&title),
            Self::Added(sheet) => book.remove_sheet(sheet),
            Self::Deleted(index, sheet) => {
                let index = index.min(book.sheets.len());
                book.sheets.insert(index, sheet);
            }
        }
    }
}

fn follow_cells(cells: &mut Vec<Was>, shift: &Shift) -> bool {
    cells.retain_mut(|(sheet, row, col, _)| {
        if *sheet != shift.sheet {
            return true;
        }
        match shift.cell(*row, *col) {
            Some(place) => {
                (*row, *col) = place;
                true
            }
            None => false,
        }
    });
    !cells.is_empty()
}

fn restore(book: &mut Spreadsheet, cells: Vec<Was>) {
    for (sheet, row, col, cell) in cells {
        if let Some(tab) = book.sheet_mut(sheet).filter(|tab| row < tab.rows && col < tab.cols) {
            tab.put(row, col, cell);
        }
    }
}
