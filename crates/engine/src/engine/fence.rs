//! What journal and fence of a spreadsheet say, and what to do where they are gone or older than the store.

use super::{Engine, outbound::burn_id};
use crate::{
    batch::{InFlight, JournalHeader, SpreadsheetImage},
    book::{Book, Takeover},
    confirm::Overruled,
    conflict::ConflictKind,
    door::Notice,
    mutants::{Mutant, on},
    newcomers::marker_in,
    state::{RowIdentity, RowKey, StoreStep},
    time::Moment,
};

/// What a look at a spreadsheet means for the fence.
pub(super) enum Verdict {
    /// Go on from this sequence number.
    GoOn(Option<u64>),
    /// The journal is gone or older than the store.
    Lost { fence: Option<u64> },
    /// Another process wrote here, and the operator says that it is gone for good.
    TakeOver { fence: u64 },
    /// Another process writes here.
    Foreign(String),
    /// A person broke the journal.
    Damaged,
}

pub(super) fn copy_of_store(spreadsheet: &str) -> String {
    format!(
        "spreadsheet {spreadsheet} was written by another process that runs on a copy of this data folder: stop that one, or run with --takeover if it is gone for good"
    )
}

impl Engine {
    /// Compares journal and fence with what the store holds.
    pub(super) fn judge(&self, index: usize, image: &SpreadsheetImage) -> Verdict {
        if on(Mutant::NoFence) || on(Mutant::BatchNotDurable) {
            return Verdict::GoOn(image.fence);
        }
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
            return Self::judge_owner(journal, book);
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
            return Self::judge_copy(found, book);
        }
        if book.fence.is_some_and(|fence| found <= fence) {
            return Self::judge_age(book.fence, found);
        }
        if found < book.fence_floor {
            // A batch of ours from before the journal was lost has come late.
            return Verdict::Lost { fence: Some(found) };
        }
        Self::judge_copy(found, book)
    }

    pub(super) fn judge_copy(found: u64, book: &Book) -> Verdict {
        if book.takeover == Takeover::Allowed {
            return Verdict::TakeOver { fence: found };
        }
        Verdict::Foreign(copy_of_store(&book.spreadsheet))
    }

    pub(super) fn judge_owner(journal: &JournalHeader, book: &Book) -> Verdict {
        if book.takeover == Takeover::Allowed {
            return Verdict::TakeOver { fence: journal.sequence };
        }
        let spreadsheet = &book.spreadsheet;
        Verdict::Foreign(format!(
            "spreadsheet {spreadsheet} is kept by another instance (pipeline '{}', instance {}): stop that one, or run with --takeover if it is gone for good",
            journal.owner.pipeline, journal.owner.instance
        ))
    }

    pub(super) fn judge_age(known: Option<u64>, found: u64) -> Verdict {
        if known.is_some_and(|known| found < known) {
            Verdict::Lost { fence: Some(found) }
        } else {
            Verdict::GoOn(Some(found))
        }
    }

    /// Nobody knows what was applied: hold still until no late batch can arrive, then compare everything.
    pub(super) fn on_journal_lost(&mut self, index: usize, fence: Option<u64>, now: Moment) {
        let hold = self.settings.journal_hold;
        let mut highest = self.books[index].fence.max(fence);
        if let Some(flight) = self.books[index].recover.take() {
            highest = highest.max(Some(flight.batch.fence.next));
            self.record_known_losses(&flight, now);
            self.expect_inserts(&flight);
            self.forget_claims(&flight);
        }
        let book = &mut self.books[index];
        if let Some(highest) = highest {
            // A process that starts without knowing of the loss must not take a late batch of ours for another's.
            self.outbox.push(StoreStep::Fence(book.spreadsheet.clone(), highest));
        }
        book.fence_floor = highest.unwrap_or(0).max(book.fence_floor) + 1;
        book.fence = fence;
        book.not_before = now.after(hold);
        self.outbox.push(StoreStep::InFlight(book.spreadsheet.clone(), None));
        self.notices.push_back(Notice::JournalGone { spreadsheet: book.spreadsheet.clone() });
        for tab in self.books[index].tabs.clone() {
            self.doubt_everything(tab);
        }
    }

    /// Rows that the batch was to add may be in the sheet: if so, they are ours and not a person's.
    pub(super) fn expect_inserts(&mut self, flight: &InFlight) {
        for part in flight.expectations.iter().filter(|part| !part.repair) {
            let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == part.table) else {
                continue;
            };
            for row in &part.inserts {
                if let RowIdentity::Key(key) = &row.row
                    && !tab.base.contains_key(key)
                {
                    let key_columns = tab.spec.key.clone();
                    self.outbox.push(tab.rebase(key, |base| {
                        for column in key_columns {
                            if let Some(cell) = row.database.get(column) {
                                base.agree(column, cell.clone(), cell.clone());
                            }
                        }
                    }));
                }
            }
        }
    }

    /// Whether the batch was applied nobody can tell any more. What people had typed where it writes, as far as that was known when it was planned,
    /// is kept in any case.
    pub(super) fn record_known_losses(&mut self, flight: &InFlight, now: Moment) {
        for (work, part) in flight.batch.tabs.iter().zip(&flight.expectations) {
            let Some(tab) = self.tab_mut(part.table).filter(|_| !part.repair) else { continue };
            let mut lost = Vec::new();
            for (write, expected) in work.writes.iter().zip(&part.writes) {
                let RowIdentity::Key(key) = &expected.row else { continue };
                for (column, written) in &write.cells {
                    let place = usize::from(*column);
                    let (Some(before), Some(spec)) =
                        (expected.before.get(place), tab.spec.columns.get(place))
                    else {
                        continue;
                    };
                    let agreed = tab.base.get(key).and_then(|base| base.sheet(place));
                    if !before.is_empty() && before != written && agreed != Some(before) {
                        lost.push(Overruled {
                            kind: ConflictKind::TypedOver,
                            key: Some(key.clone()),
                            column: spec.name.clone(),
                            base: agreed.cloned(),
                            database: Some(written.clone()),
                            sheet: before.clone(),
                            astray: false,
                        });
                    }
                }
            }
            self.record(part.table, lost, now);
        }
    }

    /// Which rows have got the markers of the batch nobody knows: not necessarily new ones. They wait for a person.
    pub(super) fn forget_claims(&mut self, flight: &InFlight) {
        for (work, part) in flight.batch.tabs.iter().zip(&flight.expectations) {
            let written = work.writes.iter().flat_map(|write| &write.cells);
            for (_, cell) in written {
                let Some(marker) = marker_in([cell].into_iter()) else { continue };
                let Some(tab) = self.tab_mut(part.table) else { continue };
                if tab.claims.get(&marker).is_some_and(|claim| claim.key.is_none()) {
                    tab.claims.remove(&marker);
                    self.outbox.push(StoreStep::ClaimGone(part.table, marker));
                }
            }
        }
    }

    /// What the other process wrote is not known here, and a batch of ours that was under way is none any more: the fence has passed it.
    pub(super) fn take_over(&mut self, index: usize, fence: u64) {
        let book = &mut self.books[index];
        book.fence = Some(fence);
        book.takeover = Takeover::Unclaimed;
        book.recover = None;
        self.outbox.push(StoreStep::InFlight(book.spreadsheet.clone(), None));
        self.outbox.push(StoreStep::Fence(book.spreadsheet.clone(), fence));
        for tab in self.books[index].tabs.clone() {
            self.doubt_everything(tab);
        }
    }

    /// What a two-way tab shows may be an older version of it, so that nothing in it counts as agreed or as entered by anybody.
    pub(super) fn doubt_everything(&mut self, index: usize) {
        self.sequence += 1;
        let sequence = self.sequence;
        let tab = &mut self.tabs[index];
        tab.busy.clear();
        tab.pending.wake_all();
        if !tab.is_inbound() {
            return;
        }
        let keys: Vec<RowKey> = tab.base.keys().cloned().collect();
        let key_columns = tab.spec.key.clone();
        for key in keys {
            if let (None, Some(database)) = (tab.pending.get(&key), tab.database_view(&key)) {
                tab.pending.absorb(key.clone(), database, sequence, 0);
            }
            self.outbox.push(tab.rebase(&key, |base| *base = base.doubted(&key_columns)));
        }
    }
}
