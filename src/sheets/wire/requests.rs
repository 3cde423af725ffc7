//! The requests of a `batchUpdate` that this product sends, and how they look as JSON.
//!
//! These are not the types of `google-sheets4`: there one `Request` takes 29,808 bytes and one `CellData` 2,960, so a batch of
//! 5,000 scattered rows would need several hundred megabytes. A test below holds them against that crate's schema.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};
use sheetwire_engine::cell::Cell;

/// Only the entered value is written: formats, notes and validation stay the user's.
pub(crate) const ENTERED: &str = "userEnteredValue";

/// Only the note is written.
pub(crate) const NOTE: &str = "note";

/// Body of `spreadsheets.batchUpdate`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body<'a> {
    pub(crate) requests: &'a [Request<'a>],
    pub(crate) include_spreadsheet_in_response: bool,
    pub(crate) response_ranges: &'a [String],
}

/// One request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Request<'a> {
    AddSheet {
        properties: SheetProperties<'a>,
    },
    UpdateSheetProperties {
        properties: SheetProperties<'a>,
        fields: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    DeleteSheet {
        sheet_id: i32,
    },
    #[serde(rename_all = "camelCase")]
    AddNamedRange {
        named_range: NamedRange,
    },
    #[serde(rename_all = "camelCase")]
    DeleteNamedRange {
        named_range_id: String,
    },
    #[serde(rename_all = "camelCase")]
    CopyPaste {
        source: GridRange,
        destination: GridRange,
        paste_type: &'static str,
        paste_orientation: &'static str,
    },
    UpdateCells(UpdateCells<'a>),
    RepeatCell {
        range: GridRange,
        cell: FormatOnly,
        fields: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    InsertDimension {
        range: DimensionRange,
        inherit_from_before: bool,
    },
    DeleteDimension {
        range: DimensionRange,
    },
    #[serde(rename_all = "camelCase")]
    AppendDimension {
        sheet_id: i32,
        dimension: &'static str,
        length: u32,
    },
    UnmergeCells {
        range: GridRange,
    },
    #[serde(rename_all = "camelCase")]
    CreateDeveloperMetadata {
        developer_metadata: Mark<'a>,
    },
    SetDataValidation {
        range: GridRange,
        rule: Rule<'a>,
    },
    #[serde(rename_all = "camelCase")]
    AddProtectedRange {
        protected_range: Protection,
    },
}

/// `SheetProperties`, as far as used.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SheetProperties<'a> {
    pub(crate) sheet_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grid_properties: Option<GridProperties>,
}

/// `GridProperties`, as far as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
pub(crate) struct GridProperties {
    pub(crate) row_count: u32,
    pub(crate) column_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frozen_row_count: Option<u32>,
}

/// `NamedRange`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
pub(crate) struct NamedRange {
    pub(crate) named_range_id: String,
    pub(crate) name: &'static str,
    pub(crate) range: GridRange,
}

/// `GridRange`; an absent end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GridRange {
    pub(crate) sheet_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_row_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_row_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_column_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_column_index: Option<u32>,
}

impl GridRange {
    /// A rectangle from a corner and a size.
    pub(crate) fn block(sheet_id: i32, corner: (u32, u32), size: (u32, u32)) -> Self {
        Self {
            sheet_id,
            start_row_index: Some(corner.0),
            end_row_index: Some(corner.0 + size.0),
            start_column_index: Some(corner.1),
            end_column_index: Some(corner.1 + size.1),
        }
    }

    /// The whole tab.
    pub(crate) fn tab(sheet_id: i32) -> Self {
        Self { sheet_id, ..Self::default() }
    }
}

/// `DimensionRange`.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DimensionRange {
    pub(crate) sheet_id: i32,
    pub(crate) dimension: &'static str,
    pub(crate) start_index: u32,
    pub(crate) end_index: u32,
}

impl DimensionRange {
    /// `count` rows from `start` on.
    pub(crate) fn rows(sheet_id: i32, start: u32, count: u32) -> Self {
        Self { sheet_id, dimension: "ROWS", start_index: start, end_index: start + count }
    }

    /// One column.
    pub(crate) fn column(sheet_id: i32, column: u32) -> Self {
        Self { sheet_id, dimension: "COLUMNS", start_index: column, end_index: column + 1 }
    }
}

