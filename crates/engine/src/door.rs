//! What the engine is told, and what it asks for.

use serde::{Deserialize, Serialize};

use crate::{
    batch::{
        Batch, Journal, ReadFailure, RowIndex, SpreadsheetImage, TabRead, TabsImage, WriteOutcome,
    },
    change::{Row, RowChange, TableId},
    intent::{CommitOutcome, Intent, PrepareOutcome, WriterFailure},
    merge::Side,
    position::Position,
    state::{PendingRow, RowKey, StoreStep},
    value::Value,
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// Rows of a table changed, in the order of the log.
    Rows {
        /// Which table.
        table: TableId,
        /// What its rows are now.
        changes: Vec<RowChange>,
        /// When the transaction was committed, microseconds since the Unix epoch; 0 where that is not known.
        at_us: i64,
    },
    /// Everything up to here has been told.
    Commit {
        /// The position behind a transaction.
        position: Position,
    },
    /// The table was emptied at once.
    TableEmptied {
        /// Which table.
        table: TableId,
    },
    /// The table cannot be followed any more.
    TableSetAside {
        /// Which table.
        table: TableId,
        /// A sentence for the operator.
        reason: String,
    },
    /// The rows asked for by [`Action::ReadChunk`].
    Chunk {
        /// Which table.
        table: TableId,
        /// Rows in key order.
        rows: Vec<Row>,
        /// Key of the last row; the next chunk starts behind it. `None` when there was no row.
        upto: Option<Vec<Value>>,
        /// Whether the table ends here.
        last: bool,
    },
    /// The chunk could not be read for a passing reason; ask again.
    ChunkFailed {
        /// Which table.
        table: TableId,
    },
    /// Answer to [`Action::Open`].
    Opened {
        /// Which spreadsheet.
        spreadsheet: String,
        /// What was found.
        answer: Result<SpreadsheetImage, ReadFailure>,
    },
    /// Answer to [`Action::ReadTabs`].
    TabsRead {
        /// Which spreadsheet.
        spreadsheet: String,
        /// What was found.
        answer: Result<TabsImage, ReadFailure>,
    },
    /// Answer to [`Action::ReadJournal`].
    JournalRead {
        /// Which spreadsheet.
        spreadsheet: String,
        /// The journal, `None` where there is none any more.
        answer: Result<Option<Journal>, ReadFailure>,
    },
    /// Answer to [`Action::Write`].
    Written {
        /// Which spreadsheet.
        spreadsheet: String,
        /// How it ended.
        outcome: WriteOutcome,
    },
    /// The steps with this ticket are durable.
    Stored {
        /// Ticket of the [`Action::Store`].
        ticket: u64,
    },
    /// Answer to [`Action::Load`].
    Loaded {
        /// Which table.
        table: TableId,
        /// The rows that the store has.
        rows: Vec<(RowKey, PendingRow)>,
    },
    /// Read everything again now, whatever the timer says.
    Sweep,
    /// Answer to [`Action::OpenWriter`].
    WriterOpened {
        /// The writer's executed set, read while the lock is held.
        answer: Result<Position, WriterFailure>,
    },
    /// The writer's session is gone, and with it the lock: noticed while nothing was asked of it.
    WriterLost {
        /// Why, for log and status.
        reason: String,
    },
    /// Answer to [`Action::Prepare`].
    Prepared {
        /// Which transaction.
        intent: u64,
        /// How it ended.
        outcome: PrepareOutcome,
    },
    /// Answer to [`Action::Commit`].
    Committed {
        /// Which transaction.
        intent: u64,
        /// How it ended.
        outcome: CommitOutcome,
    },
    /// A doorbell rang: something may have changed in a tab. Lost, doubled, late and forged bells cost latency only.
    Rang(Bell),
    /// A person has decided a conflict.
    Decide {
        /// Number of the conflict.
        conflict: u64,
        /// Whose value is to stand.
        side: Side,
    },
    /// A person lets rows go that the brake holds, or has them put back.
    Release {
        /// Which table.
        table: TableId,
        /// Which rows; `None` for all.
        keys: Option<Vec<RowKey>>,
        /// Whether they go from the database too; otherwise they are added to the sheet again.
        approved: bool,
    },
    /// A person wants the database's value in a cell.
    Revert {
        /// Which table.
        table: TableId,
        /// Which row.
        row: RowIndex,
        /// Index of the mapped column.
        column: u16,
    },
    /// A person wants one side's values to stand wherever the sides differ: the table is copied again, and compared. What only one side has stays.
    Repair {
        /// Which table.
        table: TableId,
        /// Whose values stand; the sheet's only where the sheet may change the database.
        side: Side,
    },
    /// A person stops a table, or lets it go on.
    Pause {
        /// Which table.
        table: TableId,
        /// Whether it rests.
        paused: bool,
    },
}

