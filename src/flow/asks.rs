//! What is being asked of the doors right now. Each question runs as a task of its own and comes back as an [`Input`].

use std::sync::Arc;

use sheetwire_engine::{
    batch::Batch,
    change::TableId,
    door::{Action, Input},
    intent::{Intent, Stage},
    position::Position,
    state::{RowKey, StoreStep},
    value::Value,
};
use tokio::task::JoinSet;

use crate::{
    fault::Fault,
    hold,
    ports::{DatabaseWriter, MappedTable, RowSource, SheetSink, StateStore},
};

/// The doors a pipeline goes through.
#[derive(Clone)]
pub struct Doors {
    /// Google.
    pub sheets: Arc<dyn SheetSink>,
    /// Rows of the database.
    pub rows: Arc<dyn RowSource>,
    /// Writes to the database; `None` where no table is two-way.
    pub writer: Option<Arc<dyn DatabaseWriter>>,
    /// The store.
    pub store: Arc<dyn StateStore>,
    /// Mapped tables in configuration order.
    pub tables: Arc<Vec<MappedTable>>,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

/// Questions under way. At most one per spreadsheet, one for the store, one chunk: the engine sees to that.
#[derive(Debug)]
pub struct Asks {
    doors: Doors,
    running: JoinSet<Result<Input, Fault>>,
    /// Who watches the writer's session while nothing is asked of it.
    watching: JoinSet<Option<String>>,
}

impl Asks {
    /// Nothing is asked yet.
    pub fn new(doors: Doors) -> Self {
        Self { doors, running: JoinSet::new(), watching: JoinSet::new() }
    }

    /// The mapped tables.
    pub(super) fn tables(&self) -> Arc<Vec<MappedTable>> {
        Arc::clone(&self.doors.tables)
    }

    /// Starts what the engine asks for. [`Action::Tell`] and [`Action::Stop`] are not questions and are ignored here.
    pub fn start(&mut self, action: Action) {
        let doors = self.doors.clone();
        match action {
            Action::Store { ticket, steps } => self.spawn(store(doors, ticket, steps)),
            Action::Open { spreadsheet } => self.spawn(async move {
                let answer = doors.sheets.open(&spreadsheet).await;
                Ok(Input::Opened { spreadsheet, answer })
            }),
            Action::ReadTabs { spreadsheet, reads } => self.spawn(async move {
                let answer = doors.sheets.read(&spreadsheet, &reads).await;
                Ok(Input::TabsRead { spreadsheet, answer })
            }),
            Action::ReadJournal { batch } => self.spawn(async move {
                let answer = doors.sheets.journal(&batch).await;
                Ok(Input::JournalRead { spreadsheet: batch.spreadsheet, answer })
            }),
            Action::Write { batch } => self.spawn(write(doors, batch)),
            Action::ReadChunk { table, after, limit, contains } => {
                self.spawn(chunk(doors, table, after, (limit, contains)));
            }
            Action::Load { table, keys } => self.spawn(async move { load(&doors, table, keys) }),
            Action::OpenWriter => {
                self.spawn(async move {
                    Ok(Input::WriterOpened { answer: writer(&doors)?.open().await })
                });
            }
            Action::Prepare { intent } => self.spawn(prepare(doors, intent)),
            Action::Commit { intent } => self.spawn(commit(doors, intent)),
            Action::Tell(_) | Action::Stop { .. } => {}
        }
    }

    /// The next answer, or that the writer's session is gone. Cancel-safe; waits for ever when nothing is asked.
    pub async fn next(&mut self) -> Result<Input, Fault> {
        loop {
            let input = tokio::select! {
                biased;
                Some(answer) = self.running.join_next() => Some(joined(answer)??),
                Some(gone) = self.watching.join_next() => {
                    // Another session has taken the place of the one that was watched.
                    joined(gone)?.map(|reason| Input::WriterLost { reason })
                }
                else => std::future::pending().await,
            };
            if matches!(input, Some(Input::WriterOpened { answer: Ok(_) })) {
                self.watch();
            }
            if let Some(input) = input {
                return Ok(input);
            }
        }
    }

