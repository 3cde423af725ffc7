//! What a spreadsheet needs next: look, read, repair, write, resolve.

use std::time::Duration;

use super::Engine;
use crate::{
    adopt::{Compared, compare},
    batch::{Batch, BatchId, FenceStep, InFlight, TabExpectation, TabRead, TabWork},
    book::{Phase, Reading, Takeover},
    confirm::Overruled,
    conflict::Outcome,
    door::{Action, Notice},
    mutants::{Mutant, on},
    notes::due,
    pacer::{Class, Pace},
    planner::{BatchLimits, MarkerSource, TabPlan, horizon, plan_tab, triage},
    repair::plan_repairs,
    state::{Adoption, RowIdentity, StoreStep, TableState},
    time::Moment,
};

/// Spilled rows are brought back so many at a time.
const LOAD_ROWS: usize = 5_000;
/// Rows that seem to be gone are looked at again after this.
const RECHECK: Duration = Duration::from_secs(3);
/// A spreadsheet in which somebody works is swept this much more often.
const ACTIVE_FACTOR: u32 = 4;
/// The suffix that marks the batch that only moves the fence past another one.
const BURN_SUFFIX: &str = "-burn";

/// Identity of the batch that burns `id`.
pub(super) fn burn_id(id: &BatchId) -> BatchId {
    BatchId(format!("{}{BURN_SUFFIX}", id.0))
}

/// Whether a batch would have something to do in a tab, were it only notes.
fn wants_batch(tab: &crate::tab::Tab) -> bool {
    tab.has_work() || !due(tab).is_empty()
}

impl Engine {
    pub(super) fn poll_book(&mut self, index: usize, now: Moment) -> Option<Action> {
        let book = &self.books[index];
        if now < book.not_before {
            self.remind(self.books[index].not_before);
            return None;
        }
        if !self.writer.has_held() {
            // Whoever holds the lock on the database keeps the sheets, too.
            return None;
        }
        match &book.phase {
            Phase::Closed => self.look(index, now),
            Phase::Ready => self.poll_ready(index, now),
            Phase::Cleared { .. } => self.send(index),
            Phase::InDoubt { .. } => self.burn(index, now),
            Phase::Applied { .. } => self.ask_journal(index, now),
            Phase::Opening
            | Phase::Reading { .. }
            | Phase::Loading
            | Phase::Persisting { .. }
            | Phase::Sending { .. }
            | Phase::Burning { .. }
            | Phase::Asking { .. } => None,
        }
    }

    /// Asks the pacer; a refusal sets the alarm.
    fn granted(&mut self, class: Class, now: Moment) -> bool {
        match self.pacer.ask(class, now) {
            Pace::Go => true,
            Pace::Wait { until, .. } => {
                self.remind(until);
                false
            }
        }
    }

    /// Asks for one write, once for a plan that comes to nothing or has to read keys first.
    fn write_granted(&mut self, index: usize, now: Moment) -> bool {
        let granted = self.books[index].write_granted || self.granted(Class::Write, now);
        self.books[index].write_granted = granted;
        granted
    }

    fn look(&mut self, index: usize, now: Moment) -> Option<Action> {
        if !self.granted(Class::Read, now) {
            return None;
        }
        self.books[index].phase = Phase::Opening;
        Some(Action::Open { spreadsheet: self.books[index].spreadsheet.clone() })
    }

