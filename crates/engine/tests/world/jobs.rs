//! What the engine asked for, on its way: it happens at one moment and is answered at another, if at all.

use sheetwire_engine::{
    batch::{Batch, ReadFailure, TabRead, WriteOutcome},
    door::{Action, Input},
};

use crate::run::World;

/// Something asked for. Once it has happened it only waits to be answered.
#[derive(Debug)]
pub(crate) struct Job {
    action: Action,
    answer: Option<Input>,
}

impl Job {
    pub(crate) fn is_unsent_write(&self, id: &str) -> bool {
        self.answer.is_none()
            && matches!(&self.action, Action::Write { batch } if batch.spreadsheet == *id)
    }
}

impl World {
    pub(crate) fn start(&mut self, action: Action) {
        match &action {
            Action::Write { .. } => self.writes += 1,
            Action::Open { .. } | Action::ReadTabs { .. } | Action::ReadJournal { .. } => {
                self.reads += 1;
            }
            Action::ReadChunk { contains: Some(position), .. } => {
                self.db.consumed(position);
            }
            Action::Store { .. } => {
                let busy = self.jobs.iter().any(|job| matches!(job.action, Action::Store { .. }));
                assert!(!busy, "one store action at a time");
            }
            _ => {}
        }
        self.jobs.push(Job { action, answer: None });
    }

    /// One job goes a step further.
    pub(crate) fn work(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let index = self.rng.below(self.jobs.len());
        if self.jobs[index].answer.is_none() {
            let action = self.jobs[index].action.clone();
            let answer = self.happen(&action);
            self.jobs[index].answer = Some(answer);
            if self.rng.percent(50) {
                return;
            }
        }
        let job = self.jobs.swap_remove(index);
        if let Some(answer) = job.answer {
            self.tell(answer);
        }
    }

    fn happen(&mut self, action: &Action) -> Input {
        match action.clone() {
            Action::Store { ticket, steps } => {
                self.store.apply(&steps);
                Input::Stored { ticket }
            }
            Action::Open { spreadsheet } => {
                let answer = self.fallible(|world| world.book(&spreadsheet).open());
                Input::Opened { spreadsheet, answer }
            }
            Action::ReadTabs { spreadsheet, reads } => self.read(spreadsheet, &reads),
            Action::ReadJournal { batch } => {
                let spreadsheet = batch.spreadsheet;
                let answer = self.fallible(|world| world.book(&spreadsheet).journal());
                Input::JournalRead { spreadsheet, answer }
            }
            Action::Write { batch } => {
                let outcome = self.write(&batch);
                Input::Written { spreadsheet: batch.spreadsheet, outcome }
            }
            Action::ReadChunk { table, after, limit, .. } => {
                if self.rng.below(100) < self.knobs.read_fails {
                    return Input::ChunkFailed { table };
                }
                let model = &self.db.tables[usize::from(table.0)];
                let (rows, upto, last) = model.chunk(after.as_ref(), limit);
                Input::Chunk { table, rows, upto, last }
            }
            Action::Load { table, keys } => {
                Input::Loaded { table, rows: self.store.load(table, &keys) }
            }
            other => panic!("{other:?} is no job"),
        }
    }

    fn read(&mut self, spreadsheet: String, reads: &[TabRead]) -> Input {
        let answer = self.fallible(|world| {
            let book = world.book(&spreadsheet);
            reads.iter().map(|read| book.read(read)).collect::<Option<Vec<_>>>()
        });
        let gone = ReadFailure::TabGone { sheet_id: reads[0].sheet_id };
        let answer = answer.and_then(|images| images.ok_or(gone));
        Input::TabsRead { spreadsheet, answer }
    }

    fn book(&self, id: &str) -> &crate::sheets::Spreadsheet {
        self.books.iter().find(|book| book.id == id).unwrap()
    }

    fn fallible<T>(&mut self, read: impl FnOnce(&Self) -> T) -> Result<T, ReadFailure> {
        if self.rng.below(100) >= self.knobs.read_fails {
            return Ok(read(self));
        }
        if self.rng.percent(50) {
            return Err(ReadFailure::Throttled);
        }
        Err(ReadFailure::Transient { reason: "a passing fault".into() })
    }

    fn write(&mut self, batch: &Batch) -> WriteOutcome {
        let knobs = self.knobs;
        let unknown = || WriteOutcome::Unknown { reason: "the answer was lost".into() };
        let mut dice = self.rng.below(100);
        let mut falls = |chance: usize| {
            let hit = dice < chance;
            dice = dice.saturating_sub(chance);
            hit
        };
        if falls(knobs.answer_lost) {
            self.apply(batch);
            return unknown();
        }
        if falls(knobs.lost) {
            return unknown();
        }
        if falls(knobs.late) {
            self.delay(batch.clone());
            return unknown();
        }
        if falls(knobs.throttled) {
            return WriteOutcome::Throttled;
        }
        if falls(knobs.not_sent) {
            return WriteOutcome::NotSent { reason: "no connection".into() };
        }
        self.apply(batch)
    }

    fn apply(&mut self, batch: &Batch) -> WriteOutcome {
        let book = self.books.iter_mut().find(|book| book.id == batch.spreadsheet).unwrap();
        let outcome = book.apply(batch);
        let burn = batch.id.0.ends_with("-burn");
        match &outcome {
            WriteOutcome::Applied(_) if burn => self.count("burn accepted"),
            WriteOutcome::Applied(_) => self.count("applied"),
            WriteOutcome::Fenced if burn => self.count("burn refused"),
            WriteOutcome::Fenced => self.count("fence refused"),
            WriteOutcome::Refused { .. } => self.count("outside of the grid"),
            _ => {}
        }
        if self.trace.is_some() {
            let word =
                if matches!(outcome, WriteOutcome::Applied(_)) { "APPLIED" } else { "REFUSED" };
            let book = self.book(&batch.spreadsheet);
            let shown: Vec<String> = book.tabs.iter().map(crate::sheets::Grid::show).collect();
            self.note(|| format!("   {word} {:?} {}", batch.id, shown.join("\n    ")));
        }
        outcome
    }

    fn delay(&mut self, batch: Batch) {
        let due = self.tick + 1 + u64::try_from(self.rng.below(40)).unwrap();
        self.late.push((due, batch));
    }

    pub(crate) fn arrive_late(&mut self) {
        let tick = self.tick;
        while let Some(index) = self.late.iter().position(|(due, _)| *due <= tick) {
            let (_, batch) = self.late.remove(index);
            match self.apply(&batch) {
                WriteOutcome::Applied(_) => self.count("late batch applied"),
                _ => self.count("late batch refused"),
            }
        }
    }

    /// The process is gone: what had not happened yet may still happen, at once, later or never.
    pub(crate) fn orphan(&mut self, job: Job) {
        if job.answer.is_some() {
            return;
        }
        match job.action {
            Action::Write { batch } => match self.rng.below(3) {
                0 => {
                    self.apply(&batch);
                }
                1 => self.delay(batch),
                _ => {}
            },
            Action::Store { steps, .. } if self.rng.percent(50) => self.store.apply(&steps),
            _ => {}
        }
    }
}
