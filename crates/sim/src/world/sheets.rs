//! The sheet's side: people, versions, doorbells.

use super::{World, excuse};
use crate::{
    people::{Person, Ring, names},
    sheet::Moment,
};
use sheetwire_engine::{
    batch::{Batch, InFlight, RowIndex},
    change::TableId,
    door::{Bell, Input},
};

/// A cell in which a person wants the database's value.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    table: TableId,
    row: RowIndex,
    column: u16,
}

impl World {
    /// A person does something in some tab.
    pub fn person(&mut self) {
        if self.tape.per_mille(self.options.faults.journal) {
            return self.meddle();
        }
        let table = self.tape.below(3);
        let wild = self.options.wild;
        let of = &self.db.tables[table];
        let (id, title) = (of.spec.spreadsheet.clone(), of.spec.title.clone());
        let Some(book) = self.books.iter_mut().find(|book| book.id == id) else { return };
        if self.tape.percent(5) {
            book.remember();
        }
        if self.options.faults.read_fails > 0 {
            book.is_about_to_change();
        }
        let Some(tab) = book.tab_mut(&title) else { return };
        let mut person = Person {
            tape: &mut self.tape,
            tab,
            table,
            of,
            words: &mut self.words,
            deeds: &mut self.deeds[table],
            wild,
            bold: self.options.faults.operator > 0,
        };
        let (done, ring) = person.act();
        if let Ring::Revert(row, column) = ring {
            let table = of.spec.table;
            self.note(|| format!("   person at {title}: {done}"));
            return self.want_back(table, (row, column));
        }
        let sheet_id = i32::try_from(tab.grid.id).unwrap_or(0);
        if ring == Ring::TabGone {
            if tab.barred.is_some() {
                // What was in the way is gone with it, but it may have been refused so often that the table is set aside.
                self.mended.insert(table);
            }
            book.now.tabs.retain(|tab| i64::from(sheet_id) != tab.grid.id);
        }
        match &*done {
            "RenameTab" => self.count("tab renamed"),
            "DeleteTab" => self.count("tab deleted"),
            "DeleteColumn" => self.count("column deleted"),
            "Bar" => self.count("tab barred"),
            _ => {}
        }
        if self.trace.is_some() {
            let shown = self.show(table);
            self.note(|| format!("   person at {title}: {done}\n{shown}"));
        }
        self.ring(&id, sheet_id, ring);
    }

    /// Somebody wants the database's value in a cell: what stands in that place until the engine has looked is given up.
    fn want_back(&mut self, table: TableId, (row, column): (RowIndex, u16)) {
        self.count("revert");
        self.reverts.push(Wanted { table, row, column });
        // The script in the sheet knows one address.
        self.tell(0, Input::Revert { table, row, column });
        self.give_up(table, None);
    }

    /// What stands now, or stood when a late read tells of, where the engine that was asked has still to look which row it is.
    pub(crate) fn give_up(&mut self, table: TableId, early: Option<&Moment>) {
        if !self.reverts.iter().any(|wanted| wanted.table == table) {
            return;
        }
        let status = self.processes[0].engine.status();
        let waits = status.tables.iter().any(|tab| tab.table == table && tab.asked > 0);
        self.reverts.retain(|wanted| waits || wanted.table != table);
        let spec = &self.db.tables[usize::from(table.0)].spec;
        let book = self.books.iter().find(|book| book.id == spec.spreadsheet);
        let Some(moment) = early.or(book.map(|book| &book.now)) else { return };
        let Some(tab) = moment.tab(&spec.title) else { return };
        let Some(columns) = tab.mapped(spec.header_row, &names(spec)) else { return };
        for wanted in self.reverts.iter().filter(|wanted| wanted.table == table) {
            let row = usize::try_from(wanted.row.0).unwrap_or(usize::MAX);
            let column = usize::from(wanted.column);
            self.words.excuse(&tab.at(row, columns[column]));
            let number = tab.rows.get(row).copied().unwrap_or(0);
            self.deeds[usize::from(table.0)].wanted.insert((number, column));
        }
    }

