//! What an engine asked for, on its way: it happens at one moment and is answered at another, if at all.

use std::rc::Rc;

use sheetwire_engine::{
    batch::{Batch, ReadFailure, TabRead, TabsImage, WriteOutcome},
    change::TableId,
    door::{Action, Input},
    intent::{CommitOutcome, PrepareOutcome},
};

use crate::{
    people::{names, shown_key},
    store::Store,
    words::of_cell,
    world::World,
};

/// Something asked for. Once it has happened it only waits to be answered.
#[derive(Debug)]
pub struct Job {
    action: Rc<Action>,
    answer: Option<Input>,
}

impl Job {
    /// What was asked for.
    pub fn action(&self) -> &Action {
        &self.action
    }
}

impl World {
    /// A process asks for something.
    pub fn ask(&mut self, process: usize, action: Action) {
        match &action {
            Action::Write { .. }
            | Action::Open { .. }
            | Action::ReadTabs { .. }
            | Action::ReadJournal { .. } => self.calls += 1,
            Action::Store { .. } => {
                let store = |job: &Job| matches!(*job.action, Action::Store { .. });
                assert!(
                    !self.processes[process].jobs.iter().any(store),
                    "one store action at a time"
                );
            }
            _ => {}
        }
        self.processes[process].jobs.push(Job { action: Rc::new(action), answer: None });
    }

    /// One job of a process goes a step further.
    pub fn work(&mut self, process: usize) {
        if process >= self.processes.len() || self.processes[process].jobs.is_empty() {
            return;
        }
        let count = self.processes[process].jobs.len();
        let index = if count == 1 { 0 } else { self.tape.below(count) };
        self.work_on(process, index);
    }

    /// This job of a process goes a step further.
    pub fn work_on(&mut self, process: usize, index: usize) {
        if self.processes[process].jobs[index].answer.is_none() {
            let action = Rc::clone(&self.processes[process].jobs[index].action);
            let answer = match &*action {
                Action::Store { ticket, .. } => {
                    let ticket = *ticket;
                    drop(action);
                    self.save(process, index, ticket)
                }
                other => self.happen(process, other),
            };
            let Some(answer) = answer else { return };
            self.processes[process].jobs[index].answer = Some(answer);
            if self.tape.percent(40) {
                return;
            }
        }
        let job = self.processes[process].jobs.swap_remove(index);
        if let Some(answer) = job.answer {
            self.tell(process, answer);
        }
    }

    /// Steps become durable, all or none of them.
    fn save(&mut self, process: usize, index: usize, ticket: u64) -> Option<Input> {
        if self.tape.per_mille(self.options.faults.store_refuses) {
            self.crash(process, "store refused");
            return None;
        }
        let one = &mut self.processes[process];
        // Nobody needs them any more: they are not copied, for there are many.
        let Some(Action::Store { steps, .. }) = Rc::get_mut(&mut one.jobs[index].action) else {
            unreachable!("nobody but the job holds what it asks for");
        };
        one.store.apply(std::mem::take(steps));
        self.check_position(process);
        Some(Input::Stored { ticket })
    }

    fn happen(&mut self, process: usize, action: &Action) -> Option<Input> {
        let answer = match action {
            Action::Open { spreadsheet } => {
                let answer = self.fallible(|world| world.book(spreadsheet).open());
                Input::Opened { spreadsheet: spreadsheet.clone(), answer }
            }
            Action::ReadTabs { spreadsheet, reads } => self.read(spreadsheet.clone(), reads),
            Action::ReadJournal { batch } => {
                let spreadsheet = batch.spreadsheet.clone();
                let answer = self.fallible(|world| world.book(&spreadsheet).journal());
                Input::JournalRead { spreadsheet, answer }
            }
            Action::Write { batch } => {
                let outcome = self.write(batch);
                Input::Written { spreadsheet: batch.spreadsheet.clone(), outcome }
            }
            Action::ReadChunk { table, after, limit, .. } => {
                if self.tape.percent(self.options.faults.read_fails) {
                    Input::ChunkFailed { table: *table }
                } else {
                    let (rows, upto, last) =
                        self.db.chunk(usize::from(table.0), after.as_ref(), *limit);
                    Input::Chunk { table: *table, rows, upto, last }
                }
            }
            Action::Load { table, keys } => Input::Loaded {
                table: *table,
                rows: self.processes[process].store.load(*table, keys),
            },
            Action::OpenWriter => {
                let owner = self.processes[process].owner;
                Input::WriterOpened { answer: self.db.open_session(owner) }
            }
            Action::Prepare { intent } => {
                let owner = self.processes[process].owner;
                let outcome = if self.tape.percent(self.options.faults.not_now) {
                    self.count("not now");
                    let lost = self.tape.percent(30);
                    if lost {
                        self.db.lose_session(owner, self.tick);
                    }
                    PrepareOutcome::NotNow { reason: "a deadlock".into(), lost }
                } else {
                    self.db.prepare(owner, intent)
                };
                self.count_prepared(&outcome);
                Input::Prepared { intent: intent.id, outcome }
            }
            Action::Commit { intent } => self.commit(process, *intent),
            Action::Store { .. } | Action::Tell(_) | Action::Stop { .. } => return None,
        };
        Some(answer)
    }

