//! What the answers of Google and the store mean.

use std::{collections::BTreeSet, time::Duration};

use super::{Engine, fence::Verdict, outbound::burn_id};
use crate::{
    batch::{
        InFlight, Journal, ReadFailure, RowIndex, SpreadsheetImage, TabImage, TabsImage,
        WriteOutcome,
    },
    book::{Phase, Reading, Takeover},
    cell::Cell,
    change::TableId,
    confirm::{Overruled, confirm},
    conflict::{ConflictKind, Outcome},
    door::Notice,
    history::Origin,
    merge::Side,
    mutants::{Mutant, on},
    pacer::Class,
    repair::give_up_all,
    state::{PendingRow, RowIdentity, RowKey, StoreStep},
    survey::{find_tab, take_keys, take_part, take_whole},
    tab::EditMark,
    time::Moment,
};

/// A spreadsheet that refuses us is asked again after this.
const DENIED_PAUSE: Duration = Duration::from_mins(1);
/// Refusals in a row, each after a fresh read, before a table is set aside.
const REFUSALS_MAX: u32 = 4;

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
        let verdict = self.judge(index, &image);
        let book = &mut self.books[index];
        if book.takeover == Takeover::Allowed && !matches!(verdict, Verdict::Damaged) {
            book.takeover = Takeover::No;
        }
        match verdict {
            Verdict::GoOn(fence) => self.books[index].fence = fence,
            Verdict::Lost { fence } => self.on_journal_lost(index, fence, now),
            Verdict::TakeOver { fence } => self.take_over(index, fence),
            Verdict::Foreign(reason) => {
                self.stop = Some(reason);
                return;
            }
            Verdict::Damaged => return self.on_damaged(index, now),
        }
        for tab in self.books[index].tabs.clone() {
            find_tab(&mut self.tabs[tab], &image);
            self.forget_repairs_of_missing(tab, now);
            if self.tabs[tab].set_aside() && self.tabs[tab].repairs.is_empty() {
                self.tabs[tab].stale = false;
            }
        }
        self.books[index].phase = Phase::Ready;
    }

    fn forget_repairs_of_missing(&mut self, place: usize, now: Moment) {
        let tab = &mut self.tabs[place];
        if !tab.geometry.missing || tab.repairs.is_empty() {
            return;
        }
        let table = tab.spec.table;
        let lost = give_up_all(tab).into_iter().map(Overruled::from).collect();
        self.outbox.push(StoreStep::Repairs(table, Vec::new()));
        self.record(table, lost, now);
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
            ReadFailure::TabGone { .. } => {
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
        answer: Result<TabsImage, ReadFailure>,
        now: Moment,
    ) {
        let Some(index) = self.book_index(spreadsheet) else { return };
        let phase = std::mem::replace(&mut self.books[index].phase, Phase::Ready);
        let Phase::Reading { what, tabs } = phase else {
            self.books[index].phase = phase;
            return;
        };
        let image = match answer {
            Ok(image) => image,
            Err(failure) => {
                if matches!(what, Reading::Parts(_)) {
                    // What the doorbells named is in the whole, too.
                    for tab in tabs {
                        self.tabs[tab].stale = true;
                    }
                }
                return self.on_read_failure(index, failure, now);
            }
        };
        self.pacer.on_answered(Class::Read);
        self.books[index].worked();
        if image.fence != self.books[index].fence && !on(Mutant::NoFence) {
            // Somebody else wrote, or a batch of ours came late: what stands there is not what people made of it.
            self.books[index].phase = Phase::Closed;
            for tab in tabs {
                self.tabs[tab].stale = true;
            }
            return;
        }
        self.sequence += 1;
        #[cfg(feature = "mutants")]
        let Some((tabs, image)) = self.both_parts(&what, tabs, image) else { return };
        match what {
            Reading::Whole => {
                for (tab, image) in tabs.into_iter().zip(image.tabs) {
                    self.take_image(tab, image, now);
                }
                let took = now.since(self.books[index].reading_since);
                self.plan_sweep(index, now, took);
                self.plan_notes(index, now, took);
            }
            Reading::Keys => {
                for (tab, image) in tabs.into_iter().zip(image.tabs) {
                    let tab = &mut self.tabs[tab];
                    // A whole look may have been asked for since.
                    tab.stale |= !take_keys(tab, &image, self.sequence) || tab.again;
                }
            }
            Reading::Parts(parts) => {
                let read: BTreeSet<usize> = tabs.iter().copied().collect();
                for ((tab, part), image) in tabs.into_iter().zip(parts).zip(image.tabs) {
                    self.take_rows_of(tab, &image, part);
                }
                // Only when every part is known to stand where it was believed to.
                for tab in read.into_iter().filter(|tab| !self.tabs[*tab].stale).collect::<Vec<_>>()
                {
                    self.put_back_asked(tab);
                }
            }
        }
    }

    fn take_rows_of(
        &mut self,
        index: usize,
        image: &TabImage,
        (rows, mark): ((RowIndex, u32), EditMark),
    ) {
        let sequence = self.sequence;
        let tab = &mut self.tabs[index];
        if !tab.stale {
            tab.stale = !take_part(tab, image, rows, (sequence, &mark));
        }
    }

    fn take_image(&mut self, index: usize, image: TabImage, now: Moment) {
        let stamp = (self.sequence, self.wall_clock(now));
        let tab = &mut self.tabs[index];
        let table = tab.spec.table;
        let repairing = (!tab.repairs.is_empty()).then(|| image.clone());
        match take_whole(tab, image, stamp) {
            Ok(found) => {
                let column = tab.spec.key.first().and_then(|key| tab.spec.columns.get(*key));
                let column = column.map(|column| column.name.clone()).unwrap_or_default();
                let frozen = found.duplicates.into_iter().map(|key| Overruled {
                    kind: ConflictKind::DuplicateKey,
                    sheet: Cell::text(key.0.clone()),
                    key: Some(key),
                    column: column.clone(),
                    base: None,
                    database: None,
                    astray: false,
                });
                let frozen = frozen.collect();
                self.record(table, frozen, now);
                let met = found.resolved.into_iter();
                self.close_conflicts(met.map(|id| (id, Outcome::GoneByItself)));
                let tab = &mut self.tabs[index];
                tab.stale = std::mem::take(&mut tab.again);
                if let (true, Some(book)) = (found.active, self.book_with(index)) {
                    self.is_worked_in(book, now);
                }
                self.put_back_asked(index);
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
                self.drop_flight(index, &flight);
                self.on_throttled(index, now);
            }
            WriteOutcome::NotSent { .. } => {
                self.drop_flight(index, &flight);
                self.books[index].hold_back(now);
            }
            WriteOutcome::Denied { message } => {
                self.drop_flight(index, &flight);
                self.deny(index, message, now);
            }
        }
    }

    /// The batch was certainly not applied and never will be: it is planned afresh.
    pub(super) fn drop_flight(&mut self, index: usize, flight: &InFlight) {
        let spreadsheet = self.books[index].spreadsheet.clone();
        self.outbox.push(StoreStep::InFlight(spreadsheet, None));
        self.free_rows(flight);
    }

    /// Rows of a batch that did nothing to them get their turn again.
    fn free_rows(&mut self, flight: &InFlight) {
        for part in &flight.expectations {
            let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == part.table) else {
                continue;
            };
            let rows = part.writes.iter().chain(&part.deletes).chain(&part.inserts);
            for row in rows {
                match &row.row {
                    RowIdentity::Key(key) => {
                        tab.busy.remove(key);
                        tab.pending.wake(key);
                    }
                    // Its place is not known any more.
                    RowIdentity::Content(_) => tab.stale |= !part.repair,
                }
            }
        }
    }

    fn on_unknown(&mut self, index: usize, flight: InFlight, reason: &str, now: Moment) {
        if on(Mutant::NoFence) {
            self.drop_flight(index, &flight);
            return self.books[index].hold_back(now);
        }
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
        self.drop_flight(index, flight);
        self.books[index].hold_back(now);
        let blamed = match (tab, flight.expectations.as_slice()) {
            (Some(place), all) => all.get(place).map(|one| one.table),
            (None, [one]) => Some(one.table),
            (None, _) => None,
        };
        for tab in self.books[index].tabs.clone() {
            self.tabs[tab].stale |= !self.tabs[tab].geometry.missing && !self.tabs[tab].set_aside();
        }
        if self.silence_notes(flight, now) {
            return self.reopen(index);
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
                self.on_not_applied(index, &flight);
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

    /// The burn has passed the batch, which was not applied. Where it was to be the first one ever it may have been, and somebody deleted its
    /// journal: then there was no fence to tell.
    fn on_not_applied(&mut self, index: usize, flight: &InFlight) {
        if flight.batch.fence.previous.is_none() {
            self.expect_inserts(flight);
        }
        self.pass_fence(index, flight.batch.fence.next);
        self.free_rows(flight);
        self.books[index].phase = Phase::Closed;
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
                self.on_not_applied(index, &flight);
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
        if book.takeover == Takeover::Unclaimed {
            book.takeover = Takeover::No;
        }
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
            self.close_conflicts(outcome.closed);
            let by = Origin::Batch(flight.batch.id.clone());
            self.remember(table, (Side::Sheet, by), outcome.changed, now);
            self.record(table, outcome.overruled, now);
        }
        self.books[index].solo = false;
        self.pass_fence(index, flight.batch.fence.next);
        let spreadsheet = self.books[index].spreadsheet.clone();
        let sequence = flight.batch.fence.next;
        self.notices.push_back(Notice::Flushed { spreadsheet, sequence, tables });
    }
}