    fn poll_ready(&mut self, index: usize, now: Moment) -> Option<Action> {
        self.sweep_if_due(index, now);
        let stale: Vec<usize> = self
            .tabs_where(index, |tab| tab.stale || (!tab.repairs.is_empty() && tab.image.is_none()));
        if !stale.is_empty() {
            return self.read_tabs(index, stale, Reading::Whole, now);
        }
        if let Some(flight) = self.books[index].recover.take() {
            if on(Mutant::NoFence) {
                self.drop_flight(index, &flight);
                return self.poll_book(index, now);
            }
            // The tabs are known now; find out what became of the batch of an earlier life.
            self.books[index].phase = self.resolve_phase(flight);
            return self.poll_book(index, now);
        }
        self.move_in(index);
        if !self.tabs_where(index, |tab| !tab.repairs.is_empty()).is_empty() {
            return self.plan_repair_batch(index, now);
        }
        self.take_in(index, now);
        self.triage(index, now);
        if let Some(read) = self.answer_bells(index, now) {
            return Some(read);
        }
        if let Some(read) = self.reckon_notes(index, now) {
            return Some(read);
        }
        if self.tabs_where(index, wants_batch).is_empty()
            && self.books[index].takeover != Takeover::Unclaimed
        {
            for tab in self.books[index].tabs.clone() {
                self.tabs[tab].keys_fresh = false;
            }
            return None;
        }
        let earliest =
            self.books[index].last_flush.map(|last| last.after(self.settings.flush_every));
        if let Some(earliest) = earliest
            && now < earliest
        {
            self.remind(earliest);
            return None;
        }
        if let Some(load) = self.load_spilled(index) {
            return Some(load);
        }
        self.plan_batch(index, now)
    }

    /// From now on each tab is known by its id, also one that is still to be made: the batch that makes it may be applied without an answer. Where
    /// another one was known, that was deleted with all it held: nobody has removed one of its rows, and all of them come back.
    ///
    /// What became of a batch in doubt must be known before, and no row may be on its way from the old tab to the database: it would count as agreed.
    fn move_in(&mut self, index: usize) {
        for place in self.tabs_where(index, |tab| !tab.geometry.moved_in && tab.writing.is_empty())
        {
            let tab = &mut self.tabs[place];
            tab.geometry.moved_in = true;
            let (table, id) = (tab.spec.table, tab.geometry.sheet_id);
            let known = tab.home.replace(id);
            if known != Some(id) {
                self.outbox.push(StoreStep::Tab(table, id));
            }
            if tab.geometry.missing || known.is_some_and(|known| known != id) {
                self.rows_went_with_their_tab(place);
            }
        }
    }

    fn rows_went_with_their_tab(&mut self, place: usize) {
        self.doubt_everything(place);
        let tab = &mut self.tabs[place];
        // What only shows the table gets its rows back whatever was agreed on.
        if tab.is_inbound() && tab.spec.key.len() == tab.width() {
            // Nothing but keys, which are never doubted: not agreed on at all, then.
            let known = std::mem::take(&mut tab.base).into_keys();
            let table = tab.spec.table;
            self.outbox.extend(known.map(|key| StoreStep::BaseGone(table, key)));
        }
    }

    /// Tabs whose table was just copied are compared whole, and then kept.
    fn take_in(&mut self, index: usize, now: Moment) {
        for place in self.books[index].tabs.clone() {
            let tab = &mut self.tabs[place];
            let table = tab.spec.table;
            match tab.state {
                TableState::Live { adoption: Adoption::Compare, .. } if tab.is_inbound() => {
                    match compare(tab) {
                        Compared::TakenIn(findings) => {
                            let step = StoreStep::Table(table, tab.state.clone());
                            self.outbox.push(step);
                            self.find(table, findings, now);
                            self.urgent = true;
                        }
                        Compared::Refused(reason) => self.set_aside(table, reason),
                    }
                }
                TableState::Live { copy, adoption: Adoption::Carry(_) }
                    // A row that was refused still waits for the word of the side that was to stand.
                    if tab.has_all_said() && !tab.open.waits_for_another_value() =>
                {
                    tab.state = TableState::Live { copy, adoption: Adoption::Done };
                    self.outbox.push(StoreStep::Table(table, tab.state.clone()));
                }
                _ => {}
            }
        }
    }

    /// Rows that a read or an answer touched, and that need nothing in the sheet, do not wait for a write to Google.
    fn triage(&mut self, index: usize, now: Moment) {
        for place in self.books[index].tabs.clone() {
            let tab = &mut self.tabs[place];
            if tab.touched.is_empty()
                || tab.set_aside()
                || tab.paused
                || tab.is_being_taken_in()
                || !tab.geometry.moved_in
            {
                continue;
            }
            let plan = triage(tab);
            self.take_plan(place, plan, now);
        }
    }

