//! A world whose acts are scripted instead of drawn: what applications, people and faults do is said one by one, and the engine's requests can be held
//! back. Three rows of one table, its tab, and everything else at rest.

use std::time::Duration;

use sheets_emulator::model::shift::Move;
use sheetwire_engine::{
    batch::RowIndex,
    cell::Cell,
    change::{RowChange, TableId},
    door::{Action, Bell, Input},
    state::RowKey,
    value::Value,
};

use crate::{
    database::{Event, OurWrite, Transaction},
    options::PolicyChoice,
    people::shown_key,
    sheet::Tab,
    tape::Tape,
    words::{Author, Word, of_cell, of_value},
    world::World,
};

/// The table that the script plays in; its columns are [`KEY`], [`NAME`] and [`NOTE`].
const TABLE: usize = 0;
/// Column of the counted key.
pub const KEY: usize = 0;
/// Column whose values the database takes as they are.
pub const NAME: usize = 1;
/// Column whose values the database spells in capitals.
pub const NOTE: usize = 2;
/// Steps after which the engine ought to have asked for what a script waits for.
const PATIENCE: usize = 200;

/// A request of the engine that a script waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A batch for the sheet.
    Write,
    /// A read of the sheet.
    Read,
    /// Something to be made durable.
    Store,
    /// A transaction to be prepared.
    Prepare,
    /// A transaction to be committed.
    Commit,
}

impl Asked {
    fn is(self, action: &Action) -> bool {
        match (self, action) {
            (Self::Read, Action::ReadTabs { spreadsheet, .. }) => spreadsheet == "A",
            (Self::Write, Action::Write { batch }) => batch.spreadsheet == "A",
            (Self::Prepare, Action::Prepare { .. })
            | (Self::Commit, Action::Commit { .. })
            | (Self::Store, Action::Store { .. }) => true,
            _ => false,
        }
    }
}

/// A scripted world.
#[derive(Debug)]
pub struct Script {
    /// The world.
    pub world: World,
    rows: u64,
}

impl Script {
    /// Three rows, the same on both sides, and nothing to do.
    pub fn new(policy: PolicyChoice) -> Self {
        let mut script = Self { world: World::new(Tape::of_choices(Vec::new()), policy), rows: 0 };
        script.world.trace = Some(Vec::new());
        for key in 1..=3 {
            script.application_adds(key);
        }
        script.settle();
        script
    }

    // ---- applications --------------------------------------------------------------------------

    /// An application adds a row.
    pub fn application_adds(&mut self, key: i64) {
        let texts = [NAME, NOTE].map(|column| Value::Text(self.app_word(key, column)));
        let next = &mut self.world.db.tables[TABLE].next;
        *next = (*next).max(key + 1);
        let [name, Value::Text(note)] = texts else { return };
        let row = vec![Value::Int(key), name, Value::Text(note.to_uppercase())];
        self.transact(key, Some(row));
    }

    /// An application writes a new value into a cell; gives the value.
    pub fn application_writes(&mut self, key: i64, column: usize) -> String {
        let text = self.app_word(key, column);
        self.application_puts(key, column, &text)
    }

    /// An application writes this into a cell; gives the value as the database has it.
    pub fn application_puts(&mut self, key: i64, column: usize, text: &str) -> String {
        let text = if column == NOTE { text.to_uppercase() } else { text.to_owned() };
        let mut row = self.world.db.rows[TABLE][&name(key)].clone();
        if let Some(word) = of_value(&row[column]).and_then(|old| self.world.words.get_mut(old)) {
            word.withdrawn |= word.author == Author::App;
        }
        row[column] = Value::Text(text.clone());
        self.transact(key, Some(row));
        text
    }

    /// An application removes a row.
    pub fn application_removes(&mut self, key: i64) {
        for value in self.world.db.rows[TABLE].get(&name(key)).into_iter().flatten() {
            if let Some(word) = of_value(value).and_then(|old| self.world.words.get_mut(old)) {
                word.withdrawn |= word.author == Author::App;
            }
        }
        self.transact(key, None);
    }

    fn transact(&mut self, key: i64, after: Option<Vec<Value>>) {
        let at_us = self.world.now_us();
        let rows = &mut self.world.db.rows[TABLE];
        match &after {
            Some(row) => rows.insert(name(key), row.clone()),
            None => rows.remove(&name(key)),
        };
        let change = RowChange { key: vec![Value::Int(key)], after };
        let events = vec![Event::Rows(TableId(0), vec![change])];
        self.world.db.log.push(Transaction { events, at_us, ours: false });
    }

