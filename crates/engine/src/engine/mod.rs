//! Everything that decides, behind two doors: [`Engine::handle`] for what happened, [`Engine::poll`] for what to do.

mod answers;
mod explain;
mod fence;
mod hearing;
mod noting;
mod outbound;
#[cfg(feature = "mutants")]
mod payload;
mod people;
mod record;
mod status;
mod writer;

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

pub use explain::{CellState, Explanation};
pub use status::{BookStatus, Status, TabStatus, WriterStatus};

use crate::{
    backoff::Backoff,
    batch::JournalOwner,
    book::{Book, Phase, Takeover},
    change::{RowChange, TableId},
    door::{Action, Input, Notice},
    intent::{Intent, Stage},
    ledger::Ledger,
    mutants::{Mutant, on},
    pacer::{Budget, Class, Pacer},
    planner::BatchLimits,
    position::Position,
    reverts::Reverts,
    state::{Image, RowKey, StoreStep, TableState},
    tab::{ChunkWindow, Tab, TabSpec},
    time::Moment,
    value::Value,
};
use writer::Writer;

/// What an engine is built with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Random identity of the store.
    pub instance: String,
    /// Configured name of the pipeline.
    pub pipeline: String,
    /// Random number of this process, so that its batches differ from those of a process on a copy of the store.
    pub run: u64,
    /// Requests a minute.
    pub budget: Budget,
    /// Size of a batch.
    pub limits: BatchLimits,
    /// Rows held in memory over all tables before they are spilled to the store.
    pub rows_pending_max: usize,
    /// Rows of one chunk of a copy.
    pub chunk_rows: usize,
    /// Least distance between two flushes of a spreadsheet.
    pub flush_every: Duration,
    /// How often tabs are read whole without a cause.
    pub sweep_every: Duration,
    /// How long writes are held when the journal was lost.
    pub journal_hold: Duration,
    /// Whether every change is kept for people who ask later.
    pub history: bool,
    /// Take a spreadsheet over from another instance.
    pub takeover: bool,
    /// Wall clock at [`Moment::START`], microseconds since the Unix epoch.
    pub started_at_us: i64,
    /// Tables that could not be mapped at all, and why: for the status.
    pub refused: Vec<(TableId, String)>,
}

/// The state machine.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    tabs: Vec<Tab>,
    books: Vec<Book>,
    pacer: Pacer,
    ledger: Ledger,
    /// Numbers arrivals.
    sequence: u64,
    /// Steps for the store, in order.
    outbox: Vec<StoreStep>,
    /// Somebody waits for the outbox.
    urgent: bool,
    store_busy: bool,
    next_ticket: u64,
    /// Batches made in this run.
    batches: u64,
    last_checkpoint: Moment,
    copy_not_before: Moment,
    conflicts: u64,
    notices: VecDeque<Notice>,
    stop: Option<String>,
    next_book: usize,
    wake: Option<Moment>,
    writer: Writer,
    /// The latest moment that was told.
    now: Moment,
    /// Numbers the markers of this process.
    markers: u64,
}

/// How long a change may wait in memory before it is made durable.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// After rows could not be read, copies pause for this long.
const COPY_PAUSE: Duration = Duration::from_secs(1);
/// So many changes are made durable at once, whatever the time.
const CHECKPOINT_ROWS: usize = 5_000;
/// The source is not read on while so many rows wait for the store.
const UNSAVED_ROWS_MAX: usize = 100_000;

impl Engine {
    /// An engine that goes on from what the store holds. Tables that were set aside are tried again.
    pub fn new(settings: Settings, specs: Vec<TabSpec>, image: Image) -> Self {
        let pacer = Pacer::new(settings.budget, settings.run);
        let inbound = specs.iter().any(|spec| spec.policy.inbound);
        let mut engine = Self {
            writer: Writer::new(inbound, settings.run.rotate_left(29)),
            now: Moment::START,
            markers: 0,
            pacer,
            ledger: Ledger::resume(image.position.clone()),
            tabs: specs.into_iter().map(Tab::new).collect(),
            books: Vec::new(),
            sequence: 0,
            outbox: Vec::new(),
            urgent: false,
            store_busy: false,
            next_ticket: 1,
            batches: 0,
            last_checkpoint: Moment::START,
            copy_not_before: Moment::START,
            conflicts: image.last_conflict,
            notices: VecDeque::new(),
            stop: None,
            next_book: 0,
            wake: None,
            settings,
        };
        engine.lay_out_books(image.position.as_ref());
        engine.restore(image);
        engine
    }

