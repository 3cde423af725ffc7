//! How a database value looks in a cell: by column type, never by value. `docs/VALUES.md` is this file in prose.
//!
//! - numbers that a double holds exactly for every value of the type are numbers; `BIGINT`, `DECIMAL` beyond 15 digits and
//!   `BIT` beyond 50 bits are text;
//! - days and times without a fraction are serial numbers (days since 1899-12-30), with a fraction text as the server prints them;
//! - zero and partial dates have no serial number and are text;
//! - `NULL` is an empty cell, the empty string is the configured `empty_text`; a text that could be taken for it gets a backslash.

use jiff::{Timestamp, tz::TimeZone};

use serde::{Deserialize, Serialize};

use crate::{
    batch::CellFormat,
    cell::Cell,
    state::RowKey,
    value::{Column, ColumnKind, Date, DateTime, Value},
};

/// `DECIMAL` up to this many digits is a number.
const DECIMAL_DIGITS_MAX: u8 = 15;
/// `BIT` up to this width is a number.
const BIT_NUMBER_MAX: u8 = 50;
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Days from 1899-12-30, day zero of a sheet, to 1970-01-01.
const SHEET_EPOCH_DAYS: i64 = 25_569;

/// What a table's rendering depends on beside the column types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rendering {
    /// Zone in which `TIMESTAMP` is shown.
    #[serde(with = "by_name")]
    pub zone: TimeZone,
    /// How an empty string looks.
    pub empty_text: String,
}

/// A zone is written down as its name.
mod by_name {
    use jiff::tz::TimeZone;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(zone: &TimeZone, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(zone.iana_name().unwrap_or("UTC"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TimeZone, D::Error> {
        let name = String::deserialize(from)?;
        if name == "UTC" {
            return Ok(TimeZone::UTC);
        }
        TimeZone::get(&name).map_err(de::Error::custom)
    }
}

impl Default for Rendering {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, empty_text: "\"\"".to_owned() }
    }
}

impl Rendering {
    /// The cell for a value of a column.
    pub fn cell(&self, column: &Column, value: &Value) -> Cell {
        match value {
            Value::Null => Cell::Empty,
            Value::Int(number) => Self::integer(column, *number, number.to_string()),
            Value::UInt(number) => match i64::try_from(*number) {
                Ok(small) => Self::integer(column, small, number.to_string()),
                Err(_) => Cell::text(number.to_string()),
            },
            Value::Decimal(text) => decimal(&column.kind, text),
            Value::Float(number) => shortest(*number),
            Value::Double(number) => Cell::Number(*number),
            Value::Text(text) => Cell::text(self.escape_empty(text)),
            Value::Bytes(bytes) => Cell::text(hexadecimal(bytes)),
            Value::Date(date) => match days_since_unix_epoch(*date) {
                Some(days) => whole(days + SHEET_EPOCH_DAYS),
                None => Cell::text(date_text(*date)),
            },
            Value::DateTime(moment) => date_time(*moment, fraction_digits(&column.kind)),
            Value::Timestamp(moment) => self.timestamp(*moment, fraction_digits(&column.kind)),
            Value::Time(micros) => time(*micros, fraction_digits(&column.kind)),
        }
    }

    /// The cells of a whole row.
    pub fn row(&self, columns: &[Column], row: &[Value]) -> Vec<Cell> {
        columns.iter().zip(row).map(|(column, value)| self.cell(column, value)).collect()
    }

    /// How the column is shown when its header is first written.
    pub fn format(column: &Column) -> CellFormat {
        match &column.kind {
            ColumnKind::Date => CellFormat::Date,
            ColumnKind::DateTime { fsp: 0 } | ColumnKind::Timestamp { fsp: 0 } => {
                CellFormat::DateTime
            }
            ColumnKind::Time { fsp: 0 } => CellFormat::Duration,
            kind if is_number(kind) => CellFormat::Automatic,
            _ => CellFormat::Text,
        }
    }

    fn integer(column: &Column, number: i64, text: String) -> Cell {
        if is_number(&column.kind) { whole(number) } else { Cell::text(text) }
    }

    /// An injective map from texts to cell texts that keeps `empty_text` free for the empty string.
    fn escape_empty(&self, text: &str) -> String {
        if text.is_empty() {
            return self.empty_text.clone();
        }
        if text.trim_start_matches('\\') == self.empty_text {
            format!("\\{text}")
        } else {
            text.to_owned()
        }
    }

