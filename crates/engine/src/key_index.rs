//! Which row of the tab bears which key.
//!
//! Kept in step with our own batches and replaced whole whenever the key column is read again. It may be wrong at any moment, since
//! people move rows: a write that trusts it is confirmed from its pre-image.

use std::collections::{BTreeMap, btree_map::Entry};

use crate::{batch::RowIndex, state::RowKey};

/// Where a key is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In exactly one row.
    Row(RowIndex),
    /// In several rows: frozen until a person resolves it.
    Several,
}

/// Keys and their rows in one tab.
#[derive(Debug, Clone, Default)]
pub struct KeyIndex {
    places: BTreeMap<RowKey, Place>,
    /// One behind the last row with a key, or with the header where there is none.
    end: u32,
}

impl KeyIndex {
    /// An index over the rows below the header, `first` being the first of them.
    pub fn read(first: RowIndex, keys: impl Iterator<Item = Option<RowKey>>) -> Self {
        let mut index = Self { places: BTreeMap::new(), end: first.0 };
        for (row, key) in (first.0..).zip(keys) {
            let Some(key) = key else { continue };
            index.end = row + 1;
            match index.places.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Place::Row(RowIndex(row)));
                }
                Entry::Occupied(mut entry) => {
                    entry.insert(Place::Several);
                }
            }
        }
        index
    }

    /// The row that was known by `shown` is known by `key` from now on.
    pub fn rename(&mut self, shown: &RowKey, key: &RowKey) {
        if let Some(Place::Row(row)) = self.places.get(shown).copied() {
            self.places.remove(shown);
            self.put(row, key);
        }
    }

    /// A row that had no key bears this one now.
    pub fn put(&mut self, row: RowIndex, key: &RowKey) {
        self.end = self.end.max(row.0 + 1);
        match self.places.entry(key.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Place::Row(row));
            }
            Entry::Occupied(mut entry) => {
                if *entry.get() != Place::Row(row) {
                    entry.insert(Place::Several);
                }
            }
        }
    }

    /// The key is believed to stand there.
    #[cfg(feature = "mutants")]
    pub(crate) fn believe(&mut self, key: &RowKey, row: RowIndex) {
        self.places.insert(key.clone(), Place::Row(row));
    }

    /// Where the key stands.
    pub fn locate(&self, key: &RowKey) -> Option<Place> {
        self.places.get(key).copied()
    }

    /// The key that this row alone bears. Costs a look at every key.
    pub fn key_at(&self, row: RowIndex) -> Option<&RowKey> {
        self.places.iter().find(|(_, place)| **place == Place::Row(row)).map(|(key, _)| key)
    }

    /// Every key with its place, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&RowKey, Place)> {
        self.places.iter().map(|(key, place)| (key, *place))
    }

    /// Where new rows go: one behind the last row with a key.
    pub fn end(&self) -> RowIndex {
        RowIndex(self.end)
    }

    /// Number of different keys.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Rows (ascending) were removed. Costs a walk over all keys, as the read of the key column that precedes every removal does.
    pub fn remove_rows(&mut self, rows: &[RowIndex]) {
        if rows.is_empty() {
            return;
        }
        let before = |row: RowIndex| rows.partition_point(|gone| *gone < row);
        self.places.retain(|_, place| match place {
            Place::Row(row) => rows.binary_search(row).is_err(),
            Place::Several => true,
        });
        for place in self.places.values_mut() {
            if let Place::Row(row) = place {
                row.0 -= u32::try_from(before(*row)).unwrap_or(u32::MAX);
            }
        }
        let gone = u32::try_from(before(RowIndex(self.end))).unwrap_or(u32::MAX);
        self.end = self.end.saturating_sub(gone);
    }

    /// Rows were inserted at `at`, bearing these keys.
    pub fn insert_rows(&mut self, at: RowIndex, keys: impl ExactSizeIterator<Item = RowKey>) {
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        if at.0 < self.end {
            for place in self.places.values_mut() {
                if let Place::Row(row) = place
                    && *row >= at
                {
                    row.0 += count;
                }
            }
            self.end += count;
        } else {
            self.end = at.0 + count;
        }
        for (row, key) in (at.0..).zip(keys) {
            match self.places.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Place::Row(RowIndex(row)));
                }
                Entry::Occupied(mut entry) => {
                    entry.insert(Place::Several);
                }
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

    fn check_same(index: &KeyIndex, naive: &[Option<RowKey>], first: u32) {
        let fresh = KeyIndex::read(RowIndex(first), naive.iter().cloned());
        assert_eq!(index.places, fresh.places);
        assert_eq!(index.end, fresh.end);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_list(
            start in proptest::collection::vec(proptest::option::of(0u8..40), 0..20),
            steps in proptest::collection::vec((any::<bool>(), 0usize..30, 1usize..4), 0..12),
        ) {
            let mut used: Vec<u8> = Vec::new();
            let mut naive: Vec<Option<RowKey>> = start
                .into_iter()
                .map(|cell| cell.filter(|k| !used.contains(k)).map(|k| { used.push(k); key(k) }))
                .collect();
            let mut index = KeyIndex::read(RowIndex(1), naive.iter().cloned());
            let mut fresh = 100u8;
            for (insert, place, count) in steps {
                if insert {
                    let at = index.end();
                    let keys: Vec<RowKey> = (0..count).map(|_| { fresh += 1; key(fresh) }).collect();
                    index.insert_rows(at, keys.clone().into_iter());
                    let from = (at.0 - 1) as usize;
                    naive.splice(from..from, keys.into_iter().map(Some));
                } else if !naive.is_empty() {
                    let from = place % naive.len();
                    let to = (from + count).min(naive.len());
                    let rows: Vec<RowIndex> = (from..to).map(|r| RowIndex(1 + u32::try_from(r).unwrap())).collect();
                    // Trailing rows without a key are not part of the index's world.
                    index.remove_rows(&rows);
                    naive.drain(from..to);
                    let end = index.end();
                    let last = naive.iter().rposition(Option::is_some).map_or(1, |r| u32::try_from(r).unwrap() + 2);
                    prop_assert!(end.0 >= last);
                    index = KeyIndex { end: last, ..index };
                }
                check_same(&index, &naive, 1);
            }
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_in_several_rows() {
        let index = KeyIndex::read(RowIndex(1), [Some(key(1)), None, Some(key(1))].into_iter());
        assert_eq!(index.locate(&key(1)), Some(Place::Several));
        assert_eq!(index.end(), RowIndex(4));
    }
}
