//! What the bad designs believe that do not look at what a batch really hit.

use crate::{
    batch::{RowExpectation, RowIndex, RowWrite, TabExpectation, TabImages, TabWork},
    cell::Cell,
    key_index::{KeyIndex, Place},
    mutants::{Mutant, on},
    state::{RowIdentity, RowKey},
    tab::Tab,
};

/// The pre-images as they are believed to be.
pub(crate) fn images(
    tab: &Tab,
    work: &TabWork,
    expectation: &TabExpectation,
    images: &TabImages,
) -> TabImages {
    let mut images = images.clone();
    if expectation.repair {
        return images;
    }
    if is_trusting() {
        images.header.clone_from(&expectation.header);
    }
    let writes = work.writes.iter().zip(&expectation.writes);
    for ((write, expected), image) in writes.zip(&mut images.writes) {
        believe(tab, (write, expected), image);
    }
    for (expected, image) in expectation.deletes.iter().zip(&mut images.deletes) {
        let columns = work.columns.iter().filter_map(|column| usize::try_from(column.0).ok());
        let places: Vec<usize> = columns.collect();
        let mapped = places.iter().map(|place| image.get(*place).cloned().unwrap_or(Cell::Empty));
        let mut mapped: Vec<Cell> = mapped.collect();
        if let Some(believed) = in_place_of(tab, expected, &mapped) {
            mapped = believed;
        }
        for (place, cell) in places.iter().zip(mapped) {
            if let Some(slot) = image.get_mut(*place) {
                *slot = cell;
            }
        }
    }
    images
}

fn is_trusting() -> bool {
    on(Mutant::CachedRows) || on(Mutant::Unverified) || on(Mutant::MetadataAddress)
}

fn believe(tab: &Tab, (write, expected): (&RowWrite, &RowExpectation), image: &mut Vec<Cell>) {
    if let Some(believed) = in_place_of(tab, expected, image) {
        *image = believed;
    }
    if on(Mutant::WholeRows) {
        for (column, written) in &write.cells {
            let place = usize::from(*column);
            if expected.before.get(place) == Some(written)
                && let Some(slot) = image.get_mut(place)
            {
                slot.clone_from(written);
            }
        }
    }
}

/// A whole row that is believed to have been where the batch wrote, instead of the one that was.
fn in_place_of(tab: &Tab, expected: &RowExpectation, image: &[Cell]) -> Option<Vec<Cell>> {
    let nameless = tab.shown_key(&expected.before).is_none();
    if is_trusting() || (on(Mutant::InsertFirst) && nameless) {
        return Some(expected.before.clone());
    }
    let RowIdentity::Key(meant) = &expected.row else { return None };
    if !on(Mutant::KeyReadBack) {
        return None;
    }
    let found = tab.key_of(image)?;
    if found == *meant {
        return Some(expected.before.clone());
    }
    tab.base.get(&found)?.whole_sheet()
}

/// Where rows are believed to stand, once they were read.
pub(crate) fn placed(tab: &Tab, mut read: KeyIndex) -> KeyIndex {
    let row_of = |index: &KeyIndex, key: &RowKey| match index.locate(key) {
        Some(Place::Row(row)) => Some(row),
        _ => None,
    };
    let mut known: Vec<(RowIndex, RowIndex, RowKey)> = (tab.index.iter())
        .filter_map(|(key, _)| Some((row_of(&tab.index, key)?, row_of(&read, key)?, key.clone())))
        .collect();
    if on(Mutant::CachedRows) {
        for (before, _, key) in &known {
            read.believe(key, *before);
        }
    }
    if on(Mutant::MetadataAddress) {
        // Inserted and removed rows move what stands below them and its metadata; sorted rows leave it behind.
        known.sort();
        let mut rows: Vec<RowIndex> = known.iter().map(|(_, now, _)| *now).collect();
        rows.sort();
        for ((_, _, key), row) in known.iter().zip(rows) {
            read.believe(key, row);
        }
    }
    read
}
