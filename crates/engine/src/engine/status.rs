//! Windows: what the engine is at, for people and metrics. No cell values.

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::{change::TableId, pacer::Class, state::TableState};

/// The engine at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Consumed position, as text.
    pub position: Option<String>,
    /// Write requests granted since the start.
    pub writes: u64,
    /// Read requests granted since the start.
    pub reads: u64,
    /// Conflict records ever written.
    pub conflicts: u64,
    /// Whether everything told so far is in the sheets.
    pub idle: bool,
    /// Spreadsheets.
    pub spreadsheets: Vec<BookStatus>,
    /// Tables.
    pub tables: Vec<TabStatus>,
}

/// One spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookStatus {
    /// Its id.
    pub spreadsheet: String,
    /// opening, reading, ready, writing or resolving.
    pub phase: String,
    /// Fence sequence number.
    pub fence: Option<u64>,
    /// Why it cannot be reached, where it cannot.
    pub denied: Option<String>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabStatus {
    /// Number of the table.
    pub table: TableId,
    /// copying, live, or why it is set aside.
    pub state: String,
    /// Whether it is set aside.
    pub set_aside: bool,
    /// Rows both sides agree on.
    pub rows: usize,
    /// Rows waiting to be written.
    pub pending: usize,
    /// Keys that stand in several rows of the tab: frozen until a person resolves it.
    pub frozen: usize,
    /// Rows of the tab whose key the database does not know.
    pub strangers: usize,
    /// Rows being put back.
    pub repairs: usize,
}

impl Engine {
    /// What the engine is at.
    pub fn status(&self) -> Status {
        Status {
            position: self.position().map(ToString::to_string),
            writes: self.pacer.granted(Class::Write),
            reads: self.pacer.granted(Class::Read),
            conflicts: self.conflicts,
            idle: self.is_idle(),
            spreadsheets: self
                .books
                .iter()
                .map(|book| BookStatus {
                    spreadsheet: book.spreadsheet.clone(),
                    phase: book.phase.word().to_owned(),
                    fence: book.fence,
                    denied: book.denied.clone(),
                })
                .collect(),
            tables: self
                .tabs
                .iter()
                .map(|tab| TabStatus {
                    table: tab.spec.table,
                    state: match &tab.state {
                        TableState::Copying { .. } => "copying".to_owned(),
                        TableState::Live { .. } => "live".to_owned(),
                        TableState::SetAside { reason, .. } => reason.clone(),
                    },
                    set_aside: tab.set_aside(),
                    rows: tab.base.len(),
                    pending: tab.pending.len(),
                    frozen: tab.frozen.len(),
                    strangers: tab.strangers,
                    repairs: tab.repairs.len(),
                })
                .chain(self.settings.refused.iter().map(|(table, reason)| TabStatus {
                    table: *table,
                    state: reason.clone(),
                    set_aside: true,
                    rows: 0,
                    pending: 0,
                    frozen: 0,
                    strangers: 0,
                    repairs: 0,
                }))
                .collect(),
        }
    }
}
