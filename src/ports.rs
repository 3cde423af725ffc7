//! The doorways: what the control loop asks of the database, the sheets and the store.

use std::{future::Future, pin::Pin};

use sheetwire_engine::{
    batch::{
        Batch, ColumnIndex, Journal, ReadFailure, RowIndex, SpreadsheetImage, TabRead, TabsImage,
        WriteOutcome,
    },
    change::{Row, RowChange, TableId},
    conflict::ConflictRecord,
    door::Bell,
    history::HistoryEntry,
    intent::{CommitOutcome, Intent, PrepareOutcome, WriterFailure},
    position::Position,
    state::{Image, PendingRow, RowKey, StoreStep},
    value::{Column, Value},
};

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// A boxed future: doors are called a few times a second, and boxing keeps their code out of every caller.
pub type Ask<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A mapped table as configuration and server describe it together.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedTable {
    /// Number of the `[[table]]` in the configuration.
    pub id: TableId,
    /// Schema (database) name.
    pub database: String,
    /// Table name.
    pub table: String,
    /// Mapped columns in the order of the configuration.
    pub columns: Vec<Column>,
    /// For each mapped column, its ordinal (0-based) in the table.
    pub ordinals: Vec<usize>,
    /// Indexes into `columns` that make up the key (primary key, or a NOT NULL unique key).
    pub key: Vec<usize>,
    /// A condition evaluated by the server; rows enter and leave the tab as they change.
    pub filter: Option<String>,
}

impl MappedTable {
    /// The key values of a row.
    pub fn key_of(&self, row: &Row) -> Vec<Value> {
        self.key.iter().filter_map(|column| row.get(*column).cloned()).collect()
    }
}

/// What the stream of changes says, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceEvent {
    /// Changes of one table out of a transaction that is committed on the server. A large transaction comes in several parts.
    Rows {
        /// Which mapped table.
        table: TableId,
        /// What its rows are now, in the order of the log.
        changes: Vec<RowChange>,
        /// When the transaction was committed on the server in microseconds since the Unix epoch, or, where the log does not tell that ahead,
        /// when the statement ran (seconds' precision); 0 when unknown.
        at_us: i64,
    },
    /// A transaction ended, ours or foreign: everything before is consumed up to this position.
    Commit {
        /// The position behind the transaction.
        position: Position,
        /// Commit time on the server in microseconds since the Unix epoch (seconds' precision on old servers); 0 when unknown.
        committed_at_us: i64,
    },
    /// The server is alive and has nothing to say.
    Heartbeat,
    /// This table cannot be followed any more; the others go on.
    TableSetAside {
        /// Which mapped table.
        table: TableId,
        /// A sentence for the operator: what, where, cure.
        reason: String,
    },
    /// `TRUNCATE` or `DROP` emptied the table.
    TableEmptied {
        /// Which mapped table.
        table: TableId,
    },
}

/// A range of rows read by key, that contains at least everything consumed up to a given position.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Rows in key order.
    pub rows: Vec<Row>,
    /// Whether the table ends here.
    pub last: bool,
}

/// The stream of changes from one server, from a position on. Ends only with a fault; the caller reconnects.
pub trait ChangeSource: Send {
    /// The next event. Cancel-safe. A silent server (no event, no heartbeat) ends in [`Fault::Transient`].
    fn next(&mut self) -> Ask<'_, Result<SourceEvent, Fault>>;
}

/// Opens streams of changes.
pub trait SourceDoor: Send + Sync {
    /// A stream that goes on behind `from`. A position that the server no longer holds, or never held, is [`Fault::Source`] with the
    /// exact missing range.
    fn open<'a>(&'a self, from: &'a Position) -> Ask<'a, Result<Box<dyn ChangeSource>, Fault>>;

    /// Where the server's log ends now.
    fn here(&self) -> Ask<'_, Result<Position, Fault>>;
}

/// Reads rows of mapped tables, for first copies, filters and `verify`.
pub trait RowSource: Send + Sync {
    /// Up to `limit` rows with keys behind `after`, from a snapshot that contains at least `contains`.
    fn chunk<'a>(
        &'a self,
        table: &'a MappedTable,
        after: Option<&'a [Value]>,
        limit: usize,
        contains: Option<&'a Position>,
    ) -> Ask<'a, Result<Chunk, Fault>>;

    /// The rows with these keys that meet the table's filter, from a state that contains at least `contains`.
    fn rows<'a>(
        &'a self,
        table: &'a MappedTable,
        keys: &'a [Vec<Value>],
        contains: Option<&'a Position>,
    ) -> Ask<'a, Result<Vec<Row>, Fault>>;
}

/// Reads and writes spreadsheets. Knows nothing of tables.
pub trait SheetSink: Send + Sync {
    /// Tabs, fence and journal header of a spreadsheet.
    fn open<'a>(&'a self, spreadsheet: &'a str) -> Ask<'a, Result<SpreadsheetImage, ReadFailure>>;

