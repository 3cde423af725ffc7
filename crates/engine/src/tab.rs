//! One table and its tab: what both sides last agreed on, what is pending, where the rows stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    batch::{ColumnIndex, RowIndex, TabImage, TabRead},
    cell::Cell,
    change::{RowChange, TableId},
    coalescer::Coalescer,
    key_index::KeyIndex,
    render::{Rendering, row_key},
    state::{BaseRow, PendingRow, Repair, RowKey, StoreStep, TableState},
    value::{Column, Value},
};

/// A mapping of a table to a tab, as configuration and server describe it together.
#[derive(Debug, Clone)]
pub struct TabSpec {
    /// Number of the table.
    pub table: TableId,
    /// Spreadsheet id.
    pub spreadsheet: String,
    /// Title of the tab; the tab is made where it does not exist.
    pub title: String,
    /// Row of the header.
    pub header_row: RowIndex,
    /// Mapped columns.
    pub columns: Vec<Column>,
    /// Indexes of the key columns.
    pub key: Vec<usize>,
    /// Zone and empty text.
    pub rendering: Rendering,
    /// Whether a row that the database removed is removed from the tab; otherwise it stays as it is.
    pub remove_rows: bool,
}

/// Where the mapped columns stand in the tab.
#[derive(Debug, Clone, Default)]
pub(crate) struct Geometry {
    /// Numeric id of the tab, once known or chosen.
    pub(crate) sheet_id: i32,
    /// The title as last seen.
    pub(crate) title: String,
    /// The tab has to be added.
    pub(crate) missing: bool,
    /// The header has to be written.
    pub(crate) blank: bool,
    /// Physical column of each mapped column.
    pub(crate) columns: Vec<ColumnIndex>,
    /// Header cells at these columns.
    pub(crate) header: Vec<Cell>,
    /// The whole header row as last read.
    pub(crate) whole_header: Vec<Cell>,
    /// Columns of the grid.
    pub(crate) grid_columns: u32,
}

/// What the stream said since a chunk was asked for: it knows better than the chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChunkWindow {
    touched: BTreeSet<RowKey>,
    /// The table was emptied meanwhile: nothing of the chunk can be trusted.
    pub(crate) void: bool,
}

/// State of one table and its tab.
#[derive(Debug)]
pub(crate) struct Tab {
    pub(crate) spec: TabSpec,
    pub(crate) state: TableState,
    pub(crate) geometry: Geometry,
    pub(crate) index: KeyIndex,
    pub(crate) base: BTreeMap<RowKey, BaseRow>,
    /// Rows whose cells in the sheet are known to differ from the base, and what they are.
    pub(crate) drift: BTreeMap<RowKey, Vec<Cell>>,
    pub(crate) pending: Coalescer,
    pub(crate) repairs: Vec<Repair>,
    /// The tab must be read whole before anything else.
    pub(crate) stale: bool,
    /// The key column was read in this pass.
    pub(crate) keys_fresh: bool,
    /// The last whole read, kept while repairs need it.
    pub(crate) image: Option<TabImage>,
    /// A chunk is being read.
    pub(crate) chunk: Option<ChunkWindow>,
    /// Keys that stand in several rows, already reported.
    pub(crate) frozen: BTreeSet<RowKey>,
    /// Rows in the sheet with a key that the database does not know.
    pub(crate) strangers: usize,
    /// Refusals in a row.
    pub(crate) refusals: u32,
    /// Rows and columns that the refused work needed: where a person made the grid smaller, the table is not to blame.
    pub(crate) refused_size: (u32, u32),
}

impl Tab {
    pub(crate) fn new(spec: TabSpec) -> Self {
        Self {
            spec,
            state: TableState::Copying { copy: 1, after: None },
            geometry: Geometry::default(),
            index: KeyIndex::default(),
            base: BTreeMap::new(),
            drift: BTreeMap::new(),
            pending: Coalescer::default(),
            repairs: Vec::new(),
            stale: true,
            keys_fresh: false,
            image: None,
            chunk: None,
            frozen: BTreeSet::new(),
            strangers: 0,
            refusals: 0,
            refused_size: (0, 0),
        }
    }

    pub(crate) fn set_aside(&self) -> bool {
        matches!(self.state, TableState::SetAside { .. })
    }

    /// Number of the running or last copy.
    pub(crate) fn copy(&self) -> u32 {
        self.state.copy()
    }

    /// Key of a rendered row.
    pub(crate) fn key_of(&self, cells: &[Cell]) -> Option<RowKey> {
        row_key(self.spec.key.iter().filter_map(|column| cells.get(*column)))
    }

    fn key_of_values(&self, key: &[Value]) -> Option<RowKey> {
        let cells: Vec<Cell> = self
            .spec
            .key
            .iter()
            .zip(key)
            .map(|(column, value)| self.spec.rendering.cell(&self.spec.columns[*column], value))
            .collect();
        row_key(cells.iter())
    }

