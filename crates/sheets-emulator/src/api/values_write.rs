//! `spreadsheets.values` writes: update, append, clear and their batches.

use serde_json::{Map, Value, json};

use super::convert::{flag, list, text};
use super::error::ApiError;
use super::fields::Mask;
use super::query::Query;
use super::values::{Render, value_range};
use super::{convert, ranges, strict};
use crate::model::area::{Area, Rect, column_letters};
use crate::model::cell::{Cell, Entered};
use crate::model::eval::Evaluator;
use crate::model::shift::{Axis, Move};
use crate::model::{ApiError as Refusal, Spreadsheet};

/// What was written: the tab, the rectangle and the number of cells.
struct Written {
    sheet: i64,
    rect: Rect,
    cells: usize,
}

/// `values.update`.
pub(crate) fn update(
    book: &mut Spreadsheet,
    range: &str,
    body: &Value,
    query: &Query,
) -> Result<Value, ApiError> {
    let mask = Mask::of_query(query.first("fields"), "UpdateValuesResponse")?;
    strict::check("ValueRange", body)?;
    let raw = input_option(query.first("valueInputOption"))?;
    let render = response_render(query, body)?;
    let (area, rect) = ranges::rect(book, range)?;
    if let Some(other) = text(body, "range").filter(|other| !other.is_empty())
        && ranges::resolve(book, other)? != area
    {
        return Err(Refusal::invalid(format!(
            "Requested range '{range}' does not match the range '{other}' of the body."
        )));
    }
    let rows = rows_of(body, "data")?;
    let written = write(book, area, rect, &rows, raw)?;
    let with = query.flag("includeValuesInResponse").then_some(render);
    Ok(mask.apply(report(book, &written, with)))
}

/// `values.batchUpdate`.
pub(crate) fn batch_update(
    book: &mut Spreadsheet,
    body: &Value,
    query: &Query,
) -> Result<Value, ApiError> {
    let mask = Mask::of_query(query.first("fields"), "BatchUpdateValuesResponse")?;
    strict::check("BatchUpdateValuesRequest", body)?;
    let raw = input_option(text(body, "valueInputOption"))?;
    let mut all = Vec::new();
    for (index, data) in list(body, "data").iter().enumerate() {
        let prefix = format!("Invalid data[{index}]: ");
        let rows = rows_of(data, &format!("data[{index}]"))?;
        let range = text(data, "range").unwrap_or("");
        let render = Render::read(
            text(body, "responseValueRenderOption"),
            text(body, "responseDateTimeRenderOption"),
            text(data, "majorDimension"),
            "response",
        )?;
        let (area, rect) = ranges::rect(book, range).map_err(|error| error.prefixed(&prefix))?;
        let written =
            write(book, area, rect, &rows, raw).map_err(|error| error.prefixed(&prefix))?;
        all.push((written, render));
    }
    let with = flag(body, "includeValuesInResponse");
    let mut sheets: Vec<i64> = all.iter().map(|(w, _)| w.sheet).collect();
    sheets.sort_unstable();
    sheets.dedup();
    let mut answer = Map::new();
    answer.insert("spreadsheetId".into(), book.id().into());
    let sum = |count: fn(&Written) -> usize| all.iter().map(|(w, _)| count(w)).sum::<usize>();
    for (key, total) in [
        ("totalUpdatedRows", sum(|w| w.rect.height())),
        ("totalUpdatedColumns", sum(|w| w.rect.width())),
        ("totalUpdatedCells", sum(|w| w.cells)),
        ("totalUpdatedSheets", sheets.len()),
    ] {
        if total > 0 {
            answer.insert(key.into(), total.into());
        }
    }
    if !all.is_empty() {
        let reports = all.iter().map(|(w, render)| report(book, w, with.then_some(*render)));
        answer.insert("responses".into(), reports.collect());
    }
    Ok(mask.apply(Value::Object(answer)))
}

/// `values.append`.
pub(crate) fn append(
    book: &mut Spreadsheet,
    range: &str,
    body: &Value,
    query: &Query,
) -> Result<Value, ApiError> {
    let mask = Mask::of_query(query.first("fields"), "AppendValuesResponse")?;
    strict::check("ValueRange", body)?;
    let raw = input_option(query.first("valueInputOption"))?;
    let insert = match query.first("insertDataOption") {
        None | Some("OVERWRITE") => false,
        Some("INSERT_ROWS") => true,
        Some(other) => strict::check_word("insert_data_option", "InsertDataOption", "", other)
            .map(|()| false)?,
    };
    let render = response_render(query, body)?;
    let (area, rect) = ranges::rect(book, range)?;
    let rows = rows_of(body, "data")?;
    let table = table_around(book, area.sheet, rect);
    let (top, left) = table.map_or((rect.r0, rect.c0), |table| (table.r1, table.c0));
    let table_range = table.map(|table| ranges::echo(book, area.sheet, table));
    make_room(book, area.sheet, top, rows.len(), insert)?;
    let start = Rect::at(top, left, 1, 1);
    let written = write(book, start.on(area.sheet), start, &rows, raw)?;
    let with = query.flag("includeValuesInResponse").then_some(render);
    let mut answer = Map::new();
    answer.insert("spreadsheetId".into(), book.id().into());
    if let Some(table_range) = table_range {
        answer.insert("tableRange".into(), table_range.into());
    }
    answer.insert("updates".into(), report(book, &written, with));
    Ok(mask.apply(Value::Object(answer)))
}

