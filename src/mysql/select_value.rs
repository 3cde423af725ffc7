//! One value of a `SELECT` in the binary protocol, made equal to the decoder's.

use mysql_async::Value as Cell;
use sheetwire_engine::value::{ColumnKind, Date, DateTime, Value};

use super::calendar;

/// The value of a cell, or `None` when the server's answer does not fit the column's kind.
pub fn value(kind: &ColumnKind, cell: Cell) -> Option<Value> {
    if cell == Cell::NULL {
        return Some(Value::Null);
    }
    Some(match (kind, cell) {
        (ColumnKind::Int { unsigned: true, .. }, cell) => Value::UInt(unsigned(&cell)?),
        (ColumnKind::Int { .. } | ColumnKind::Year, cell) => Value::Int(signed(&cell)?),
        (ColumnKind::Decimal { .. }, Cell::Bytes(text)) => Value::Decimal(decimal(&text)?),
        (ColumnKind::Float, Cell::Float(number)) => Value::Float(number),
        (ColumnKind::Double, Cell::Double(number)) => Value::Double(number),
        (ColumnKind::Bit { .. }, Cell::Bytes(bytes)) => {
            Value::UInt(bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
        }
        (
            ColumnKind::Text | ColumnKind::Enum(_) | ColumnKind::Set(_) | ColumnKind::Json,
            Cell::Bytes(text),
        ) => Value::Text(String::from_utf8(text).ok()?),
        (ColumnKind::Bytes { .. }, Cell::Bytes(bytes)) => Value::Bytes(bytes),
        (ColumnKind::Date, Cell::Date(year, month, day, ..)) => {
            Value::Date(Date { year, month, day })
        }
        (
            ColumnKind::DateTime { .. },
            Cell::Date(year, month, day, hour, minute, second, micros),
        ) => {
            let date = Date { year, month, day };
            Value::DateTime(DateTime { date, micros: clock((hour.into(), minute, second), micros) })
        }
        (ColumnKind::Timestamp { .. }, Cell::Date(0, 0, 0, 0, 0, 0, 0)) => Value::Timestamp(None),
        (
            ColumnKind::Timestamp { .. },
            Cell::Date(year, month, day, hour, minute, second, micros),
        ) => {
            let days = calendar::to_days(year, month, day);
            let rest = i64::try_from(clock((hour.into(), minute, second), micros)).ok()?;
            Value::Timestamp(Some(days * 86_400_000_000 + rest))
        }
        (ColumnKind::Time { .. }, Cell::Time(negative, days, hour, minute, second, micros)) => {
            let hours = u64::from(days) * 24 + u64::from(hour);
            let total = i64::try_from(clock((hours, minute, second), micros)).ok()?;
            Value::Time(if negative { -total } else { total })
        }
        _ => return None,
    })
}

fn unsigned(cell: &Cell) -> Option<u64> {
    match cell {
        Cell::UInt(number) => Some(*number),
        Cell::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn signed(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        Cell::UInt(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// `ZEROFILL` fills decimals up to their width when they are printed; the value has no such zeros.
fn decimal(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let zeros = digits.bytes().take_while(|digit| *digit == b'0').count();
    let digits = &digits[zeros..];
    let zero = if digits.is_empty() || digits.starts_with('.') { "0" } else { "" };
    Some(format!("{sign}{zero}{digits}"))
}

fn clock((hours, minute, second): (u64, u8, u8), micros: u32) -> u64 {
    (hours * 3600 + u64::from(minute) * 60 + u64::from(second)) * 1_000_000 + u64::from(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_lose_the_zeros_of_zerofill_and_nothing_else() {
        for (printed, expected) in [
            ("00012.50", "12.50"),
            ("0.00", "0.00"),
            ("000", "0"),
            ("-0.5", "-0.5"),
            ("100", "100"),
        ] {
            assert_eq!(decimal(printed.as_bytes()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_year_and_an_int_may_come_with_either_sign() {
        assert_eq!(value(&ColumnKind::Year, Cell::UInt(0)), Some(Value::Int(0)));
        let int = ColumnKind::Int { bits: 8, unsigned: true };
        assert_eq!(value(&int, Cell::Int(200)), Some(Value::UInt(200)));
        assert_eq!(value(&int, Cell::Bytes(vec![b'1'])), None);
    }
}
