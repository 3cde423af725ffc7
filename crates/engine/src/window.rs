//! Rows about which the log may be behind: those that we are writing, have just written, or have read apart from the log.
//!
//! What the log says about such a row may be older than what is known. So only its last image is kept; when the log has been consumed
//! up to the write, that image is the row.

use std::collections::BTreeMap;

use crate::{
    cell::Cell,
    change::TableId,
    intent::Window,
    state::{RowKey, StoreStep},
};

/// What the log last said about a row: its cells, or that it is gone.
pub(crate) type Heard = Option<Vec<Cell>>;

/// The windows of one table.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    rows: BTreeMap<RowKey, Window>,
}

impl Windows {
    /// As the store gave it back.
    pub(crate) fn restore(&mut self, key: RowKey, window: Window) {
        self.rows.insert(key, window);
    }

    /// Whether the log may be behind with the row.
    pub(crate) fn has(&self, key: &RowKey) -> bool {
        self.rows.contains_key(key)
    }

    /// Every such row.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &RowKey> {
        self.rows.keys()
    }

    /// Number of such rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The intent is about to write the row, or has read it.
    pub(crate) fn open(&mut self, key: &RowKey, intent: u64) {
        let window = self
            .rows
            .entry(key.clone())
            .or_insert_with(|| Window { intents: Vec::new(), image: None });
        if !window.intents.contains(&intent) {
            window.intents.push(intent);
        }
    }

    /// The log speaks of the row. Gives the intents that keep its window open; none where there is no window.
    pub(crate) fn note(&mut self, key: &RowKey, image: Option<&[Cell]>) -> Option<Vec<u64>> {
        let window = self.rows.get_mut(key)?;
        window.image = Some(image.map(<[Cell]>::to_vec));
        Some(window.intents.clone())
    }

    /// What the log said while the intent had the window open is not listened to.
    #[cfg(feature = "mutants")]
    pub(crate) fn skip(&mut self, intent: u64) {
        for window in self.rows.values_mut().filter(|window| window.intents.contains(&intent)) {
            window.image = None;
        }
    }

    /// The durable form of a row's window.
    pub(crate) fn step(&self, table: TableId, key: &RowKey) -> StoreStep {
        match self.rows.get(key) {
            Some(window) => StoreStep::Window(table, key.clone(), window.clone()),
            None => StoreStep::WindowGone(table, key.clone()),
        }
    }

    /// The intent keeps nothing open any more. Gives the rows whose windows it had, each with what the log said last, where its window is
    /// now closed and the log said anything.
    pub(crate) fn close(&mut self, intent: u64) -> Vec<(RowKey, Option<Heard>)> {
        let mut closed = Vec::new();
        self.rows.retain(|key, window| {
            let before = window.intents.len();
            window.intents.retain(|open| *open != intent);
            if window.intents.len() == before {
                return true;
            }
            let gone = window.intents.is_empty();
            closed.push((key.clone(), if gone { window.image.take() } else { None }));
            !gone
        });
        closed
    }
}