/// `values.clear`.
pub(crate) fn clear(book: &mut Spreadsheet, range: &str) -> Result<Value, ApiError> {
    let cleared = clear_range(book, range)?;
    Ok(json!({"spreadsheetId": book.id(), "clearedRange": cleared}))
}

/// `values.batchClear`.
pub(crate) fn batch_clear(book: &mut Spreadsheet, body: &Value) -> Result<Value, ApiError> {
    strict::check("BatchClearValuesRequest", body)?;
    let mut cleared = Vec::new();
    for range in list(body, "ranges") {
        cleared.push(Value::from(clear_range(book, range.as_str().unwrap_or(""))?));
    }
    Ok(json!({"spreadsheetId": book.id(), "clearedRanges": cleared}))
}

fn clear_range(book: &mut Spreadsheet, range: &str) -> Result<String, ApiError> {
    let (area, rect) = ranges::rect(book, range)?;
    book.check_protection(&rect.on(area.sheet))?;
    if let Some(sheet) = book.sheet_mut(area.sheet) {
        let held: Vec<_> = sheet
            .stored_in(rect)
            .filter(|(_, _, cell)| cell.entered.is_some())
            .map(|(row, col, _)| (row, col))
            .collect();
        for (row, col) in held {
            sheet.edit(row, col, |cell| cell.entered = None);
        }
    }
    Ok(ranges::echo(book, area.sheet, rect))
}

/// `true` for RAW, `false` for `USER_ENTERED`.
fn input_option(word: Option<&str>) -> Result<bool, ApiError> {
    match word {
        Some("RAW") => Ok(true),
        Some("USER_ENTERED") => Ok(false),
        None | Some("INPUT_VALUE_OPTION_UNSPECIFIED") => {
            Err(Refusal::invalid("'valueInputOption' is required but not specified"))
        }
        Some(other) => {
            strict::check_word("value_input_option", "ValueInputOption", "ValueInputOption", other)
                .map(|()| false)
        }
    }
}

fn response_render(query: &Query, body: &Value) -> Result<Render, ApiError> {
    Render::read(
        query.first("responseValueRenderOption"),
        query.first("responseDateTimeRenderOption"),
        text(body, "majorDimension"),
        "response",
    )
}

/// The values as rows; columns are turned. `place` is the path named in errors.
fn rows_of(data: &Value, place: &str) -> Result<Vec<Vec<Value>>, ApiError> {
    let refuse = |value: &Value| {
        let field = format!("{place}.values");
        let sentence = format!(
            "Invalid value at '{field}' (type.googleapis.com/google.protobuf.ListValue), {value}"
        );
        Refusal::bad_request(sentence.clone(), &[(field, sentence)])
    };
    let values = match data.get("values") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(values)) => values,
        Some(other) => return Err(refuse(other)),
    };
    let mut lines = Vec::with_capacity(values.len());
    for value in values {
        lines.push(value.as_array().ok_or_else(|| refuse(value))?.clone());
    }
    if text(data, "majorDimension") != Some("COLUMNS") {
        return Ok(lines);
    }
    let height = lines.iter().map(Vec::len).max().unwrap_or(0);
    // A short column leaves its lower cells alone, which is what null means.
    Ok((0..height)
        .map(|row| lines.iter().map(|line| line.get(row).cloned().unwrap_or(Value::Null)).collect())
        .collect())
}

fn write(
    book: &mut Spreadsheet,
    area: Area,
    rect: Rect,
    rows: &[Vec<Value>],
    raw: bool,
) -> Result<Written, ApiError> {
    let height = rows.len();
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let bounds = book.sheet(area.sheet).map(|sheet| (sheet.title.clone(), sheet.bounds()));
    let (title, grid) = bounds.ok_or_else(Refusal::not_found)?;
    // A single cell is only the corner to start from; anything else is a fence.
    let single = rect.height() == 1 && rect.width() == 1;
    let fence = if single { Rect { r0: rect.r0, c0: rect.c0, ..grid } } else { rect };
    let within = || {
        let place = crate::model::area::print_rect("x", rect);
        format!("'{}'!{}", title.replace('\'', "''"), place.trim_start_matches("x!"))
    };
    if rect.r0 + height > fence.r1 {
        return Err(Refusal::invalid(format!(
            "Requested writing within range [{}], but tried writing to row [{}]",
            within(),
            fence.r1 + 1
        )));
    }
    if rect.c0 + width > fence.c1 {
        return Err(Refusal::invalid(format!(
            "Requested writing within range [{}], but tried writing to column [{}]",
            within(),
            column_letters(fence.c1)
        )));
    }
    let target = Rect::at(rect.r0, rect.c0, height, width);
    if !target.is_empty() {
        book.check_protection(&target.on(area.sheet))?;
    }
    let mut cells = 0;
    for (down, line) in rows.iter().enumerate() {
        for (right, value) in line.iter().enumerate().filter(|(_, value)| !value.is_null()) {
            let (row, col) = (rect.r0 + down, rect.c0 + right);
            let mut cell =
                book.sheet(area.sheet).map(|sheet| sheet.copy(row, col)).unwrap_or_default();
            put(book, &mut cell, value, raw).map_err(|e| {
                if e.message.is_empty() {
                    Refusal::invalid(shape_error(down, right, value))
                } else {
                    e
                }
            })?;
            if let Some(sheet) = book.sheet_mut(area.sheet) {
                sheet.put(row, col, cell);
            }
            cells += 1;
        }
    }
    Ok(Written { sheet: area.sheet, rect: target, cells })
}

