//! Which row was hit: by its key, by what we wrote there, by what else stands in it.

use super::is_addition;
use crate::{
    batch::ColumnIndex,
    cell::Cell,
    newcomers::marker_in,
    render::row_key,
    state::{Repair, RepairCell, RowContent, RowIdentity, RowKey},
    survey::cell_at,
    tab::Tab,
};

/// A column that is nowhere.
pub(super) const NOWHERE: ColumnIndex = ColumnIndex(u32::MAX);

/// Some columns of a tab at one moment: header and content of each, side by side.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) header: &'a [Cell],
    pub(crate) cells: &'a [Cell],
}

impl Seen<'_> {
    /// The mapped cells by their header; `None` for columns that are not among the ones seen.
    pub(crate) fn mapped(&self, tab: &Tab) -> Vec<Option<Cell>> {
        let place =
            |column: usize| self.header.iter().position(|cell| tab.is_header_of(cell, column));
        (0..tab.width())
            .map(|column| {
                place(column).map(|place| self.cells.get(place).cloned().unwrap_or(Cell::Empty))
            })
            .collect()
    }

    /// Whether a column of the key is not among those seen.
    pub(super) fn is_out_of_sight(&self, tab: &Tab) -> bool {
        let mapped = self.mapped(tab);
        tab.spec.key.iter().any(|key| mapped.get(*key).is_none_or(Option::is_none))
    }

    /// Whether there is nothing in the row at all.
    pub(crate) fn is_blank(&self) -> bool {
        self.cells.iter().all(Cell::is_empty)
    }

    /// The row's key, where its columns were seen.
    pub(crate) fn key(&self, tab: &Tab) -> Option<RowKey> {
        self.shown_key(tab).map(|shown| tab.meant(shown))
    }

    /// The key that stands there, whatever it stands for.
    pub(super) fn shown_key(&self, tab: &Tab) -> Option<RowKey> {
        let mapped = self.mapped(tab);
        let parts: Option<Vec<&Cell>> =
            tab.spec.key.iter().map(|column| mapped.get(*column)?.as_ref()).collect();
        row_key(parts?.into_iter())
    }

    /// How to find the row again: by the key that stands there, since what it stands for may be another by then; by its content where
    /// several rows bear that key.
    pub(crate) fn identity(&self, tab: &Tab) -> RowIdentity {
        match self.shown_key(tab).filter(|key| !tab.frozen.contains(key)) {
            Some(key) => RowIdentity::Key(key),
            None => RowIdentity::Content(self.content(tab)),
        }
    }

    pub(super) fn content(&self, tab: &Tab) -> RowContent {
        let own = (self.header.iter().zip(self.cells))
            .filter(|(name, cell)| !cell.is_empty() && tab.column_under(name).is_none())
            .map(|(name, cell)| (name.clone(), cell.clone()))
            .collect();
        RowContent { mapped: self.mapped(tab), own }
    }

    /// Whether nothing that was seen contradicts what is known.
    pub(super) fn agrees_with(&self, tab: &Tab, known: &RowContent) -> bool {
        let mapped = self.mapped(tab);
        let same = |(known, found): (&Option<Cell>, &Option<Cell>)| {
            known.is_none() || found.is_none() || known == found
        };
        let still = |(name, cell): &(Cell, Cell)| {
            if name.is_empty() {
                // Columns without a name look all the same.
                return self.cells.contains(cell);
            }
            let place = self.header.iter().position(|header| header == name);
            place.is_none_or(|place| self.cells.get(place) == Some(cell))
        };
        known.mapped.iter().zip(&mapped).all(same) && known.own.iter().all(still)
    }
}

/// Where the column of a hit stands now: by its header, else where it was, if what is there may be the same under another name; `None` where it
/// is not among the columns seen.
pub(super) fn column_of(tab: &Tab, seen: Seen<'_>, cell: &RepairCell) -> Option<ColumnIndex> {
    let header = seen.header;
    if cell_at(header, cell.column) == cell.header {
        return Some(cell.column);
    }
    if cell.header.is_empty() {
        // A column without a name is known by what we wrote there, if by anything.
        let holds = |place: &usize| {
            header[*place].is_empty() && seen.cells.get(*place) == Some(&cell.wrong)
        };
        let place = (0..header.len()).find(|place| !cell.wrong.is_empty() && holds(place))?;
        return u32::try_from(place).ok().map(ColumnIndex);
    }
    if let Some(place) = header.iter().position(|name| *name == cell.header) {
        return u32::try_from(place).ok().map(ColumnIndex);
    }
    let there = cell_at(header, cell.column);
    let renamed = |meant| tab.spec.columns.get(usize::from(meant)).map(|c| Cell::text(&*c.name));
    if cell.meant.and_then(renamed).as_ref() == Some(&there) {
        return Some(cell.column);
    }
    let unknown = |name: &Cell| !name.is_empty() && tab.column_under(name).is_none();
    // Another column without a known name that holds what we wrote there is rather the one that was renamed.
    let holds = |place: usize| !cell.wrong.is_empty() && seen.cells.get(place) == Some(&cell.wrong);
    let at = usize::try_from(cell.column.0).unwrap_or(usize::MAX);
    if !holds(at) {
        let meant =
            |name: &Cell| cell.meant.is_some_and(|c| tab.is_header_of(name, usize::from(c)));
        let renamed = |name: &Cell| unknown(name) || meant(name);
        let mut others =
            (0..header.len()).filter(|place| renamed(&header[*place]) && holds(*place));
        if let (Some(place), None) = (others.next(), others.next()) {
            return u32::try_from(place).ok().map(ColumnIndex);
        }
    }
    unknown(&there).then_some(cell.column)
}

