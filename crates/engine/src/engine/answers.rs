//! What the answers of Google and the store mean.

use std::time::Duration;

use super::{Engine, outbound::burn_id};
use crate::{
    batch::{
        InFlight, Journal, JournalHeader, ReadFailure, SpreadsheetImage, TabImage, WriteOutcome,
    },
    book::Phase,
    change::TableId,
    confirm::{Overruled, confirm},
    door::Notice,
    pacer::Class,
    state::{PendingRow, RowKey, StoreStep},
    survey::{DUPLICATE, find_tab, take_keys, take_whole},
    time::Moment,
};

/// A spreadsheet that refuses us is asked again after this.
const DENIED_PAUSE: Duration = Duration::from_mins(1);
/// Refusals in a row, each after a fresh read, before a table is set aside.
const REFUSALS_MAX: u32 = 4;

/// What a look at a spreadsheet means for the fence.
enum Verdict {
    /// Go on from this sequence number.
    GoOn(Option<u64>),
    /// The journal is gone or older than the store.
    Lost { fence: Option<u64> },
    /// Another process writes here.
    Foreign(String),
    /// A person broke the journal.
    Damaged,
}

impl Engine {
    pub(super) fn on_opened(
        &mut self,
        spreadsheet: &str,
        answer: Result<SpreadsheetImage, ReadFailure>,
        now: Moment,
    ) {
        let Some(index) = self.book_index(spreadsheet) else { return };
        self.books[index].phase = Phase::Closed;
        let image = match answer {
            Ok(image) => image,
            Err(failure) => return self.on_read_failure(index, failure, now),
        };
        self.pacer.on_answered(Class::Read);
        self.books[index].worked();
        match self.judge(index, &image) {
            Verdict::GoOn(fence) => self.books[index].fence = fence,
            Verdict::Lost { fence } => self.on_journal_lost(index, fence, now),
            Verdict::Foreign(reason) => {
                self.stop = Some(reason);
                return;
            }
            Verdict::Damaged => return self.on_damaged(index, now),
        }
        for tab in self.books[index].tabs.clone() {
            find_tab(&mut self.tabs[tab], &image);
            if self.tabs[tab].set_aside() && self.tabs[tab].repairs.is_empty() {
                self.tabs[tab].stale = false;
            }
        }
        self.books[index].phase = Phase::Ready;
    }

    /// Compares journal and fence with what the store holds.
    fn judge(&self, index: usize, image: &SpreadsheetImage) -> Verdict {
        let book = &self.books[index];
        let flight = book.recover.as_ref().map(|flight| &flight.batch);
        let Some(journal) = &image.journal else {
            return match (image.journal_tab || image.fence.is_some(), book.fence) {
                (true, _) => Verdict::Damaged,
                (false, None) => Verdict::GoOn(None),
                (false, Some(_)) => Verdict::Lost { fence: None },
            };
        };
        if image.fence != Some(journal.sequence) {
            return Verdict::Damaged;
        }
        if journal.owner != self.owner(&book.spreadsheet) {
            return self.judge_owner(journal, &book.spreadsheet);
        }
        let found = journal.sequence;
        if let Some(batch) = flight {
            let next = batch.fence.next;
            if Some(found) == batch.fence.previous || found < next {
                return Self::judge_age(batch.fence.previous, found);
            }
            let ours = journal.batch == batch.id || journal.batch == burn_id(&batch.id);
            if found == next && ours {
                return Verdict::GoOn(Some(found));
            }
            return Verdict::Foreign(copy_of_store(&book.spreadsheet));
        }
        if book.fence.is_some_and(|fence| found <= fence) {
            return Self::judge_age(book.fence, found);
        }
        if self.settings.takeover {
            return Verdict::GoOn(Some(found));
        }
        Verdict::Foreign(copy_of_store(&book.spreadsheet))
    }

    fn judge_owner(&self, journal: &JournalHeader, spreadsheet: &str) -> Verdict {
        if self.settings.takeover {
            return Verdict::GoOn(Some(journal.sequence));
        }
        Verdict::Foreign(format!(
            "spreadsheet {spreadsheet} is kept by another instance (pipeline '{}', instance {}): stop that one, or run with --takeover if it is gone for good",
            journal.owner.pipeline, journal.owner.instance
        ))
    }

    fn judge_age(known: Option<u64>, found: u64) -> Verdict {
        if known.is_some_and(|known| found < known) {
            Verdict::Lost { fence: Some(found) }
        } else {
            Verdict::GoOn(Some(found))
        }
    }

