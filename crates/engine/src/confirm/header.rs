//! The header row as a batch has seen it.

use crate::{
    batch::{ColumnIndex, TabExpectation, TabImages, TabWork},
    cell::Cell,
    repair::slot,
    tab::Tab,
};

/// The header row just before the batch, as far as the batch has seen it.
pub(super) struct Header {
    /// From column 0, mapped columns by their own names; empty where nothing was seen.
    pub(super) now: Vec<Cell>,
    /// The columns that were seen.
    pub(super) seen: Vec<ColumnIndex>,
    /// For each column of the work: whether another header stood there than we believed.
    pub(super) moved: Vec<bool>,
}

impl Header {
    pub(super) fn new(
        tab: &Tab,
        work: &TabWork,
        expectation: &TabExpectation,
        images: &TabImages,
    ) -> Self {
        if work.create.is_some() {
            // We have just written it.
            let now = spread(&work.columns, &expectation.header);
            return Self {
                now,
                seen: work.columns.clone(),
                moved: vec![false; work.columns.len()],
            };
        }
        let pairs = expectation.header.iter().zip(&images.header);
        let mut moved: Vec<bool> = pairs.map(|(expected, found)| expected != found).collect();
        let mut now = tab.names(&spread(&work.columns, &images.header));
        if expectation.repair {
            renamed(&tab.names(&expectation.header), &mut now, &mut moved);
        } else {
            // The headers may be others by now than both the batch and this answer knew.
            for ((place, moved), column) in work.columns.iter().zip(&moved).zip(&tab.spec.columns) {
                if let (false, Some(name)) = (*moved, slot(&mut now, *place)) {
                    *name = Cell::text(column.name.clone());
                }
            }
        }
        Self { now, seen: work.columns.clone(), moved }
    }

    pub(super) fn has_moved(&self, column: u16) -> bool {
        self.moved.get(usize::from(column)).copied().unwrap_or(false)
    }
}

/// Where all columns were seen: if one name is nowhere any more and one is new, somebody has renamed that column, wherever it stands now.
pub(super) fn renamed(before: &[Cell], now: &mut [Cell], moved: &mut [bool]) {
    let only = |here: &[Cell], there: &[Cell]| {
        let mut new =
            (0..here.len()).filter(|at| !here[*at].is_empty() && !there.contains(&here[*at]));
        new.next().filter(|_| new.next().is_none())
    };
    if let (Some(lost), Some(new)) = (only(before, now), only(now, before)) {
        now[new] = before[lost].clone();
        if let Some(moved) = moved.get_mut(new) {
            *moved = lost != new;
        }
    }
}

/// Cells of some columns as a row from column 0.
pub(super) fn spread(columns: &[ColumnIndex], cells: &[Cell]) -> Vec<Cell> {
    let mut row = Vec::new();
    for (column, cell) in columns.iter().zip(cells) {
        let place = usize::try_from(column.0).unwrap_or(usize::MAX);
        if place >= row.len() {
            row.resize(place + 1, Cell::Empty);
        }
        row[place] = cell.clone();
    }
    row
}

/// By how many columns all mapped ones have moved that the batch has seen, if all by the same.
pub(super) fn shift(tab: &Tab, header: &Header) -> Option<i64> {
    let mut shift = None;
    for (known, place) in tab.geometry.columns.iter().enumerate() {
        let now = header.now.iter().position(|cell| tab.is_header_of(cell, known));
        let Some(now) = now.and_then(|now| i64::try_from(now).ok()) else { continue };
        let moved = now - i64::from(place.0);
        if shift.is_some_and(|shift| shift != moved) {
            return None;
        }
        shift = Some(moved);
    }
    shift
}