/// What a doorbell says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bell {
    /// Which spreadsheet.
    pub spreadsheet: String,
    /// Numeric id of the tab; `None` for all.
    pub sheet_id: Option<i32>,
    /// First row and number of rows that changed, where rows kept their places; `None` where they may have moved.
    pub rows: Option<(RowIndex, u32)>,
    /// Who changed them.
    pub who: Option<String>,
    /// When, microseconds since the Unix epoch.
    pub at_us: i64,
}

/// Something to do. The answer comes back as an [`Input`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Make these steps durable, all or none. Only one is asked for at a time.
    Store {
        /// Comes back in [`Input::Stored`].
        ticket: u64,
        /// The steps, in order.
        steps: Vec<StoreStep>,
    },
    /// Look at a spreadsheet.
    Open {
        /// Which.
        spreadsheet: String,
    },
    /// Read parts of tabs in one request.
    ReadTabs {
        /// Which spreadsheet.
        spreadsheet: String,
        /// Which parts.
        reads: Vec<TabRead>,
    },
    /// Read the journal.
    ReadJournal {
        /// The batch whose layout it has.
        batch: Batch,
    },
    /// Send a batch, once.
    Write {
        /// The batch.
        batch: Batch,
    },
    /// Read rows of a table by key.
    ReadChunk {
        /// Which table.
        table: TableId,
        /// Behind this key.
        after: Option<Vec<Value>>,
        /// So many at most.
        limit: usize,
        /// The rows must come from a state that contains this.
        contains: Option<Position>,
    },
    /// Bring spilled rows back.
    Load {
        /// Which table.
        table: TableId,
        /// Which rows.
        keys: Vec<RowKey>,
    },
    /// Open the connection that all writes to the database go over, and take the pipeline's lock on it.
    OpenWriter,
    /// Begin a transaction, lock, compare, write, read back, and keep it open.
    Prepare {
        /// What to write.
        intent: Intent,
    },
    /// Commit what was prepared, and read the executed set behind it.
    Commit {
        /// Which transaction.
        intent: u64,
    },
    /// Something worth telling.
    Tell(Notice),
    /// Stop: another process owns the spreadsheet.
    Stop {
        /// What is there and what to do.
        reason: String,
    },
}

/// Something worth telling a person; never carries cell values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A batch reached the sheet.
    Flushed {
        /// Spreadsheet id.
        spreadsheet: String,
        /// Fence sequence number.
        sequence: u64,
        /// For each table in the batch: rows written, added, removed.
        tables: Vec<(TableId, [usize; 3])>,
    },
    /// A copy is complete.
    Copied {
        /// Which table.
        table: TableId,
    },
    /// A table is set aside.
    SetAside {
        /// Which table.
        table: TableId,
        /// Why, and the cure.
        reason: String,
    },
    /// A write hit rows that had moved; they are being put back.
    RowsMoved {
        /// Which table.
        table: TableId,
        /// Rows hit by mistake.
        rows: usize,
    },
    /// Values of people were overwritten by the database's and are kept in the conflict log.
    Conflicts {
        /// Which table.
        table: TableId,
        /// How many cells.
        cells: usize,
    },
    /// An answer was lost; finding out whether the batch was applied.
    AnswerLost {
        /// Spreadsheet id.
        spreadsheet: String,
        /// Why.
        reason: String,
    },
    /// What became of a batch whose answer was lost.
    AnswerFound {
        /// Spreadsheet id.
        spreadsheet: String,
        /// Whether it had been applied.
        applied: bool,
    },
    /// Google said 429 in spite of our budget.
    Throttled {
        /// Spreadsheet id.
        spreadsheet: String,
    },
    /// Google refuses the credentials or the spreadsheet.
    Denied {
        /// Spreadsheet id.
        spreadsheet: String,
        /// What to do.
        message: String,
    },
    /// Edits of people reached the database.
    Saved {
        /// Which table.
        table: TableId,
        /// Rows changed, added, removed.
        rows: [usize; 3],
    },
    /// The database refused rows.
    Refused {
        /// Which table.
        table: TableId,
        /// Why, without values.
        reason: String,
    },
    /// The writer is not available for now.
    WriterWaits {
        /// Why.
        reason: String,
    },
    /// More rows are gone from a tab than its brake lets through: they wait for a person.
    Braked {
        /// Which table.
        table: TableId,
        /// How many.
        rows: usize,
    },
    /// The journal tab is gone or older than the store: writes are held for a while, then everything is compared.
    JournalGone {
        /// Spreadsheet id.
        spreadsheet: String,
    },
}
