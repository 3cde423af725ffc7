//! MySQL's binary JSON, printed exactly as the server prints it: its spacing, key order, numbers, dates and opaque values.

use std::fmt::Write as _;

use super::decode::{
    bytes::{Cursor, Malformed},
    number::decimal,
    table_map::wire,
};

/// Groups of four base64 letters in a line of the server's.
const GROUPS_PER_LINE: usize = 19;

/// The server refuses documents nested deeper than this.
const DEPTH_MAX: usize = 100;

/// Digits in front of the point, or zeros behind it, up to which the server prints a double without an exponent.
const PLAIN_DIGITS_MAX: i32 = 15;

/// Prints a document.
///
/// # Errors
/// Bytes that are no document, offsets that point outside of it, or nesting beyond the server's own limit.
pub fn to_text(bytes: &[u8]) -> Result<String, Malformed> {
    let mut text = String::with_capacity(bytes.len() + 16);
    // A server without strict mode stores nothing at all for what it then reads as null.
    let Some((kind, document)) = bytes.split_first() else { return Ok("null".to_owned()) };
    value(*kind, document, 0, &mut text)?;
    Ok(text)
}

fn value(kind: u8, bytes: &[u8], depth: usize, text: &mut String) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(bytes);
    match kind {
        0..=3 => container(kind, bytes, depth, text)?,
        4 => literal(cursor.u8()?, text)?,
        5 => push(text, i16::from_le_bytes(cursor.array()?)),
        6 => push(text, cursor.u16()?),
        7 => push(text, i32::from_le_bytes(cursor.array()?)),
        8 => push(text, cursor.u32()?),
        9 => push(text, i64::from_le_bytes(cursor.array()?)),
        10 => push(text, cursor.u64()?),
        11 => double(f64::from_le_bytes(cursor.array()?), text),
        12 => {
            let length = variable_length(&mut cursor)?;
            quoted(cursor.take(length)?, text)?;
        }
        15 => opaque(&mut cursor, text)?,
        _ => return Err(Malformed("a JSON value of unknown type")),
    }
    Ok(())
}

fn push(text: &mut String, number: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{number}");
}

fn literal(byte: u8, text: &mut String) -> Result<(), Malformed> {
    text.push_str(match byte {
        0 => "null",
        1 => "true",
        2 => "false",
        _ => return Err(Malformed("an unknown JSON literal")),
    });
    Ok(())
}

/// Where the parts of an object or array lie. Offsets count from its own first byte.
struct Layout {
    /// Bytes of an offset or length: two in small containers, four in large ones.
    wide: usize,
    count: usize,
    object: bool,
}

impl Layout {
    fn header(&self) -> usize {
        2 * self.wide
    }

    fn value_entry(&self, index: usize) -> usize {
        let keys = if self.object { self.count * (self.wide + 2) } else { 0 };
        self.header() + keys + index * (1 + self.wide)
    }
}

fn container(kind: u8, bytes: &[u8], depth: usize, text: &mut String) -> Result<(), Malformed> {
    if depth >= DEPTH_MAX {
        return Err(Malformed("JSON nested too deeply"));
    }
    let object = kind < 2;
    let wide = if kind.is_multiple_of(2) { 2 } else { 4 };
    let mut cursor = Cursor::new(bytes);
    let count = size(&mut cursor, wide)?;
    let length = size(&mut cursor, wide)?;
    let bytes =
        bytes.get(..length).ok_or(Malformed("a JSON container longer than its document"))?;
    let layout = Layout { wide, count, object };
    if count > bytes.len() {
        return Err(Malformed("a JSON container with more parts than bytes"));
    }
    text.push(if object { '{' } else { '[' });
    for index in 0..count {
        if index > 0 {
            text.push_str(", ");
        }
        if object {
            quoted(key(bytes, &layout, index)?, text)?;
            text.push_str(": ");
        }
        entry(bytes, &layout, index, depth, text)?;
    }
    text.push(if object { '}' } else { ']' });
    Ok(())
}

fn key<'a>(bytes: &'a [u8], layout: &Layout, index: usize) -> Result<&'a [u8], Malformed> {
    let mut cursor = at(bytes, layout.header() + index * (layout.wide + 2))?;
    let offset = size(&mut cursor, layout.wide)?;
    let length = usize::from(cursor.u16()?);
    at(bytes, offset)?.take(length)
}

fn entry(
    bytes: &[u8],
    layout: &Layout,
    index: usize,
    depth: usize,
    text: &mut String,
) -> Result<(), Malformed> {
    let mut cursor = at(bytes, layout.value_entry(index))?;
    let kind = cursor.u8()?;
    // Small values stand in the place of their offset.
    let inlined = matches!(kind, 4..=6) || (layout.wide == 4 && matches!(kind, 7 | 8));
    if inlined {
        return value(kind, cursor.take(layout.wide)?, depth + 1, text);
    }
    let offset = size(&mut cursor, layout.wide)?;
    if offset == 0 {
        return Err(Malformed("a JSON value that contains itself"));
    }
    value(kind, at(bytes, offset)?.rest(), depth + 1, text)
}

fn at(bytes: &[u8], offset: usize) -> Result<Cursor<'_>, Malformed> {
    bytes.get(offset..).map(Cursor::new).ok_or(Malformed("a JSON offset outside of its document"))
}

fn size(cursor: &mut Cursor<'_>, wide: usize) -> Result<usize, Malformed> {
    usize::try_from(cursor.uint_le(wide)?).map_err(|_| Malformed("a JSON length beyond memory"))
}

