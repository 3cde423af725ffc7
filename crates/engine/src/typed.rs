//! What a person typed, as a value of the column's type: exactly, or refused with a sentence.
//!
//! The inverse of [`crate::render`], and more generous: a person may write what the sheet's locale suggests, as long as it means one thing
//! only. [`canonical`] is the look that the database's answer will have.

mod moments;
mod numbers;

use jiff::tz::TimeZone;

use crate::{
    cell::Cell,
    render::Rendering,
    value::{Column, ColumnKind, Date, Value},
};

/// How people write numbers and days in a spreadsheet, from its locale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Habits {
    /// `1,5` is one and a half.
    pub decimal_comma: bool,
    /// `3/4` is the third of April, not the fourth of March.
    pub day_first: bool,
}

impl Habits {
    /// From a locale as the Sheets API names it (`en_US`, `de_DE`). Unknown ones count as `en_US`.
    pub fn of_locale(locale: &str) -> Self {
        const POINTS: [&str; 10] = ["en", "ja", "zh", "ko", "th", "he", "hi", "ms", "fil", "cy"];
        const POINT_REGIONS: [&str; 4] = ["es_MX", "de_CH", "fr_CH", "it_CH"];
        // Years come first there; days are written month before day behind them.
        const MONTHS_FIRST: [&str; 6] = ["en_US", "en_PH", "fil_PH", "ja_JP", "zh_CN", "ko_KR"];
        let language = locale.split('_').next().unwrap_or(locale);
        if locale.is_empty() {
            return Self::default();
        }
        Self {
            decimal_comma: !POINTS.contains(&language) && !POINT_REGIONS.contains(&locale),
            day_first: !MONTHS_FIRST.contains(&locale),
        }
    }
}

/// A sentence about a cell that the column's type refuses; never with the cell's content.
pub type Refusal = String;

/// Everything that reading a cell depends on beside the column.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Zone and empty text of the table.
    pub rendering: &'a Rendering,
    /// How people write here.
    pub habits: Habits,
}

/// The value that the cell means in this column.
pub fn value(reading: Reading<'_>, column: &Column, cell: &Cell) -> Result<Value, Refusal> {
    let cell = cell.look();
    if cell.is_empty() {
        return if column.nullable {
            Ok(Value::Null)
        } else {
            Err(format!("column '{}' may not be empty", column.name))
        };
    }
    let read = match &column.kind {
        ColumnKind::Int { .. }
        | ColumnKind::Bit { .. }
        | ColumnKind::Year
        | ColumnKind::Decimal { .. }
        | ColumnKind::Float
        | ColumnKind::Double => numbers::value(&column.kind, cell, reading.habits),
        ColumnKind::Text => words(cell).map(|text| Value::Text(plain(reading.rendering, text))),
        ColumnKind::Enum(labels) => label(labels, &unescaped(reading, cell)).map(Value::Text),
        ColumnKind::Set(labels) => set(labels, &unescaped(reading, cell)).map(Value::Text),
        ColumnKind::Json => json(cell).map(Value::Text),
        ColumnKind::Bytes { fixed } => bytes(*fixed, cell).map(Value::Bytes),
        ColumnKind::Date
        | ColumnKind::DateTime { .. }
        | ColumnKind::Timestamp { .. }
        | ColumnKind::Time { .. } => moments::value(&column.kind, cell, reading),
    };
    read.map_err(|what| format!("column '{}': {what}", column.name))
}

/// How the cell looks once the database holds its value; `None` where the type refuses it.
pub fn canonical(reading: Reading<'_>, column: &Column, cell: &Cell) -> Option<Cell> {
    value(reading, column, cell).ok().map(|value| reading.rendering.cell(column, &value))
}

