//! What is written to a spreadsheet in one atomic call, and what comes back with it.
//!
//! Rows and columns are 0-based here. Only `sheets::wire` of the product turns them into requests and A1 text.

use serde::{Deserialize, Serialize};

use crate::{cell::Cell, change::TableId, newcomers::marker_in, state::RowIdentity};

/// 0-based row of a tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowIndex(pub u32);

/// 0-based column of a tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnIndex(pub u32);

/// Identity of one batch: unlike every other, also of another process that runs on a copy of our store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId(pub String);

/// How the fence moves: the whole batch is refused unless the last batch applied left `previous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceStep {
    /// Sequence number that the spreadsheet must hold, or `None` where there is no journal yet: the batch creates it and fails
    /// where one exists.
    pub previous: Option<u64>,
    /// Sequence number behind this batch.
    pub next: u64,
}

/// Who wrote the journal, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalOwner {
    /// Random identity of the store this pipeline runs on.
    pub instance: String,
    /// Configured name of the pipeline.
    pub pipeline: String,
    /// The spreadsheet it was written for: a copied spreadsheet carries a foreign one.
    pub spreadsheet: String,
}

/// First row of the journal tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// Who wrote it.
    pub owner: JournalOwner,
    /// Sequence number of the batch that wrote it.
    pub sequence: u64,
    /// The batch that wrote it.
    pub batch: BatchId,
    /// Position before the oldest change that was still pending for this spreadsheet, as text.
    pub position: String,
}

/// One atomic write to one spreadsheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Identity, written into the journal.
    pub id: BatchId,
    /// Spreadsheet id.
    pub spreadsheet: String,
    /// The fence.
    pub fence: FenceStep,
    /// What the first row of the journal says afterwards, beside sequence and id.
    pub owner: JournalOwner,
    /// Position text for the journal.
    pub position: String,
    /// Work per tab. Empty for a burn: a batch that only moves the fence.
    pub tabs: Vec<TabWork>,
}

impl Batch {
    /// Whether it puts a marker into a row without a key.
    pub fn claims_rows(&self) -> bool {
        let mut writes = self.tabs.iter().flat_map(|work| &work.writes);
        writes.any(|write| marker_in(write.cells.iter().map(|(_, cell)| cell)).is_some())
    }
}

/// The work of one batch in one tab. Applied in this order: create, pre-images of everything, writes, deletes, inserts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabWork {
    /// Numeric id of the tab.
    pub sheet_id: i32,
    /// Set where the tab does not exist yet, or has no header.
    pub create: Option<TabCreate>,
    /// Row of the header.
    pub header_row: RowIndex,
    /// Physical column of each mapped column.
    pub columns: Vec<ColumnIndex>,
    /// Number of columns of the tab's grid, for pre-images of whole rows.
    pub grid_columns: u32,
    /// Mapped columns to be marked as ours in the tab, so that they are known whatever their header says.
    pub bind: Vec<ColumnBind>,
    /// Cells to write in existing rows.
    pub writes: Vec<RowWrite>,
    /// Rows to remove, ascending. Their pre-image is the whole row.
    pub deletes: Vec<RowIndex>,
    /// Rows to add.
    pub insert: Option<RowsInsert>,
    /// Notes to write or remove, of rows as the tab stands before the batch.
    pub notes: Vec<NoteWrite>,
}

/// A mapped column that becomes ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnBind {
    /// Index into [`TabWork::columns`].
    pub column: u16,
    /// Name of the mapped column, for the mark.
    pub name: String,
    /// A note on its header.
    pub note: Option<String>,
    /// What may be entered below the header, where nothing is said there yet.
    pub values: Option<Validation>,
    /// People are warned when they edit it; nobody is kept from doing so.
    pub protect: bool,
}

/// What may be entered in a column. Anything else is entered all the same, with a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Validation {
    /// One of these.
    OneOf(Vec<String>),
    /// A day, with or without a time.
    Date,
    /// Anything but nothing.
    NotEmpty,
}

