//! Takes in what a tab was found to hold: where columns and rows stand, and what differs from what we know.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    base::BaseRow,
    batch::{ColumnIndex, RowIndex, SpreadsheetImage, TabImage},
    cell::Cell,
    conflict::ConflictKind,
    key_index::{KeyIndex, Place},
    notes,
    recognise::{Recognised, recognise},
    render::row_key,
    state::RowKey,
    tab::{EditMark, Geometry, Tab},
    typed::Habits,
};

/// A tab that cannot be mapped: a sentence with the place and the cure.
pub(crate) type Refusal = String;

/// Duplicate keys.
pub(crate) struct Found {
    /// Not known before.
    pub(crate) duplicates: Vec<RowKey>,
    /// Records of those that are none any more.
    pub(crate) resolved: Vec<u64>,
    /// Whether people have changed anything since the last look.
    pub(crate) active: bool,
}

/// Finds the tab in the spreadsheet: by the id that it had, else by its title, else by the id that it got if we made it, whatever a store knows
/// of that; or chooses an id for it.
pub(crate) fn find_tab(tab: &mut Tab, image: &SpreadsheetImage) {
    let by_id = image.tabs.iter().find(|found| Some(found.sheet_id) == tab.home);
    let by_title = || image.tabs.iter().find(|found| found.title == tab.spec.title);
    let made = choose_sheet_id(&tab.spec.title, &BTreeSet::new());
    let as_made = || image.tabs.iter().find(|found| found.sheet_id == made);
    let habits = Habits::of_locale(&image.locale);
    if let Some(found) = by_id.or_else(by_title).or_else(as_made) {
        tab.geometry = Geometry {
            sheet_id: found.sheet_id,
            title: found.title.clone(),
            grid_columns: found.columns,
            habits,
            ..Geometry::default()
        };
        tab.stale = true;
    } else {
        let taken: BTreeSet<i32> = image.tabs.iter().map(|found| found.sheet_id).collect();
        tab.geometry = Geometry {
            sheet_id: choose_sheet_id(&tab.spec.title, &taken),
            title: tab.spec.title.clone(),
            missing: true,
            habits,
            ..Geometry::default()
        };
        lay_out_header(tab, 0);
        tab.stale = false;
        tab.index = KeyIndex::read(first_row(tab), std::iter::empty());
        tab.drift.clear();
        tab.newcomers.forget();
        touch_missing(tab, &BTreeSet::new(), 0);
    }
}

/// An id that depends on the title only, so that it is the same after a crash.
fn choose_sheet_id(title: &str, taken: &BTreeSet<i32>) -> i32 {
    let hash = title
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut id = i32::try_from(hash & 0x3fff_ffff).unwrap_or(1).max(1);
    while taken.contains(&id) {
        id += 1;
    }
    id
}

fn first_row(tab: &Tab) -> RowIndex {
    RowIndex(tab.spec.header_row.0 + 1)
}

fn lay_out_header(tab: &mut Tab, first: u32) {
    tab.geometry.blank = true;
    tab.geometry.unbound = (0..tab.width()).filter_map(|c| u16::try_from(c).ok()).collect();
    tab.geometry.columns = (first..).zip(&tab.spec.columns).map(|(c, _)| ColumnIndex(c)).collect();
    tab.geometry.header =
        tab.spec.columns.iter().map(|column| Cell::text(column.name.clone())).collect();
    let width = first + u32::try_from(tab.spec.columns.len()).unwrap_or(u32::MAX);
    tab.geometry.grid_columns = tab.geometry.grid_columns.max(width);
}

