//! One world: engine, database, spreadsheets, people, store and everything that goes wrong between them.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash},
    num::NonZeroU32,
    time::Duration,
};

use sheetwire_engine::{
    batch::Batch,
    door::{Action, Input, Notice},
    engine::{Engine, Settings},
    pacer::Budget,
    planner::BatchLimits,
    state::RowKey,
    time::Moment,
};

use crate::{
    check::Judge,
    database::{Database, Event},
    jobs::Job,
    people::{Mark, Marks, Person},
    rng::Rng,
    sheets::Spreadsheet,
    store::Store,
};

/// How often what goes wrong, in percent; drawn per seed, many of them zero.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Knobs {
    pub(crate) people: usize,
    pub(crate) crash: usize,
    pub(crate) answer_lost: usize,
    pub(crate) lost: usize,
    pub(crate) late: usize,
    pub(crate) throttled: usize,
    pub(crate) not_sent: usize,
    pub(crate) read_fails: usize,
}

impl Knobs {
    fn draw(rng: &mut Rng) -> Self {
        let mut knob = |most: usize| if rng.percent(60) { 1 + rng.below(most) } else { 0 };
        Self {
            people: knob(25),
            crash: knob(5),
            answer_lost: knob(30),
            lost: knob(20),
            late: knob(20),
            throttled: knob(15),
            not_sent: knob(15),
            read_fails: knob(15),
        }
    }
}

pub(crate) type Counters = BTreeMap<&'static str, u64>;

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) knobs: Knobs,
    pub(crate) db: Database,
    pub(crate) books: Vec<Spreadsheet>,
    pub(crate) store: Store,
    pub(crate) marks: Vec<Marks>,
    pub(crate) engine: Engine,
    settings: Settings,
    pub(crate) jobs: Vec<Job>,
    /// Batches that arrive although nobody waits for them any more.
    pub(crate) late: Vec<(u64, Batch)>,
    pub(crate) now: Moment,
    pub(crate) tick: u64,
    greeted: bool,
    next: (usize, usize, usize),
    /// Transaction, table and key of every row that the database removed.
    removed: Vec<(usize, usize, RowKey)>,
    pub(crate) counters: Counters,
    pub(crate) writes: usize,
    pub(crate) reads: usize,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) hash: Option<DefaultHasher>,
    pub(crate) failure: Option<String>,
}