    /// What planning a tab found beside the work of the batch.
    fn take_plan(
        &mut self,
        place: usize,
        plan: TabPlan,
        now: Moment,
    ) -> Option<(TabWork, TabExpectation)> {
        let table = self.tabs[place].spec.table;
        self.outbox.extend(plan.steps);
        self.close_conflicts(plan.over.into_iter().map(|id| (id, Outcome::GoneByItself)));
        self.find(table, plan.findings, now);
        if plan.braked > 0 {
            let rows = self.tabs[place].gone.held_len();
            self.notices.push_back(Notice::Braked { table, rows });
        }
        plan.work
    }

    /// Reads what doorbells named, all in one request.
    fn answer_bells(&mut self, index: usize, now: Moment) -> Option<Action> {
        if self.books[index].bells.is_empty() || !self.granted(Class::Read, now) {
            return None;
        }
        let bells = self.take_bells(index);
        for tab in &self.books[index].tabs {
            self.tabs[*tab].reverts.not_read();
        }
        let mut reads = Vec::new();
        let (mut tabs, mut parts) = (Vec::new(), Vec::new());
        for (tab, rows, mark) in bells {
            let one = &self.tabs[tab];
            if rows.0 <= one.spec.header_row {
                self.tabs[tab].stale = true;
                continue;
            }
            let columns = Some(one.geometry.columns.clone());
            reads.push(TabRead { rows: Some(rows), columns, ..one.read(true) });
            self.tabs[tab].reverts.look(Some(rows));
            tabs.push(tab);
            parts.push((rows, mark));
        }
        if reads.is_empty() {
            return None;
        }
        let book = &mut self.books[index];
        book.phase = Phase::Reading { what: Reading::Parts(parts), tabs };
        book.reading_since = now;
        Some(Action::ReadTabs { spreadsheet: book.spreadsheet.clone(), reads })
    }

    /// Which step resolves a batch found in flight, by what the last look saw.
    fn resolve_phase(&self, flight: InFlight) -> Phase {
        let fence = self.books.iter().find(|b| b.spreadsheet == flight.batch.spreadsheet);
        if fence.and_then(|book| book.fence) == Some(flight.batch.fence.next) {
            Phase::Applied { flight }
        } else {
            Phase::InDoubt { flight }
        }
    }

    fn tabs_where(&self, index: usize, wanted: impl Fn(&crate::tab::Tab) -> bool) -> Vec<usize> {
        self.books[index].tabs.iter().copied().filter(|tab| wanted(&self.tabs[*tab])).collect()
    }

    fn sweep_if_due(&mut self, index: usize, now: Moment) {
        let unsure =
            |tab: &crate::tab::Tab| tab.is_inbound() && tab.gone.is_unsure() && !tab.set_aside();
        let unsure = self.tabs_where(index, unsure);
        if !unsure.is_empty() {
            if now >= self.books[index].recheck {
                self.books[index].recheck = now.after(RECHECK);
                for tab in unsure {
                    self.tabs[tab].stale = true;
                }
            } else {
                self.remind(self.books[index].recheck);
            }
        }
        let due = self.books[index].next_sweep;
        if now < due {
            self.remind(due);
            return;
        }
        if due > Moment::START {
            for tab in self.tabs_where(index, |tab| !tab.set_aside() && !tab.geometry.missing) {
                self.tabs[tab].stale = true;
            }
        }
        self.plan_sweep(index, now, Duration::ZERO);
    }

    /// Sets the next sweep. A thousand rows a second at the most, and a twentieth of the time: large tabs and slow answers are swept
    /// less often.
    pub(super) fn plan_sweep(&mut self, index: usize, now: Moment, took: Duration) {
        let size = self.rows_pause(index);
        let every = self.settings.sweep_every;
        let active = now < self.books[index].active_until;
        let pause = if active { every / ACTIVE_FACTOR } else { every }.max(size).max(took * 20);
        self.books[index].next_sweep = now.after(pause);
    }