    /// Somebody deletes the journal, or restores an older version.
    pub(super) fn meddle(&mut self) {
        let index = self.tape.below(self.books.len());
        self.amnesia = true;
        let book = &mut self.books[index];
        if book.now.journal.is_none() {
            return;
        }
        excuse(&mut self.words, book);
        if self.tape.percent(50) || book.history.is_empty() {
            book.now.journal = None;
            book.now.fence = None;
            self.count("journal deleted");
            self.note(|| "   somebody deletes the journal".into());
        } else {
            let version = self.tape.below(book.history.len());
            let before = std::mem::replace(&mut book.now, book.history[version].clone());
            self.count("version restored");
            self.note(|| "   somebody restores an older version".into());
            for (table, of) in self.db.tables.iter().enumerate() {
                let tab = before
                    .tab(&of.spec.title)
                    .filter(|_| of.spec.spreadsheet == self.books[index].id);
                if tab.is_some_and(|tab| tab.cut.is_some() || tab.barred.is_some()) {
                    self.mended.insert(table);
                }
            }
            self.withdraw_all(index, &before);
        }
    }

    /// What only the journals know of nobody will read any more.
    pub(super) fn excuse_journals(&mut self) {
        for book in &self.books {
            excuse(&mut self.words, book);
        }
    }

    /// Whether the journal, before the batch, is that of another store than the batch's: the process that sent it has to take over.
    pub(crate) fn is_of_another(&self, batch: &Batch) -> bool {
        let book = self.books.iter().find(|book| book.id == batch.spreadsheet);
        let journal = book.and_then(|book| book.now.journal.as_ref());
        journal.is_some_and(|journal| journal.header.owner.instance != batch.owner.instance)
    }

    /// What a late batch wrote over that no process waits for any more, as after a takeover, stands in the journal tab, for people to read.
    pub(crate) fn excuse_unawaited(&mut self, batch: &Batch, others: bool) {
        let awaits = |flight: &InFlight| flight.batch.id == batch.id;
        let awaited = self.processes.iter().any(|one| one.store.in_flight.values().any(awaits));
        let book = self.books.iter().find(|book| book.id == batch.spreadsheet);
        if let Some(book) = book.filter(|_| self.amnesia && (others || !awaited)) {
            excuse(&mut self.words, book);
        }
    }

    /// What the version that was replaced held is its replacer's business.
    pub(super) fn withdraw_all(&mut self, index: usize, before: &Moment) {
        for tab in &before.tabs {
            for row in 0..tab.grid.stored_rows() {
                for cell in tab.grid.row(row) {
                    let cell = crate::sheet::of_grid(cell);
                    if let Some(word) =
                        crate::words::of_cell(&cell).and_then(|text| self.words.get_mut(text))
                    {
                        word.withdrawn = true;
                        word.copied = true;
                    }
                }
            }
        }
        let id = self.books[index].id.clone();
        for (table, deeds) in self.db.tables.iter().zip(&mut self.deeds) {
            if table.spec.spreadsheet == id {
                deeds.everything = true;
            }
        }
    }

    pub(super) fn ring(&mut self, id: &str, sheet_id: i32, ring: Ring) {
        let rows = match ring {
            Ring::Silent | Ring::Revert(..) => return,
            Ring::Rows(row, count) => Some((row, count)),
            Ring::Structure | Ring::TabGone => None,
        };
        let trouble = self.options.faults.bells;
        let mut copies = 1;
        if self.tape.percent(trouble) {
            copies = self.tape.pick(&[0, 2]);
        }
        for _ in 0..copies {
            let delay = if self.tape.percent(trouble) { self.tape.below(60) } else { 0 };
            let due = self.tick + u64::try_from(delay).unwrap_or(0);
            let bell = Bell {
                spreadsheet: id.to_owned(),
                sheet_id: Some(sheet_id),
                rows,
                who: Some("somebody".into()),
                at_us: self.now_us(),
            };
            #[cfg(feature = "mutants")]
            self.take_along(due, &bell);
            self.bells.push((due, bell));
        }
    }

    /// What is under way arrives.
    pub fn arrive(&mut self) {
        self.arrive_late();
        let tick = self.tick;
        let now_us = self.now_us();
        self.db.reap(tick, now_us);
        for process in 0..self.processes.len() {
            if self.processes[process].lost.is_some_and(|due| due <= tick) {
                self.processes[process].lost = None;
                if !self.db.has_session(self.processes[process].owner) {
                    self.tell(process, Input::WriterLost { reason: "the server went away".into() });
                }
            }
        }
        #[cfg(feature = "mutants")]
        self.deliver();
        while let Some(place) = self.bells.iter().position(|(due, _)| *due <= tick) {
            let (_, bell) = self.bells.remove(place);
            for process in 0..self.processes.len() {
                self.tell(process, Input::Rang(bell.clone()));
            }
        }
    }
}