/// Whether a mapped column was hit.
fn is_hit(tab: &Tab, repair: &Repair, column: usize) -> bool {
    repair.cells.iter().any(|cell| tab.is_header_of(&cell.header, column))
}

/// Whether a hit is in a column of the key.
pub(super) fn is_of_key(tab: &Tab, cell: &RepairCell) -> bool {
    tab.spec.key.iter().any(|key| tab.is_header_of(&cell.header, *key))
}

/// Where a column stands now: by its header, else where it was.
pub(super) fn place_of(header: &[Cell], column: ColumnIndex, name: &Cell) -> ColumnIndex {
    if name.is_empty() || cell_at(header, column) == *name {
        return column;
    }
    let found = header.iter().position(|cell| cell == name);
    found.and_then(|place| u32::try_from(place).ok()).map_or(column, ColumnIndex)
}

pub(crate) fn slot(cells: &mut [Cell], column: ColumnIndex) -> Option<&mut Cell> {
    cells.get_mut(usize::try_from(column.0).ok()?)
}

/// A row as it was before it was hit.
pub(super) struct Restored {
    pub(super) cells: Vec<Cell>,
    /// How many of our cells stand in columns that were seen.
    pub(super) seen: usize,
    /// How many of them stand in it still.
    pub(super) there: usize,
    /// How many of these are not empty.
    pub(super) written: usize,
    /// Whether all do whose columns were seen.
    pub(super) whole: bool,
}

