//! The cells of one tab: rows shared until written, so copies of a large tab are cheap.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::area::{Area, Rect};
use super::cell::{Cell, Extra};
use super::shift::{Axis, Move};

type Row = Vec<Cell>;

/// Size and visibility of one row or column where they differ from the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dimension {
    /// Height or width in pixels.
    pub pixels: Option<u64>,
    /// Hidden by a person.
    pub hidden: bool,
    /// Hidden by the filter of the tab.
    pub filtered: bool,
}

/// One tab.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// `sheetId`.
    pub id: i64,
    /// Title.
    pub title: String,
    /// Hidden tab.
    pub hidden: bool,
    /// Rows of the grid, empty ones included.
    pub rows: usize,
    /// Columns of the grid.
    pub cols: usize,
    /// Other `gridProperties` as JSON (frozen rows, ...).
    pub grid_properties: Map<String, Value>,
    /// Other sheet properties as JSON (colours, direction).
    pub properties: Map<String, Value>,
    /// Row and column sizes.
    pub row_sizes: BTreeMap<usize, Dimension>,
    /// Column sizes.
    pub col_sizes: BTreeMap<usize, Dimension>,
    /// Merged rectangles.
    pub merges: Vec<Rect>,
    /// The basic filter and its range.
    pub filter: Option<(Area, Value)>,
    /// Conditional format rules and their ranges, in order of priority.
    pub rules: Vec<(Vec<Area>, Value)>,
    cells: Vec<Arc<Row>>,
    formulas: usize,
    formats: Vec<Arc<Value>>,
}

impl Sheet {
    /// An empty tab.
    pub fn new(id: i64, title: &str, rows: usize, cols: usize) -> Self {
        Self {
            id,
            title: title.to_owned(),
            hidden: false,
            rows,
            cols,
            grid_properties: Map::new(),
            properties: Map::new(),
            row_sizes: BTreeMap::new(),
            col_sizes: BTreeMap::new(),
            merges: Vec::new(),
            filter: None,
            rules: Vec::new(),
            cells: Vec::new(),
            formulas: 0,
            formats: Vec::new(),
        }
    }

    /// Cells the grid counts against the limit.
    pub fn size(&self) -> usize {
        self.rows * self.cols
    }

    /// Everything inside the grid.
    pub fn bounds(&self) -> Rect {
        Rect::at(0, 0, self.rows, self.cols)
    }

    /// The cell, unless it is blank.
    pub fn cell(&self, row: usize, col: usize) -> Option<&Cell> {
        self.cells.get(row)?.get(col).filter(|cell| !cell.is_blank())
    }

    /// The stored cells of a row from column 0; blank ones at the end are left out.
    pub fn row(&self, row: usize) -> &[Cell] {
        self.cells.get(row).map_or(&[], |cells| cells.as_slice())
    }

    /// Rows that store anything: every row from this index on is blank.
    pub fn stored_rows(&self) -> usize {
        self.cells.len()
    }

    /// Whether any cell holds a formula.
    pub fn has_formulas(&self) -> bool {
        self.formulas > 0
    }

    /// Changes one cell.
    pub fn edit(&mut self, row: usize, col: usize, edit: impl FnOnce(&mut Cell)) {
        if self.cells.len() <= row {
            self.cells.resize_with(row + 1, Arc::default);
        }
        let cells = Arc::make_mut(&mut self.cells[row]);
        if cells.len() <= col {
            cells.resize_with(col + 1, Cell::default);
        }
        let cell = &mut cells[col];
        let before = cell.has_formula();
        edit(cell);
        let after = cell.has_formula();
        while cells.last().is_some_and(Cell::is_blank) {
            cells.pop();
        }
        self.formulas = self.formulas + usize::from(after) - usize::from(before);
        self.trim();
    }

    /// Replaces one cell.
    pub fn put(&mut self, row: usize, col: usize, cell: Cell) {
        if cell.is_blank() && self.cell(row, col).is_none() {
            return;
        }
        self.edit(row, col, |old| *old = cell);
    }

    /// A copy of the cell, blank where nothing is stored.
    pub fn copy(&self, row: usize, col: usize) -> Cell {
        self.cell(row, col).cloned().unwrap_or_default()
    }

