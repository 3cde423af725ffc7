//! The model store: what was durable when the process died.

use std::collections::BTreeMap;

use sheetwire_engine::{
    batch::InFlight,
    change::TableId,
    position::Position,
    state::{
        BaseRow, ConflictRecord, Image, PendingRow, Repair, RowIdentity, RowKey, StoreStep,
        TableState,
    },
};

#[derive(Debug, Default)]
pub(crate) struct Store {
    position: Option<Position>,
    pending: BTreeMap<(TableId, RowKey), PendingRow>,
    base: BTreeMap<(TableId, RowKey), BaseRow>,
    in_flight: BTreeMap<String, InFlight>,
    fences: BTreeMap<String, u64>,
    tables: BTreeMap<TableId, TableState>,
    repairs: BTreeMap<TableId, Vec<Repair>>,
    pub(crate) conflicts: Vec<ConflictRecord>,
}

impl Store {
    pub(crate) fn apply(&mut self, steps: &[StoreStep]) {
        for step in steps.iter().cloned() {
            match step {
                StoreStep::Position(position) => self.position = Some(position),
                StoreStep::Pending(table, key, row) => {
                    self.pending.insert((table, key), row);
                }
                StoreStep::Settled(table, key) => {
                    self.pending.remove(&(table, key));
                }
                StoreStep::Base(table, key, row) => {
                    self.base.insert((table, key), row);
                }
                StoreStep::BaseGone(table, key) => {
                    self.base.remove(&(table, key));
                }
                StoreStep::InFlight(spreadsheet, Some(flight)) => {
                    self.in_flight.insert(spreadsheet, flight);
                }
                StoreStep::InFlight(spreadsheet, None) => {
                    self.in_flight.remove(&spreadsheet);
                }
                StoreStep::Fence(spreadsheet, fence) => {
                    self.fences.insert(spreadsheet, fence);
                }
                StoreStep::Table(table, state) => {
                    self.tables.insert(table, state);
                }
                StoreStep::Repairs(table, repairs) => {
                    self.repairs.insert(table, repairs);
                }
                StoreStep::Conflict(record) => {
                    let last = self.conflicts.last().map_or(0, |known| known.id);
                    assert_eq!(record.id, last + 1, "conflict records are numbered without gaps");
                    self.conflicts.push(record);
                }
            }
        }
    }

    pub(crate) fn load(&self, table: TableId, keys: &[RowKey]) -> Vec<(RowKey, PendingRow)> {
        keys.iter()
            .filter_map(|key| Some((key.clone(), self.pending.get(&(table, key.clone()))?.clone())))
            .collect()
    }

    /// Whether a removal of the row is still to come, as far as the store knows.
    pub(crate) fn removes(&self, table: TableId, key: &RowKey) -> bool {
        let pending = self.pending.get(&(table, key.clone()));
        let row = RowIdentity::Key(key.clone());
        pending.is_some_and(|row| row.after.is_none())
            || self
                .in_flight
                .values()
                .flat_map(|flight| &flight.expectations)
                .any(|tab| tab.table == table && tab.deletes.iter().any(|delete| delete.row == row))
    }

    pub(crate) fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    pub(crate) fn image(&self) -> Image {
        let flat =
            |(key, row): (&(TableId, RowKey), &PendingRow)| (key.0, key.1.clone(), row.clone());
        Image {
            position: self.position.clone(),
            pending: self.pending.iter().map(flat).collect(),
            base: self.base.iter().map(|(k, row)| (k.0, k.1.clone(), row.clone())).collect(),
            in_flight: self.in_flight.clone().into_iter().collect(),
            fences: self.fences.clone().into_iter().collect(),
            tables: self.tables.clone().into_iter().collect(),
            repairs: self.repairs.clone().into_iter().collect(),
            last_conflict: self.conflicts.last().map_or(0, |record| record.id),
        }
    }
}
