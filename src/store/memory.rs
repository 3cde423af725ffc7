//! The store for tests: the same promises but for the power cut.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sheetwire_engine::{
    batch::InFlight,
    change::TableId,
    position::Position,
    state::{BaseRow, ConflictRecord, Image, PendingRow, Repair, StoreStep, TableState},
};

use super::{PendingAnswer, RowAddress};
use crate::{
    fault::Fault,
    ports::{Ask, StateStore},
};

/// Keeps the state in memory.
#[derive(Debug)]
pub struct MemoryStore {
    instance: String,
    records: Mutex<Records>,
}

#[derive(Debug, Clone, Default)]
struct Records {
    position: Option<Position>,
    pending: BTreeMap<RowAddress, PendingRow>,
    base: BTreeMap<RowAddress, BaseRow>,
    in_flight: BTreeMap<String, InFlight>,
    fences: BTreeMap<String, u64>,
    tables: BTreeMap<TableId, TableState>,
    repairs: BTreeMap<TableId, Vec<Repair>>,
    conflicts: BTreeMap<u64, ConflictRecord>,
}

impl MemoryStore {
    /// An empty store with this identity.
    pub fn new(instance: impl Into<String>) -> Self {
        Self { instance: instance.into(), records: Mutex::default() }
    }

    /// Identity of this store.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The pending rows at these addresses, in the order asked for.
    pub fn pending(&self, addresses: &[RowAddress]) -> Result<Vec<PendingAnswer>, Fault> {
        let records = self.records();
        Ok(addresses.iter().map(|address| records.pending.get(address).cloned()).collect())
    }

    /// Every conflict record, oldest first.
    pub fn conflicts(&self) -> Result<Vec<ConflictRecord>, Fault> {
        Ok(self.records().conflicts.values().cloned().collect())
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for MemoryStore {
    fn pending(&self, addresses: &[RowAddress]) -> Result<Vec<PendingAnswer>, Fault> {
        Self::pending(self, addresses)
    }

    fn load(&self) -> Result<Image, Fault> {
        let Records { position, pending, base, in_flight, fences, tables, repairs, conflicts } =
            self.records().clone();
        Ok(Image {
            position,
            pending: pending.into_iter().map(|((table, key), row)| (table, key, row)).collect(),
            base: base.into_iter().map(|((table, key), row)| (table, key, row)).collect(),
            in_flight: in_flight.into_iter().collect(),
            fences: fences.into_iter().collect(),
            tables: tables.into_iter().collect(),
            repairs: repairs.into_iter().collect(),
            last_conflict: conflicts.keys().next_back().copied().unwrap_or(0),
        })
    }

    fn apply(&self, steps: Vec<StoreStep>) -> Ask<'_, Result<(), Fault>> {
        Box::pin(async move {
            let mut records = self.records();
            // On a copy, so that a list that is refused leaves nothing behind.
            let mut next = records.clone();
            for step in steps {
                next.take(step)?;
            }
            *records = next;
            Ok(())
        })
    }
}

impl Records {
    fn take(&mut self, step: StoreStep) -> Result<(), Fault> {
        match step {
            StoreStep::Position(position) => self.position = Some(position),
            StoreStep::Pending(table, key, row) => drop(self.pending.insert((table, key), row)),
            StoreStep::Settled(table, key) => drop(self.pending.remove(&(table, key))),
            StoreStep::Base(table, key, row) => drop(self.base.insert((table, key), row)),
            StoreStep::BaseGone(table, key) => drop(self.base.remove(&(table, key))),
            StoreStep::InFlight(spreadsheet, Some(batch)) => {
                self.in_flight.insert(spreadsheet, batch);
            }
            StoreStep::InFlight(spreadsheet, None) => drop(self.in_flight.remove(&spreadsheet)),
            StoreStep::Fence(spreadsheet, fence) => drop(self.fences.insert(spreadsheet, fence)),
            StoreStep::Table(table, state) => drop(self.tables.insert(table, state)),
            StoreStep::Repairs(table, repairs) if repairs.is_empty() => {
                self.repairs.remove(&table);
            }
            StoreStep::Repairs(table, repairs) => drop(self.repairs.insert(table, repairs)),
            StoreStep::Conflict(record) => {
                let stored = self.conflicts.entry(record.id).or_insert_with(|| record.clone());
                if *stored != record {
                    return Err(Fault::Configuration(format!(
                        "conflict {} is in the store with another content, and conflicts are never rewritten",
                        record.id
                    )));
                }
            }
        }
        Ok(())
    }
}