    /// The same format object for equal formats, so that a column of dates stores its format once.
    pub fn share_format(&mut self, format: &Value) -> Arc<Value> {
        /// Distinct formats remembered per tab; beyond it the oldest is forgotten.
        const REMEMBERED_MAX: usize = 16;
        if let Some(known) = self.formats.iter().rev().find(|known| known.as_ref() == format) {
            return Arc::clone(known);
        }
        let shared = Arc::new(format.clone());
        if self.formats.len() == REMEMBERED_MAX {
            self.formats.remove(0);
        }
        self.formats.push(Arc::clone(&shared));
        shared
    }

    /// Index after the last row that holds a value.
    pub fn data_end(&self) -> usize {
        let holds = |row: &Arc<Row>| row.iter().any(|cell| cell.entered.is_some());
        self.cells.iter().rposition(holds).map_or(0, |last| last + 1)
    }

    /// Index after the last column that holds anything in these rows.
    pub fn width_used(&self, from: usize, to: usize) -> usize {
        (from..to.min(self.cells.len())).map(|row| self.cells[row].len()).max().unwrap_or(0)
    }

    /// Stored cells inside the rectangle, row by row.
    pub fn stored_in(&self, rect: Rect) -> impl Iterator<Item = (usize, usize, &Cell)> {
        let last = rect.r1.min(self.cells.len());
        (rect.r0.min(last)..last).flat_map(move |row| {
            let cells = self.cells[row].as_slice();
            let end = rect.c1.min(cells.len());
            (rect.c0.min(end)..end)
                .map(move |col| (row, col, &cells[col]))
                .filter(|(_, _, cell)| !cell.is_blank())
        })
    }

    /// Every cell with a formula.
    pub fn formula_cells(&self) -> Vec<(usize, usize)> {
        if self.formulas == 0 {
            return Vec::new();
        }
        self.stored_in(self.bounds_stored())
            .filter(|(_, _, cell)| cell.has_formula())
            .map(|(row, col, _)| (row, col))
            .collect()
    }

    /// Blanks every cell of the rectangle, formats and notes included.
    pub fn blank(&mut self, rect: Rect) {
        let stored: Vec<_> = self.stored_in(rect).map(|(row, col, _)| (row, col)).collect();
        for (row, col) in stored {
            self.edit(row, col, |cell| *cell = Cell::default());
        }
    }

    /// Moves whole rows or columns; the caller adjusts `rows`/`cols` and everything that points here.
    pub fn shift(&mut self, axis: Axis, by: &Move) {
        match axis {
            Axis::Rows => self.shift_rows(by),
            Axis::Cols => self.shift_cols(by),
        }
        let sizes = match axis {
            Axis::Rows => &mut self.row_sizes,
            Axis::Cols => &mut self.col_sizes,
        };
        if !matches!(by, Move::Permute { .. }) {
            *sizes = std::mem::take(sizes)
                .into_iter()
                .filter_map(|(index, size)| Some((by.index(index)?, size)))
                .collect();
        }
    }

    fn shift_rows(&mut self, by: &Move) {
        match *by {
            Move::Insert { at, count } if at < self.cells.len() => {
                self.cells.splice(at..at, std::iter::repeat_with(Arc::default).take(count));
            }
            Move::Insert { .. } => {}
            Move::Delete { at, count } => {
                let end = (at + count).min(self.cells.len());
                for row in self.cells.drain(at.min(end)..end) {
                    self.formulas -= row.iter().filter(|cell| cell.has_formula()).count();
                }
            }
            Move::Block { from, count, to } => {
                let touched = (from + count).max(to);
                if self.cells.len() < touched {
                    self.cells.resize_with(touched, Arc::default);
                }
                rotate(&mut self.cells, from, count, to);
            }
            Move::Permute { start, ref order } => {
                let end = start + order.len();
                if self.cells.len() < end {
                    self.cells.resize_with(end, Arc::default);
                }
                let old: Vec<_> = self.cells[start..end].to_vec();
                for (new, old_offset) in order.iter().enumerate() {
                    self.cells[start + new] = Arc::clone(&old[*old_offset]);
                }
            }
        }
        self.trim();
    }

