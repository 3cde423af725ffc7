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
    /// Order of arrival of the newest change.
    latest: u64,
    /// Whether the store has this target.
    saved: bool,
}

/// Pending rows of one table.
#[derive(Debug, Clone, Default)]
pub struct Coalescer {
    rows: BTreeMap<RowKey, Entry>,
    by_age: BTreeSet<(u64, RowKey)>,
    unsaved: BTreeSet<RowKey>,
    in_memory: usize,
}

impl Coalescer {
    /// The row must become `after`. `sequence` numbers arrivals over all tables.
    pub fn absorb(&mut self, key: RowKey, after: Option<Vec<Cell>>, sequence: u64) {
        if let Some(entry) = self.rows.get_mut(&key) {
            if entry.target == Target::Spilled {
                self.in_memory += 1;
            }
            entry.target = Target::Known(after);
            entry.latest = sequence;
            entry.saved = false;
        } else {
            self.by_age.insert((sequence, key.clone()));
            self.in_memory += 1;
            let entry = Entry {
                target: Target::Known(after),
                since: sequence,
                latest: sequence,
                saved: false,
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
            latest: row.since,
            saved: true,
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

    /// The row's state up to `latest`, which is `after`, is in the sheet. Returns whether nothing else is pending.
    pub fn settle(&mut self, key: &RowKey, latest: u64, after: Option<&[Cell]>) -> bool {
        let Some(entry) = self.rows.get(key) else { return true };
        let same = matches!(&entry.target, Target::Known(wanted) if wanted.as_deref() == after);
        if entry.latest > latest && !same {
            return false;
        }
        self.forget(key);
        true
    }

    /// Drops the row whatever is pending for it.
    pub fn forget(&mut self, key: &RowKey) {
        if let Some(entry) = self.rows.remove(key) {
            self.by_age.remove(&(entry.since, key.clone()));
            self.unsaved.remove(key);
            if entry.target != Target::Spilled {
                self.in_memory -= 1;
            }
        }
    }

    /// What is pending for the row, and the number of its newest change.
    pub fn get(&self, key: &RowKey) -> Option<(&Target, u64)> {
        self.rows.get(key).map(|entry| (&entry.target, entry.latest))
    }

    /// Keys, those that have waited longest first.
    pub fn by_age(&self) -> impl Iterator<Item = &RowKey> {
        self.by_age.iter().map(|(_, key)| key)
    }

    /// Arrival number of the oldest pending change.
    pub fn oldest(&self) -> Option<u64> {
        self.by_age.first().map(|(since, _)| *since)
    }

    /// Number of pending rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
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
                out.push((key, PendingRow { after: after.clone(), since: entry.since }));
            }
        }
        out
    }

    /// Drops the cells of saved rows, youngest first, until at most `keep` rows are held in memory. Only call when the store has
    /// confirmed everything handed over.
    pub fn spill(&mut self, keep: usize) {
        let mut excess = self.in_memory.saturating_sub(keep);
        for (_, key) in self.by_age.iter().rev() {
            if excess == 0 {
                break;
            }
            if let Some(entry) = self.rows.get_mut(key)
                && entry.saved
                && entry.target != Target::Spilled
            {
                entry.target = Target::Spilled;
                self.in_memory -= 1;
                excess -= 1;
            }
        }
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
        coalescer.absorb(key(1), row(30), 1);
        coalescer.absorb(key(2), row(31), 2);
        for sequence in 3..1003 {
            coalescer.absorb(key(1), row(40), sequence);
        }
        assert_eq!(coalescer.len(), 2);
        assert_eq!(coalescer.by_age().next(), Some(&key(1)));
        assert!(!coalescer.settle(&key(1), 500, row(39).as_deref()), "something newer is pending");
        assert!(coalescer.settle(&key(1), 1002, None));
        assert_eq!(coalescer.len(), 1);
    }

    #[test]
    fn only_saved_rows_are_spilled_and_the_oldest_stay() {
        let mut coalescer = Coalescer::default();
        for number in 0..10 {
            coalescer.absorb(key(number), row(30), u64::from(number));
        }
        coalescer.spill(3);
        assert_eq!(coalescer.in_memory(), 10);
        coalescer.take_unsaved();
        coalescer.spill(3);
        assert_eq!(coalescer.in_memory(), 3);
        assert_eq!(coalescer.get(&key(9)).map(|e| e.0.clone()), Some(Target::Spilled));
        assert_ne!(coalescer.get(&key(0)).map(|e| e.0.clone()), Some(Target::Spilled));
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
                        let (target, latest) = coalescer.get(&k).map(|(t, l)| (t.clone(), l)).unwrap();
                        taken.insert(k.clone(), target);
                        coalescer.settle(&k, latest, None);
                    }
                }
                coalescer.absorb(key(*k), row(*v), sequence as u64);
                last.insert(key(*k), Target::Known(row(*v)));
            }
            for k in coalescer.by_age() {
                taken.insert(k.clone(), coalescer.get(k).unwrap().0.clone());
            }
            prop_assert_eq!(taken, last);
        }
    }
}
