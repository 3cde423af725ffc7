//! What every row of a table must become: the last state only, oldest first.
//!
//! A row that changes a thousand times between two flushes is written once. Taking goes by the age of the oldest change not yet in the
//! sheet, so that one busy row cannot hold back the rest.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cell::Cell,
    state::{PendingRow, RowKey},
};

/// What a pending row becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// These cells, or gone.
    Known(Option<Vec<Cell>>),
    /// Known to the store only: dropped from memory because the backlog is long.
    Spilled,
}

#[derive(Debug, Clone)]
struct Entry {
    target: Target,
    /// Order of arrival of the oldest change not in the sheet.
    since: u64,
    /// When the newest change was committed.
    at_us: i64,
    /// Whether the store has this target.
    saved: bool,
    /// Waits for something else than its turn: a person, a write to the database, a batch under way.
    parked: bool,
}

/// Pending rows of one table.
#[derive(Debug, Clone, Default)]
pub struct Coalescer {
    rows: BTreeMap<RowKey, Entry>,
    /// Rows whose turn will come, oldest first. Parked ones are not among them, so that they hold nobody back.
    by_age: BTreeSet<(u64, RowKey)>,
    unsaved: BTreeSet<RowKey>,
    in_memory: usize,
}

impl Coalescer {
    /// The row must become `after`, which was committed at `at_us`. `sequence` numbers arrivals over all tables.
    pub fn absorb(&mut self, key: RowKey, after: Option<Vec<Cell>>, sequence: u64, at_us: i64) {
        if let Some(entry) = self.rows.get_mut(&key) {
            if entry.target == Target::Spilled {
                self.in_memory += 1;
            }
            entry.target = Target::Known(after);
            entry.at_us = at_us;
            entry.saved = false;
            if std::mem::take(&mut entry.parked) {
                self.by_age.insert((entry.since, key.clone()));
            }
        } else {
            self.by_age.insert((sequence, key.clone()));
            self.in_memory += 1;
            let entry = Entry {
                target: Target::Known(after),
                since: sequence,
                at_us,
                saved: false,
                parked: false,
            };
            self.rows.insert(key.clone(), entry);
        }
        self.unsaved.insert(key);
    }

    /// A pending row as the store gave it back.
    pub fn restore(&mut self, key: RowKey, row: PendingRow) {
        self.by_age.insert((row.since, key.clone()));
        self.in_memory += 1;
        let entry = Entry {
            target: Target::Known(row.after),
            since: row.since,
            at_us: row.at_us,
            saved: true,
            parked: false,
        };
        self.rows.insert(key, entry);
    }

    /// Brings a spilled row back, unless something newer arrived meanwhile.
    pub fn unspill(&mut self, key: &RowKey, after: Option<Vec<Cell>>) {
        if let Some(entry) = self.rows.get_mut(key)
            && entry.target == Target::Spilled
        {
            entry.target = Target::Known(after);
            self.in_memory += 1;
        }
    }

    /// The row waits for something else than its turn.
    pub fn park(&mut self, key: &RowKey) {
        if let Some(entry) = self.rows.get_mut(key)
            && !std::mem::replace(&mut entry.parked, true)
        {
            self.by_age.remove(&(entry.since, key.clone()));
        }
    }

    /// What the row waited for may have come.
    pub fn wake(&mut self, key: &RowKey) {
        if let Some(entry) = self.rows.get_mut(key)
            && std::mem::take(&mut entry.parked)
        {
            self.by_age.insert((entry.since, key.clone()));
        }
    }

    /// The rows that wait for something.
    pub fn parked(&self) -> impl Iterator<Item = &RowKey> {
        self.rows.iter().filter(|(_, entry)| entry.parked).map(|(key, _)| key)
    }

    /// Every row gets its turn again.
    pub fn wake_all(&mut self) {
        for (key, entry) in &mut self.rows {
            if std::mem::take(&mut entry.parked) {
                self.by_age.insert((entry.since, key.clone()));
            }
        }
    }

    /// Nothing is pending for the row any more.
    pub fn forget(&mut self, key: &RowKey) {
        if let Some(entry) = self.rows.remove(key) {
            self.by_age.remove(&(entry.since, key.clone()));
            self.unsaved.remove(key);
            if entry.target != Target::Spilled {
                self.in_memory -= 1;
            }
        }
    }

    /// What is pending for the row.
    pub fn get(&self, key: &RowKey) -> Option<&Target> {
        self.rows.get(key).map(|entry| &entry.target)
    }

    /// When the row's newest change was committed; 0 where that is not known.
    pub fn committed_at(&self, key: &RowKey) -> i64 {
        self.rows.get(key).map_or(0, |entry| entry.at_us)
    }

    /// Keys of every pending row, in key order.
    pub fn keys(&self) -> impl Iterator<Item = &RowKey> {
        self.rows.keys()
    }

    /// Keys of the rows whose turn will come, those that have waited longest first.
    pub fn by_age(&self) -> impl Iterator<Item = &RowKey> {
        self.by_age.iter().map(|(_, key)| key)
    }

    /// Number of pending rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of rows whose turn will come.
    pub fn active(&self) -> usize {
        self.by_age.len()
    }

    /// Number of pending rows whose cells are held in memory.
    pub fn in_memory(&self) -> usize {
        self.in_memory
    }