    fn count_prepared(&mut self, outcome: &PrepareOutcome) {
        match outcome {
            PrepareOutcome::Missed { .. } => self.count("compare-and-set missed"),
            PrepareOutcome::Exists { .. } => self.count("key taken"),
            _ => {}
        }
    }

    fn commit(&mut self, process: usize, intent: u64) -> Input {
        let owner = self.processes[process].owner;
        let outcome = if self.tape.percent(self.options.faults.commit_lost) {
            // The line breaks: the server may have heard of it, at once or a little later.
            match self.tape.below(3) {
                0 => {
                    self.db.commit(owner, intent, self.now_us());
                    self.count("commit unknown, done");
                    self.db.lose_session(owner, self.tick);
                }
                1 => {
                    self.db.send_commit(owner);
                    self.count("commit unknown, done late");
                    let end = self.tick + 1 + u64::try_from(self.tape.below(15)).unwrap_or(0);
                    self.db.lose_session(owner, end);
                }
                _ => {
                    self.count("commit unknown, not done");
                    self.db.lose_session(owner, self.tick);
                }
            }
            CommitOutcome::Unknown { reason: "the line broke".into() }
        } else {
            self.db.commit(owner, intent, self.now_us())
        };
        Input::Committed { intent, outcome }
    }

    fn read(&mut self, spreadsheet: String, reads: &[TabRead]) -> Input {
        let fails = self.tape.percent(self.options.faults.read_fails);
        let trouble = if fails { Some(self.tape.below(220)) } else { None };
        let book = self.book(&spreadsheet);
        let mut early = None;
        let answer = match trouble {
            None => Ok(book.read(reads)),
            Some(0..50) => Err(ReadFailure::Transient { reason: "a passing fault".into() }),
            Some(50..100) => Err(ReadFailure::Throttled),
            Some(200..) => {
                self.count("denied");
                Err(ReadFailure::Denied { message: "the key was revoked".into() })
            }
            // It tells of an earlier moment.
            Some(late) => {
                let place = book.before.len().checked_sub(1 + late % 3);
                let moment = place.map_or(&book.now, |place| &book.before[place]).clone();
                let image = moment.read(reads);
                early = Some(moment);
                self.count("stale read");
                self.read_late.insert(spreadsheet.clone());
                Ok(image)
            }
        };
        for table in 0..3 {
            self.give_up(TableId(table), early.as_ref());
        }
        let gone = ReadFailure::TabGone { sheet_id: reads[0].sheet_id };
        let answer: Result<TabsImage, ReadFailure> = answer.and_then(|images| images.ok_or(gone));
        Input::TabsRead { spreadsheet, answer }
    }

    fn book(&self, id: &str) -> &crate::sheet::Spreadsheet {
        self.books.iter().find(|book| book.id == id).expect("there are two spreadsheets")
    }

    fn fallible<T>(&mut self, read: impl FnOnce(&Self) -> T) -> Result<T, ReadFailure> {
        if !self.tape.percent(self.options.faults.read_fails) {
            return Ok(read(self));
        }
        if self.tape.percent(50) {
            return Err(ReadFailure::Throttled);
        }
        Err(ReadFailure::Transient { reason: "a passing fault".into() })
    }

    fn write(&mut self, batch: &Batch) -> WriteOutcome {
        let faults = self.options.faults;
        let unknown = || WriteOutcome::Unknown { reason: "the answer was lost".into() };
        if self.tape.percent(faults.answer_lost) {
            self.apply(batch);
            return unknown();
        }
        if self.tape.percent(faults.batch_lost) {
            return unknown();
        }
        if self.tape.percent(faults.batch_late) {
            self.delay(batch.clone());
            return unknown();
        }
        if self.tape.percent(faults.throttled) {
            return WriteOutcome::Throttled;
        }
        if self.tape.percent(faults.not_sent) {
            return WriteOutcome::NotSent { reason: "no connection".into() };
        }
        self.apply(batch)
    }

