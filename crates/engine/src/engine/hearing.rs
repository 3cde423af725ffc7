//! Hears of our own writes in the log, and closes the windows that they left open.

use super::{
    Engine,
    writer::{Phase, is_loose, is_without_effect},
};
use crate::{
    cell::Cell,
    change::TableId,
    door::Notice,
    history::Origin,
    inbound,
    intent::{Intent, Readback, RowWork, Stage},
    merge::Side,
    position::Position,
    state::{RowKey, StoreStep},
    time::Moment,
};

impl Engine {
    /// What the log says about the row is kept aside until it has come so far.
    pub(super) fn hear_until(&mut self, mut intent: Intent, key: &RowKey, until: Position) {
        let (id, table) = (intent.id, intent.table);
        let Some(tab) = self.tab_mut(table) else { return };
        tab.windows.open(key, id);
        let step = tab.windows.step(table, key);
        intent.rows.clear();
        intent.stage = Stage::Closing { until };
        self.outbox.push(step);
        self.outbox.push(StoreStep::Intent(intent.clone()));
        self.writer.intents.push(intent);
        self.close_windows();
    }

    /// Committed: the base follows, and the windows stay open until the log has come so far.
    pub(super) fn settle_intent(&mut self, mut intent: Intent, until: Position, now: Moment) {
        self.sequence += 1;
        let stamp = (self.sequence, self.wall_clock(now));
        let (table, is_loose) = (intent.table, is_loose(&intent));
        let rows = std::mem::take(&mut intent.rows);
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else { return };
        if is_loose {
            self.outbox.extend(tab.windows.keys().map(|key| tab.windows.step(table, key)));
        }
        let settled = inbound::settle(tab, rows, stamp);
        self.outbox.extend(settled.steps);
        let closed = settled.closed.into_iter();
        self.outbox.extend(closed.map(|(id, outcome)| StoreStep::Outcome(id, outcome)));
        self.find(table, settled.overruled, now);
        let by = Origin::Transaction { intent: intent.id, until: until.clone() };
        self.remember(table, (Side::Database, by), settled.changed, now);
        self.notices.push_back(Notice::Saved { table, rows: settled.rows });
        intent.stage = Stage::Closing { until };
        self.outbox.push(StoreStep::Intent(intent.clone()));
        self.urgent = true;
        self.writer.intents.push(intent);
        self.writer.cured = true;
        self.close_windows();
    }

    /// The log shows a row of a table that has open windows.
    pub(super) fn hear(
        &mut self,
        table: TableId,
        heard: Vec<(RowKey, Vec<u64>, Option<Vec<Cell>>)>,
    ) {
        for (key, ids, image) in heard {
            let under_way = match &mut self.writer.phase {
                Phase::Sealing { intent, .. }
                | Phase::Sealed { intent }
                | Phase::Committing { intent } => Some(intent),
                _ => None,
            };
            let known = self.writer.intents.iter_mut().chain(under_way);
            for intent in known.filter(|intent| ids.contains(&intent.id) && intent.table == table) {
                let tab = self.tabs.iter().find(|tab| tab.spec.table == table);
                let mut seen = false;
                for row in &mut intent.rows {
                    let same = match (&row.readback, &row.work, &image) {
                        (Some(Readback::Row(cells)), _, Some(image)) => cells == image,
                        (Some(Readback::Gone), RowWork::Delete { .. }, None) => row.key == key,
                        (Some(Readback::Gone), _, None) => {
                            tab.is_some_and(|tab| tab.meant(row.key.clone()) == key)
                        }
                        _ => false,
                    };
                    seen |= same && !std::mem::replace(&mut row.seen, true);
                }
                if seen {
                    self.outbox.push(StoreStep::Intent(intent.clone()));
                }
            }
        }
    }

    /// The log has come further: what was in doubt may be certain, and windows may close.
    pub(super) fn close_windows(&mut self) {
        let Some(consumed) = self.ledger.consumed().cloned() else { return };
        let mut reached = Vec::new();
        self.writer.intents.retain(|intent| {
            let until = match &intent.stage {
                Stage::Doubtful { until } | Stage::Closing { until } => until,
                Stage::Drafted | Stage::Prepared => return true,
            };
            let there = consumed.contains(until).unwrap_or(false);
            if there {
                reached.push(intent.clone());
            }
            !there
        });
        for intent in reached {
            let now = self.now;
            #[cfg(feature = "mutants")]
            let ended = intent.stage.clone();
            if let Stage::Doubtful { until } = intent.stage {
                // All or none: one row alone may have been removed by somebody else.
                let settled = intent.rows.iter().all(|row| row.seen || is_without_effect(row));
                let intent = Intent { stage: Stage::Prepared, ..intent };
                if settled {
                    self.settle_intent(intent, until, now);
                } else {
                    self.drop_intent(&intent);
                    self.shut_windows(intent.id, intent.table);
                }
            } else {
                #[cfg(feature = "mutants")]
                self.skip_own(&ended, (intent.table, intent.id), &consumed);
                self.outbox.push(StoreStep::IntentGone(intent.id));
                self.shut_windows(intent.id, intent.table);
            }
        }
    }

    /// The intent keeps no window open any more; what the log said last about a row is the row.
    pub(super) fn shut_windows(&mut self, id: u64, table: TableId) {
        self.sequence += 1;
        let stamp = (self.sequence, self.wall_clock(self.now));
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == table) else { return };
        for (key, image) in tab.windows.close(id) {
            self.outbox.push(tab.windows.step(table, &key));
            if let Some(image) = image {
                self.outbox.extend(tab.want(key, image, stamp));
            }
        }
    }
}