    /// Number of rows that the store does not have yet.
    pub fn unsaved_len(&self) -> usize {
        self.unsaved.len()
    }

    /// The oldest rows, at most so many, whose cells only the store has.
    pub fn spilled_among(&self, oldest: usize) -> Vec<RowKey> {
        self.by_age
            .iter()
            .take(oldest)
            .filter(|(_, key)| {
                self.rows.get(key).is_some_and(|entry| entry.target == Target::Spilled)
            })
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// Rows that the store does not have yet, as it should have them; they count as handed over from now on.
    pub fn take_unsaved(&mut self) -> Vec<(RowKey, PendingRow)> {
        let keys = std::mem::take(&mut self.unsaved);
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(entry) = self.rows.get_mut(&key)
                && let Target::Known(after) = &entry.target
            {
                entry.saved = true;
                let row =
                    PendingRow { after: after.clone(), since: entry.since, at_us: entry.at_us };
                out.push((key, row));
            }
        }
        out
    }

    /// Drops the cells of saved rows, youngest first, until at most `keep` rows are held in memory. Only call when the store has
    /// confirmed everything handed over. `pinned` rows keep theirs: something is being done with them.
    pub fn spill(&mut self, keep: usize, pinned: impl Fn(&RowKey) -> bool) {
        let excess = self.in_memory.saturating_sub(keep);
        let mut left = excess;
        let mut drop_cells = |entry: &mut Entry| {
            if left > 0 && entry.saved && entry.target != Target::Spilled {
                entry.target = Target::Spilled;
                left -= 1;
            }
            left > 0
        };
        if excess > 0
            && (self.by_age.iter().rev())
                .all(|(_, key)| self.rows.get_mut(key).is_none_or(&mut drop_cells))
        {
            // Parked rows come last: there are few, and some are looked at while they wait.
            let parked = self.rows.iter_mut().filter(|(key, entry)| entry.parked && !pinned(key));
            parked.map(|(_, entry)| entry).all(drop_cells);
        }
        self.in_memory -= excess - left;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> RowKey {
        RowKey(number.to_string().into())
    }

    fn row(number: u8) -> Option<Vec<Cell>> {
        (number > 20).then(|| vec![Cell::Number(f64::from(number))])
    }

    #[test]
    fn a_hot_row_is_one_pending_row_and_keeps_its_age() {
        let mut coalescer = Coalescer::default();
        coalescer.absorb(key(1), row(30), 1, 10);
        coalescer.absorb(key(2), row(31), 2, 20);
        for sequence in 3..1003 {
            coalescer.absorb(key(1), row(40), sequence, 30);
        }
        assert_eq!(coalescer.len(), 2);
        assert_eq!(coalescer.by_age().next(), Some(&key(1)));
        assert_eq!(coalescer.committed_at(&key(1)), 30);
        coalescer.forget(&key(1));
        assert_eq!(coalescer.len(), 1);
    }

    #[test]
    fn a_parked_row_holds_nobody_back_and_keeps_its_place() {
        let mut coalescer = Coalescer::default();
        coalescer.absorb(key(1), row(30), 1, 0);
        coalescer.absorb(key(2), row(31), 2, 0);
        coalescer.park(&key(1));
        assert_eq!(
            (coalescer.by_age().next(), coalescer.active(), coalescer.len()),
            (Some(&key(2)), 1, 2)
        );
        coalescer.wake(&key(1));
        assert_eq!(coalescer.by_age().next(), Some(&key(1)));
        coalescer.park(&key(1));
        coalescer.absorb(key(1), row(40), 3, 0);
        assert_eq!(coalescer.by_age().next(), Some(&key(1)), "something new is a reason to look");
    }

    #[test]
    fn only_saved_rows_are_spilled_and_the_oldest_stay() {
        let mut coalescer = Coalescer::default();
        for number in 0..10 {
            coalescer.absorb(key(number), row(30), u64::from(number), 0);
        }
        coalescer.spill(3, |_| false);
        assert_eq!(coalescer.in_memory(), 10);
        coalescer.take_unsaved();
        coalescer.spill(3, |_| false);
        assert_eq!(coalescer.in_memory(), 3);
        assert_eq!(coalescer.get(&key(9)), Some(&Target::Spilled));
        assert_ne!(coalescer.get(&key(0)), Some(&Target::Spilled));
        coalescer.unspill(&key(9), row(30));
        assert_eq!(coalescer.in_memory(), 4);
    }

    proptest! {
        #[test]
        fn any_split_of_the_changes_gives_the_same_last_state(
            changes in proptest::collection::vec((0u8..6, 0u8..60), 1..60),
            split in 0usize..60,
        ) {
            let mut coalescer = Coalescer::default();
            let mut last = BTreeMap::new();
            let mut taken = BTreeMap::new();
            for (sequence, (k, v)) in changes.iter().enumerate() {
                if sequence == split {
                    let keys: Vec<RowKey> = coalescer.by_age().cloned().collect();
                    for k in keys {
                        taken.insert(k.clone(), coalescer.get(&k).cloned().unwrap());
                        coalescer.forget(&k);
                    }
                }
                coalescer.absorb(key(*k), row(*v), sequence as u64, 0);
                last.insert(key(*k), Target::Known(row(*v)));
            }
            for k in coalescer.by_age() {
                taken.insert(k.clone(), coalescer.get(k).unwrap().clone());
            }
            prop_assert_eq!(taken, last);
        }
    }
}
