//! The conflict log: what a person should know, and what came of it.

use super::Engine;
use crate::{
    cell::Cell,
    change::TableId,
    confirm::Overruled,
    conflict::{ConflictKind, ConflictRecord, Outcome},
    door::Notice,
    history::{Changed, HistoryEntry, Origin},
    merge::{Rule, Side},
    open::WHOLE_ROW,
    planner::Finding,
    state::StoreStep,
    strays::Stray,
    time::Moment,
};

impl Engine {
    /// Keeps values that did not win.
    pub(super) fn record(&mut self, table: TableId, overruled: Vec<Overruled>, now: Moment) {
        let cells = overruled.len();
        for lost in overruled {
            let place = self.tabs.iter().find(|tab| tab.spec.table == table).and_then(|tab| {
                tab.spec.columns.iter().position(|column| column.name == lost.column)
            });
            let stray = self.stray_of(table, place, &lost);
            let outcome = match lost.kind {
                ConflictKind::DuplicateKey => Outcome::Open,
                _ if stray.is_some() => Outcome::Open,
                _ => Outcome::Kept(Side::Database),
            };
            let record = ConflictRecord {
                key: lost.key,
                column: lost.column,
                base: lost.base,
                database: lost.database,
                sheet: Some(lost.sheet),
                outcome,
                ..self.blank_record(table, lost.kind, now)
            };
            if let (Some(stray), Some(tab)) = (stray, self.tab_mut(table)) {
                tab.strays.add(Stray { id: record.id, ..stray });
            }
            self.write_record(record, place.and_then(|place| u16::try_from(place).ok()));
        }
        if cells > 0 {
            self.notices.push_back(Notice::Conflicts { table, cells });
        }
    }

    /// What may reach the database of what could not be put back.
    fn stray_of(&self, table: TableId, place: Option<usize>, lost: &Overruled) -> Option<Stray> {
        let tab = self.tabs.iter().find(|tab| tab.spec.table == table)?;
        let column = place.filter(|_| lost.kind == ConflictKind::NotPutBack && tab.is_inbound())?;
        let wrong = lost.database.clone().filter(|_| lost.astray);
        let matters = wrong.is_some() || tab.spec.key.contains(&column);
        matters.then(|| Stray { id: 0, column, wrong, lost: lost.sheet.clone() })
    }

    /// Keeps what planning found: things that wait, and database values that lost.
    pub(super) fn find(&mut self, table: TableId, findings: Vec<Finding>, now: Moment) {
        let mut cells = 0;
        for found in findings {
            let Some(tab) = self.tab_mut(table) else { return };
            if tab.open.is_known(&found) {
                // Asked again after a while, and refused as before: it keeps its number.
                continue;
            }
            cells += 1;
            let column = tab.spec.columns.get(usize::from(found.column));
            let column = column.map(|column| column.name.clone()).unwrap_or_default();
            let decided = tab.open.decision(&found.key, found.column);
            if let Some(older) = tab.open.close(&found.key, found.column) {
                self.outbox.push(StoreStep::Outcome(older, Outcome::GoneByItself));
            }
            // Refused for now, a person's word stands until it can be carried out.
            let outcome = match (found.kind, found.outcome, decided) {
                (ConflictKind::ConstraintRefused, Outcome::Open, Some(Side::Sheet)) => {
                    Outcome::Decided(Side::Sheet)
                }
                _ => found.outcome,
            };
            let record = ConflictRecord {
                key: Some(found.key),
                column,
                base: found.base,
                database: found.database,
                sheet: found.sheet,
                outcome,
                reason: found.reason,
                ..self.blank_record(table, found.kind, now)
            };
            self.write_record(record, Some(found.column));
        }
        if cells > 0 {
            self.notices.push_back(Notice::Conflicts { table, cells });
        }
    }

    /// Keeps what was changed for people who ask later.
    pub(super) fn remember(
        &mut self,
        table: TableId,
        (side, by): (Side, Origin),
        changed: Vec<Changed>,
        now: Moment,
    ) {
        if !self.settings.history {
            return;
        }
        let at_us = self.wall_clock(now);
        let entries = changed.into_iter().map(|change| {
            StoreStep::History(HistoryEntry {
                table,
                key: change.key,
                at_us,
                side,
                what: change.what,
                cells: change.cells,
                who: change.who,
                by: by.clone(),
            })
        });
        self.outbox.extend(entries);
    }

    fn blank_record(&mut self, table: TableId, kind: ConflictKind, now: Moment) -> ConflictRecord {
        self.conflicts += 1;
        ConflictRecord {
            id: self.conflicts,
            table,
            key: None,
            column: String::new(),
            kind,
            base: None,
            database: None,
            sheet: None,
            seen_at_us: self.wall_clock(now),
            database_at_us: None,
            sheet_at_us: None,
            who: None,
            rule: None,
            outcome: Outcome::Open,
            reason: None,
        }
    }

    fn write_record(&mut self, mut record: ConflictRecord, column: Option<u16>) {
        if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == record.table) {
            if let Some(key) = &record.key {
                let at = tab.pending.committed_at(key);
                record.database_at_us = (at != 0).then_some(at);
                if let Some(mark) = tab.edits.get(key) {
                    record.sheet_at_us = Some(mark.at_us);
                    record.who.clone_from(&mark.who);
                }
            }
            let of_column = column.and_then(|c| tab.spec.policy.columns.get(usize::from(c)));
            record.rule = match record.kind {
                ConflictKind::EditEdit | ConflictKind::InsertInsert => of_column.map(|c| c.rule),
                ConflictKind::EditedRowRemoved | ConflictKind::RemovedRowEdited => {
                    Some(tab.spec.policy.rule)
                }
                _ => None,
            };
            let listed = record.outcome.is_open() && record.kind != ConflictKind::NotPutBack;
            let told = tab.spec.notes && matches!(record.outcome, Outcome::Kept(_));
            let spot = record.key.clone().zip(Some(column.unwrap_or(WHOLE_ROW)));
            match spot {
                Some((key, column)) if listed => tab.open.insert(key, column, record.clone()),
                Some((key, column)) if told => tab.notes.tell(key, column, record.clone()),
                Some(_) | None => {}
            }
        }
        self.outbox.push(StoreStep::Conflict(record));
    }

    /// An open conflict as the store gave it back.
    pub(super) fn reopen_conflict(&mut self, record: ConflictRecord) {
        let Some(tab) = self.tab_mut(record.table) else { return };
        let place = tab.spec.columns.iter().position(|column| column.name == record.column);
        if record.kind == ConflictKind::NotPutBack {
            if let Some(column) = place {
                let lost = record.sheet.unwrap_or(Cell::Empty);
                tab.strays.add(Stray { id: record.id, column, wrong: record.database, lost });
            }
            return;
        }
        let Some(key) = record.key.clone() else { return };
        let column = place.and_then(|place| u16::try_from(place).ok()).unwrap_or(WHOLE_ROW);
        tab.open.insert(key, column, record);
    }

    /// Open conflicts that are over.
    pub(super) fn close_conflicts(&mut self, closed: impl IntoIterator<Item = (u64, Outcome)>) {
        let steps = closed.into_iter().map(|(id, outcome)| StoreStep::Outcome(id, outcome));
        self.outbox.extend(steps);
    }

    /// The rule of a table's rows, for sentences.
    pub fn rule_of(&self, table: TableId) -> Option<Rule> {
        Some(self.tabs.iter().find(|tab| tab.spec.table == table)?.spec.policy.rule)
    }
}
