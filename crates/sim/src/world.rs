//! One world: processes with engines and stores, a database, spreadsheets, people, and everything that goes wrong between them.

mod sheets;

mod rest;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash},
};

use sheetwire_engine::{
    TabSpec,
    batch::Batch,
    change::TableId,
    door::{Action, Bell, Input, Notice},
    engine::Engine,
    merge::Side,
    time::Moment,
};

use crate::{
    database::{Database, Event},
    jobs::Job,
    options::{Options, PolicyChoice, START_US},
    people::Deeds,
    sheet::Spreadsheet,
    store::Store,
    tape::Tape,
    trace,
    words::Words,
};

/// How often something happened.
pub type Counters = BTreeMap<&'static str, u64>;

/// A process: an engine, what it asked for, and the store it runs on.
#[derive(Debug)]
pub struct Process {
    /// The real engine.
    pub engine: Engine,
    /// What is durable.
    pub store: Store,
    /// What it asked for.
    pub jobs: Vec<Job>,
    /// Where the stream has come: transaction, event, row.
    pub next: (usize, usize, usize),
    /// The first position was told.
    pub greeted: bool,
    /// Names its session on the database, over all lives and processes.
    pub owner: u64,
    /// When it notices that its session on the database is gone.
    pub lost: Option<u64>,
    /// It was stopped for good, and why.
    pub stopped: Option<String>,
}

/// One world.
#[derive(Debug)]
pub struct World {
    /// Chance.
    pub tape: Tape,
    /// What it is like.
    pub options: Options,
    /// The database.
    pub db: Database,
    /// The spreadsheets.
    pub books: Vec<Spreadsheet>,
    /// Processes; the first is the one that goes on.
    pub processes: Vec<Process>,
    /// All values.
    pub words: Words,
    /// What people did, tab by tab.
    pub deeds: Vec<Deeds>,
    /// Batches that arrive although nobody waits for them any more.
    pub late: Vec<(u64, Batch)>,
    /// Doorbells under way.
    pub bells: Vec<(u64, Bell)>,
    /// What doorbells under way say, for the bad design that believes them.
    #[cfg(feature = "mutants")]
    pub(crate) payloads: Vec<crate::doorbell::Payload>,
    /// Time.
    pub now: Moment,
    /// Steps so far.
    pub tick: u64,
    /// Lives of processes so far.
    lives: u64,
    /// The memory of what was agreed on was lost in this world: conflicts may be false.
    pub amnesia: bool,
    /// Two processes wrote in this world: what the one did the other takes for somebody else's.
    pub forked: bool,
    /// What processes that were sent away had in their conflict logs.
    pub buried: Vec<sheetwire_engine::conflict::ConflictRecord>,
    /// Cells in which people want the database's value, and at which no engine has looked since.
    pub reverts: Vec<sheets::Wanted>,
    /// Spreadsheets of which a read told of an earlier moment: in their tabs an older value may look as if somebody had typed it again.
    pub read_late: std::collections::BTreeSet<String>,
    /// Conflicts that a person decided.
    pub decided: Vec<u64>,
    /// Tables of which a person did not let go what was held back: what people had emptied there is put back.
    pub rejected: std::collections::BTreeSet<u16>,
    /// Tables at whose tabs an operator had something mended.
    pub mended: std::collections::BTreeSet<usize>,
    /// Processes start with `--takeover`.
    pub takeover: bool,
    /// Whose values stand where a tab differs when it is taken in, once an operator was asked.
    pub adopt: Option<Side>,
    /// Requests to Google since counting began.
    pub calls: usize,
    /// What happened, and how often.
    pub counters: Counters,
    /// What happened, in words.
    pub trace: Option<Vec<String>>,
    /// What the engine wanted, as a number.
    pub hash: Option<DefaultHasher>,
    /// What went wrong.
    pub failure: Option<String>,
}

