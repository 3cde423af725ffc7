//! `spreadsheets.get`, and the same shape inside a `batchUpdate` answer.

use serde_json::{Map, Value, json};

use super::convert::{area_json, extended};
use super::error::ApiError;
use super::fields::Mask;
use super::metadata::metadata_json;
use super::query::Query;
use super::ranges;
use crate::model::Spreadsheet;
use crate::model::area::Rect;
use crate::model::cell::{Cell, Scalar};
use crate::model::eval::Evaluator;
use crate::model::format;
use crate::model::grid::{Dimension, Sheet};
use crate::model::metadata::Place;
use crate::model::protect::Protection;

/// Pixels of a row nobody resized.
const ROW_PIXELS: u64 = 21;
/// Pixels of a column nobody resized.
const COLUMN_PIXELS: u64 = 100;

/// `spreadsheets.get`.
pub(crate) fn spreadsheet(book: &Spreadsheet, query: &Query) -> Result<Value, ApiError> {
    let fields = query.first("fields");
    let mask = Mask::of_query(fields, "Spreadsheet")?;
    let grid = fields.is_some() || query.flag("includeGridData");
    Ok(mask.apply(whole(book, &query.all("ranges"), grid, &mask)?))
}

/// The document; `grid` allows grid data, the mask saves building what is not wanted.
pub(crate) fn whole(
    book: &Spreadsheet,
    asked: &[&str],
    grid: bool,
    mask: &Mask,
) -> Result<Value, ApiError> {
    let mut wanted: Vec<(i64, Rect)> = Vec::new();
    for range in asked {
        let (area, rect) = ranges::rect(book, range)?;
        wanted.push((area.sheet, rect));
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".into(), book.id().into());
    if mask.wants("properties") {
        answer.insert("properties".into(), document_properties(book));
    }
    if let Some(below) = mask.below("sheets") {
        let eval = Evaluator::new(book);
        let mut sheets = Vec::new();
        for (index, sheet) in book.tabs().enumerate() {
            let mut rects: Vec<Rect> =
                wanted.iter().filter(|(id, _)| *id == sheet.id).map(|(_, rect)| *rect).collect();
            if asked.is_empty() {
                rects.push(sheet.bounds());
            } else if rects.is_empty() {
                continue;
            }
            sheets.push(tab(book, &eval, (index, sheet), if grid { &rects } else { &[] }, &below));
        }
        answer.insert("sheets".into(), Value::Array(sheets));
    }
    if !book.names.is_empty() {
        let names = book.names.iter().map(|named| {
            json!({"namedRangeId": named.id, "name": named.name, "range": area_json(&named.area)})
        });
        answer.insert("namedRanges".into(), names.collect());
    }
    let url = format!("https://docs.google.com/spreadsheets/d/{}/edit", book.id());
    answer.insert("spreadsheetUrl".into(), url.into());
    insert_metadata(&mut answer, book, |place| place == Place::Spreadsheet);
    Ok(Value::Object(answer))
}

fn insert_metadata(to: &mut Map<String, Value>, book: &Spreadsheet, here: impl Fn(Place) -> bool) {
    let found: Vec<Value> =
        book.metadata.iter().filter(|m| here(m.place)).map(metadata_json).collect();
    if !found.is_empty() {
        to.insert("developerMetadata".into(), Value::Array(found));
    }
}

fn document_properties(book: &Spreadsheet) -> Value {
    let mut out = Map::new();
    out.insert("title".into(), book.title().into());
    out.insert("locale".into(), book.locale.as_str().into());
    out.insert("autoRecalc".into(), "ON_CHANGE".into());
    out.insert("timeZone".into(), book.time_zone.as_str().into());
    out.insert("defaultFormat".into(), default_format());
    out.extend(book.properties.clone());
    Value::Object(out)
}

fn default_format() -> Value {
    json!({
        "backgroundColor": {"red": 1, "green": 1, "blue": 1},
        "padding": {"top": 2, "right": 3, "bottom": 2, "left": 3},
        "verticalAlignment": "BOTTOM",
        "wrapStrategy": "OVERFLOW_CELL",
        "textFormat": {
            "foregroundColor": {},
            "fontFamily": "arial,sans,sans-serif",
            "fontSize": 10,
            "bold": false,
            "italic": false,
            "strikethrough": false,
            "underline": false,
        },
    })
}

/// `SheetProperties` of a tab at its place in the order.
pub(crate) fn sheet_properties(index: usize, sheet: &Sheet) -> Value {
    let mut grid = Map::new();
    grid.insert("rowCount".into(), sheet.rows.into());
    grid.insert("columnCount".into(), sheet.cols.into());
    grid.extend(sheet.grid_properties.clone());
    let mut out = Map::new();
    out.insert("sheetId".into(), sheet.id.into());
    out.insert("title".into(), sheet.title.as_str().into());
    out.insert("index".into(), index.into());
    out.insert("sheetType".into(), "GRID".into());
    out.insert("gridProperties".into(), Value::Object(grid));
    if sheet.hidden {
        out.insert("hidden".into(), true.into());
    }
    out.extend(sheet.properties.clone());
    Value::Object(out)
}

fn tab(
    book: &Spreadsheet,
    eval: &Evaluator<'_>,
    (index, sheet): (usize, &Sheet),
    rects: &[Rect],
    mask: &Mask,
) -> Value {
    let mut out = Map::new();
    if mask.wants("properties") {
        out.insert("properties".into(), sheet_properties(index, sheet));
    }
    if let Some(below) = mask.below("data").filter(|_| !rects.is_empty()) {
        let data = rects.iter().map(|rect| grid_data(book, eval, sheet, *rect, &below));
        out.insert("data".into(), data.collect());
    }
    if !sheet.merges.is_empty() {
        let merges = sheet.merges.iter().map(|rect| area_json(&rect.on(sheet.id)));
        out.insert("merges".into(), merges.collect());
    }
    if !sheet.rules.is_empty() {
        let rules = sheet.rules.iter().map(|(areas, rule)| {
            let mut rule = rule.clone();
            rule["ranges"] = areas.iter().map(area_json).collect();
            rule
        });
        out.insert("conditionalFormats".into(), rules.collect());
    }
    let here =
        book.protections.iter().filter(|p| p.area.is_some_and(|area| area.sheet == sheet.id));
    let protections: Vec<Value> = here.map(|p| protection_json(book, p)).collect();
    if !protections.is_empty() {
        out.insert("protectedRanges".into(), Value::Array(protections));
    }
    if let Some((area, filter)) = &sheet.filter {
        let mut filter = filter.clone();
        filter["range"] = area_json(area);
        out.insert("basicFilter".into(), filter);
    }
    insert_metadata(&mut out, book, |place| place == Place::Sheet(sheet.id));
    Value::Object(out)
}

/// A `ProtectedRange`.
pub(crate) fn protection_json(book: &Spreadsheet, protection: &Protection) -> Value {
    let mut out = Map::new();
    out.insert("protectedRangeId".into(), protection.id.into());
    if let Some(area) = &protection.area {
        out.insert("range".into(), area_json(area));
    }
    if let Some(named) = &protection.named {
        out.insert("namedRangeId".into(), named.as_str().into());
    }
    if protection.warning_only {
        out.insert("warningOnly".into(), true.into());
    }
    if protection.warning_only || book.may_edit(protection) {
        out.insert("requestingUserCanEdit".into(), true.into());
    }
    if !protection.open.is_empty() {
        out.insert("unprotectedRanges".into(), protection.open.iter().map(area_json).collect());
    }
    if let Value::Object(rest) = &protection.value {
        out.extend(rest.clone());
    }
    Value::Object(out)
}

fn grid_data(
    book: &Spreadsheet,
    eval: &Evaluator<'_>,
    sheet: &Sheet,
    rect: Rect,
    mask: &Mask,
) -> Value {
    let mut out = Map::new();
    for (key, start) in [("startRow", rect.r0), ("startColumn", rect.c0)] {
        if start > 0 {
            out.insert(key.into(), start.into());
        }
    }
    if let Some(below) = mask.below("rowData") {
        let cells = below.below("values");
        let mut rows = Vec::new();
        let mut used = 0;
        for row in rect.r0..rect.r1.min(sheet.stored_rows()) {
            let stored = sheet.row(row);
            let end = rect.c1.min(stored.len());
            let start = rect.c0.min(end);
            let blank = stored[start..end].iter().all(Cell::is_blank);
            if blank {
                rows.push(json!({}));
                continue;
            }
            used = rows.len() + 1;
            let last = stored[start..end]
                .iter()
                .rposition(|c| !c.is_blank())
                .map_or(start, |l| start + l + 1);
            rows.push(match &cells {
                None => json!({}),
                Some(mask) => {
                    let values = (start..last).map(|col| {
                        let cell = &stored[col];
                        if cell.is_blank() {
                            json!({})
                        } else {
                            cell_json(book, eval, (sheet.id, row, col), cell, mask)
                        }
                    });
                    json!({"values": values.collect::<Vec<_>>()})
                }
            });
        }
        rows.truncate(used);
        if !rows.is_empty() {
            out.insert("rowData".into(), Value::Array(rows));
        }
    }
    if mask.wants("rowMetadata") {
        let sizes = (rect.r0..rect.r1).map(|row| {
            let here = |place| place == Place::Row(sheet.id, row);
            dimension_json(book, sheet.row_sizes.get(&row), ROW_PIXELS, here)
        });
        out.insert("rowMetadata".into(), sizes.collect());
    }
    if mask.wants("columnMetadata") {
        let sizes = (rect.c0..rect.c1).map(|col| {
            let here = |place| place == Place::Column(sheet.id, col);
            dimension_json(book, sheet.col_sizes.get(&col), COLUMN_PIXELS, here)
        });
        out.insert("columnMetadata".into(), sizes.collect());
    }
    Value::Object(out)
}

fn dimension_json(
    book: &Spreadsheet,
    size: Option<&Dimension>,
    pixels: u64,
    here: impl Fn(Place) -> bool,
) -> Value {
    let mut out = Map::new();
    out.insert("pixelSize".into(), size.and_then(|size| size.pixels).unwrap_or(pixels).into());
    if size.is_some_and(|size| size.filtered) {
        out.insert("hiddenByFilter".into(), true.into());
    }
    if size.is_some_and(|size| size.hidden) {
        out.insert("hiddenByUser".into(), true.into());
    }
    insert_metadata(&mut out, book, here);
    Value::Object(out)
}

/// A `CellData` with the wanted fields.
fn cell_json(
    book: &Spreadsheet,
    eval: &Evaluator<'_>,
    (sheet, row, col): (i64, usize, usize),
    cell: &Cell,
    mask: &Mask,
) -> Value {
    let mut out = Map::new();
    if let Some(entered) = cell.entered.as_ref().filter(|_| mask.wants("userEnteredValue")) {
        out.insert("userEnteredValue".into(), extended(book, entered));
    }
    if mask.wants("effectiveValue") || mask.wants("formattedValue") {
        let value = eval.value(sheet, row, col);
        if let Some(effective) = value.to_extended() {
            out.insert("effectiveValue".into(), effective);
        }
        if value != Scalar::Empty {
            out.insert("formattedValue".into(), format::shown(&value, cell.number_format()).into());
        }
    }
    if let Some(entered) = cell.format().filter(|_| mask.wants("userEnteredFormat")) {
        out.insert("userEnteredFormat".into(), entered.as_ref().clone());
    }
    if mask.wants("effectiveFormat") && (cell.entered.is_some() || cell.format().is_some()) {
        let mut format = default_format();
        if let (Value::Object(all), Some(Value::Object(entered))) =
            (&mut format, cell.format().map(AsRef::as_ref))
        {
            all.extend(entered.clone());
        }
        out.insert("effectiveFormat".into(), format);
    }
    if let Some(note) = cell.note() {
        out.insert("note".into(), note.into());
    }
    if let Some(rule) = cell.validation() {
        out.insert("dataValidation".into(), rule.as_ref().clone());
    }
    if let Some(runs) = cell.extra.as_ref().and_then(|extra| extra.runs.as_ref()) {
        out.insert("textFormatRuns".into(), runs.as_ref().clone());
    }
    Value::Object(out)
}
