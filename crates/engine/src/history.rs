//! What was changed, where, when, by whom, and by which batch or transaction: kept by the store for people who ask later.

use serde::{Deserialize, Serialize};

use crate::{
    batch::BatchId, cell::Cell, change::TableId, merge::Side, position::Position, state::RowKey,
};

/// A change of one row that is certain: confirmed in the sheet, or committed in the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Which table.
    pub table: TableId,
    /// Which row.
    pub key: RowKey,
    /// When it became certain, microseconds since the Unix epoch.
    pub at_us: i64,
    /// The side that was changed.
    pub side: Side,
    /// What happened to the row.
    pub what: RowEvent,
    /// Mapped columns that were changed: index, value before where it was known, value after. Empty for a row that was removed.
    pub cells: Vec<(u16, Option<Cell>, Cell)>,
    /// Who entered it, where a doorbell said so.
    pub who: Option<String>,
    /// What changed it.
    pub by: Origin,
}

/// A change before anybody said when it was and what made it.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) key: RowKey,
    pub(crate) what: RowEvent,
    pub(crate) cells: Vec<(u16, Option<Cell>, Cell)>,
    pub(crate) who: Option<String>,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowEvent {
    /// It was added.
    Added,
    /// Some of its cells were changed.
    Changed,
    /// It was removed.
    Removed,
}

/// What changed a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Origin {
    /// A batch to a spreadsheet.
    Batch(BatchId),
    /// A transaction on the writer.
    Transaction {
        /// Its number.
        intent: u64,
        /// The writer's executed set that contains it.
        until: Position,
    },
}
