//! Writes to the database: what is durable before anything is sent, and what tells afterwards what became of it.
//!
//! ```text
//! Drafted --store--> BEGIN, lock, compare, write, read back --store--> Prepared --> COMMIT --> Closing
//!                                                                          `-- answer lost --> Doubtful
//! ```
//!
//! A row that is being written is looked at through a [`Window`]: what the log says about it meanwhile may be older than what was written,
//! so the last image is kept aside until the log has been consumed up to the commit; then it is the row as it is.

use serde::{Deserialize, Serialize};

use crate::{cell::Cell, change::TableId, position::Position, state::RowKey, value::Value};

/// One transaction on the writer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Number, from 1, never used twice.
    pub id: u64,
    /// Which table.
    pub table: TableId,
    /// Its rows, in order. Empty once it is closing.
    pub rows: Vec<RowIntent>,
    /// How far it has come.
    pub stage: Stage,
}

/// How far an intent has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// Durable; nothing can have been committed.
    Drafted,
    /// What the rows became is durable; the `COMMIT` may be under way.
    Prepared,
    /// Nobody knows whether it was committed. When the log has been consumed up to here, its rows were seen in it, or it was not.
    Doubtful {
        /// The writer's executed set, read on a connection that holds the lock again.
        until: Position,
    },
    /// The rows are settled; their windows close when the log has been consumed up to here.
    Closing {
        /// The writer's executed set, read behind the commit.
        until: Position,
    },
}

/// What one row is to become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowIntent {
    /// The row as the sheet names it; a row without a key by the marker that claims it.
    pub key: RowKey,
    /// What to do.
    pub work: RowWork,
    /// What the sheet holds in the columns that are written: the sheet's side of the base afterwards.
    pub sheet: Vec<(u16, Cell)>,
    /// Database values that lose by rule, for the conflict log.
    pub overruled: Vec<(u16, Cell)>,
    /// What the row became, as the database itself says inside of the transaction. Set once prepared.
    pub readback: Option<Readback>,
    /// The log has shown the row as it became.
    pub seen: bool,
}

/// What to do with a row. Columns are indexes into the mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RowWork {
    /// Change these columns, if the row still looks as planned.
    Update {
        /// Values of the key columns.
        key: Vec<Value>,
        /// How these columns must look just before.
        guard: Vec<(u16, Cell)>,
        /// New values.
        set: Vec<(u16, Value)>,
    },
    /// Add a row; columns that are left out take their defaults.
    Insert {
        /// Values.
        set: Vec<(u16, Value)>,
    },
    /// Remove the row, if it still looks as planned.
    Delete {
        /// Values of the key columns.
        key: Vec<Value>,
        /// How these columns must look just before.
        guard: Vec<(u16, Cell)>,
    },
}

/// A row as the database has it after a write, within the transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Readback {
    /// It looks like this.
    Row(Vec<Cell>),
    /// It is gone, or does not meet the table's condition any more.
    Gone,
}

/// What the log said about a row that is being written, or was, or was read apart from the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The intents that keep it open.
    pub intents: Vec<u64>,
    /// The last image since then: the row's cells, or that it is gone.
    pub image: Option<Option<Vec<Cell>>>,
}

/// How preparing a transaction ended. In every case but the first it was rolled back, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PrepareOutcome {
    /// Written and read back, one for each row; waits for its `COMMIT`.
    Ready(Vec<ReadbackRow>),
    /// This row does not look as planned any more.
    Missed {
        /// Index into the intent's rows.
        row: usize,
        /// The row as it is; `None` where there is none, or none that meets the table's condition.
        current: Option<Vec<Value>>,
        /// The writer's executed set when it was read.
        executed: Position,
    },
    /// A new row's key is taken, by the column's own idea of equality.
    Exists {
        /// Index into the intent's rows.
        row: usize,
        /// The row that has it; `None` where it does not meet the table's condition.
        current: Option<Vec<Value>>,
        /// The writer's executed set when it was read.
        executed: Position,
    },
    /// The database refuses this row for good: back to the person.
    Refused {
        /// Index into the intent's rows.
        row: usize,
        /// Why.
        refusal: Refusal,
    },
    /// A passing reason: deadlock, lock wait, a server that is read-only for now, a broken line.
    NotNow {
        /// Why, for log and status.
        reason: String,
        /// Whether the session is gone, and with it the lock.
        lost: bool,
    },
}

/// A row read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadbackRow {
    /// The mapped columns; `None` where the row is gone or does not meet the table's condition.
    pub row: Option<Vec<Value>>,
    /// The key it has got, where it has one: also for a row that does not meet the condition.
    pub key: Option<Vec<Value>>,
}

/// Why the database refuses a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A sentence with the constraint's name and without values.
    pub message: String,
    /// The column it is about, where the server names one that is mapped.
    pub column: Option<u16>,
    /// Whether another row may cure it: a missing parent, a value that is taken.
    pub may_pass: bool,
}

/// How a `COMMIT` ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CommitOutcome {
    /// Committed; the writer's executed set read behind it contains the transaction. `None` where the line broke in between.
    Done {
        /// The executed set.
        executed: Option<Position>,
    },
    /// The server says that it was rolled back.
    RolledBack {
        /// Why.
        reason: String,
    },
    /// Nobody knows: the answer was lost.
    Unknown {
        /// Why, for the log.
        reason: String,
    },
}

/// Why the writer could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriterFailure {
    /// Another session holds the pipeline's lock.
    Locked {
        /// Who, as far as the server says.
        holder: String,
    },
    /// A passing reason.
    Transient {
        /// Why.
        reason: String,
    },
    /// Rights or settings are missing: the operator must act.
    Denied {
        /// What to do.
        message: String,
    },
}