/// Takes in a read of the whole tab. `sequence` ages what it makes pending; `now_us` is when it was read.
pub(crate) fn take_whole(
    tab: &mut Tab,
    image: TabImage,
    (sequence, now_us): (u64, i64),
) -> Result<Found, Refusal> {
    tab.geometry.title.clone_from(&image.properties.title);
    let (rows, columns) = std::mem::take(&mut tab.refused_size);
    if image.properties.rows < rows || image.properties.columns < columns {
        tab.refusals = 0;
    }
    tab.geometry.grid_columns = image.properties.columns;
    let blank = image.header.iter().all(Cell::is_empty);
    if blank && image.bound.is_empty() && image.columns.iter().all(|(_, c)| c.is_empty()) {
        lay_out_header(tab, 0);
    } else {
        map_header(tab, &image)?;
    }
    tab.geometry.whole_header.clone_from(&image.header);
    tab.geometry.header_notes.clone_from(&image.header_notes);
    let rows = mapped_rows(tab, &image);
    let found = take_rows(tab, &image, rows, (sequence, now_us));
    tab.stale = false;
    tab.keys_fresh = true;
    tab.read_at_us = now_us;
    tab.image = (!tab.repairs.is_empty()).then_some(image);
    Ok(found)
}

/// Takes in a read of the key columns. Gives `false` where columns or header are not where they were: read the whole tab.
pub(crate) fn take_keys(tab: &mut Tab, image: &TabImage, sequence: u64) -> bool {
    tab.geometry.grid_columns = image.properties.columns;
    if header_cells(tab, image) != tab.geometry.header {
        return false;
    }
    let depth = image.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let keys = (0..depth).map(|row| {
        let cells = image.columns.iter().map(|(_, cells)| cell_in(cells, row));
        row_key(cells.collect::<Vec<_>>().iter()).map(|shown| tab.meant(shown))
    });
    let keys: Vec<Option<RowKey>> = keys.collect();
    let index = KeyIndex::read(first_row(tab), keys.into_iter());
    if index.iter().any(|(_, place)| place == Place::Several) {
        // What else stands in those rows tells which is which.
        return false;
    }
    look_up(tab, index);
    tab.newcomers.forget();
    tab.notes.forget();
    tab.keys_fresh = true;
    let missing = touch_missing(tab, &BTreeSet::new(), sequence);
    if tab.repairs.is_empty() {
        tab.gone.saw(&missing, None);
    }
    true
}

/// Takes in a read of some rows. Gives `false` where anything else than cells beside the keys has changed: read the whole tab.
pub(crate) fn take_part(
    tab: &mut Tab,
    image: &TabImage,
    (from, count): (RowIndex, u32),
    (sequence, mark): (u64, &EditMark),
) -> bool {
    if header_cells(tab, image) != tab.geometry.header {
        return false;
    }
    let rows = mapped_rows(tab, image);
    let inside = |row: RowIndex| row >= from && row.0 < from.0.saturating_add(count);
    let mut expected: BTreeMap<RowIndex, RowKey> = BTreeMap::new();
    for (key, place) in tab.index.iter() {
        if let Place::Row(row) = place
            && inside(row)
        {
            expected.insert(row, key.clone());
        }
    }
    for (row, cells) in (from.0..).map(RowIndex).zip(&rows) {
        let key = tab.key_of(cells);
        if key.as_ref() != expected.remove(&row).as_ref()
            || (key.is_none() && cells.iter().any(|cell| !cell.is_empty()))
            || key.is_some_and(|key| may_be_another(tab, &key, cells))
        {
            return false;
        }
    }
    if !expected.is_empty() {
        return false;
    }
    for cells in rows {
        let Some(key) = tab.key_of(&cells) else { continue };
        tab.see(&key, cells);
        if tab.drift.contains_key(&key) {
            tab.edits.insert(key.clone(), mark.clone());
        }
        tab.touch(&key, sequence);
    }
    true
}

/// Where rows are believed to stand, once they were read.
#[cfg(not(feature = "mutants"))]
fn placed(_: &Tab, read: KeyIndex) -> KeyIndex {
    read
}

#[cfg(feature = "mutants")]
use crate::hope::placed;

