//! Writes to the database: one session with the pipeline's lock, one transaction at a time, each compared, written and read back before
//! it is committed.
//!
//! ```text
//! session.rs    opening, modes, GET_LOCK, executed set
//! work.rs       one row: SELECT ... FOR UPDATE, compare, write, read back
//! statement.rs  the statements
//! refusal.rs    what the server's errors mean for a row
//! preflight.rs  what a server must be set to, and the grants
//! ```
//!
//! Nothing is sent twice here. What is not certain is said so, and the engine finds out from the log.

pub mod preflight;
mod refusal;
mod session;
mod statement;
mod work;

use std::time::Duration;

use sheetwire_engine::{
    intent::{CommitOutcome, Intent, PrepareOutcome, WriterFailure},
    position::Position,
};
use tokio::sync::Mutex;

use self::work::Stop;
pub use self::work::WrittenTable;
use super::connect::{ServerOptions, Session, Setback};
use crate::{
    clock::Clock,
    fault::Fault,
    ports::{Ask, DatabaseWriter},
};

/// An idle session is asked this often whether it is still there: a lock that was lost is then noticed before somebody waits for it.
const ASK_EVERY: Duration = Duration::from_secs(20);

/// The writer of one pipeline.
#[derive(Debug)]
pub struct SqlWriter {
    options: ServerOptions,
    lock: String,
    tables: Vec<WrittenTable>,
    clock: Clock,
    line: Mutex<Line>,
}

/// The session, and what is open on it.
#[derive(Debug, Default)]
struct Line {
    session: Option<Session>,
    prepared: Option<u64>,
    /// Number of the session, so that whoever watches it knows when it is another.
    number: u64,
}

impl SqlWriter {
    /// Connects later.
    pub fn new(
        options: ServerOptions,
        pipeline: &str,
        tables: Vec<WrittenTable>,
        clock: Clock,
    ) -> Self {
        let lock = session::lock_name(pipeline);
        Self { options, lock, tables, clock, line: Mutex::default() }
    }

    async fn open_line(&self) -> Result<Position, WriterFailure> {
        let mut line = self.line.lock().await;
        line.prepared = None;
        if let Some(old) = line.session.take() {
            old.close().await;
        }
        let (session, executed) = session::open(&self.options, &self.lock).await?;
        line.session = Some(session);
        line.number += 1;
        Ok(executed)
    }

    async fn prepare_on(&self, intent: &Intent) -> PrepareOutcome {
        let mut line = self.line.lock().await;
        // Out of the line until it is certain that the session is sound: a dropped call drops its session too.
        let Some(mut session) = line.session.take() else {
            let reason = "there is no session to write on".to_owned();
            return PrepareOutcome::NotNow { reason, lost: true };
        };
        let Some(of) = self.tables.iter().find(|of| of.table.id == intent.table) else {
            line.session = Some(session);
            let reason = "the table is not among those that are written".to_owned();
            return PrepareOutcome::NotNow { reason, lost: false };
        };
        let outcome = match transaction(&mut session, of, intent).await {
            Ok(outcome) => outcome,
            Err(reason) => return PrepareOutcome::NotNow { reason, lost: true },
        };
        line.prepared = matches!(outcome, PrepareOutcome::Ready(_)).then_some(intent.id);
        line.session = Some(session);
        outcome
    }

    async fn commit_on(&self, intent: u64) -> CommitOutcome {
        let mut line = self.line.lock().await;
        let Some(mut session) = line.session.take().filter(|_| line.prepared == Some(intent))
        else {
            // It was never sent, and the server rolls back what a session leaves behind.
            let reason = "the session that had prepared it is gone".to_owned();
            return CommitOutcome::RolledBack { reason };
        };
        line.prepared = None;
        match session.attempt("COMMIT", ()).await {
            Ok(_) => {}
            Err(Setback::Refused(error)) if is_rolled_back(error.code) => {
                line.session = Some(session);
                let reason = format!("the server rolled the transaction back ({})", error.code);
                return CommitOutcome::RolledBack { reason };
            }
            Err(Setback::Refused(error)) => {
                let reason = format!("the server answered COMMIT with error {}", error.code);
                return CommitOutcome::Unknown { reason };
            }
            Err(Setback::Lost(reason)) => return CommitOutcome::Unknown { reason },
        }
        match session::executed(&mut session).await {
            Ok(executed) => {
                line.session = Some(session);
                CommitOutcome::Done { executed: Some(executed) }
            }
            Err(fault) => {
                tracing::warn!(%fault, "committed, but the server does not say up to where");
                CommitOutcome::Done { executed: None }
            }
        }
    }

    async fn watch(&self) -> Option<String> {
        let number = self.line.lock().await.number;
        loop {
            self.clock.sleep_until(self.clock.now() + ASK_EVERY).await;
            let mut line = self.line.lock().await;
            if line.number != number {
                return None;
            }
            // Out of the line while it is asked, for the case that nobody waits for the answer.
            let mut session = line.session.take()?;
            match session::is_held(&mut session, &self.lock).await {
                Ok(true) => line.session = Some(session),
                Ok(false) => return Some("the lock is not held any more".to_owned()),
                Err(fault) => return Some(fault.to_string()),
            }
        }
    }
}

impl DatabaseWriter for SqlWriter {
    fn open(&self) -> Ask<'_, Result<Position, WriterFailure>> {
        Box::pin(self.open_line())
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> Ask<'a, PrepareOutcome> {
        Box::pin(self.prepare_on(intent))
    }

    fn commit(&self, intent: u64) -> Ask<'_, CommitOutcome> {
        Box::pin(self.commit_on(intent))
    }

    fn lost(&self) -> Ask<'_, Option<String>> {
        Box::pin(self.watch())
    }
}

/// The whole transaction up to its `COMMIT`; `Err` where the session is gone.
async fn transaction(
    session: &mut Session,
    of: &WrittenTable,
    intent: &Intent,
) -> Result<PrepareOutcome, String> {
    let lost = |fault: Fault| fault.to_string();
    session.run("START TRANSACTION").await.map_err(lost)?;
    let mut rows = Vec::with_capacity(intent.rows.len());
    for (row, planned) in intent.rows.iter().enumerate() {
        let outcome = match work::work(session, of, &planned.work).await {
            Ok(back) => {
                rows.push(back);
                continue;
            }
            Err(Stop::Lost(reason)) => return Err(reason),
            Err(Stop::NotNow(reason)) => PrepareOutcome::NotNow { reason, lost: false },
            Err(Stop::Refused(refusal)) => PrepareOutcome::Refused { row, refusal },
            // Asked while the row is still locked: nobody can have changed it since.
            Err(Stop::Missed(current)) => {
                let executed = session::executed(session).await.map_err(lost)?;
                PrepareOutcome::Missed { row, current, executed }
            }
            Err(Stop::Exists(current)) => {
                let executed = session::executed(session).await.map_err(lost)?;
                PrepareOutcome::Exists { row, current, executed }
            }
        };
        session.run("ROLLBACK").await.map_err(lost)?;
        return Ok(outcome);
    }
    Ok(PrepareOutcome::Ready(rows))
}

/// Errors by which a server says for certain that a `COMMIT` came to nothing: deadlocks that replication finds, and group replication's veto.
fn is_rolled_back(code: u16) -> bool {
    matches!(code, 1213 | 1614 | 3101)
}