    fn timestamp(&self, moment: Option<i64>, fsp: u8) -> Cell {
        let Some(micros) = moment else {
            return Cell::text(date_time_text(ZERO_MOMENT, fsp));
        };
        let Ok(instant) = Timestamp::from_microsecond(micros) else {
            return Cell::text(micros.to_string());
        };
        let offset = i64::from(self.zone.to_offset(instant).seconds());
        let local = micros + offset * MICROS_PER_SECOND;
        date_time(civil(local), fsp)
    }
}

/// The key of a row from its key cells; the same text whether they come from the database or from the sheet. `None` where a part is
/// empty, or is something that no key looks like (a formula, a check box).
pub fn row_key<'a>(cells: impl Iterator<Item = &'a Cell>) -> Option<RowKey> {
    let mut text = String::new();
    for cell in cells {
        if !text.is_empty() {
            text.push('\u{1f}');
        }
        match cell {
            Cell::Number(number) => text.push_str(&number.to_string()),
            Cell::Text(words) => {
                text.push('\'');
                text.push_str(&words.replace('\u{1f}', "\u{1f}\u{1f}"));
            }
            Cell::Empty | Cell::Bool(_) | Cell::Formula { .. } => return None,
        }
    }
    (!text.is_empty()).then(|| RowKey(text.into()))
}

fn is_number(kind: &ColumnKind) -> bool {
    match kind {
        ColumnKind::Int { bits, .. } => *bits < 64,
        ColumnKind::Decimal { precision, .. } => *precision <= DECIMAL_DIGITS_MAX,
        ColumnKind::Bit { bits } => *bits <= BIT_NUMBER_MAX,
        ColumnKind::Float | ColumnKind::Double | ColumnKind::Year => true,
        _ => false,
    }
}

fn fraction_digits(kind: &ColumnKind) -> u8 {
    match kind {
        ColumnKind::DateTime { fsp } | ColumnKind::Timestamp { fsp } | ColumnKind::Time { fsp } => {
            *fsp
        }
        _ => 0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "callers stay below 2^53")]
fn whole(number: i64) -> Cell {
    Cell::Number(number as f64)
}

fn decimal(kind: &ColumnKind, text: &str) -> Cell {
    match text.parse::<f64>() {
        Ok(number) if is_number(kind) => Cell::Number(number),
        _ => Cell::text(text),
    }
}

