//! One table and its tab: what both sides last agreed on, what is pending, where the rows stand.

mod geometry;
mod spec;

pub(crate) use geometry::Geometry;
pub use spec::{InboundLimits, TabSpec};

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    base::BaseRow,
    batch::{ColumnIndex, TabImage, TabRead},
    brake::Gone,
    cell::Cell,
    change::RowChange,
    coalescer::{Coalescer, Target},
    conflict::ConflictKind,
    key_index::{KeyIndex, Place},
    merge::Side,
    mutants::{Mutant, on},
    newcomers::{MARKER_PREFIX, Newcomers, marker_in},
    notes::Notes,
    open::{OpenConflicts, WHOLE_ROW},
    render::row_key,
    reverts::Reverts,
    state::{Adoption, Claim, Marker, PendingRow, Repair, RowKey, StoreStep, TableState},
    strays::Strays,
    survey::is_named,
    typed::{Reading, canonical},
    value::Value,
    window::Windows,
};

/// What the stream said since a chunk was asked for: it knows better than the chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChunkWindow {
    touched: BTreeSet<RowKey>,
    /// The table was emptied meanwhile: nothing of the chunk can be trusted.
    pub(crate) void: bool,
}

/// Who entered something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditMark {
    pub(crate) at_us: i64,
    pub(crate) who: Option<String>,
}

/// State of one table and its tab.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the tab")]
pub(crate) struct Tab {
    pub(crate) spec: TabSpec,
    pub(crate) state: TableState,
    pub(crate) geometry: Geometry,
    /// Numeric id of the tab in which the table was found last, over restarts.
    pub(crate) home: Option<i32>,
    pub(crate) index: KeyIndex,
    pub(crate) base: BTreeMap<RowKey, BaseRow>,
    /// Rows whose cells in the sheet are known to differ from the base's sheet side, and what they are.
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
    /// Rows in the batch under way: nothing else is done with them.
    pub(crate) busy: BTreeSet<RowKey>,
    /// Rows in a transaction under way: nothing else is done with them.
    pub(crate) writing: BTreeSet<RowKey>,
    /// Rows with something for the database.
    pub(crate) due: BTreeSet<RowKey>,
    /// Rows about which the log may be behind.
    pub(crate) windows: Windows,
    /// Markers, and the rows they stand for.
    pub(crate) claims: BTreeMap<Marker, Claim>,
    /// Keys as the sheet shows them where they are not as the database has them.
    pub(crate) aliases: BTreeMap<RowKey, RowKey>,
    /// Keys that several rows stand for, one of them beyond doubt; known while something is to be put back.
    pub(crate) doubled: BTreeSet<RowKey>,
    /// Rows without a key.
    pub(crate) newcomers: Newcomers,
    /// Rows gone from the sheet, or emptied there.
    pub(crate) gone: Gone,
    /// What waits for a person or for another value.
    pub(crate) open: OpenConflicts,
    /// What we wrote by mistake and could not find again.
    pub(crate) strays: Strays,
    /// Doorbells' words about rows that differ from the base.
    pub(crate) edits: BTreeMap<RowKey, EditMark>,
    /// When the tab was last read whole, microseconds since the Unix epoch.
    pub(crate) read_at_us: i64,
    /// A person stopped the table.
    pub(crate) paused: bool,
    /// Rows that were looked at by a read since the last triage.
    pub(crate) touched: BTreeSet<RowKey>,
    /// Somebody asked for a look while one was under way, which may have come too early.
    pub(crate) again: bool,
    /// Cells that people want to be as the database has them.
    pub(crate) reverts: Reverts,
    /// Notes on its cells.
    pub(crate) notes: Notes,
    /// The first part of a tab that is read in two.
    #[cfg(feature = "mutants")]
    pub(crate) torn: Option<TabImage>,
}

impl Tab {
    pub(crate) fn new(spec: TabSpec) -> Self {
        Self {
            spec,
            state: TableState::Copying { copy: 1, after: None, carry: None },
            geometry: Geometry::default(),
            home: None,
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
            busy: BTreeSet::new(),
            writing: BTreeSet::new(),
            due: BTreeSet::new(),
            windows: Windows::default(),
            claims: BTreeMap::new(),
            aliases: BTreeMap::new(),
            doubled: BTreeSet::new(),
            newcomers: Newcomers::default(),
            gone: Gone::default(),
            open: OpenConflicts::default(),
            strays: Strays::default(),
            edits: BTreeMap::new(),
            read_at_us: 0,
            paused: false,
            touched: BTreeSet::new(),
            again: false,
            reverts: Reverts::default(),
            notes: Notes::default(),
            #[cfg(feature = "mutants")]
            torn: None,
        }
    }

