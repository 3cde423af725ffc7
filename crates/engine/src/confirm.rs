//! Learns from the pre-images what a batch really hit: never from hope.

use crate::{
    batch::{ColumnIndex, RowExpectation, RowWrite, TabExpectation, TabImages, TabWork},
    cell::Cell,
    repair::{identify, is_row, project, remember},
    state::{ConflictKind, Repair, RepairCell, RowIdentity, RowKey, StoreStep},
    tab::Tab,
};

/// A value of a person that was overwritten or removed.
pub(crate) struct Overruled {
    pub(crate) kind: ConflictKind,
    pub(crate) key: Option<RowKey>,
    pub(crate) column: String,
    pub(crate) base: Option<Cell>,
    pub(crate) database: Option<Cell>,
    pub(crate) sheet: Cell,
}

/// What confirming the work of one tab came to.
#[derive(Default)]
pub(crate) struct Confirmation {
    pub(crate) steps: Vec<StoreStep>,
    pub(crate) overruled: Vec<Overruled>,
    /// Rows hit by mistake.
    pub(crate) moved: usize,
    /// Rows written, added, removed as meant.
    pub(crate) rows: [usize; 3],
}

/// Confirms the work of one tab. `sequence` ages what has to be done again.
pub(crate) fn confirm(
    tab: &mut Tab,
    work: &TabWork,
    expectation: &TabExpectation,
    images: &TabImages,
    sequence: u64,
) -> Confirmation {
    if expectation.repair {
        return confirm_repair(tab, work, expectation, images);
    }
    let mut out = Confirmation::default();
    let created = work.create.is_some();
    let moved_header = !created && images.header != expectation.header;
    for ((write, expected), image) in
        work.writes.iter().zip(&expectation.writes).zip(&images.writes)
    {
        let wrong_column = moved_header
            && (*image != expected.before
                || write.cells.iter().any(|(c, _)| header_differs(expectation, images, *c)));
        if wrong_column || tab.key_of(image).map(RowIdentity::Key).as_ref() != Some(&expected.row) {
            miss(tab, work, write, image);
            out.moved += 1;
        } else {
            hit(tab, &mut out, (write, expected, image), sequence);
        }
    }
    for (expected, image) in expectation.deletes.iter().zip(&images.deletes) {
        confirm_delete(tab, &mut out, work, (expected, image));
    }
    confirm_inserts(tab, &mut out, work, expectation, moved_header);
    if created {
        tab.geometry.missing = false;
        tab.geometry.blank = false;
    }
    if moved_header || out.moved > 0 {
        tab.stale = true;
    } else {
        tab.index.remove_rows(&work.deletes);
        if let Some(insert) = &work.insert {
            let keys: Vec<RowKey> = expectation.inserts.iter().filter_map(key_of).collect();
            tab.index.insert_rows(insert.at, keys.into_iter());
        }
    }
    if out.moved > 0 {
        out.steps.push(StoreStep::Repairs(tab.spec.table, tab.repairs.clone()));
    }
    tab.keys_fresh = false;
    out
}

fn key_of(expected: &RowExpectation) -> Option<RowKey> {
    match &expected.row {
        RowIdentity::Key(key) => Some(key.clone()),
        RowIdentity::Content(_) => None,
    }
}

fn header_differs(expectation: &TabExpectation, images: &TabImages, column: u16) -> bool {
    let column = usize::from(column);
    expectation.header.get(column) != images.header.get(column)
}

/// The row was the one we meant.
fn hit(
    tab: &mut Tab,
    out: &mut Confirmation,
    (write, expected, image): (&RowWrite, &RowExpectation, &Vec<Cell>),
    sequence: u64,
) {
    let RowIdentity::Key(key) = &expected.row else { return };
    let base = tab.base.get(key).map(|base| base.cells.clone());
    let mut actual = image.clone();
    for (column, cell) in &write.cells {
        let column = usize::from(*column);
        let (Some(slot), Some(spec)) = (actual.get_mut(column), tab.spec.columns.get(column))
        else {
            continue;
        };
        let agreed = base.as_ref().and_then(|cells| cells.get(column));
        let typed = match agreed {
            Some(agreed) => slot != agreed,
            None => !slot.is_empty(),
        };
        if typed && slot != cell {
            out.overruled.push(Overruled {
                kind: ConflictKind::TypedOver,
                key: Some(key.clone()),
                column: spec.name.clone(),
                base: agreed.cloned(),
                database: Some(cell.clone()),
                sheet: slot.clone(),
            });
        }
        *slot = cell.clone();
    }
    out.rows[0] += 1;
    settle(tab, out, key, expected);
    if actual != expected.after {
        // Somebody typed into another cell of the row meanwhile.
        tab.drift.insert(key.clone(), actual);
        if tab.pending.get(key).is_none() {
            tab.pending.absorb(key.clone(), Some(expected.after.clone()), sequence);
        }
    }
}

fn settle(tab: &mut Tab, out: &mut Confirmation, key: &RowKey, expected: &RowExpectation) {
    let after = (!expected.after.is_empty()).then(|| expected.after.clone());
    let settled = tab.pending.settle(key, expected.latest, after.as_deref());
    out.steps.push(tab.agree(key, after));
    if settled {
        out.steps.push(StoreStep::Settled(tab.spec.table, key.clone()));
    }
}

