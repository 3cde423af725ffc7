//! One value: from its bytes in the log to what the server holds.

use sheetwire_engine::value::{ColumnKind, Value};

use super::{
    bytes::{Cursor, Malformed},
    number,
    table_map::{WireColumn, wire},
    text::Charset,
    time,
};
use crate::mysql::jsonb;

/// How to read the values of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decode {
    /// Signed, this many bytes.
    Int(usize),
    /// Unsigned, this many bytes.
    UInt(usize),
    /// Precision and scale.
    Decimal(usize, usize),
    /// Four bytes.
    Float,
    /// Eight bytes.
    Double,
    /// One byte; 0 is the year 0000.
    Year,
    /// High byte first.
    Bit,
    /// Three bytes.
    Date,
    /// Fraction digits.
    DateTime2(u8),
    /// Fraction digits.
    Timestamp2(u8),
    /// Fraction digits.
    Time2(u8),
    /// As number, before 5.6.4.
    DateTimeOld,
    /// Before 5.6.4.
    TimestampOld,
    /// Before 5.6.4.
    TimeOld,
    /// Through a character set.
    Text(Charset),
    /// As it is; a `BINARY(n)` is filled up with the zero bytes the log leaves out.
    Bytes(Option<usize>),
    /// Index into labels, from 1; 0 is the empty text of a refused value.
    Enum(Vec<String>),
    /// One bit a label.
    Set(Vec<String>),
    /// Binary JSON.
    Json,
}

/// Why a value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// The bytes are not what the type calls for.
    Malformed(Malformed),
    /// The bytes are fine and mean nothing: not of the character set, a label that is not there.
    Meaningless(&'static str),
}

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Decode {
    /// How to read values of a mapped column's kind from what the log says the column is; `None` when the two do not go together.
    pub fn plain(kind: &ColumnKind, wire: WireColumn) -> Option<Self> {
        let fits = |type_number: u8| wire.kind == type_number;
        Some(match kind {
            ColumnKind::Int { bits, unsigned } => {
                let (type_number, bytes) = match bits {
                    8 => (wire::TINY, 1),
                    16 => (wire::SHORT, 2),
                    24 => (wire::INT24, 3),
                    32 => (wire::LONG, 4),
                    _ => (wire::LONGLONG, 8),
                };
                fits(type_number).then_some(())?;
                if *unsigned { Self::UInt(bytes) } else { Self::Int(bytes) }
            }
            ColumnKind::Decimal { precision, scale } => {
                let same = wire.size == u16::from(*precision) && wire.extra == *scale;
                (fits(wire::NEWDECIMAL) && same).then_some(())?;
                Self::Decimal(usize::from(*precision), usize::from(*scale))
            }
            ColumnKind::Float if fits(wire::FLOAT) => Self::Float,
            ColumnKind::Double if fits(wire::DOUBLE) => Self::Double,
            ColumnKind::Year if fits(wire::YEAR) => Self::Year,
            ColumnKind::Bit { bits } => {
                let here = wire.size * 8 + u16::from(wire.extra);
                (fits(wire::BIT) && here == u16::from(*bits)).then_some(Self::Bit)?
            }
            ColumnKind::Date if fits(wire::DATE) || fits(wire::NEWDATE) => Self::Date,
            ColumnKind::DateTime { fsp } => fraction(
                wire,
                *fsp,
                wire::DATETIME2,
                wire::DATETIME,
                (Self::DateTime2(*fsp), Self::DateTimeOld),
            )?,
            ColumnKind::Timestamp { fsp } => fraction(
                wire,
                *fsp,
                wire::TIMESTAMP2,
                wire::TIMESTAMP,
                (Self::Timestamp2(*fsp), Self::TimestampOld),
            )?,
            ColumnKind::Time { fsp } => {
                fraction(wire, *fsp, wire::TIME2, wire::TIME, (Self::Time2(*fsp), Self::TimeOld))?
            }
            ColumnKind::Json if fits(wire::JSON) => Self::Json,
            _ => return None,
        })
    }

    /// Reads one value, its length prefix already taken off.
    pub fn value(&self, bytes: &[u8]) -> Result<Value, Unreadable> {
        let mut cursor = Cursor::new(bytes);
        Ok(match self {
            Self::Int(width) => Value::Int(sign_extend(cursor.uint_le(*width)?, *width)),
            Self::UInt(width) => Value::UInt(cursor.uint_le(*width)?),
            Self::Decimal(precision, scale) => {
                Value::Decimal(number::decimal(bytes, *precision, *scale)?)
            }
            Self::Float => Value::Float(f32::from_le_bytes(cursor.array()?)),
            Self::Double => Value::Double(f64::from_le_bytes(cursor.array()?)),
            Self::Year => {
                let years = i64::from(cursor.u8()?);
                Value::Int(if years == 0 { 0 } else { 1900 + years })
            }
            Self::Bit => Value::UInt(cursor.uint_be(bytes.len().min(8))?),
            Self::Date => time::date(bytes)?,
            Self::DateTime2(fsp) => time::datetime2(bytes, *fsp)?,
            Self::Timestamp2(fsp) => time::timestamp2(bytes, *fsp)?,
            Self::Time2(fsp) => time::time2(bytes, *fsp)?,
            Self::DateTimeOld => time::datetime_old(bytes)?,
            Self::TimestampOld => time::timestamp_old(bytes)?,
            Self::TimeOld => time::time_old(bytes)?,
            Self::Text(charset) => Value::Text(charset.text(bytes).ok_or(
                Unreadable::Meaningless("its bytes are not of the column's character set"),
            )?),
            Self::Bytes(fixed) => {
                let mut bytes = bytes.to_vec();
                bytes.resize(bytes.len().max(fixed.unwrap_or(0)), 0);
                Value::Bytes(bytes)
            }
            Self::Enum(labels) => Value::Text(label(labels, cursor.uint_le(bytes.len().min(8))?)?),
            Self::Set(labels) => Value::Text(members(labels, cursor.uint_le(bytes.len().min(8))?)?),
            Self::Json => Value::Text(jsonb::to_text(bytes)?),
        })
    }
}