/// The day or time that a cell's number stands for in its column; `None` where it is no such number.
pub fn clock_text(reading: Reading<'_>, column: &Column, cell: &Cell) -> Option<String> {
    // A point in time stands in the cell as the time of day in the table's zone.
    let kind = match &column.kind {
        ColumnKind::Timestamp { fsp } => ColumnKind::DateTime { fsp: *fsp },
        kind => kind.clone(),
    };
    let day = |date: Date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    let clock = |seconds: u64| {
        format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    };
    match value(reading, &Column { kind, ..column.clone() }, cell).ok()? {
        Value::Date(date) => Some(day(date)),
        Value::DateTime(moment) => {
            Some(format!("{} {}", day(moment.date), clock(moment.micros / 1_000_000)))
        }
        Value::Time(micros) => {
            let sign = if micros < 0 { "-" } else { "" };
            Some(format!("{sign}{}", clock(micros.unsigned_abs() / 1_000_000)))
        }
        _ => None,
    }
}

/// What the type says when it refuses a cell.
fn wants(what: &str) -> Refusal {
    format!("this is not {what}")
}

/// What a person would read in the cell.
fn words(cell: &Cell) -> Result<String, Refusal> {
    match cell {
        Cell::Text(text) => Ok(text.to_string()),
        Cell::Number(number) => Ok(numbers::shown(*number)),
        Cell::Bool(true) => Ok("TRUE".to_owned()),
        Cell::Bool(false) => Ok("FALSE".to_owned()),
        Cell::Empty | Cell::Formula { .. } => Err(wants("a text")),
    }
}

fn unescaped(reading: Reading<'_>, cell: &Cell) -> String {
    words(cell).map(|text| plain(reading.rendering, text)).unwrap_or_default()
}

/// The database's text for a cell's text: the inverse of the rendering's escape.
fn plain(rendering: &Rendering, text: String) -> String {
    if text == rendering.empty_text {
        return String::new();
    }
    match text.strip_prefix('\\') {
        Some(rest) if rest.trim_start_matches('\\') == rendering.empty_text => rest.to_owned(),
        _ => text,
    }
}

/// The label that is meant: the same text, else the only one that differs in case or blanks around it.
fn label(labels: &[String], text: &str) -> Result<String, Refusal> {
    if let Some(exact) = labels.iter().find(|label| *label == text) {
        return Ok(exact.clone());
    }
    let folded = text.trim().to_lowercase();
    let mut alike = labels.iter().filter(|label| label.to_lowercase() == folded);
    match (alike.next(), alike.next()) {
        (Some(one), None) => Ok(one.clone()),
        _ => Err(format!("allowed are {}", named(labels))),
    }
}

fn named(labels: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = labels.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if labels.len() > SHOWN {
        text.push_str(" and others");
    }
    text
}

/// Labels in the order in which the type declares them, each once, as the server keeps them.
fn set(labels: &[String], text: &str) -> Result<String, Refusal> {
    let mut chosen = vec![false; labels.len()];
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let one = label(labels, part.trim())?;
        if let Some(place) = labels.iter().position(|label| *label == one) {
            chosen[place] = true;
        }
    }
    let chosen = labels.iter().zip(chosen).filter(|(_, chosen)| *chosen);
    Ok(chosen.map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(","))
}

/// A JSON document: what the cell holds where it is one, which the server judges; a number or TRUE is one as it stands.
fn json(cell: &Cell) -> Result<String, Refusal> {
    match cell {
        Cell::Bool(value) => Ok(value.to_string()),
        other => words(other),
    }
}

fn bytes(fixed: Option<u16>, cell: &Cell) -> Result<Vec<u8>, Refusal> {
    let refused = || wants("0x and hex digits");
    let Cell::Text(text) = cell else { return Err(refused()) };
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or_else(refused)?;
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return Err(refused());
    }
    let pair = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16);
    let parsed: Result<Vec<u8>, _> = (0..digits.len()).step_by(2).map(pair).collect();
    let mut parsed = parsed.map_err(|_| refused())?;
    if let Some(length) = fixed {
        if parsed.len() > usize::from(length) {
            return Err(format!("at most {length} bytes fit"));
        }
        parsed.resize(usize::from(length), 0);
    }
    Ok(parsed)
}

/// UTC where a table names no zone.
pub(crate) fn zone<'a>(reading: &Reading<'a>) -> &'a TimeZone {
    &reading.rendering.zone
}

#[cfg(test)]
mod tests;
