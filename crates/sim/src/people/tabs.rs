//! What is done to a tab as a whole, and an operator may have to mend.

use super::{Person, Ring, first_row};
use crate::{sheet::Bar, words::of_cell};

impl Person<'_> {
    #[expect(clippy::unnecessary_wraps, reason = "all acts have this shape")]
    pub(super) fn rename_tab(&mut self) -> Option<Ring> {
        self.tab.grid.title = if self.tape.percent(30) {
            self.tab.made_as.clone()
        } else {
            self.deeds.next_row += 1;
            format!("called {}", self.deeds.next_row)
        };
        Some(Ring::Silent)
    }

    /// Takes a column away; a mapped one comes back once the operator says so.
    pub(super) fn delete_column(&mut self, columns: &[usize]) -> Option<Ring> {
        if self.tab.cut.is_some() || self.tab.grid.cols < 2 {
            return None;
        }
        let header_row = first_row(&self.of.spec) - 1;
        let at = self.tape.below(self.tab.grid.cols);
        for row in self.rows() {
            self.row_number(row);
        }
        self.tab.cut(header_row, at);
        if !columns.contains(&at) {
            self.tab.cut = None;
        }
        self.deeds.recast = true;
        Some(Ring::Structure)
    }

    /// Whatever stood there is given up, but not the rows of the database.
    #[expect(clippy::unnecessary_wraps, reason = "all acts have this shape")]
    pub(super) fn delete_tab(&mut self) -> Option<Ring> {
        for row in self.rows() {
            for cell in self.whole(row) {
                if let Some(word) = of_cell(&cell).and_then(|text| self.words.get_mut(text)) {
                    word.withdrawn = true;
                }
            }
        }
        self.deeds.bin.clear();
        Some(Ring::TabGone)
    }

    /// Protects the tab, or fills the spreadsheet up; or takes that back.
    #[expect(clippy::unnecessary_wraps, reason = "all acts have this shape")]
    pub(super) fn bar(&mut self) -> Option<Ring> {
        self.tab.barred = match self.tab.barred {
            Some(_) => None,
            None => Some(self.tape.pick(&[Bar::Protected, Bar::Full])),
        };
        Some(Ring::Silent)
    }
}
