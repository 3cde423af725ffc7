//! Everything that decides, behind two doors: [`Engine::handle`] for what happened, [`Engine::poll`] for what to do.

mod answers;
mod outbound;
mod status;

use std::{collections::VecDeque, time::Duration};

pub use status::{BookStatus, Status, TabStatus};

use crate::{
    backoff::Backoff,
    batch::{InFlight, JournalOwner},
    book::{Book, Phase},
    change::{RowChange, TableId},
    confirm::Overruled,
    door::{Action, Input, Notice},
    ledger::Ledger,
    pacer::{Budget, Class, Pacer},
    planner::BatchLimits,
    position::Position,
    state::{ConflictRecord, Image, RowKey, StoreStep, TableState},
    tab::{ChunkWindow, Tab, TabSpec},
    time::Moment,
    value::Value,
};

/// What an engine is built with.
#[derive(Debug, Clone)]
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
    last_checkpoint: Moment,
    copy_not_before: Moment,
    conflicts: u64,
    notices: VecDeque<Notice>,
    stop: Option<String>,
    next_book: usize,
    wake: Option<Moment>,
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
        let mut engine = Self {
            pacer,
            ledger: Ledger::resume(image.position.clone()),
            tabs: specs.into_iter().map(Tab::new).collect(),
            books: Vec::new(),
            sequence: 0,
            outbox: Vec::new(),
            urgent: false,
            store_busy: false,
            next_ticket: 1,
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
            book.tabs.push(index);
            self.books.push(book);
        }
    }

    fn restore(&mut self, image: Image) {
        for (table, state) in image.tables {
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
                    TableState::Copying { copy: copy + 1, after: None }
                }
                other => other,
            };
            let step = StoreStep::Table(table, tab.state.clone());
            self.outbox.push(step);
        }
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
        for book in &mut self.books {
            let find = |id: &String| *id == book.spreadsheet;
            book.fence = image.fences.iter().find(|(id, _)| find(id)).map(|(_, fence)| *fence);
            book.recover = (image.in_flight.iter().find(|(id, _)| find(id)))
                .map(|(_, flight)| of_an_earlier_life(flight.clone()));
        }
    }

    /// Counts requests (reads, writes) that were made before the engine was asked.
    pub fn spend(&mut self, [reads, writes]: [u64; 2]) {
        self.pacer.spend(Class::Read, reads);
        self.pacer.spend(Class::Write, writes);
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Moment) {
        match input {
            Input::Rows { table, changes } => self.on_rows(table, &changes),
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
            Input::Sweep => {
                for tab in &mut self.tabs {
                    tab.stale = true;
                }
            }
        }
    }

    /// The next thing to do, or `None` when there is nothing until the next input or [`Engine::wake`].
    pub fn poll(&mut self, now: Moment) -> Option<Action> {
        self.wake = None;
        if let Some(notice) = self.notices.pop_front() {
            return Some(Action::Tell(notice));
        }
        if let Some(reason) = self.stop.clone() {
            return Some(Action::Stop { reason });
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
                || (tab.pending.len() == tab.frozen_pending()
                    && tab.repairs.is_empty()
                    && !tab.stale
                    && matches!(tab.state, TableState::Live { .. }))
        }) && self
            .books
            .iter()
            .all(|book| matches!(book.phase, Phase::Ready) && book.recover.is_none())
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

    fn on_rows(&mut self, table: TableId, changes: &[RowChange]) {
        self.sequence += 1;
        let sequence = self.sequence;
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else { return };
        if tab.set_aside() {
            return;
        }
        for change in changes {
            self.outbox.extend(tab.absorb(change, sequence));
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
    }

    fn on_emptied(&mut self, table: TableId) {
        self.sequence += 1;
        let sequence = self.sequence;
        if let Some(tab) = self.tab_mut(table)
            && !tab.set_aside()
        {
            tab.empty(sequence);
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
        let TableState::Copying { copy, .. } = tab.state else {
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
            tab.state = TableState::Copying { copy, after: upto };
        }
        self.outbox.push(StoreStep::Table(table, tab.state.clone()));
        self.urgent = true;
    }

    fn set_aside(&mut self, table: TableId, reason: String) {
        let Some(tab) = self.tab_mut(table) else { return };
        if tab.set_aside() {
            return;
        }
        tab.state = TableState::SetAside { copy: tab.copy(), reason: reason.clone() };
        tab.chunk = None;
        let keys: Vec<RowKey> = tab.pending.by_age().cloned().collect();
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
        if self.outbox.is_empty() {
            self.spill();
        }
    }

    /// Keeps memory bounded. Not while rows are on their way from the store: they may be older than what would be dropped now.
    fn spill(&mut self) {
        let keep = self.settings.rows_pending_max / self.tabs.len().max(1);
        for book in self.books.iter().filter(|book| !matches!(book.phase, Phase::Loading)) {
            for tab in &book.tabs {
                self.tabs[*tab].pending.spill(keep);
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
                && tab.pending.len() - tab.frozen_pending() < 2 * limit
        })?;
        let TableState::Copying { after, .. } = &tab.state else { return None };
        let after = after.clone();
        tab.chunk = Some(ChunkWindow::default());
        Some(Action::ReadChunk { table: tab.spec.table, after, limit, contains: Some(contains) })
    }

    /// Keeps values that did not win.
    fn record(&mut self, table: TableId, overruled: Vec<Overruled>, now: Moment) {
        let cells = overruled.len();
        let seen_at_us = self.wall_clock(now);
        for lost in overruled {
            self.conflicts += 1;
            self.outbox.push(StoreStep::Conflict(ConflictRecord {
                id: self.conflicts,
                table,
                key: lost.key,
                column: lost.column,
                kind: lost.kind,
                base: lost.base,
                database: lost.database,
                sheet: Some(lost.sheet),
                seen_at_us,
            }));
        }
        if cells > 0 {
            self.notices.push_back(Notice::Conflicts { table, cells });
        }
    }

    fn wall_clock(&self, now: Moment) -> i64 {
        self.settings.started_at_us.saturating_add(i64::try_from(now.0).unwrap_or(i64::MAX))
    }
}

/// Arrival numbers start over with every process: such a batch settles only what is still wanted as it wrote it.
fn of_an_earlier_life(mut flight: InFlight) -> InFlight {
    for tab in &mut flight.expectations {
        for row in tab.writes.iter_mut().chain(&mut tab.deletes).chain(&mut tab.inserts) {
            row.latest = 0;
        }
    }
    flight
}
