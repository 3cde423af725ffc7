//! Puts back what was written into rows or columns that had moved.
//!
//! Repairs come before anything else in a tab. A repair is itself a positional write with a pre-image, so it may hit a wrong place too; then
//! the two compose: what the first one has to put back survives. Columns are found again by their header, rows by their key or content.

use crate::{
    batch::{
        ColumnIndex, RowExpectation, RowIndex, RowWrite, RowsInsert, TabExpectation, TabImage,
        TabWork,
    },
    cell::Cell,
    render::row_key,
    state::{ConflictKind, RemovedRow, Repair, RepairCell, RowContent, RowIdentity, RowKey},
    survey::{cell_at, is_named},
    tab::Tab,
};

/// Some columns of a tab at one moment: header and content of each, side by side.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) header: &'a [Cell],
    pub(crate) cells: &'a [Cell],
}

impl Seen<'_> {
    /// The mapped cells by their header; `None` for columns that are not among the ones seen.
    pub(crate) fn mapped(&self, tab: &Tab) -> Vec<Option<Cell>> {
        let place = |name: &str| self.header.iter().position(|cell| is_named(cell, name));
        (tab.spec.columns.iter())
            .map(|column| {
                place(&column.name)
                    .map(|place| self.cells.get(place).cloned().unwrap_or(Cell::Empty))
            })
            .collect()
    }

    /// The row's key, where its columns were seen.
    pub(crate) fn key(&self, tab: &Tab) -> Option<RowKey> {
        key_of(tab, &self.mapped(tab))
    }

    /// How to find the row again.
    pub(crate) fn identity(&self, tab: &Tab) -> RowIdentity {
        self.key(tab).map_or_else(|| RowIdentity::Content(self.content(tab)), RowIdentity::Key)
    }

    fn content(&self, tab: &Tab) -> RowContent {
        let is_mapped = |name| tab.spec.columns.iter().any(|column| is_named(name, &column.name));
        let own = (self.header.iter().zip(self.cells))
            .filter(|(name, cell)| !name.is_empty() && !cell.is_empty() && !is_mapped(name))
            .map(|(name, cell)| (name.clone(), cell.clone()))
            .collect();
        RowContent { mapped: self.mapped(tab), own }
    }

    /// Whether nothing that was seen contradicts what is known.
    fn agrees_with(&self, tab: &Tab, known: &RowContent) -> bool {
        let mapped = self.mapped(tab);
        let same = |(known, found): (&Option<Cell>, &Option<Cell>)| {
            known.is_none() || found.is_none() || known == found
        };
        let still = |(name, cell): &(Cell, Cell)| {
            let place = self.header.iter().position(|header| header == name);
            place.is_none_or(|place| self.cells.get(place) == Some(cell))
        };
        known.mapped.iter().zip(&mapped).all(same) && known.own.iter().all(still)
    }
}

fn key_of(tab: &Tab, mapped: &[Option<Cell>]) -> Option<RowKey> {
    let parts: Option<Vec<&Cell>> =
        tab.spec.key.iter().map(|column| mapped.get(*column)?.as_ref()).collect();
    row_key(parts?.into_iter())
}

/// Where a column stands now: by its header, else where it was.
fn place_of(header: &[Cell], column: ColumnIndex, name: &Cell) -> ColumnIndex {
    if name.is_empty() || cell_at(header, column) == *name {
        return column;
    }
    let found = header.iter().position(|cell| cell == name);
    found.and_then(|place| u32::try_from(place).ok()).map_or(column, ColumnIndex)
}

fn slot(cells: &mut [Cell], column: ColumnIndex) -> Option<&mut Cell> {
    cells.get_mut(usize::try_from(column.0).ok()?)
}

/// A row as it was before it was hit.
struct Restored {
    cells: Vec<Cell>,
    /// How many of our cells stand in it still.
    there: usize,
    /// How many of these are not empty.
    written: usize,
    /// Whether all do whose columns were seen.
    whole: bool,
}