    /// Nobody knows what was applied: hold still until no late batch can arrive, then compare everything.
    fn on_journal_lost(&mut self, index: usize, fence: Option<u64>, now: Moment) {
        let hold = self.settings.journal_hold;
        let book = &mut self.books[index];
        book.fence_floor = book.fence.unwrap_or(0).max(book.fence_floor) + 1;
        book.fence = fence;
        book.recover = None;
        book.not_before = now.after(hold);
        self.outbox.push(StoreStep::InFlight(book.spreadsheet.clone(), None));
        self.notices.push_back(Notice::JournalGone { spreadsheet: book.spreadsheet.clone() });
    }

    fn on_damaged(&mut self, index: usize, now: Moment) {
        let id = self.books[index].spreadsheet.clone();
        let message = format!(
            "the journal tab '_sheetwire' of spreadsheet {id} was changed by somebody: delete that tab, and everything is compared again"
        );
        self.deny(index, message, now);
    }

    fn deny(&mut self, index: usize, message: String, now: Moment) {
        let book = &mut self.books[index];
        book.not_before = now.after(DENIED_PAUSE);
        if book.denied.as_ref() != Some(&message) {
            let spreadsheet = book.spreadsheet.clone();
            self.notices.push_back(Notice::Denied { spreadsheet, message: message.clone() });
        }
        self.books[index].denied = Some(message);
    }

    fn on_read_failure(&mut self, index: usize, failure: ReadFailure, now: Moment) {
        match failure {
            ReadFailure::Throttled => {
                self.pacer.on_throttled(Class::Read, now);
                let spreadsheet = self.books[index].spreadsheet.clone();
                self.notices.push_back(Notice::Throttled { spreadsheet });
            }
            ReadFailure::Transient { .. } => self.books[index].hold_back(now),
            ReadFailure::TabGone { sheet_id } => {
                for tab in self.books[index].tabs.clone() {
                    if self.tabs[tab].geometry.sheet_id == sheet_id {
                        self.tabs[tab].geometry.sheet_id = 0;
                    }
                }
                self.reopen(index);
                self.books[index].hold_back(now);
            }
            ReadFailure::Denied { message } => self.deny(index, message, now),
        }
    }

    /// Look again; a batch being resolved stays to be resolved.
    fn reopen(&mut self, index: usize) {
        let book = &mut self.books[index];
        book.phase = match std::mem::replace(&mut book.phase, Phase::Closed) {
            Phase::InDoubt { flight } | Phase::Applied { flight } | Phase::Asking { flight } => {
                book.recover = Some(flight);
                Phase::Closed
            }
            _ => Phase::Closed,
        };
    }

    pub(super) fn on_tabs(
        &mut self,
        spreadsheet: &str,
        answer: Result<Vec<TabImage>, ReadFailure>,
        now: Moment,
    ) {
        let Some(index) = self.book_index(spreadsheet) else { return };
        let phase = std::mem::replace(&mut self.books[index].phase, Phase::Ready);
        let Phase::Reading { whole, tabs } = phase else {
            self.books[index].phase = phase;
            return;
        };
        let images = match answer {
            Ok(images) => images,
            Err(failure) => return self.on_read_failure(index, failure, now),
        };
        self.pacer.on_answered(Class::Read);
        self.books[index].worked();
        self.sequence += 1;
        for (tab, image) in tabs.into_iter().zip(images) {
            self.take_image(tab, image, whole, now);
        }
        if whole {
            let took = now.since(self.books[index].reading_since);
            self.plan_sweep(index, now, took);
        }
    }

    fn take_image(&mut self, index: usize, image: TabImage, whole: bool, now: Moment) {
        let sequence = self.sequence;
        let tab = &mut self.tabs[index];
        let table = tab.spec.table;
        if !whole {
            tab.stale = !take_keys(tab, &image, sequence);
            return;
        }
        let repairing = (!tab.repairs.is_empty()).then(|| image.clone());
        match take_whole(tab, image, sequence) {
            Ok(found) => {
                let column = tab.spec.key.first().and_then(|key| tab.spec.columns.get(*key));
                let column = column.map(|column| column.name.clone()).unwrap_or_default();
                let frozen = found.duplicates.into_iter().map(|key| Overruled {
                    kind: DUPLICATE,
                    sheet: crate::cell::Cell::text(key.0.clone()),
                    key: Some(key),
                    column: column.clone(),
                    base: None,
                    database: None,
                });
                let frozen = frozen.collect();
                self.record(table, frozen, now);
            }
            Err(reason) => {
                tab.stale = false;
                tab.image = repairing;
                self.set_aside(table, reason);
            }
        }
    }

