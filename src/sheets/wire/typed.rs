//! The crate's answers as ours. What the crate leaves out is empty, and stays in its place.

use google_sheets4::api::{
    CellData, DimensionProperties, ExtendedValue, GridData, RowData, Sheet, Spreadsheet,
};

use super::answer::{
    BlockAnswer, CellAnswer, DimensionAnswer, MarkAnswer, NameAnswer, PropertiesAnswer, RawCell,
    RawError, RawValue, RowAnswer, SheetAnswer, SheetsAnswer, SizeAnswer,
};

impl SheetsAnswer {
    /// The answer that the text of it would give; `None` where a tab has no properties or a number that is none of ours.
    pub(crate) fn of(answer: Spreadsheet) -> Option<Self> {
        let sheets = answer.sheets.unwrap_or_default().into_iter().map(sheet);
        let names = answer.named_ranges.unwrap_or_default().into_iter();
        let names = names
            .map(|name| NameAnswer { named_range_id: name.named_range_id.unwrap_or_default() });
        Some(Self { sheets: sheets.collect::<Option<_>>()?, named_ranges: names.collect() })
    }
}

fn sheet(sheet: Sheet) -> Option<SheetAnswer> {
    let properties = sheet.properties?;
    let size = match properties.grid_properties {
        Some(size) => Some(SizeAnswer {
            row_count: count(size.row_count)?,
            column_count: count(size.column_count)?,
        }),
        None => None,
    };
    let properties = PropertiesAnswer {
        sheet_id: properties.sheet_id.unwrap_or_default(),
        title: properties.title.unwrap_or_default(),
        grid_properties: size,
    };
    let data = sheet.data.unwrap_or_default().into_iter().map(block);
    Some(SheetAnswer { properties, data: data.collect::<Option<_>>()? })
}

fn block(block: GridData) -> Option<BlockAnswer> {
    Some(BlockAnswer {
        start_row: count(block.start_row)?,
        start_column: count(block.start_column)?,
        row_data: block.row_data.unwrap_or_default().into_iter().map(row).collect(),
        column_metadata: block
            .column_metadata
            .unwrap_or_default()
            .into_iter()
            .map(dimension)
            .collect(),
    })
}

fn dimension(known: DimensionProperties) -> DimensionAnswer {
    let marks = known.developer_metadata.unwrap_or_default().into_iter();
    let marks = marks.map(|mark| MarkAnswer {
        metadata_key: mark.metadata_key.unwrap_or_default(),
        metadata_value: mark.metadata_value.unwrap_or_default(),
    });
    DimensionAnswer { developer_metadata: marks.collect() }
}

fn row(row: RowData) -> RowAnswer {
    RowAnswer { values: row.values.unwrap_or_default().into_iter().map(cell).collect() }
}

fn cell(cell: CellData) -> CellAnswer {
    RawCell {
        user_entered_value: cell.user_entered_value.map(value),
        effective_value: cell.effective_value.map(value),
        note: cell.note.map(String::into_boxed_str),
    }
    .into()
}

fn value(value: ExtendedValue) -> RawValue {
    RawValue {
        text: value.string_value.map(String::into_boxed_str),
        number: value.number_value,
        flag: value.bool_value,
        formula: value.formula_value.map(String::into_boxed_str),
        error: value.error_value.map(|error| RawError { kind: error.type_.unwrap_or_default() }),
    }
}

/// A count that Google leaves out is nought.
fn count(count: Option<i32>) -> Option<u32> {
    u32::try_from(count.unwrap_or_default()).ok()
}
