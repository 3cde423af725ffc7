//! Puts back what was written into rows that had moved.
//!
//! Repairs come before anything else in a tab. A repair is itself a positional write with a pre-image, so it may hit a wrong row too; then
//! the two compose: what the first one has to put back survives.

use crate::{
    batch::{
        ColumnIndex, RowExpectation, RowIndex, RowWrite, RowsInsert, TabExpectation, TabImage,
        TabWork,
    },
    cell::Cell,
    render::row_key,
    state::{ConflictKind, Repair, RepairCell, RowIdentity, RowKey},
    survey::cell_at,
    tab::Tab,
};

/// Remembers that cells of a row were hit. Composes with what is already to be put back there.
pub(crate) fn remember(repairs: &mut Vec<Repair>, new: Repair) {
    let Some(old) = repairs.iter_mut().find(|old| old.row == new.row && old.readd.is_none()) else {
        repairs.push(new);
        return;
    };
    if new.readd.is_some() {
        repairs.push(new);
        return;
    }
    for cell in new.cells {
        match old.cells.iter_mut().find(|known| known.column == cell.column) {
            Some(known) => known.wrong = cell.wrong,
            None => old.cells.push(cell),
        }
    }
}

/// A value that could not be put back: for the conflict log.
pub(crate) struct Lost {
    pub(crate) key: Option<RowKey>,
    pub(crate) column: ColumnIndex,
    pub(crate) value: Cell,
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
    let mut writes: Vec<(RowWrite, RowExpectation)> = Vec::new();
    let mut inserts = Vec::new();
    let mut kept = Vec::new();
    for repair in std::mem::take(&mut tab.repairs) {
        if let Some(row) = repair.readd.clone() {
            inserts.push((padded(&row, width), repair.row.clone()));
            kept.push(repair);
            continue;
        }
        let Some((row, cells)) = find_row(tab, image, &repair) else {
            plan.lost.extend(lost_values(&repair));
            continue;
        };
        let back: Vec<&RepairCell> =
            repair.cells.iter().filter(|cell| cell_at(&cells, cell.column) == cell.wrong).collect();
        if back.is_empty() {
            continue;
        }
        let write = RowWrite { row, cells: back.iter().map(|cell| physical(cell)).collect() };
        let mut after = cells.clone();
        for cell in &back {
            if let Some(slot) = after.get_mut(usize::try_from(cell.column.0).unwrap_or(usize::MAX))
            {
                *slot = cell.right.clone();
            }
        }
        writes.push((
            write,
            RowExpectation { row: repair.row.clone(), latest: 0, before: cells, after },
        ));
        kept.push(repair);
    }
    tab.repairs = kept;
    plan.work = assemble(tab, width, writes, inserts);
    plan
}

fn physical(cell: &RepairCell) -> (u16, Cell) {
    (u16::try_from(cell.column.0).unwrap_or(u16::MAX), cell.right.clone())
}

fn padded(row: &[Cell], width: u32) -> Vec<Cell> {
    (0..width).map(|column| cell_at(row, ColumnIndex(column))).collect()
}

fn lost_values(repair: &Repair) -> Vec<Lost> {
    let key = match &repair.row {
        RowIdentity::Key(key) => Some(key.clone()),
        RowIdentity::Content(_) => None,
    };
    repair
        .cells
        .iter()
        .filter(|cell| !cell.right.is_empty())
        .map(|cell| Lost { key: key.clone(), column: cell.column, value: cell.right.clone() })
        .collect()
}

/// Finds the row that was hit, wherever it is now, with all its cells from column 0.
fn find_row(tab: &Tab, image: &TabImage, repair: &Repair) -> Option<(RowIndex, Vec<Cell>)> {
    let depth = image.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let width = image.properties.columns;
    (0..depth).find_map(|row| {
        let cells: Vec<Cell> = whole_row(image, row, width);
        is_row(tab, &repair.row, &repair.cells, &cells).then(|| {
            let offset = u32::try_from(row).unwrap_or(u32::MAX);
            (RowIndex(tab.spec.header_row.0 + 1 + offset), cells)
        })
    })
}

fn whole_row(image: &TabImage, row: usize, width: u32) -> Vec<Cell> {
    let mut cells = vec![Cell::Empty; usize::try_from(width).unwrap_or(0)];
    for (column, content) in &image.columns {
        if let (Some(slot), Some(cell)) =
            (cells.get_mut(usize::try_from(column.0).unwrap_or(usize::MAX)), content.get(row))
        {
            *slot = cell.clone();
        }
    }
    cells
}

/// The mapped cells out of a whole row.
pub(crate) fn project(tab: &Tab, whole: &[Cell]) -> Vec<Cell> {
    tab.geometry.columns.iter().map(|column| cell_at(whole, *column)).collect()
}

/// Identity of a row out of its mapped cells.
pub(crate) fn identify(tab: &Tab, mapped: &[Cell]) -> RowIdentity {
    row_key(tab.spec.key.iter().filter_map(|column| mapped.get(*column)))
        .map_or_else(|| RowIdentity::Content(mapped.to_vec()), RowIdentity::Key)
}

/// Whether a whole row is the one that was hit, our wrong cells still in it or already replaced.
pub(crate) fn is_row(tab: &Tab, row: &RowIdentity, hit: &[RepairCell], whole: &[Cell]) -> bool {
    let mapped = project(tab, whole);
    match row {
        RowIdentity::Key(key) => tab.key_of(&mapped).as_ref() == Some(key),
        RowIdentity::Content(content) => {
            let mut expected = content.clone();
            for cell in hit {
                let place = tab.geometry.columns.iter().position(|column| *column == cell.column);
                if let Some(slot) = place.and_then(|place| expected.get_mut(place)) {
                    *slot = cell.wrong.clone();
                }
            }
            expected == mapped
        }
    }
}

fn assemble(
    tab: &Tab,
    width: u32,
    mut writes: Vec<(RowWrite, RowExpectation)>,
    inserts: Vec<(Vec<Cell>, RowIdentity)>,
) -> Option<(TabWork, TabExpectation)> {
    if writes.is_empty() && inserts.is_empty() {
        return None;
    }
    writes.sort_by_key(|(write, _)| write.row);
    let (writes, expected): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    let (rows, identities): (Vec<_>, Vec<_>) = inserts.into_iter().unzip();
    let added = identities
        .into_iter()
        .zip(&rows)
        .map(|(row, cells): (RowIdentity, &Vec<Cell>)| RowExpectation {
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
        header: Vec::new(),
        writes: expected,
        deletes: Vec::new(),
        inserts: added,
    };
    Some((work, expectation))
}

/// The kind under which a lost value is recorded.
pub(crate) const LOST: ConflictKind = ConflictKind::NotPutBack;
