//! The batch of one tab while it is being planned.

use super::{BatchLimits, TabPlan, held_cell, send};
use crate::{
    batch::{RowExpectation, RowIndex, RowWrite, RowsInsert, TabCreate, TabExpectation, TabWork},
    cell::Cell,
    dress::binds,
    key_index::Place,
    merge::Verdict,
    mutants::{Mutant, on},
    notes::due,
    render::Rendering,
    state::{RowIdentity, RowKey},
    tab::Tab,
};

pub(super) struct Draft {
    pub(super) work: TabWork,
    pub(super) expectation: TabExpectation,
    pub(super) deletes: Vec<(RowIndex, RowExpectation)>,
    pub(super) writes: Vec<(RowWrite, RowExpectation)>,
    pub(super) added: Vec<Vec<Cell>>,
}

impl Draft {
    pub(super) fn new(tab: &Tab) -> Self {
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
                bind: binds(tab),
                writes: Vec::new(),
                deletes: Vec::new(),
                insert: None,
                notes: due(tab).to_vec(),
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

    /// The row has got its key, and another row shows the same one: the key is written all the same, so that people see it.
    pub(super) fn name(
        &mut self,
        tab: &mut Tab,
        plan: &mut TabPlan,
        left: &mut BatchLimits,
        (key, known): (RowKey, RowKey),
    ) {
        let place = tab.index.locate(&key);
        let sheet = tab.sheet_view(&key);
        let database = tab.base.get(&known).and_then(|base| base.whole_database());
        let (Some(Place::Row(row)), Some(before), Some(database)) = (place, sheet, database) else {
            plan.steps.extend(tab.forget(&key));
            return;
        };
        let written: Vec<(u16, Cell)> = (tab.spec.key.iter())
            .filter(|column| before.get(**column) != database.get(**column))
            .filter_map(|column| {
                Some((u16::try_from(*column).ok()?, database.get(*column)?.clone()))
            })
            .collect();
        charge(left, written.iter().map(|(_, cell)| cell));
        let expectation = RowExpectation::new(RowIdentity::Key(key), before, Vec::new());
        self.writes.push((RowWrite { row, cells: written }, expectation));
    }

    /// The sheet gets the row.
    pub(super) fn add(&mut self, left: &mut BatchLimits, (key, cells): (RowKey, Vec<Cell>)) {
        charge(left, &cells);
        self.added.push(cells.clone());
        self.expectation.inserts.push(RowExpectation::new(
            RowIdentity::Key(key),
            Vec::new(),
            cells,
        ));
    }

    /// Both sides have the row.
    pub(super) fn cells(
        &mut self,
        tab: &mut Tab,
        plan: &mut TabPlan,
        left: &mut BatchLimits,
        (key, database, verdicts): (RowKey, Vec<Cell>, Vec<Verdict>),
    ) {
        let Some(Place::Row(row)) = tab.index.locate(&key) else { return };
        let Some(sheet) = tab.sheet_view(&key) else { return };
        let mut written = Vec::new();
        let mut whole = Vec::new();
        let mut agreed = Vec::new();
        let mut inbound = false;
        let mut held = false;
        for (place, verdict) in verdicts.iter().enumerate() {
            let (Ok(column), Some(cell)) = (u16::try_from(place), database.get(place)) else {
                continue;
            };
            match verdict {
                Verdict::Rest if on(Mutant::WholeRows) => {
                    whole.push((column, sheet[place].clone()));
                }
                Verdict::Rest => {}
                Verdict::Agree => agreed.push(place),
                Verdict::ToSheet(_) => written.push((column, cell.clone())),
                Verdict::ToDatabase(_) => inbound = true,
                Verdict::Held(why) => {
                    held = true;
                    held_cell(tab, plan, &key, column, (*why, cell, &sheet[place]));
                }
            }
        }
        if !agreed.is_empty() {
            plan.steps.push(tab.rebase(&key, |base| {
                for place in agreed {
                    base.agree(place, database[place].clone(), sheet[place].clone());
                }
            }));
            tab.see(&key, sheet.clone());
        }
        if inbound {
            send(tab, plan, (&key, &sheet, &database), &verdicts);
        } else {
            tab.open.accept(&key);
        }
        if written.is_empty() {
            if inbound || held {
                tab.pending.park(&key);
            } else {
                plan.steps.extend(tab.review(&key));
                // Nothing of it can be done now.
                tab.pending.park(&key);
            }
            return;
        }
        written.extend(whole);
        written.sort_by_key(|(column, _)| *column);
        charge(left, written.iter().map(|(_, cell)| cell));
        let expectation = RowExpectation::new(RowIdentity::Key(key), sheet, database);
        self.writes.push((RowWrite { row, cells: written }, expectation));
    }

    /// The row must go from the tab.
    pub(super) fn remove(
        &mut self,
        tab: &mut Tab,
        plan: &mut TabPlan,
        left: &mut BatchLimits,
        key: RowKey,
    ) {
        let Some(Place::Row(row)) = tab.index.locate(&key) else { return };
        if !tab.keys_fresh {
            plan.needs_keys = true;
            return;
        }
        left.rows_max -= 1;
        let before = tab.sheet_view(&key).unwrap_or_default();
        let expectation = RowExpectation::new(RowIdentity::Key(key), before, Vec::new());
        self.deletes.push((row, expectation));
    }

    pub(super) fn finish(mut self, tab: &Tab) -> Option<(TabWork, TabExpectation)> {
        if self.writes.is_empty()
            && self.deletes.is_empty()
            && self.added.is_empty()
            && self.work.notes.is_empty()
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

pub(super) fn charge<'a>(left: &mut BatchLimits, cells: impl IntoIterator<Item = &'a Cell>) {
    let bytes: usize = cells.into_iter().map(Cell::wire_bytes).sum();
    left.rows_max = left.rows_max.saturating_sub(1);
    left.bytes_max = left.bytes_max.saturating_sub(bytes);
}
