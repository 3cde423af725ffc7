//! What both sides of a row last agreed on, cell by cell.
//!
//! A base has two values for each cell: what the database held, as it looks in a cell ([`crate::render`]), and what the sheet held. They
//! are the same but where a person's text has not been put into its usual form yet (`07` for 7). A cell about which nothing was ever
//! agreed is unknown: neither side may then be taken for changed or unchanged.

use serde::{Deserialize, Serialize};

use crate::cell::Cell;

/// The base of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaseRow {
    /// The database's mapped cells; meaningless where unknown.
    cells: Vec<Cell>,
    /// What is out of the ordinary; almost no row has it.
    odd: Option<Box<Odd>>,
    /// Number of the copy run that last saw the row.
    pub copy: u32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Odd {
    /// Columns, ascending, where the sheet held something else than the database's look.
    sheet: Vec<(u16, Cell)>,
    /// Columns, ascending, about which nothing was agreed.
    unknown: Vec<u16>,
}

impl BaseRow {
    /// Both sides hold these cells.
    pub fn agreed(cells: Vec<Cell>, copy: u32) -> Self {
        Self { cells, odd: None, copy }
    }

    /// Nothing is agreed yet about any of so many cells.
    pub fn unknown(width: usize, copy: u32) -> Self {
        let unknown = (0..width).filter_map(|column| u16::try_from(column).ok()).collect();
        let odd = Odd { sheet: Vec::new(), unknown };
        Self { cells: vec![Cell::Empty; width], odd: Some(Box::new(odd)), copy }
    }

    /// As this one, but about nothing but the key is anything agreed any more.
    #[must_use]
    pub fn doubted(&self, key: &[usize]) -> Self {
        let mut base = Self::unknown(self.width(), self.copy);
        for column in key {
            if let (Some(database), Some(sheet)) = (self.database(*column), self.sheet(*column)) {
                base.agree(*column, database.clone(), sheet.clone());
            }
        }
        base
    }

    /// Number of mapped cells.
    pub fn width(&self) -> usize {
        self.cells.len()
    }

    /// What the database held; `None` where nothing was agreed.
    pub fn database(&self, column: usize) -> Option<&Cell> {
        if self.is_unknown(column) { None } else { self.cells.get(column) }
    }

    /// What the sheet held; `None` where nothing was agreed.
    pub fn sheet(&self, column: usize) -> Option<&Cell> {
        let odd = self.odd.as_ref().and_then(|odd| {
            let place = odd.sheet.binary_search_by_key(&column, |(c, _)| usize::from(*c)).ok()?;
            odd.sheet.get(place).map(|(_, cell)| cell)
        });
        odd.or_else(|| self.database(column))
    }

    /// The database's cells, where something was agreed about all of them.
    pub fn whole_database(&self) -> Option<&[Cell]> {
        let known = self.odd.as_ref().is_none_or(|odd| odd.unknown.is_empty());
        known.then_some(self.cells.as_slice())
    }

    /// The sheet's cells, where something was agreed about all of them.
    pub fn whole_sheet(&self) -> Option<Vec<Cell>> {
        let mut cells = self.whole_database()?.to_vec();
        for (column, cell) in self.odd.iter().flat_map(|odd| &odd.sheet) {
            if let Some(slot) = cells.get_mut(usize::from(*column)) {
                slot.clone_from(cell);
            }
        }
        Some(cells)
    }

    /// Whether the sheet held exactly these cells.
    pub fn is_sheet(&self, cells: &[Cell]) -> bool {
        match &self.odd {
            None => self.cells == cells,
            Some(_) => self.whole_sheet().is_some_and(|ours| ours == cells),
        }
    }

    /// Whether both sides were agreed to hold exactly these cells.
    pub fn is_agreed(&self, cells: &[Cell]) -> bool {
        self.odd.is_none() && self.cells == cells
    }

    /// Whether both sides held the same in every cell.
    pub fn is_plain(&self) -> bool {
        self.odd.is_none()
    }

    /// Whether nothing is left to do about these cells of the database: the sheet holds them, or formulas that a person wrote.
    pub fn is_at_rest_with(&self, database: &[Cell]) -> bool {
        let formula = |(_, cell): &(u16, Cell)| matches!(cell, Cell::Formula { .. });
        self.cells == database
            && self
                .odd
                .as_ref()
                .is_none_or(|odd| odd.unknown.is_empty() && odd.sheet.iter().all(formula))
    }

    /// Agrees on a cell: what the database holds, and what the sheet holds.
    pub fn agree(&mut self, column: usize, database: Cell, sheet: Cell) {
        let Ok(number) = u16::try_from(column) else { return };
        let Some(slot) = self.cells.get_mut(column) else { return };
        let same = database == sheet;
        *slot = database;
        if self.odd.is_none() && same {
            return;
        }
        let odd = self.odd.get_or_insert_default();
        if let Ok(place) = odd.unknown.binary_search(&number) {
            odd.unknown.remove(place);
        }
        match (odd.sheet.binary_search_by_key(&number, |(c, _)| *c), same) {
            (Ok(place), true) => drop(odd.sheet.remove(place)),
            (Ok(place), false) => odd.sheet[place].1 = sheet,
            (Err(_), true) => {}
            (Err(place), false) => odd.sheet.insert(place, (number, sheet)),
        }
        if odd.sheet.is_empty() && odd.unknown.is_empty() {
            self.odd = None;
        }
    }

    fn is_unknown(&self, column: usize) -> bool {
        self.odd.as_ref().is_some_and(|odd| {
            odd.unknown.binary_search_by_key(&column, |known| usize::from(*known)).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::text(text)
    }

    #[test]
    fn cells_become_known_one_by_one() {
        let mut base = BaseRow::unknown(2, 1);
        assert_eq!((base.database(0), base.sheet(1), base.whole_database()), (None, None, None));
        base.agree(0, text("a"), text("a"));
        assert_eq!((base.database(0), base.database(1)), (Some(&text("a")), None));
        base.agree(1, text("7"), text("07"));
        assert_eq!(base.whole_database(), Some(&[text("a"), text("7")][..]));
        assert!(base.is_sheet(&[text("a"), text("07")]) && !base.is_plain());
        base.agree(1, text("7"), text("7"));
        assert!(base.is_plain() && base.is_agreed(&[text("a"), text("7")]));
        assert_eq!(base, BaseRow::agreed(vec![text("a"), text("7")], 1));
    }

    #[test]
    fn the_sheets_side_may_differ_for_a_while() {
        let mut base = BaseRow::agreed(vec![text("1"), text("2")], 3);
        base.agree(0, text("9"), text("09"));
        assert_eq!((base.database(0), base.sheet(0)), (Some(&text("9")), Some(&text("09"))));
        assert_eq!(base.whole_sheet(), Some(vec![text("09"), text("2")]));
    }
}
