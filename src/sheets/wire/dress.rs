//! How a mapped column becomes ours: the mark by which it is known, and what people see there. Nothing of theirs is written over.

use std::{borrow::Cow, collections::BTreeSet};

use serde::Deserialize;
use sheetwire_engine::batch::{ColumnBind, NoteWrite, TabWork, Validation};

use super::{
    a1,
    requests::{
        CellData, Condition, ConditionValue, DimensionRange, GridCoordinate, GridRange, Mark,
        MarkLocation, NOTE, Protection, Request, RowData, Rule, UpdateCells,
    },
};

/// Key of the developer metadata that marks a column; its value is the mapped column's name.
pub(crate) const MARK: &str = "sheetwire.column";

/// What the warning says, and how people find it in the list of protections.
const WARNING: &str = "sheetwire: the database writes this column, an edit here is put back";

/// Mask of a look at what stands in columns that are about to become ours.
pub(crate) const LOOK_FIELDS: &str = "sheets(properties(sheetId),\
    protectedRanges(range(startRowIndex,endRowIndex,startColumnIndex,endColumnIndex)),\
    data(startColumn,rowData(values(note,dataValidation(condition(type))))))";

/// What people already say about the columns of one tab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Columns whose header bears a note.
    noted: BTreeSet<u32>,
    /// Columns with a rule about what may be entered, anywhere below the header.
    ruled: BTreeSet<u32>,
    /// Columns that are protected as a whole.
    guarded: BTreeSet<u32>,
}

/// Whether a look is needed before this work is written down.
pub(crate) fn asks(tab: &TabWork) -> bool {
    let new = tab.create.as_ref().is_some_and(|create| create.add.is_some());
    let dresses = |bind: &ColumnBind| bind.note.is_some() || bind.values.is_some() || bind.protect;
    !new && tab.bind.iter().any(dresses)
}

/// What to look at, for a tab of this title and number of rows.
pub(crate) fn ranges(tab: &TabWork, title: &str, rows: u32) -> Vec<String> {
    let header = tab.header_row.0;
    if header >= rows {
        return Vec::new();
    }
    columns(tab).map(|column| a1::columns_from(title, header, column, column)).collect()
}

/// Physical columns that become ours.
fn columns(tab: &TabWork) -> impl Iterator<Item = u32> {
    tab.bind.iter().filter_map(|bind| Some(tab.columns.get(usize::from(bind.column))?.0))
}

/// The marks, notes, rules and warnings of a tab's new columns.
pub(super) fn bind<'a>(tab: &'a TabWork, standing: &Standing) -> Vec<Request<'a>> {
    let mut requests = Vec::new();
    for (bind, column) in tab.bind.iter().zip(columns(tab)) {
        requests.push(mark(tab.sheet_id, column, &bind.name));
        if let Some(note) = bind.note.as_ref().filter(|_| !standing.noted.contains(&column)) {
            requests.push(write_note(tab.sheet_id, (tab.header_row.0, column), Some(note)));
        }
        let below = GridRange {
            sheet_id: tab.sheet_id,
            start_row_index: Some(tab.header_row.0 + 1),
            end_row_index: None,
            start_column_index: Some(column),
            end_column_index: Some(column + 1),
        };
        let values = bind.values.as_ref().filter(|_| !standing.ruled.contains(&column));
        let condition = values.and_then(|values| condition(values, (tab.header_row.0, column)));
        requests.extend(condition.map(|condition| Request::SetDataValidation {
            range: below,
            rule: Rule { condition, strict: false, show_custom_ui: true },
        }));
        if bind.protect && !standing.guarded.contains(&column) {
            let (description, warning_only) = (WARNING, true);
            let protected_range = Protection { range: below, description, warning_only };
            requests.push(Request::AddProtectedRange { protected_range });
        }
    }
    requests
}

/// The notes of a batch.
pub(super) fn notes(tab: &TabWork) -> Vec<Request<'_>> {
    let write = |note: &'_ NoteWrite| (note.row.0, note.column.0);
    tab.notes
        .iter()
        .map(|note| write_note(tab.sheet_id, write(note), note.text.as_deref()))
        .collect()
}

