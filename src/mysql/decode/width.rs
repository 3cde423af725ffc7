//! How many bytes a value takes, so that columns nobody wants are stepped over and never looked at.

use super::{
    bytes::{Cursor, Malformed},
    number::decimal_bytes,
    table_map::{WireColumn, wire},
};

/// The width of a value of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Always so many bytes.
    Fixed(usize),
    /// A length of so many bytes, then the value.
    Prefixed(usize),
}

impl Width {
    /// The width of a column's values; `None` for a type whose width is not known, so that nothing behind it can be read.
    pub fn of(column: WireColumn) -> Option<Self> {
        let size = usize::from(column.size);
        Some(match column.kind {
            wire::NULL => Self::Fixed(0),
            wire::TINY | wire::YEAR => Self::Fixed(1),
            wire::SHORT => Self::Fixed(2),
            wire::INT24 | wire::DATE | wire::NEWDATE | wire::TIME => Self::Fixed(3),
            wire::LONG | wire::FLOAT | wire::TIMESTAMP => Self::Fixed(4),
            wire::LONGLONG | wire::DOUBLE | wire::DATETIME => Self::Fixed(8),
            wire::TIMESTAMP2 => Self::Fixed(4 + fraction_bytes(column)?),
            wire::DATETIME2 => Self::Fixed(5 + fraction_bytes(column)?),
            wire::TIME2 => Self::Fixed(3 + fraction_bytes(column)?),
            wire::NEWDECIMAL => Self::Fixed(decimal_bytes(size, usize::from(column.extra))?),
            wire::BIT => Self::Fixed(size + usize::from(column.extra > 0)),
            wire::ENUM | wire::SET => Self::Fixed(usize::from(column.size & 0xff)),
            wire::STRING | wire::VARCHAR | wire::VAR_STRING | wire::VARCHAR_COMPRESSED => {
                Self::Prefixed(if size < 256 { 1 } else { 2 })
            }
            wire::BLOB
            | wire::TINY_BLOB
            | wire::MEDIUM_BLOB
            | wire::LONG_BLOB
            | wire::BLOB_COMPRESSED
            | wire::JSON
            | wire::GEOMETRY
            | wire::VECTOR
                if (1..=4).contains(&size) =>
            {
                Self::Prefixed(size)
            }
            _ => return None,
        })
    }

    /// The bytes of the next value, its length prefix taken off.
    pub fn take<'a>(self, cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Fixed(bytes) => cursor.take(bytes),
            Self::Prefixed(prefix) => cursor.prefixed(prefix),
        }
    }
}

fn fraction_bytes(column: WireColumn) -> Option<usize> {
    (column.size <= 6).then(|| usize::from(column.size).div_ceil(2))
}
