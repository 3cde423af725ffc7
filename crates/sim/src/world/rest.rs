//! Coming to rest: no more faults, and people do what they are asked to.

use super::World;
use crate::people::Person;
use sheetwire_engine::{
    change::TableId, conflict::ConflictKind, door::Input, merge::Side, time::Moment,
};

impl World {
    /// From here on nothing goes wrong, and people and applications rest.
    pub fn calm_down(&mut self) {
        self.options.faults = crate::options::Faults::default();
        self.note(|| "   CALM".into());
        for table in 0..3 {
            self.mend(table);
        }
        for process in 0..self.processes.len() {
            self.let_go_on(process);
        }
        self.one_is_sent_away();
    }

    /// An operator has whatever Google refuses a table for, or the engine cannot make out, put right. Says whether there was anything, now or before.
    pub(super) fn mend(&mut self, table: usize) -> bool {
        let spec = &self.db.tables[table].spec;
        let header_row = usize::try_from(spec.header_row.0).unwrap_or(0);
        let book = self.books.iter_mut().find(|book| book.id == spec.spreadsheet);
        let tab = book.and_then(|book| book.tab_mut(&spec.title));
        let Some(tab) = tab else { return self.mended.contains(&table) };
        let any = tab.cut.is_some() || tab.barred.is_some();
        tab.barred = None;
        for cell in tab.bring_back(header_row) {
            self.words.excuse(&cell);
        }
        if any {
            self.count("operator mends");
            self.note(|| "   what was in the way is mended".into());
            self.mended.insert(table);
        }
        self.mended.contains(&table)
    }

    /// An operator lets all tables of a process go on.
    pub(super) fn let_go_on(&mut self, process: usize) {
        for table in 0..3 {
            self.tell(process, Input::Pause { table: TableId(table), paused: false });
        }
    }

    /// Two processes cannot both go on: whoever comes second finds out as soon as there is something to write.
    pub(super) fn one_is_sent_away(&mut self) {
        for round in 0..6_000 {
            if self.processes.len() == 1 || self.failure.is_some() {
                return;
            }
            self.tick += 1;
            self.arrive();
            if round % 300 == 0 {
                self.transact();
            }
            let mut soonest: Option<Moment> = None;
            for process in (0..self.processes.len()).rev() {
                let owner = self.processes[process].owner;
                self.feed(process);
                self.poll(process, 10);
                if self.processes.get(process).is_some_and(|one| one.owner == owner) {
                    self.work(process);
                    let wake = self.processes.get(process).and_then(|one| one.engine.wake());
                    soonest = match (soonest, wake) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
            }
            if self.processes.iter().all(|one| one.jobs.is_empty())
                && let Some(wake) = soonest
            {
                self.now = self.now.max(wake);
            }
        }
        self.failure = Some("two processes live side by side for ever".into());
    }

    /// Lets time go by until the engine has nothing left to do.
    pub fn settle(&mut self) -> Result<(), String> {
        for _ in 0..3_000 {
            self.tick += 1;
            self.arrive();
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            self.feed(0);
            self.poll(0, 40);
            if !self.processes[0].jobs.is_empty() {
                self.work(0);
                continue;
            }
            if self.is_at_rest() {
                return Ok(());
            }
            if let Some(wake) = self.processes[0].engine.wake() {
                self.now = self.now.max(wake);
            }
        }
        let status = self.processes[0].engine.status();
        Err(format!("not idle after 3,000 steps: {status:#?}"))
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let one = &self.processes[0];
        one.greeted
            && one.next.0 == self.db.log.len()
            && self.late.is_empty()
            && self.bells.is_empty()
            && one.engine.is_idle()
    }

    /// Somebody decides that a row that the database does not have is to go: what stands beside it goes along.
    fn let_own_cells_go(&mut self, conflict: u64) {
        let record = self.processes[0].store.conflicts.iter().find(|record| record.id == conflict);
        let Some(record) = record else { return };
        let of = &self.db.tables[usize::from(record.table.0)];
        let Some(key) = record.key.clone() else { return };
        let book = self.books.iter().find(|book| book.id == of.spec.spreadsheet);
        let Some(tab) = book.and_then(|book| book.tab(&of.spec.title)) else { return };
        let Some(columns) = tab.mapped(of.spec.header_row, &crate::people::names(&of.spec)) else {
            return;
        };
        for row in 0..tab.grid.stored_rows() {
            if crate::people::shown_key(tab, &of.spec, &columns, row).as_ref() != Some(&key) {
                continue;
            }
            for cell in tab.grid.row(row) {
                let cell = crate::sheet::of_grid(cell);
                let word = crate::words::of_cell(&cell).and_then(|text| self.words.get_mut(text));
                if let Some(word) = word.filter(|word| word.column.is_none()) {
                    word.excused = true;
                }
            }
        }
    }

    /// People put right what only they can: copies of rows, and what was left to them.
    pub fn people_decide(&mut self) -> bool {
        let mut any = false;
        for table in 0..3 {
            let of = &self.db.tables[table];
            let noted = self.processes[0].store.conflicts.iter().any(|record| {
                record.table == of.spec.table
                    && record.kind == ConflictKind::DuplicateKey
                    && record.outcome.is_open()
            });
            let (id, title) = (of.spec.spreadsheet.clone(), of.spec.title.clone());
            let Some(tab) =
                self.books.iter_mut().find(|b| b.id == id).and_then(|b| b.tab_mut(&title))
            else {
                continue;
            };
            let mut person = Person {
                tape: &mut self.tape,
                tab,
                table,
                of,
                words: &mut self.words,
                deeds: &mut self.deeds[table],
                wild: false,
                bold: false,
            };
            any |= person.resolve_duplicates(noted);
        }
        let open: Vec<(u64, ConflictKind)> = (self.processes[0].store.conflicts.iter())
            .filter(|record| {
                record.outcome == sheetwire_engine::conflict::Outcome::Open
                    && crate::check::is_for_people(record.kind)
            })
            .map(|record| (record.id, record.kind))
            .collect();
        for (conflict, kind) in open {
            // What may be the engine's own mistake a person leaves as the database has it.
            let ours = kind == ConflictKind::Suspect;
            let side = if !ours && self.tape.percent(50) { Side::Sheet } else { Side::Database };
            if side == Side::Database {
                self.let_own_cells_go(conflict);
            }
            self.tell(0, Input::Decide { conflict, side });
            self.decided.push(conflict);
            self.count("decided");
            any = true;
        }
        for table in 0..3 {
            let status = self.processes[0].engine.status();
            if status.tables.iter().any(|tab| tab.table == TableId(table) && tab.held > 0) {
                let approved = self.tape.percent(50);
                if !approved {
                    self.rejected.insert(table);
                }
                self.tell(0, Input::Release { table: TableId(table), keys: None, approved });
                self.count("released");
                any = true;
            }
        }
        any
    }
}