    /// Parts of tabs and the fence, all in one request, so that no row can move and no batch arrive between two parts.
    fn read<'a>(
        &'a self,
        spreadsheet: &'a str,
        tabs: &'a [TabRead],
    ) -> Ask<'a, Result<TabsImage, ReadFailure>>;

    /// Sends a batch once. Never retries by itself.
    fn write<'a>(&'a self, batch: &'a Batch) -> Ask<'a, WriteOutcome>;

    /// The journal as it stands, read with the layout of `batch`; `None` where the journal tab is gone. When the header names another
    /// batch, `tabs` is empty.
    fn journal<'a>(&'a self, batch: &'a Batch) -> Ask<'a, Result<Option<Journal>, ReadFailure>>;
}

/// Writes rows of mapped tables, over one session that holds the pipeline's lock.
pub trait DatabaseWriter: Send + Sync {
    /// Opens the session, in place of an older one, and takes the lock on it; gives what the server has executed by then.
    fn open(&self) -> Ask<'_, Result<Position, WriterFailure>>;

    /// Begins a transaction, locks, compares, writes and reads back row by row, and keeps it open. In every case but
    /// [`PrepareOutcome::Ready`] it was rolled back.
    fn prepare<'a>(&'a self, intent: &'a Intent) -> Ask<'a, PrepareOutcome>;

    /// Commits what was prepared, once. Never tries again by itself.
    fn commit(&self, intent: u64) -> Ask<'_, CommitOutcome>;

    /// Returns when the open session turns out to be gone while nothing was asked of it, with the reason; with none when it was given up
    /// by something that was asked. Cancel-safe.
    fn lost(&self) -> Ask<'_, Option<String>>;
}

/// Keeps what a restart needs.
pub trait StateStore: Send + Sync {
    /// Everything saved, checked. A corrupt or newer store is a fault, never an empty image.
    fn load(&self) -> Result<Image, Fault>;

    /// Applies the steps as one atomic batch; when it answers, they survive a power cut.
    fn apply(&self, steps: Vec<StoreStep>) -> Ask<'_, Result<(), Fault>>;

    /// The pending rows at these addresses, in the order asked for, as far as the store has them.
    fn pending(&self, addresses: &[(TableId, RowKey)]) -> Result<Vec<Option<PendingRow>>, Fault>;
}

/// Reads what the store keeps for people, newest first and a page at a time: the store is held for one record only. Blocks.
pub trait Records: Send + Sync {
    /// Entries of the conflict log as they stand now.
    fn conflict_page(&self, wanted: &ConflictsWanted) -> Result<Page<ConflictRecord>, Fault>;

    /// The conflict with this number as it stands now.
    fn conflict(&self, id: u64) -> Result<Option<ConflictRecord>, Fault>;

    /// Changes of one row.
    fn history_page(&self, wanted: &HistoryWanted) -> Result<Page<HistoryEntry>, Fault>;
}

/// What people in a sheet may tell and ask the running pipeline: no more than whoever may edit the sheet can do there.
pub trait Frontdesk: Send + Sync {
    /// Something may have changed. Never waits, and never loses it: where too many wait, the whole spreadsheet is read.
    fn ring(&self, bell: Bell);

    /// A question, or the one order; `None` where the pipeline is starting or closing.
    fn ask(&self, question: SheetQuestion) -> Ask<'_, Option<Said>>;
}

/// A question out of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetQuestion {
    /// Which spreadsheet.
    pub spreadsheet: String,
    /// Numeric id of the tab.
    pub sheet_id: i32,
    /// What it is about.
    pub about: About,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// How the tab stands.
    Standing,
    /// Its open conflicts.
    Conflicts,
    /// One cell.
    Explain {
        /// Its row.
        row: RowIndex,
        /// Its column.
        column: ColumnIndex,
    },
    /// The database's value shall come back into a cell.
    Revert {
        /// Its row.
        row: RowIndex,
        /// Its column.
        column: ColumnIndex,
    },
}

/// What people are told: a sentence, and whether it is what they wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it was done, or known.
    pub ok: bool,
    /// The sentence.
    pub message: String,
}

/// Part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What was found, newest first.
    pub found: Vec<T>,
    /// Where to go on (`before`); none when there is no more. The looking ends after a while even where little was found.
    pub before: Option<u64>,
}

/// Which conflicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConflictsWanted {
    /// Of this table only.
    pub table: Option<TableId>,
    /// Settled ones too.
    pub settled: bool,
    /// Older than this one.
    pub before: Option<u64>,
    /// So many at most.
    pub limit: usize,
}

/// Which changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryWanted {
    /// Of this table.
    pub table: TableId,
    /// Of the row with this key, part by part as [`RowKey::parts`] gives it.
    pub key: Vec<String>,
    /// Older than this one.
    pub before: Option<u64>,
    /// So many at most.
    pub limit: usize,
}
