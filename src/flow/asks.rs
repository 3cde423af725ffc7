//! What is being asked of the doors right now. Each question runs as a task of its own and comes back as an [`Input`].

use std::sync::Arc;

use sheetwire_engine::{
    batch::Batch,
    change::TableId,
    door::{Action, Input},
    position::Position,
    state::{RowKey, StoreStep},
    value::Value,
};
use tokio::task::JoinSet;

use crate::{
    fault::Fault,
    flow::hold,
    ports::{MappedTable, RowSource, SheetSink, StateStore},
};

/// The doors a pipeline goes through.
#[derive(Clone)]
pub struct Doors {
    /// Google.
    pub sheets: Arc<dyn SheetSink>,
    /// Rows of the database.
    pub rows: Arc<dyn RowSource>,
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
}

impl Asks {
    /// Nothing is asked yet.
    pub fn new(doors: Doors) -> Self {
        Self { doors, running: JoinSet::new() }
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
            Action::Tell(_) | Action::Stop { .. } => {}
        }
    }

    /// The next answer. Cancel-safe; waits for ever when nothing is asked.
    pub async fn next(&mut self) -> Result<Input, Fault> {
        match self.running.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(broken)) => {
                Err(Fault::Configuration(format!("a task broke, please report it: {broken}")))
            }
            None => std::future::pending().await,
        }
    }

    fn spawn(&mut self, ask: impl Future<Output = Result<Input, Fault>> + Send + 'static) {
        self.running.spawn(ask);
    }
}

async fn store(doors: Doors, ticket: u64, steps: Vec<StoreStep>) -> Result<Input, Fault> {
    doors.store.apply(steps).await?;
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
    hold::here(hold::BEFORE_SEND).await;
    let outcome = doors.sheets.write(&batch).await;
    hold::here(hold::ANSWERED).await;
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
