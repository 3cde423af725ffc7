//! The store for tests: the same promises but for the power cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sheetwire_engine::{
    base::BaseRow,
    batch::InFlight,
    change::TableId,
    conflict::{ConflictRecord, Outcome},
    history::HistoryEntry,
    intent::{Intent, Window},
    position::Position,
    state::{Claim, Image, Marker, PendingRow, Repair, StoreStep, TableState},
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
    /// Conflicts as they were seen.
    conflicts: BTreeMap<u64, ConflictRecord>,
    /// What came of them.
    outcomes: BTreeMap<u64, Outcome>,
    intents: BTreeMap<u64, Intent>,
    last_intent: u64,
    windows: BTreeMap<RowAddress, Window>,
    claims: BTreeMap<(TableId, Marker), Claim>,
    history: Vec<HistoryEntry>,
    paused: BTreeSet<TableId>,
    tabs: BTreeMap<TableId, i32>,
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

    /// Every conflict record as it stands now, oldest first.
    pub fn conflicts(&self) -> Result<Vec<ConflictRecord>, Fault> {
        Ok(self.records().standing().collect())
    }

    /// The changes of rows, oldest first.
    pub fn history(&self) -> Result<Vec<HistoryEntry>, Fault> {
        Ok(self.records().history.clone())
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
        let records = self.records().clone();
        let open_conflicts = records.standing().filter(|one| one.outcome.is_open()).collect();
        let windows = records.windows.into_iter();
        let claims = records.claims.into_iter();
        Ok(Image {
            position: records.position,
            pending: records.pending.into_iter().map(|((t, key), row)| (t, key, row)).collect(),
            base: records.base.into_iter().map(|((table, key), row)| (table, key, row)).collect(),
            in_flight: records.in_flight.into_iter().collect(),
            fences: records.fences.into_iter().collect(),
            tables: records.tables.into_iter().collect(),
            repairs: records.repairs.into_iter().collect(),
            last_conflict: records.conflicts.keys().next_back().copied().unwrap_or(0),
            open_conflicts,
            intents: records.intents.into_values().collect(),
            last_intent: records.last_intent,
            windows: windows.map(|((table, key), window)| (table, key, window)).collect(),
            claims: claims.map(|((table, marker), claim)| (table, marker, claim)).collect(),
            paused: records.paused.into_iter().collect(),
            tabs: records.tabs.into_iter().collect(),
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
    fn standing(&self) -> impl Iterator<Item = ConflictRecord> {
        self.conflicts.values().map(|record| ConflictRecord {
            outcome: self.outcomes.get(&record.id).copied().unwrap_or(record.outcome),
            ..record.clone()
        })
    }

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
            StoreStep::Outcome(id, outcome) => drop(self.outcomes.insert(id, outcome)),
            StoreStep::Intent(intent) => {
                self.last_intent = self.last_intent.max(intent.id);
                self.intents.insert(intent.id, intent);
            }
            StoreStep::IntentGone(id) => drop(self.intents.remove(&id)),
            StoreStep::Window(table, key, window) => {
                self.windows.insert((table, key), window);
            }
            StoreStep::WindowGone(table, key) => drop(self.windows.remove(&(table, key))),
            StoreStep::Claim(table, marker, claim) => {
                self.claims.insert((table, marker), claim);
            }
            StoreStep::ClaimGone(table, marker) => drop(self.claims.remove(&(table, marker))),
            StoreStep::History(entry) => self.history.push(entry),
            StoreStep::Paused(table, true) => drop(self.paused.insert(table)),
            StoreStep::Paused(table, false) => drop(self.paused.remove(&table)),
            StoreStep::Tab(table, id) => drop(self.tabs.insert(table, id)),
        }
        Ok(())
    }
}
