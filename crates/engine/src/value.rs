//! Database values, as exact as the server holds them.
//!
//! A value read from a row event and the same value read by `SELECT` are equal (`==`). What a value looks like
//! in a cell is decided by [`crate::render`], from the column's type and never from the value.

use serde::{Deserialize, Serialize};

/// One column of one row, exactly as the server holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A signed integer of any width, and `YEAR`.
    Int(i64),
    /// An unsigned integer of any width, and `BIT(n)`.
    UInt(u64),
    /// `DECIMAL` as the server prints it: sign, digits, and exactly `scale` digits behind the point.
    Decimal(String),
    /// `FLOAT`.
    Float(f32),
    /// `DOUBLE`.
    Double(f64),
    /// Character data, `ENUM` label, `SET` labels joined by commas, `JSON` as the server prints it.
    Text(String),
    /// `BINARY` (padded to its length), `VARBINARY`, `BLOB`.
    Bytes(Vec<u8>),
    /// `DATE`; zero and partial dates included.
    Date(Date),
    /// `DATETIME(n)`, without a zone.
    DateTime(DateTime),
    /// `TIMESTAMP(n)`: microseconds since the Unix epoch in UTC; `None` is the zero timestamp.
    Timestamp(Option<i64>),
    /// `TIME(n)`: signed microseconds, up to 838:59:59 either way.
    Time(i64),
}

/// A calendar date as MySQL allows it: month and day may be zero, and so may everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

/// A date with a time of day, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// Microseconds since midnight.
    pub micros: u64,
}

/// A column of a mapped table, as far as values are concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name in the database, as declared.
    pub name: String,
    /// Type.
    pub kind: ColumnKind,
    /// Whether `NULL` is allowed.
    pub nullable: bool,
    /// What the server puts into it when a new row leaves it out.
    pub fill: Fill,
}

/// What the server puts into a column that an `INSERT` leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fill {
    /// `NULL`, or nothing where `NULL` is not allowed: the row is then incomplete.
    Nothing,
    /// A default, constant or computed.
    Default,
    /// The next number.
    AutoIncrement,
    /// It computes the column itself and lets nobody write it.
    Generated,
}

impl Column {
    /// Whether a new row may leave the column out.
    pub fn may_be_left_out(&self) -> bool {
        self.nullable || self.fill != Fill::Nothing
    }

    /// Whether anybody but the server may write it.
    pub fn is_writable(&self) -> bool {
        self.fill != Fill::Generated
    }
}

/// The column types sheetwire carries. Everything else sets the table aside with a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ColumnKind {
    /// `TINYINT` (8) to `BIGINT` (64).
    Int {
        /// Width: 8, 16, 24, 32 or 64.
        bits: u8,
        /// `UNSIGNED`.
        unsigned: bool,
    },
    /// `DECIMAL(precision, scale)`.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// `FLOAT`.
    Float,
    /// `DOUBLE`.
    Double,
    /// `BIT(bits)`.
    Bit {
        /// 1 to 64.
        bits: u8,
    },
    /// `YEAR`.
    Year,
    /// `CHAR`, `VARCHAR`, `TEXT` of all sizes, whatever the character set.
    Text,
    /// `BINARY(n)`, `VARBINARY(n)`, `BLOB` of all sizes. `fixed` is the length of a `BINARY(n)`.
    Bytes {
        /// `n` of `BINARY(n)`, whose trailing zero bytes the log leaves out.
        fixed: Option<u16>,
    },
    /// `DATE`.
    Date,
    /// `DATETIME(fsp)`.
    DateTime {
        /// Digits of the second's fraction, 0 to 6.
        fsp: u8,
    },
    /// `TIMESTAMP(fsp)`.
    Timestamp {
        /// Digits of the second's fraction, 0 to 6.
        fsp: u8,
    },
    /// `TIME(fsp)`.
    Time {
        /// Digits of the second's fraction, 0 to 6.
        fsp: u8,
    },
    /// `ENUM`, with its labels in order.
    Enum(Vec<String>),
    /// `SET`, with its labels in order.
    Set(Vec<String>),
    /// MySQL's binary `JSON`. MariaDB's is [`ColumnKind::Text`].
    Json,
}