    fn app_word(&mut self, key: i64, column: usize) -> String {
        self.world.words.coin(Word {
            author: Author::App,
            table: TABLE,
            column: Some(column),
            key: Some(name(key).0.to_string()),
            row: 0,
            withdrawn: false,
            copied: false,
            excused: false,
            arrived: false,
        })
    }

    /// The log tells nothing until it is let go on.
    pub fn log_waits(&mut self, waits: bool) {
        self.world.options.faults.lag = if waits { 100 } else { 0 };
    }

    /// The log tells everything, before the engine is asked what to do.
    pub fn log_tells(&mut self) {
        while self.world.processes[0].next.0 < self.world.db.log.len() {
            self.world.feed(0);
        }
    }

    // ---- people --------------------------------------------------------------------------------

    fn tab(&self) -> &Tab {
        self.world.books[0].tab("Tab0").expect("the engine has made it")
    }

    fn tab_mut(&mut self) -> &mut Tab {
        self.world.books[0].tab_mut("Tab0").expect("the engine has made it")
    }

    /// Where the row with this key stands.
    fn row_of(&self, key: i64) -> usize {
        let shows = |row: &usize| self.tab().at(*row, KEY) == number(key);
        (1..self.tab().grid.stored_rows()).find(shows).expect("the row is in the sheet")
    }

    /// A person types a new value into a cell of the row with this key; gives the value.
    pub fn person_types(&mut self, key: i64, column: usize) -> String {
        self.types_in_row(self.row_of(key), column)
    }

    /// A person types a new value into a cell of this row of the tab; gives the value.
    pub fn types_in_row(&mut self, row: usize, column: usize) -> String {
        let number = self.number_of(row);
        self.name_rows();
        let key = self.key_at(row).map(|key| key.0.to_string());
        let old = self.tab().at(row, column);
        if let Some(word) = of_cell(&old).and_then(|text| self.world.words.get_mut(text)) {
            word.withdrawn |= word.author == Author::Person;
        }
        let text = self.world.words.coin(Word {
            author: Author::Person,
            table: TABLE,
            column: Some(column),
            key,
            row: number,
            withdrawn: false,
            copied: false,
            excused: false,
            arrived: false,
        });
        self.tab_mut().set(row, column, &Cell::text(text.clone()));
        text
    }

    /// A person enters just this in a cell.
    pub fn person_enters(&mut self, key: i64, column: usize, text: &str) {
        let row = self.row_of(key);
        if let Some(word) = self.world.words.get_mut(text) {
            word.copied = true;
        }
        self.tab_mut().set(row, column, &Cell::text(text));
    }

    /// A person adds a row at the end, without a key; gives where it stands and what it holds.
    pub fn person_adds(&mut self) -> (usize, [String; 2]) {
        let row = self.tab().grid.stored_rows();
        let texts = [NAME, NOTE].map(|column| self.types_in_row(row, column));
        (row, texts)
    }

    /// A person inserts an empty row, which stands at `row` then.
    pub fn person_inserts(&mut self, row: usize) {
        self.name_rows();
        self.tab_mut().shift_rows(&Move::Insert { at: row, count: 1 });
    }

    /// A person removes the row with this key.
    pub fn person_removes(&mut self, key: i64) {
        let row = self.row_of(key);
        let number = self.number_of(row);
        let deeds = &mut self.world.deeds[TABLE];
        deeds.removed.insert(name(key));
        deeds.removed_rows.insert(number);
        self.tab_mut().shift_rows(&Move::Delete { at: row, count: 1 });
    }

    /// A person copies a row below itself.
    pub fn person_copies(&mut self, key: i64) {
        let from = self.row_of(key);
        let cells: Vec<Cell> =
            (0..self.tab().grid.cols).map(|column| self.tab().at(from, column)).collect();
        self.tab_mut().shift_rows(&Move::Insert { at: from + 1, count: 1 });
        for (column, cell) in cells.iter().enumerate() {
            self.tab_mut().set(from + 1, column, cell);
            if let Some(word) = of_cell(cell).and_then(|text| self.world.words.get_mut(text)) {
                word.copied = true;
            }
        }
        let numbers = [self.number_of(from), self.number_of(from + 1)];
        let deeds = &mut self.world.deeds[TABLE];
        deeds.tampered.extend(numbers);
        deeds.copied.insert(name(key));
    }

    /// A person sorts: the last row comes first, all others move down by one.
    pub fn person_rotates(&mut self) {
        self.name_rows();
        let count = self.tab().grid.stored_rows() - 1;
        let order = (0..count).map(|place| (place + count - 1) % count).collect();
        self.tab_mut().shift_rows(&Move::Permute { start: 1, order });
    }

