//! People at the sheet: they sort, move, insert, type, remove and copy, whenever they like.

use std::collections::{BTreeMap, BTreeSet};

use sheetwire_engine::{TabSpec, cell::Cell, render::row_key, state::RowKey};

use crate::{rng::Rng, sheets::Grid};

/// What a person typed, so that it can be asked for at the end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// In an own column beside this key. `row_removed`: the database removed the row since, and the cell may have gone with it.
    Own { key: RowKey, row_removed: bool },
    /// In a row without a key, together with all of the same group.
    Unkeyed { group: u64 },
    /// In a mapped cell. `in_window`: while a batch was on its way.
    Mapped { in_window: bool },
}

/// Everything that people typed into one tab and did not remove themselves.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) all: BTreeMap<String, Mark>,
    /// Keys of rows that a person copied: a copy of a row that the database removes is the person's own row.
    pub(crate) copied: BTreeSet<RowKey>,
    serial: u64,
}

pub(crate) fn text_of(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}

impl Marks {
    fn add(&mut self, word: &str, mark: Mark) -> Cell {
        self.serial += 1;
        let text = format!("{word}:{}", self.serial);
        self.all.insert(text.clone(), mark);
        Cell::text(text)
    }

    fn present(&self, grid: &Grid) -> Vec<String> {
        let cells = grid.rows.iter().flatten().filter_map(text_of);
        cells.filter(|text| self.all.contains_key(*text)).map(str::to_owned).collect()
    }
}

/// Where the mapped columns stand; `None` where one is missing.
pub(crate) fn mapped(grid: &Grid, spec: &TabSpec) -> Option<Vec<usize>> {
    let header = grid.rows.get(usize::try_from(spec.header_row.0).unwrap())?;
    (spec.columns.iter())
        .map(|column| header.iter().position(|cell| text_of(cell) == Some(column.name.as_str())))
        .collect()
}

pub(crate) fn key_at(grid: &Grid, spec: &TabSpec, columns: &[usize], row: usize) -> Option<RowKey> {
    row_key(spec.key.iter().map(|key| &grid.rows[row][columns[*key]]))
}

/// A person at one tab.
pub(crate) struct Person<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) grid: &'a mut Grid,
    pub(crate) spec: &'a TabSpec,
    pub(crate) marks: &'a mut Marks,
    pub(crate) in_window: bool,
}