fn shape_error(row: usize, col: usize, value: &Value) -> String {
    let kind = if value.is_array() { "list_value" } else { "struct_value" };
    format!("Invalid values[{row}][{col}]: {kind} {value}")
}

fn put(book: &Spreadsheet, cell: &mut Cell, value: &Value, raw: bool) -> Result<(), ApiError> {
    match value {
        Value::Bool(value) => cell.entered = Some(Entered::Bool(*value)),
        Value::Number(number) => cell.entered = number.as_f64().map(Entered::Number),
        Value::String(text) => {
            convert::check_length(text)?;
            if raw {
                cell.entered = (!text.is_empty()).then(|| Entered::text(text));
            } else {
                book.type_into(cell, text);
            }
        }
        Value::Null => {}
        Value::Array(_) | Value::Object(_) => return Err(Refusal::invalid("")),
    }
    Ok(())
}

fn report(book: &Spreadsheet, written: &Written, with: Option<Render>) -> Value {
    let mut answer = Map::new();
    answer.insert("spreadsheetId".into(), book.id().into());
    let shown = if written.rect.is_empty() {
        Rect::at(written.rect.r0, written.rect.c0, 1, 1)
    } else {
        written.rect
    };
    answer.insert("updatedRange".into(), ranges::echo(book, written.sheet, shown).into());
    for (key, count) in [
        ("updatedRows", written.rect.height()),
        ("updatedColumns", written.rect.width()),
        ("updatedCells", written.cells),
    ] {
        if count > 0 && written.cells > 0 {
            answer.insert(key.into(), count.into());
        }
    }
    if let Some(render) = with {
        let data = value_range(book, &Evaluator::new(book), written.sheet, shown, render);
        answer.insert("updatedData".into(), data);
    }
    Value::Object(answer)
}

/// Rows for `count` lines from `top` on: new ones in between, or only as many as the grid lacks.
fn make_room(
    book: &mut Spreadsheet,
    sheet: i64,
    top: usize,
    count: usize,
    insert: bool,
) -> Result<(), ApiError> {
    let Some((rows, cols)) = book.sheet(sheet).map(|s| (s.rows, s.cols)) else { return Ok(()) };
    let missing = (top + count).saturating_sub(rows);
    let added = if insert && top < rows { count } else { missing };
    if added > 0 {
        book.admit(sheet, rows + added, cols)?;
        let at = if insert { top.min(rows) } else { rows };
        book.move_dimension(sheet, Axis::Rows, Move::Insert { at, count: added });
    }
    Ok(())
}

/// The block of data around the last data row of the rectangle.
fn table_around(book: &Spreadsheet, id: i64, rect: Rect) -> Option<Rect> {
    let sheet = book.sheet(id)?;
    let filled = |row: usize, col: usize| sheet.cell(row, col).is_some_and(|c| c.entered.is_some());
    let any = |rows: std::ops::Range<usize>, cols: std::ops::Range<usize>| {
        rows.into_iter().any(|row| {
            let end = cols.end.min(sheet.row(row).len());
            (cols.start..end).any(|col| filled(row, col))
        })
    };
    let last = rect.r1.min(sheet.stored_rows());
    let (row, col) = (rect.r0..last).rev().find_map(|row| {
        (rect.c0..rect.c1.min(sheet.row(row).len())).find(|c| filled(row, *c)).map(|c| (row, c))
    })?;
    let mut table = Rect::at(row, col, 1, 1);
    loop {
        let before = table;
        let near_rows = table.r0.saturating_sub(1)..(table.r1 + 1).min(sheet.rows);
        while table.r0 > 0 && any(table.r0 - 1..table.r0, table.c0.saturating_sub(1)..table.c1 + 1)
        {
            table.r0 -= 1;
        }
        while table.r1 < sheet.rows
            && any(table.r1..table.r1 + 1, table.c0.saturating_sub(1)..table.c1 + 1)
        {
            table.r1 += 1;
        }
        if table.c0 > 0 && any(near_rows.clone(), table.c0 - 1..table.c0) {
            table.c0 -= 1;
        }
        if table.c1 < sheet.cols && any(near_rows, table.c1..table.c1 + 1) {
            table.c1 += 1;
        }
        if table == before {
            return Some(table);
        }
    }
}