    fn shift_cols(&mut self, by: &Move) {
        let mut removed = 0;
        for row in &mut self.cells {
            let length = row.len();
            let first = match *by {
                Move::Insert { at, .. } | Move::Delete { at, .. } => at,
                Move::Block { from, to, .. } => from.min(to),
                Move::Permute { start, .. } => start,
            };
            if length <= first {
                continue;
            }
            let cells = Arc::make_mut(row);
            match *by {
                Move::Insert { at, count } => {
                    cells.splice(at..at, std::iter::repeat_with(Cell::default).take(count));
                }
                Move::Delete { at, count } => {
                    let end = (at + count).min(length);
                    removed += cells.drain(at..end).filter(Cell::has_formula).count();
                }
                Move::Block { from, count, to } => {
                    let touched = (from + count).max(to).max(length);
                    cells.resize_with(touched, Cell::default);
                    rotate(cells, from, count, to);
                }
                Move::Permute { start, ref order } => {
                    let end = (start + order.len()).max(length);
                    cells.resize_with(end, Cell::default);
                    let old = cells[start..start + order.len()].to_vec();
                    for (new, old_offset) in order.iter().enumerate() {
                        cells[start + new] = old[*old_offset].clone();
                    }
                }
            }
            while cells.last().is_some_and(Cell::is_blank) {
                cells.pop();
            }
        }
        self.formulas -= removed;
        self.trim();
    }

    /// Changes the size of the grid; what falls outside is lost.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        if rows < self.rows {
            self.shift(Axis::Rows, &Move::Delete { at: rows, count: self.rows - rows });
        }
        if cols < self.cols {
            self.shift(Axis::Cols, &Move::Delete { at: cols, count: self.cols - cols });
        }
        self.rows = rows;
        self.cols = cols;
    }

    fn bounds_stored(&self) -> Rect {
        Rect::at(0, 0, self.cells.len(), usize::MAX)
    }

    fn trim(&mut self) {
        while self.cells.last().is_some_and(|row| row.is_empty()) {
            self.cells.pop();
        }
    }

    /// Every distinct part of a cell except its value.
    pub fn extra_of(&self, row: usize, col: usize) -> Option<&Extra> {
        self.cell(row, col)?.extra.as_deref()
    }
}

fn rotate<T>(items: &mut [T], from: usize, count: usize, to: usize) {
    if to > from + count {
        items[from..to].rotate_left(count);
    } else if to < from {
        items[to..from + count].rotate_right(count);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Entered;
    use super::*;

    fn number(sheet: &mut Sheet, row: usize, col: usize, value: f64) {
        sheet.edit(row, col, |cell| cell.entered = Some(Entered::Number(value)));
    }

    fn numbers(sheet: &Sheet) -> Vec<(usize, usize, f64)> {
        sheet
            .stored_in(sheet.bounds())
            .filter_map(|(r, c, cell)| match cell.entered {
                Some(Entered::Number(n)) => Some((r, c, n)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn rows_and_columns_move_with_their_cells() {
        let mut sheet = Sheet::new(0, "T", 10, 10);
        number(&mut sheet, 0, 0, 1.0);
        number(&mut sheet, 2, 1, 2.0);
        sheet.shift(Axis::Rows, &Move::Insert { at: 1, count: 2 });
        assert_eq!(numbers(&sheet), [(0, 0, 1.0), (4, 1, 2.0)]);
        sheet.shift(Axis::Rows, &Move::Block { from: 4, count: 1, to: 0 });
        assert_eq!(numbers(&sheet), [(0, 1, 2.0), (1, 0, 1.0)]);
        sheet.shift(Axis::Cols, &Move::Delete { at: 0, count: 1 });
        assert_eq!(numbers(&sheet), [(0, 0, 2.0)]);
        sheet.shift(Axis::Cols, &Move::Block { from: 0, count: 1, to: 4 });
        assert_eq!(numbers(&sheet), [(0, 3, 2.0)]);
    }

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut sheet = Sheet::new(0, "T", 10, 10);
        number(&mut sheet, 3, 0, 1.0);
        let before = sheet.clone();
        number(&mut sheet, 3, 0, 2.0);
        assert_eq!(numbers(&before), [(3, 0, 1.0)]);
        assert_eq!(before.data_end(), 4);
    }

    #[test]
    fn equal_formats_are_stored_once() {
        let mut sheet = Sheet::new(0, "T", 10, 10);
        let format = serde_json::json!({"numberFormat": {"type": "DATE"}});
        assert!(Arc::ptr_eq(&sheet.share_format(&format), &sheet.share_format(&format.clone())));
    }
}