    fn apply(&mut self, batch: &Batch) -> WriteOutcome {
        self.name_removed(batch);
        let book = self.books.iter_mut().find(|book| book.id == batch.spreadsheet);
        let book = book.expect("there are two spreadsheets");
        if self.options.faults.read_fails > 0 {
            book.is_about_to_change();
        }
        let outcome = book.apply(batch);
        let burn = batch.id.0.ends_with("-burn");
        match &outcome {
            WriteOutcome::Applied(_) if burn => self.count("burn accepted"),
            WriteOutcome::Applied(journal) => {
                self.notice(batch, journal);
                self.count("applied");
                self.arrived(batch);
            }
            WriteOutcome::Fenced if burn => self.count("burn refused"),
            WriteOutcome::Fenced => self.count("fence refused"),
            WriteOutcome::Refused { .. } => self.count("outside of the grid"),
            _ => {}
        }
        if self.trace.is_some() {
            let word =
                if matches!(outcome, WriteOutcome::Applied(_)) { "APPLIED" } else { "REFUSED" };
            let shown: Vec<String> = (0..3)
                .filter(|table| self.db.tables[*table].spec.spreadsheet == batch.spreadsheet)
                .map(|table| self.show(table))
                .collect();
            self.note(|| format!("   {word} {:?}\n{}", batch.id, shown.join("\n        ..\n")));
        }
        outcome
    }

    /// Which keys the rows show that a batch is about to remove.
    fn name_removed(&mut self, batch: &Batch) {
        if batch.tabs.iter().all(|work| work.deletes.is_empty()) {
            return;
        }
        let Some(book) = self.books.iter().find(|book| book.id == batch.spreadsheet) else {
            return;
        };
        for (table, deeds) in self.db.tables.iter().zip(&mut self.deeds) {
            let spec = &table.spec;
            let tab = book.tab(&spec.title).filter(|_| spec.spreadsheet == book.id);
            let Some(tab) = tab else { continue };
            let work = batch.tabs.iter().find(|work| i64::from(work.sheet_id) == tab.grid.id);
            let columns = tab.mapped(spec.header_row, &names(spec));
            let Some((work, columns)) = work.zip(columns) else { continue };
            for row in &work.deletes {
                let row = usize::try_from(row.0).unwrap_or(usize::MAX);
                let number = tab.rows.get(row).copied().unwrap_or(0);
                if number != 0
                    && let Some(key) = shown_key(tab, spec, &columns, row)
                {
                    deeds.names.entry(number).or_default().insert(key);
                }
            }
        }
    }

    /// Values that a batch wrote have been in the sheet.
    fn arrived(&mut self, batch: &Batch) {
        for work in &batch.tabs {
            let written = work.writes.iter().flat_map(|write| write.cells.iter().map(|(_, c)| c));
            let added = work.insert.iter().flat_map(|insert| insert.rows.iter().flatten());
            for cell in written.chain(added) {
                if let Some(word) = of_cell(cell).and_then(|text| self.words.get_mut(text)) {
                    word.arrived = true;
                }
            }
        }
    }

    fn delay(&mut self, batch: Batch) {
        let due = self.tick + 1 + u64::try_from(self.tape.below(50)).unwrap_or(0);
        self.late.push((due, batch));
    }

    /// Late batches arrive.
    pub fn arrive_late(&mut self) {
        let tick = self.tick;
        while let Some(index) = self.late.iter().position(|(due, _)| *due <= tick) {
            let (_, batch) = self.late.remove(index);
            let others = self.is_of_another(&batch);
            match self.apply(&batch) {
                WriteOutcome::Applied(_) => {
                    self.count("late batch applied");
                    self.excuse_unawaited(&batch, others);
                }
                _ => self.count("late batch refused"),
            }
        }
    }

    /// The process is gone: what had not happened yet may still happen, at once, later or never.
    pub fn orphan(&mut self, job: &Job, owner: u64, store: &mut Store) {
        if job.answer.is_some() {
            return;
        }
        match &*job.action {
            Action::Write { batch } => match self.tape.below(3) {
                0 => {
                    self.apply(batch);
                }
                1 => self.delay(batch.clone()),
                _ => {}
            },
            Action::Commit { intent } => match self.tape.below(3) {
                0 => drop(self.db.commit(owner, *intent, self.now_us())),
                1 => self.db.send_commit(owner),
                _ => {}
            },
            Action::Store { steps, .. } if self.tape.percent(50) => store.apply(steps.clone()),
            _ => {}
        }
    }
}
