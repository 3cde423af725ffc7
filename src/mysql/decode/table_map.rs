//! `TABLE_MAP_EVENT`: which table the following rows are of, and what its columns looked like at that moment.

use super::bytes::{Bitmap, Cursor, Malformed};

/// Column types as the log numbers them.
pub mod wire {
    #![expect(missing_docs, reason = "the names are the documentation: they are the server's")]
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const TIMESTAMP2: u8 = 17;
    pub const DATETIME2: u8 = 18;
    pub const TIME2: u8 = 19;
    pub const TYPED_ARRAY: u8 = 20;
    pub const BLOB_COMPRESSED: u8 = 140;
    pub const VARCHAR_COMPRESSED: u8 = 141;
    pub const VECTOR: u8 = 242;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// One column as the log describes it: real type, and the two numbers that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireColumn {
    /// Real type: `STRING` that stands for `ENUM` or `SET` is resolved.
    pub kind: u8,
    /// Length in bytes, precision, fraction digits or size of the length prefix, whatever the type calls for.
    pub size: u16,
    /// Scale of a decimal, loose bits of a `BIT`.
    pub extra: u8,
}

/// A parsed table map.
#[derive(Debug)]
pub struct TableMap<'a> {
    /// Schema name, in the server's spelling.
    pub database: &'a [u8],
    /// Table name.
    pub table: &'a [u8],
    /// Columns in table order.
    pub columns: Vec<WireColumn>,
    optional: &'a [u8],
}

/// What `binlog_row_metadata` adds. MySQL 5.7 sends nothing of it, `MINIMAL` signs and character sets only.
#[derive(Debug, Default)]
pub struct Metadata<'a> {
    /// Column names, with `FULL` only.
    pub names: Option<Vec<&'a [u8]>>,
    /// Per column: whether it is unsigned; `None` for columns that are no numbers or where it is not said.
    pub unsigned: Vec<Option<bool>>,
    /// Per column: collation number; `None` where it is not said.
    pub collations: Vec<Option<u64>>,
    /// Per column: labels of an `ENUM` or `SET`.
    pub labels: Vec<Option<Vec<&'a [u8]>>>,
}

impl<'a> TableMap<'a> {
    /// Reads the part behind the six bytes of the table's number.
    pub fn parse(mut cursor: Cursor<'a>) -> Result<Self, Malformed> {
        cursor.u16()?;
        let (database, table) = names(&mut cursor)?;
        let count = cursor.size()?;
        let types = cursor.take(count)?;
        let mut meta = Cursor::new(cursor.lenenc_bytes()?);
        let columns =
            types.iter().map(|kind| wire_column(*kind, &mut meta)).collect::<Result<_, _>>()?;
        Bitmap::read(&mut cursor, count)?;
        Ok(Self { database, table, columns, optional: cursor.rest() })
    }

    /// Reads the optional metadata. Kinds of metadata that are not known are passed over: they only add to what is said.
    pub fn metadata(&self) -> Result<Metadata<'a>, Malformed> {
        let count = self.columns.len();
        let mut found = Metadata {
            names: None,
            unsigned: vec![None; count],
            collations: vec![None; count],
            labels: vec![None; count],
        };
        let mut cursor = Cursor::new(self.optional);
        while !cursor.is_empty() {
            let kind = cursor.u8()?;
            let field = cursor.lenenc_bytes()?;
            self.field(kind, field, &mut found)?;
        }
        Ok(found)
    }

    fn field(&self, kind: u8, field: &'a [u8], found: &mut Metadata<'a>) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(field);
        match kind {
            1 => {
                for (bit, column) in self.ordinals(is_numeric).enumerate() {
                    // The bits of this one map run from the highest to the lowest of each byte.
                    let byte = field.get(bit / 8).ok_or(Malformed("too few signs"))?;
                    found.unsigned[column] = Some(byte >> (7 - bit % 8) & 1 == 1);
                }
            }
            2 => default_charset(&mut cursor, self.ordinals(is_character), found)?,
            3 => each_charset(&mut cursor, self.ordinals(is_character), found)?,
            4 => {
                let name = |_| cursor.lenenc_bytes();
                found.names = Some((0..self.columns.len()).map(name).collect::<Result<_, _>>()?);
            }
            5 => labels(&mut cursor, self.ordinals(|kind| kind == wire::SET), found)?,
            6 => labels(&mut cursor, self.ordinals(|kind| kind == wire::ENUM), found)?,
            10 => default_charset(&mut cursor, self.ordinals(is_listed), found)?,
            11 => each_charset(&mut cursor, self.ordinals(is_listed), found)?,
            _ => {}
        }
        Ok(())
    }

    fn ordinals(&self, wanted: impl Fn(u8) -> bool) -> impl Iterator<Item = usize> {
        self.columns
            .iter()
            .enumerate()
            .filter(move |(_, column)| wanted(column.kind))
            .map(|(ordinal, _)| ordinal)
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// Reads schema and table name, each behind one byte of length and before a zero byte.
pub fn names<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let database = cursor.prefixed(1)?;
    cursor.u8()?;
    let table = cursor.prefixed(1)?;
    cursor.u8()?;
    Ok((database, table))
}