/// The row was another one: what it held must be put back.
fn miss(tab: &mut Tab, work: &TabWork, write: &RowWrite, image: &[Cell]) {
    let cells = write
        .cells
        .iter()
        .filter_map(|(column, wrong)| {
            let column = usize::from(*column);
            Some(RepairCell {
                column: *work.columns.get(column)?,
                wrong: wrong.clone(),
                right: image.get(column).cloned().unwrap_or(Cell::Empty),
            })
        })
        .collect();
    let row = identify(tab, image);
    remember(&mut tab.repairs, Repair { row, cells, readd: None });
}

fn confirm_delete(
    tab: &mut Tab,
    out: &mut Confirmation,
    work: &TabWork,
    (expected, whole): (&RowExpectation, &Vec<Cell>),
) {
    let mapped: Vec<Cell> =
        work.columns.iter().map(|column| crate::survey::cell_at(whole, *column)).collect();
    let Some(key) = key_of(expected) else { return };
    if tab.key_of(&mapped).as_ref() != Some(&key) {
        let row = identify(tab, &mapped);
        remember(&mut tab.repairs, Repair { row, cells: Vec::new(), readd: Some(whole.clone()) });
        out.moved += 1;
        return;
    }
    let base = tab.base.get(&key).map(|base| base.cells.as_slice()).unwrap_or_default();
    for (place, (column, found)) in tab.spec.columns.iter().zip(&mapped).enumerate() {
        let agreed = base.get(place);
        let known = tab.spec.key.contains(&place) || found.is_empty();
        if agreed.map_or(!known, |agreed| agreed != found) {
            out.overruled.push(Overruled {
                kind: ConflictKind::EditedRowRemoved,
                key: Some(key.clone()),
                column: column.name.clone(),
                base: agreed.cloned(),
                database: None,
                sheet: found.clone(),
            });
        }
    }
    out.rows[2] += 1;
    settle(tab, out, &key, expected);
}

fn confirm_inserts(
    tab: &mut Tab,
    out: &mut Confirmation,
    work: &TabWork,
    expectation: &TabExpectation,
    moved_header: bool,
) {
    for expected in &expectation.inserts {
        let Some(key) = key_of(expected) else { continue };
        if moved_header {
            // The cells stand under wrong headers: blank them and add the row again.
            let cells = work
                .columns
                .iter()
                .zip(&expected.after)
                .filter(|(_, wrong)| !wrong.is_empty())
                .map(|(column, wrong)| RepairCell {
                    column: *column,
                    wrong: wrong.clone(),
                    right: Cell::Empty,
                })
                .collect();
            let row = RowIdentity::Content(vec![Cell::Empty; work.columns.len()]);
            tab.repairs.push(Repair { row, cells, readd: None });
            out.moved += 1;
        } else {
            out.rows[1] += 1;
            settle(tab, out, &key, expected);
        }
    }
}

fn confirm_repair(
    tab: &mut Tab,
    work: &TabWork,
    expectation: &TabExpectation,
    images: &TabImages,
) -> Confirmation {
    let mut out = Confirmation::default();
    for ((write, expected), image) in
        work.writes.iter().zip(&expectation.writes).zip(&images.writes)
    {
        let place = tab.repairs.iter().position(|r| r.row == expected.row && r.readd.is_none());
        let Some(place) = place else { continue };
        let wanted = &tab.repairs[place];
        if is_row(tab, &wanted.row, &wanted.cells, image) {
            patch_drift(tab, &expected.row, write);
            tab.repairs.remove(place);
        } else {
            miss_repair(tab, write, image);
            out.moved += 1;
        }
    }
    for expected in &expectation.inserts {
        tab.repairs.retain(|repair| repair.row != expected.row || repair.readd.is_none());
    }
    tab.stale = tab.stale || out.moved > 0 || work.insert.is_some();
    tab.keys_fresh = false;
    tab.image = None;
    out.steps.push(StoreStep::Repairs(tab.spec.table, tab.repairs.clone()));
    out
}

fn miss_repair(tab: &mut Tab, write: &RowWrite, whole: &[Cell]) {
    let cells = write
        .cells
        .iter()
        .map(|(column, wrong)| RepairCell {
            column: ColumnIndex(u32::from(*column)),
            wrong: wrong.clone(),
            right: whole.get(usize::from(*column)).cloned().unwrap_or(Cell::Empty),
        })
        .collect();
    let row = identify(tab, &project(tab, whole));
    remember(&mut tab.repairs, Repair { row, cells, readd: None });
}

/// The sheet holds again what was put back.
fn patch_drift(tab: &mut Tab, row: &RowIdentity, write: &RowWrite) {
    let RowIdentity::Key(key) = row else { return };
    let columns = tab.geometry.columns.clone();
    let Some(cells) = tab.drift.get_mut(key) else { return };
    for (physical, right) in &write.cells {
        let place = columns.iter().position(|c| *c == ColumnIndex(u32::from(*physical)));
        if let Some(slot) = place.and_then(|place| cells.get_mut(place)) {
            *slot = right.clone();
        }
    }
    if tab.base.get(key).is_some_and(|base| base.cells == *cells) {
        tab.drift.remove(key);
    }
}
