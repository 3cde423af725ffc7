//! Windows: what the engine is at, for people and metrics. No cell values.

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::{
    change::TableId,
    pacer::Class,
    state::{Adoption, TableState},
    tab::Tab,
};

/// Conflicts without a note that are named for each table.
const UNNOTED_MAX: usize = 100;

/// The engine at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The way to the database.
    pub writer: WriterStatus,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Rows with something for the database.
    pub due: usize,
    /// Rows that wait for a person because too many are gone at once, or because the configuration says so.
    pub held: usize,
    /// Rows without a key that lack something before the database can take them.
    pub drafts: usize,
    /// Rows that the database refused as they are.
    pub refused: usize,
    /// Conflicts that are still open.
    pub open: usize,
    /// Open conflicts whose cell bears a person's note, so that ours is not written: the first ones where they are many.
    #[serde(default)]
    pub unnoted: Vec<u64>,
    /// Values that were written by mistake and could not be found again.
    pub strays: usize,
    /// Rows about which the log has not caught up with us.
    pub windows: usize,
    /// Cells that people want back, and of which is not read yet which rows they are.
    #[serde(default)]
    pub asked: usize,
    /// Numeric id of its tab, once one was seen or is to be made; it stays when people give the tab another title.
    #[serde(default)]
    pub sheet_id: Option<i32>,
    /// A person stopped the table.
    pub paused: bool,
    /// Whether the sheet may change the database.
    pub inbound: bool,
}

/// The connection that writes to the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterStatus {
    /// unused, opening, ready, writing or committing.
    pub phase: String,
    /// Why nothing goes on, where nothing does.
    pub waits: Option<String>,
    /// Transactions in doubt, or whose echo has not come by yet.
    pub intents: usize,
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
            tables: (self.tabs.iter().map(of_tab))
                .chain(self.settings.refused.iter().map(|(table, reason)| TabStatus {
                    table: *table,
                    state: reason.clone(),
                    set_aside: true,
                    ..TabStatus::default()
                }))
                .collect(),
            writer: WriterStatus {
                phase: self.writer.phase.word().to_owned(),
                waits: self.writer.waits.clone(),
                intents: self.writer.intents.len(),
            },
        }
    }
}

fn of_tab(tab: &Tab) -> TabStatus {
    TabStatus {
        table: tab.spec.table,
        state: match &tab.state {
            TableState::Copying { .. } => "copying".to_owned(),
            TableState::Live { adoption: Adoption::Done, .. } => "live".to_owned(),
            // What was refused while it was taken in is counted as such.
            TableState::Live { adoption: Adoption::Carry(_), .. } if tab.has_all_said() => {
                "live".to_owned()
            }
            TableState::Live { .. } => "being taken in".to_owned(),
            TableState::SetAside { reason, .. } => reason.clone(),
        },
        set_aside: tab.set_aside(),
        rows: tab.base.len(),
        pending: tab.pending.len(),
        frozen: tab.frozen.len(),
        strangers: tab.strangers,
        repairs: tab.repairs.len(),
        due: tab.due.len(),
        held: tab.gone.held_len(),
        drafts: tab.newcomers.drafts.len(),
        refused: tab.open.refused_len(),
        open: tab.open.len(),
        unnoted: tab.notes.withheld().take(UNNOTED_MAX).collect(),
        strays: tab.strays.len(),
        windows: tab.windows.len(),
        asked: tab.reverts.asked(),
        sheet_id: tab.home,
        paused: tab.paused,
        inbound: tab.is_inbound(),
    }
}