impl World {
    /// The world of a tape.
    pub fn new(tape: Tape, choice: PolicyChoice) -> Self {
        Self::noted(tape, choice, false)
    }

    /// The same, with or without notes on cells.
    pub fn noted(mut tape: Tape, choice: PolicyChoice, notes: bool) -> Self {
        let options = Options { notes, ..Options::draw(&mut tape, choice) };
        let mut words = Words::default();
        let db = Database::new(&mut tape, &options, &mut words);
        let mut world = Self {
            tape,
            options,
            db,
            books: vec![Spreadsheet::new("A"), Spreadsheet::new("B")],
            processes: Vec::new(),
            words,
            deeds: vec![Deeds::default(); 3],
            late: Vec::new(),
            bells: Vec::new(),
            #[cfg(feature = "mutants")]
            payloads: Vec::new(),
            now: Moment::START,
            tick: 0,
            lives: 0,
            amnesia: false,
            forked: false,
            buried: Vec::new(),
            reverts: Vec::new(),
            read_late: std::collections::BTreeSet::new(),
            decided: Vec::new(),
            rejected: std::collections::BTreeSet::new(),
            mended: std::collections::BTreeSet::new(),
            takeover: false,
            adopt: None,
            calls: 0,
            counters: Counters::new(),
            trace: None,
            hash: None,
            failure: None,
        };
        let process = world.start(Store::default());
        world.processes.push(process);
        world
    }

    /// A process that starts on a store.
    pub fn start(&mut self, store: Store) -> Process {
        self.lives += 1;
        let mut settings = self.options.settings.clone();
        settings.run = 0x1000 + self.lives;
        let adopting = |mut spec: TabSpec| {
            spec.inbound.adopt = self.adopt;
            spec.notes = self.options.notes && spec.policy.inbound;
            spec
        };
        let specs = self.db.tables.iter().map(|table| adopting(table.spec.clone())).collect();
        let from = store.position.as_ref().map(|position| self.db.consumed(position));
        settings.started_at_us = START_US;
        settings.instance = instance_of(&store);
        // An operator who has moved a store away says so until the spreadsheets know the new one.
        let foreign = |book: &Spreadsheet| {
            let journal = book.now.journal.as_ref();
            journal.is_some_and(|journal| journal.header.owner.instance != settings.instance)
        };
        settings.takeover = self.takeover || (store.number > 0 && self.books.iter().any(foreign));
        Process {
            engine: Engine::new(settings, specs, store.image()),
            greeted: from.is_some(),
            next: (from.unwrap_or(self.db.replicated), 0, 0),
            store,
            jobs: Vec::new(),
            owner: self.lives,
            lost: None,
            stopped: None,
        }
    }

    /// Whether a read of this table's spreadsheet told of an earlier moment.
    pub fn was_read_late(&self, table: usize) -> bool {
        self.read_late.contains(&self.db.tables[table].spec.spreadsheet)
    }

    /// Time of day.
    pub fn now_us(&self) -> i64 {
        START_US + i64::try_from(self.now.0).unwrap_or(i64::MAX)
    }

