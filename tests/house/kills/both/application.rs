//! The application: updates, inserts and removes rows, its own and those of people (some it leaves to them), in transactions big and small, some taken back.

use std::time::Duration;

use super::{
    super::{rng::Rng, writer::Progress},
    table::{COLUMNS, NAME, is_left_to_people},
};
use crate::support::{database::Database, session::Session};

/// Rows that it is content with: it inserts below and removes above.
const ROWS: std::ops::RangeInclusive<usize> = 40..=80;

/// What it did.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) words: u64,
    pub(super) transactions: u64,
    /// Statements that the server did not carry out: deadlocks, and all that were under way when it died.
    pub(super) failed: u64,
}

#[derive(Debug)]
struct Application<'a> {
    db: &'a Database,
    session: Session,
    rng: &'a mut Rng,
    rows: Vec<u64>,
    written: Written,
}

/// Writes until told to stop. Which of it the server took is known to the server alone, see [`super::table::account`].
pub(super) fn work(db: &Database, rng: &mut Rng, progress: &Progress) -> Written {
    let (session, rows) = (db.session(), Vec::new());
    let mut it = Application { db, session, rng, rows, written: Written::default() };
    loop {
        let pause = it.rng.pick(&[0, 1, 5, 15, 30, 60]);
        if progress.stopped_within(Duration::from_millis(pause)) {
            return it.written;
        }
        let sql = it.transaction();
        it.say(&sql);
        progress.wrote();
    }
}

impl Application<'_> {
    /// Sends it; a session that is gone is replaced.
    fn say(&mut self, sql: &str) {
        self.written.transactions += 1;
        let Err(why) = self.session.try_query(sql) else { return };
        self.written.failed += 1;
        // Deadlock, a lock waited for too long, a server that goes down; and the line that is gone.
        let known =
            ["ERROR 1213", "ERROR 1205", "ERROR 1053", "ERROR 20", "the client", "the session"];
        assert!(known.iter().any(|words| why.starts_with(words)), "the application: {why}");
        self.session = self.db.session();
    }

    fn transaction(&mut self) -> String {
        if self.written.transactions.is_multiple_of(8) {
            self.look();
        }
        let count = self.rng.within(1..=4);
        let body: String = (0..count).map(|_| self.statement()).collect();
        match self.rng.below(10) {
            0..=6 => format!("BEGIN;{body}COMMIT;"),
            7..=8 => format!("BEGIN;{body}ROLLBACK;"),
            _ => {
                let vain = self.statement();
                format!("BEGIN;{body}SAVEPOINT here;{vain}ROLLBACK TO here;COMMIT;")
            }
        }
    }

    /// Which rows there are: people make some, too.
    fn look(&mut self) {
        let Ok(rows) = self.session.try_query(&format!("SELECT id FROM {NAME}")) else { return };
        let ids = rows.into_iter().filter_map(|row| row[0].as_deref()?.parse().ok());
        self.rows = ids.collect();
    }

    fn statement(&mut self) -> String {
        let missing = ROWS.end().saturating_sub(self.rows.len());
        let surplus = self.rows.len().saturating_sub(*ROWS.start());
        match self.rng.below(100) {
            _ if self.rows.is_empty() => self.insert(),
            0..=24 if self.rng.below(missing + surplus) < missing => self.insert(),
            0..=24 => {
                let at = self.rng.below(self.rows.len());
                format!("DELETE FROM {NAME} WHERE id = {};", self.rows.swap_remove(at))
            }
            _ => {
                let rows = self.rows.iter().copied().filter(|id| !is_left_to_people(*id));
                let rows: Vec<u64> = rows.collect();
                if rows.is_empty() {
                    return self.insert();
                }
                let (row, column) = (self.rng.pick(&rows), self.rng.pick(&COLUMNS));
                format!("UPDATE {NAME} SET {column} = '{}' WHERE id = {row};", self.word())
            }
        }
    }

    fn insert(&mut self) -> String {
        let [a, b, c] = [self.word(), self.word(), self.word()];
        format!("INSERT INTO {NAME} (a, b, c) VALUES ('{a}', '{b}', '{c}');")
    }

    fn word(&mut self) -> String {
        self.written.words += 1;
        format!("app word {}", self.written.words)
    }
}
