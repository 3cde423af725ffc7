//! Rows that were removed or emptied by mistake: what is added again, and under which columns.

use super::{
    Lost,
    recognition::{NOWHERE, bore, place_of, slot},
    shown_by,
};
use crate::{
    batch::ColumnIndex,
    cell::Cell,
    state::{RemovedRow, Repair, RowIdentity},
    survey::cell_at,
    tab::Tab,
};

/// A row that was emptied by mistake, as far as it is known: to be added again where it cannot be found.
pub(super) fn emptied(tab: &Tab, repair: &Repair) -> Option<RemovedRow> {
    let RowIdentity::Content(content) = &repair.row else { return None };
    let hit = |place| repair.cells.iter().any(|cell| tab.is_header_of(&cell.header, place));
    let stands = |(place, cell): (usize, &Option<Cell>)| {
        cell.as_ref().is_none_or(|cell| !cell.is_empty() && !hit(place))
    };
    let left = !content.own.is_empty() || content.mapped.iter().enumerate().any(stands);
    if left || repair.cells.iter().any(|cell| !cell.wrong.is_empty()) {
        // It would be found by what is left of it.
        return None;
    }
    let width = repair.cells.iter().map(|cell| cell.column.0 + 1).max()?;
    let blank = || vec![Cell::Empty; usize::try_from(width).unwrap_or(0)];
    let mut removed = RemovedRow { header: blank(), cells: blank() };
    for cell in &repair.cells {
        if let Some(slot) = slot(&mut removed.header, cell.column) {
            slot.clone_from(&cell.header);
        }
        if let Some(slot) = slot(&mut removed.cells, cell.column) {
            slot.clone_from(&cell.right);
        }
    }
    Some(removed)
}

/// Where all cells stand whose columns are known from when the row was removed, the others do so, too: an empty one may be under a guessed name.
pub(super) fn know_removed(tab: &Tab, removed: &mut RemovedRow, header: &[Cell]) {
    for name in &mut removed.header {
        *name = tab.naming(NOWHERE, name);
    }
    let known = removed.header.clone();
    for (name, now) in removed.header.iter_mut().zip(header) {
        // Nobody knew it then, and it is nowhere now: what stands there is called by another name.
        let lost = !name.is_empty() && tab.column_under(name).is_none() && !header.contains(name);
        if lost && tab.column_under(now).is_some() && !known.contains(now) {
            name.clone_from(now);
        }
    }
    let mut cells = (0..).map(ColumnIndex).zip(removed.header.iter().zip(header));
    let stays = |(place, (name, now)): (ColumnIndex, (&Cell, &Cell))| {
        // Of an empty cell it is not sure: its column may have come between.
        name.is_empty() || name == now || cell_at(&removed.cells, place).is_empty()
    };
    if removed.header.len() <= header.len() && cells.all(stays) {
        let cells = removed.cells.iter().map(Some).chain(std::iter::repeat(None));
        for ((name, now), cell) in removed.header.iter_mut().zip(header).zip(cells) {
            let elsewhere = name != now && known.contains(now);
            let mapped = tab.column_under(now).is_some();
            if !elsewhere && (cell.is_some_and(|cell| !cell.is_empty()) || !mapped) {
                name.clone_from(now);
            }
        }
    }
}

/// The cells of a removed row under the headers they had, else where they stood, else in the next free column; never in a mapped one, where
/// they would be taken for a person's word.
pub(super) fn laid_out(
    tab: &Tab,
    removed: &RemovedRow,
    header: &[Cell],
) -> (Vec<Cell>, Vec<(ColumnIndex, Cell)>) {
    let mut row = vec![Cell::Empty; header.len()];
    let cells = (0..).map(ColumnIndex).zip(&removed.cells);
    let mut homeless = Vec::new();
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        let name = cell_at(&removed.header, column);
        let place = place_of(header, column, &name);
        match slot(&mut row, place) {
            Some(slot) if slot.is_empty() && cell_at(header, place) == name => *slot = cell.clone(),
            _ => homeless.push((column, cell.clone())),
        }
    }
    let mapped =
        |place: &usize| header.get(*place).is_some_and(|name| tab.column_under(name).is_some());
    let strays = homeless.clone();
    for (column, cell) in homeless {
        let place = usize::try_from(column.0).unwrap_or(usize::MAX);
        let mut order = (place..row.len()).chain(0..place.min(row.len()));
        if let Some(free) = order.find(|free| row[*free].is_empty() && !mapped(free)) {
            row[free] = cell;
        }
    }
    (row, strays)
}

/// Mapped columns that nobody knew when the row was removed hold what both sides last agreed on: empty, they would be taken for a person's
/// deed. Gives what may have stood there, and what stands in another column now, for the conflict log.
pub(super) fn fill_unknown(
    tab: &Tab,
    repair: &Repair,
    removed: &RemovedRow,
    (cells, strays): (&mut [Cell], &[(ColumnIndex, Cell)]),
    header: &[Cell],
) -> Vec<Lost> {
    let key = shown_by(tab, &repair.row).or_else(|| bore(tab, repair));
    let base = key.as_ref().and_then(|key| tab.base.get(key));
    let mut unknown = None;
    for column in 0..tab.width() {
        if removed.header.iter().any(|name| tab.is_header_of(name, column)) {
            continue;
        }
        let place = header.iter().position(|name| tab.is_header_of(name, column));
        let slot = place.and_then(|place| cells.get_mut(place)).filter(|slot| slot.is_empty());
        if let (Some(slot), Some(agreed)) = (slot, base.and_then(|base| base.sheet(column))) {
            slot.clone_from(agreed);
        }
        unknown.get_or_insert(column);
    }
    let unknown = unknown.and_then(|column| tab.spec.columns.get(column));
    let agreed = |cell: &Cell| {
        (0..tab.width()).any(|column| base.and_then(|base| base.sheet(column)) == Some(cell))
    };
    // The word of a column that nobody knew may stand under no name.
    let unnamed = (0..).map(ColumnIndex).zip(&removed.cells).filter(|(column, cell)| {
        let known = strays.iter().any(|(homeless, _)| homeless == column);
        !known
            && unknown.is_some()
            && !cell.is_empty()
            && cell_at(&removed.header, *column).is_empty()
    });
    let unnamed = unnamed.map(|(column, cell)| (column, cell.clone()));
    let homeless: Vec<_> = (strays.iter().cloned().chain(unnamed))
        .filter(|(_, cell)| unknown.is_some() || !agreed(cell))
        .collect();
    let lost = |(column, value): (ColumnIndex, Cell)| {
        let column = unknown.map_or(format!("column {}", column.0 + 1), |spec| spec.name.clone());
        Lost { key: key.clone(), column, value, stray: None }
    };
    homeless.into_iter().map(lost).collect()
}
