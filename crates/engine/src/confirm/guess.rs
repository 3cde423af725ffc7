//! Under which headers the cells of a row stood that was removed by mistake: those seen in the batch, the others by their values, or as far as
//! all columns have moved alike.

use super::header::{Header, shift};
use crate::{cell::Cell, state::RemovedRow, survey::cell_at, tab::Tab};

/// A row removed by mistake, with the headers it had. `before` is what it was last known to hold, `whole` what it held.
pub(super) fn removed_row(
    tab: &Tab,
    header: &Header,
    (before, whole): (&[Cell], &[Cell]),
) -> RemovedRow {
    let mut guess = Guess::new(tab, header, before, whole);
    for (column, spec) in tab.spec.columns.iter().enumerate() {
        guess.place(column, Cell::text(spec.name.clone()));
    }
    guess.forget_others();
    RemovedRow { header: guess.names, cells: whole.to_vec() }
}

struct Guess<'a> {
    tab: &'a Tab,
    /// The places that the batch has seen.
    seen: Vec<usize>,
    shift: Option<i64>,
    before: &'a [Cell],
    whole: &'a [Cell],
    names: Vec<Cell>,
}

impl<'a> Guess<'a> {
    /// As last read, if all have moved together; what the batch has seen elsewhere does not stand here any more.
    fn new(tab: &'a Tab, header: &Header, before: &'a [Cell], whole: &'a [Cell]) -> Self {
        let last = tab.names(&tab.geometry.whole_header);
        let width = last.len().max(header.now.len()).max(whole.len());
        let shift = shift(tab, header);
        let was = |place: usize| {
            let place = usize::try_from(i64::try_from(place).ok()? - shift?).ok()?;
            last.get(place).filter(|name| !header.now.contains(*name)).cloned()
        };
        let mut names: Vec<Cell> =
            (0..width).map(|place| was(place).unwrap_or(Cell::Empty)).collect();
        let mut seen = Vec::new();
        for column in &header.seen {
            let place = usize::try_from(column.0).unwrap_or(usize::MAX);
            if let Some(name) = names.get_mut(place) {
                *name = cell_at(&header.now, *column);
            }
            seen.push(place);
        }
        Self { tab, seen, shift, before, whole, names }
    }

    /// Finds the place of a mapped column that the batch has not seen. Its value tells more than how far others have moved. Where it would be
    /// empty by that it is rather somewhere else: an empty cell would be taken for a person's deed.
    fn place(&mut self, column: usize, name: Cell) {
        let guess = self.names.iter().position(|known| *known == name);
        if guess.is_some_and(|place| self.seen.contains(&place) || self.holds(column, place)) {
            return;
        }
        if let Some(found) = self.by_value(column) {
            if let Some(guess) = guess {
                self.names[guess] = Cell::Empty;
            }
            self.names[found] = name;
            return;
        }
        let doubtful = |place: usize| self.whole.get(place).is_none_or(Cell::is_empty);
        if let Some(guess) = guess {
            if doubtful(guess) {
                self.names[guess] = Cell::Empty;
            }
            return;
        }
        let shifted = self.shifted(column).filter(|place| !doubtful(*place));
        if let Some(slot) = shifted.and_then(|place| self.names.get_mut(place))
            && slot.is_empty()
        {
            *slot = name;
        }
    }

    /// Whether the cell there is what the mapped column was last known to hold.
    fn holds(&self, column: usize, place: usize) -> bool {
        let right = self.before.get(column).filter(|cell| !cell.is_empty());
        right.is_some() && self.whole.get(place) == right
    }

    /// The only place with the column's value, no other column's for the same reason.
    fn by_value(&self, column: usize) -> Option<usize> {
        let rightly = |place: usize| {
            let named = |name: &str| self.names[place] == Cell::text(name);
            let named = self.tab.spec.columns.iter().position(|spec| named(&spec.name));
            named.is_some_and(|named| self.before.get(named) == self.whole.get(place))
        };
        let mut places = (0..self.whole.len()).filter(|place| {
            !self.seen.contains(place) && self.holds(column, *place) && !rightly(*place)
        });
        places.next().filter(|_| places.next().is_none())
    }

    fn shifted(&self, column: usize) -> Option<usize> {
        let place = i64::from(self.tab.geometry.columns.get(column)?.0) + self.shift?;
        usize::try_from(place).ok().filter(|place| !self.seen.contains(place))
    }

    /// Where a mapped column is nowhere, what seems to stand in a column of people's may be its word.
    fn forget_others(&mut self) {
        let columns = self.tab.spec.columns.iter();
        let mapped: Vec<Cell> = columns.map(|spec| Cell::text(spec.name.clone())).collect();
        if mapped.iter().all(|name| self.names.contains(name)) {
            return;
        }
        for (place, name) in self.names.iter_mut().enumerate() {
            if !self.seen.contains(&place) && !mapped.contains(name) {
                *name = Cell::Empty;
            }
        }
    }
}
