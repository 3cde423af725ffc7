//! What a batch that put things back has really hit.

use super::{Confirmation, Overruled, blank_content, cells_to_blank, header::Header, miss};
use crate::{
    batch::{ColumnIndex, RowExpectation, RowWrite, TabExpectation, TabImages, TabWork},
    cell::Cell,
    repair::{
        Seen, bears_key_of, compose, identity_of, is_likely, is_planned_for, key_astray,
        lost_value, meant_for, owner,
    },
    state::{Repair, RepairCell, RowIdentity},
    survey::cell_at,
    tab::Tab,
};

pub(super) fn confirm_repair(
    tab: &mut Tab,
    out: &mut Confirmation,
    work: &TabWork,
    expectation: &TabExpectation,
    images: &TabImages,
) {
    let header = Header::new(tab, work, expectation, images);
    let names = tab.names(&expectation.header);
    for ((write, expected), image) in
        work.writes.iter().zip(&expectation.writes).zip(&images.writes)
    {
        let seen = Seen { header: &header.now, cells: image };
        let older = &tab.repairs[..tab.repairs.len().saturating_sub(out.fresh)];
        let owner = owner(tab, older, seen);
        let meant = (0..).zip(older).find(|(place, repair)| {
            let row = owner.map_or_else(|| is_likely(tab, repair, seen), |owner| owner == *place);
            // Somebody typed over what was to be taken away: the row is the same by its key.
            let named = owner.is_none()
                && bears_key_of(tab, repair, seen)
                && is_else_as_before(tab, write, expected, image);
            // Or somebody typed beside it.
            let edited = owner.is_none() && is_half_as_before(write, expected, image);
            is_planned_for(repair, write, expected)
                && (row || named || edited || *image == expected.before)
        });
        let meant = meant.map(|(place, _)| place);
        match meant {
            Some(meant) => repaired(tab, out, meant, &header, (write, expected, image)),
            None => miss(tab, out, work, &header, (write, image, None)),
        }
    }
    for expected in &expectation.inserts {
        if header.moved.contains(&true) {
            let row = RowIdentity::Content(blank_content(tab));
            let meant = |place: usize| {
                let name = names.get(place)?;
                tab.column_under(name)
            };
            let cells =
                cells_to_blank(&header.now, (&work.columns, &expected.database), |_| true, meant);
            if !cells.is_empty() {
                tab.repairs.push(Repair { row, cells, readd: None });
            }
            out.moved += 1;
        } else {
            tab.repairs.retain(|repair| repair.row != expected.row || repair.readd.is_none());
        }
    }
}

/// Whether every cell that was not written is as it was before, and more of them than the key's hold something.
fn is_else_as_before(
    tab: &Tab,
    write: &RowWrite,
    expected: &RowExpectation,
    image: &[Cell],
) -> bool {
    let written = |at| write.cells.iter().any(|(column, _)| usize::from(*column) == at);
    let others = || (0..).zip(image.iter().zip(&expected.before)).filter(|(at, _)| !written(*at));
    let full = others().filter(|(_, (now, _))| !now.is_empty()).count();
    full > tab.spec.key.len() && others().all(|(_, (now, before))| now == before)
}

/// Whether every cell that was written is as it was before, and so are half of the others, a word among them.
fn is_half_as_before(write: &RowWrite, expected: &RowExpectation, image: &[Cell]) -> bool {
    let written = |at| write.cells.iter().any(|(column, _)| usize::from(*column) == at);
    let cells = (0..).zip(image.iter().zip(&expected.before));
    let (mut same, mut other) = (0, 0);
    for (at, (now, before)) in cells {
        match (written(at), now == before) {
            (true, false) => return false,
            (true, true) => {}
            (false, true) => same += usize::from(!now.is_empty()),
            (false, false) => other += 1,
        }
    }
    same > 0 && same >= other
}

/// The right row was hit; some of its cells may have been typed over meanwhile, or their columns may have moved.
fn repaired(
    tab: &mut Tab,
    out: &mut Confirmation,
    meant: usize,
    header: &Header,
    (write, expected, image): (&RowWrite, &RowExpectation, &[Cell]),
) {
    let mut repair = tab.repairs.remove(meant);
    let mut again = Vec::new();
    let seen = Seen { header: &header.now, cells: image };
    let astray = key_astray(tab, &repair, seen);
    for (column, written) in &write.cells {
        let place = ColumnIndex(u32::from(*column));
        let found = cell_at(image, place);
        let typed_over = found != cell_at(&expected.before, place);
        let name = cell_at(&header.now, place);
        // Columns without a name look all the same.
        let unclear = name.is_empty() && typed_over && header.moved.contains(&true);
        let moved = unclear || header.has_moved(*column);
        let typed = RepairCell {
            column: place,
            header: name.clone(),
            meant: None,
            wrong: written.clone(),
            right: found,
        };
        let elsewhere = astray.as_ref().filter(|_| typed_over && !moved);
        if let Some(key) = elsewhere {
            out.overruled.extend(meant_for(tab, key, &typed, &typed.right).map(Overruled::from));
        } else if typed_over || moved {
            again.push(typed);
        }
        if moved {
            continue;
        }
        let done = repair
            .cells
            .iter()
            .position(|cell| cell.header == name && (!name.is_empty() || cell.column == place));
        if let Some(done) = done {
            let cell = repair.cells.remove(done);
            if typed_over && elsewhere.is_none() {
                let lost = lost_value(tab, &repair.row, &cell);
                out.overruled.extend(lost.map(Overruled::from));
            }
        }
    }
    out.moved += usize::from(!again.is_empty());
    let lost = compose(tab, &mut repair, seen, again);
    out.overruled.extend(lost.into_iter().map(Overruled::from));
    if repair.cells.is_empty() {
        return;
    }
    let mut now = image.to_vec();
    for (column, written) in &write.cells {
        if let Some(slot) = now.get_mut(usize::from(*column)) {
            slot.clone_from(written);
        }
    }
    // Whatever else a person has put there meanwhile helps to find the row again.
    repair.row = identity_of(tab, &repair, Seen { header: &header.now, cells: &now });
    tab.repairs.push(repair);
    out.fresh += 1;
}
