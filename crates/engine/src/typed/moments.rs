//! Days and times as people write them.

use jiff::{
    civil,
    tz::{AmbiguousOffset, TimeZone},
};

use super::{Habits, Reading, Refusal, wants, zone};
use crate::{
    cell::Cell,
    value::{ColumnKind, Date, DateTime, Value},
};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days from 1899-12-30, day zero of a sheet, to 1970-01-01.
const SHEET_EPOCH_DAYS: i64 = 25_569;
/// 838:59:59, the longest `TIME`.
const TIME_MAX: i64 = 3_020_399_000_000;

pub(super) fn value(
    kind: &ColumnKind,
    cell: &Cell,
    reading: Reading<'_>,
) -> Result<Value, Refusal> {
    match kind {
        ColumnKind::Date => date(cell, reading.habits),
        ColumnKind::DateTime { fsp } => date_time(cell, *fsp, reading.habits).map(Value::DateTime),
        ColumnKind::Timestamp { fsp } => {
            let moment = date_time(cell, *fsp, reading.habits)?;
            timestamp(moment, zone(&reading)).map(Value::Timestamp)
        }
        ColumnKind::Time { fsp } => time(cell, *fsp),
        _ => Err(wants("a time")),
    }
}

fn date(cell: &Cell, habits: Habits) -> Result<Value, Refusal> {
    match cell {
        Cell::Number(serial) => {
            let moment = from_serial(*serial, 0)?;
            if moment.micros != 0 {
                return Err("it has a time of day".to_owned());
            }
            Ok(Value::Date(moment.date))
        }
        Cell::Text(text) => day(text.trim(), habits)
            .map(Value::Date)
            .ok_or_else(|| wants("a date; write it as 2026-11-25")),
        _ => Err(wants("a date")),
    }
}

fn date_time(cell: &Cell, fsp: u8, habits: Habits) -> Result<DateTime, Refusal> {
    let refused = || wants("a date with a time; write it as 2026-11-25 18:30:00");
    match cell {
        Cell::Number(serial) => from_serial(*serial, fsp),
        Cell::Text(text) => {
            let text = text.trim();
            let (first, clock) = match text.split_once(['T', ' ']) {
                Some((first, clock)) => (first, Some(clock.trim())),
                None => (text, None),
            };
            let date = day(first, habits).ok_or_else(refused)?;
            let micros =
                clock.map_or(Some(0), |clock| micros_of(clock, fsp)).ok_or_else(refused)?;
            let micros = u64::try_from(micros).ok().filter(|m| *m < MICROS_PER_DAY.unsigned_abs());
            Ok(DateTime { date, micros: micros.ok_or_else(refused)? })
        }
        _ => Err(refused()),
    }
}

/// A serial number's day and time, rounded to what the column keeps.
fn from_serial(serial: f64, fsp: u8) -> Result<DateTime, Refusal> {
    let step = i64::from(10_u32.pow(u32::from(6 - fsp.min(6))));
    let refused = || "it lies outside of the calendar".to_owned();
    if !serial.is_finite() || !(-693_960.0..2_958_466.0).contains(&serial) {
        return Err(refused());
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    #[expect(clippy::cast_precision_loss, reason = "a day's microseconds stay below 2^53")]
    let (days, rest) =
        (serial.floor() as i64, ((serial - serial.floor()) * MICROS_PER_DAY as f64) as i64);
    let micros = days * MICROS_PER_DAY + (rest + step / 2) / step * step;
    let (days, rest) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    let date = civil::date(1970, 1, 1)
        .checked_add(jiff::Span::new().days(days - SHEET_EPOCH_DAYS))
        .map_err(|_| refused())?;
    let year = u16::try_from(date.year()).map_err(|_| refused())?;
    Ok(DateTime {
        date: Date { year, month: date.month().unsigned_abs(), day: date.day().unsigned_abs() },
        micros: rest.unsigned_abs(),
    })
}

/// `2026-11-25` always; `25.11.2026`, `11/25/2026` as people write here. Zero and partial dates as the server prints them.
fn day(text: &str, habits: Habits) -> Option<Date> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    if parts.iter().any(|part| part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (year, month, day) = if a.len() == 4 {
        (a, b, c)
    } else if c.len() != 4 {
        return None;
    } else if text.contains('.') || habits.day_first {
        (c, b, a)
    } else {
        (c, a, b)
    };
    let date =
        Date { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
    let partial = date.month == 0 || date.day == 0;
    let possible = if partial {
        date.month <= 12 && date.day <= 31
    } else {
        let (month, day) = (i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?);
        civil::Date::new(i16::try_from(date.year).ok()?, month, day).is_ok()
    };
    possible.then_some(date)
}

/// A point in time from a local one: the earlier one where clocks were set back; refused where they were set forward.
fn timestamp(moment: DateTime, zone: &TimeZone) -> Result<Option<i64>, Refusal> {
    let Date { year, month, day } = moment.date;
    if (year, month, day, moment.micros) == (0, 0, 0, 0) {
        return Ok(None);
    }
    let refused = || wants("a point in time");
    let small = |number: u8| i8::try_from(number).map_err(|_| refused());
    let date =
        civil::Date::new(i16::try_from(year).map_err(|_| refused())?, small(month)?, small(day)?)
            .map_err(|_| refused())?;
    let micros = i64::try_from(moment.micros).map_err(|_| refused())?;
    let local = date
        .to_datetime(civil::Time::midnight())
        .checked_add(jiff::Span::new().microseconds(micros))
        .map_err(|_| refused())?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        return Err("clocks were set forward over this time".to_owned());
    }
    let point = ambiguous.earlier().map_err(|_| refused())?.as_microsecond();
    if point <= 0 {
        return Err("allowed are times from 1970-01-01 00:00:01 UTC on".to_owned());
    }
    Ok(Some(point))
}

fn time(cell: &Cell, fsp: u8) -> Result<Value, Refusal> {
    let refused = || wants("a time; write it as 18:30:00");
    let micros = match cell {
        Cell::Number(serial) => {
            let step = i64::from(10_u32.pow(u32::from(6 - fsp.min(6))));
            #[expect(clippy::cast_precision_loss, reason = "a day's microseconds stay below 2^53")]
            let micros = serial * MICROS_PER_DAY as f64;
            if micros.abs() > 1e16 || !micros.is_finite() {
                return Err(refused());
            }
            #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
            let micros = micros.round() as i64;
            (micros + micros.signum() * step / 2) / step * step
        }
        Cell::Text(text) => micros_of(text.trim(), fsp).ok_or_else(refused)?,
        _ => return Err(refused()),
    };
    if micros.abs() > TIME_MAX + 999_999 {
        return Err("allowed are times from -838:59:59 to 838:59:59".to_owned());
    }
    Ok(Value::Time(micros))
}

/// `[-]H:MM[:SS[.ffffff]]` in microseconds, with no more digits than the column keeps.
fn micros_of(text: &str, fsp: u8) -> Option<i64> {
    let (sign, clock) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) || fraction.len() > usize::from(fsp) {
        return None;
    }
    let digits = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(digits) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |place: usize| parts.get(place).map_or(Some(0), |part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (number(0)?, number(1)?, number(2)?);
    if hours > 9_999 || minutes > 59 || seconds > 59 {
        return None;
    }
    let fraction: i64 =
        if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().ok()? };
    Some(sign * (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction))
}