fn header_cells(tab: &Tab, image: &TabImage) -> Vec<Cell> {
    tab.geometry.columns.iter().map(|column| cell_at(&image.header, *column)).collect()
}

/// Finds the mapped columns: by our mark, else by their header.
fn map_header(tab: &mut Tab, image: &TabImage) -> Result<(), Refusal> {
    let header = &image.header;
    let row = tab.spec.header_row.0 + 1;
    let mut columns = Vec::new();
    let mut unbound = Vec::new();
    for (number, column) in (0..).zip(&tab.spec.columns) {
        if let Some((place, _)) = image.bound.iter().find(|(_, name)| *name == column.name) {
            columns.push(*place);
            continue;
        }
        unbound.push(number);
        let mut places = header.iter().enumerate().filter(|(_, cell)| is_named(cell, &column.name));
        let (Some((place, _)), second) = (places.next(), places.next()) else {
            return Err(format!(
                "sheet '{}' has no column '{}' in row {row}: write that header into row {row}, or take the column out of `columns`",
                tab.geometry.title, column.name
            ));
        };
        if second.is_some() {
            return Err(format!(
                "sheet '{}' has two columns '{}' in row {row}: rename one of them",
                tab.geometry.title, column.name
            ));
        }
        columns.push(ColumnIndex(u32::try_from(place).unwrap_or(u32::MAX)));
    }
    tab.geometry.header = columns.iter().map(|column| cell_at(header, *column)).collect();
    tab.geometry.columns = columns;
    tab.geometry.unbound = unbound;
    tab.geometry.blank = false;
    Ok(())
}

/// Whether a header cell is that of a column by its name.
pub(crate) fn is_named(header: &Cell, column: &str) -> bool {
    matches!(header, Cell::Text(text) if text.trim() == column)
}

/// The cell at a column of a row that leaves out its trailing empty cells.
pub(crate) fn cell_at(row: &[Cell], column: ColumnIndex) -> Cell {
    usize::try_from(column.0).ok().map_or(Cell::Empty, |index| cell_in(row, index))
}

fn cell_in(cells: &[Cell], index: usize) -> Cell {
    cells.get(index).cloned().unwrap_or(Cell::Empty)
}

/// The mapped cells of every row that was read.
pub(crate) fn mapped_rows(tab: &Tab, image: &TabImage) -> Vec<Vec<Cell>> {
    let by_column: BTreeMap<ColumnIndex, &Vec<Cell>> =
        image.columns.iter().map(|(column, cells)| (*column, cells)).collect();
    let mapped: Vec<Option<&&Vec<Cell>>> =
        tab.geometry.columns.iter().map(|column| by_column.get(column)).collect();
    let depth = mapped.iter().flatten().map(|cells| cells.len()).max().unwrap_or(0);
    (0..depth)
        .map(|row| {
            mapped.iter().map(|cells| cells.map_or(Cell::Empty, |c| cell_in(c, row))).collect()
        })
        .collect()
}

/// Takes over where the rows are now. Whoever waited for a row to come back has waited long enough.
fn look_up(tab: &mut Tab, index: KeyIndex) {
    let back = |key: &&RowKey| tab.index.locate(key).is_none() && index.locate(key).is_some();
    let back: Vec<RowKey> = tab.pending.parked().filter(back).cloned().collect();
    tab.index = placed(tab, index);
    for key in back {
        tab.pending.wake(&key);
    }
}

