//! Learns from the pre-images what a batch really hit: never from hope.

mod guess;
mod header;
mod put_back;
mod removals;

use header::{Header, spread};
use put_back::confirm_repair;
use removals::confirm_delete;

use crate::{
    batch::{ColumnIndex, RowExpectation, RowWrite, TabExpectation, TabImages, TabWork},
    cell::Cell,
    conflict::{ConflictKind, Outcome},
    history::{Changed, RowEvent},
    merge::{Rule, Side},
    newcomers::marker_in,
    repair::{LOST, Lost, Seen, remember, slot},
    state::{Repair, RepairCell, RowContent, RowIdentity, RowKey, StoreStep},
    survey::cell_at,
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
    /// What is lost of a row that was hit by mistake, and could not be found again.
    pub(crate) astray: bool,
}

impl From<Lost> for Overruled {
    fn from(lost: Lost) -> Self {
        Self {
            kind: LOST,
            key: lost.key,
            column: lost.column,
            base: None,
            astray: lost.stray.is_some(),
            database: lost.stray,
            sheet: lost.value,
        }
    }
}

/// What confirming the work of one tab came to.
#[derive(Default)]
pub(crate) struct Confirmation {
    pub(crate) steps: Vec<StoreStep>,
    pub(crate) overruled: Vec<Overruled>,
    /// Open conflicts that are over.
    pub(crate) closed: Vec<(u64, Outcome)>,
    /// What was changed as meant.
    pub(crate) changed: Vec<Changed>,
    /// Rows hit by mistake.
    pub(crate) moved: usize,
    /// How many of the last repairs come from rows of this batch: each of its rows is another.
    pub(crate) fresh: usize,
    /// Rows in which a person's later word is put back.
    pub(crate) put_back: usize,
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
    #[cfg(feature = "mutants")]
    let images = &crate::hope::images(tab, work, expectation, images);
    let mut out = Confirmation::default();
    if expectation.repair {
        confirm_repair(tab, &mut out, work, expectation, images);
    } else {
        confirm_rows(tab, &mut out, (work, expectation, images), sequence);
    }
    if expectation.repair || out.moved + out.put_back > 0 {
        tab.stale = true;
        tab.image = None;
        out.steps.push(StoreStep::Repairs(tab.spec.table, tab.repairs.clone()));
    }
    tab.keys_fresh = false;
    out
}

fn confirm_rows(
    tab: &mut Tab,
    out: &mut Confirmation,
    (work, expectation, images): (&TabWork, &TabExpectation, &TabImages),
    sequence: u64,
) {
    let created = work.create.is_some();
    let header = Header::new(tab, work, expectation, images);
    for ((write, expected), image) in
        work.writes.iter().zip(&expectation.writes).zip(&images.writes)
    {
        let cells = spread(&work.columns, image);
        let seen = Seen { header: &header.now, cells: &cells };
        let moved = write.cells.iter().any(|(column, _)| header.has_moved(*column));
        let moved = moved || restores_what_is_gone(tab, expected);
        if moved || !is_meant(tab, expected, write, (seen, image)) {
            miss(tab, out, work, &header, (write, &cells, Some(expected)));
            continue;
        }
        match &expected.row {
            RowIdentity::Key(key) if expected.database.is_empty() => {
                // It has its key now, which another row shows, too.
                let key = key.clone();
                out.steps.extend(tab.forget(&key));
                tab.stale = true;
            }
            RowIdentity::Key(key) => {
                let key = key.clone();
                hit(tab, out, (work, &header, &cells), (write, expected, image), &key);
            }
            RowIdentity::Content(_) => claimed(tab, out, (write, expected, image), sequence),
        }
    }
    for (expected, whole) in expectation.deletes.iter().zip(&images.deletes) {
        confirm_delete(tab, out, &header, (expected, whole));
    }
    let moved_header = !created && header.moved.contains(&true);
    confirm_inserts(tab, out, (work, expectation), &header, moved_header);
    if created {
        tab.geometry.missing = false;
        tab.geometry.blank = false;
    }
    if moved_header || out.moved > 0 {
        tab.stale = true;
        tab.newcomers.forget();
    } else {
        tab.geometry.unbound.retain(|column| work.bind.iter().all(|bound| bound.column != *column));
        tab.index.remove_rows(&work.deletes);
        if let Some(insert) = &work.insert {
            let keys: Vec<RowKey> = expectation.inserts.iter().filter_map(key_of).collect();
            tab.index.insert_rows(insert.at, keys.into_iter());
        }
        if !work.deletes.is_empty() || work.insert.is_some() {
            tab.newcomers.forget();
        }
    }
    review_all(tab, out, expectation);
}

