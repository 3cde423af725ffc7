//! The application: transaction after transaction, big and small, some of them taken back.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    rng::Rng,
    tables::{TABLES, Table},
};
use crate::support::session::Session;

/// Rows of a table that the application is content with; it inserts below and deletes above.
const ROWS: std::ops::RangeInclusive<usize> = 60..=140;

#[derive(Debug, Default)]
struct Told {
    transactions: u64,
    stop: bool,
    /// Words of transactions that were rolled back: nobody may ever see them.
    taken_back: BTreeSet<String>,
}

/// What writer and person tell the killer, and the other way round.
#[derive(Debug, Default)]
pub(super) struct Progress {
    told: Mutex<Told>,
    changed: Condvar,
}

impl Progress {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Whoever panicked while holding it fails the test by itself.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Transactions so far, those that were rolled back included.
    pub(super) fn transactions(&self) -> u64 {
        self.told().transactions
    }

    /// Words that must never be seen.
    pub(super) fn taken_back(&self) -> BTreeSet<String> {
        self.told().taken_back.clone()
    }

    /// Tells everybody to stop.
    pub(super) fn stop(&self) {
        self.told().stop = true;
        self.changed.notify_all();
    }

    /// Whether everybody shall stop; waits this long for it.
    pub(super) fn stopped_within(&self, span: Duration) -> bool {
        let told = self.told();
        let waited = self.changed.wait_timeout_while(told, span, |told| !told.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// Returns once so many transactions more were written. Panics after `within`.
    pub(super) fn wait_transactions(&self, more: u64, within: Duration) {
        let end = Instant::now() + within;
        let mut told = self.told();
        let wanted = told.transactions + more;
        while told.transactions < wanted && !told.stop {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the writer stood still for {within:?}");
            let waited = self.changed.wait_timeout(told, left);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// One transaction more.
    pub(super) fn wrote(&self) {
        self.told().transactions += 1;
        self.changed.notify_all();
    }
}

/// Stops everybody when it is dropped, so that a panic of one does not leave the others running.
#[derive(Debug)]
pub(super) struct StopAtEnd<'a>(pub(super) &'a Progress);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The application.
#[derive(Debug)]
pub(super) struct Writer {
    session: Session,
    rng: Rng,
    next: u64,
    words: u64,
    live: [Vec<u64>; TABLES.len()],
}

impl Writer {
    /// An application with this many rows in each table, written at once.
    pub(super) fn start(session: Session, rng: Rng, rows: usize) -> Self {
        let mut writer = Self { session, rng, next: 1, words: 1, live: Default::default() };
        let mut sql = "BEGIN;".to_owned();
        for table in 0..TABLES.len() {
            for _ in 0..rows {
                sql.push_str(&writer.insert(table));
            }
        }
        writer.session.query(&(sql + "COMMIT;"));
        writer
    }

    /// Writes until told to stop.
    pub(super) fn work(mut self, progress: &Progress) {
        loop {
            let pause = self.rng.pick(&[0, 1, 5, 15, 30, 60]);
            if progress.stopped_within(Duration::from_millis(pause)) {
                return;
            }
            let sql = match self.rng.below(100) {
                0..=64 => self.committed(),
                65..=84 => self.rolled_back(progress),
                85..=97 => self.partly_rolled_back(progress),
                _ => self.large(),
            };
            self.session.query(&sql);
            progress.wrote();
        }
    }

    fn committed(&mut self) -> String {
        match self.rng.within(1..=4) {
            // Without BEGIN: a transaction of its own.
            1 => self.statement(),
            count => {
                let body: String = (0..count).map(|_| self.statement()).collect();
                format!("BEGIN;{body}COMMIT;")
            }
        }
    }

    fn rolled_back(&mut self, progress: &Progress) -> String {
        let sql = self.in_vain(progress);
        format!("BEGIN;{sql}ROLLBACK;")
    }

    fn partly_rolled_back(&mut self, progress: &Progress) -> String {
        let before = self.statement();
        let vain = self.in_vain(progress);
        let after = self.statement();
        format!("BEGIN;{before}SAVEPOINT here;{vain}ROLLBACK TO here;{after}COMMIT;")
    }

    /// Statements that will be taken back, with the state before them restored here too.
    fn in_vain(&mut self, progress: &Progress) -> String {
        let live = self.live.clone();
        let first = self.words;
        let count = self.rng.within(1..=4);
        let sql: String = (0..count).map(|_| self.statement()).collect();
        self.live = live;
        let taken_back = (first..self.words).map(|number| format!("word {number}"));
        progress.told().taken_back.extend(taken_back);
        sql
    }

    fn large(&mut self) -> String {
        let table = self.rng.below(TABLES.len());
        let rows = self.live[table].clone();
        let body: String = rows.iter().map(|row| self.update(table, *row)).collect();
        format!("BEGIN;{body}COMMIT;")
    }

    fn statement(&mut self) -> String {
        let table = self.rng.below(TABLES.len());
        let rows = self.live[table].len();
        let (inserts, deletes) =
            (ROWS.end().saturating_sub(rows), rows.saturating_sub(*ROWS.start()));
        match self.rng.below(100) {
            0..=29 if self.rng.below(inserts + deletes) < inserts => self.insert(table),
            0..=29 => self.delete(table),
            30..=39 => self.rename(table),
            _ => {
                let row = self.rng.pick(&self.live[table]);
                self.update(table, row)
            }
        }
    }

    fn word(&mut self) -> String {
        self.words += 1;
        format!("word {}", self.words - 1)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn insert(&mut self, table: usize) -> String {
        let number = self.number();
        self.live[table].push(number);
        let words = [self.word(), self.word()];
        TABLES[table].insert(number, [&words[0], &words[1]])
    }

    fn update(&mut self, table: usize, row: u64) -> String {
        let words = [self.word(), self.word()];
        TABLES[table].update(row, [&words[0], &words[1]])
    }

    fn take(&mut self, table: usize) -> u64 {
        let place = self.rng.below(self.live[table].len());
        self.live[table].swap_remove(place)
    }

    fn delete(&mut self, table: usize) -> String {
        let row = self.take(table);
        TABLES[table].delete(row)
    }

    fn rename(&mut self, table: usize) -> String {
        let (row, other) = (self.take(table), self.number());
        self.live[table].push(other);
        let table: &Table = &TABLES[table];
        table.rename(row, other)
    }
}