    /// A doorbell rings about the row with this key.
    pub fn bell_rings(&mut self, key: i64) {
        let row = u32::try_from(self.row_of(key)).unwrap_or(0);
        let bell = Bell {
            spreadsheet: "A".into(),
            sheet_id: i32::try_from(self.tab().grid.id).ok(),
            rows: Some((RowIndex(row), 1)),
            who: None,
            at_us: self.world.now_us(),
        };
        #[cfg(feature = "mutants")]
        self.world.take_along(self.world.tick, &bell);
        self.world.tell(0, Input::Rang(bell));
    }

    /// A doorbell rings about the structure of another tab of the spreadsheet.
    pub fn bell_rings_elsewhere(&mut self) {
        let ours = self.tab().grid.id;
        let mut tabs = self.world.books[0].now.tabs.iter();
        let other = tabs.find(|tab| tab.grid.id != ours).expect("there is another tab");
        let bell = Bell {
            spreadsheet: "A".into(),
            sheet_id: i32::try_from(other.grid.id).ok(),
            rows: None,
            who: None,
            at_us: self.world.now_us(),
        };
        self.world.tell(0, Input::Rang(bell));
    }

    /// A person wants the database's value back in a cell of the row with this key.
    pub fn person_reverts(&mut self, key: i64, column: usize) {
        let row = RowIndex(u32::try_from(self.row_of(key)).unwrap_or(0));
        let typed = self.sheet(key, column);
        if let Some(word) = typed.and_then(|text| self.world.words.get_mut(&text)) {
            word.withdrawn = true;
        }
        let column = u16::try_from(column).unwrap_or(0);
        self.world.tell(0, Input::Revert { table: TableId(0), row, column });
    }