/// Seven bits a byte, lowest first, the high bit says that more follows.
fn variable_length(cursor: &mut Cursor<'_>) -> Result<usize, Malformed> {
    let mut length = 0;
    for shift in (0..35).step_by(7) {
        let byte = cursor.u8()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(length);
        }
    }
    Err(Malformed("a JSON length without an end"))
}

fn quoted(bytes: &[u8], text: &mut String) -> Result<(), Malformed> {
    let plain =
        std::str::from_utf8(bytes).map_err(|_| Malformed("a JSON text that is not UTF-8"))?;
    text.push('"');
    for letter in plain.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    Ok(())
}

/// The shortest digits that read back as the same double; an exponent only beyond fifteen places; at least one place behind the point.
fn double(number: f64, text: &mut String) {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // The server counts from the point in front of the digits.
    let point = exponent + 1;
    if number != 0.0 && !(1 - PLAIN_DIGITS_MAX..=PLAIN_DIGITS_MAX).contains(&point) {
        push(text, format_args!("{mantissa}e{exponent}"));
        return;
    }
    let start = text.len();
    push(text, number);
    if !text[start..].contains('.') {
        text.push_str(".0");
    }
}

fn opaque(cursor: &mut Cursor<'_>, text: &mut String) -> Result<(), Malformed> {
    let kind = cursor.u8()?;
    let length = variable_length(cursor)?;
    let bytes = cursor.take(length)?;
    match kind {
        wire::NEWDECIMAL => {
            let mut packed = Cursor::new(bytes);
            let [precision, scale] = packed.array()?;
            text.push_str(&decimal(packed.rest(), usize::from(precision), usize::from(scale))?);
        }
        wire::DATE | wire::DATETIME | wire::TIMESTAMP | wire::TIME => {
            let packed = i64::from_le_bytes(Cursor::new(bytes).array()?);
            text.push('"');
            moment(kind, packed, text);
            text.push('"');
        }
        _ => {
            push(text, format_args!("\"base64:type{kind}:"));
            base64(bytes, text);
            text.push('"');
        }
    }
    Ok(())
}

/// A date or time from the packed number JSON keeps, always with six places behind the second.
fn moment(kind: u8, packed: i64, text: &mut String) {
    let magnitude = packed.unsigned_abs();
    let (micros, rest) = (magnitude & 0xff_ffff, magnitude >> 24);
    let (minute, second) = (rest >> 6 & 0x3f, rest & 0x3f);
    if kind == wire::TIME {
        let sign = if packed < 0 { "-" } else { "" };
        let hour = rest >> 12 & 0x3ff;
        push(text, format_args!("{sign}{hour:02}:{minute:02}:{second:02}.{micros:06}"));
        return;
    }
    let (day, month) = (rest >> 17 & 0x1f, rest >> 22);
    push(text, format_args!("{:04}-{:02}-{day:02}", month / 13, month % 13));
    if kind != wire::DATE {
        let hour = rest >> 12 & 0x1f;
        push(text, format_args!(" {hour:02}:{minute:02}:{second:02}.{micros:06}"));
    }
}

fn base64(bytes: &[u8], text: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (place, three) in bytes.chunks(3).enumerate() {
        // The server breaks lines, inside of the quotes.
        if place > 0 && place % GROUPS_PER_LINE == 0 {
            text.push_str("\\n");
        }
        let bits = three.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = ALPHABET[bits >> (18 - 6 * place) & 0x3f];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn double_text(number: f64) -> String {
        let mut text = String::new();
        double(number, &mut text);
        text
    }

    #[test]
    fn doubles_print_like_the_server() {
        for (number, expected) in [
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (0.0, "0.0"),
            (1e14, "100000000000000.0"),
            (1e15, "1e15"),
            (1.5e300, "1.5e300"),
            (1e-15, "0.000000000000001"),
            (1.25e-16, "1.25e-16"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(double_text(number), expected);
        }
    }

    #[test]
    fn a_small_object_prints_with_the_servers_spacing() {
        // {"a": 1, "b": [true, "x\n"]}
        let document = [
            0, 2, 0, 37, 0, 18, 0, 1, 0, 19, 0, 1, 0, 5, 1, 0, 2, 20, 0, b'a', b'b', // object
            2, 0, 15, 0, 4, 1, 0, 12, 10, 0, 2, b'x', b'\n', 0, 0, 0, 0,
        ];
        assert_eq!(to_text(&document).unwrap(), r#"{"a": 1, "b": [true, "x\n"]}"#);
        assert_eq!(to_text(&[]).unwrap(), "null");
    }

    #[test]
    fn opaque_values_print_as_numbers_dates_and_base64() {
        let decimal = [15, 246, 4, 3, 2, 0x81, 0x17];
        assert_eq!(to_text(&decimal).unwrap(), "1.23");
        let bytes = [15, 252, 4, 1, 2, 3, 4];
        assert_eq!(to_text(&bytes).unwrap(), "\"base64:type252:AQIDBA==\"");
        let packed = -((3_i64 << 12 | 4 << 6 | 5) << 24 | 7);
        let mut time = vec![15, 11, 8];
        time.extend(packed.to_le_bytes());
        assert_eq!(to_text(&time).unwrap(), "\"-03:04:05.000007\"");
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_document_are_errors_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0_u8..16) {
            let mut document = vec![kind];
            document.extend(bytes);
            let _ = to_text(&document);
        }
    }
}
