//! When notes on cells are looked at: after everything else, with a read that a sweep has made anyway where there is one.

use std::time::Duration;

use super::Engine;
use crate::{
    batch::InFlight,
    book::Reading,
    door::Action,
    notes::{reckon, takes_notes},
    time::Moment,
};

/// Reads on account of notes come no closer than this behind any whole read: they are never worth more than a fraction of the budget.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Engine {
    /// Finds out what the notes of a spreadsheet's tabs need, and reads the tabs where that cannot be said.
    pub(super) fn reckon_notes(&mut self, index: usize, now: Moment) -> Option<Action> {
        let now_us = self.wall_clock(now);
        let mut look = Vec::new();
        for place in self.books[index].tabs.clone() {
            let tab = &mut self.tabs[place];
            if takes_notes(tab) {
                reckon(tab, now_us);
                if tab.notes.wants_look() {
                    look.push(place);
                }
            }
        }
        if look.is_empty() {
            return None;
        }
        let book = &self.books[index];
        // Not before a batch may follow, since what is read is good for a moment only.
        let flush = book.last_flush.map_or(now, |last| last.after(self.settings.flush_every));
        let at = book.notes_at.max(flush);
        if now < at {
            self.remind(at);
            return None;
        }
        self.read_tabs(index, look, Reading::Whole, now)
    }

    /// A batch with notes was refused: it goes without them first, before a table is blamed. Gives whether there were any.
    pub(super) fn silence_notes(&mut self, flight: &InFlight, now: Moment) -> bool {
        let now_us = self.wall_clock(now);
        let mut any = false;
        for (work, part) in flight.batch.tabs.iter().zip(&flight.expectations) {
            let tab = self.tab_mut(part.table).filter(|_| !work.notes.is_empty());
            if let Some(tab) = tab {
                tab.notes.refused(now_us);
                any = true;
            }
        }
        any
    }

    /// A whole read has come, after so long. Large tabs and slow answers are read less often, as by sweeps.
    pub(super) fn plan_notes(&mut self, index: usize, now: Moment, took: Duration) {
        let pause = LOOK_EVERY.max(self.rows_pause(index)).max(took * 20);
        self.books[index].notes_at = now.after(pause);
    }
}
