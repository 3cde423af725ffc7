//! The work of a batch in one tab as requests.

use std::collections::BTreeMap;

use sheetwire_engine::batch::{CellFormat, TabCreate, TabWork};

use super::{
    layout::{Copied, TabLayout},
    requests::{
        CellData, DimensionRange, ENTERED, FormatOnly, GridCoordinate, GridProperties, GridRange,
        NumberFormat, NumberFormatOnly, Request, RowData, SheetProperties, UpdateCells,
    },
};

/// Adds the tab where it is new, then writes its header and the number formats below it, once and for all.
pub(super) fn create(tab: &TabWork, rows: Option<u32>) -> Vec<Request<'_>> {
    let Some(create) = &tab.create else { return Vec::new() };
    let mut requests = match &create.add {
        Some(title) => vec![add_tab(tab, title)],
        None => make_room(tab, rows),
    };
    for run in column_runs(tab) {
        let texts = run.mapped.iter().filter_map(|index| create.header.get(*index));
        requests.push(Request::UpdateCells(UpdateCells {
            rows: vec![RowData { values: texts.map(|text| CellData::Text(text)).collect() }],
            fields: ENTERED,
            start: Some(coordinate(tab, tab.header_row.0, run.first)),
            range: None,
        }));
    }
    requests.extend(formats(tab, create));
    requests
}

/// A tab with just its header and one row: a header cannot be frozen in a tab that has no other row.
fn add_tab<'a>(tab: &TabWork, title: &'a str) -> Request<'a> {
    Request::AddSheet {
        properties: SheetProperties {
            sheet_id: tab.sheet_id,
            title: Some(title),
            hidden: None,
            grid_properties: Some(GridProperties {
                row_count: tab.header_row.0 + 2,
                column_count: end_column(tab).max(1),
                frozen_row_count: Some(tab.header_row.0 + 1),
            }),
        },
    }
}

/// Grows an existing grid that has no room for the header and one row.
fn make_room<'a>(tab: &TabWork, rows: Option<u32>) -> Vec<Request<'a>> {
    let grow = |dimension, missing: u32| {
        (missing > 0).then_some(Request::AppendDimension {
            sheet_id: tab.sheet_id,
            dimension,
            length: missing,
        })
    };
    let columns = grow("COLUMNS", end_column(tab).saturating_sub(tab.grid_columns));
    let wanted = tab.header_row.0 + 2;
    let rows = grow("ROWS", rows.map_or(0, |rows| wanted.saturating_sub(rows)));
    columns.into_iter().chain(rows).collect()
}

fn formats<'a>(tab: &TabWork, create: &TabCreate) -> Vec<Request<'a>> {
    let mut formats: Vec<(u32, CellFormat)> = tab
        .columns
        .iter()
        .zip(&create.formats)
        .map(|(column, format)| (column.0, *format))
        .collect();
    formats.sort_unstable_by_key(|(column, _)| *column);
    let same_run = |a: &(u32, CellFormat), b: &(u32, CellFormat)| b.0 == a.0 + 1 && a.1 == b.1;
    formats
        .chunk_by(same_run)
        .filter_map(|run| {
            let (first, format) = *run.first()?;
            let (last, _) = *run.last()?;
            let number_format = number_format(format)?;
            Some(Request::RepeatCell {
                range: GridRange {
                    sheet_id: tab.sheet_id,
                    start_row_index: Some(tab.header_row.0 + 1),
                    end_row_index: None,
                    start_column_index: Some(first),
                    end_column_index: Some(last + 1),
                },
                cell: FormatOnly { user_entered_format: NumberFormatOnly { number_format } },
                fields: "userEnteredFormat.numberFormat",
            })
        })
        .collect()
}

fn number_format(format: CellFormat) -> Option<NumberFormat> {
    let (kind, pattern) = match format {
        CellFormat::Automatic => return None,
        CellFormat::Text => ("TEXT", None),
        CellFormat::Date => ("DATE", Some("yyyy-mm-dd")),
        CellFormat::DateTime => ("DATE_TIME", Some("yyyy-mm-dd hh:mm:ss")),
        CellFormat::Duration => ("TIME", Some("[h]:mm:ss")),
    };
    Some(NumberFormat { kind, pattern })
}

/// Copies everything the batch will touch into the journal. Formulas are copied as formulas.
pub(super) fn pre_images<'a>(tab: &TabWork, placed: &TabLayout, journal: i32) -> Vec<Request<'a>> {
    let copy = move |copied: &Copied| Request::CopyPaste {
        source: GridRange::block(tab.sheet_id, copied.from, copied.size),
        destination: GridRange::block(journal, copied.to, copied.size),
        paste_type: "PASTE_NORMAL",
        paste_orientation: "NORMAL",
    };
    placed.header.iter().chain(&placed.writes).chain(&placed.deletes).map(copy).collect()
}

