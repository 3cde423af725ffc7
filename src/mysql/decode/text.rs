//! Character sets: from the bytes of a column to text, exactly as the server converts it.

use std::{collections::BTreeMap, sync::Arc};

/// How the bytes of a text column become text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charset {
    /// `utf8mb4`, `utf8mb3`, `utf8` and `ascii`.
    Utf8,
    /// `utf16` and `ucs2`: high byte first.
    Utf16,
    /// `utf16le`.
    Utf16Le,
    /// `utf32`: high byte first.
    Utf32,
    /// One byte, one character; the table was asked from the server.
    SingleByte(Arc<[char; 256]>),
}

impl Charset {
    /// The text of a value, or `None` when the bytes are not of this character set.
    pub fn text(&self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::SingleByte(table) => {
                Some(bytes.iter().map(|byte| table[usize::from(*byte)]).collect())
            }
            Self::Utf16 => utf16(bytes, u16::from_be_bytes),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes),
            Self::Utf32 => {
                let (units, rest) = bytes.as_chunks::<4>();
                rest.is_empty().then_some(())?;
                units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
            }
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    rest.is_empty().then_some(())?;
    char::decode_utf16(units.iter().map(|bytes| unit(*bytes))).collect::<Result<_, _>>().ok()
}

/// The character sets of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charsets {
    /// Collation number, as table maps carry it, to character set name.
    collations: BTreeMap<u64, String>,
    tables: BTreeMap<String, Arc<[char; 256]>>,
}

impl Charsets {
    /// Builds it from what the server says: collation numbers, and the tables of its one-byte character sets.
    pub fn new(
        collations: BTreeMap<u64, String>,
        tables: BTreeMap<String, Arc<[char; 256]>>,
    ) -> Self {
        Self { collations, tables }
    }

    /// The character set of a collation.
    pub fn of_collation(&self, number: u64) -> Option<&str> {
        self.collations.get(&number).map(String::as_str)
    }

    /// How to read a character set, by its name; `None` for those of several bytes a character other than Unicode's.
    pub fn named(&self, name: &str) -> Option<Charset> {
        match name {
            "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => Some(Charset::Utf8),
            "utf16" | "ucs2" => Some(Charset::Utf16),
            "utf16le" => Some(Charset::Utf16Le),
            "utf32" => Some(Charset::Utf32),
            _ => self.tables.get(name).map(|table| Charset::SingleByte(Arc::clone(table))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unicode_in_all_widths_reads_as_text_or_is_refused() {
        assert_eq!(Charset::Utf8.text("añ😀".as_bytes()).as_deref(), Some("añ😀"));
        assert_eq!(Charset::Utf16.text(&[0, b'a', 0xd8, 0x3d, 0xde, 0]).as_deref(), Some("a😀"));
        assert_eq!(Charset::Utf16Le.text(&[b'a', 0, 0x3d, 0xd8, 0, 0xde]).as_deref(), Some("a😀"));
        assert_eq!(Charset::Utf32.text(&[0, 1, 0xf6, 0]).as_deref(), Some("😀"));
        assert_eq!(Charset::Utf8.text(&[0xff]), None);
        assert_eq!(Charset::Utf16.text(&[0xd8, 0x3d]), None, "half a character");
        assert_eq!(Charset::Utf16.text(&[0]), None);
        assert_eq!(Charset::Utf32.text(&[0, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn one_byte_sets_go_through_the_servers_table() {
        let mut table: [char; 256] =
            std::array::from_fn(|byte| char::from(u8::try_from(byte).unwrap()));
        table[0x80] = '€';
        let tables = BTreeMap::from([("latin1".to_owned(), Arc::new(table))]);
        let charsets = Charsets::new(BTreeMap::from([(8, "latin1".to_owned())]), tables);
        let latin1 = charsets.named(charsets.of_collation(8).unwrap()).unwrap();
        assert_eq!(latin1.text(&[b'x', 0x80, 0xe9]).as_deref(), Some("x€é"));
        assert_eq!(charsets.named("gbk"), None);
    }
}