/// The number that a person would read off the `FLOAT`, not its 24-bit neighbour.
fn shortest(number: f32) -> Cell {
    Cell::Number(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

const ZERO_MOMENT: DateTime = DateTime { date: Date { year: 0, month: 0, day: 0 }, micros: 0 };

/// Serial number where there is no fraction to lose, else text as the server prints it.
#[expect(clippy::cast_precision_loss, reason = "whole seconds over 10,000 years stay below 2^53")]
fn date_time(moment: DateTime, fsp: u8) -> Cell {
    match days_since_unix_epoch(moment.date) {
        Some(days) if fsp == 0 => {
            let seconds = moment.micros / 1_000_000;
            Cell::Number((days + SHEET_EPOCH_DAYS) as f64 + seconds as f64 / 86_400.0)
        }
        _ => Cell::text(date_time_text(moment, fsp)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 839 hours of seconds")]
fn time(micros: i64, fsp: u8) -> Cell {
    if fsp == 0 {
        return Cell::Number((micros / MICROS_PER_SECOND) as f64 / 86_400.0);
    }
    let sign = if micros < 0 { "-" } else { "" };
    let clock = micros.unsigned_abs();
    let hours = clock / 3_600_000_000;
    Cell::text(format!("{sign}{hours:02}:{}", minutes_text(clock % 3_600_000_000, fsp)))
}

fn date_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn date_time_text(moment: DateTime, fsp: u8) -> String {
    let hours = moment.micros / 3_600_000_000;
    format!(
        "{} {hours:02}:{}",
        date_text(moment.date),
        minutes_text(moment.micros % 3_600_000_000, fsp)
    )
}

fn minutes_text(micros: u64, fsp: u8) -> String {
    let (minutes, rest) = (micros / 60_000_000, micros % 60_000_000);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    if fsp == 0 {
        return format!("{minutes:02}:{seconds:02}");
    }
    let digits = format!("{fraction:06}");
    format!("{minutes:02}:{seconds:02}.{}", &digits[..usize::from(fsp.min(6))])
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` for zero and partial dates.
fn days_since_unix_epoch(date: Date) -> Option<i64> {
    let civil = jiff::civil::Date::new(
        i16::try_from(date.year).ok().filter(|year| *year > 0)?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
    )
    .ok()?;
    // Not through a timestamp: those end before the last day of the calendar.
    Some(civil.duration_since(jiff::civil::date(1970, 1, 1)).as_secs() / 86_400)
}

/// Local microseconds since 1970-01-01 00:00 as date and time of day.
fn civil(micros: i64) -> DateTime {
    let (days, rest) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    let date = Timestamp::from_second(days * 86_400)
        .map(|instant| TimeZone::UTC.to_datetime(instant).date())
        .unwrap_or_default();
    DateTime {
        date: Date {
            year: u16::try_from(date.year()).unwrap_or(0),
            month: date.month().unsigned_abs(),
            day: date.day().unsigned_abs(),
        },
        micros: rest.unsigned_abs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Fill;

    fn column(kind: ColumnKind) -> Column {
        Column { name: "c".into(), kind, nullable: true, fill: Fill::Nothing }
    }

    #[expect(clippy::needless_pass_by_value, reason = "claims read better without borrows")]
    fn check(kind: ColumnKind, value: Value, expected: Cell) {
        assert_eq!(Rendering::default().cell(&column(kind), &value), expected);
    }

    #[test]
    fn integers_up_to_32_bits_are_numbers_and_64_bits_are_text() {
        check(
            ColumnKind::Int { bits: 32, unsigned: true },
            Value::UInt(4_294_967_295),
            Cell::Number(4_294_967_295.0),
        );
        check(ColumnKind::Int { bits: 64, unsigned: false }, Value::Int(7), Cell::text("7"));
        check(
            ColumnKind::Int { bits: 64, unsigned: true },
            Value::UInt(u64::MAX),
            Cell::text("18446744073709551615"),
        );
    }

    #[test]
    fn decimals_follow_their_precision_not_their_value() {
        check(
            ColumnKind::Decimal { precision: 10, scale: 2 },
            Value::Decimal("12.50".into()),
            Cell::Number(12.5),
        );
        check(
            ColumnKind::Decimal { precision: 16, scale: 2 },
            Value::Decimal("12.50".into()),
            Cell::text("12.50"),
        );
    }

    #[test]
    fn a_float_is_the_number_a_person_reads() {
        check(ColumnKind::Float, Value::Float(0.1), Cell::Number(0.1));
    }

    #[test]
    fn the_empty_string_differs_from_null_and_from_its_own_look() {
        check(ColumnKind::Text, Value::Null, Cell::Empty);
        check(ColumnKind::Text, Value::Text(String::new()), Cell::text("\"\""));
        check(ColumnKind::Text, Value::Text("\"\"".into()), Cell::text("\\\"\""));
        check(ColumnKind::Text, Value::Text("\\\"\"".into()), Cell::text("\\\\\"\""));
        check(ColumnKind::Text, Value::Text("=1+1".into()), Cell::text("=1+1"));
    }

    #[test]
    fn the_last_day_of_the_calendar_is_a_day_like_any_other() {
        for (year, month, day, serial) in
            [(9999, 12, 31, 2_958_465), (1, 1, 1, -693_593), (1969, 12, 31, 25_568)]
        {
            let days = days_since_unix_epoch(Date { year, month, day }).unwrap();
            assert_eq!(days + SHEET_EPOCH_DAYS, serial, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn days_and_seconds_are_serial_numbers_and_fractions_are_text() {
        let date = Date { year: 2020, month: 1, day: 1 };
        check(ColumnKind::Date, Value::Date(date), Cell::Number(43_831.0));
        check(
            ColumnKind::DateTime { fsp: 0 },
            Value::DateTime(DateTime { date, micros: 43_200_000_000 }),
            Cell::Number(43_831.5),
        );
        check(
            ColumnKind::DateTime { fsp: 3 },
            Value::DateTime(DateTime { date, micros: 1_500_000 }),
            Cell::text("2020-01-01 00:00:01.500"),
        );
        check(ColumnKind::Time { fsp: 0 }, Value::Time(-3_600_000_000), Cell::Number(-1.0 / 24.0));
        check(
            ColumnKind::Time { fsp: 6 },
            Value::Time(-3_020_399_000_001),
            Cell::text("-838:59:59.000001"),
        );
        check(
            ColumnKind::Date,
            Value::Date(Date { year: 2024, month: 0, day: 15 }),
            Cell::text("2024-00-15"),
        );
        check(
            ColumnKind::Timestamp { fsp: 0 },
            Value::Timestamp(None),
            Cell::text("0000-00-00 00:00:00"),
        );
        check(
            ColumnKind::Timestamp { fsp: 0 },
            Value::Timestamp(Some(1_577_836_800_000_000)),
            Cell::Number(43_831.0),
        );
        check(
            ColumnKind::Date,
            Value::Date(Date { year: 1000, month: 1, day: 1 }),
            Cell::Number(-328_716.0),
        );
    }

    #[test]
    fn a_timestamp_is_shown_in_the_stated_zone() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled zone");
        let rendering = Rendering { zone, ..Rendering::default() };
        let cell = rendering.cell(
            &column(ColumnKind::Timestamp { fsp: 0 }),
            &Value::Timestamp(Some(1_577_836_800_000_000)),
        );
        assert_eq!(cell, Cell::Number(43_831.0 + 1.0 / 24.0));
    }

    #[test]
    fn keys_of_numbers_and_texts_never_meet() {
        assert_ne!(row_key([Cell::Number(1.0)].iter()), row_key([Cell::text("1")].iter()));
        assert_eq!(row_key([Cell::Number(1.0), Cell::Empty].iter()), None);
        assert_ne!(
            row_key([Cell::text("a"), Cell::text("b")].iter()),
            row_key([Cell::text("a\u{1f}b")].iter()),
        );
    }
    #[test]
    fn a_key_comes_apart_as_people_see_it() {
        let cells = [Cell::Number(-7.0), Cell::text("a\u{1f}"), Cell::text("'"), Cell::text("")];
        let key = row_key(cells.iter()).unwrap();
        assert_eq!(key.parts(), ["-7", "a\u{1f}", "'", ""]);
        assert_eq!(row_key([Cell::text("01")].iter()).unwrap().parts(), ["01"]);
    }
}