    /// Virtual time.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.world.now.0)
    }

    /// Somebody deletes the journal.
    pub fn journal_is_deleted(&mut self) {
        self.world.amnesia = true;
        let now = &mut self.world.books[0].now;
        (now.journal, now.fence) = (None, None);
    }

    fn key_at(&self, row: usize) -> Option<RowKey> {
        shown_key(self.tab(), &self.world.db.tables[TABLE].spec, &[KEY, NAME, NOTE], row)
    }

    fn number_of(&mut self, row: usize) -> u64 {
        if self.tab().rows[row] == 0 {
            self.rows += 1;
            let number = self.rows;
            self.tab_mut().rows[row] = number;
        }
        self.tab().rows[row]
    }

    /// Notes which row shows which key.
    fn name_rows(&mut self) {
        for row in 1..self.tab().grid.stored_rows() {
            if let Some(key) = self.key_at(row) {
                let number = self.number_of(row);
                self.world.deeds[TABLE].names.entry(number).or_default().insert(key);
            }
        }
    }

    // ---- the engine ----------------------------------------------------------------------------

    /// Lets the engine work until it asks for this, and holds that back.
    pub fn until(&mut self, asked: Asked) {
        let asks = self.asks(asked);
        assert!(asks, "the engine never asks: {asked:?}");
    }

    /// The same, if it asks for this at all.
    pub fn asks(&mut self, asked: Asked) -> bool {
        for _ in 0..PATIENCE {
            if self.place_of(asked).is_some() {
                return true;
            }
            self.goes_on();
        }
        false
    }

    /// What was held back happens.
    pub fn release(&mut self, asked: Asked) {
        let place = self.place_of(asked).expect("it was asked for");
        self.world.work_on(0, place);
    }

    /// What was held back happens, and its answer is lost.
    pub fn release_without_answer(&mut self, asked: Asked) {
        let before = self.world.options.faults;
        self.world.options.faults.answer_lost = 100;
        self.world.options.faults.commit_lost = 100;
        self.release(asked);
        self.world.options.faults = before;
    }

    /// The batch that was held back does not happen, and there is no answer.
    pub fn batch_is_lost(&mut self) {
        self.world.options.faults.batch_lost = 100;
        self.release(Asked::Write);
        self.world.options.faults.batch_lost = 0;
    }

    /// The batch that was held back is on its way for a long time, and there is no answer.
    pub fn batch_is_late(&mut self) {
        self.world.options.faults.batch_late = 100;
        self.release(Asked::Write);
        self.world.options.faults.batch_late = 0;
        self.world.late.iter_mut().for_each(|(due, _)| *due = u64::MAX);
    }

    /// Late batches arrive.
    pub fn late_batches_arrive(&mut self) {
        self.world.late.iter_mut().for_each(|(due, _)| *due = 0);
        self.world.arrive();
    }

    /// The process dies and starts again; what it had asked for and what has not happened yet never does.
    pub fn crash(&mut self) {
        self.world.tape = Tape::of_choices(vec![2; 32]);
        self.world.crash(0, "crash");
        self.world.tape = Tape::of_choices(Vec::new());
    }

    /// The engine is asked to look at everything.
    pub fn sweep(&mut self) {
        self.world.tell(0, Input::Sweep);
    }

    /// Looks at everything, and lets the engine work until it asks for this.
    pub fn rest_until(&mut self, asked: Asked) {
        self.sweep();
        self.until(asked);
    }

    /// Lets the engine work while nothing is held back, for so long that it has looked at everything.
    pub fn rest(&mut self) {
        self.sweep();
        for _ in 0..60 {
            self.goes_on();
        }
    }

    /// Everything but the late batches comes to rest.
    pub fn settle_but_late(&mut self) {
        let late = std::mem::take(&mut self.world.late);
        self.settle();
        self.world.late = late;
    }

    /// Everything comes to rest, and is looked at again; then it is judged.
    pub fn settle(&mut self) {
        self.calm_down();
        let verdict = self.world.judge();
        let story = || self.world.trace.clone().unwrap_or_default().join("\n");
        assert_eq!(verdict, Ok(()), "{}", story());
    }

    /// People put right what only they can.
    pub fn people_decide(&mut self) {
        self.world.people_decide();
    }

    /// Everything comes to rest, and is looked at again.
    pub fn calm_down(&mut self) {
        self.log_waits(false);
        for _ in 0..4 {
            let settled = self.world.settle();
            assert_eq!(settled, Ok(()), "it comes to rest");
            self.world.now = self.world.now.after(Duration::from_secs(700));
            self.sweep();
        }
        let settled = self.world.settle();
        assert_eq!(settled, Ok(()), "it comes to rest");
    }

    fn place_of(&self, asked: Asked) -> Option<usize> {
        self.world.processes[0].jobs.iter().position(|job| asked.is(job.action()))
    }

    fn goes_on(&mut self) {
        self.world.tick += 1;
        self.world.arrive();
        self.world.feed(0);
        if self.world.processes[0].jobs.is_empty() {
            // What it was just told may be work for now.
            self.world.poll(0, 4);
        }
        if self.world.processes[0].jobs.is_empty() {
            let wake = self.world.processes[0].engine.wake();
            self.world.now = self.world.now.max(wake.unwrap_or(self.world.now));
        } else {
            self.world.work_on(0, 0);
        }
        self.world.poll(0, 4);
    }

    // ---- what came of it -----------------------------------------------------------------------

    /// A cell of the database as text.
    pub fn database(&self, key: i64, column: usize) -> Option<String> {
        match self.world.db.rows[TABLE].get(&name(key))?.get(column)? {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// A cell of the sheet as text.
    pub fn sheet(&self, key: i64, column: usize) -> Option<String> {
        match self.tab().at(self.row_of(key), column) {
            Cell::Text(text) => Some(text.to_string()),
            _ => None,
        }
    }

    /// Whether the conflict log has this value.
    pub fn is_logged(&self, text: &str) -> bool {
        let cell = Some(Cell::text(text));
        let log = &self.world.processes[0].store.conflicts;
        log.iter().any(|record| [&record.database, &record.sheet].contains(&&cell))
    }

    /// Whether the sheet has a row with this key.
    pub fn is_in_sheet(&self, key: i64) -> bool {
        (1..self.tab().grid.stored_rows()).any(|row| self.tab().at(row, KEY) == number(key))
    }

    /// Whether a value stands somewhere in the sheet, or in the conflict log.
    pub fn is_anywhere(&self, text: &str) -> bool {
        let tab = self.tab();
        let stands =
            |row: usize| (0..tab.grid.cols).any(|column| tab.at(row, column) == Cell::text(text));
        (1..tab.grid.stored_rows()).any(stands) || self.is_logged(text)
    }

    /// Entries of the conflict log.
    pub fn conflicts(&self) -> usize {
        self.world.processes[0].store.conflicts.len()
    }

    /// What the engine wrote to the database.
    pub fn written(&self) -> &[OurWrite] {
        &self.world.db.ours
    }

    /// Rows that the engine added to the database.
    pub fn inserted(&self) -> usize {
        self.written().iter().filter(|write| write.before.is_none()).count()
    }

    /// Rows that the engine removed from the database.
    pub fn removed(&self) -> usize {
        self.written().iter().filter(|write| write.after.is_none()).count()
    }

    /// How often something happened.
    pub fn count(&self, what: &str) -> u64 {
        self.world.counters.get(what).copied().unwrap_or(0)
    }
}

fn number(key: i64) -> Cell {
    Cell::Number(f64::from(i32::try_from(key).unwrap_or(0)))
}

fn name(key: i64) -> RowKey {
    RowKey(key.to_string().into())
}