fn draw_settings(rng: &mut Rng) -> Settings {
    let budget = NonZeroU32::new(rng.pick(&[54, 600])).unwrap();
    Settings {
        instance: "i".into(),
        pipeline: "world".into(),
        run: rng.next(),
        budget: Budget { writes_per_minute: budget, reads_per_minute: budget },
        limits: BatchLimits {
            rows_max: rng.pick(&[2, 5, 200]),
            bytes_max: rng.pick(&[300, 2_000_000]),
        },
        rows_pending_max: rng.pick(&[3, 9, 1_000]),
        chunk_rows: rng.pick(&[1, 3, 100]),
        flush_every: Duration::from_secs(rng.pick(&[0, 2])),
        sweep_every: Duration::from_secs(rng.pick(&[20, 60, 600])),
        journal_hold: Duration::from_mins(3),
        takeover: false,
        started_at_us: 1_800_000_000_000_000,
        refused: Vec::new(),
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let settings = draw_settings(&mut rng);
        let knobs = Knobs::draw(&mut rng);
        Self::with(rng, settings, knobs)
    }

    /// A world where nothing goes wrong.
    pub(crate) fn calm(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut settings = draw_settings(&mut rng);
        settings.limits = BatchLimits { rows_max: 5_000, bytes_max: 2_000_000 };
        settings.sweep_every = Duration::from_hours(1);
        settings.rows_pending_max = 100_000;
        Self::with(rng, settings, Knobs::default())
    }

    fn with(mut rng: Rng, settings: Settings, knobs: Knobs) -> Self {
        let db = Database::new(&mut rng);
        let store = Store::default();
        let specs = db.tables.iter().map(|table| table.spec.clone()).collect();
        let engine = Engine::new(settings.clone(), specs, store.image());
        Self {
            marks: db.tables.iter().map(|_| Marks::default()).collect(),
            books: vec![Spreadsheet::new("A"), Spreadsheet::new("B")],
            engine,
            settings,
            rng,
            knobs,
            db,
            store,
            jobs: Vec::new(),
            late: Vec::new(),
            now: Moment::START,
            tick: 0,
            greeted: false,
            next: (0, 0, 0),
            removed: Vec::new(),
            counters: Counters::new(),
            writes: 0,
            reads: 0,
            trace: None,
            hash: None,
            failure: None,
        }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>4} {} {}", self.tick, self.now, line()));
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counters.entry(what).or_default() += 1;
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.note(|| format!("-> {input:?}"));
        self.engine.handle(input, self.now);
    }

    /// One random step of the world, with everything that may go wrong.
    pub(crate) fn step(&mut self) {
        self.tick += 1;
        self.arrive_late();
        let people = self.knobs.people;
        if self.rng.below(1_000) < self.knobs.crash * 5 {
            return self.crash();
        }
        match self.rng.below(75 + people) {
            0..=24 => self.poll(3),
            25..=49 => self.work(),
            50..=61 => self.feed(),
            62..=68 => self.transact(),
            69..=74 => {
                let wait = self.rng.pick(&[1_000, 300_000, 2_000_000, 9_000_000]);
                self.now = self.now.after(Duration::from_micros(wait));
            }
            _ => self.person(),
        }
    }

    /// Lets time go by without faults until the engine has nothing left to do.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..4_000 {
            self.tick += 1;
            self.arrive_late();
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            self.feed();
            self.poll(50);
            if !self.jobs.is_empty() {
                self.work();
                continue;
            }
            if self.told_everything() && self.late.is_empty() && self.engine.is_idle() {
                return Ok(());
            }
            if let Some(wake) = self.engine.wake() {
                self.now = self.now.max(wake);
            }
        }
        Err(format!("not idle after 4,000 steps: {:#?}", self.engine.status()))
    }

    fn told_everything(&self) -> bool {
        self.greeted && self.next.0 == self.db.log.len()
    }

    /// Polls the engine, at most so often.
    pub(crate) fn poll(&mut self, most: usize) {
        for _ in 0..most {
            let Some(action) = self.engine.poll(self.now) else { return };
            if let Some(hash) = &mut self.hash {
                format!("{action:?}").hash(hash);
            }
            self.note(|| format!("<- {action:?}"));
            self.on_action(action);
        }
    }

    fn on_action(&mut self, action: Action) {
        match action {
            Action::Stop { reason } => self.failure = Some(format!("stopped: {reason}")),
            Action::Tell(Notice::SetAside { table, reason }) => {
                self.failure = Some(format!("{table:?} set aside: {reason}"));
            }
            Action::Tell(Notice::RowsMoved { .. }) => self.count("misdirected"),
            Action::Tell(_) => {}
            other => self.start(other),
        }
    }

    fn feed(&mut self) {
        if !self.engine.wants_changes() {
            return;
        }
        if !self.greeted {
            self.greeted = true;
            return self.tell(Input::Commit { position: self.db.position(self.next.0) });
        }
        let (transaction, event, part) = self.next;
        let Some(events) = self.db.log.get(transaction) else { return };
        match events.get(event).cloned() {
            None => {
                self.next = (transaction + 1, 0, 0);
                self.tell(Input::Commit { position: self.db.position(transaction + 1) });
            }
            Some(Event::Emptied(table)) => {
                self.next = (transaction, event + 1, 0);
                self.tell(Input::TableEmptied { table });
            }
            Some(Event::Rows(table, all)) => {
                let upto = part + 1 + self.rng.below(all.len() - part);
                self.next = if upto == all.len() {
                    (transaction, event + 1, 0)
                } else {
                    (transaction, event, upto)
                };
                self.tell(Input::Rows { table, changes: all[part..upto].to_vec() });
            }
        }
    }

    pub(crate) fn transact(&mut self) {
        let transaction = self.db.log.len();
        for (table, key) in self.db.transact(&mut self.rng) {
            for mark in self.marks[table].all.values_mut() {
                if let Mark::Own { key: beside, row_removed } = mark {
                    *row_removed |= *beside == key;
                }
            }
            self.removed.push((transaction, table, key));
        }
        let last = format!("{:?}", self.db.log.last());
        self.note(|| format!("   database: {last}"));
    }

    fn with_person(&mut self, index: usize, tidies_up: bool) {
        let spec = &self.db.tables[index].spec;
        let in_window = self.jobs.iter().any(|job| job.is_unsent_write(&spec.spreadsheet));
        let Some(book) = self.books.iter_mut().find(|book| book.id == spec.spreadsheet) else {
            return;
        };
        let Some(grid) = book.tabs.iter_mut().find(|tab| tab.title == spec.title) else { return };
        let marks = &mut self.marks[index];
        let mut person = Person { rng: &mut self.rng, grid, spec, marks, in_window };
        let done = if tidies_up { person.resolve_duplicates() } else { person.act() };
        // A row that the database removed may still be shown, and goes with what is typed beside it.
        let durable = self.store.position().map_or(0, |p| self.db.consumed(p));
        for mark in marks.all.values_mut() {
            if let Mark::Own { key, row_removed } = mark
                && !*row_removed
            {
                *row_removed = self.store.removes(spec.table, key)
                    || !self.db.tables[index].has(key)
                    || self.removed.iter().any(|(transaction, table, gone)| {
                        *transaction >= durable && *table == index && gone == key
                    });
            }
        }
        let shown = self.trace.is_some().then(|| grid.show());
        self.note(|| format!("   person at Tab{index} {done}: {}", shown.unwrap_or_default()));
    }

    fn person(&mut self) {
        let index = self.rng.below(self.db.tables.len());
        self.with_person(index, false);
    }

    pub(crate) fn crash(&mut self) {
        for book in self.engine.status().spreadsheets {
            let phase = match book.phase.as_str() {
                "opening" => "crash while opening",
                "reading" => "crash while reading",
                "writing" => "crash while writing",
                "resolving" => "crash while resolving",
                _ => "crash while ready",
            };
            self.count(phase);
        }
        self.note(|| "   CRASH".to_owned());
        for job in std::mem::take(&mut self.jobs) {
            self.orphan(job);
        }
        self.now = Moment::START;
        self.settings.run = self.rng.next();
        let specs = self.db.tables.iter().map(|table| table.spec.clone()).collect();
        let image = self.store.image();
        let from = image.position.as_ref().map_or(0, |position| self.db.consumed(position));
        self.greeted = image.position.is_some();
        self.next = (from, 0, 0);
        self.engine = Engine::new(self.settings.clone(), specs, image);
    }

    /// From here on nothing goes wrong; mostly the copies that people made are resolved.
    pub(crate) fn calm_down(&mut self) {
        self.knobs = Knobs::default();
        self.note(|| "   CALM".to_owned());
        if self.rng.percent(80) {
            for index in 0..self.db.tables.len() {
                self.with_person(index, true);
            }
        }
    }

    pub(crate) fn judge(&self) -> Result<(), String> {
        for (table, marks) in self.db.tables.iter().zip(&self.marks) {
            let spec = &table.spec;
            let book = self.books.iter().find(|book| book.id == spec.spreadsheet);
            let grid = book.and_then(|book| book.tabs.iter().find(|tab| tab.title == spec.title));
            let Some(grid) = grid else { return Err(format!("{} is missing", spec.title)) };
            let of_table = |c: &&_| {
                let record: &sheetwire_engine::state::ConflictRecord = c;
                record.table == spec.table
            };
            let conflicts: Vec<_> = self.store.conflicts.iter().filter(of_table).cloned().collect();
            Judge { table, grid, marks, conflicts: &conflicts }.judge()?;
        }
        Ok(())
    }
}
