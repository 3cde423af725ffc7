//! What a tab is to be: decided by the configuration.

use crate::{
    batch::RowIndex,
    change::TableId,
    merge::{RowPolicy, Side},
    render::Rendering,
    value::Column,
};
use serde::{Deserialize, Serialize};

/// A mapping of a table to a tab, as configuration and server describe it together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TabSpec {
    /// Number of the table.
    pub table: TableId,
    /// Spreadsheet id.
    pub spreadsheet: String,
    /// Title of the tab; the tab is made where it does not exist.
    pub title: String,
    /// Row of the header.
    pub header_row: RowIndex,
    /// Mapped columns.
    pub columns: Vec<Column>,
    /// Indexes of the key columns.
    pub key: Vec<usize>,
    /// Zone and empty text.
    pub rendering: Rendering,
    /// Who may change what, and who wins.
    pub policy: RowPolicy,
    /// What limits the sheet's way to the database.
    pub inbound: InboundLimits,
    /// Whether mapped columns get notes, allowed values and warnings when they become ours.
    pub dress: bool,
    /// Whether cells get notes that say what is wrong with them.
    #[serde(default)]
    pub notes: bool,
}

/// What limits the sheet's way to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundLimits {
    /// Rows of one transaction.
    pub rows_per_transaction: usize,
    /// More rows than this gone or emptied at once wait for a person.
    pub brake_rows: usize,
    /// As for rows, in percent of the table.
    pub brake_percent: u8,
    /// Whose values stand where the tab differs from the table when it is first taken in; without it such a tab is refused.
    pub adopt: Option<Side>,
}

impl Default for InboundLimits {
    fn default() -> Self {
        Self { rows_per_transaction: 200, brake_rows: 50, brake_percent: 10, adopt: None }
    }
}