    /// Adds a line to the trace.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>4} {} {}", self.tick, self.now, line()));
        }
    }

    /// Counts something.
    pub fn count(&mut self, what: &'static str) {
        *self.counters.entry(what).or_default() += 1;
    }

    /// Tells an engine something.
    pub fn tell(&mut self, process: usize, input: Input) {
        self.note(|| format!("{process} -> {}", trace::input(&input)));
        self.processes[process].engine.handle(input, self.now);
    }

    /// One step, with everything that may go wrong.
    pub fn step(&mut self) {
        self.tick += 1;
        self.arrive();
        let faults = self.options.faults;
        if self.tape.per_mille(faults.crash) {
            let process = self.some_process();
            return self.crash(process, "crash");
        }
        if self.tape.per_mille(faults.server_crash) {
            return self.server_dies();
        }
        if self.tape.per_mille(faults.split) && self.processes.len() == 1 {
            return self.split();
        }
        if self.tape.per_mille(faults.operator) {
            return self.operate();
        }
        let weights =
            [(42, 0_u8), (22, 1), (self.options.apps, 2), (8, 3), (self.options.people, 4)];
        match self.tape.weighted(&weights) {
            0 => {
                let process = self.some_process();
                self.poll(process, 4);
                if process < self.processes.len() {
                    self.work(process);
                }
            }
            1 => {
                let process = self.some_process();
                self.feed(process);
            }
            2 => self.transact(),
            3 => {
                let wait = self.tape.pick(&[1_000, 300_000, 2_000_000, 9_000_000, 7_200_000_000]);
                self.now = Moment(self.now.0 + wait);
            }
            _ => self.person(),
        }
    }

    fn some_process(&mut self) -> usize {
        if self.processes.len() == 1 { 0 } else { self.tape.below(self.processes.len()) }
    }

    // ---- the engine's side ---------------------------------------------------------------------

    /// Polls an engine, at most so often.
    pub fn poll(&mut self, process: usize, most: usize) {
        let owner = self.processes[process].owner;
        for _ in 0..most {
            let gone = self.processes.get(process).is_none_or(|one| one.owner != owner);
            if gone || self.processes[process].stopped.is_some() {
                return;
            }
            let Some(action) = self.processes[process].engine.poll(self.now) else { return };
            if let Some(hash) = &mut self.hash {
                format!("{action:?}").hash(hash);
            }
            self.note(|| format!("{process} <- {}", trace::action(&action)));
            self.on_action(process, action);
        }
    }

    fn on_action(&mut self, process: usize, action: Action) {
        match action {
            Action::Stop { reason } => self.stop(process, reason),
            Action::Tell(Notice::SetAside { reason, .. }) if reason.contains("--adopt") => {
                self.count("operator adopts");
                self.adopt = Some(self.tape.pick(&[Side::Database, Side::Sheet]));
                self.crash(process, "stopped to adopt");
                self.let_go_on(process);
            }
            // A read may tell of it when it is mended already.
            Action::Tell(Notice::SetAside { table, .. }) if self.mend(usize::from(table.0)) => {
                self.crash(process, "stopped to mend");
                self.let_go_on(process);
            }
            Action::Tell(notice) => self.on_notice(notice),
            question => self.ask(process, question),
        }
    }

    fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::SetAside { table, reason } => {
                self.failure = Some(format!("{table:?} set aside: {reason}"));
            }
            Notice::RowsMoved { .. } => self.count("misdirected"),
            Notice::Braked { .. } => self.count("held"),
            Notice::Saved { rows, .. } => {
                self.count("saved");
                if rows[1] > 0 {
                    self.count("inserted");
                }
                if rows[2] > 0 {
                    self.count("removed from the database");
                }
            }
            Notice::Refused { .. } => self.count("refused by the database"),
            Notice::JournalGone { .. } => self.amnesia = true,
            _ => {}
        }
    }

    fn stop(&mut self, process: usize, reason: String) {
        let others =
            ["split brain", "store lost"].iter().any(|what| self.counters.contains_key(what));
        if self.processes.len() == 1 && others {
            // A batch of a process that is gone may come late. And where the database's lock does not keep two processes apart, because there
            // is none or a session was lost, they may fence each other away, one in each spreadsheet. The operator takes over.
            self.count("taken over");
            self.excuse_journals();
            self.amnesia = true;
            self.takeover = true;
            self.crash(process, "sent away too");
            self.takeover = false;
            self.let_go_on(process);
            return;
        }
        if self.processes.len() == 1 {
            self.failure = Some(format!("stopped: {reason}"));
            self.processes[process].stopped = Some(reason);
            return;
        }
        self.count("split brain");
        self.note(|| format!("   process {process} is sent away: {reason}"));
        self.bury(process);
    }

    /// A process ends for good.
    fn bury(&mut self, process: usize) {
        self.forked = true;
        let gone = self.processes.remove(process);
        let end = self.tick + 1 + u64::try_from(self.tape.below(20)).unwrap_or(0);
        self.db.lose_session(gone.owner, end);
        for job in gone.jobs {
            let mut store = gone.store.clone();
            self.orphan(&job, gone.owner, &mut store);
        }
        self.keep_in_mind(&gone.store);
    }

    /// A process dies and starts again on what was durable.
    pub fn crash(&mut self, process: usize, why: &'static str) {
        self.count(why);
        self.note(|| format!("   process {process}: {}", why.to_uppercase()));
        let dead = self.die(process);
        let process_again = self.start(dead.store);
        self.processes.insert(process, process_again);
    }

    fn die(&mut self, process: usize) -> Process {
        let mut dead = self.processes.remove(process);
        let end = self.tick + 1 + u64::try_from(self.tape.below(12)).unwrap_or(0);
        for job in std::mem::take(&mut dead.jobs) {
            self.orphan(&job, dead.owner, &mut dead.store);
        }
        self.db.lose_session(dead.owner, end);
        dead
    }

    /// The only process dies, and its store cannot be read any more: an operator moves it away, and starts with an empty one.
    fn lose_store(&mut self) {
        self.count("store lost");
        self.note(|| "   the store is damaged, and moved away".into());
        let dead = self.die(0);
        self.keep_in_mind(&dead.store);
        for book in self.books.iter().filter(|book| dead.store.in_flight.contains_key(&book.id)) {
            excuse(&mut self.words, book);
        }
        // Nobody knows any more what was agreed on, what was claimed, and what was decided.
        self.amnesia = true;
        self.forked = true;
        self.decided.clear();
        let process = self.start(dead.store.successor());
        self.processes.push(process);
    }

    /// What only a store knew that nobody opens any more but to read.
    fn keep_in_mind(&mut self, store: &Store) {
        self.buried.extend(store.conflicts.iter().cloned());
        // What it left in doubt its store tells whoever opens it: values that it wrote over, and is not sure of or could not put back any more.
        let rows = store.intents.values().flat_map(|intent| &intent.rows);
        let overruled = rows.flat_map(|row| row.overruled.iter().map(|(_, cell)| cell));
        for cell in overruled.chain(store.put_aside()) {
            self.words.excuse(cell);
        }
    }

    /// The database's server dies and is there again at once.
    fn server_dies(&mut self) {
        self.count("server crash");
        self.note(|| "   the database's server dies".into());
        self.db.server_dies();
        for process in 0..self.processes.len() {
            let one = &mut self.processes[process];
            one.next.1 = 0;
            one.next.2 = 0;
            let due = self.tick + u64::try_from(self.tape.below(20)).unwrap_or(0);
            self.processes[process].lost = Some(due);
        }
    }

    /// An operator does something to a table.
    fn operate(&mut self) {
        let process = self.some_process();
        let number = self.tape.below(3);
        let table = TableId(u16::try_from(number).unwrap_or(0));
        let inbound = self.db.tables[number].spec.policy.inbound;
        let input = match self.tape.below(5) {
            4 if self.processes.len() == 1 => return self.lose_store(),
            0 | 4 => Input::Sweep,
            1 => Input::Pause { table, paused: true },
            2 => Input::Pause { table, paused: false },
            _ => {
                let side = self.tape.pick(&[Side::Database, Side::Sheet]);
                let side = if inbound { side } else { Side::Database };
                // From here on conflicts may be those of the repair.
                self.forked = true;
                self.count("repaired by an operator");
                self.deeds[number].repaired |= side == Side::Sheet;
                Input::Repair { table, side }
            }
        };
        self.tell(process, input);
    }

    /// Somebody starts a second process on a copy of the store.
    fn split(&mut self) {
        self.note(|| "   a second process starts on a copy of the store".into());
        let store = self.processes[0].store.clone();
        let second = self.start(store);
        self.processes.push(second);
    }

    // ---- the database's side -------------------------------------------------------------------

    /// The stream says one more thing to a process.
    pub fn feed(&mut self, process: usize) {
        if self.options.faults.lag == 0 || !self.tape.percent(self.options.faults.lag) {
            while self.db.replicated < self.db.log.len() {
                self.db.replicate();
            }
        } else if self.tape.percent(30) {
            self.db.replicate();
        }
        let one = &mut self.processes[process];
        if one.stopped.is_some() || !one.engine.wants_changes() {
            return;
        }
        if !one.greeted {
            one.greeted = true;
            let position = self.db.position(one.next.0);
            return self.tell(process, Input::Commit { position });
        }
        if one.next.0 >= self.db.replicated {
            return;
        }
        if one.next.1 > 0 && self.tape.percent(self.options.faults.stream_breaks) {
            // The stream starts again before the transaction it broke in.
            self.processes[process].next = (self.processes[process].next.0, 0, 0);
        }
        self.feed_event(process);
    }

    fn feed_event(&mut self, process: usize) {
        let (transaction, event, part) = self.processes[process].next;
        let Some(said) = self.db.log.get(transaction) else { return };
        let at_us = said.at_us;
        match said.events.get(event).cloned() {
            None => {
                self.processes[process].next = (transaction + 1, 0, 0);
                let position = self.db.position(transaction + 1);
                self.tell(process, Input::Commit { position });
            }
            Some(Event::Emptied(table)) => {
                self.processes[process].next = (transaction, event + 1, 0);
                self.tell(process, Input::TableEmptied { table });
            }
            Some(Event::Rows(table, all)) => {
                let upto = part + 1 + self.tape.below(all.len() - part);
                self.processes[process].next = if upto == all.len() {
                    (transaction, event + 1, 0)
                } else {
                    (transaction, event, upto)
                };
                let changes = all[part..upto].to_vec();
                self.tell(process, Input::Rows { table, changes, at_us });
            }
        }
    }

    /// An application's transaction.
    pub fn transact(&mut self) {
        let now_us = self.now_us();
        self.db.transact(&mut self.tape, &mut self.words, now_us);
        let last = self.trace.is_some().then(|| {
            self.db.log.last().map(|last| trace::events(&last.events)).unwrap_or_default()
        });
        self.note(|| format!("   database: {}", last.unwrap_or_default()));
    }

    /// A tab as text.
    pub fn show(&self, table: usize) -> String {
        let spec = &self.db.tables[table].spec;
        let book = self.books.iter().find(|book| book.id == spec.spreadsheet);
        let Some(tab) = book.and_then(|book| book.tab(&spec.title)) else { return String::new() };
        let word = |row: usize, column: usize| match tab.at(row, column) {
            sheetwire_engine::cell::Cell::Empty => "-".to_owned(),
            sheetwire_engine::cell::Cell::Number(number) => number.to_string(),
            sheetwire_engine::cell::Cell::Text(text) => text.to_string(),
            other => format!("{other:?}"),
        };
        let line = |row: usize| {
            let cells: Vec<String> = (0..tab.grid.cols).map(|column| word(row, column)).collect();
            format!("        {:>2} {}", row, cells.join(" | "))
        };
        (0..tab.grid.stored_rows()).map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Identity of a store.
fn instance_of(store: &Store) -> String {
    if store.number == 0 { "i".into() } else { format!("i{}", store.number) }
}

fn excuse(words: &mut Words, book: &Spreadsheet) {
    let tabs = book.now.journal.iter().flat_map(|journal| &journal.tabs);
    let images = tabs.flat_map(|tab| tab.writes.iter().chain(&tab.deletes));
    for cell in images.flatten() {
        words.excuse(cell);
    }
}