    fn lay_out_books(&mut self, position: Option<&Position>) {
        for (index, tab) in self.tabs.iter().enumerate() {
            let id = &tab.spec.spreadsheet;
            if let Some(book) = self.books.iter_mut().find(|book| book.spreadsheet == *id) {
                book.tabs.push(index);
                continue;
            }
            let seed = self.settings.run.rotate_left(u32::try_from(index % 64).unwrap_or(0));
            let backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), seed);
            let mut book = Book::new(id.clone(), backoff, position.cloned());
            if self.settings.takeover {
                book.takeover = Takeover::Allowed;
            }
            book.tabs.push(index);
            self.books.push(book);
        }
    }

    fn restore(&mut self, image: Image) {
        self.restore_tables(image.tables);
        for (table, key, row) in image.pending {
            self.sequence = self.sequence.max(row.since);
            match self.tab_mut(table) {
                Some(tab) => tab.pending.restore(key, row),
                None => self.outbox.push(StoreStep::Settled(table, key)),
            }
        }
        for (table, key, base) in image.base {
            if let Some(tab) = self.tab_mut(table) {
                tab.base.insert(key, base);
            }
        }
        for (table, repairs) in image.repairs {
            if let Some(tab) = self.tab_mut(table) {
                tab.repairs = repairs;
            }
        }
        for (table, key, window) in image.windows {
            if let Some(tab) = self.tab_mut(table) {
                tab.windows.restore(key, window);
            }
        }
        for (table, marker, claim) in image.claims {
            if let Some(tab) = self.tab_mut(table) {
                tab.claims.insert(marker, claim);
            }
        }
        for table in image.paused {
            if let Some(tab) = self.tab_mut(table) {
                tab.paused = true;
            }
        }
        for (table, id) in image.tabs {
            if let Some(tab) = self.tab_mut(table) {
                tab.home = Some(id);
            }
        }
        for record in image.open_conflicts {
            self.reopen_conflict(record);
        }
        self.restore_intents(image.intents, image.last_intent);
        for book in &mut self.books {
            let find = |id: &String| *id == book.spreadsheet;
            book.fence = image.fences.iter().find(|(id, _)| find(id)).map(|(_, fence)| *fence);
            book.recover =
                (image.in_flight.iter().find(|(id, _)| find(id))).map(|(_, flight)| flight.clone());
        }
    }

    fn restore_tables(&mut self, tables: Vec<(TableId, TableState)>) {
        for (table, state) in tables {
            let Some(tab) = self.tab_mut(table) else {
                // Nobody follows it in this run, so what happens to it meanwhile is missed.
                let reason = "it was not followed for a while".to_owned();
                let state = TableState::SetAside { copy: state.copy(), reason };
                self.outbox.push(StoreStep::Table(table, state));
                self.urgent = true;
                continue;
            };
            tab.state = match state {
                TableState::SetAside { copy, .. } => {
                    TableState::Copying { copy: copy + 1, after: None, carry: None }
                }
                other => other,
            };
            let step = StoreStep::Table(table, tab.state.clone());
            self.outbox.push(step);
        }
    }

    /// A transaction that was only drafted died with its session. One that may have been committed is looked for in the log.
    fn restore_intents(&mut self, intents: Vec<Intent>, last: u64) {
        self.writer.last_intent = last;
        for intent in intents {
            self.writer.last_intent = self.writer.last_intent.max(intent.id);
            let followed = self.tabs.iter().any(|tab| tab.spec.table == intent.table);
            if intent.stage == Stage::Drafted || !followed {
                self.outbox.push(StoreStep::IntentGone(intent.id));
                continue;
            }
            if let Some(tab) = self.tab_mut(intent.table) {
                tab.writing.extend(intent.rows.iter().map(|row| row.key.clone()));
            }
            self.writer.intents.push(intent);
        }
    }

    /// Counts requests (reads, writes) that were made before the engine was asked.
    pub fn spend(&mut self, [reads, writes]: [u64; 2]) {
        self.pacer.spend(Class::Read, reads);
        self.pacer.spend(Class::Write, writes);
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Moment) {
        self.now = self.now.max(now);
        match input {
            Input::Rows { table, changes, at_us } => self.on_rows(table, &changes, at_us),
            Input::Commit { position } => self.on_commit(position),
            Input::TableEmptied { table } => self.on_emptied(table),
            Input::TableSetAside { table, reason } => self.set_aside(table, reason),
            Input::Chunk { table, rows, upto, last } => self.on_chunk(table, &rows, upto, last),
            Input::ChunkFailed { table } => {
                self.copy_not_before = now.after(COPY_PAUSE);
                if let Some(tab) = self.tab_mut(table) {
                    tab.chunk = None;
                }
            }
            Input::Opened { spreadsheet, answer } => self.on_opened(&spreadsheet, answer, now),
            Input::TabsRead { spreadsheet, answer } => self.on_tabs(&spreadsheet, answer, now),
            Input::JournalRead { spreadsheet, answer } => {
                self.on_journal(&spreadsheet, answer, now);
            }
            Input::Written { spreadsheet, outcome } => self.on_written(&spreadsheet, outcome, now),
            Input::Stored { ticket } => self.on_stored(ticket),
            Input::Loaded { table, rows } => self.on_loaded(table, rows),
            Input::WriterOpened { answer } => self.on_writer_opened(answer, now),
            Input::WriterLost { reason } => self.on_writer_lost(reason, now),
            Input::Prepared { intent, outcome } => self.on_prepared(intent, outcome, now),
            Input::Committed { intent, outcome } => self.on_committed(intent, outcome, now),
            Input::Sweep => self.on_sweep(),
            Input::Rang(bell) => self.on_bell(bell, now),
            Input::Decide { conflict, side } => self.on_decision(conflict, side),
            Input::Release { table, keys, approved } => {
                self.on_release(table, keys.as_deref(), approved);
            }
            Input::Repair { table, side } => self.on_repair(table, side),
            Input::Revert { table, row, column } => self.on_revert(table, row, column, now),
            Input::Pause { table, paused } => self.on_pause(table, paused),
        }
    }

    /// The next thing to do, or `None` when there is nothing until the next input or [`Engine::wake`].
    pub fn poll(&mut self, now: Moment) -> Option<Action> {
        self.now = self.now.max(now);
        self.wake = None;
        if let Some(notice) = self.notices.pop_front() {
            return Some(Action::Tell(notice));
        }
        if let Some(reason) = self.stop.clone() {
            // What the last answers told is kept first: nobody else can tell what was written over.
            if self.store_busy {
                return None;
            }
            self.urgent |= !self.outbox.is_empty();
            let store = if self.urgent { self.poll_store(now) } else { None };
            return Some(store.unwrap_or(Action::Stop { reason }));
        }
        if let Some(action) = self.poll_store(now) {
            return Some(action);
        }
        for turn in 0..self.books.len() {
            let index = (self.next_book + turn) % self.books.len();
            if let Some(action) = self.poll_book(index, now) {
                self.next_book = index + 1;
                return Some(action);
            }
        }
        if let Some(action) = self.poll_writer(now) {
            return Some(action);
        }
        if let Some(notice) = self.notices.pop_front() {
            return Some(Action::Tell(notice));
        }
        // A book may have left something for the store.
        self.poll_store(now).or_else(|| self.poll_copy(now))
    }

    /// When to poll again if nothing happens before. Valid after [`Engine::poll`] gave `None`.
    pub fn wake(&self) -> Option<Moment> {
        self.wake
    }

    /// Whether the source should be read on.
    pub fn wants_changes(&self) -> bool {
        self.tabs.iter().map(|tab| tab.pending.unsaved_len()).sum::<usize>() < UNSAVED_ROWS_MAX
    }

    /// Consumed up to here.
    pub fn position(&self) -> Option<&Position> {
        self.ledger.consumed()
    }

    /// Whether every change told so far is confirmed in the sheets, all copies are complete, and nothing is being asked.
    pub fn is_idle(&self) -> bool {
        self.tabs.iter().all(|tab| {
            tab.set_aside()
                || tab.paused
                || (!tab.has_work()
                    && tab.due.is_empty()
                    && tab.touched.is_empty()
                    && tab.repairs.is_empty()
                    && !tab.stale
                    && !tab.is_being_taken_in()
                    && !(tab.is_inbound() && tab.gone.is_unsure())
                    && tab.windows.len() == 0
                    && tab.is_live())
        }) && self.writer.is_idle()
            && (self.books.iter()).all(|book| {
                matches!(book.phase, Phase::Ready)
                    && book.recover.is_none()
                    && book.takeover != Takeover::Unclaimed
                    && book.bells.is_empty()
            })
    }

    /// Whether something told so far is not durable yet.
    pub fn has_unsaved(&self) -> bool {
        self.store_busy
            || !self.outbox.is_empty()
            || self.ledger.is_ahead()
            || self.tabs.iter().any(|tab| tab.pending.unsaved_len() > 0)
    }

    /// Makes it durable at the next poll.
    pub fn hurry(&mut self) {
        self.urgent = true;
    }

    fn tab_mut(&mut self, table: TableId) -> Option<&mut Tab> {
        self.tabs.iter_mut().find(|tab| tab.spec.table == table)
    }

    fn book_of(&self, tab: usize) -> Option<&Book> {
        self.book_with(tab).map(|book| &self.books[book])
    }

    fn book_with(&self, tab: usize) -> Option<usize> {
        self.books.iter().position(|book| book.tabs.contains(&tab))
    }

    fn book_index(&self, spreadsheet: &str) -> Option<usize> {
        self.books.iter().position(|book| book.spreadsheet == spreadsheet)
    }

    fn remind(&mut self, at: Moment) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }

    fn owner(&self, spreadsheet: &str) -> JournalOwner {
        JournalOwner {
            instance: self.settings.instance.clone(),
            pipeline: self.settings.pipeline.clone(),
            spreadsheet: spreadsheet.to_owned(),
        }
    }

    fn on_rows(&mut self, table: TableId, changes: &[RowChange], at_us: i64) {
        self.sequence += 1;
        let stamp = (self.sequence, at_us);
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else { return };
        if tab.set_aside() {
            return;
        }
        let mut heard = Vec::new();
        for change in changes {
            if let Some((key, intents)) = tab.absorb(change, stamp, &mut self.outbox) {
                let image = change.after.as_ref().map(|row| tab.rendered(row));
                heard.push((key, intents, image));
            }
        }
        if !heard.is_empty() {
            self.hear(table, heard);
        }
    }

    fn on_commit(&mut self, position: Position) {
        self.ledger.on_commit(position);
        for book in &mut self.books {
            let quiet = book.tabs.iter().all(|index| self.tabs[*index].pending.is_empty());
            if quiet && matches!(book.phase, Phase::Ready) {
                book.clean = self.ledger.consumed().cloned();
            }
        }
        self.close_windows();
    }

    fn on_emptied(&mut self, table: TableId) {
        self.sequence += 1;
        let sequence = self.sequence;
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else { return };
        if !tab.set_aside() {
            tab.empty(sequence, &mut self.outbox);
        }
    }

    fn on_chunk(
        &mut self,
        table: TableId,
        rows: &[Vec<Value>],
        upto: Option<Vec<Value>>,
        last: bool,
    ) {
        self.sequence += 1;
        let sequence = self.sequence;
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else { return };
        let TableState::Copying { copy, carry, .. } = tab.state else {
            tab.chunk = None;
            return;
        };
        if tab.chunk.as_ref().is_none_or(|window| window.void) {
            tab.chunk = None;
            return;
        }
        self.outbox.extend(tab.absorb_chunk(rows, sequence));
        if last {
            tab.finish_copy(sequence);
            self.notices.push_back(Notice::Copied { table });
        } else {
            tab.state = TableState::Copying { copy, after: upto, carry };
        }
        self.outbox.push(StoreStep::Table(table, tab.state.clone()));
        self.urgent = true;
    }

    fn set_aside(&mut self, table: TableId, reason: String) {
        let Some(tab) = self.tab_mut(table) else { return };
        if tab.set_aside() {
            return;
        }
        // A two-way tab that was never taken in is to be compared whole the next time, too.
        let copy = if tab.is_being_taken_in() { 0 } else { tab.copy() };
        tab.state = TableState::SetAside { copy, reason: reason.clone() };
        tab.chunk = None;
        tab.due.clear();
        tab.touched.clear();
        tab.reverts = Reverts::default();
        let keys: Vec<RowKey> = tab.pending.keys().cloned().collect();
        for key in &keys {
            tab.pending.forget(key);
        }
        let step = StoreStep::Table(table, tab.state.clone());
        self.outbox.extend(keys.into_iter().map(|key| StoreStep::Settled(table, key)));
        self.outbox.push(step);
        self.urgent = true;
        self.notices.push_back(Notice::SetAside { table, reason });
    }

    fn on_stored(&mut self, ticket: u64) {
        assert!(self.store_busy && ticket + 1 == self.next_ticket, "one store action at a time");
        self.store_busy = false;
        for book in &mut self.books {
            if matches!(&book.phase, Phase::Persisting { ticket: wanted, .. } if *wanted <= ticket)
                && let Phase::Persisting { flight, .. } =
                    std::mem::replace(&mut book.phase, Phase::Closed)
            {
                book.phase = Phase::Cleared { flight };
            }
        }
        self.writer_stored(ticket);
        if self.outbox.is_empty() {
            self.spill();
        }
    }

    /// Keeps memory bounded. Not while rows are on their way from the store: they may be older than what would be dropped now.
    fn spill(&mut self) {
        let keep = self.settings.rows_pending_max / self.tabs.len().max(1);
        for book in self.books.iter().filter(|book| !matches!(book.phase, Phase::Loading)) {
            for tab in &book.tabs {
                // A tab that is being taken in is compared whole.
                let tab = &mut self.tabs[*tab];
                if !tab.is_being_taken_in() {
                    let (busy, writing) = (&tab.busy, &tab.writing);
                    tab.pending.spill(keep, |key| busy.contains(key) || writing.contains(key));
                }
            }
        }
    }

    /// Hands the outbox to the store, with every change and the position it covers.
    fn poll_store(&mut self, now: Moment) -> Option<Action> {
        if self.store_busy {
            return None;
        }
        let unsaved: usize = self.tabs.iter().map(|tab| tab.pending.unsaved_len()).sum();
        if unsaved == 0 && self.outbox.is_empty() && !self.ledger.is_ahead() {
            return None;
        }
        let due = self.last_checkpoint.after(CHECKPOINT_EVERY);
        if !self.urgent && unsaved < CHECKPOINT_ROWS && now < due {
            self.remind(due);
            return None;
        }
        self.collect();
        self.urgent = false;
        self.store_busy = true;
        self.last_checkpoint = now;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        Some(Action::Store { ticket, steps: std::mem::take(&mut self.outbox) })
    }

    /// Everything that the next durable step must carry. Pending rows come behind what was settled before them: later steps win.
    fn collect(&mut self) {
        if on(Mutant::PositionFirst) && self.ledger.is_ahead() {
            self.outbox.extend(self.ledger.save());
            return;
        }
        self.outbox.extend(self.tabs.iter_mut().flat_map(Tab::take_unsaved));
        self.outbox.extend(self.ledger.save());
    }

    fn poll_copy(&mut self, now: Moment) -> Option<Action> {
        let contains = self.ledger.consumed().cloned()?;
        if now < self.copy_not_before {
            self.remind(self.copy_not_before);
            return None;
        }
        if self.tabs.iter().any(|tab| tab.chunk.is_some()) {
            return None;
        }
        let limit = self.settings.chunk_rows;
        let tab = self.tabs.iter_mut().find(|tab| {
            matches!(tab.state, TableState::Copying { .. })
                && (tab.is_being_taken_in() || tab.pending.active() < 2 * limit)
        })?;
        let TableState::Copying { after, .. } = &tab.state else { return None };
        let after = after.clone();
        tab.chunk = Some(ChunkWindow::default());
        Some(Action::ReadChunk { table: tab.spec.table, after, limit, contains: Some(contains) })
    }

    fn wall_clock(&self, now: Moment) -> i64 {
        self.settings.started_at_us.saturating_add(i64::try_from(now.0).unwrap_or(i64::MAX))
    }
}
