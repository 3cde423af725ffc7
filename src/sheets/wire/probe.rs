//! The batches of the probe, in a hidden tab of its own.

use sheetwire_engine::cell::Cell;

use super::{
    a1,
    answer::{SheetAnswer, cells},
    outgoing::{CRATE_BYTES, Outgoing},
    requests::{
        Body, CellData, ENTERED, GridCoordinate, GridProperties, GridRange, NamedRange, Request,
        RowData, SheetProperties, UpdateCells,
    },
};

/// Title of the probe's tab.
pub(crate) const TITLE: &str = "_sheetwire_probe";

/// Numeric id of the probe's tab.
pub(crate) const SHEET_ID: i32 = 0x5EE7_3180;

/// An id that no tab has, for the probe of a stale journal tab.
const NO_SHEET_ID: i32 = 0x5EE7_3181;

const NAME: &str = "sheetwire_probe";

/// Row that is written, row its pre-image is copied to, and how many columns both have.
const WRITTEN: u32 = 1;
const COPIED: u32 = 5;
const COLUMNS: u32 = 4;

/// Two rows of [`COLUMNS`].
const CELLS_ANSWERED: usize = 8;

/// Id of the probe's named range after a step.
pub(crate) fn range_id(step: u64) -> String {
    format!("{NAME}_{step}")
}

/// Whether a named range is the probe's.
pub(crate) fn is_range_id(id: &str) -> bool {
    id.strip_prefix(NAME).is_some_and(|rest| rest.starts_with('_'))
}

/// Whether a refusal is about the probe's own tab or one of its named ranges.
pub(crate) fn is_about_us(message: &str) -> bool {
    message.contains(NAME) || message.contains(&SHEET_ID.to_string())
}

/// What the written row holds before the batch under test.
fn before() -> [Cell; 4] {
    [Cell::text("before"), Cell::Number(7.5), formula("=B2*2"), Cell::Bool(true)]
}

/// What the copy must look like: the formula has moved four rows down.
fn copied() -> [Cell; 4] {
    [Cell::text("before"), Cell::Number(7.5), formula("=B6*2"), Cell::Bool(true)]
}

fn formula(text: &str) -> Cell {
    Cell::Formula { text: text.into(), value: Box::new(Cell::Empty) }
}

/// Adds the tab, a named range as fence, and a row.
pub(crate) fn prepare() -> Outgoing {
    let before = before();
    body(&[add_tab(), add_range(1), write(&before)], &[])
}

/// A batch on a fence that does not stand there: it must be refused as a whole.
pub(crate) fn stale_range() -> Outgoing {
    let stale = [Cell::text("stale")];
    body(&[delete_range(0), add_range(9), write(&stale)], &[])
}

/// The same with a tab as fence.
pub(crate) fn stale_tab() -> Outgoing {
    let stale = [Cell::text("stale")];
    body(&[Request::DeleteSheet { sheet_id: NO_SHEET_ID }, write(&stale)], &[])
}

/// A batch on the right fence: it moves it, copies the row, writes it, and answers both.
pub(crate) fn good() -> Outgoing {
    let after = [Cell::text("after"), Cell::Empty, Cell::Empty, Cell::Empty];
    let copy = Request::CopyPaste {
        source: GridRange::block(SHEET_ID, (WRITTEN, 0), (1, COLUMNS)),
        destination: GridRange::block(SHEET_ID, (COPIED, 0), (1, COLUMNS)),
        paste_type: "PASTE_NORMAL",
        paste_orientation: "NORMAL",
    };
    let ranges =
        [a1::whole_row(TITLE, WRITTEN), a1::block(TITLE, (COPIED, COPIED + 1), (0, COLUMNS))];
    body(&[delete_range(1), add_range(2), copy, write(&after)], &ranges)
}

/// Takes away what is there of the probe.
pub(crate) fn clear(ranges: &[String], tab: bool) -> Outgoing {
    let ranges = ranges.iter().map(|id| Request::DeleteNamedRange { named_range_id: id.clone() });
    let tab = tab.then_some(Request::DeleteSheet { sheet_id: SHEET_ID });
    body(&ranges.chain(tab).collect::<Vec<_>>(), &[])
}

/// Why the answer to the batch under test does not prove what must be proved.
pub(crate) fn judge(sheet: Option<&SheetAnswer>) -> Result<(), &'static str> {
    let sheet = sheet.ok_or("its answer does not show the tab that was asked for")?;
    let (written, image) = (cells(sheet, 0, 0), cells(sheet, 1, 0));
    if image.first() == Some(&Cell::text("stale")) {
        return Err("a batch that it refused was applied in part");
    }
    if written.first() != Some(&Cell::text("after")) {
        return Err("its answer does not show the spreadsheet after the batch");
    }
    if image != copied() {
        return Err("a row copied before it is overwritten does not come back as it was");
    }
    Ok(())
}

fn body(requests: &[Request<'_>], response_ranges: &[String]) -> Outgoing {
    let include_spreadsheet_in_response = !response_ranges.is_empty();
    let body = Body { requests, include_spreadsheet_in_response, response_ranges };
    Outgoing::of(&body, CELLS_ANSWERED, CRATE_BYTES)
}

fn add_tab<'a>() -> Request<'a> {
    Request::AddSheet {
        properties: SheetProperties {
            sheet_id: SHEET_ID,
            title: Some(TITLE),
            hidden: Some(true),
            grid_properties: Some(GridProperties {
                row_count: COPIED + 3,
                column_count: COLUMNS,
                frozen_row_count: None,
            }),
        },
    }
}

fn add_range<'a>(step: u64) -> Request<'a> {
    Request::AddNamedRange {
        named_range: NamedRange {
            named_range_id: range_id(step),
            name: NAME,
            range: GridRange::block(SHEET_ID, (0, 0), (1, 1)),
        },
    }
}

fn delete_range<'a>(step: u64) -> Request<'a> {
    Request::DeleteNamedRange { named_range_id: range_id(step) }
}

fn write(cells: &[Cell]) -> Request<'_> {
    Request::UpdateCells(UpdateCells {
        rows: vec![RowData { values: cells.iter().map(CellData::Cell).collect() }],
        fields: ENTERED,
        start: Some(GridCoordinate { sheet_id: SHEET_ID, row_index: WRITTEN, column_index: 0 }),
        range: None,
    })
}