fn mark(sheet_id: i32, column: u32, name: &str) -> Request<'_> {
    Request::CreateDeveloperMetadata {
        developer_metadata: Mark {
            metadata_key: MARK,
            metadata_value: name,
            visibility: "DOCUMENT",
            location: MarkLocation { dimension_range: DimensionRange::column(sheet_id, column) },
        },
    }
}

fn write_note(sheet_id: i32, (row, column): (u32, u32), note: Option<&str>) -> Request<'_> {
    Request::UpdateCells(UpdateCells {
        rows: vec![RowData { values: vec![CellData::Note(note)] }],
        fields: NOTE,
        start: Some(GridCoordinate { sheet_id, row_index: row, column_index: column }),
        range: None,
    })
}

/// The rule in Google's words; `None` where it has none for it.
fn condition(values: &Validation, (header, column): (u32, u32)) -> Option<Condition<'_>> {
    let value = |text| ConditionValue { user_entered_value: text };
    Some(match values {
        // What begins like a formula would be read as one.
        Validation::OneOf(labels) if labels.iter().any(|label| label.starts_with(['=', '+'])) => {
            return None;
        }
        Validation::OneOf(labels) => Condition {
            kind: "ONE_OF_LIST",
            values: labels.iter().map(|label| value(Cow::Borrowed(label.as_str()))).collect(),
        },
        Validation::Date => Condition { kind: "DATE_IS_VALID", values: Vec::new() },
        // There is no such rule of its own for cells; the reference moves along with the cell.
        Validation::NotEmpty => {
            let first = format!("=LEN({}{})>0", a1::column_letters(column), header + 2);
            Condition { kind: "CUSTOM_FORMULA", values: vec![value(Cow::Owned(first))] }
        }
    })
}

/// Answer under [`LOOK_FIELDS`].
#[derive(Debug, Deserialize)]
pub(crate) struct StandingAnswer {
    #[serde(default)]
    sheets: Vec<SheetStanding>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SheetStanding {
    #[serde(default)]
    properties: SheetId,
    #[serde(default)]
    protected_ranges: Vec<Protected>,
    #[serde(default)]
    data: Vec<Block>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SheetId {
    #[serde(default)]
    sheet_id: i32,
}

#[derive(Debug, Deserialize)]
struct Protected {
    #[serde(default)]
    range: Area,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
struct Area {
    start_row_index: u32,
    end_row_index: Option<u32>,
    start_column_index: u32,
    end_column_index: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    #[serde(default)]
    start_column: u32,
    #[serde(default)]
    row_data: Vec<Row>,
}

#[derive(Debug, Default, Deserialize)]
struct Row {
    #[serde(default)]
    values: Vec<Said>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    note: Option<String>,
    data_validation: Option<serde::de::IgnoredAny>,
}

impl StandingAnswer {
    /// What it says about a tab with its header in this row. `rows` is the height of its grid.
    pub(crate) fn of(&self, tab: &TabWork, rows: u32) -> Standing {
        let Some(sheet) = self.sheets.iter().find(|one| one.properties.sheet_id == tab.sheet_id)
        else {
            return Standing::default();
        };
        let mut standing = Standing::default();
        for block in &sheet.data {
            let said = |row: &Row, what: fn(&Said) -> bool| row.values.first().is_some_and(what);
            let mut rows = block.row_data.iter();
            if rows.next().is_some_and(|row| said(row, |cell| cell.note.is_some())) {
                standing.noted.insert(block.start_column);
            }
            if rows.any(|row| said(row, |cell| cell.data_validation.is_some())) {
                standing.ruled.insert(block.start_column);
            }
        }
        for column in columns(tab) {
            let holds = |area: &Area| {
                area.start_row_index <= tab.header_row.0 + 1
                    && area.end_row_index.is_none_or(|end| end >= rows)
                    && area.start_column_index <= column
                    && area.end_column_index.is_none_or(|end| end > column)
            };
            if sheet.protected_ranges.iter().any(|protected| holds(&protected.range)) {
                standing.guarded.insert(column);
            }
        }
        standing
    }
}
