//! Dates and times: the packed formats since 5.6.4 and the plain numbers before.

use sheetwire_engine::value::{Date, DateTime, Value};

use super::bytes::{Cursor, Malformed};

const SECOND: u64 = 1_000_000;

/// `DATE`: three bytes, low byte first.
pub fn date(bytes: &[u8]) -> Result<Value, Malformed> {
    let packed = Cursor::new(bytes).uint_le(3)?;
    Ok(Value::Date(Date {
        year: small(packed >> 9)?,
        month: small(packed >> 5 & 0xf)?,
        day: small(packed & 0x1f)?,
    }))
}

/// `DATETIME(fsp)`: forty bits that sort, then the fraction.
pub fn datetime2(bytes: &[u8], fsp: u8) -> Result<Value, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let packed = cursor.uint_be(5)?.checked_sub(1 << 39).ok_or(Malformed("a negative DATETIME"))?;
    let micros = fraction(&mut cursor, fsp)?;
    let month = packed >> 22;
    let date = Date {
        year: small(month / 13)?,
        month: small(month % 13)?,
        day: small(packed >> 17 & 0x1f)?,
    };
    Ok(Value::DateTime(DateTime {
        date,
        micros: clock(packed >> 12 & 0x1f, packed >> 6 & 0x3f, packed & 0x3f) + micros,
    }))
}

/// `DATETIME` of servers before 5.6.4: the fourteen digits as a number.
pub fn datetime_old(bytes: &[u8]) -> Result<Value, Malformed> {
    let number = Cursor::new(bytes).u64()?;
    let (day, time) = (number / 1_000_000, number % 1_000_000);
    let date =
        Date { year: small(day / 10_000)?, month: small(day / 100 % 100)?, day: small(day % 100)? };
    Ok(Value::DateTime(DateTime {
        date,
        micros: clock(time / 10_000, time / 100 % 100, time % 100),
    }))
}

/// `TIMESTAMP(fsp)`: seconds since the epoch, then the fraction. Unsigned: MariaDB counts on to 2106.
pub fn timestamp2(bytes: &[u8], fsp: u8) -> Result<Value, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let seconds = cursor.uint_be(4)?;
    let micros = fraction(&mut cursor, fsp)?;
    epoch(seconds, micros)
}

/// `TIMESTAMP` of servers before 5.6.4.
pub fn timestamp_old(bytes: &[u8]) -> Result<Value, Malformed> {
    epoch(Cursor::new(bytes).uint_le(4)?, 0)
}

/// `TIME(fsp)`: signed, offset so that it sorts.
pub fn time2(bytes: &[u8], fsp: u8) -> Result<Value, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let width = bytes.len().checked_sub(3).ok_or(Malformed("a TIME that is too short"))?;
    if width != usize::from(fsp).div_ceil(2) || fsp > 6 {
        return Err(Malformed("a TIME of the wrong length"));
    }
    // Whole number and fraction together are one offset number, so a borrow goes from the fraction to the seconds.
    let offset = 1_u64 << (23 + 8 * width);
    let packed = cursor.uint_be(bytes.len())?;
    let negative = packed < offset;
    let magnitude = packed.abs_diff(offset);
    let seconds = magnitude >> (8 * width);
    let raw = magnitude & ((1 << (8 * width)) - 1);
    let micros =
        clock(seconds >> 12 & 0x3ff, seconds >> 6 & 0x3f, seconds & 0x3f) + raw * unit(width);
    signed(micros, negative)
}

/// `TIME` of servers before 5.6.4: digits as a signed number of three bytes.
pub fn time_old(bytes: &[u8]) -> Result<Value, Malformed> {
    let raw = Cursor::new(bytes).uint_le(3)?;
    let negative = raw >= 1 << 23;
    let number = if negative { (1 << 24) - raw } else { raw };
    signed(clock(number / 10_000, number / 100 % 100, number % 100), negative)
}

fn signed(micros: u64, negative: bool) -> Result<Value, Malformed> {
    let micros = i64::try_from(micros).map_err(|_| Malformed("a TIME beyond its range"))?;
    Ok(Value::Time(if negative { -micros } else { micros }))
}

fn epoch(seconds: u64, micros: u64) -> Result<Value, Malformed> {
    if seconds == 0 && micros == 0 {
        return Ok(Value::Timestamp(None));
    }
    let total = i64::try_from(seconds * SECOND + micros)
        .map_err(|_| Malformed("a TIMESTAMP beyond its range"))?;
    Ok(Value::Timestamp(Some(total)))
}

fn clock(hours: u64, minutes: u64, seconds: u64) -> u64 {
    (hours * 3600 + minutes * 60 + seconds) * SECOND
}

fn fraction(cursor: &mut Cursor<'_>, fsp: u8) -> Result<u64, Malformed> {
    let width = usize::from(fsp).div_ceil(2);
    Ok(cursor.uint_be(width)? * unit(width))
}

/// Microseconds per unit of a fraction of so many bytes: hundredths, ten-thousandths, millionths.
fn unit(width: usize) -> u64 {
    match width {
        0 | 3 => 1,
        1 => 10_000,
        _ => 100,
    }
}

fn small<T: TryFrom<u64>>(number: u64) -> Result<T, Malformed> {
    T::try_from(number).map_err(|_| Malformed("a date out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_times_borrow_from_the_fraction() {
        // -00:00:01.10 with two digits: 0x7fffff minus one second and a tenth.
        assert_eq!(time2(&[0x7f, 0xff, 0xfe, 0xf6], 2).unwrap(), Value::Time(-1_100_000));
        assert_eq!(time2(&[0x80, 0x00, 0x01], 0).unwrap(), Value::Time(1_000_000));
        assert_eq!(time2(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff], 6).unwrap(), Value::Time(-1));
        assert_eq!(time_old(&[0xff, 0xff, 0xff]).unwrap(), Value::Time(-1_000_000));
    }

    #[test]
    fn zero_and_partial_dates_stay_what_they_are() {
        assert_eq!(date(&[0, 0, 0]).unwrap(), Value::Date(Date { year: 0, month: 0, day: 0 }));
        let zero = DateTime { date: Date { year: 0, month: 0, day: 0 }, micros: 0 };
        assert_eq!(datetime2(&[0x80, 0, 0, 0, 0], 0).unwrap(), Value::DateTime(zero));
        assert_eq!(timestamp2(&[0, 0, 0, 0], 0).unwrap(), Value::Timestamp(None));
        assert_eq!(timestamp2(&[0, 0, 0, 0, 0, 0, 1], 6).unwrap(), Value::Timestamp(Some(1)));
        let year_2106 = timestamp2(&[0xff, 0xff, 0xff, 0xff], 0).unwrap();
        assert_eq!(year_2106, Value::Timestamp(Some(4_294_967_295_000_000)));
    }

    #[test]
    fn old_formats_are_plain_digits() {
        let bytes = 20_240_131_235_958_u64.to_le_bytes();
        let day = Date { year: 2024, month: 1, day: 31 };
        let micros = (23 * 3600 + 59 * 60 + 58) * SECOND;
        assert_eq!(datetime_old(&bytes).unwrap(), Value::DateTime(DateTime { date: day, micros }));
    }
}
