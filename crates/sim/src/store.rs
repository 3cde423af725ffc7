//! The model store: what was durable when a process died.

use std::collections::{BTreeMap, BTreeSet};

use sheetwire_engine::{
    base::BaseRow,
    batch::InFlight,
    cell::Cell,
    change::TableId,
    conflict::ConflictRecord,
    intent::{Intent, Window},
    position::Position,
    state::{Claim, Image, Marker, PendingRow, Repair, RowKey, StoreStep, TableState},
};

type Address = (TableId, RowKey);

/// One store.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// How many stores there were before it in this world.
    pub number: u32,
    /// Position of the source.
    pub position: Option<Position>,
    /// Pending rows.
    pub pending: BTreeMap<Address, PendingRow>,
    /// Base rows.
    pub base: BTreeMap<Address, BaseRow>,
    /// Batches under way.
    pub in_flight: BTreeMap<String, InFlight>,
    fences: BTreeMap<String, u64>,
    /// Table states.
    pub tables: BTreeMap<TableId, TableState>,
    repairs: BTreeMap<TableId, Vec<Repair>>,
    /// The conflict log.
    pub conflicts: Vec<ConflictRecord>,
    /// Transactions.
    pub intents: BTreeMap<u64, Intent>,
    last_intent: u64,
    /// Windows.
    pub windows: BTreeMap<Address, Window>,
    /// Claims.
    pub claims: BTreeMap<(TableId, Marker), Claim>,
    /// Tables that a person stopped.
    paused: BTreeSet<TableId>,
    /// Numeric ids of the tables' tabs.
    tabs: BTreeMap<TableId, i32>,
    /// Entries of the history.
    pub history: usize,
}

impl Store {
    /// An empty one, under another identity.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { number: self.number + 1, ..Self::default() }
    }

    /// All or none of the steps, in order.
    pub fn apply(&mut self, steps: impl IntoIterator<Item = StoreStep>) {
        for step in steps {
            self.apply_one(step);
        }
    }

    fn apply_one(&mut self, step: StoreStep) {
        match step {
            StoreStep::Position(position) => self.position = Some(position),
            StoreStep::Pending(table, key, row) => drop(self.pending.insert((table, key), row)),
            StoreStep::Settled(table, key) => drop(self.pending.remove(&(table, key))),
            StoreStep::Base(table, key, row) => drop(self.base.insert((table, key), row)),
            StoreStep::BaseGone(table, key) => drop(self.base.remove(&(table, key))),
            StoreStep::InFlight(id, Some(flight)) => drop(self.in_flight.insert(id, flight)),
            StoreStep::InFlight(id, None) => drop(self.in_flight.remove(&id)),
            StoreStep::Fence(id, fence) => drop(self.fences.insert(id, fence)),
            StoreStep::Table(table, state) => drop(self.tables.insert(table, state)),
            StoreStep::Repairs(table, repairs) => drop(self.repairs.insert(table, repairs)),
            StoreStep::Conflict(record) => {
                let last = self.conflicts.last().map_or(0, |known| known.id);
                assert_eq!(record.id, last + 1, "conflict records are numbered without gaps");
                self.conflicts.push(record);
            }
            StoreStep::Outcome(id, outcome) => {
                let place = usize::try_from(id).unwrap_or(0).wrapping_sub(1);
                self.conflicts[place].outcome = outcome;
            }
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
            StoreStep::History(_) => self.history += 1,
            StoreStep::Paused(table, true) => drop(self.paused.insert(table)),
            StoreStep::Paused(table, false) => drop(self.paused.remove(&table)),
            StoreStep::Tab(table, id) => drop(self.tabs.insert(table, id)),
        }
    }

    /// Pending rows, for an engine that let go of them.
    pub fn load(&self, table: TableId, keys: &[RowKey]) -> Vec<(RowKey, PendingRow)> {
        keys.iter()
            .filter_map(|key| Some((key.clone(), self.pending.get(&(table, key.clone()))?.clone())))
            .collect()
    }

    /// What was still to be put back into the sheet.
    pub fn put_aside(&self) -> impl Iterator<Item = &Cell> {
        self.repairs.values().flatten().flat_map(|repair| {
            let removed = repair.readd.iter().flat_map(|row| &row.cells);
            repair.cells.iter().map(|cell| &cell.right).chain(removed)
        })
    }

    /// Everything a process starts from.
    pub fn image(&self) -> Image {
        let open = |record: &&ConflictRecord| record.outcome.is_open();
        Image {
            position: self.position.clone(),
            pending: self.pending.iter().map(|(k, row)| (k.0, k.1.clone(), row.clone())).collect(),
            base: self.base.iter().map(|(k, row)| (k.0, k.1.clone(), row.clone())).collect(),
            in_flight: self.in_flight.clone().into_iter().collect(),
            fences: self.fences.clone().into_iter().collect(),
            tables: self.tables.clone().into_iter().collect(),
            repairs: self.repairs.clone().into_iter().collect(),
            last_conflict: self.conflicts.last().map_or(0, |record| record.id),
            open_conflicts: self.conflicts.iter().filter(open).cloned().collect(),
            intents: self.intents.values().cloned().collect(),
            last_intent: self.last_intent,
            windows: self.windows.iter().map(|(k, w)| (k.0, k.1.clone(), w.clone())).collect(),
            claims: self.claims.iter().map(|(k, c)| (k.0, k.1.clone(), c.clone())).collect(),
            paused: self.paused.iter().copied().collect(),
            tabs: self.tabs.clone().into_iter().collect(),
        }
    }
}
