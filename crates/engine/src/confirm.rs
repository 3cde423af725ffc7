//! Learns from the pre-images what a batch really hit: never from hope.

use crate::{
    batch::{ColumnIndex, RowExpectation, RowWrite, TabExpectation, TabImages, TabWork},
    cell::Cell,
    repair::{LOST, Lost, Seen, compose, is_likely, is_planned_for, is_row, lost_value, remember},
    state::{
        ConflictKind, RemovedRow, Repair, RepairCell, RowContent, RowIdentity, RowKey, StoreStep,
    },
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
}

impl From<Lost> for Overruled {
    fn from(lost: Lost) -> Self {
        Self {
            kind: LOST,
            key: lost.key,
            column: lost.column,
            base: None,
            database: None,
            sheet: lost.value,
        }
    }
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
    let mut out = Confirmation::default();
    if expectation.repair {
        confirm_repair(tab, &mut out, work, expectation, images);
    } else {
        confirm_rows(tab, &mut out, (work, expectation, images), sequence);
    }
    if expectation.repair || out.moved > 0 {
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
    let header = Header::new(work, expectation, images);
    for ((write, expected), image) in
        work.writes.iter().zip(&expectation.writes).zip(&images.writes)
    {
        let cells = spread(&work.columns, image);
        let key = Seen { header: &header.now, cells: &cells }.key(tab);
        let moved = write.cells.iter().any(|(column, _)| header.has_moved(*column));
        if moved || key.map(RowIdentity::Key).as_ref() != Some(&expected.row) {
            miss(tab, out, work, &header, (write, &cells));
        } else {
            hit(tab, out, (write, expected, image), sequence);
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
    } else {
        tab.index.remove_rows(&work.deletes);
        if let Some(insert) = &work.insert {
            let keys: Vec<RowKey> = expectation.inserts.iter().filter_map(key_of).collect();
            tab.index.insert_rows(insert.at, keys.into_iter());
        }
    }
}

/// The header row just before the batch, as far as the batch has seen it.
struct Header {
    /// From column 0; empty where nothing was seen.
    now: Vec<Cell>,
    /// For each column of the work: whether another header stood there than we believed.
    moved: Vec<bool>,
}

impl Header {
    fn new(work: &TabWork, expectation: &TabExpectation, images: &TabImages) -> Self {
        if work.create.is_some() {
            // We have just written it.
            let now = spread(&work.columns, &expectation.header);
            return Self { now, moved: vec![false; work.columns.len()] };
        }
        let pairs = expectation.header.iter().zip(&images.header);
        Self {
            now: spread(&work.columns, &images.header),
            moved: pairs.map(|(expected, found)| expected != found).collect(),
        }
    }

    fn has_moved(&self, column: u16) -> bool {
        self.moved.get(usize::from(column)).copied().unwrap_or(false)
    }
}

/// Cells of some columns as a row from column 0.
fn spread(columns: &[ColumnIndex], cells: &[Cell]) -> Vec<Cell> {
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

/// The row or its columns were others: what was there must be put back.
fn miss(
    tab: &mut Tab,
    out: &mut Confirmation,
    work: &TabWork,
    header: &Header,
    (write, cells): (&RowWrite, &[Cell]),
) {
    let hits = (write.cells.iter())
        .filter_map(|(place, wrong)| {
            let column = *work.columns.get(usize::from(*place))?;
            Some(RepairCell {
                column,
                header: cell_at(&header.now, column),
                wrong: wrong.clone(),
                right: cell_at(cells, column),
            })
        })
        .collect();
    let lost = remember(tab, Seen { header: &header.now, cells }, hits);
    out.overruled.extend(lost.into_iter().map(Overruled::from));
    out.moved += 1;
}

fn confirm_delete(
    tab: &mut Tab,
    out: &mut Confirmation,
    header: &Header,
    (expected, whole): (&RowExpectation, &[Cell]),
) {
    let seen = Seen { header: &header.now, cells: whole };
    let Some(key) = key_of(expected) else { return };
    let mapped = seen.mapped(tab);
    if seen.key(tab).as_ref() != Some(&key) {
        if whole.iter().any(|cell| !cell.is_empty()) {
            let row = seen.identity(tab);
            let removed = removed_row(tab, header, whole);
            tab.repairs.push(Repair { row, cells: Vec::new(), readd: Some(removed) });
        }
        out.moved += 1;
        return;
    }
    let base = tab.base.get(&key).map(|base| base.cells.as_slice()).unwrap_or_default();
    for (place, (column, found)) in tab.spec.columns.iter().zip(&mapped).enumerate() {
        let Some(found) = found else { continue };
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
    if header.moved.contains(&true) {
        out.overruled.extend(unseen_words(header, base, &key, whole));
    }
    out.rows[2] += 1;
    settle(tab, out, &key, expected);
}

/// What stood in a removed row's columns whose headers the batch did not see, where mapped columns may have gone.
fn unseen_words(header: &Header, base: &[Cell], key: &RowKey, whole: &[Cell]) -> Vec<Overruled> {
    let unseen = |column: &ColumnIndex| cell_at(&header.now, *column).is_empty();
    let columns = (0..).map(ColumnIndex).zip(whole).filter(|(column, _)| unseen(column));
    columns
        .filter(|(_, cell)| !cell.is_empty() && !base.contains(cell))
        .map(|(column, cell)| Overruled {
            kind: ConflictKind::EditedRowRemoved,
            key: Some(key.clone()),
            column: format!("column {}", column.0 + 1),
            base: None,
            database: None,
            sheet: cell.clone(),
        })
        .collect()
}

/// A row removed by mistake, with the headers it had: those seen in the batch, the others as last read.
fn removed_row(tab: &Tab, header: &Header, whole: &[Cell]) -> RemovedRow {
    let mut names = tab.geometry.whole_header.clone();
    names.resize(names.len().max(header.now.len()), Cell::Empty);
    for name in &mut names {
        // As last read; what the batch has seen elsewhere does not stand here any more.
        if header.now.contains(name) {
            *name = Cell::Empty;
        }
    }
    for (name, now) in names.iter_mut().zip(&header.now) {
        if !now.is_empty() {
            name.clone_from(now);
        }
    }
    RemovedRow { header: names, cells: whole.to_vec() }
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
            settle(tab, out, &key, expected);
            continue;
        }
        // Cells stand under wrong headers: blank them, and the whole row where it has not even got its key.
        out.moved += 1;
        let keyed = tab.spec.key.iter().all(|place| !header.moved[*place]);
        let blank_row = RowIdentity::Content(blank_content(tab));
        let row = if keyed { RowIdentity::Key(key.clone()) } else { blank_row };
        let wrong = |place: usize| !keyed || header.moved[place];
        blank(tab, &header.now, row, (&work.columns, &expected.after), wrong);
        if keyed {
            let mut cells = expected.after.clone();
            for (cell, moved) in cells.iter_mut().zip(&header.moved) {
                if *moved {
                    *cell = Cell::Empty;
                }
            }
            out.steps.push(tab.agree(&key, Some(cells)));
        }
    }
}

/// Plans to blank cells of an inserted row.
fn blank(
    tab: &mut Tab,
    header: &[Cell],
    row: RowIdentity,
    (columns, cells): (&[ColumnIndex], &[Cell]),
    wrong: impl Fn(usize) -> bool,
) {
    let cells: Vec<RepairCell> = (columns.iter().zip(cells).enumerate())
        .filter(|(place, (_, cell))| wrong(*place) && !cell.is_empty())
        .map(|(_, (column, cell))| RepairCell {
            column: *column,
            header: cell_at(header, *column),
            wrong: cell.clone(),
            right: Cell::Empty,
        })
        .collect();
    if !cells.is_empty() {
        tab.repairs.push(Repair { row, cells, readd: None });
    }
}

fn blank_content(tab: &Tab) -> RowContent {
    RowContent { mapped: vec![Some(Cell::Empty); tab.spec.columns.len()], own: Vec::new() }
}

fn confirm_repair(
    tab: &mut Tab,
    out: &mut Confirmation,
    work: &TabWork,
    expectation: &TabExpectation,
    images: &TabImages,
) {
    let header = Header::new(work, expectation, images);
    for ((write, expected), image) in
        work.writes.iter().zip(&expectation.writes).zip(&images.writes)
    {
        let seen = Seen { header: &header.now, cells: image };
        let meant = tab.repairs.iter().position(|repair| {
            is_planned_for(repair, write, expected)
                && (is_row(tab, repair, seen)
                    || is_likely(tab, repair, seen)
                    || *image == expected.before)
        });
        match meant {
            Some(meant) => repaired(tab, out, meant, &header, (write, expected, image)),
            None => miss(tab, out, work, &header, (write, image)),
        }
    }
    for expected in &expectation.inserts {
        if header.moved.contains(&true) {
            let row = RowIdentity::Content(blank_content(tab));
            blank(tab, &header.now, row, (&work.columns, &expected.after), |_| true);
            out.moved += 1;
        } else {
            tab.repairs.retain(|repair| repair.row != expected.row || repair.readd.is_none());
        }
    }
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
    for (column, written) in &write.cells {
        let place = ColumnIndex(u32::from(*column));
        let found = cell_at(image, place);
        let typed_over = found != cell_at(&expected.before, place);
        if typed_over || header.has_moved(*column) {
            again.push(RepairCell {
                column: place,
                header: cell_at(&header.now, place),
                wrong: written.clone(),
                right: found,
            });
        }
        if header.has_moved(*column) {
            continue;
        }
        let name = cell_at(&header.now, place);
        let done = repair.cells.iter().position(|cell| {
            if name.is_empty() { cell.column == place } else { cell.header == name }
        });
        if let Some(done) = done {
            let cell = repair.cells.remove(done);
            if typed_over {
                let lost = lost_value(tab, &repair.row, &cell);
                out.overruled.extend(lost.map(Overruled::from));
            }
        }
    }
    out.moved += usize::from(!again.is_empty());
    let seen = Seen { header: &header.now, cells: image };
    let lost = compose(tab, &mut repair, seen, again);
    out.overruled.extend(lost.into_iter().map(Overruled::from));
    if !repair.cells.is_empty() {
        tab.repairs.push(repair);
    }
}