pub(super) fn restored(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> Restored {
    let mut row =
        Restored { cells: seen.cells.to_vec(), seen: 0, there: 0, written: 0, whole: true };
    for cell in &repair.cells {
        let Some(column) = column_of(tab, seen, cell) else { continue };
        row.seen += 1;
        match slot(&mut row.cells, column) {
            Some(slot) if *slot == cell.wrong => {
                *slot = cell.right.clone();
                row.there += 1;
                row.written += usize::from(!cell.wrong.is_empty());
            }
            _ => row.whole = false,
        }
    }
    row
}

/// Whether the row bears a key that the database has, and bears it rightly as far as anybody can tell: not where it is rather like the row that
/// was hit than like the one with that key.
pub(super) fn is_known(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    let Some(key) = seen.key(tab) else { return false };
    let ours = marker_in(repair.cells.iter().map(|cell| &cell.wrong));
    if ours.is_some_and(|marker| key.0.contains(&*marker.0))
        || bore(tab, repair).as_ref() == Some(&key)
    {
        return false;
    }
    let Some(base) = tab.base.get(&key) else {
        // What is to be blank was a row that we had just added, and it bears the key that we gave it. So does a row that holds all that we wrote
        // by mistake, that key and more: the sheet has never had the row with that key.
        let hit_key = repair.cells.iter().any(|cell| is_of_key(tab, cell));
        let before = restored(tab, repair, seen);
        let most = before.written > 1 && before.there * 2 > before.seen;
        let holds = before.whole || agreement(tab, repair, seen) > 0 || beside(tab, repair) == 0;
        let ours = is_addition(repair) || (hit_key && most && holds);
        return match tab.database_view(&key) {
            Some(None) => false,
            // It has to be looked up, but it is the very key that we wrote by mistake.
            None if hit_key && shows_hit_key(tab, repair, seen) => false,
            _ => !ours,
        };
    };
    let mapped = seen.mapped(tab);
    let cells: Option<Vec<Cell>> = mapped.iter().cloned().collect();
    if cells.is_some_and(|cells| base.is_sheet(&cells)) {
        return true;
    }
    let RowIdentity::Content(content) = &repair.row else { return false };
    let hit = |column| is_hit(tab, repair, column);
    let (mut like_hit, mut like_known) = (0, 0);
    for (column, cell) in mapped.iter().enumerate() {
        let Some(cell) = cell.as_ref().filter(|_| hit(column)) else { continue };
        // What we wrote there the row that bears this key rightly holds only if both sides agree on it.
        let wrong = |hit: &RepairCell| tab.is_header_of(&hit.header, column) && hit.wrong == *cell;
        if !cell.is_empty() && !tab.spec.key.contains(&column) && repair.cells.iter().any(wrong) {
            let agreed = base.sheet(column) == Some(cell);
            like_known += 3 * usize::from(agreed);
            like_hit += 3 * usize::from(!agreed);
        }
    }
    for (column, cell) in mapped.iter().enumerate().filter(|(column, _)| !hit(*column)) {
        // Two empty cells are alike more easily than two words.
        let weight = cell.as_ref().map_or(0, |cell| if cell.is_empty() { 1 } else { 3 });
        like_hit += weight * usize::from(content.mapped.get(column) == Some(cell));
        like_known += weight * usize::from(base.sheet(column) == cell.as_ref());
    }
    // One of several rows with that key may well be the one that was hit.
    like_hit + usize::from(tab.doubled.contains(&key)) <= like_known
}

/// The key that the row bore before it was hit, one of several rows that did.
pub(super) fn bore(tab: &Tab, repair: &Repair) -> Option<RowKey> {
    let RowIdentity::Content(content) = &repair.row else { return None };
    let parts: Option<Vec<&Cell>> =
        tab.spec.key.iter().map(|column| content.mapped.get(*column)?.as_ref()).collect();
    row_key(parts?.into_iter()).map(|shown| tab.meant(shown))
}

/// Whether a whole row is the one that was hit, with our cells still in it.
pub(crate) fn is_row(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    match &repair.row {
        RowIdentity::Key(key) => {
            let before = restored(tab, repair, seen);
            match seen.shown_key(tab) {
                // Where nothing of ours stands any more there is nothing to put back, or it is another row with that key.
                Some(shown)
                    if shown == *key || tab.meant(shown.clone()) == tab.meant(key.clone()) =>
                {
                    before.there > 0 || before.seen == 0
                }
                Some(_) => false,
                // Somebody has just cleared its key.
                None => before.whole && before.written > 1 && !seen.is_out_of_sight(tab),
            }
        }
        RowIdentity::Content(content) => {
            let before = restored(tab, repair, seen);
            let row = Seen { header: seen.header, cells: &before.cells };
            let is_second = seen.key(tab).is_some_and(|key| tab.doubled.contains(&key));
            // A marker stands nowhere but where we have put it.
            let marked = marker_in(repair.cells.iter().map(|cell| &cell.wrong)).is_some();
            let enough = before.written > usize::from(!is_second && !marked);
            let unmistakable =
                enough && !is_known(tab, repair, seen) && !is_stranger(tab, repair, seen);
            before.there > 0 && before.whole && (unmistakable || row.agrees_with(tab, content))
        }
    }
}

/// Whether the row bears the very key by which the repair's row is known.
pub(crate) fn bears_key_of(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    matches!(&repair.row, RowIdentity::Key(key) if seen.shown_key(tab).as_ref() == Some(key))
}

/// Whether the row bears the key of one of these `repairs`, and holds all that was written there by mistake: no other repair explains it better,
/// unless a key was hit.
pub(super) fn is_explained(tab: &Tab, repairs: &[Repair], repair: &Repair, seen: Seen<'_>) -> bool {
    let explains = |other: &Repair| {
        let before = restored(tab, other, seen);
        other.readd.is_none()
            && bears_key_of(tab, other, seen)
            && before.whole
            && before.written > 0
    };
    matches!(repair.row, RowIdentity::Content(_))
        && !repair.cells.iter().any(|cell| is_of_key(tab, cell))
        && repairs.iter().any(explains)
}

/// Which of these `repairs` is of a row beyond doubt. What still holds all that we wrote is that row, whatever key it seems to bear because of it.
pub(crate) fn owner(tab: &Tab, repairs: &[Repair], seen: Seen<'_>) -> Option<usize> {
    let by = |content: bool| {
        let row = |repair: &Repair| {
            repair.readd.is_none()
                && matches!(repair.row, RowIdentity::Content(_)) == content
                && is_row(tab, repair, seen)
                && !is_explained(tab, repairs, repair, seen)
        };
        let owners = repairs.iter().enumerate().rev().filter(|(_, repair)| row(repair));
        owners.max_by_key(|(_, repair)| restored(tab, repair, seen).there).map(|(place, _)| place)
    };
    by(true).or_else(|| by(false))
}

/// How many of the cells that were not hit are as they were.
pub(super) fn agreement(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> usize {
    let RowIdentity::Content(content) = &repair.row else { return 0 };
    let hit = |column| is_hit(tab, repair, column);
    let mapped = seen.mapped(tab);
    let alike = |(column, cell): &(usize, &Option<Cell>)| {
        !hit(*column)
            && cell.as_ref().is_some_and(|cell| !cell.is_empty())
            && content.mapped.get(*column) == Some(*cell)
    };
    mapped.iter().enumerate().filter(alike).count()
}

/// How many of the cells that were not hit are as both sides agreed for the row with the key that it shows.
pub(super) fn rightly(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> usize {
    let Some(base) = seen.key(tab).and_then(|key| tab.base.get(&key)) else { return 0 };
    let cells = (0..).zip(seen.mapped(tab));
    let agreed = cells.filter(|(column, cell)| {
        let cell = cell.as_ref().filter(|cell| !cell.is_empty());
        !is_hit(tab, repair, *column) && cell.is_some() && base.sheet(*column) == cell
    });
    agreed.count()
}

/// How many cells beside those that were hit are known not to be empty.
fn beside(tab: &Tab, repair: &Repair) -> usize {
    let RowIdentity::Content(content) = &repair.row else { return 0 };
    let known = |(column, cell): &(usize, &Option<Cell>)| {
        !is_hit(tab, repair, *column) && cell.as_ref().is_some_and(|cell| !cell.is_empty())
    };
    content.mapped.iter().enumerate().filter(known).count()
}

/// Whether every cell that was not hit, where there is one, has become another: hardly by a person's hand.
fn is_stranger(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    beside(tab, repair) > 1 && agreement(tab, repair, seen) == 0
}

/// Whether of all cells beside those that were hit, empty or not, none is as it was.
fn is_another(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    let RowIdentity::Content(content) = &repair.row else { return false };
    let cells = (0..).zip(content.mapped.iter().zip(seen.mapped(tab)));
    let mut known = cells
        .filter(|(column, _)| !is_hit(tab, repair, *column))
        .filter_map(|(_, (was, is))| Some((was.clone()?, is?)))
        .peekable();
    known.peek().is_some() && known.all(|(was, is)| was != is)
}

/// Whether all that we wrote into the key stands there still.
fn shows_hit_key(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    let stands = |cell: &RepairCell| {
        let column = column_of(tab, seen, cell);
        column.is_some_and(|column| cell_at(seen.cells, column) == cell.wrong)
    };
    repair.cells.iter().filter(|cell| is_of_key(tab, cell)).all(stands)
}

/// The key that stands in the row because we wrote it there by mistake: what a person types beside it is meant for the row whose key it is.
pub(crate) fn key_astray(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> Option<RowKey> {
    let hit_key = repair.cells.iter().any(|cell| is_of_key(tab, cell));
    let key = seen.key(tab).filter(|_| hit_key && shows_hit_key(tab, repair, seen))?;
    let marked = marker_in(seen.cells.iter()).is_some();
    (!marked).then_some(key)
}

/// Whether a row without a key, changed by a person since, still holds the key that we wrote, or half of all of it; more than half where the
/// key is another.
pub(crate) fn is_likely(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    let written = repair.cells.iter().filter(|cell| !cell.wrong.is_empty()).count();
    let there = restored(tab, repair, seen).written;
    let hit_key = repair.cells.iter().any(|cell| is_of_key(tab, cell));
    let enough = match (!hit_key, shows_hit_key(tab, repair, seen)) {
        (true, _) => there * 2 >= written,
        // A single value may stand in any row, unless it is a marker.
        (false, true) if written == 1 => {
            marker_in(repair.cells.iter().map(|cell| &cell.wrong)).is_some()
                || !is_another(tab, repair, seen)
        }
        // What is to be blank is like no row, unless all of its key is ours.
        (false, true) => {
            let known = !is_addition(repair)
                || tab.spec.key.iter().all(|column| is_hit(tab, repair, *column));
            there * 2 >= written || known && !is_stranger(tab, repair, seen)
        }
        (false, false) => there * 2 > written,
    };
    // Where all that we did was to take the key away, a word beside it must tell.
    let blanked = written == 0
        && hit_key
        && shows_hit_key(tab, repair, seen)
        && agreement(tab, repair, seen) > 0;
    // A row that had no key has hardly been given one by a person while nothing else in it tells that it is the same.
    let named = !hit_key && bore(tab, repair).is_none() && seen.key(tab).is_some();
    let marked = marker_in(seen.cells.iter()).is_some();
    let named_anew = named && !marked && agreement(tab, repair, seen) == 0;
    repair.readd.is_none()
        && matches!(repair.row, RowIdentity::Content(_))
        && (there > 0 && enough || blanked)
        && !named_anew
        && !is_known(tab, repair, seen)
}
