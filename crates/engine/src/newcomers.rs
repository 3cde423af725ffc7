//! Rows of the sheet without a key: new ones that a person typed, and known ones whose key was cleared.
//!
//! A new row is claimed: a marker goes into its key cell, and from then on the row is found by it wherever people move it. What the
//! marker stands for is durable; the database's key replaces it in the end.

use std::collections::BTreeSet;

use crate::{
    batch::RowIndex,
    cell::Cell,
    state::{Marker, RowKey},
    value::Fill,
};

/// What every marker begins with.
pub(crate) const MARKER_PREFIX: &str = "sheetwire:";

/// A row without a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Newcomer {
    pub(crate) row: RowIndex,
    /// Its mapped cells.
    pub(crate) cells: Vec<Cell>,
    /// The known row that it is, having lost its key.
    pub(crate) restores: Option<RowKey>,
}

/// The rows without a key of one tab, as of its last whole read.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    ready: Vec<Newcomer>,
    /// Rows that lack something the database wants, and what.
    pub(crate) drafts: Vec<(RowIndex, String)>,
    /// Known rows whose key was cleared and will be put back.
    restoring: BTreeSet<RowKey>,
}

impl Newcomers {
    /// Replaces what was known.
    pub(crate) fn found(
        &mut self,
        ready: Vec<Newcomer>,
        drafts: Vec<(RowIndex, String)>,
        restoring: BTreeSet<RowKey>,
    ) {
        self.ready = ready;
        self.drafts = drafts;
        self.restoring = restoring;
    }

    /// Whether the row is in the sheet without its key.
    pub(crate) fn restores(&self, key: &RowKey) -> bool {
        self.restoring.contains(key)
    }

    /// The row has its key again.
    pub(crate) fn restored(&mut self, key: &RowKey) {
        self.restoring.remove(key);
    }

    /// Whether one could be claimed.
    pub(crate) fn wait(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes so many out. They are found again by the next whole read if nothing comes of it.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Newcomer> {
        let rest = self.ready.split_off(most.min(self.ready.len()));
        std::mem::replace(&mut self.ready, rest)
    }

    /// Rows have moved, or were written: the places are not true any more.
    pub(crate) fn forget(&mut self) {
        self.ready.clear();
        self.restoring.clear();
    }
}

/// The marker in a row's key cells.
pub(crate) fn marker_in<'a>(mut key: impl Iterator<Item = &'a Cell>) -> Option<Marker> {
    key.find_map(|cell| match cell {
        Cell::Text(text) if text.starts_with(MARKER_PREFIX) => Some(Marker(text.clone())),
        _ => None,
    })
}

/// The marker with this number of this process.
pub(crate) fn marker(run: u64, number: u64) -> Marker {
    Marker(format!("{MARKER_PREFIX}{run:016x}-{number}").into())
}

/// Whether the server makes up a key part that a row leaves out.
pub(crate) fn is_made_up(fill: Fill) -> bool {
    matches!(fill, Fill::AutoIncrement | Fill::Default)
}