    /// Says when the writer's session is gone, until another one takes its place.
    fn watch(&mut self) {
        let Some(writer) = self.doors.writer.clone() else { return };
        // One at a time: the one before ends by itself when its session was replaced.
        self.watching.spawn(async move { writer.lost().await });
    }

    fn spawn(&mut self, ask: impl Future<Output = Result<Input, Fault>> + Send + 'static) {
        self.running.spawn(ask);
    }
}

fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> Result<T, Fault> {
    ended
        .map_err(|broken| Fault::Configuration(format!("a task broke, please report it: {broken}")))
}

fn writer(doors: &Doors) -> Result<&dyn DatabaseWriter, Fault> {
    doors.writer.as_deref().ok_or_else(|| {
        Fault::Configuration(
            "a table that is not two-way was to be written, please report it".into(),
        )
    })
}

async fn prepare(doors: Doors, intent: Intent) -> Result<Input, Fault> {
    hold::here(hold::DRAFTED).await;
    let outcome = writer(&doors)?.prepare(&intent).await;
    hold::here(hold::PREPARED).await;
    Ok(Input::Prepared { intent: intent.id, outcome })
}

async fn commit(doors: Doors, intent: u64) -> Result<Input, Fault> {
    hold::here(hold::BEFORE_COMMIT).await;
    let outcome = writer(&doors)?.commit(intent).await;
    hold::here(hold::COMMITTED).await;
    Ok(Input::Committed { intent, outcome })
}

async fn store(doors: Doors, ticket: u64, steps: Vec<StoreStep>) -> Result<Input, Fault> {
    let stages = |wanted: fn(&Stage) -> bool| {
        steps.iter().any(|step| matches!(step, StoreStep::Intent(intent) if wanted(&intent.stage)))
    };
    let drafts = stages(|stage| matches!(stage, Stage::Drafted));
    let closes = stages(|stage| matches!(stage, Stage::Closing { .. }));
    if drafts {
        hold::here(hold::WANTED).await;
    }
    doors.store.apply(steps).await?;
    if closes {
        hold::here(hold::CLOSING).await;
    }
    hold::here(hold::STORED).await;
    Ok(Input::Stored { ticket })
}

fn load(doors: &Doors, table: TableId, keys: Vec<RowKey>) -> Result<Input, Fault> {
    let addresses: Vec<_> = keys.into_iter().map(|key| (table, key)).collect();
    let found = doors.store.pending(&addresses)?;
    let rows = addresses.into_iter().zip(found);
    let rows = rows.filter_map(|((_, key), row)| row.map(|row| (key, row))).collect();
    Ok(Input::Loaded { table, rows })
}

async fn write(doors: Doors, batch: Batch) -> Result<Input, Fault> {
    let claims = batch.claims_rows();
    hold::here(hold::BEFORE_SEND).await;
    if claims {
        hold::here(hold::BEFORE_CLAIM).await;
    }
    let outcome = doors.sheets.write(&batch).await;
    hold::here(hold::ANSWERED).await;
    if claims {
        hold::here(hold::CLAIMED).await;
    }
    Ok(Input::Written { spreadsheet: batch.spreadsheet, outcome })
}

async fn chunk(
    doors: Doors,
    id: TableId,
    after: Option<Vec<Value>>,
    (limit, contains): (usize, Option<Position>),
) -> Result<Input, Fault> {
    let Some(table) = doors.tables.iter().find(|table| table.id == id) else {
        return Ok(Input::ChunkFailed { table: id });
    };
    match doors.rows.chunk(table, after.as_deref(), limit, contains.as_ref()).await {
        Ok(chunk) => {
            let upto = chunk.rows.last().map(|row| table.key_of(row));
            Ok(Input::Chunk { table: id, rows: chunk.rows, upto, last: chunk.last })
        }
        Err(Fault::Table(reason)) => Ok(Input::TableSetAside { table: id, reason }),
        Err(Fault::Transient(reason)) => {
            tracing::warn!(table = %table.table, reason, "could not read rows, trying again");
            Ok(Input::ChunkFailed { table: id })
        }
        Err(fault) => Err(fault),
    }
}
