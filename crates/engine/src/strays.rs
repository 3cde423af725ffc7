//! What we wrote by mistake and could not find again. Nothing that may stem from it goes into the database before a person has looked at it.
//!
//! A stray is an open entry of the conflict log. It is over as soon as a read of the whole tab shows neither the value where nobody agreed on
//! it nor its row missing.

use crate::cell::Cell;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stray {
    /// Number of its entry in the conflict log.
    pub(crate) id: u64,
    /// Index of the mapped column.
    pub(crate) column: usize,
    /// What we wrote, where it may still stand.
    pub(crate) wrong: Option<Cell>,
    /// What was there before.
    pub(crate) lost: Cell,
}

/// The strays of one tab.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    known: Vec<Stray>,
}

impl Strays {
    pub(crate) fn add(&mut self, stray: Stray) {
        self.known.push(stray);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether a cell may hold what we wrote by mistake.
    pub(crate) fn may_be(&self, column: usize, cell: &Cell) -> bool {
        self.known.iter().any(|stray| {
            stray.column == column
                && stray.wrong.as_ref().is_some_and(|wrong| cell.is_entered_as(wrong))
        })
    }

    /// Whether a row may bear its key because of us: then all of it may be another row's.
    pub(crate) fn may_have_named(&self, key: &[usize], cells: &[Cell]) -> bool {
        let shows = |column: &usize| {
            cells.get(*column).is_some_and(|cell| !cell.is_empty() && self.may_be(*column, cell))
        };
        !self.is_empty() && key.iter().any(shows)
    }

    /// Whether a row may hold it in any of its cells. An empty cell says nothing of a row that nobody knows.
    pub(crate) fn may_be_in(&self, cells: &[Cell]) -> bool {
        let known = |(column, cell): (usize, &Cell)| !cell.is_empty() && self.may_be(column, cell);
        !self.is_empty() && cells.iter().enumerate().any(known)
    }

    /// Whether a row may have lost its key because of us.
    pub(crate) fn may_have_taken(&self, key: impl IntoIterator<Item = (usize, Cell)>) -> bool {
        !self.is_empty()
            && key.into_iter().any(|(column, cell)| {
                self.known.iter().any(|stray| stray.column == column && stray.lost == cell)
            })
    }

    /// Whether some row has lost a part of its key because of us, and nobody knows which.
    pub(crate) fn took_a_key(&self, key: &[usize]) -> bool {
        let empty = |wrong: &Option<Cell>| wrong.as_ref().is_none_or(Cell::is_empty);
        self.known.iter().any(|stray| {
            key.contains(&stray.column) && empty(&stray.wrong) && !stray.lost.is_empty()
        })
    }

    /// Forgets those that are over. Gives their numbers.
    pub(crate) fn settle(&mut self, mut is_over: impl FnMut(&Stray) -> bool) -> Vec<u64> {
        let mut over = Vec::new();
        self.known.retain(|stray| {
            let gone = is_over(stray);
            if gone {
                over.push(stray.id);
            }
            !gone
        });
        over
    }

    /// A person has looked at it. Gives whether it was one.
    pub(crate) fn looked_at(&mut self, id: u64) -> bool {
        !self.settle(|stray| stray.id == id).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_suspect_in_its_column_only() {
        let mut strays = Strays::default();
        let wrong = Some(Cell::text("b"));
        strays.add(Stray { id: 7, column: 1, wrong, lost: Cell::text("a") });
        assert!(strays.may_be(1, &Cell::text("b")) && !strays.may_be(0, &Cell::text("b")));
        assert!(strays.may_be_in(&[Cell::Empty, Cell::text("b")]));
        assert!(!strays.may_be_in(&[Cell::text("b"), Cell::Empty]));
        assert!(strays.may_have_taken([(1, Cell::text("a"))]));
        assert!(!strays.looked_at(6) && strays.looked_at(7) && strays.is_empty());
    }
}
