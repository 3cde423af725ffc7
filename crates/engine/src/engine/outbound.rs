//! What a spreadsheet needs next: look, read, repair, write, resolve.

use std::time::Duration;

use super::Engine;
use crate::{
    batch::{Batch, BatchId, FenceStep, InFlight, TabExpectation, TabWork},
    book::Phase,
    confirm::Overruled,
    door::Action,
    pacer::{Class, Pace},
    planner::{BatchLimits, horizon, plan_tab},
    repair::plan_repairs,
    state::StoreStep,
    time::Moment,
};

/// Spilled rows are brought back so many at a time.
const LOAD_ROWS: usize = 5_000;
/// The suffix that marks the batch that only moves the fence past another one.
const BURN_SUFFIX: &str = "-burn";

/// Identity of the batch that burns `id`.
pub(super) fn burn_id(id: &BatchId) -> BatchId {
    BatchId(format!("{}{BURN_SUFFIX}", id.0))
}

impl Engine {
    pub(super) fn poll_book(&mut self, index: usize, now: Moment) -> Option<Action> {
        let book = &self.books[index];
        if now < book.not_before {
            self.remind(self.books[index].not_before);
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
            return self.read_tabs(index, stale, true, now);
        }
        if let Some(flight) = self.books[index].recover.take() {
            // The tabs are known now; find out what became of the batch of an earlier life.
            self.books[index].phase = self.resolve_phase(flight);
            return self.poll_book(index, now);
        }
        if !self.tabs_where(index, |tab| !tab.repairs.is_empty()).is_empty() {
            return self.plan_repair_batch(index, now);
        }
        if self.tabs_where(index, crate::tab::Tab::has_work).is_empty() {
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
        let rows: usize = self.books[index].tabs.iter().map(|t| self.tabs[*t].index.len()).sum();
        let size = Duration::from_millis(u64::try_from(rows).unwrap_or(u64::MAX));
        let pause = self.settings.sweep_every.max(size).max(took * 20);
        self.books[index].next_sweep = now.after(pause);
    }

    fn read_tabs(
        &mut self,
        index: usize,
        tabs: Vec<usize>,
        whole: bool,
        now: Moment,
    ) -> Option<Action> {
        if !self.granted(Class::Read, now) {
            return None;
        }
        let reads = tabs.iter().map(|tab| self.tabs[*tab].read(whole)).collect();
        let book = &mut self.books[index];
        book.phase = Phase::Reading { whole, tabs };
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
        for tab in self.tabs_where(index, crate::tab::Tab::has_work) {
            if self.books[index].solo && !parts.is_empty() {
                break;
            }
            let plan = plan_tab(&mut self.tabs[tab], &mut left);
            self.outbox.extend(plan.steps);
            if plan.needs_keys {
                needs_keys.push(tab);
            }
            parts.extend(plan.work);
        }
        if !needs_keys.is_empty() {
            // Rows go only after their keys were read in the same pass; the batch is planned again then.
            return self.read_tabs(index, needs_keys, false, now);
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
        if parts.is_empty() {
            return self.poll_store(now);
        }
        let (tabs, expectations) = parts.into_iter().unzip();
        let book = &self.books[index];
        let next = book.next_sequence();
        let batch = Batch {
            id: BatchId(format!("{:016x}-{next}", self.settings.run)),
            spreadsheet: book.spreadsheet.clone(),
            fence: FenceStep { previous: book.fence, next },
            owner: self.owner(&book.spreadsheet),
            position: book.clean.as_ref().map(ToString::to_string).unwrap_or_default(),
            tabs,
        };
        let flight = InFlight { batch, expectations };
        self.outbox.push(StoreStep::InFlight(book.spreadsheet.clone(), Some(flight.clone())));
        self.urgent = true;
        self.books[index].write_granted = false;
        let ticket = self.next_ticket;
        self.books[index].phase = Phase::Persisting { flight, ticket };
        self.books[index].last_flush = Some(now);
        self.poll_store(now)
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
            fence: flight.batch.fence,
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