    /// A change out of the stream. Gives the durable steps that settle it at once where there is nothing to write.
    pub(crate) fn absorb(&mut self, change: &RowChange, sequence: u64) -> Option<StoreStep> {
        let key = self.key_of_values(&change.key)?;
        if let Some(window) = &mut self.chunk {
            window.touched.insert(key.clone());
        }
        let after =
            change.after.as_ref().map(|row| self.spec.rendering.row(&self.spec.columns, row));
        self.want(key, after, sequence)
    }

    /// The row must become `after`. Nothing is pending where the sheet already is so.
    pub(crate) fn want(
        &mut self,
        key: RowKey,
        after: Option<Vec<Cell>>,
        sequence: u64,
    ) -> Option<StoreStep> {
        if self.pending.get(&key).is_none() && self.agrees(&key, after.as_deref()) {
            return self.mark_seen(&key);
        }
        self.pending.absorb(key, after, sequence);
        None
    }

    fn agrees(&self, key: &RowKey, after: Option<&[Cell]>) -> bool {
        if self.drift.contains_key(key) {
            return false;
        }
        match (self.base.get(key), after) {
            (Some(base), Some(cells)) => base.cells == cells,
            (None, None) => self.index.locate(key).is_none(),
            _ => false,
        }
    }

    /// The running copy has seen this row.
    fn mark_seen(&mut self, key: &RowKey) -> Option<StoreStep> {
        let copy = self.copy();
        let base = self.base.get_mut(key)?;
        if base.copy == copy {
            return None;
        }
        base.copy = copy;
        Some(StoreStep::Base(self.spec.table, key.clone(), base.clone()))
    }

    /// The row is in the sheet as `cells`, or gone from it.
    pub(crate) fn agree(&mut self, key: &RowKey, cells: Option<Vec<Cell>>) -> StoreStep {
        self.drift.remove(key);
        let table = self.spec.table;
        if let Some(cells) = cells {
            let base = BaseRow { cells, copy: self.copy() };
            self.base.insert(key.clone(), base.clone());
            StoreStep::Base(table, key.clone(), base)
        } else {
            self.base.remove(key);
            StoreStep::BaseGone(table, key.clone())
        }
    }

    /// Rows of a chunk that the stream has not overtaken.
    pub(crate) fn absorb_chunk(&mut self, rows: &[Vec<Value>], sequence: u64) -> Vec<StoreStep> {
        let touched = self.chunk.take().unwrap_or_default().touched;
        let mut steps = Vec::new();
        for row in rows {
            let cells = self.spec.rendering.row(&self.spec.columns, row);
            let Some(key) = self.key_of(&cells) else { continue };
            if !touched.contains(&key) {
                steps.extend(self.want(key, Some(cells), sequence));
            }
        }
        steps
    }

    /// The copy has seen every row of the table: what it did not see is gone.
    pub(crate) fn finish_copy(&mut self, sequence: u64) {
        let copy = self.copy();
        let unseen: Vec<RowKey> = self
            .base
            .iter()
            .filter(|(key, base)| base.copy < copy && self.pending.get(key).is_none())
            .map(|(key, _)| key.clone())
            .collect();
        for key in unseen {
            self.pending.absorb(key, None, sequence);
        }
        self.state = TableState::Live { copy };
    }

    /// Every row is gone.
    pub(crate) fn empty(&mut self, sequence: u64) {
        let keys: BTreeSet<RowKey> =
            self.base.keys().chain(self.pending.by_age()).cloned().collect();
        for key in keys {
            self.pending.absorb(key, None, sequence);
        }
        if let Some(window) = &mut self.chunk {
            window.void = true;
        }
    }

    /// What to read: everything, or only the key columns.
    pub(crate) fn read(&self, whole: bool) -> TabRead {
        let columns = (!whole).then(|| {
            self.spec.key.iter().filter_map(|k| self.geometry.columns.get(*k).copied()).collect()
        });
        TabRead { sheet_id: self.geometry.sheet_id, header_row: self.spec.header_row, columns }
    }

    /// Pending rows that wait for a person because their key stands in several rows.
    pub(crate) fn frozen_pending(&self) -> usize {
        self.frozen.iter().filter(|key| self.pending.get(key).is_some()).count()
    }

    /// Whether a batch would have something to do here.
    pub(crate) fn has_work(&self) -> bool {
        !self.set_aside()
            && (self.pending.len() > self.frozen_pending()
                || self.geometry.missing
                || self.geometry.blank)
    }

    pub(crate) fn take_unsaved(&mut self) -> Vec<StoreStep> {
        let table = self.spec.table;
        self.pending
            .take_unsaved()
            .into_iter()
            .map(|(key, row): (RowKey, PendingRow)| StoreStep::Pending(table, key, row))
            .collect()
    }
}
