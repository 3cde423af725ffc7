//! Rows come and go.

use super::{Person, Ring, first_row, number};
use crate::{database::KeyKind, words::of_cell};
use sheets_emulator::model::shift::Move;
use sheetwire_engine::{cell::Cell, state::RowKey};
use std::collections::BTreeSet;

impl Person<'_> {
    pub(super) fn whole(&self, row: usize) -> Vec<Cell> {
        (0..self.tab.grid.cols).map(|column| self.tab.at(row, column)).collect()
    }

    pub(super) fn header(&self) -> Vec<Cell> {
        self.whole(first_row(&self.of.spec) - 1)
    }

    pub(super) fn delete(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_row()?;
        if let Some(key) = self.key(columns, row) {
            self.deeds.removed.insert(key);
        }
        self.deeds.removed_rows.insert(self.tab.rows[row]);
        let bin = (self.tab.rows[row], self.header(), self.whole(row));
        self.deeds.bin.push(bin);
        self.tab.shift_rows(&Move::Delete { at: row, count: 1 });
        Some(Ring::Structure)
    }

    pub(super) fn take_back(&mut self, columns: &[usize]) -> Option<Ring> {
        let (number, header, cells) = self.deeds.bin.pop()?;
        // Taking back a removal takes back everything behind it first, such as moved columns.
        if self.tab.grid.stored_rows() > 20 || header != self.header() {
            return None;
        }
        let at = self.some_row().unwrap_or_else(|| first_row(&self.of.spec));
        self.tab.shift_rows(&Move::Insert { at, count: 1 });
        self.tab.rows[at] = number;
        for (column, cell) in cells.iter().enumerate() {
            self.tab.set(at, column, cell);
            if let Some(word) = of_cell(cell).and_then(|text| self.words.get_mut(text)) {
                word.copied = true;
            }
        }
        self.deeds.tampered.insert(number);
        if let Some(key) = self.key(columns, at) {
            self.deeds.copied.insert(key.clone());
            self.deeds.typed_keys.insert(key);
        }
        Some(Ring::Structure)
    }

    pub(super) fn duplicate(&mut self, columns: &[usize]) -> Option<Ring> {
        if self.tab.grid.stored_rows() > 20 {
            return None;
        }
        let from = self.some_keyed(columns)?;
        let cells = self.whole(from);
        let number = self.row_number(from);
        self.deeds.tampered.insert(number);
        self.tab.shift_rows(&Move::Insert { at: from, count: 1 });
        self.deeds.next_row += 1;
        let copy = self.deeds.next_row;
        self.tab.rows[from] = copy;
        self.deeds.tampered.insert(copy);
        for (column, cell) in cells.iter().enumerate() {
            self.tab.set(from, column, cell);
            if let Some(word) = of_cell(cell).and_then(|text| self.words.get_mut(text)) {
                word.copied = true;
            }
        }
        if let Some(key) = self.key(columns, from) {
            self.deeds.copied.insert(key);
        }
        Some(Ring::Structure)
    }

    /// The cells of a row are cut, and pasted behind the last row: their row is empty then.
    pub(super) fn cut_and_paste(&mut self) -> Option<Ring> {
        let from = self.some_row()?;
        let to = self.tab.grid.stored_rows();
        if to > 20 {
            return None;
        }
        if to >= self.tab.grid.rows {
            self.tab.shift_rows(&Move::Insert { at: self.tab.grid.rows, count: 2 });
        }
        for (column, cell) in self.whole(from).iter().enumerate() {
            self.tab.set(to, column, cell);
            self.tab.set(from, column, &Cell::Empty);
        }
        self.tab.rows.swap(from, to);
        Some(Ring::Structure)
    }

    /// A row is copied, and pasted over another one, key and all.
    pub(super) fn paste_over(&mut self, columns: &[usize]) -> Option<Ring> {
        let (from, to) = (self.some_keyed(columns)?, self.some_keyed(columns)?);
        if from == to {
            return None;
        }
        self.lose_key(columns, to);
        let number = self.row_number(from);
        self.deeds.tampered.insert(number);
        for (column, cell) in self.whole(from).iter().enumerate() {
            self.tab.set(to, column, cell);
            if let Some(word) = of_cell(cell).and_then(|text| self.words.get_mut(text)) {
                word.copied = true;
            }
        }
        if let Some(key) = self.key(columns, to) {
            self.deeds.copied.insert(key.clone());
            self.deeds.typed_keys.insert(key);
        }
        let number = self.row_number(to);
        self.deeds.typed_rows.insert(number);
        Self::ring(to, 1)
    }

    pub(super) fn edit_key(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        self.lose_key(columns, row);
        let part = self.of.spec.key[self.tape.below(self.of.spec.key.len())];
        let cell = match self.of.key {
            KeyKind::Counted => number(1 + self.tape.below(14)),
            KeyKind::Texts if part == 2 => Cell::text(format!("k{}", self.tape.below(5))),
            KeyKind::Texts => Cell::text(format!("s{}", self.tape.below(3))),
        };
        self.tab.set(row, columns[part], &cell);
        if let Some(key) = self.key(columns, row) {
            self.deeds.typed_keys.insert(key.clone());
            self.deeds.copied.insert(key);
            let number = self.row_number(row);
            self.deeds.typed_rows.insert(number);
        }
        Self::ring(row, 1)
    }

    pub(super) fn clear_key(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        self.lose_key(columns, row);
        let part = self.of.spec.key[self.tape.below(self.of.spec.key.len())];
        self.tab.set(row, columns[part], &Cell::Empty);
        Self::ring(row, 1)
    }

    /// From here on nobody can say which row this is but by what stands beside its key.
    pub(super) fn lose_key(&mut self, columns: &[usize], row: usize) {
        if let Some(key) = self.key(columns, row) {
            self.deeds.removed.insert(key);
        }
        let number = self.row_number(row);
        self.deeds.tampered.insert(number);
        for cell in self.whole(row) {
            if let Some(word) = of_cell(&cell).and_then(|text| self.words.get_mut(text)) {
                word.copied = true;
                // The key that it shows may be another row's, by a mistake that is still to be mended.
                let own = word.key.clone().filter(|_| word.column.is_some());
                self.deeds.removed.extend(own.map(|key| RowKey(key.into())));
            }
        }
    }

    pub(super) fn resolve(&mut self, columns: &[usize]) -> Option<Ring> {
        let mut seen: BTreeSet<RowKey> = BTreeSet::new();
        let mut row = first_row(&self.of.spec);
        let mut any = false;
        while row < self.tab.grid.stored_rows() {
            if let Some(key) = self.key(columns, row)
                && !seen.insert(key)
            {
                self.clear_away(row);
                any = true;
                continue;
            }
            row += 1;
        }
        any.then_some(Ring::Structure)
    }

    /// Removes a row that shows a marker.
    pub(super) fn remove_marked(&mut self, columns: &[usize]) -> bool {
        let mut rows = first_row(&self.of.spec)..self.tab.grid.stored_rows();
        let marked = |row: &usize| {
            self.of.spec.key.iter().any(|column| match self.tab.at(*row, columns[*column]) {
                Cell::Text(text) => text.starts_with("sheetwire:"),
                _ => false,
            })
        };
        let Some(row) = rows.find(marked) else { return false };
        self.clear_away(row);
        true
    }

    /// A row that is one too many goes.
    fn clear_away(&mut self, row: usize) {
        let number = self.tab.rows[row];
        self.deeds.tampered.insert(number);
        self.deeds.removed_rows.insert(number);
        self.tab.shift_rows(&Move::Delete { at: row, count: 1 });
    }
}
