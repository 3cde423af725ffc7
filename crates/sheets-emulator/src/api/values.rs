//! `spreadsheets.values` reads.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::fields::Mask;
use super::query::Query;
use super::{ranges, strict};
use crate::model::Spreadsheet;
use crate::model::area::Rect;
use crate::model::cell::{Cell, Entered, Scalar, number_json};
use crate::model::eval::Evaluator;
use crate::model::format;

/// How values are written into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Render {
    /// What of a cell is wanted.
    pub(crate) value: ValueRender,
    /// Dates as texts instead of serial numbers; only with unformatted values.
    pub(crate) dates_as_text: bool,
    /// Columns first.
    pub(crate) by_columns: bool,
}

/// What of a cell is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueRender {
    /// As shown.
    Formatted,
    /// The effective value.
    Unformatted,
    /// What was entered.
    Formula,
}

impl Render {
    /// Reads the three words, from a query or a body; absent ones take Google's defaults.
    pub(crate) fn read(
        value: Option<&str>,
        dates: Option<&str>,
        dimension: Option<&str>,
        prefix: &str,
    ) -> Result<Self, ApiError> {
        let name = |base: &str| {
            if prefix.is_empty() { base.to_owned() } else { format!("{prefix}_{base}") }
        };
        if let Some(word) = value {
            let parameter = name("value_render_option");
            strict::check_word(&parameter, "ValueRenderOption", "ResponseValueRenderOption", word)?;
        }
        if let Some(word) = dates {
            let parameter = name("date_time_render_option");
            strict::check_word(
                &parameter,
                "DateTimeRenderOption",
                "ResponseDateTimeRenderOption",
                word,
            )?;
        }
        if let Some(word) = dimension {
            strict::check_word("major_dimension", "Dimension", "MajorDimension", word)?;
        }
        Ok(Self {
            value: match value {
                Some("UNFORMATTED_VALUE") => ValueRender::Unformatted,
                Some("FORMULA") => ValueRender::Formula,
                _ => ValueRender::Formatted,
            },
            dates_as_text: dates == Some("FORMATTED_STRING"),
            by_columns: dimension == Some("COLUMNS"),
        })
    }

    fn of_query(query: &Query) -> Result<Self, ApiError> {
        Self::read(
            query.first("valueRenderOption"),
            query.first("dateTimeRenderOption"),
            query.first("majorDimension"),
            "",
        )
    }
}

/// `values.get`.
pub(crate) fn get(book: &Spreadsheet, range: &str, query: &Query) -> Result<Value, ApiError> {
    let mask = Mask::of_query(query.first("fields"), "ValueRange")?;
    let render = Render::of_query(query)?;
    let (area, rect) = ranges::rect(book, range)?;
    Ok(mask.apply(value_range(book, &Evaluator::new(book), area.sheet, rect, render)))
}

/// `values.batchGet`.
pub(crate) fn batch_get(book: &Spreadsheet, query: &Query) -> Result<Value, ApiError> {
    let mask = Mask::of_query(query.first("fields"), "BatchGetValuesResponse")?;
    let render = Render::of_query(query)?;
    let eval = Evaluator::new(book);
    let mut found = Vec::new();
    for range in query.all("ranges") {
        let (area, rect) = ranges::rect(book, range)?;
        found.push(value_range(book, &eval, area.sheet, rect, render));
    }
    let mut answer = json!({"spreadsheetId": book.id()});
    if !found.is_empty() {
        answer["valueRanges"] = Value::Array(found);
    }
    Ok(mask.apply(answer))
}

/// A `ValueRange`: trailing empty cells and rows are dropped, an empty range has no `values`.
pub(crate) fn value_range(
    book: &Spreadsheet,
    eval: &Evaluator<'_>,
    sheet: i64,
    rect: Rect,
    render: Render,
) -> Value {
    let mut answer = Map::new();
    answer.insert("range".into(), ranges::echo(book, sheet, rect).into());
    answer
        .insert("majorDimension".into(), if render.by_columns { "COLUMNS" } else { "ROWS" }.into());
    let rows = table(book, eval, sheet, rect, render);
    let mut values: Vec<Value> =
        if render.by_columns { turned(&rows) } else { rows.into_iter().map(line).collect() };
    while values.last().is_some_and(|line| line.as_array().is_some_and(Vec::is_empty)) {
        values.pop();
    }
    if !values.is_empty() {
        answer.insert("values".into(), Value::Array(values));
    }
    Value::Object(answer)
}

fn table(
    book: &Spreadsheet,
    eval: &Evaluator<'_>,
    id: i64,
    rect: Rect,
    render: Render,
) -> Vec<Vec<Option<Value>>> {
    let Some(sheet) = book.sheet(id) else { return Vec::new() };
    let last = rect.r1.min(sheet.stored_rows());
    (rect.r0..last)
        .map(|row| {
            let cells = sheet.row(row);
            (rect.c0..rect.c1.min(cells.len()))
                .map(|col| {
                    let cell = &cells[col];
                    cell.entered.as_ref()?;
                    let value = rendered(book, cell, &eval.value(id, row, col), render);
                    (value != "").then_some(value)
                })
                .collect()
        })
        .collect()
}

fn line(cells: Vec<Option<Value>>) -> Value {
    let used = cells.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    cells.into_iter().take(used).map(|cell| cell.unwrap_or_else(|| "".into())).collect()
}

fn turned(rows: &[Vec<Option<Value>>]) -> Vec<Value> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..width)
        .map(|col| line(rows.iter().map(|row| row.get(col).cloned().flatten()).collect()))
        .collect()
}

/// One cell of a `ValueRange`.
pub(crate) fn rendered(book: &Spreadsheet, cell: &Cell, value: &Scalar, render: Render) -> Value {
    let number_format = cell.number_format();
    if render.value == ValueRender::Formatted {
        return format::shown(value, number_format).into();
    }
    if let (ValueRender::Formula, Some(Entered::Formula(formula))) = (render.value, &cell.entered) {
        return book.formula_text(formula).into();
    }
    match value {
        Scalar::Empty => "".into(),
        Scalar::Number(_) if render.dates_as_text && format::is_temporal(number_format) => {
            format::shown(value, number_format).into()
        }
        Scalar::Number(number) => number_json(*number),
        Scalar::Text(text) => text.as_ref().into(),
        Scalar::Bool(value) => (*value).into(),
        Scalar::Error(error) => error.kind.shown().into(),
    }
}