impl Person<'_> {
    /// Does something; says what.
    pub(crate) fn act(&mut self) -> &'static str {
        let Some(columns) = mapped(self.grid, self.spec) else { return "looks at a blank tab" };
        let before = self.marks.present(self.grid);
        let done = match self.rng.below(20) {
            0..=2 => self.sort(),
            3..=4 => self.move_row(),
            5 => self.insert_blank(),
            6 => self.insert_column(),
            7 => self.move_column(),
            8..=9 => self.type_own(&columns),
            10 => self.type_unkeyed(&columns),
            11..=14 => self.type_mapped(&columns),
            15..=16 => self.delete_row(),
            17 => self.duplicate(&columns),
            _ => self.resolve_duplicates(),
        };
        self.forget(before);
        done
    }

    /// Removes all but one row of each key.
    pub(crate) fn resolve_duplicates(&mut self) -> &'static str {
        let Some(columns) = mapped(self.grid, self.spec) else { return "looks at a blank tab" };
        let before = self.marks.present(self.grid);
        let mut seen: Vec<RowKey> = Vec::new();
        let mut row = self.first();
        while row < self.grid.rows.len() {
            match key_at(self.grid, self.spec, &columns, row) {
                Some(key) if seen.contains(&key) => {
                    self.grid.rows.remove(row);
                    continue;
                }
                Some(key) => seen.push(key),
                None => {}
            }
            row += 1;
        }
        self.forget(before);
        "resolves duplicates"
    }

    /// What a person removed or typed over is the person's business.
    fn forget(&mut self, before: Vec<String>) {
        let after = self.marks.present(self.grid);
        for text in before {
            if !after.contains(&text) {
                self.marks.all.remove(&text);
            }
        }
    }

    fn first(&self) -> usize {
        usize::try_from(self.spec.header_row.0).unwrap() + 1
    }

    fn some_row(&mut self) -> Option<usize> {
        let first = self.first();
        let count = self.grid.rows.len().saturating_sub(first);
        (count > 0).then(|| first + self.rng.below(count))
    }

    fn some_keyed(&mut self, columns: &[usize]) -> Option<(usize, RowKey)> {
        let row = self.some_row()?;
        Some((row, key_at(self.grid, self.spec, columns, row)?))
    }

    fn own_column(&mut self, columns: &[usize]) -> Option<usize> {
        let own: Vec<usize> = (0..self.grid.width()).filter(|c| !columns.contains(c)).collect();
        (!own.is_empty()).then(|| self.rng.pick(&own))
    }

    fn sort(&mut self) -> &'static str {
        let first = self.first();
        for low in (first + 1..self.grid.rows.len()).rev() {
            let other = first + self.rng.below(low - first + 1);
            self.grid.rows.swap(low, other);
        }
        "sorts"
    }

    fn move_row(&mut self) -> &'static str {
        if let (Some(from), Some(to)) = (self.some_row(), self.some_row()) {
            let row = self.grid.rows.remove(from);
            self.grid.rows.insert(to, row);
        }
        "moves a row"
    }

    fn insert_blank(&mut self) -> &'static str {
        if self.grid.rows.len() < 30 {
            let at = self.some_row().unwrap_or_else(|| self.first());
            let count = 1 + self.rng.below(2);
            self.grid.insert_rows(at, count);
        }
        "inserts blank rows"
    }

    fn insert_column(&mut self) -> &'static str {
        let width = self.grid.width();
        if width > 6 {
            return "thinks about a column";
        }
        let at = self.rng.below(width + 1);
        for row in &mut self.grid.rows {
            row.insert(at, Cell::Empty);
        }
        if self.rng.percent(80) {
            self.marks.serial += 1;
            let header = Cell::text(format!("mine {}", self.marks.serial));
            let row = self.first() - 1;
            self.grid.rows[row][at] = header;
        }
        "inserts an own column"
    }

    fn move_column(&mut self) -> &'static str {
        let (from, to) = (self.rng.below(self.grid.width()), self.rng.below(self.grid.width()));
        for row in &mut self.grid.rows {
            let cell = row.remove(from);
            row.insert(to, cell);
        }
        "moves a column"
    }

    fn type_own(&mut self, columns: &[usize]) -> &'static str {
        if let (Some((row, key)), Some(column)) =
            (self.some_keyed(columns), self.own_column(columns))
        {
            let mark = Mark::Own { key, row_removed: false };
            self.grid.rows[row][column] = self.marks.add("own", mark);
        }
        "types beside a row"
    }

    fn type_unkeyed(&mut self, columns: &[usize]) -> &'static str {
        if self.grid.rows.len() > 30 {
            return "thinks about a total";
        }
        let at = if self.rng.percent(60) {
            self.grid.rows.len()
        } else {
            self.some_row().unwrap_or_else(|| self.first())
        };
        self.grid.insert_rows(at, 1);
        self.marks.serial += 1;
        let group = self.marks.serial;
        for column in 0..self.grid.width() {
            let key = self.spec.key.iter().any(|key| columns[*key] == column);
            if !key && self.rng.percent(60) {
                self.grid.rows[at][column] = self.marks.add("total", Mark::Unkeyed { group });
            }
        }
        "types a row without a key"
    }

    fn type_mapped(&mut self, columns: &[usize]) -> &'static str {
        if let Some((row, _)) = self.some_keyed(columns) {
            let place = self.rng.below(columns.len());
            if !self.spec.key.contains(&place) {
                let mark = Mark::Mapped { in_window: self.in_window };
                let cell =
                    if self.rng.percent(15) { Cell::Empty } else { self.marks.add("typed", mark) };
                self.grid.rows[row][columns[place]] = cell;
            }
        }
        "types into a mapped cell"
    }

    fn delete_row(&mut self) -> &'static str {
        if let Some(row) = self.some_row() {
            self.grid.rows.remove(row);
        }
        "deletes a row"
    }

    fn duplicate(&mut self, columns: &[usize]) -> &'static str {
        if self.grid.rows.len() < 30
            && let Some((row, key)) = self.some_keyed(columns)
        {
            self.marks.copied.insert(key);
            let copy = self.grid.rows[row].clone();
            let at = self.some_row().unwrap_or(row);
            self.grid.rows.insert(at, copy);
        }
        "copies a row"
    }
}
