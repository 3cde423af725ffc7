//! Takes in what a tab was found to hold: where columns and rows stand, and what differs from what we know.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    batch::{ColumnIndex, RowIndex, SpreadsheetImage, TabImage},
    cell::Cell,
    key_index::{KeyIndex, Place},
    render::row_key,
    state::{ConflictKind, RowKey},
    tab::{Geometry, Tab},
};

/// A tab that cannot be mapped: a sentence with the place and the cure.
pub(crate) type Refusal = String;

/// A duplicate key that was not known before.
pub(crate) struct Found {
    pub(crate) duplicates: Vec<RowKey>,
}

/// Finds the tab in the spreadsheet, or chooses an id for it.
pub(crate) fn find_tab(tab: &mut Tab, image: &SpreadsheetImage) {
    let known = tab.geometry.sheet_id;
    let by_id = image.tabs.iter().find(|found| found.sheet_id == known && known != 0);
    let by_title = || image.tabs.iter().find(|found| found.title == tab.spec.title);
    if let Some(found) = by_id.or_else(by_title) {
        tab.geometry = Geometry {
            sheet_id: found.sheet_id,
            title: found.title.clone(),
            grid_columns: found.columns,
            ..Geometry::default()
        };
        tab.stale = true;
    } else {
        let taken: BTreeSet<i32> = image.tabs.iter().map(|found| found.sheet_id).collect();
        tab.geometry = Geometry {
            sheet_id: choose_sheet_id(&tab.spec.title, &taken),
            title: tab.spec.title.clone(),
            missing: true,
            ..Geometry::default()
        };
        lay_out_header(tab, 0);
        tab.stale = false;
        tab.index = KeyIndex::read(RowIndex(tab.spec.header_row.0 + 1), std::iter::empty());
        tab.drift.clear();
        want_missing_rows(tab, 0);
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

fn lay_out_header(tab: &mut Tab, first: u32) {
    tab.geometry.blank = true;
    tab.geometry.columns = (first..).zip(&tab.spec.columns).map(|(c, _)| ColumnIndex(c)).collect();
    tab.geometry.header =
        tab.spec.columns.iter().map(|column| Cell::text(column.name.clone())).collect();
    let width = first + u32::try_from(tab.spec.columns.len()).unwrap_or(u32::MAX);
    tab.geometry.grid_columns = tab.geometry.grid_columns.max(width);
}

/// Takes in a read of the whole tab. `sequence` ages what it makes pending.
pub(crate) fn take_whole(tab: &mut Tab, image: TabImage, sequence: u64) -> Result<Found, Refusal> {
    tab.geometry.title.clone_from(&image.properties.title);
    let (rows, columns) = std::mem::take(&mut tab.refused_size);
    if image.properties.rows < rows || image.properties.columns < columns {
        tab.refusals = 0;
    }
    tab.geometry.grid_columns = image.properties.columns;
    if image.header.iter().all(Cell::is_empty) && image.columns.iter().all(|(_, c)| c.is_empty()) {
        lay_out_header(tab, 0);
    } else {
        map_header(tab, &image.header)?;
    }
    tab.geometry.whole_header.clone_from(&image.header);
    let rows = mapped_rows(tab, &image);
    let found = take_rows(tab, rows, sequence);
    tab.stale = false;
    tab.keys_fresh = true;
    tab.image = (!tab.repairs.is_empty()).then_some(image);
    Ok(found)
}

/// Takes in a read of the key columns. Gives `false` where columns or header are not where they were: read the whole tab.
pub(crate) fn take_keys(tab: &mut Tab, image: &TabImage, sequence: u64) -> bool {
    tab.geometry.grid_columns = image.properties.columns;
    let header: Vec<Cell> =
        tab.geometry.columns.iter().map(|column| cell_at(&image.header, *column)).collect();
    if header != tab.geometry.header {
        return false;
    }
    let depth = image.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let keys = (0..depth).map(|row| {
        let cells: Vec<Cell> = image.columns.iter().map(|(_, cells)| cell_in(cells, row)).collect();
        row_key(cells.iter())
    });
    tab.index = KeyIndex::read(RowIndex(tab.spec.header_row.0 + 1), keys);
    tab.keys_fresh = true;
    want_missing_rows(tab, sequence);
    true
}

fn map_header(tab: &mut Tab, header: &[Cell]) -> Result<(), Refusal> {
    let row = tab.spec.header_row.0 + 1;
    let mut columns = Vec::new();
    for column in &tab.spec.columns {
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
    tab.geometry.blank = false;
    Ok(())
}

/// Whether a header cell is that of a column.
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

/// The mapped cells of every row below the header.
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

fn take_rows(tab: &mut Tab, rows: Vec<Vec<Cell>>, sequence: u64) -> Found {
    let keys: Vec<Option<RowKey>> = rows.iter().map(|cells| tab.key_of(cells)).collect();
    tab.index = KeyIndex::read(RowIndex(tab.spec.header_row.0 + 1), keys.iter().cloned());
    tab.drift.clear();
    let live = matches!(tab.state, crate::state::TableState::Live { .. });
    tab.strangers = 0;
    for (key, cells) in keys.into_iter().zip(rows) {
        let Some(key) = key else { continue };
        if tab.index.locate(&key) == Some(Place::Several) {
            continue;
        }
        match tab.base.get(&key) {
            Some(base) if base.cells == cells => {}
            Some(base) => {
                let wanted = base.cells.clone();
                tab.drift.insert(key.clone(), cells);
                if tab.pending.get(&key).is_none() {
                    tab.pending.absorb(key, Some(wanted), sequence);
                }
            }
            None => {
                if live && tab.pending.get(&key).is_none() {
                    tab.strangers += 1;
                } else {
                    tab.drift.insert(key, cells);
                }
            }
        }
    }
    want_missing_rows(tab, sequence);
    Found { duplicates: new_duplicates(tab) }
}

/// Rows that both sides had and the sheet has lost are added again: a `to_sheet` tab follows the database.
fn want_missing_rows(tab: &mut Tab, sequence: u64) {
    let missing: Vec<(RowKey, Vec<Cell>)> = tab
        .base
        .iter()
        .filter(|(key, _)| tab.index.locate(key).is_none() && tab.pending.get(key).is_none())
        .map(|(key, base)| (key.clone(), base.cells.clone()))
        .collect();
    for (key, cells) in missing {
        tab.pending.absorb(key, Some(cells), sequence);
    }
}

fn new_duplicates(tab: &mut Tab) -> Vec<RowKey> {
    let several: BTreeSet<RowKey> = tab
        .index
        .iter()
        .filter(|(_, place)| *place == Place::Several)
        .map(|(key, _)| key.clone())
        .collect();
    let new = several.difference(&tab.frozen).cloned().collect();
    tab.frozen = several;
    new
}

/// The kind under which a duplicate key is recorded.
pub(crate) const DUPLICATE: ConflictKind = ConflictKind::DuplicateKey;
