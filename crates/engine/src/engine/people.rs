//! What people ask for from outside: look now, decide, let go, put back, rest.

use std::time::Duration;

use super::Engine;
use crate::{
    batch::RowIndex,
    change::TableId,
    conflict::Outcome,
    door::Bell,
    merge::{RowVerdict, Side, Verdict},
    planner::verdict,
    state::{RowKey, StoreStep, TableState},
    tab::EditMark,
    time::Moment,
};

/// More doorbells than this at once, and the tab is read whole.
const BELLS_MAX: usize = 32;
/// More rows than this behind one doorbell, and the tab is read whole.
const BELL_ROWS_MAX: u32 = 500;
/// After a doorbell the spreadsheet counts as being worked in for so long.
const ACTIVE_FOR: Duration = Duration::from_mins(2);

impl Engine {
    pub(super) fn on_sweep(&mut self) {
        for tab in &mut self.tabs {
            (tab.stale, tab.again) = (true, true);
        }
    }

    /// Something may have changed. What it is, is read from the sheet.
    pub(super) fn on_bell(&mut self, bell: Bell, now: Moment) {
        let Some(index) = self.book_index(&bell.spreadsheet) else { return };
        self.is_worked_in(index, now);
        let book = &mut self.books[index];
        let small = bell.rows.is_some_and(|(_, count)| count <= BELL_ROWS_MAX);
        if small && bell.sheet_id.is_some() && book.bells.len() < BELLS_MAX {
            book.bells.push(bell);
            return;
        }
        // Of too many bells in several tabs, each tab is read whole.
        let all = book.bells.len() >= BELLS_MAX;
        let named = |id: i32| all || bell.sheet_id.is_none_or(|wanted| wanted == id);
        book.bells.retain(|other| !other.sheet_id.is_some_and(named));
        for tab in book.tabs.clone() {
            let tab = &mut self.tabs[tab];
            if named(tab.geometry.sheet_id) && !tab.geometry.missing {
                let looked_at = !tab.set_aside();
                tab.stale |= looked_at;
                tab.again |= looked_at;
            }
        }
    }

    /// People are at work in a spreadsheet: the next sweep comes sooner, and those after it.
    pub(super) fn is_worked_in(&mut self, index: usize, now: Moment) {
        self.books[index].active_until = now.after(ACTIVE_FOR);
        let due = self.books[index].next_sweep;
        if due > Moment::START {
            self.plan_sweep(index, now, Duration::ZERO);
            let book = &mut self.books[index];
            book.next_sweep = book.next_sweep.min(due);
        }
    }

    /// What waits to be read because of doorbells, tab by tab: rows, and who changed them.
    pub(super) fn take_bells(&mut self, index: usize) -> Vec<(usize, (RowIndex, u32), EditMark)> {
        let bells = std::mem::take(&mut self.books[index].bells);
        let mut parts = Vec::new();
        for bell in bells {
            let tabs = self.books[index].tabs.iter();
            let tab =
                tabs.copied().find(|tab| bell.sheet_id == Some(self.tabs[*tab].geometry.sheet_id));
            let (Some(tab), Some(rows)) = (tab, bell.rows) else { continue };
            if self.tabs[tab].set_aside() || self.tabs[tab].geometry.missing {
                continue;
            }
            parts.push((tab, rows, EditMark { at_us: bell.at_us, who: bell.who }));
        }
        parts
    }

    pub(super) fn on_decision(&mut self, conflict: u64, side: Side) {
        for tab in &mut self.tabs {
            if tab.strays.looked_at(conflict) {
                self.outbox.push(StoreStep::Outcome(conflict, Outcome::Kept(side)));
                self.urgent = true;
                tab.pending.wake_all();
                tab.stale |= !tab.set_aside();
            }
            let Some((key, record)) = tab.open.decide(conflict, side) else { continue };
            tab.open.accept(&key);
            tab.pending.wake(&key);
            tab.touched.insert(key);
            self.outbox.push(StoreStep::Outcome(record.id, record.outcome));
            self.urgent = true;
        }
    }

    pub(super) fn on_release(&mut self, table: TableId, keys: Option<&[RowKey]>, approved: bool) {
        let Some(tab) = self.tab_mut(table) else { return };
        for key in tab.gone.release(keys, approved) {
            tab.pending.wake(&key);
            tab.touched.insert(key);
        }
    }

    /// The database's value goes back into a cell: as if nobody had ever entered anything else there. Which row it is, is read first.
    pub(super) fn on_revert(&mut self, table: TableId, row: RowIndex, column: u16, now: Moment) {
        let at_us = self.wall_clock(now);
        let Some(tab) = self.tab_mut(table) else { return };
        if tab.set_aside() || tab.geometry.missing || !tab.reverts.ask(row, column) {
            return;
        }
        let (spreadsheet, sheet_id) = (tab.spec.spreadsheet.clone(), tab.geometry.sheet_id);
        let bell =
            Bell { spreadsheet, sheet_id: Some(sheet_id), rows: Some((row, 1)), who: None, at_us };
        self.on_bell(bell, now);
    }

    /// The rows of cells that shall be put back are known now.
    pub(super) fn put_back_asked(&mut self, place: usize) {
        // While a batch is in doubt, a cell may show what it was to be.
        let sure = self.book_with(place).is_some_and(|book| self.books[book].recover.is_none());
        let tab = &mut self.tabs[place];
        for key in tab.reverts.rows() {
            if let (true, Some(cells)) = (sure, tab.sheet_view(&key)) {
                tab.reverts.see(&key, &cells);
            }
        }
        for (row, column) in self.tabs[place].reverts.take() {
            let tab = &self.tabs[place];
            let Some(key) = tab.index.key_at(row).cloned() else { continue };
            let seen = tab.sheet_view(&key);
            let Some(holds) = seen.and_then(|row| row.get(usize::from(column)).cloned()) else {
                continue;
            };
            let view = tab.database_view(&key).flatten();
            let differs = match verdict(tab, &key, view.as_deref()) {
                RowVerdict::Cells(cells) => matches!(
                    cells.get(usize::from(column)),
                    Some(Verdict::ToDatabase(_) | Verdict::Held(_))
                ),
                _ => false,
            };
            if differs {
                self.sequence += 1;
                let tab = &mut self.tabs[place];
                tab.reverts.want(key.clone(), column, holds);
                tab.pending.wake(&key);
                tab.touch(&key, self.sequence);
            }
        }
    }

    pub(super) fn on_pause(&mut self, table: TableId, paused: bool) {
        if let Some(tab) = self.tab_mut(table) {
            tab.paused = paused;
            tab.stale |= !paused && !tab.set_aside();
            self.outbox.push(StoreStep::Paused(table, paused));
            self.urgent = true;
        }
    }

    /// Everything is compared again as if nothing had ever been agreed on, and this side's values stand.
    pub(super) fn on_repair(&mut self, table: TableId, side: Side) {
        let Some(place) = self.tabs.iter().position(|tab| tab.spec.table == table) else { return };
        let tab = &self.tabs[place];
        if !tab.is_live() || (side == Side::Sheet && !tab.is_inbound()) {
            return;
        }
        self.doubt_everything(place);
        let tab = &mut self.tabs[place];
        let copy = tab.copy() + 1;
        tab.state = TableState::Copying { copy, after: None, carry: Some(side) };
        tab.stale = true;
        self.outbox.push(StoreStep::Table(table, tab.state.clone()));
        self.urgent = true;
    }
}
