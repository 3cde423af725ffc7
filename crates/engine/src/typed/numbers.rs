//! Numbers as people write them.

use super::{Habits, Refusal, wants};
use crate::{
    cell::Cell,
    value::{ColumnKind, Value},
};

/// A sheet shows and compares 15 significant digits; what lies behind them is noise of its arithmetic.
const DIGITS: usize = 15;

pub(super) fn value(kind: &ColumnKind, cell: &Cell, habits: Habits) -> Result<Value, Refusal> {
    let text = match cell {
        Cell::Number(number) => match kind {
            ColumnKind::Double => return Ok(Value::Double(*number)),
            ColumnKind::Float => return float(&number.to_string()),
            _ => exact(*number),
        },
        Cell::Text(text) => plain_number(text, habits, kind).or_else(|| truth(text, kind)),
        Cell::Bool(value) => Some(if *value { "1" } else { "0" }.to_owned()),
        Cell::Empty | Cell::Formula { .. } => None,
    };
    let text = text.ok_or_else(|| wants("a number"))?;
    match kind {
        ColumnKind::Int { bits, unsigned } => integer(&text, *bits, *unsigned),
        ColumnKind::Bit { bits } => bit(&text, *bits),
        ColumnKind::Year => year(&text),
        ColumnKind::Decimal { precision, scale } => {
            decimal(&text, usize::from(*precision), usize::from(*scale))
        }
        ColumnKind::Float => float(&text),
        _ => text
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .map(Value::Double)
            .ok_or_else(|| wants("a number")),
    }
}

/// The digits of a number without an exponent, rounded to what a sheet shows.
fn exact(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let rounded: f64 = format!("{number:.*e}", DIGITS - 1).parse().ok()?;
    // A whole number below 2^53 is exact with all its digits.
    let chosen = if number.fract() == 0.0 { number } else { rounded };
    Some(chosen.to_string())
}

/// How a number reads in a cell.
pub(super) fn shown(number: f64) -> String {
    exact(number).unwrap_or_else(|| number.to_string())
}

/// A number's digits with a point, from a text; `None` where it is none or may be read in two ways.
fn plain_number(text: &str, habits: Habits, kind: &ColumnKind) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.matches('.').count() < 2 {
        // The form in which the server prints numbers is always understood.
        if habits.decimal_comma && looks_grouped(digits) {
            return match kind {
                ColumnKind::Decimal { scale: 3, .. } => Some(format!("{sign}{digits}")),
                ColumnKind::Int { .. } | ColumnKind::Bit { .. } => {
                    Some(format!("{sign}{}", digits.replace('.', "")))
                }
                _ => None,
            };
        }
        return digits.chars().any(|c| c.is_ascii_digit()).then(|| format!("{sign}{digits}"));
    }
    if let Some(power) = exponent(digits) {
        return Some(format!("{sign}{power}"));
    }
    let (group, point) = if habits.decimal_comma { ('.', ',') } else { (',', '.') };
    let (whole, fraction) = digits.split_once(point).unwrap_or((digits, ""));
    let blanks = ['\u{a0}', '\u{202f}', ' ', '\''];
    let group =
        if whole.contains(blanks) { whole.chars().find(|c| blanks.contains(c))? } else { group };
    let groups: Vec<&str> = whole.split(group).collect();
    let well_grouped = groups.len() == 1
        || (groups[0].len() <= 3
            && !groups[0].is_empty()
            && groups[1..].iter().all(|g| g.len() == 3));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let whole = groups.concat();
    let fits = well_grouped
        && digits(&whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty());
    fits.then(|| {
        if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    })
}

/// `1.234` where the point groups thousands: one thousand or one and a bit, which only the column may tell.
fn looks_grouped(digits: &str) -> bool {
    digits.split_once('.').is_some_and(|(whole, rest)| {
        rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0')
    })
}

fn exponent(digits: &str) -> Option<String> {
    let (mantissa, power) = digits.split_once(['e', 'E'])?;
    power.parse::<i16>().ok()?;
    let number: f64 = digits.parse().ok()?;
    let is_number = mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if is_number { exact(number) } else { None }
}

/// The words for true and false where a number may stand for them.
fn truth(text: &str, kind: &ColumnKind) -> Option<String> {
    let may = matches!(kind, ColumnKind::Int { bits: 8, .. } | ColumnKind::Bit { bits: 1 });
    match text.trim().to_ascii_lowercase().as_str() {
        "true" if may => Some("1".into()),
        "false" if may => Some("0".into()),
        _ => None,
    }
}

/// The digits without a fraction, if there is none but zeros.
fn whole(text: &str) -> Result<&str, Refusal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.chars().any(|c| c != '0') {
        return Err(wants("a whole number"));
    }
    Ok(if whole.is_empty() || whole == "-" { "0" } else { whole })
}

fn integer(text: &str, bits: u8, unsigned: bool) -> Result<Value, Refusal> {
    let number: i128 = whole(text)?.parse().map_err(|_| wants("a whole number"))?;
    let (low, high) = if unsigned {
        (0, (1_i128 << bits) - 1)
    } else {
        (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    };
    if number < low || number > high {
        return Err(format!("allowed are whole numbers from {low} to {high}"));
    }
    let refused = || wants("a whole number");
    if unsigned {
        u64::try_from(number).map(Value::UInt).map_err(|_| refused())
    } else {
        i64::try_from(number).map(Value::Int).map_err(|_| refused())
    }
}

fn bit(text: &str, bits: u8) -> Result<Value, Refusal> {
    let number: u64 = whole(text)?.parse().map_err(|_| wants("a whole number from 0 on"))?;
    if bits < 64 && number >> bits != 0 {
        return Err(format!("it has more than {bits} bits"));
    }
    Ok(Value::UInt(number))
}

fn year(text: &str) -> Result<Value, Refusal> {
    let number: i64 = whole(text)?.parse().map_err(|_| wants("a year"))?;
    if number != 0 && !(1901..=2155).contains(&number) {
        return Err("allowed are the years from 1901 to 2155".to_owned());
    }
    Ok(Value::Int(number))
}

fn float(text: &str) -> Result<Value, Refusal> {
    let number: f32 = text.parse().map_err(|_| wants("a number"))?;
    if number.is_finite() { Ok(Value::Float(number)) } else { Err("it is too large".to_owned()) }
}

/// Sign, digits, and exactly `scale` digits behind the point, as the server prints it.
fn decimal(text: &str, precision: usize, scale: usize) -> Result<Value, Refusal> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return Err(format!("it has more than {scale} digits behind the point"));
    }
    if whole.len() > precision - scale {
        return Err(format!("it has more than {} digits before the point", precision - scale));
    }
    let sign = if whole.is_empty() && fraction.is_empty() { "" } else { sign };
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(Value::Decimal(if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction:0<scale$}")
    }))
}
