//! Cells that people want to be as the database has them.

use std::collections::BTreeMap;

use crate::{batch::RowIndex, cell::Cell, state::RowKey};

/// Cells that people may want back in one tab at a time.
const ASKED_MAX: usize = 64;

/// What people want back in one tab. In memory only: who asks sees the cell, and asks again.
#[derive(Debug, Default)]
pub(crate) struct Reverts {
    /// By place, until it was read which rows these are.
    asked: Vec<(RowIndex, u16)>,
    /// The same, while they are being read.
    read: Vec<(RowIndex, u16)>,
    /// By row, with what stood in the cell when it was read first: what is typed there later nobody has given up.
    cells: BTreeMap<(RowKey, u16), Cell>,
}

impl Reverts {
    /// A person wants a cell back. False where too much is wanted already.
    pub(crate) fn ask(&mut self, row: RowIndex, column: u16) -> bool {
        let taken = self.asked() < ASKED_MAX;
        if taken {
            self.asked.push((row, column));
        }
        taken
    }

    /// Places of which is not known yet which rows they are.
    pub(crate) fn asked(&self) -> usize {
        self.asked.len() + self.read.len()
    }

    /// No read is under way any more: what the last one was to tell, and did not, another one has to.
    pub(crate) fn not_read(&mut self) {
        self.asked.append(&mut self.read);
    }

    /// These rows are going to be read; the whole tab, where none are named.
    pub(crate) fn look(&mut self, rows: Option<(RowIndex, u32)>) {
        let within =
            |row: RowIndex| rows.is_none_or(|(from, count)| row >= from && row.0 - from.0 < count);
        self.read.extend(self.asked.extract_if(.., |(row, _)| within(*row)));
    }

    /// What was read came: places that were asked for before it was read. A place that was asked for since may be another row's.
    pub(crate) fn take(&mut self) -> Vec<(RowIndex, u16)> {
        std::mem::take(&mut self.read)
    }

    /// This cell is wanted back, which holds this.
    pub(crate) fn want(&mut self, key: RowKey, column: u16, holds: Cell) {
        self.cells.insert((key, column), holds);
    }

    /// Whether a cell is wanted back.
    pub(crate) fn wants(&self, key: &RowKey, column: u16) -> bool {
        !self.cells.is_empty() && self.cells.contains_key(&(key.clone(), column))
    }

    /// The database's value was written over what the cell `held`. Says whether that was wanted: it may have been another batch's business.
    pub(crate) fn done(&mut self, key: &RowKey, column: u16, held: &Cell) -> bool {
        if self.cells.is_empty() {
            return false;
        }
        let address = (key.clone(), column);
        let wanted = self.cells.get(&address).is_some_and(|wanted| wanted.is_entered_as(held));
        if wanted {
            self.cells.remove(&address);
        }
        wanted
    }

    /// Rows of which something is wanted back.
    pub(crate) fn rows(&self) -> Vec<RowKey> {
        self.cells.keys().map(|(row, _)| row.clone()).collect()
    }

    /// A row was seen with these cells: who has typed something else since wants that.
    pub(crate) fn see(&mut self, key: &RowKey, cells: &[Cell]) {
        self.cells.retain(|(row, column), held| {
            row != key
                || cells.get(usize::from(*column)).is_some_and(|cell| cell.is_entered_as(held))
        });
    }

    /// Nothing is wanted of this row any more.
    pub(crate) fn forget(&mut self, key: &RowKey) {
        self.cells.retain(|(row, _), _| row != key);
    }
}