/// Picks the format of a time type. The old formats carry no fraction that the log would tell about.
fn fraction(
    wire: WireColumn,
    fsp: u8,
    new: u8,
    old: u8,
    (packed, plain): (Decode, Decode),
) -> Option<Decode> {
    if wire.kind == new && wire.size == u16::from(fsp) {
        return Some(packed);
    }
    (wire.kind == old && fsp == 0).then_some(plain)
}

fn sign_extend(raw: u64, bytes: usize) -> i64 {
    let unused = 64 - 8 * bytes.clamp(1, 8);
    (raw << unused).cast_signed() >> unused
}

fn label(labels: &[String], index: u64) -> Result<String, Unreadable> {
    let Some(index) = index.checked_sub(1) else { return Ok(String::new()) };
    usize::try_from(index)
        .ok()
        .and_then(|index| labels.get(index))
        .cloned()
        .ok_or(Unreadable::Meaningless("it names a label behind the last one"))
}

fn members(labels: &[String], bits: u64) -> Result<String, Unreadable> {
    if labels.len() < 64 && bits >> labels.len() != 0 {
        return Err(Unreadable::Meaningless("it names a label behind the last one"));
    }
    let chosen: Vec<&str> = labels
        .iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, label)| label.as_str())
        .collect();
    Ok(chosen.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_all_widths_keep_their_sign() {
        let medium = Decode::Int(3);
        assert_eq!(medium.value(&[0xff, 0xff, 0xff]), Ok(Value::Int(-1)));
        assert_eq!(medium.value(&[0, 0, 0x80]), Ok(Value::Int(-8_388_608)));
        assert_eq!(Decode::UInt(3).value(&[0xff, 0xff, 0xff]), Ok(Value::UInt(16_777_215)));
        assert_eq!(Decode::Int(8).value(&[0xff; 8]), Ok(Value::Int(-1)));
        assert_eq!(Decode::UInt(8).value(&[0xff; 8]), Ok(Value::UInt(u64::MAX)));
        assert_eq!(Decode::Int(1).value(&[0x80]), Ok(Value::Int(-128)));
    }

    #[test]
    fn years_bits_labels_and_padding_follow_the_server() {
        assert_eq!(Decode::Year.value(&[0]), Ok(Value::Int(0)));
        assert_eq!(Decode::Year.value(&[255]), Ok(Value::Int(2155)));
        assert_eq!(Decode::Bit.value(&[0x0f, 0xff]), Ok(Value::UInt(4095)));
        assert_eq!(Decode::Bytes(Some(4)).value(&[1]), Ok(Value::Bytes(vec![1, 0, 0, 0])));
        let labels = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(Decode::Enum(labels.clone()).value(&[0]), Ok(Value::Text(String::new())));
        assert_eq!(Decode::Enum(labels.clone()).value(&[3]), Ok(Value::Text("c".into())));
        assert!(Decode::Enum(labels.clone()).value(&[4]).is_err());
        assert_eq!(Decode::Set(labels.clone()).value(&[0b101]), Ok(Value::Text("a,c".into())));
        assert!(Decode::Set(labels).value(&[0b1000]).is_err());
    }

    #[test]
    fn a_column_that_changed_its_type_has_no_way_to_be_read() {
        let long = WireColumn { kind: wire::LONG, size: 0, extra: 0 };
        assert_eq!(Decode::plain(&ColumnKind::Int { bits: 64, unsigned: false }, long), None);
        assert_eq!(
            Decode::plain(&ColumnKind::Int { bits: 32, unsigned: true }, long),
            Some(Decode::UInt(4))
        );
        let seconds = WireColumn { kind: wire::DATETIME2, size: 0, extra: 0 };
        assert_eq!(Decode::plain(&ColumnKind::DateTime { fsp: 3 }, seconds), None);
    }
}