/// A note of ours on one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteWrite {
    /// The row as the tab stands before the batch.
    pub row: RowIndex,
    /// The physical column: one of ours may have come to stand in a column that is not mapped.
    pub column: ColumnIndex,
    /// The note; `None` takes ours away.
    pub text: Option<String>,
}

impl TabWork {
    /// Rows and columns that the grid must have for this work.
    pub fn size(&self) -> (u32, u32) {
        let behind = |row: RowIndex| row.0.saturating_add(1);
        let rows = self.writes.iter().map(|write| behind(write.row));
        let rows = rows.chain(self.deletes.iter().copied().map(behind));
        let rows = rows.chain(self.notes.iter().map(|note| behind(note.row)));
        let removed = u32::try_from(self.deletes.len()).unwrap_or(u32::MAX);
        let rows = rows.chain(self.insert.iter().map(|insert| insert.at.0.saturating_add(removed)));
        let columns = self.columns.iter().copied();
        let columns = columns.chain(self.notes.iter().map(|note| note.column));
        let columns = columns.map(|column| column.0.saturating_add(1));
        (rows.max().unwrap_or(0), columns.max().unwrap_or(0))
    }
}

/// A tab to make or to give a header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabCreate {
    /// `Some(title)`: add the tab with this title and the chosen `sheet_id`, with just the rows it needs.
    pub add: Option<String>,
    /// Header texts in mapped order, written to `header_row`.
    pub header: Vec<String>,
    /// Number format of each mapped column.
    pub formats: Vec<CellFormat>,
}

/// How a column is shown; set once when its header is written, then never again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellFormat {
    /// Left to the sheet.
    Automatic,
    /// Plain text, so that what a person types stays text.
    Text,
    /// A day.
    Date,
    /// A day and a time.
    DateTime,
    /// A duration: may be negative or longer than a day.
    Duration,
}

/// New content for some mapped cells of one existing row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowWrite {
    /// The row as the tab stands before the batch.
    pub row: RowIndex,
    /// Mapped column (index into [`TabWork::columns`], ascending) and new content.
    pub cells: Vec<(u16, Cell)>,
}

/// New rows, made by inserting them: inserted rows are empty by construction, so nothing can be overwritten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowsInsert {
    /// Where the first new row stands, counted after the deletes.
    pub at: RowIndex,
    /// Whether formats come from the row before (a data row) or from the row behind.
    pub inherit_from_before: bool,
    /// Every mapped cell of each new row, in mapped order.
    pub rows: Vec<Vec<Cell>>,
}

/// What the journal says after a batch: what every touched row held just before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// First row.
    pub header: JournalHeader,
    /// One for each [`TabWork`] of the batch, in order.
    pub tabs: Vec<TabImages>,
}

/// Pre-images of one tab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabImages {
    /// Mapped cells of the header row.
    pub header: Vec<Cell>,
    /// Mapped cells of each row of [`TabWork::writes`], in order. Formulas are given as they stood in their own row.
    pub writes: Vec<Vec<Cell>>,
    /// Every cell of each row of [`TabWork::deletes`], in order, from column 0.
    pub deletes: Vec<Vec<Cell>>,
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WriteOutcome {
    /// Applied, and this is the journal.
    Applied(Journal),
    /// Refused whole by the fence: the spreadsheet does not hold the previous sequence number.
    Fenced,
    /// Refused whole, nothing applied, for a reason that trying again will not cure.
    Refused {
        /// Index into [`Batch::tabs`] of the tab that Google names, where it names one.
        tab: Option<usize>,
        /// Google's sentence.
        message: String,
    },
    /// Refused whole because the quota is spent.
    Throttled,
    /// Refused whole for a passing reason (the request never left, or Google says so).
    NotSent {
        /// Why, for the log.
        reason: String,
    },
    /// Nobody knows: the answer was lost, cut, or an ambiguous status.
    Unknown {
        /// Why, for the log.
        reason: String,
    },
    /// No permission, no such spreadsheet, credentials refused: the operator must act.
    Denied {
        /// What to do.
        message: String,
    },
}

