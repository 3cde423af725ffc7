//! What the engine is told, and what it asks for.

use serde::{Deserialize, Serialize};

use crate::{
    batch::{Batch, Journal, ReadFailure, SpreadsheetImage, TabImage, TabRead, WriteOutcome},
    change::{Row, RowChange, TableId},
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
        answer: Result<Vec<TabImage>, ReadFailure>,
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
    /// The journal tab is gone or older than the store: writes are held for a while, then everything is compared.
    JournalGone {
        /// Spreadsheet id.
        spreadsheet: String,
    },
}