    /// A thousand rows a second.
    pub(super) fn rows_pause(&self, index: usize) -> Duration {
        let rows: usize = self.books[index].tabs.iter().map(|t| self.tabs[*t].index.len()).sum();
        Duration::from_millis(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    pub(super) fn read_tabs(
        &mut self,
        index: usize,
        tabs: Vec<usize>,
        what: Reading,
        now: Moment,
    ) -> Option<Action> {
        if !self.granted(Class::Read, now) {
            return None;
        }
        let whole = matches!(what, Reading::Whole);
        let reads = tabs.iter().map(|tab| self.tabs[*tab].read(whole)).collect();
        #[cfg(feature = "mutants")]
        let reads = self.in_parts(whole, &tabs, reads);
        let book = &mut self.books[index];
        if whole {
            // Whatever the doorbells named of these tabs is in it.
            let read: Vec<i32> = tabs.iter().map(|tab| self.tabs[*tab].geometry.sheet_id).collect();
            book.bells.retain(|bell| bell.sheet_id.is_some_and(|id| !read.contains(&id)));
            for tab in &tabs {
                self.tabs[*tab].again = false;
                self.tabs[*tab].reverts.not_read();
                self.tabs[*tab].reverts.look(None);
            }
        }
        book.phase = Phase::Reading { what, tabs };
        book.reading_since = now;
        Some(Action::ReadTabs { spreadsheet: book.spreadsheet.clone(), reads })
    }

    fn load_spilled(&mut self, index: usize) -> Option<Action> {
        let oldest = horizon(self.settings.limits).min(LOAD_ROWS);
        for tab in self.books[index].tabs.clone() {
            let keys = self.tabs[tab].pending.spilled_among(oldest);
            if !keys.is_empty() {
                self.books[index].phase = Phase::Loading;
                return Some(Action::Load { table: self.tabs[tab].spec.table, keys });
            }
        }
        None
    }

    fn plan_batch(&mut self, index: usize, now: Moment) -> Option<Action> {
        if !self.write_granted(index, now) {
            return None;
        }
        let mut left: BatchLimits = self.settings.limits;
        let mut parts: Vec<(TabWork, TabExpectation)> = Vec::new();
        let mut needs_keys = Vec::new();
        for tab in self.tabs_where(index, wants_batch) {
            if self.books[index].solo && !parts.is_empty() {
                break;
            }
            let mut markers = MarkerSource { run: self.settings.run, last: &mut self.markers };
            let plan = plan_tab(&mut self.tabs[tab], &mut left, &mut markers);
            let asks = (on(Mutant::Unverified) || on(Mutant::KeyReadBack))
                && plan.work.is_some()
                && !self.tabs[tab].keys_fresh
                && !self.tabs[tab].geometry.missing;
            if plan.needs_keys || asks {
                needs_keys.push(tab);
            }
            parts.extend(self.take_plan(tab, plan, now));
        }
        if !needs_keys.is_empty() {
            // Rows go only after their keys were read in the same pass; the batch is planned again then.
            return self.read_tabs(index, needs_keys, Reading::Keys, now);
        }
        self.persist(index, parts, now)
    }

    fn plan_repair_batch(&mut self, index: usize, now: Moment) -> Option<Action> {
        if !self.write_granted(index, now) {
            return None;
        }
        let mut parts = Vec::new();
        for tab in self.tabs_where(index, |tab| !tab.repairs.is_empty()) {
            let tab = &mut self.tabs[tab];
            let Some(image) = tab.image.take() else { continue };
            let plan = plan_repairs(tab, &image);
            let table = tab.spec.table;
            self.outbox.push(StoreStep::Repairs(table, tab.repairs.clone()));
            let lost = plan.lost.into_iter().map(Overruled::from).collect();
            self.record(table, lost, now);
            parts.extend(plan.work);
        }
        self.persist(index, parts, now)
    }

    /// Makes the batch durable; it is sent when the store has answered.
    fn persist(
        &mut self,
        index: usize,
        parts: Vec<(TabWork, TabExpectation)>,
        now: Moment,
    ) -> Option<Action> {
        if parts.is_empty() && self.books[index].takeover != Takeover::Unclaimed {
            return self.poll_store(now);
        }
        self.engage(&parts);
        for (_, part) in &parts {
            if let Some(tab) = self.tab_mut(part.table) {
                tab.notes.sent();
            }
        }
        let (tabs, expectations) = parts.into_iter().unzip();
        // Never the same for two contents: a process on a copy of the store may look for an earlier one in the journal.
        self.batches += 1;
        let book = &self.books[index];
        let next = book.next_sequence();
        let batch = Batch {
            id: BatchId(format!("{:016x}-{}", self.settings.run, self.batches)),
            spreadsheet: book.spreadsheet.clone(),
            fence: FenceStep { previous: book.fence, next },
            owner: self.owner(&book.spreadsheet),
            position: book.clean.as_ref().map(ToString::to_string).unwrap_or_default(),
            tabs,
        };
        let flight = InFlight { batch, expectations };
        if on(Mutant::BatchNotDurable) {
            self.books[index].write_granted = false;
            self.books[index].phase = Phase::Cleared { flight };
            self.books[index].last_flush = Some(now);
            return self.send(index);
        }
        self.outbox.push(StoreStep::InFlight(book.spreadsheet.clone(), Some(flight.clone())));
        self.urgent = true;
        self.books[index].write_granted = false;
        let ticket = self.next_ticket;
        self.books[index].phase = Phase::Persisting { flight, ticket };
        self.books[index].last_flush = Some(now);
        self.poll_store(now)
    }

    /// Nothing else is done with the rows of a batch while it is under way.
    fn engage(&mut self, parts: &[(TabWork, TabExpectation)]) {
        for (_, part) in parts.iter().filter(|(_, part)| !part.repair) {
            let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == part.table) else {
                continue;
            };
            for row in part.writes.iter().chain(&part.deletes).chain(&part.inserts) {
                if let RowIdentity::Key(key) = &row.row {
                    tab.busy.insert(key.clone());
                    tab.pending.park(key);
                }
            }
        }
    }

    fn send(&mut self, index: usize) -> Option<Action> {
        let book = &mut self.books[index];
        let Phase::Cleared { flight } = std::mem::replace(&mut book.phase, Phase::Closed) else {
            return None;
        };
        let batch = flight.batch.clone();
        book.phase = Phase::Sending { flight };
        Some(Action::Write { batch })
    }

    /// Moves the fence past a batch whose answer was lost: if this is accepted, the batch was not applied and never will be.
    fn burn(&mut self, index: usize, now: Moment) -> Option<Action> {
        if !self.granted(Class::Write, now) {
            return None;
        }
        let book = &mut self.books[index];
        let Phase::InDoubt { flight } = std::mem::replace(&mut book.phase, Phase::Closed) else {
            return None;
        };
        let batch = Batch {
            id: burn_id(&flight.batch.id),
            tabs: Vec::new(),
            spreadsheet: flight.batch.spreadsheet.clone(),
            // A late batch of an earlier life may have moved the fence, though not past this one.
            fence: FenceStep { previous: book.fence, next: flight.batch.fence.next },
            owner: flight.batch.owner.clone(),
            position: flight.batch.position.clone(),
        };
        book.phase = Phase::Burning { flight };
        Some(Action::Write { batch })
    }

    fn ask_journal(&mut self, index: usize, now: Moment) -> Option<Action> {
        if !self.granted(Class::Read, now) {
            return None;
        }
        let book = &mut self.books[index];
        let Phase::Applied { flight } = std::mem::replace(&mut book.phase, Phase::Closed) else {
            return None;
        };
        let batch = flight.batch.clone();
        book.phase = Phase::Asking { flight };
        Some(Action::ReadJournal { batch })
    }
}