fn take_rows(
    tab: &mut Tab,
    image: &TabImage,
    rows: Vec<Vec<Cell>>,
    (sequence, now_us): (u64, i64),
) -> Found {
    let Recognised { keys, restoring, ready, drafts } = recognise(tab, &rows);
    look_up(tab, KeyIndex::read(first_row(tab), keys.iter().cloned()));
    tab.newcomers.found(ready, drafts, restoring.clone());
    notes::read(tab, image, (&keys, &rows), now_us);
    let over = strays_gone(tab, &keys, &rows);
    // Rows that were suspect until now deserve another look.
    tab.again |= !over.is_empty();
    let before = std::mem::take(&mut tab.drift);
    tab.strangers = 0;
    let mut emptied = BTreeSet::new();
    for (key, cells) in keys.into_iter().zip(rows) {
        let Some(key) = key else { continue };
        if tab.index.locate(&key) == Some(Place::Several) {
            continue;
        }
        match tab.base.get(&key) {
            Some(base) if base.is_sheet(&cells) => continue,
            Some(_) if is_emptied(tab, &key, &cells) => {
                emptied.insert(key.clone());
            }
            None if tab.is_live() && !matches!(tab.database_view(&key), Some(Some(_))) => {
                tab.strangers += 1;
            }
            Some(_) | None => {}
        }
        let stranger = !tab.base.contains_key(&key) && tab.pending.get(&key).is_none();
        tab.drift.insert(key.clone(), cells);
        if !stranger || (tab.is_live() && tab.is_inbound() && !tab.is_being_taken_in()) {
            tab.touch(&key, sequence);
        }
    }
    for key in before.keys().filter(|key| !tab.drift.contains_key(*key)) {
        tab.edits.remove(key);
        tab.pending.wake(key);
    }
    let missing = touch_missing(tab, &restoring, sequence);
    // A row that we hit by mistake may seem to be gone.
    if tab.repairs.is_empty() {
        tab.gone.saw(&missing, Some(emptied));
    }
    let mut resolved = resolved_duplicates(tab);
    resolved.extend(over);
    let active = tab.is_live() && tab.drift != before;
    Found { duplicates: new_duplicates(tab), resolved, active }
}

/// Strays that are over: what we wrote by mistake stands nowhere but where both sides agree on it, and the row whose key we took has it again or
/// is gone: then it comes back.
fn strays_gone(tab: &mut Tab, keys: &[Option<RowKey>], rows: &[Vec<Cell>]) -> Vec<u64> {
    if tab.strays.is_empty() {
        return Vec::new();
    }
    let mut strays = std::mem::take(&mut tab.strays);
    let mut gone = Vec::new();
    let agreed = |key: &Option<RowKey>, column: usize| {
        key.as_ref().and_then(|key| tab.base.get(key)?.sheet(column).cloned())
    };
    let over = strays.settle(|stray| {
        let is_key = tab.spec.key.contains(&stray.column);
        let stands = stray.wrong.as_ref().is_some_and(|wrong| {
            keys.iter().zip(rows).any(|(key, cells)| {
                let found = cells.get(stray.column).is_some_and(|cell| cell.is_entered_as(wrong));
                let agreed = agreed(key, stray.column);
                let named = is_key && !wrong.is_empty();
                let base = key.as_ref().and_then(|key| tab.base.get(key));
                if found && named && base.is_some_and(|base| !base.is_sheet(cells)) {
                    return true;
                }
                // An empty cell in a row that nobody knows says nothing.
                found && agreed.as_ref() != Some(wrong) && !(wrong.is_empty() && agreed.is_none())
            })
        });
        let missing = |(key, base): (&RowKey, &BaseRow)| {
            // A row that shows its marker still lost that.
            let bore = [base.database(stray.column), base.sheet(stray.column)];
            bore.contains(&Some(&stray.lost)) && tab.index.locate(key).is_none()
        };
        if stands || !is_key {
            return !stands;
        }
        let lost: Vec<(&RowKey, &BaseRow)> = tab.base.iter().filter(|row| missing(*row)).collect();
        let over = lost.iter().all(|(_, base)| !may_be_there(tab, base, (keys, rows)));
        gone.extend(lost.into_iter().filter(|_| over).map(|(key, _)| key.clone()));
        over
    });
    for key in gone {
        // Whoever removed it saw the key of another row.
        tab.gone.reject(&key);
    }
    tab.strays = strays;
    over
}

