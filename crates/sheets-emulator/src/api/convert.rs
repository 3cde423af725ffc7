//! Between the JSON of the API and the nouns of the model.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::model::area::{Area, Span};
use crate::model::cell::{Entered, number_json, object};
use crate::model::shift::Axis;
use crate::model::{CELL_CHARS_MAX, Spreadsheet};

/// An integer field; absent and null are `None`.
pub(crate) fn int(value: &Value, key: &str) -> Option<i64> {
    value.get(key)?.as_i64()
}

/// A text field.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// A boolean field; absent is false.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A list field; absent is empty.
pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A message field; absent is the empty message.
pub(crate) fn part<'v>(value: &'v Value, key: &str) -> &'v Value {
    static NOTHING: Value = Value::Null;
    value.get(key).unwrap_or(&NOTHING)
}

/// A field that counts from 0.
pub(crate) fn index(value: &Value, key: &str) -> Result<Option<usize>, ApiError> {
    match int(value, key) {
        None => Ok(None),
        Some(number) => match usize::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(ApiError::invalid(format!("{key} must be >= 0, but was {number}."))),
        },
    }
}

/// A `GridRange`; the tab must exist.
pub(crate) fn area(book: &Spreadsheet, value: &Value) -> Result<Area, ApiError> {
    let sheet = int(value, "sheetId").unwrap_or(0);
    if book.sheet(sheet).is_none() {
        return Err(ApiError::invalid(format!("No grid with id: {sheet}")));
    }
    let span = |start: &str, end: &str| -> Result<Span, ApiError> {
        let span = Span { start: index(value, start)?, end: index(value, end)? };
        match span {
            Span { start: Some(first), end: Some(last) } if first > last => {
                Err(ApiError::invalid(format!(
                    "range.{start}[{first}] must be less than or equal to range.{end}[{last}]."
                )))
            }
            _ => Ok(span),
        }
    };
    Ok(Area {
        sheet,
        rows: span("startRowIndex", "endRowIndex")?,
        cols: span("startColumnIndex", "endColumnIndex")?,
    })
}

/// An area as a `GridRange`; `sheetId` 0 is left out, as Google does in ranges.
pub(crate) fn area_json(area: &Area) -> Value {
    let mut out = Map::new();
    if area.sheet != 0 {
        out.insert("sheetId".into(), area.sheet.into());
    }
    for (key, side) in [
        ("startRowIndex", area.rows.start),
        ("endRowIndex", area.rows.end),
        ("startColumnIndex", area.cols.start),
        ("endColumnIndex", area.cols.end),
    ] {
        if let Some(side) = side {
            out.insert(key.into(), side.into());
        }
    }
    Value::Object(out)
}

/// A `DimensionRange`: tab, axis and the possibly open run.
pub(crate) fn dimension(book: &Spreadsheet, value: &Value) -> Result<(i64, Axis, Span), ApiError> {
    let sheet = int(value, "sheetId").unwrap_or(0);
    if book.sheet(sheet).is_none() {
        return Err(ApiError::invalid(format!("No grid with id: {sheet}")));
    }
    let axis = axis(value, "dimension")?;
    let span = Span { start: index(value, "startIndex")?, end: index(value, "endIndex")? };
    Ok((sheet, axis, span))
}

/// A `Dimension` field.
pub(crate) fn axis(value: &Value, key: &str) -> Result<Axis, ApiError> {
    match text(value, key) {
        Some("ROWS") => Ok(Axis::Rows),
        Some("COLUMNS") => Ok(Axis::Cols),
        _ => Err(ApiError::invalid(format!("{key} must be set to either ROWS or COLUMNS."))),
    }
}

/// An `ExtendedValue` as an entered value; the empty message clears.
pub(crate) fn entered(book: &Spreadsheet, value: &Value) -> Result<Option<Entered>, ApiError> {
    let Some(map) = value.as_object() else { return Ok(None) };
    let mut found = map.iter().filter(|(_, inner)| !inner.is_null());
    let Some((key, inner)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(ApiError::invalid(
            "userEnteredValue: only one of the fields of an ExtendedValue may be set.",
        ));
    }
    Ok(match (key.as_str(), inner) {
        ("numberValue", Value::Number(number)) => number.as_f64().map(Entered::Number),
        ("boolValue", Value::Bool(value)) => Some(Entered::Bool(*value)),
        ("stringValue", Value::String(text)) => {
            check_length(text)?;
            Some(Entered::text(text))
        }
        ("formulaValue", Value::String(text)) => {
            check_length(text)?;
            if !text.starts_with('=') {
                return Err(ApiError::invalid(format!("Invalid formula: {text}")));
            }
            Some(Entered::Formula(Box::new(book.parse_formula(text))))
        }
        _ => return Err(ApiError::invalid("errorValue is read-only.")),
    })
}

/// An entered value as an `ExtendedValue`.
pub(crate) fn extended(book: &Spreadsheet, entered: &Entered) -> Value {
    match entered {
        Entered::Number(number) => object("numberValue", number_json(*number)),
        Entered::Text(text) => json!({"stringValue": text.as_ref()}),
        Entered::Bool(value) => json!({"boolValue": value}),
        Entered::Formula(formula) => json!({"formulaValue": book.formula_text(formula)}),
    }
}

/// Refuses a text longer than a cell may hold.
pub(crate) fn check_length(text: &str) -> Result<(), ApiError> {
    // Bytes first: counting characters is only needed near the limit.
    if text.len() > CELL_CHARS_MAX && text.chars().count() > CELL_CHARS_MAX {
        return Err(ApiError::invalid(format!(
            "Your input contains more than the maximum of {CELL_CHARS_MAX} characters in a single cell."
        )));
    }
    Ok(())
}
