//! Rows that are gone from the sheet, or were emptied there: seen more than once before anything follows, and held where they are many.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mutants::{Mutant, on},
    state::RowKey,
};

/// So often in a row the key must be missing: two sightings, and a fresh look right before the row is removed from the database.
const SIGHTINGS: u8 = 3;

/// The same, where no read can be torn.
fn sightings() -> u8 {
    if on(Mutant::TornRead) { 1 } else { SIGHTINGS }
}

/// So few rows are never held for being a large part of a small table.
const FEW: usize = 3;

/// Rows gone from one tab.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// How often in a row the key was missing in a read of all keys.
    sightings: BTreeMap<RowKey, u8>,
    /// Rows whose cells beside the key were all emptied.
    emptied: BTreeSet<RowKey>,
    /// Rows that a person has to decide about.
    held: BTreeSet<RowKey>,
    /// Rows that a person let go.
    approved: BTreeSet<RowKey>,
    /// Rows that a person wants back.
    rejected: BTreeSet<RowKey>,
}

impl Gone {
    /// The keys that a read of all keys did not find, and the rows that were emptied. Whatever is not among them is back.
    pub(crate) fn saw(&mut self, missing: &BTreeSet<RowKey>, emptied: Option<BTreeSet<RowKey>>) {
        if let Some(emptied) = emptied {
            self.emptied = emptied;
        }
        self.sightings.retain(|key, _| missing.contains(key));
        for key in missing {
            let seen = self.sightings.entry(key.clone()).or_default();
            *seen = seen.saturating_add(1);
        }
        let all = |key: &RowKey| missing.contains(key) || self.emptied.contains(key);
        self.held.retain(all);
        self.approved.retain(all);
        self.rejected.retain(all);
    }

    /// The row is in the sheet again, or nowhere any more.
    pub(crate) fn came_back(&mut self, key: &RowKey) {
        self.sightings.remove(key);
        self.emptied.remove(key);
        self.held.remove(key);
        self.approved.remove(key);
        self.rejected.remove(key);
    }

    /// Whether some rows have been missing, but not for long enough: look again soon.
    pub(crate) fn is_unsure(&self) -> bool {
        self.sightings.iter().any(|(key, seen)| *seen < sightings() && !self.held.contains(key))
    }

    /// Whether the row has been missing for long enough.
    pub(crate) fn is_sure(&self, key: &RowKey) -> bool {
        self.sightings.get(key).is_some_and(|seen| *seen >= sightings())
    }

    /// Whether everything beside the row's key was taken out.
    pub(crate) fn is_emptied(&self, key: &RowKey) -> bool {
        self.emptied.contains(key)
    }

    /// Whether a person let the row go.
    pub(crate) fn is_approved(&self, key: &RowKey) -> bool {
        self.approved.contains(key)
    }

    /// Whether a person wants the row back.
    pub(crate) fn is_rejected(&self, key: &RowKey) -> bool {
        self.rejected.contains(key)
    }

    /// Whether more rows are gone than may go without being asked for.
    pub(crate) fn is_too_much(&self, rows_max: usize, percent_max: u8, of: usize) -> bool {
        let gone = (self.sightings.keys().chain(&self.emptied))
            .filter(|key| !self.approved.contains(*key) && !self.rejected.contains(*key))
            .count();
        gone > rows_max || (gone > FEW && gone * 100 > usize::from(percent_max) * of)
    }

    /// The row waits for a person from now on. Gives whether that is new.
    pub(crate) fn hold(&mut self, key: &RowKey) -> bool {
        self.held.insert(key.clone())
    }

    /// The row comes back into the sheet, whatever a person meant.
    pub(crate) fn reject(&mut self, key: &RowKey) {
        self.held.remove(key);
        self.approved.remove(key);
        self.rejected.insert(key.clone());
    }

    /// A person has decided about these rows, or about all that wait. Gives those that did.
    pub(crate) fn release(&mut self, keys: Option<&[RowKey]>, approved: bool) -> Vec<RowKey> {
        let asked = |key: &&RowKey| keys.is_none_or(|keys| keys.contains(key));
        let rows: Vec<RowKey> = self.held.iter().filter(asked).cloned().collect();
        self.held.retain(|key| !rows.contains(key));
        let decided = if approved { &mut self.approved } else { &mut self.rejected };
        decided.extend(rows.iter().cloned());
        rows
    }

    /// Number of rows that wait for a person.
    pub(crate) fn held_len(&self) -> usize {
        self.held.len()
    }

    /// Rows that wait for a person.
    pub(crate) fn held(&self) -> impl Iterator<Item = &RowKey> {
        self.held.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> BTreeSet<RowKey> {
        names.iter().map(|name| RowKey((*name).into())).collect()
    }

    #[test]
    fn a_row_must_be_missing_three_times_in_a_row() {
        let mut gone = Gone::default();
        let key = RowKey("a".into());
        gone.saw(&keys(&["a"]), None);
        gone.saw(&keys(&["a"]), None);
        gone.saw(&keys(&[]), None);
        assert!(!gone.is_unsure(), "it is back");
        for _ in 0..2 {
            gone.saw(&keys(&["a"]), None);
            assert!(gone.is_unsure() && !gone.is_sure(&key));
        }
        gone.saw(&keys(&["a"]), None);
        assert!(gone.is_sure(&key) && !gone.is_unsure());
    }

    #[test]
    fn many_rows_or_a_large_part_of_a_table_is_too_much() {
        let mut gone = Gone::default();
        gone.saw(&keys(&["a", "b"]), Some(keys(&["c"])));
        assert!(!gone.is_too_much(50, 10, 4), "three rows are few");
        gone.saw(&keys(&["a", "b", "d"]), Some(keys(&["c"])));
        assert!(gone.is_too_much(50, 10, 20));
        assert!(!gone.is_too_much(50, 10, 40));
        assert!(gone.is_too_much(3, 10, 400));
        for key in keys(&["a", "b", "c", "d"]) {
            gone.hold(&key);
        }
        assert_eq!(gone.release(None, true).len(), 4);
        assert!(!gone.is_too_much(0, 0, 1), "what a person let go does not count");
    }
}