/// Whether a row that lost its key may be one of those that bear none, or one that nobody knows: one that shares a word with it.
fn may_be_there(
    tab: &Tab,
    base: &BaseRow,
    (keys, rows): (&[Option<RowKey>], &[Vec<Cell>]),
) -> bool {
    if !tab.repairs.is_empty() {
        return true;
    }
    let beside = (0..tab.width()).filter(|column| !tab.spec.key.contains(column));
    let words: Vec<(usize, &Cell)> = beside
        .flat_map(|column| [(column, base.sheet(column)), (column, base.database(column))])
        .filter_map(|(column, cell)| Some((column, cell.filter(|cell| !cell.is_empty())?)))
        .collect();
    let mut others = (keys.iter().zip(rows))
        .filter(|(key, _)| key.as_ref().is_none_or(|key| !tab.base.contains_key(key)))
        .map(|(_, cells)| cells)
        .filter(|cells| cells.iter().any(|cell| !cell.is_empty()));
    let shares = |cells: &Vec<Cell>| {
        let is = |(at, word): &(usize, &Cell)| {
            cells.get(*at).is_some_and(|cell| cell.is_entered_as(word))
        };
        words.is_empty() || words.iter().any(is)
    };
    others.any(shares)
}

/// Whether nothing but the key is as it was: this may be a new row with a key that the next one bears.
fn may_be_another(tab: &Tab, key: &RowKey, cells: &[Cell]) -> bool {
    let Some(base) = tab.base.get(key) else { return false };
    let mut held = (0..tab.width())
        .filter(|column| !tab.spec.key.contains(column))
        .filter(|column| base.sheet(*column).is_some_and(|cell| !cell.is_empty()));
    let several = held.clone().nth(1).is_some();
    is_emptied(tab, key, cells)
        || several && held.all(|column| base.sheet(column) != cells.get(column))
}

/// Whether everything beside the key was taken out of a row.
fn is_emptied(tab: &Tab, key: &RowKey, cells: &[Cell]) -> bool {
    let Some(base) = tab.base.get(key) else { return false };
    let mut beside = (0..tab.width()).filter(|column| !tab.spec.key.contains(column));
    let held = |column: usize| base.sheet(column).is_some_and(|cell| !cell.is_empty());
    beside.clone().any(held) && beside.all(|column| cells.get(column).is_none_or(Cell::is_empty))
}

/// Rows that both sides had and the sheet has lost have to be looked at. Gives their keys.
fn touch_missing(tab: &mut Tab, restoring: &BTreeSet<RowKey>, sequence: u64) -> BTreeSet<RowKey> {
    let gone = |key: &&RowKey| tab.index.locate(key).is_none() && !restoring.contains(*key);
    let missing: BTreeSet<RowKey> = tab.base.keys().filter(gone).cloned().collect();
    for key in &missing {
        tab.touch(key, sequence);
    }
    missing
}

fn resolved_duplicates(tab: &mut Tab) -> Vec<u64> {
    let over: Vec<(RowKey, u16)> = (tab.open.iter())
        .filter(|(key, _, record)| {
            record.kind == ConflictKind::DuplicateKey
                && tab.index.locate(key) != Some(Place::Several)
        })
        .map(|(key, column, _)| (key.clone(), column))
        .collect();
    over.into_iter().filter_map(|(key, column)| tab.open.close(&key, column)).collect()
}

fn new_duplicates(tab: &mut Tab) -> Vec<RowKey> {
    let several: BTreeSet<RowKey> = tab
        .index
        .iter()
        .filter(|(_, place)| *place == Place::Several)
        .map(|(key, _)| key.clone())
        .collect();
    let new = several.difference(&tab.frozen).cloned().collect();
    for key in tab.frozen.difference(&several) {
        tab.pending.wake(key);
    }
    tab.frozen = several;
    new
}
