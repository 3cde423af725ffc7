//! What is known of a tab but for its rows.

use crate::{batch::ColumnIndex, cell::Cell, typed::Habits};

/// Which tab it is, and where its mapped columns stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Geometry {
    /// Numeric id of the tab, once known or chosen.
    pub(crate) sheet_id: i32,
    /// The title as last seen.
    pub(crate) title: String,
    /// The tab has to be added.
    pub(crate) missing: bool,
    /// It is the tab that was known before, or all that was known of that one is doubted; before, nothing follows from what it holds or lacks.
    pub(crate) moved_in: bool,
    /// The header has to be written.
    pub(crate) blank: bool,
    /// Physical column of each mapped column.
    pub(crate) columns: Vec<ColumnIndex>,
    /// Header cells at these columns.
    pub(crate) header: Vec<Cell>,
    /// The whole header row as last read.
    pub(crate) whole_header: Vec<Cell>,
    /// Columns of the grid.
    pub(crate) grid_columns: u32,
    /// Mapped columns that are not marked as ours in the tab yet.
    pub(crate) unbound: Vec<u16>,
    /// Columns whose header bears a note.
    pub(crate) header_notes: Vec<ColumnIndex>,
    /// How people write numbers and days here.
    pub(crate) habits: Habits,
}