/// What a tab is called and how large its grid is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabProperties {
    /// Numeric id, stable across renames.
    pub sheet_id: i32,
    /// Title as people see it.
    pub title: String,
    /// Rows of the grid.
    pub rows: u32,
    /// Columns of the grid.
    pub columns: u32,
}

/// A spreadsheet as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadsheetImage {
    /// Title of the spreadsheet.
    pub title: String,
    /// Its locale, like `en_US`.
    pub locale: String,
    /// Every tab but the journal.
    pub tabs: Vec<TabProperties>,
    /// The fence's sequence number, where there is a fence.
    pub fence: Option<u64>,
    /// First row of the journal, where there is a journal tab with a readable first row.
    pub journal: Option<JournalHeader>,
    /// Whether a journal tab exists at all.
    pub journal_tab: bool,
}

/// Which part of a tab to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabRead {
    /// The tab.
    pub sheet_id: i32,
    /// Row of the header.
    pub header_row: RowIndex,
    /// Physical columns to read below the header; `None` for all.
    pub columns: Option<Vec<ColumnIndex>>,
    /// Rows to read below the header: the first, and how many; `None` for all.
    pub rows: Option<(RowIndex, u32)>,
}

/// What a read found, all from one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabsImage {
    /// The fence's sequence number at that moment.
    pub fence: Option<u64>,
    /// One for each [`TabRead`], in order.
    pub tabs: Vec<TabImage>,
}

/// A tab's content, all from one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabImage {
    /// Name and size.
    pub properties: TabProperties,
    /// The whole header row from column 0, trailing empty cells left out.
    pub header: Vec<Cell>,
    /// The columns asked for (all up to the last used one, if all), each with its cells from the row below the header, or from the first
    /// row asked for; trailing empty cells left out.
    pub columns: Vec<(ColumnIndex, Vec<Cell>)>,
    /// Columns that are marked as ours, with the name of the mapped column, wherever they stand and whatever their header says.
    pub bound: Vec<(ColumnIndex, String)>,
    /// Cells below the header with a note; a read of parts has none.
    pub notes: Vec<CellNote>,
    /// Columns whose header bears a note.
    pub header_notes: Vec<ColumnIndex>,
}

/// A note on a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellNote {
    /// Its row.
    pub row: RowIndex,
    /// Its column.
    pub column: ColumnIndex,
    /// The note.
    pub text: String,
}

/// How a read ended when it gave nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReadFailure {
    /// The quota is spent.
    Throttled,
    /// A passing reason: try again.
    Transient {
        /// Why, for the log.
        reason: String,
    },
    /// A tab asked for does not exist any more.
    TabGone {
        /// Which.
        sheet_id: i32,
    },
    /// No permission, no such spreadsheet, credentials refused: the operator must act.
    Denied {
        /// What to do.
        message: String,
    },
}

/// A batch with everything needed to confirm it from its pre-images, also after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// What is sent.
    pub batch: Batch,
    /// One for each tab of the batch, in order.
    pub expectations: Vec<TabExpectation>,
}

/// What we believed about the rows of one [`TabWork`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabExpectation {
    /// Whose tab it is.
    pub table: TableId,
    /// Whether this work puts back cells of rows hit by mistake; its columns are then physical ones.
    pub repair: bool,
    /// Header cells at the work's columns.
    pub header: Vec<Cell>,
    /// One for each write.
    pub writes: Vec<RowExpectation>,
    /// One for each delete.
    pub deletes: Vec<RowExpectation>,
    /// One for each inserted row.
    pub inserts: Vec<RowExpectation>,
}

/// What we believed about one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowExpectation {
    /// The row we meant.
    pub row: RowIdentity,
    /// Cells at the work's columns as they stood at the last read or confirmation.
    pub before: Vec<Cell>,
    /// What both sides are to agree on at the work's columns, as the database held it when the batch was planned; empty for a delete and for
    /// a repair.
    pub database: Vec<Cell>,
}

impl RowExpectation {
    /// Of a row that is known by what it is.
    pub fn new(row: RowIdentity, before: Vec<Cell>, database: Vec<Cell>) -> Self {
        Self { row, before, database }
    }
}