/// Whether a row that was to get its key back has been removed from the database meanwhile: then it must not have it.
fn restores_what_is_gone(tab: &Tab, expected: &RowExpectation) -> bool {
    let restores = matches!(expected.row, RowIdentity::Content(_)) && !expected.database.is_empty();
    let key = tab.shown_key(&expected.database);
    restores && key.is_some_and(|key| !tab.base.contains_key(&key))
}

/// Rows of the batch get their turn again, or are settled.
fn review_all(tab: &mut Tab, out: &mut Confirmation, expectation: &TabExpectation) {
    let rows = expectation.writes.iter().chain(&expectation.deletes).chain(&expectation.inserts);
    for key in rows.filter_map(key_of) {
        tab.busy.remove(&key);
        out.steps.extend(tab.review(&key));
    }
}

/// Whether the row that was hit is the one that was meant.
fn is_meant(
    tab: &Tab,
    expected: &RowExpectation,
    write: &RowWrite,
    (seen, image): (Seen<'_>, &[Cell]),
) -> bool {
    let key = seen.key(tab);
    let same = || {
        image.len() == expected.before.len()
            && image.iter().zip(&expected.before).all(|(a, b)| a.is_entered_as(b))
    };
    match &expected.row {
        // A row that several others share its shown key with was known by its content.
        RowIdentity::Key(meant) => {
            key.as_ref() == Some(meant)
                || (tab.shown_key(&expected.before).as_ref() != Some(meant) && same())
        }
        RowIdentity::Content(_) if key.is_some() || seen.is_blank() => false,
        // A claim is good for any new row; a key goes back to its own row only.
        RowIdentity::Content(_) => {
            let claims = marker_in(write.cells.iter().map(|(_, cell)| cell)).is_some();
            let free = |(column, _): &(u16, Cell)| {
                image.get(usize::from(*column)).is_none_or(Cell::is_empty)
            };
            if claims { write.cells.iter().all(free) } else { same() }
        }
    }
}

fn key_of(expected: &RowExpectation) -> Option<RowKey> {
    match &expected.row {
        RowIdentity::Key(key) => Some(key.clone()),
        RowIdentity::Content(_) => None,
    }
}

/// The row was the one we meant.
fn hit(
    tab: &mut Tab,
    out: &mut Confirmation,
    (work, header, cells): (&TabWork, &Header, &[Cell]),
    (write, expected, image): (&RowWrite, &RowExpectation, &[Cell]),
    key: &RowKey,
) {
    let mut now = image.to_vec();
    let (mut agreed, mut changed) = (Vec::new(), Vec::new());
    let mut back = Vec::new();
    // The row as it is now, where nobody's later word is to be put back: it may have got its own key by this very write.
    let mut after = cells.to_vec();
    for (column, written) in &write.cells {
        let place = usize::from(*column);
        let (Some(found), Some(before)) = (image.get(place), expected.before.get(place)) else {
            continue;
        };
        now[place] = written.clone();
        let typed_over = !found.is_entered_as(before);
        if typed_over && found != written && wins(tab, key, place, written) {
            back.push(RepairCell {
                column: work.columns.get(place).copied().unwrap_or(ColumnIndex(0)),
                header: cell_at(&header.now, work.columns[place]),
                meant: Some(*column),
                wrong: written.clone(),
                right: found.clone(),
            });
            continue;
        }
        if let Some(slot) = work.columns.get(place).and_then(|column| slot(&mut after, *column)) {
            slot.clone_from(written);
        }
        let asked = !typed_over && tab.reverts.done(key, *column, found);
        overrule(tab, out, key, (place, found, written), asked);
        changed.push((*column, Some(found.clone()), written.clone()));
        agreed.push(place);
    }
    for (place, (found, database)) in image.iter().zip(&expected.database).enumerate() {
        let written = write.cells.iter().any(|(column, _)| usize::from(*column) == place);
        if !written && found == database {
            agreed.push(place);
        }
    }
    out.steps.push(tab.rebase(key, |base| {
        for place in agreed {
            base.agree(place, expected.database[place].clone(), now[place].clone());
        }
    }));
    if write.cells.iter().any(|(column, _)| tab.spec.key.contains(&usize::from(*column))) {
        // It shows its own key again.
        tab.aliases.retain(|_, meant| meant != key);
    }
    tab.see(key, now);
    out.rows[0] += 1;
    out.changed.push(Changed {
        key: key.clone(),
        what: RowEvent::Changed,
        cells: changed,
        who: None,
    });
    if !back.is_empty() {
        out.put_back += 1;
        let seen = Seen { header: &header.now, cells: &after };
        let lost = remember(tab, (seen, Some(expected)), back, &mut out.fresh);
        out.overruled.extend(lost.into_iter().map(Overruled::from));
    }
}

/// Whether what a person typed while the batch was under way stands above what the batch wrote: where the database did not change the cell at
/// all, and where the rule does not simply let the database win.
fn wins(tab: &Tab, key: &RowKey, column: usize, written: &Cell) -> bool {
    let Some(policy) = tab.spec.policy.columns.get(column).filter(|column| column.inbound) else {
        return false;
    };
    let base = tab.base.get(key).and_then(|base| base.database(column));
    base == Some(written) || policy.rule != Rule::Database
}

/// Keeps a person's value that the database's was written over, unless a person `asked` for just that.
fn overrule(
    tab: &mut Tab,
    out: &mut Confirmation,
    key: &RowKey,
    (column, found, written): (usize, &Cell, &Cell),
    asked: bool,
) {
    let base = tab.base.get(key);
    let agreed = base.and_then(|base| base.sheet(column));
    let typed = match agreed {
        Some(agreed) => found.look() != agreed.look(),
        None => !found.is_empty(),
    };
    let database = base.and_then(|base| base.database(column)).cloned();
    let known = base.is_some();
    let same = found == written || tab.canonical(column, found.look()).as_ref() == Some(written);
    let mut recorded = false;
    if let Ok(number) = u16::try_from(column) {
        let record = tab.open.get(key, number);
        recorded = record.is_some_and(|record| {
            record.sheet.as_ref().is_some_and(|sheet| sheet.is_entered_as(found))
        });
        let outcome = if same { Outcome::GoneByItself } else { Outcome::Kept(Side::Database) };
        out.closed.extend(tab.open.close(key, number).map(|id| (id, outcome)));
    }
    if !typed || same || recorded || asked {
        return;
    }
    let Some(spec) = tab.spec.columns.get(column) else { return };
    let inbound = tab.spec.policy.columns.get(column).is_some_and(|column| column.inbound);
    out.overruled.push(Overruled {
        kind: match (inbound, known) {
            _ if tab.spec.key.contains(&column) => ConflictKind::KeyChanged,
            (false, _) => ConflictKind::TypedOver,
            (true, true) => ConflictKind::EditEdit,
            (true, false) => ConflictKind::InsertInsert,
        },
        key: Some(key.clone()),
        column: spec.name.clone(),
        base: database,
        database: Some(written.clone()),
        sheet: found.clone(),
        astray: false,
    });
}

/// A row without a key got a marker, or its key back.
fn claimed(
    tab: &mut Tab,
    out: &mut Confirmation,
    (write, expected, image): (&RowWrite, &RowExpectation, &[Cell]),
    sequence: u64,
) {
    let mut now = image.to_vec();
    for (column, cell) in &write.cells {
        if let Some(slot) = now.get_mut(usize::from(*column)) {
            slot.clone_from(cell);
        }
    }
    let Some(key) = tab.key_of(&now) else { return };
    tab.index.put(write.row, &key);
    if expected.database.is_empty() {
        tab.drift.insert(key.clone(), now);
    } else {
        let written: Vec<usize> = write.cells.iter().map(|(c, _)| usize::from(*c)).collect();
        out.steps.push(tab.rebase(&key, |base| {
            for place in written {
                base.agree(place, expected.database[place].clone(), now[place].clone());
            }
        }));
        tab.see(&key, now);
        tab.newcomers.restored(&key);
    }
    tab.touch(&key, sequence);
    out.rows[0] += 1;
}

/// The row or its columns were others: what was there must be put back.
fn miss(
    tab: &mut Tab,
    out: &mut Confirmation,
    work: &TabWork,
    header: &Header,
    (write, cells, meant): (&RowWrite, &[Cell], Option<&RowExpectation>),
) {
    let hits = (write.cells.iter())
        .filter_map(|(place, wrong)| {
            let column = *work.columns.get(usize::from(*place))?;
            Some(RepairCell {
                column,
                header: cell_at(&header.now, column),
                meant: meant.map(|_| *place),
                wrong: wrong.clone(),
                right: cell_at(cells, column),
            })
        })
        .collect();
    let seen = Seen { header: &header.now, cells };
    let lost = remember(tab, (seen, meant), hits, &mut out.fresh);
    out.overruled.extend(lost.into_iter().map(Overruled::from));
    out.moved += 1;
}

fn confirm_inserts(
    tab: &mut Tab,
    out: &mut Confirmation,
    (work, expectation): (&TabWork, &TabExpectation),
    header: &Header,
    moved_header: bool,
) {
    for expected in &expectation.inserts {
        let Some(key) = key_of(expected) else { continue };
        if !moved_header {
            out.rows[1] += 1;
            let cells = (0..).zip(&expected.database).map(|(c, cell)| (c, None, cell.clone()));
            out.changed.push(Changed {
                key: key.clone(),
                what: RowEvent::Added,
                cells: cells.collect(),
                who: None,
            });
            removed_row_edited(tab, out, &key, &expected.database);
            tab.gone.came_back(&key);
            // What was still to be decided about the row that had been there before is decided.
            for column in tab.open.columns(&key) {
                let closed = tab.open.close(&key, column);
                out.closed.extend(closed.map(|id| (id, Outcome::Kept(Side::Database))));
            }
            out.steps.push(tab.agree(&key, expected.database.clone()));
            continue;
        }
        // Cells stand under wrong headers: blank them, and the whole row where it has not even got its key.
        out.moved += 1;
        let keyed = tab.spec.key.iter().all(|place| !header.moved[*place]);
        let blank_row = RowIdentity::Content(blank_content(tab));
        let row = if keyed { RowIdentity::Key(key.clone()) } else { blank_row };
        let wrong = |place: usize| !keyed || header.moved[place];
        let cells = cells_to_blank(&header.now, (&work.columns, &expected.database), wrong, Some);
        if !cells.is_empty() {
            tab.repairs.push(Repair { row, cells, readd: None });
        }
        if keyed {
            out.steps.push(tab.rebase(&key, |base| {
                for (place, cell) in expected.database.iter().enumerate() {
                    let shown = if header.moved[place] { Cell::Empty } else { cell.clone() };
                    base.agree(place, cell.clone(), shown);
                }
            }));
        }
    }
}

/// A row that a person removed was changed in the database meanwhile, and is there again: worth knowing.
fn removed_row_edited(tab: &Tab, out: &mut Confirmation, key: &RowKey, database: &[Cell]) {
    let Some(base) = tab.base.get(key).filter(|_| tab.is_inbound()) else { return };
    for (place, (column, cell)) in tab.spec.columns.iter().zip(database).enumerate() {
        let Some(agreed) = base.database(place).filter(|agreed| *agreed != cell) else { continue };
        out.overruled.push(Overruled {
            kind: ConflictKind::RemovedRowEdited,
            key: Some(key.clone()),
            column: column.name.clone(),
            base: Some(agreed.clone()),
            database: Some(cell.clone()),
            sheet: Cell::Empty,
            astray: false,
        });
    }
}

/// What blanks cells of an inserted row: those that are `wrong`, and which mapped column each was `meant` for.
fn cells_to_blank(
    header: &[Cell],
    (columns, cells): (&[ColumnIndex], &[Cell]),
    wrong: impl Fn(usize) -> bool,
    meant: impl Fn(usize) -> Option<usize>,
) -> Vec<RepairCell> {
    (columns.iter().zip(cells).enumerate())
        .filter(|(place, (_, cell))| wrong(*place) && !cell.is_empty())
        .map(|(place, (column, cell))| RepairCell {
            column: *column,
            header: cell_at(header, *column),
            meant: meant(place).and_then(|column| u16::try_from(column).ok()),
            wrong: cell.clone(),
            right: Cell::Empty,
        })
        .collect()
}

fn blank_content(tab: &Tab) -> RowContent {
    RowContent { mapped: vec![Some(Cell::Empty); tab.spec.columns.len()], own: Vec::new() }
}