fn wire_column(kind: u8, meta: &mut Cursor<'_>) -> Result<WireColumn, Malformed> {
    let plain = |size: u16| WireColumn { kind, size, extra: 0 };
    Ok(match kind {
        wire::FLOAT | wire::DOUBLE | wire::TIMESTAMP2 | wire::DATETIME2 | wire::TIME2 => {
            plain(u16::from(meta.u8()?))
        }
        wire::BLOB
        | wire::TINY_BLOB
        | wire::MEDIUM_BLOB
        | wire::LONG_BLOB
        | wire::GEOMETRY
        | wire::JSON
        | wire::VECTOR
        | wire::BLOB_COMPRESSED => plain(u16::from(meta.u8()?)),
        wire::VARCHAR | wire::VAR_STRING | wire::VARCHAR_COMPRESSED => plain(meta.u16()?),
        wire::NEWDECIMAL => {
            let [precision, scale] = meta.array()?;
            WireColumn { kind, size: u16::from(precision), extra: scale }
        }
        wire::BIT => {
            let [loose, whole] = meta.array()?;
            WireColumn { kind, size: u16::from(whole), extra: loose }
        }
        wire::STRING | wire::ENUM | wire::SET => {
            let [first, second] = meta.array()?;
            // Two high bits of a CHAR's length hide, inverted, in the type byte.
            let high = u16::from((first & 0x30) ^ 0x30) << 4;
            WireColumn { kind: first | 0x30, size: high | u16::from(second), extra: 0 }
        }
        _ => plain(0),
    })
}

fn default_charset(
    cursor: &mut Cursor<'_>,
    columns: impl Iterator<Item = usize>,
    found: &mut Metadata<'_>,
) -> Result<(), Malformed> {
    let columns: Vec<usize> = columns.collect();
    let usual = cursor.lenenc()?;
    for column in &columns {
        found.collations[*column] = Some(usual);
    }
    while !cursor.is_empty() {
        let column =
            columns.get(cursor.size()?).ok_or(Malformed("a character set of no column"))?;
        found.collations[*column] = Some(cursor.lenenc()?);
    }
    Ok(())
}

fn each_charset(
    cursor: &mut Cursor<'_>,
    columns: impl Iterator<Item = usize>,
    found: &mut Metadata<'_>,
) -> Result<(), Malformed> {
    for column in columns {
        found.collations[column] = Some(cursor.lenenc()?);
    }
    Ok(())
}

fn labels<'a>(
    cursor: &mut Cursor<'a>,
    columns: impl Iterator<Item = usize>,
    found: &mut Metadata<'a>,
) -> Result<(), Malformed> {
    for column in columns {
        let count = cursor.size()?;
        if count > cursor.len() {
            return Err(Malformed("more labels than bytes"));
        }
        found.labels[column] =
            Some((0..count).map(|_| cursor.lenenc_bytes()).collect::<Result<_, _>>()?);
    }
    Ok(())
}

fn is_numeric(kind: u8) -> bool {
    matches!(
        kind,
        wire::TINY
            | wire::SHORT
            | wire::INT24
            | wire::LONG
            | wire::LONGLONG
            | wire::FLOAT
            | wire::DOUBLE
            | wire::NEWDECIMAL
            | wire::YEAR
    )
}

fn is_character(kind: u8) -> bool {
    matches!(
        kind,
        wire::STRING
            | wire::VARCHAR
            | wire::VAR_STRING
            | wire::BLOB
            | wire::TINY_BLOB
            | wire::MEDIUM_BLOB
            | wire::LONG_BLOB
            | wire::BLOB_COMPRESSED
            | wire::VARCHAR_COMPRESSED
    )
}

fn is_listed(kind: u8) -> bool {
    matches!(kind, wire::ENUM | wire::SET)
}
