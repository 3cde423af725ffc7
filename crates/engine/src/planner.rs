//! From pending rows to the work of one batch.

use crate::{
    batch::{RowExpectation, RowIndex, RowWrite, RowsInsert, TabCreate, TabExpectation, TabWork},
    cell::Cell,
    coalescer::Target,
    key_index::Place,
    render::Rendering,
    state::{RowIdentity, RowKey, StoreStep},
    tab::Tab,
};

/// How large one batch may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Rows written, added and removed.
    pub rows_max: usize,
    /// Estimated payload in bytes. Google advises 2 MB.
    pub bytes_max: usize,
}

/// What planning one tab came to.
#[derive(Debug, Default)]
pub(crate) struct TabPlan {
    pub(crate) work: Option<(TabWork, TabExpectation)>,
    /// Rows that turned out to need nothing.
    pub(crate) steps: Vec<StoreStep>,
    /// Rows are to be removed, and the key column was not read in this pass.
    pub(crate) needs_keys: bool,
}

/// Plans what is pending in one tab, oldest first, within what is left of the batch.
pub(crate) fn plan_tab(tab: &mut Tab, left: &mut BatchLimits) -> TabPlan {
    let mut draft = Draft::new(tab);
    let mut plan = TabPlan::default();
    let keys: Vec<RowKey> = tab.pending.by_age().take(horizon(*left)).cloned().collect();
    for key in keys {
        if left.rows_max == 0 || left.bytes_max == 0 {
            break;
        }
        let Some((target, latest)) = tab.pending.get(&key) else { continue };
        match target.clone() {
            // Loaded before planning; one that came in meanwhile waits for the next batch.
            Target::Spilled => {}
            Target::Known(Some(cells)) => draft.keep(tab, &mut plan, left, (key, cells, latest)),
            Target::Known(None) => draft.remove(tab, &mut plan, left, (key, latest)),
        }
    }
    plan.work = draft.finish(tab);
    plan
}

/// How many of the oldest pending rows a batch looks at: some may be frozen or need nothing.
pub(crate) fn horizon(left: BatchLimits) -> usize {
    left.rows_max.saturating_mul(2).saturating_add(64)
}

struct Draft {
    work: TabWork,
    expectation: TabExpectation,
    deletes: Vec<(RowIndex, RowExpectation)>,
    writes: Vec<(RowWrite, RowExpectation)>,
    added: Vec<Vec<Cell>>,
}

impl Draft {
    fn new(tab: &Tab) -> Self {
        let place = &tab.geometry;
        let create = (place.missing || place.blank).then(|| TabCreate {
            add: place.missing.then(|| place.title.clone()),
            header: tab.spec.columns.iter().map(|column| column.name.clone()).collect(),
            formats: tab.spec.columns.iter().map(Rendering::format).collect(),
        });
        Self {
            work: TabWork {
                sheet_id: place.sheet_id,
                create,
                header_row: tab.spec.header_row,
                columns: place.columns.clone(),
                grid_columns: place.grid_columns,
                writes: Vec::new(),
                deletes: Vec::new(),
                insert: None,
            },
            expectation: TabExpectation {
                table: tab.spec.table,
                repair: false,
                header: place.header.clone(),
                writes: Vec::new(),
                deletes: Vec::new(),
                inserts: Vec::new(),
            },
            deletes: Vec::new(),
            writes: Vec::new(),
            added: Vec::new(),
        }
    }

    /// The row must stand in the tab with these cells.
    fn keep(
        &mut self,
        tab: &mut Tab,
        plan: &mut TabPlan,
        left: &mut BatchLimits,
        (key, cells, latest): (RowKey, Vec<Cell>, u64),
    ) {
        let row = match tab.index.locate(&key) {
            Some(Place::Several) => return,
            Some(Place::Row(row)) => row,
            None => {
                charge(left, &cells);
                self.added.push(cells.clone());
                self.expectation.inserts.push(RowExpectation {
                    row: RowIdentity::Key(key),
                    latest,
                    before: Vec::new(),
                    after: cells,
                });
                return;
            }
        };
        let before = known_cells(tab, &key);
        let changed: Vec<(u16, Cell)> = cells
            .iter()
            .enumerate()
            .filter(|(column, cell)| match before.get(*column) {
                Some(old) => old != *cell,
                None => !tab.spec.key.contains(column),
            })
            .map(|(column, cell)| (u16::try_from(column).unwrap_or(u16::MAX), cell.clone()))
            .collect();
        if changed.is_empty() {
            let settled = tab.pending.settle(&key, latest, Some(&cells));
            plan.steps.push(tab.agree(&key, Some(cells)));
            if settled {
                plan.steps.push(StoreStep::Settled(tab.spec.table, key));
            }
            return;
        }
        charge(left, changed.iter().map(|(_, cell)| cell));
        let expectation =
            RowExpectation { row: RowIdentity::Key(key), latest, before, after: cells };
        self.writes.push((RowWrite { row, cells: changed }, expectation));
    }

    /// The row must go from the tab.
    fn remove(
        &mut self,
        tab: &mut Tab,
        plan: &mut TabPlan,
        left: &mut BatchLimits,
        (key, latest): (RowKey, u64),
    ) {
        match tab.index.locate(&key) {
            Some(Place::Several) => {}
            Some(Place::Row(_)) if tab.spec.remove_rows && !tab.keys_fresh => {
                plan.needs_keys = true;
            }
            Some(Place::Row(row)) if tab.spec.remove_rows => {
                left.rows_max -= 1;
                let before = known_cells(tab, &key);
                let expectation = RowExpectation {
                    row: RowIdentity::Key(key),
                    latest,
                    before,
                    after: Vec::new(),
                };
                self.deletes.push((row, expectation));
            }
            Some(Place::Row(_)) | None => {
                plan.steps.push(tab.agree(&key, None));
                if tab.pending.settle(&key, latest, None) {
                    plan.steps.push(StoreStep::Settled(tab.spec.table, key));
                }
            }
        }
    }

    fn finish(mut self, tab: &Tab) -> Option<(TabWork, TabExpectation)> {
        if self.writes.is_empty()
            && self.deletes.is_empty()
            && self.added.is_empty()
            && self.work.create.is_none()
        {
            return None;
        }
        self.writes.sort_by_key(|(write, _)| write.row);
        self.deletes.sort_by_key(|(row, _)| *row);
        (self.work.writes, self.expectation.writes) = self.writes.into_iter().unzip();
        (self.work.deletes, self.expectation.deletes) = self.deletes.into_iter().unzip();
        if !self.added.is_empty() {
            let end = tab.index.end();
            let gone = self.work.deletes.partition_point(|row| *row < end);
            let at = RowIndex(end.0.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX)));
            self.work.insert = Some(RowsInsert {
                at,
                inherit_from_before: at.0 > tab.spec.header_row.0 + 1,
                rows: self.added,
            });
        }
        Some((self.work, self.expectation))
    }
}

fn charge<'a>(left: &mut BatchLimits, cells: impl IntoIterator<Item = &'a Cell>) {
    let bytes: usize = cells.into_iter().map(Cell::wire_bytes).sum();
    left.rows_max -= 1;
    left.bytes_max = left.bytes_max.saturating_sub(bytes);
}

/// The row's cells in the sheet as far as we know; empty where we do not.
fn known_cells(tab: &Tab, key: &RowKey) -> Vec<Cell> {
    tab.drift
        .get(key)
        .or_else(|| tab.base.get(key).map(|base| &base.cells))
        .cloned()
        .unwrap_or_default()
}