/// Cells of existing rows. Consecutive rows that write the same columns are one request.
pub(super) fn writes(tab: &TabWork) -> Vec<Request<'_>> {
    // (first column, width) -> rows in ascending order.
    let mut blocks: BTreeMap<(u32, usize), Vec<(u32, RowData<'_>)>> = BTreeMap::new();
    for write in &tab.writes {
        let mut cells: Vec<(u32, CellData<'_>)> = write
            .cells
            .iter()
            .filter_map(|(index, cell)| {
                Some((tab.columns.get(usize::from(*index))?.0, CellData::Cell(cell)))
            })
            .collect();
        cells.sort_by_key(|(column, _)| *column);
        for run in cells.chunk_by(|a, b| b.0 == a.0 + 1) {
            let values = run.iter().map(|(_, cell)| *cell).collect();
            blocks
                .entry((run[0].0, run.len()))
                .or_default()
                .push((write.row.0, RowData { values }));
        }
    }
    let mut requests = Vec::new();
    for ((column, _), mut rows) in blocks {
        rows.sort_by_key(|(row, _)| *row);
        let mut rows = rows.into_iter().peekable();
        while let Some((first, data)) = rows.next() {
            let mut block = vec![data];
            let mut next = first + 1;
            while let Some((_, data)) = rows.next_if(|(row, _)| *row == next) {
                block.push(data);
                next += 1;
            }
            requests.push(Request::UpdateCells(UpdateCells {
                rows: block,
                fields: ENTERED,
                start: Some(coordinate(tab, first, column)),
                range: None,
            }));
        }
    }
    requests
}

/// Whole rows, from the bottom up, so that no deletion moves a row that is still to go.
pub(super) fn deletes<'a>(tab: &TabWork) -> Vec<Request<'a>> {
    let mut rows: Vec<u32> = tab.deletes.iter().map(|row| row.0).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.chunk_by(|a, b| *b == a + 1)
        .rev()
        .map(|run| Request::DeleteDimension {
            range: DimensionRange::rows(tab.sheet_id, run[0], count(run.len())),
        })
        .collect()
}

/// Inserts empty rows, then fills them.
pub(super) fn insert(tab: &TabWork, rows: Option<u32>) -> Vec<Request<'_>> {
    let Some(insert) = tab.insert.as_ref().filter(|insert| !insert.rows.is_empty()) else {
        return Vec::new();
    };
    let at = insert.at.0;
    // Google refuses formats from a row behind the last one and from a row before the first one.
    let at_end = rows_before_insert(tab, rows).is_some_and(|rows| at >= rows);
    let mut requests = vec![Request::InsertDimension {
        range: DimensionRange::rows(tab.sheet_id, at, count(insert.rows.len())),
        inherit_from_before: at > 0 && (insert.inherit_from_before || at_end),
    }];
    for run in column_runs(tab) {
        let rows = insert
            .rows
            .iter()
            .map(|row| RowData {
                values: run
                    .mapped
                    .iter()
                    .filter_map(|index| row.get(*index))
                    .map(CellData::Cell)
                    .collect(),
            })
            .collect();
        requests.push(Request::UpdateCells(UpdateCells {
            rows,
            fields: ENTERED,
            start: Some(coordinate(tab, at, run.first)),
            range: None,
        }));
    }
    requests
}

/// Rows of the grid when the insert's turn comes.
fn rows_before_insert(tab: &TabWork, rows: Option<u32>) -> Option<u32> {
    let least = tab.header_row.0 + 2;
    let rows = match &tab.create {
        Some(TabCreate { add: Some(_), .. }) => least,
        Some(_) => rows?.max(least),
        None => rows?,
    };
    Some(rows.saturating_sub(count(tab.deletes.len())))
}

/// Adjacent physical columns that are mapped, with the mapped columns they hold.
struct ColumnRun {
    first: u32,
    mapped: Vec<usize>,
}

fn column_runs(tab: &TabWork) -> Vec<ColumnRun> {
    let mut columns: Vec<(u32, usize)> =
        tab.columns.iter().enumerate().map(|(index, column)| (column.0, index)).collect();
    columns.sort_unstable();
    columns
        .chunk_by(|a, b| b.0 == a.0 + 1)
        .map(|run| ColumnRun { first: run[0].0, mapped: run.iter().map(|(_, at)| *at).collect() })
        .collect()
}

fn end_column(tab: &TabWork) -> u32 {
    tab.columns.iter().map(|column| column.0 + 1).max().unwrap_or(0)
}

fn coordinate(tab: &TabWork, row_index: u32, column_index: u32) -> GridCoordinate {
    GridCoordinate { sheet_id: tab.sheet_id, row_index, column_index }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a batch holds fewer rows than a grid")
}