    pub(super) fn on_loaded(&mut self, table: TableId, rows: Vec<(RowKey, PendingRow)>) {
        let Some(tab) = self.tab_mut(table) else { return };
        for (key, row) in rows {
            tab.pending.unspill(&key, row.after);
        }
        let spreadsheet = tab.spec.spreadsheet.clone();
        if let Some(index) = self.book_index(&spreadsheet)
            && matches!(self.books[index].phase, Phase::Loading)
        {
            self.books[index].phase = Phase::Ready;
        }
    }

    pub(super) fn on_written(&mut self, spreadsheet: &str, outcome: WriteOutcome, now: Moment) {
        let Some(index) = self.book_index(spreadsheet) else { return };
        if !matches!(outcome, WriteOutcome::Throttled) {
            self.pacer.on_answered(Class::Write);
        }
        match std::mem::replace(&mut self.books[index].phase, Phase::Ready) {
            Phase::Sending { flight } => self.on_sent(index, flight, outcome, now),
            Phase::Burning { flight } => self.on_burnt(index, flight, outcome, now),
            other => self.books[index].phase = other,
        }
    }

    fn on_sent(&mut self, index: usize, flight: InFlight, outcome: WriteOutcome, now: Moment) {
        match outcome {
            WriteOutcome::Applied(journal) if journal.header.batch == flight.batch.id => {
                self.settle(index, &flight, &journal, now);
            }
            WriteOutcome::Applied(_) => self.on_unknown(index, flight, "a strange answer", now),
            WriteOutcome::Unknown { reason } => self.on_unknown(index, flight, &reason, now),
            WriteOutcome::Fenced => self.look_again(index, flight, now),
            WriteOutcome::Refused { tab, message } => {
                self.on_refused(index, &flight, (tab, &message), now);
            }
            WriteOutcome::Throttled => {
                self.drop_flight(index);
                self.on_throttled(index, now);
            }
            WriteOutcome::NotSent { .. } => {
                self.drop_flight(index);
                self.books[index].hold_back(now);
            }
            WriteOutcome::Denied { message } => {
                self.drop_flight(index);
                self.deny(index, message, now);
            }
        }
    }

    /// The batch was certainly not applied and never will be: it is planned afresh.
    fn drop_flight(&mut self, index: usize) {
        let spreadsheet = self.books[index].spreadsheet.clone();
        self.outbox.push(StoreStep::InFlight(spreadsheet, None));
    }

    fn on_unknown(&mut self, index: usize, flight: InFlight, reason: &str, now: Moment) {
        let book = &mut self.books[index];
        book.hold_back(now);
        book.phase = Phase::InDoubt { flight };
        let spreadsheet = book.spreadsheet.clone();
        self.notices.push_back(Notice::AnswerLost { spreadsheet, reason: reason.to_owned() });
    }

    fn look_again(&mut self, index: usize, flight: InFlight, now: Moment) {
        let book = &mut self.books[index];
        book.recover = Some(flight);
        book.phase = Phase::Closed;
        book.hold_back(now);
    }

    fn on_throttled(&mut self, index: usize, now: Moment) {
        self.pacer.on_throttled(Class::Write, now);
        let spreadsheet = self.books[index].spreadsheet.clone();
        self.notices.push_back(Notice::Throttled { spreadsheet });
    }

    /// A definite no: rows may have moved beyond the grid, or Google dislikes the content. Read afresh once, then blame a table.
    fn on_refused(
        &mut self,
        index: usize,
        flight: &InFlight,
        (tab, message): (Option<usize>, &str),
        now: Moment,
    ) {
        self.drop_flight(index);
        self.books[index].hold_back(now);
        let blamed = match (tab, flight.expectations.as_slice()) {
            (Some(place), all) => all.get(place).map(|one| one.table),
            (None, [one]) => Some(one.table),
            (None, _) => None,
        };
        for tab in self.books[index].tabs.clone() {
            self.tabs[tab].stale |= !self.tabs[tab].geometry.missing && !self.tabs[tab].set_aside();
        }
        let Some(table) = blamed else {
            self.books[index].solo = true;
            return;
        };
        let Some(tab) = self.tab_mut(table) else { return };
        tab.refusals += 1;
        let work = flight.batch.tabs.iter().zip(&flight.expectations);
        tab.refused_size = (work.filter(|(_, one)| one.table == table))
            .map(|(work, _)| work.size())
            .fold((0, 0), |most, size| (most.0.max(size.0), most.1.max(size.1)));
        if tab.refusals >= REFUSALS_MAX {
            let title = tab.geometry.title.clone();
            self.set_aside(
                table,
                format!(
                    "Google refuses a write to tab '{title}': {message}; mend that and run again, the table is then copied anew"
                ),
            );
        } else {
            self.reopen(index);
        }
    }

