//! Tabs and cells in a short JSON for the web grid and for tests that compare whole tabs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::Spreadsheet;
use crate::model::cell::{Cell, Entered, Scalar, number_json};
use crate::model::eval::Evaluator;
use crate::model::format;
use crate::model::grid::Sheet;

/// Rows given when nobody says how many.
const ROWS_DEFAULT: usize = 200;

/// Which rows of which tab.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// Title of the tab.
    tab: String,
    /// First row, 0-based.
    #[serde(default)]
    from: usize,
    /// How many rows; less is given at the end of the tab.
    rows: Option<usize>,
}

/// There is no tab with this title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tab named {0:?}")]
pub(crate) struct NoSuchTab(String);

/// The cells of a window: `rows` of cells, empty ends left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grid {
    tab: String,
    sheet_id: i64,
    row_count: usize,
    column_count: usize,
    frozen_rows: u64,
    revision: u64,
    from: usize,
    rows: Vec<Vec<Seen>>,
}

/// One cell as it is seen; all fields are left out when nothing is in it.
#[derive(Debug, Default, Serialize)]
struct Seen {
    /// The effective value; null beside a note alone, the text shown for an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<Value>,
    /// Its type: `n`umber, `s`tring, `b`oolean, `e`rror, or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<&'static str>,
    /// The formula.
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<String>,
    /// The text shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    fmt: Option<String>,
    /// The note.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Every tab with its id, size and frozen rows, in order.
pub(crate) fn tabs(book: &Spreadsheet) -> Value {
    let tabs: Vec<Value> = book
        .tabs()
        .map(|sheet| {
            json!({
                "title": sheet.title,
                "sheetId": sheet.id,
                "rows": sheet.rows,
                "columns": sheet.cols,
                "frozenRows": frozen_rows(sheet),
                "hidden": sheet.hidden,
            })
        })
        .collect();
    json!({"title": book.title(), "revision": book.revision(), "tabs": tabs})
}

fn frozen_rows(sheet: &Sheet) -> u64 {
    sheet.grid_properties.get("frozenRowCount").and_then(Value::as_u64).unwrap_or(0)
}

/// The cells of a window, with everything behind the last one that has something in it left out.
pub(crate) fn grid(book: &Spreadsheet, window: &Window) -> Result<Grid, NoSuchTab> {
    let sheet = book
        .tabs()
        .find(|sheet| sheet.title == window.tab)
        .ok_or_else(|| NoSuchTab(window.tab.clone()))?;
    let wanted = window.rows.unwrap_or(ROWS_DEFAULT);
    let end = window.from.saturating_add(wanted).min(sheet.rows).min(sheet.stored_rows());
    let eval = Evaluator::new(book);
    let mut rows: Vec<Vec<Seen>> = (window.from..end)
        .map(|row| {
            let cells = sheet.row(row).iter().take(sheet.cols).enumerate();
            let mut seen: Vec<Seen> =
                cells.map(|(col, cell)| see(book, &eval, cell, (sheet.id, row, col))).collect();
            while seen.last().is_some_and(|seen| seen.t.is_none()) {
                seen.pop();
            }
            seen
        })
        .collect();
    while rows.last().is_some_and(Vec::is_empty) {
        rows.pop();
    }
    Ok(Grid {
        tab: sheet.title.clone(),
        sheet_id: sheet.id,
        row_count: sheet.rows,
        column_count: sheet.cols,
        frozen_rows: frozen_rows(sheet),
        revision: book.revision(),
        from: window.from,
        rows,
    })
}

fn see(
    book: &Spreadsheet,
    eval: &Evaluator<'_>,
    cell: &Cell,
    (sheet, row, col): (i64, usize, usize),
) -> Seen {
    let note = cell.note().map(str::to_owned);
    let value = match &cell.entered {
        None => Scalar::Empty,
        Some(Entered::Number(number)) => Scalar::Number(*number),
        Some(Entered::Text(text)) => Scalar::text(text),
        Some(Entered::Bool(value)) => Scalar::Bool(*value),
        Some(Entered::Formula(_)) => eval.value(sheet, row, col),
    };
    let title = |id| book.sheet(id).map(|sheet| sheet.title.clone());
    let formula = cell.entered.as_ref().and_then(Entered::formula).map(|it| it.text(&title));
    let (t, v) = match &value {
        Scalar::Empty if note.is_none() && formula.is_none() => return Seen::default(),
        Scalar::Empty => ("", Value::Null),
        Scalar::Number(number) => ("n", number_json(*number)),
        Scalar::Text(text) => ("s", text.as_ref().into()),
        Scalar::Bool(value) => ("b", (*value).into()),
        Scalar::Error(error) => ("e", error.kind.shown().into()),
    };
    let fmt = (value != Scalar::Empty).then(|| format::shown(&value, cell.number_format()));
    Seen { v: Some(v), t: Some(t), f: formula, fmt, note }
}
