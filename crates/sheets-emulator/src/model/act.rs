//! The acts of people in the grid, as the demo and the tests name them.

use serde::Deserialize;

/// One act of a person in the browser. Rows are 1-based, columns are letters, as people see them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum HumanAct {
    /// Types `text` into a cell (A1 address) and presses Enter.
    Type {
        /// Title of the tab.
        tab: String,
        /// Address such as `B3`.
        cell: String,
        /// Parsed as the grid parses typed text.
        text: String,
    },
    /// Selects a range and presses Delete.
    Clear {
        /// Title of the tab.
        tab: String,
        /// A1 range without the tab.
        range: String,
    },
    /// Pastes a block of text cells with its top left corner at `at`.
    Paste {
        /// Title of the tab.
        tab: String,
        /// Address of the top left cell.
        at: String,
        /// The block, row by row.
        rows: Vec<Vec<String>>,
    },
    /// Inserts `count` empty rows above row `at`.
    InsertRows {
        /// Title of the tab.
        tab: String,
        /// 1-based row.
        at: usize,
        /// How many.
        count: usize,
    },
    /// Deletes `count` rows from row `at` on.
    DeleteRows {
        /// Title of the tab.
        tab: String,
        /// 1-based row.
        at: usize,
        /// How many.
        count: usize,
    },
    /// Drags `count` rows from row `from` to above row `to` (counted before the move).
    MoveRows {
        /// Title of the tab.
        tab: String,
        /// 1-based row.
        from: usize,
        /// How many.
        count: usize,
        /// 1-based row the block lands above.
        to: usize,
    },
    /// Inserts `count` empty columns left of column `at`.
    InsertColumns {
        /// Title of the tab.
        tab: String,
        /// Column letters.
        at: String,
        /// How many.
        count: usize,
    },
    /// Deletes `count` columns from column `at` on.
    DeleteColumns {
        /// Title of the tab.
        tab: String,
        /// Column letters.
        at: String,
        /// How many.
        count: usize,
    },
    /// Drags `count` columns from column `from` to left of column `to` (counted before the move).
    MoveColumns {
        /// Title of the tab.
        tab: String,
        /// Column letters.
        from: String,
        /// How many.
        count: usize,
        /// Column letters the block lands left of.
        to: String,
    },
    /// Sorts whole rows from `first_row` to the last row with data by one column.
    Sort {
        /// Title of the tab.
        tab: String,
        /// 1-based first row of the sorted block.
        first_row: usize,
        /// Column letters.
        column: String,
        /// Largest first.
        #[serde(default)]
        descending: bool,
    },
    /// Renames a tab.
    RenameTab {
        /// Present title.
        tab: String,
        /// New title.
        to: String,
    },
    /// Adds an empty tab at the end.
    AddTab {
        /// Its title.
        title: String,
    },
    /// Deletes a tab.
    DeleteTab {
        /// Its title.
        tab: String,
    },
    /// Renames the document.
    RenameSpreadsheet {
        /// New title.
        title: String,
    },
    /// Protects a range as the owner: only `editors` (and the owner) may write there.
    Protect {
        /// Title of the tab.
        tab: String,
        /// A1 range without the tab; absent means the whole tab.
        #[serde(default)]
        range: Option<String>,
        /// E-mail addresses that may still edit.
        #[serde(default)]
        editors: Vec<String>,
    },
    /// The owner takes away the protections of a tab that are more than a warning.
    Unprotect {
        /// Title of the tab.
        tab: String,
    },
    /// Writes a note on a cell; an empty text takes it away.
    Note {
        /// Title of the tab.
        tab: String,
        /// Address of the cell.
        cell: String,
        /// The note.
        text: String,
    },
    /// Gives cells a number format.
    Format {
        /// Title of the tab.
        tab: String,
        /// A1 range without the tab.
        range: String,
        /// `TEXT`, `NUMBER`, `DATE`, ... as the API names them.
        kind: String,
        /// The pattern; none takes that of the kind.
        #[serde(default)]
        pattern: Option<String>,
    },
    /// Hides `count` rows from row `at` on.
    HideRows {
        /// Title of the tab.
        tab: String,
        /// 1-based row.
        at: usize,
        /// How many.
        count: usize,
    },
    /// Shows `count` rows from row `at` on again.
    ShowRows {
        /// Title of the tab.
        tab: String,
        /// 1-based row.
        at: usize,
        /// How many.
        count: usize,
    },
    /// Puts a filter on a range whose first row is the header; an old one goes.
    Filter {
        /// Title of the tab.
        tab: String,
        /// A1 range without the tab.
        range: String,
        /// Letters of the column whose values are hidden.
        #[serde(default)]
        column: Option<String>,
        /// Values of it, as shown, whose rows are hidden.
        #[serde(default)]
        hide: Vec<String>,
        /// Letters of the column to sort by.
        #[serde(default)]
        sort: Option<String>,
        /// Largest first.
        #[serde(default)]
        descending: bool,
    },
    /// Takes the filter away; its order of rows stays.
    ClearFilter {
        /// Title of the tab.
        tab: String,
    },
    /// Copies a block inside the tab, with its top left corner to `to`; formulas shift.
    Copy {
        /// Title of the tab.
        tab: String,
        /// A1 range without the tab.
        range: String,
        /// Address of the top left cell of the copy.
        to: String,
    },
    /// Takes back the last act of a person that was not taken back yet; acts of programs stay.
    Undo,
}

/// Why the grid would not let a person do that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HumanError(pub String);