fn restored(repair: &Repair, seen: Seen<'_>) -> Restored {
    let mut row = Restored { cells: seen.cells.to_vec(), there: 0, written: 0, whole: true };
    for cell in &repair.cells {
        if !cell.header.is_empty() && !seen.header.contains(&cell.header) {
            continue;
        }
        match slot(&mut row.cells, place_of(seen.header, cell.column, &cell.header)) {
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

/// Whether the row bears a key that the database has.
fn is_known(tab: &Tab, seen: Seen<'_>) -> bool {
    seen.key(tab).is_some_and(|key| tab.base.contains_key(&key) || tab.pending.get(&key).is_some())
}

/// Whether a whole row is the one that was hit, with our cells still in it.
pub(crate) fn is_row(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    match &repair.row {
        RowIdentity::Key(key) => seen.key(tab).as_ref() == Some(key),
        RowIdentity::Content(content) => {
            let before = restored(repair, seen);
            let row = Seen { header: seen.header, cells: &before.cells };
            let unmistakable = before.written > 1 && !is_known(tab, seen);
            before.there > 0 && before.whole && (unmistakable || row.agrees_with(tab, content))
        }
    }
}

/// Whether a row without a key, changed by a person since, still holds something of what we wrote.
pub(crate) fn is_likely(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> bool {
    repair.readd.is_none()
        && matches!(repair.row, RowIdentity::Content(_))
        && restored(repair, seen).written > 0
        && !is_known(tab, seen)
}

/// Remembers that cells of a row were hit, `seen` being the row just before. Composes with what is already to be put back there. Gives
/// what a person had put over an earlier hit's place, in which case the earlier content cannot come back.
pub(crate) fn remember(tab: &mut Tab, seen: Seen<'_>, hits: Vec<RepairCell>) -> Vec<Lost> {
    let known = (tab.repairs.iter())
        .position(|repair| repair.readd.is_none() && is_row(tab, repair, seen))
        .or_else(|| tab.repairs.iter().position(|repair| is_likely(tab, repair, seen)));
    let mut repair = match known {
        Some(known) => tab.repairs.remove(known),
        None => Repair { row: seen.identity(tab), cells: Vec::new(), readd: None },
    };
    let lost = compose(tab, &mut repair, seen, hits);
    if !repair.cells.is_empty() {
        tab.repairs.push(repair);
    }
    lost
}

/// Adds hits to what is to be put back in a row already. A row whose key was hit is found by its content from then on.
pub(crate) fn compose(
    tab: &Tab,
    repair: &mut Repair,
    seen: Seen<'_>,
    hits: Vec<RepairCell>,
) -> Vec<Lost> {
    let is_key = |cell: &RepairCell| {
        tab.spec.key.iter().any(|key| is_named(&cell.header, &tab.spec.columns[*key].name))
    };
    if hits.iter().any(is_key) && matches!(repair.row, RowIdentity::Key(_)) {
        let cells = restored(repair, seen).cells;
        let before = Seen { header: seen.header, cells: &cells };
        repair.row = RowIdentity::Content(before.content(tab));
    }
    let header = seen.header;
    let mut lost = Vec::new();
    for hit in hits {
        let known = (repair.cells.iter())
            .position(|cell| place_of(header, cell.column, &cell.header) == hit.column);
        match known.map(|known| &mut repair.cells[known]) {
            Some(first) if first.wrong == hit.right => first.wrong = hit.wrong,
            Some(first) => {
                let first = std::mem::replace(first, hit);
                lost.extend(lost_value(tab, &repair.row, &first));
            }
            None => repair.cells.push(hit),
        }
    }
    repair.cells.retain(|cell| cell.wrong != cell.right);
    lost
}

/// A value that could not be put back: for the conflict log.
pub(crate) struct Lost {
    pub(crate) key: Option<RowKey>,
    pub(crate) column: String,
    pub(crate) value: Cell,
}

/// What is lost when a cell cannot be put back: nothing where the database has it.
pub(crate) fn lost_value(tab: &Tab, row: &RowIdentity, cell: &RepairCell) -> Option<Lost> {
    let key = match row {
        RowIdentity::Key(key) => Some(key.clone()),
        RowIdentity::Content(_) => None,
    };
    let place = tab.spec.columns.iter().position(|column| is_named(&cell.header, &column.name));
    let base = key.as_ref().and_then(|key| tab.base.get(key));
    let agreed = base.zip(place).and_then(|(base, place)| base.cells.get(place));
    (!cell.right.is_empty() && agreed != Some(&cell.right)).then(|| Lost {
        key,
        column: match &cell.header {
            Cell::Text(name) => name.to_string(),
            _ => format!("column {}", cell.column.0 + 1),
        },
        value: cell.right.clone(),
    })
}

/// Whether a planned write puts back what this repair asks for.
pub(crate) fn is_planned_for(repair: &Repair, write: &RowWrite, expected: &RowExpectation) -> bool {
    repair.readd.is_none()
        && repair.row == expected.row
        && write.cells.iter().all(|(_, right)| repair.cells.iter().any(|c| c.right == *right))
        && write.cells.iter().all(|(column, _)| {
            let found = expected.before.get(usize::from(*column));
            repair.cells.iter().any(|cell| found == Some(&cell.wrong))
        })
}

/// What planning the repairs of one tab came to.
#[derive(Default)]
pub(crate) struct RepairPlan {
    pub(crate) work: Option<(TabWork, TabExpectation)>,
    pub(crate) lost: Vec<Lost>,
}

/// Plans all repairs of a tab from a whole read of it. Repairs that turn out done or impossible are dropped.
pub(crate) fn plan_repairs(tab: &mut Tab, image: &TabImage) -> RepairPlan {
    let mut plan = RepairPlan::default();
    let width = image.properties.columns;
    let header = padded(&image.header, width);
    let mut writes: Vec<(RowWrite, RowExpectation)> = Vec::new();
    let mut inserts = Vec::new();
    for mut repair in exact_first(tab, image, &header) {
        if let Some(removed) = &repair.readd {
            inserts.push((laid_out(removed, &header), repair.row.clone()));
            tab.repairs.push(repair);
            continue;
        }
        let Some((row, cells)) = find_row(tab, (image, &header), &repair, &writes) else {
            plan.lost.extend(repair.cells.iter().filter_map(|c| lost_value(tab, &repair.row, c)));
            continue;
        };
        let place = |cell: &RepairCell| place_of(&header, cell.column, &cell.header);
        let (back, gone): (Vec<RepairCell>, Vec<RepairCell>) = std::mem::take(&mut repair.cells)
            .into_iter()
            .partition(|cell| cell_at(&cells, place(cell)) == cell.wrong);
        let gone = gone.iter().filter(|cell| cell_at(&cells, place(cell)) != cell.right);
        plan.lost.extend(gone.filter_map(|cell| lost_value(tab, &repair.row, cell)));
        if back.is_empty() {
            continue;
        }
        writes.push(put_back(&repair.row, row, cells, &back, &header));
        repair.cells = back;
        tab.repairs.push(repair);
    }
    plan.work = assemble(tab, header, writes, inserts);
    plan
}

/// All repairs, those whose row is beyond doubt before those that may take what is left.
fn exact_first(tab: &mut Tab, image: &TabImage, header: &[Cell]) -> Vec<Repair> {
    let repairs = std::mem::take(&mut tab.repairs);
    let rows: Vec<Vec<Cell>> = (0..depth(image)).map(|row| whole_row(image, row)).collect();
    let exact =
        |repair: &Repair| rows.iter().any(|cells| is_row(tab, repair, Seen { header, cells }));
    let (mut sure, unsure): (Vec<Repair>, Vec<Repair>) = repairs.into_iter().partition(exact);
    sure.extend(unsure);
    sure
}

fn depth(image: &TabImage) -> usize {
    image.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0)
}

fn put_back(
    identity: &RowIdentity,
    row: RowIndex,
    before: Vec<Cell>,
    back: &[RepairCell],
    header: &[Cell],
) -> (RowWrite, RowExpectation) {
    let mut after = before.clone();
    let mut write = RowWrite { row, cells: Vec::new() };
    for cell in back {
        let column = place_of(header, cell.column, &cell.header);
        write.cells.push((u16::try_from(column.0).unwrap_or(u16::MAX), cell.right.clone()));
        if let Some(slot) = slot(&mut after, column) {
            *slot = cell.right.clone();
        }
    }
    write.cells.sort_by_key(|(column, _)| *column);
    (write, RowExpectation { row: identity.clone(), latest: 0, before, after })
}

fn padded(row: &[Cell], width: u32) -> Vec<Cell> {
    (0..width).map(|column| cell_at(row, ColumnIndex(column))).collect()
}

/// The cells of a removed row under the headers they had, else where they stood, else in the next free column.
fn laid_out(removed: &RemovedRow, header: &[Cell]) -> Vec<Cell> {
    let mut row = vec![Cell::Empty; header.len()];
    let cells = (0..).map(ColumnIndex).zip(&removed.cells);
    let mut homeless = Vec::new();
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        let name = cell_at(&removed.header, column);
        match slot(&mut row, place_of(header, column, &name)) {
            Some(slot) if slot.is_empty() && header.contains(&name) => *slot = cell.clone(),
            _ => homeless.push((column, cell.clone())),
        }
    }
    for (column, cell) in homeless {
        let place = usize::try_from(column.0).unwrap_or(usize::MAX);
        let order = (place..row.len()).chain(0..place.min(row.len()));
        if let Some(free) = order.into_iter().find(|free| row[*free].is_empty()) {
            row[free] = cell;
        }
    }
    row
}

/// Finds the row that was hit, wherever it is now, with all its cells from column 0. A row without a key that a person has changed
/// since is taken for it where no other row without a known key holds as much of what we wrote.
fn find_row(
    tab: &Tab,
    (image, header): (&TabImage, &[Cell]),
    repair: &Repair,
    writes: &[(RowWrite, RowExpectation)],
) -> Option<(RowIndex, Vec<Cell>)> {
    let first = tab.spec.header_row.0 + 1;
    let rows = (first..).map(RowIndex).zip(0..depth(image));
    let mut rows: Vec<(RowIndex, Vec<Cell>)> = rows
        .filter(|(row, _)| writes.iter().all(|(write, _)| write.row != *row))
        .map(|(row, offset)| (row, whole_row(image, offset)))
        .collect();
    let hits = |cells: &[Cell]| {
        let still = |cell: &&RepairCell| {
            let place = place_of(header, cell.column, &cell.header);
            !cell.wrong.is_empty() && cell_at(cells, place) == cell.wrong
        };
        repair.cells.iter().filter(still).count()
    };
    let exact = |cells: &[Cell]| is_row(tab, repair, Seen { header, cells });
    // Of several rows with the same key, the one that still holds what we wrote.
    let best = (0..rows.len()).filter(|at| exact(&rows[*at].1)).max_by_key(|at| hits(&rows[*at].1));
    let best = best.or_else(|| {
        let likely = |at: &usize| is_likely(tab, repair, Seen { header, cells: &rows[*at].1 });
        let candidates: Vec<usize> = (0..rows.len()).filter(likely).collect();
        let most = candidates.iter().map(|at| hits(&rows[*at].1)).max()?;
        let mut alike = candidates.into_iter().filter(|at| hits(&rows[*at].1) == most);
        alike.next().filter(|_| alike.next().is_none())
    })?;
    Some(rows.swap_remove(best))
}

fn whole_row(image: &TabImage, row: usize) -> Vec<Cell> {
    let mut cells = padded(&[], image.properties.columns);
    for (column, content) in &image.columns {
        if let (Some(slot), Some(cell)) = (slot(&mut cells, *column), content.get(row)) {
            *slot = cell.clone();
        }
    }
    cells
}

fn assemble(
    tab: &Tab,
    header: Vec<Cell>,
    mut writes: Vec<(RowWrite, RowExpectation)>,
    inserts: Vec<(Vec<Cell>, RowIdentity)>,
) -> Option<(TabWork, TabExpectation)> {
    if writes.is_empty() && inserts.is_empty() {
        return None;
    }
    let width = u32::try_from(header.len()).unwrap_or(u32::MAX);
    writes.sort_by_key(|(write, _)| write.row);
    let (writes, expected): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    let (rows, identities): (Vec<Vec<Cell>>, Vec<_>) = inserts.into_iter().unzip();
    let added = (identities.into_iter().zip(&rows))
        .map(|(row, cells)| RowExpectation {
            row,
            latest: 0,
            before: Vec::new(),
            after: cells.clone(),
        })
        .collect();
    let work = TabWork {
        sheet_id: tab.geometry.sheet_id,
        create: None,
        header_row: tab.spec.header_row,
        columns: (0..width).map(ColumnIndex).collect(),
        grid_columns: width,
        writes,
        deletes: Vec::new(),
        insert: (!rows.is_empty()).then(|| RowsInsert {
            at: tab.index.end(),
            inherit_from_before: tab.index.end().0 > tab.spec.header_row.0 + 1,
            rows,
        }),
    };
    let expectation = TabExpectation {
        table: tab.spec.table,
        repair: true,
        header,
        writes: expected,
        deletes: Vec::new(),
        inserts: added,
    };
    Some((work, expectation))
}

/// The kind under which a lost value is recorded.
pub(crate) const LOST: ConflictKind = ConflictKind::NotPutBack;