/// `DeveloperMetadata` of one column.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mark<'a> {
    pub(crate) metadata_key: &'static str,
    pub(crate) metadata_value: &'a str,
    /// Everybody with access sees it, so that it is still known when the account has changed.
    pub(crate) visibility: &'static str,
    pub(crate) location: MarkLocation,
}

/// `DeveloperMetadataLocation` of one column.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MarkLocation {
    pub(crate) dimension_range: DimensionRange,
}

/// `DataValidationRule` that warns and refuses nothing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule<'a> {
    pub(crate) condition: Condition<'a>,
    pub(crate) strict: bool,
    pub(crate) show_custom_ui: bool,
}

/// `BooleanCondition`.
#[derive(Debug, Serialize)]
pub(crate) struct Condition<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<ConditionValue<'a>>,
}

/// `ConditionValue`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConditionValue<'a> {
    pub(crate) user_entered_value: Cow<'a, str>,
}

/// `ProtectedRange` that warns and keeps nobody from anything.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Protection {
    pub(crate) range: GridRange,
    pub(crate) description: &'static str,
    pub(crate) warning_only: bool,
}

/// `UpdateCellsRequest`: with `start` it writes, with `range` and no rows it clears.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateCells<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rows: Vec<RowData<'a>>,
    pub(crate) fields: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<GridCoordinate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) range: Option<GridRange>,
}

/// `GridCoordinate`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GridCoordinate {
    pub(crate) sheet_id: i32,
    pub(crate) row_index: u32,
    pub(crate) column_index: u32,
}

/// `RowData`.
#[derive(Debug, Serialize)]
pub(crate) struct RowData<'a> {
    pub(crate) values: Vec<CellData<'a>>,
}

/// `CellData` with nothing but the entered value or a note. An empty one is `{}`, which clears what the mask names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CellData<'a> {
    /// Any content.
    Cell(&'a Cell),
    /// Literal text.
    Text(&'a str),
    /// A note, under the mask [`NOTE`]; none takes it away.
    Note(Option<&'a str>),
}

impl Serialize for CellData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = match self {
            Self::Cell(Cell::Empty) | Self::Note(None) => {
                return serializer.serialize_map(Some(0))?.end();
            }
            Self::Cell(Cell::Number(number)) => Entered::Number(*number),
            Self::Cell(Cell::Text(text)) => Entered::Text(text),
            Self::Cell(Cell::Bool(flag)) => Entered::Bool(*flag),
            Self::Cell(Cell::Formula { text, .. }) => Entered::Formula(text),
            Self::Text(text) => Entered::Text(text),
            Self::Note(Some(note)) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(NOTE, note)?;
                return map.end();
            }
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(ENTERED, &value)?;
        map.end()
    }
}

/// `ExtendedValue`. Text is always a literal string value: never parsed, never a formula.
#[derive(Serialize)]
enum Entered<'a> {
    #[serde(rename = "numberValue")]
    Number(f64),
    #[serde(rename = "stringValue")]
    Text(&'a str),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "formulaValue")]
    Formula(&'a str),
}

/// `CellData` with nothing but a number format.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FormatOnly {
    pub(crate) user_entered_format: NumberFormatOnly,
}

/// `CellFormat` with nothing but a number format.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NumberFormatOnly {
    pub(crate) number_format: NumberFormat,
}

/// `NumberFormat`.
#[derive(Debug, Serialize)]
pub(crate) struct NumberFormat {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_typed_and_never_null() {
        let cells = [
            Cell::Empty,
            Cell::Number(3.5),
            Cell::text("=1+1"),
            Cell::Bool(false),
            Cell::Formula { text: "=A1".into(), value: Box::new(Cell::Number(3.5)) },
        ];
        let plain = cells.iter().map(CellData::Cell);
        let notes = [CellData::Note(Some("n")), CellData::Note(None)];
        let row = RowData { values: plain.chain(notes).collect() };
        assert_eq!(
            serde_json::to_value(&row).unwrap(),
            json!({"values": [
                {},
                {"userEnteredValue": {"numberValue": 3.5}},
                {"userEnteredValue": {"stringValue": "=1+1"}},
                {"userEnteredValue": {"boolValue": false}},
                {"userEnteredValue": {"formulaValue": "=A1"}},
                {"note": "n"},
                {},
            ]})
        );
    }

    #[test]
    fn a_request_is_far_smaller_than_the_one_of_the_crate() {
        assert!(size_of::<Request<'_>>() <= 128, "{}", size_of::<Request<'_>>());
        assert!(size_of::<google_sheets4::api::Request>() > 20_000);
    }
}
