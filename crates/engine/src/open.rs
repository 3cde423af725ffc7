//! What waits for a person or for another value: open conflicts of one table, and rows that the database refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cell::Cell,
    conflict::{ConflictKind, ConflictRecord, Outcome},
    merge::Side,
    planner::Finding,
    state::RowKey,
};

/// Stands for the whole row where a column is asked for.
pub(crate) const WHOLE_ROW: u16 = u16::MAX;

/// A row that the database refused, and what it was then: as long as it is so, asking again is of no use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    pub(crate) sheet: Vec<Cell>,
    pub(crate) database: Option<Vec<Cell>>,
    /// Another row may cure it.
    pub(crate) may_pass: bool,
    /// How often it was refused as it is.
    pub(crate) times: u32,
}

/// Open conflicts and refused rows.
#[derive(Debug, Default)]
pub(crate) struct OpenConflicts {
    records: BTreeMap<(RowKey, u16), ConflictRecord>,
    refused: BTreeMap<RowKey, Refused>,
    /// Refused rows that are tried again, and how often they were refused.
    again: BTreeMap<RowKey, u32>,
    /// Refusals of what was decided before: nobody waits for an answer to a decision about these.
    inherited: BTreeSet<u64>,
    /// What is open is not what it was when somebody last asked.
    changed: bool,
}

impl OpenConflicts {
    /// As the store gave it back, or as it was just written.
    pub(crate) fn insert(&mut self, key: RowKey, column: u16, record: ConflictRecord) {
        if let Outcome::Decided(_) = record.outcome {
            self.inherited.insert(record.id);
        }
        self.records.insert((key, column), record);
        self.changed = true;
    }

    /// Whether anything was opened, decided or closed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The open conflict of a cell, or of a whole row.
    pub(crate) fn get(&self, key: &RowKey, column: u16) -> Option<&ConflictRecord> {
        self.records.get(&(key.clone(), column))
    }

    /// Whose value a person chose for a cell.
    pub(crate) fn decision(&self, key: &RowKey, column: u16) -> Option<Side> {
        match self.get(key, column)?.outcome {
            Outcome::Decided(side) => Some(side),
            _ => None,
        }
    }

    /// Whether the same conflict about the same values is known already.
    pub(crate) fn knows(
        &self,
        (key, column): (&RowKey, u16),
        kind: ConflictKind,
        (database, sheet): (Option<&Cell>, Option<&Cell>),
    ) -> bool {
        self.get(key, column).is_some_and(|known| {
            let same = match (&known.sheet, sheet) {
                (Some(known), Some(sheet)) => known.is_entered_as(sheet),
                (known, sheet) => known.as_ref() == sheet,
            };
            known.kind == kind && known.database.as_ref() == database && same
        })
    }

    /// Whether just this is open already, and no answer to a decision about it is due.
    pub(crate) fn is_known(&self, found: &Finding) -> bool {
        self.get(&found.key, found.column).is_some_and(|known| {
            found.outcome == Outcome::Open
                && (known.outcome == Outcome::Open || self.inherited.contains(&known.id))
                && known.kind == found.kind
                && known.database == found.database
                && known.sheet == found.sheet
                && known.reason == found.reason
        })
    }

    /// A person decides. Gives the row, and the record as it is now.
    pub(crate) fn decide(&mut self, id: u64, side: Side) -> Option<(RowKey, ConflictRecord)> {
        let ((key, _), record) = self.records.iter_mut().find(|(_, record)| record.id == id)?;
        record.outcome = Outcome::Decided(side);
        self.inherited.remove(&id);
        self.changed = true;
        Some((key.clone(), record.clone()))
    }

    /// The conflict of a cell is over. Gives its number.
    pub(crate) fn close(&mut self, key: &RowKey, column: u16) -> Option<u64> {
        let closed = self.records.remove(&(key.clone(), column)).map(|record| record.id);
        if let Some(id) = closed {
            self.inherited.remove(&id);
            self.changed = true;
        }
        closed
    }

    /// Columns with an open conflict in a row.
    pub(crate) fn columns(&self, key: &RowKey) -> Vec<u16> {
        let row = (key.clone(), 0)..=(key.clone(), WHOLE_ROW);
        self.records.range(row).map(|((_, column), _)| *column).collect()
    }

    /// Every open conflict, by row and column.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RowKey, u16, &ConflictRecord)> {
        self.records.iter().map(|((key, column), record)| (key, *column, record))
    }

    /// Number of open conflicts.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The database refused the row as it is. Gives how often by now.
    pub(crate) fn refuse(&mut self, key: RowKey, mut refused: Refused) -> u32 {
        refused.times += self.again.remove(&key).unwrap_or(0);
        let times = refused.times;
        self.refused.insert(key, refused);
        times
    }

    /// Whether the row, as it is, was refused already.
    pub(crate) fn is_refused(
        &self,
        key: &RowKey,
        sheet: &[Cell],
        database: Option<&[Cell]>,
    ) -> bool {
        self.refused.get(key).is_some_and(|refused| {
            refused.sheet == sheet && refused.database.as_deref() == database
        })
    }

    /// The row is another now, or was taken.
    pub(crate) fn accept(&mut self, key: &RowKey) {
        self.refused.remove(key);
        self.again.remove(key);
    }

    /// Refusals that another row may have cured are forgotten. Gives their rows.
    pub(crate) fn retry(&mut self, only_passing: bool) -> Vec<RowKey> {
        let again: Vec<RowKey> = (self.refused.iter())
            .filter(|(_, refused)| refused.may_pass || !only_passing)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &again {
            if let Some(refused) = self.refused.remove(key) {
                self.again.insert(key.clone(), refused.times);
            }
        }
        again
    }

    /// Whether another row may cure one that was refused.
    pub(crate) fn may_pass(&self) -> bool {
        self.refused.values().any(|refused| refused.may_pass)
    }

    /// Whether anything was refused, by the database or for its type, and nobody has given way yet.
    pub(crate) fn waits_for_another_value(&self) -> bool {
        let refused =
            |kind| matches!(kind, ConflictKind::TypeRefused | ConflictKind::ConstraintRefused);
        !self.refused.is_empty() || self.records.values().any(|record| refused(record.kind))
    }

    /// Number of refused rows.
    pub(crate) fn refused_len(&self) -> usize {
        self.refused.len()
    }
}