    fn on_burnt(&mut self, index: usize, flight: InFlight, outcome: WriteOutcome, now: Moment) {
        match outcome {
            WriteOutcome::Applied(_) => {
                let spreadsheet = self.books[index].spreadsheet.clone();
                self.notices.push_back(Notice::AnswerFound { spreadsheet, applied: false });
                self.pass_fence(index, flight.batch.fence.next);
                self.books[index].phase = Phase::Closed;
            }
            WriteOutcome::Fenced => self.look_again(index, flight, now),
            WriteOutcome::Throttled => {
                self.books[index].phase = Phase::InDoubt { flight };
                self.on_throttled(index, now);
            }
            WriteOutcome::Unknown { .. }
            | WriteOutcome::NotSent { .. }
            | WriteOutcome::Refused { .. } => {
                self.books[index].phase = Phase::InDoubt { flight };
                self.books[index].hold_back(now);
            }
            WriteOutcome::Denied { message } => {
                self.books[index].phase = Phase::InDoubt { flight };
                self.deny(index, message, now);
            }
        }
    }

    pub(super) fn on_journal(
        &mut self,
        spreadsheet: &str,
        answer: Result<Option<Journal>, ReadFailure>,
        now: Moment,
    ) {
        let Some(index) = self.book_index(spreadsheet) else { return };
        let phase = std::mem::replace(&mut self.books[index].phase, Phase::Ready);
        let Phase::Asking { flight } = phase else {
            self.books[index].phase = phase;
            return;
        };
        match answer {
            Ok(Some(journal)) if journal.header.batch == flight.batch.id => {
                let spreadsheet = self.books[index].spreadsheet.clone();
                self.notices.push_back(Notice::AnswerFound { spreadsheet, applied: true });
                self.settle(index, &flight, &journal, now);
                self.books[index].phase = Phase::Closed;
            }
            Ok(Some(journal)) if journal.header.batch == burn_id(&flight.batch.id) => {
                let spreadsheet = self.books[index].spreadsheet.clone();
                self.notices.push_back(Notice::AnswerFound { spreadsheet, applied: false });
                self.pass_fence(index, flight.batch.fence.next);
                self.books[index].phase = Phase::Closed;
            }
            Ok(_) => self.look_again(index, flight, now),
            Err(failure) => {
                self.books[index].phase = Phase::Applied { flight };
                self.on_read_failure(index, failure, now);
            }
        }
    }

    /// The fence stands behind the batch, whatever became of it.
    fn pass_fence(&mut self, index: usize, next: u64) {
        let book = &mut self.books[index];
        book.fence = Some(next);
        book.worked();
        self.outbox.push(StoreStep::Fence(book.spreadsheet.clone(), next));
        self.outbox.push(StoreStep::InFlight(book.spreadsheet.clone(), None));
        self.urgent = true;
    }

    /// The batch was applied: learn from its journal.
    fn settle(&mut self, index: usize, flight: &InFlight, journal: &Journal, now: Moment) {
        self.sequence += 1;
        let sequence = self.sequence;
        let mut tables = Vec::new();
        let parts = flight.batch.tabs.iter().zip(&flight.expectations).zip(&journal.tabs);
        for ((work, expectation), images) in parts {
            let table = expectation.table;
            let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else {
                continue;
            };
            tab.refusals = 0;
            let outcome = confirm(tab, work, expectation, images, sequence);
            tables.push((table, outcome.rows));
            self.outbox.extend(outcome.steps);
            if outcome.moved > 0 {
                self.notices.push_back(Notice::RowsMoved { table, rows: outcome.moved });
            }
            self.record(table, outcome.overruled, now);
        }
        self.books[index].solo = false;
        self.pass_fence(index, flight.batch.fence.next);
        let spreadsheet = self.books[index].spreadsheet.clone();
        let sequence = flight.batch.fence.next;
        self.notices.push_back(Notice::Flushed { spreadsheet, sequence, tables });
    }
}

fn copy_of_store(spreadsheet: &str) -> String {
    format!(
        "spreadsheet {spreadsheet} was written by another process that runs on a copy of this data folder: stop that one, or run with --takeover if it is gone for good"
    )
}