    pub(crate) fn set_aside(&self) -> bool {
        matches!(self.state, TableState::SetAside { .. })
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, TableState::Live { .. })
    }

    /// Whether the sheet may change the database.
    pub(crate) fn is_inbound(&self) -> bool {
        self.spec.policy.inbound
    }

    /// Number of the running or last copy.
    pub(crate) fn copy(&self) -> u32 {
        self.state.copy()
    }

    /// Number of mapped columns.
    pub(crate) fn width(&self) -> usize {
        self.spec.columns.len()
    }

    /// Key of a row as its cells say, whatever they mean.
    pub(crate) fn shown_key(&self, cells: &[Cell]) -> Option<RowKey> {
        row_key(self.spec.key.iter().filter_map(|column| cells.get(*column)))
    }

    /// The key that a shown key stands for.
    pub(crate) fn meant(&self, shown: RowKey) -> RowKey {
        if self.base.contains_key(&shown) {
            return shown;
        }
        self.aliases.get(&shown).cloned().unwrap_or(shown)
    }

    /// Key of a row in the sheet.
    pub(crate) fn key_of(&self, cells: &[Cell]) -> Option<RowKey> {
        self.shown_key(cells).map(|shown| self.meant(shown))
    }

    pub(crate) fn key_of_values(&self, key: &[Value]) -> Option<RowKey> {
        let cells: Vec<Cell> = self
            .spec
            .key
            .iter()
            .zip(key)
            .map(|(column, value)| self.spec.rendering.cell(&self.spec.columns[*column], value))
            .collect();
        row_key(cells.iter())
    }

    /// The cells of a row of the database.
    pub(crate) fn rendered(&self, row: &[Value]) -> Vec<Cell> {
        self.spec.rendering.row(&self.spec.columns, row)
    }

    /// How cells of this tab are read.
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading { rendering: &self.spec.rendering, habits: self.geometry.habits }
    }

    /// How a cell looks once the database has taken it.
    pub(crate) fn canonical(&self, column: usize, cell: &Cell) -> Option<Cell> {
        canonical(self.reading(), self.spec.columns.get(column)?, cell)
    }

    /// The row as the sheet shows it, as far as is known; `None` where it has no place of its own.
    pub(crate) fn sheet_view(&self, key: &RowKey) -> Option<Vec<Cell>> {
        match self.index.locate(key)? {
            Place::Several => None,
            Place::Row(_) => {
                self.drift.get(key).cloned().or_else(|| self.base.get(key)?.whole_sheet())
            }
        }
    }

    /// The row as the database has it, as far as the log has told; `None` where that is not known here.
    #[expect(clippy::option_option, reason = "not known is not the same as not there")]
    pub(crate) fn database_view(&self, key: &RowKey) -> Option<Option<Vec<Cell>>> {
        match self.pending.get(key) {
            Some(Target::Known(cells)) => Some(cells.clone()),
            Some(Target::Spilled) => None,
            None => match self.base.get(key) {
                Some(base) => base.whole_database().map(|cells| Some(cells.to_vec())),
                None => Some(None),
            },
        }
    }

    /// The key that the row with this shown key has got, where it is shown by its marker.
    pub(crate) fn claimed_by(&self, shown: &RowKey) -> Option<RowKey> {
        let marker = shown.0.split('\u{1f}').find_map(|part| part.strip_prefix('\''))?;
        let marker = marker.starts_with(MARKER_PREFIX).then(|| Marker(marker.into()))?;
        self.claims.get(&marker)?.key.clone()
    }

    /// Whether nobody can tell if a row of the sheet is a new one: it bears a marker that means nothing, or it was there before anything was
    /// ever agreed.
    pub(crate) fn is_doubtful_row(&self, key: &RowKey, cells: &[Cell]) -> bool {
        let marker = marker_in(self.spec.key.iter().filter_map(|column| cells.get(*column)));
        // A marker whose row both sides have forgotten: the database removed it while somebody meddled with its name.
        let means_nothing = |marker: Marker| match self.claims.get(&marker) {
            None => true,
            Some(claim) => claim.key.as_ref().is_some_and(|key| !self.base.contains_key(key)),
        };
        marker.is_some_and(means_nothing)
            || (self.open.get(key, WHOLE_ROW))
                .is_some_and(|record| record.kind == ConflictKind::UnknownRow)
    }

    /// The mapped column that a header cell is of.
    pub(crate) fn column_under(&self, cell: &Cell) -> Option<usize> {
        (0..self.width()).find(|column| self.is_header_of(cell, *column))
    }

    /// Whether a header cell is that of a mapped column: as last seen, else by its name.
    pub(crate) fn is_header_of(&self, cell: &Cell, column: usize) -> bool {
        let last = self.geometry.header.get(column).filter(|last| !last.is_empty());
        last == Some(cell)
            || self.spec.columns.get(column).is_some_and(|column| is_named(cell, &column.name))
    }

    /// What a column is called while something of it is to be put back: a mapped one by its own name, whatever people call it meanwhile.
    pub(crate) fn naming(&self, place: ColumnIndex, header: &Cell) -> Cell {
        let there = self.geometry.columns.iter().position(|column| *column == place);
        let there = there.filter(|mapped| self.geometry.header.get(*mapped) == Some(header));
        let column = there
            .or_else(|| self.column_under(header))
            .and_then(|mapped| self.spec.columns.get(mapped));
        column.map_or_else(|| header.clone(), |column| Cell::text(column.name.clone()))
    }

    /// The same for a whole header row from column 0.
    pub(crate) fn names(&self, header: &[Cell]) -> Vec<Cell> {
        (0..).map(ColumnIndex).zip(header).map(|(place, cell)| self.naming(place, cell)).collect()
    }

    /// A change out of the stream. Gives the durable steps that settle it at once where there is nothing to write.
    pub(crate) fn absorb(
        &mut self,
        change: &RowChange,
        (sequence, at_us): (u64, i64),
        steps: &mut Vec<StoreStep>,
    ) -> Option<(RowKey, Vec<u64>)> {
        let key = self.key_of_values(&change.key)?;
        if let Some(window) = &mut self.chunk {
            window.touched.insert(key.clone());
        }
        let after = change.after.as_ref().map(|row| self.rendered(row));
        if let Some(intents) = self.windows.note(&key, after.as_deref()) {
            steps.push(self.windows.step(self.spec.table, &key));
            if on(Mutant::AfterImage) {
                steps.extend(self.want(key.clone(), after, (sequence, at_us)));
            }
            return Some((key, intents));
        }
        steps.extend(self.want(key, after, (sequence, at_us)));
        None
    }

    /// The database has the row like this now. Nothing is pending where the sheet already is so.
    pub(crate) fn want(
        &mut self,
        key: RowKey,
        after: Option<Vec<Cell>>,
        (sequence, at_us): (u64, i64),
    ) -> Option<StoreStep> {
        if self.pending.get(&key).is_none() && self.agrees(&key, after.as_deref()) {
            return self.mark_seen(&key);
        }
        // Whatever comes of it, the row is there: the end of the copy must not take it for gone.
        let seen = if after.is_some() { self.mark_seen(&key) } else { None };
        self.pending.absorb(key, after, sequence, at_us);
        seen
    }

    /// The row has to be looked at, although the log says nothing new about it.
    pub(crate) fn touch(&mut self, key: &RowKey, sequence: u64) {
        self.remember_touched(key);
        if self.pending.get(key).is_some() {
            self.pending.wake(key);
            return;
        }
        let known = match self.base.get(key).map(BaseRow::whole_database) {
            // Where something was never agreed, what the database has is pending.
            Some(None) => return,
            Some(Some(cells)) => Some(cells.to_vec()),
            None => None,
        };
        self.pending.absorb(key.clone(), known, sequence, 0);
    }

    fn agrees(&self, key: &RowKey, after: Option<&[Cell]>) -> bool {
        if self.drift.contains_key(key) {
            return false;
        }
        match (self.base.get(key), after) {
            (Some(base), Some(cells)) => base.is_at_rest_with(cells),
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

    /// Both sides hold the row like this now.
    pub(crate) fn agree(&mut self, key: &RowKey, cells: Vec<Cell>) -> StoreStep {
        self.drift.remove(key);
        self.edits.remove(key);
        let base = BaseRow::agreed(cells, self.copy());
        self.base.insert(key.clone(), base.clone());
        StoreStep::Base(self.spec.table, key.clone(), base)
    }

    /// Changes what is agreed about a row.
    pub(crate) fn rebase(&mut self, key: &RowKey, change: impl FnOnce(&mut BaseRow)) -> StoreStep {
        let (width, copy) = (self.width(), self.copy());
        let base = self.base.entry(key.clone()).or_insert_with(|| BaseRow::unknown(width, copy));
        base.copy = copy;
        change(base);
        StoreStep::Base(self.spec.table, key.clone(), base.clone())
    }

    /// Neither side has the row.
    pub(crate) fn forget(&mut self, key: &RowKey) -> Vec<StoreStep> {
        self.drift.remove(key);
        self.edits.remove(key);
        self.due.remove(key);
        self.gone.came_back(key);
        self.aliases.retain(|_, meant| meant != key);
        self.reverts.forget(key);
        let mut steps = Vec::new();
        if self.base.remove(key).is_some() {
            steps.push(StoreStep::BaseGone(self.spec.table, key.clone()));
        }
        if self.pending.get(key).is_some() {
            self.pending.forget(key);
            steps.push(StoreStep::Settled(self.spec.table, key.clone()));
        }
        steps
    }

    /// What the sheet shows of a row is now known to be this.
    pub(crate) fn see(&mut self, key: &RowKey, cells: Vec<Cell>) {
        if self.base.get(key).is_some_and(|base| base.is_sheet(&cells)) {
            self.drift.remove(key);
            self.edits.remove(key);
            self.reverts.forget(key);
        } else {
            self.reverts.see(key, &cells);
            self.drift.insert(key.clone(), cells);
        }
    }

    /// Something was learnt about a row: settles it where nothing is left to do, else it gets its turn.
    pub(crate) fn review(&mut self, key: &RowKey) -> Option<StoreStep> {
        let Target::Known(wanted) = self.pending.get(key)? else {
            self.pending.wake(key);
            return None;
        };
        let settled = match (wanted, self.base.get(key)) {
            (Some(cells), Some(base)) => {
                base.is_at_rest_with(cells)
                    && !self.drift.contains_key(key)
                    && matches!(self.index.locate(key), Some(Place::Row(_)))
            }
            (None, None) => self.index.locate(key).is_none(),
            _ => false,
        };
        if settled {
            self.due.remove(key);
            self.pending.forget(key);
            return Some(StoreStep::Settled(self.spec.table, key.clone()));
        }
        self.pending.wake(key);
        self.remember_touched(key);
        None
    }

    /// Rows that may have something for the database are looked at whether the sheet may be written or not.
    fn remember_touched(&mut self, key: &RowKey) {
        if self.is_inbound() {
            self.touched.insert(key.clone());
        }
    }

    /// Rows of a chunk that the stream has not overtaken.
    pub(crate) fn absorb_chunk(&mut self, rows: &[Vec<Value>], sequence: u64) -> Vec<StoreStep> {
        let touched = self.chunk.take().unwrap_or_default().touched;
        let mut steps = Vec::new();
        for row in rows {
            let cells = self.rendered(row);
            let Some(key) = self.shown_key(&cells) else { continue };
            if !touched.contains(&key) && !self.windows.has(&key) {
                steps.extend(self.want(key, Some(cells), (sequence, 0)));
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
            .filter(|(key, base)| {
                base.copy < copy && self.pending.get(key).is_none() && !self.windows.has(key)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in unseen {
            self.pending.absorb(key, None, sequence, 0);
        }
        let carry = match self.state {
            TableState::Copying { carry, .. } => carry,
            _ => None,
        };
        let adoption = match carry {
            Some(side) => Adoption::Carry(side),
            None if self.is_inbound() && copy == 1 => Adoption::Compare,
            None => Adoption::Done,
        };
        self.state = TableState::Live { copy, adoption };
    }

    /// Every row is gone.
    pub(crate) fn empty(&mut self, sequence: u64, steps: &mut Vec<StoreStep>) {
        let keys: BTreeSet<RowKey> = (self.base.keys().chain(self.pending.keys()))
            .chain(self.windows.keys())
            .cloned()
            .collect();
        for key in keys {
            if self.windows.note(&key, None).is_some() {
                steps.push(self.windows.step(self.spec.table, &key));
            } else {
                self.pending.absorb(key, None, sequence, 0);
            }
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
        TabRead {
            sheet_id: self.geometry.sheet_id,
            header_row: self.spec.header_row,
            columns,
            rows: None,
        }
    }

    /// Whether a batch would have something to do here.
    pub(crate) fn has_work(&self) -> bool {
        !self.set_aside()
            && !self.paused
            && !self.is_being_taken_in()
            && self.geometry.moved_in
            && (self.pending.active() > 0
                || self.newcomers.wait()
                || self.geometry.missing
                || self.geometry.blank)
    }

    /// A two-way tab is compared whole before anything is written to it for the first time.
    pub(crate) fn is_being_taken_in(&self) -> bool {
        self.is_inbound()
            && matches!(
                self.state,
                TableState::Copying { copy: 1, .. }
                    | TableState::Live { adoption: Adoption::Compare, .. }
            )
    }

    /// Whether nothing is on its way from either side.
    pub(crate) fn has_all_said(&self) -> bool {
        self.pending.active() == 0 && self.due.is_empty() && self.writing.is_empty()
    }

    /// Whose values stand where nothing was ever agreed, while the tab is taken in.
    pub(crate) fn adopts(&self) -> Option<Side> {
        match self.state {
            TableState::Live { adoption: Adoption::Carry(side), .. } => Some(side),
            TableState::Copying { carry, .. } => carry,
            _ => None,
        }
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
