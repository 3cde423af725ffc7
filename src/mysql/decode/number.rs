//! Packed decimals and bits.

use super::bytes::{Cursor, Malformed};

/// Bytes for so many decimal digits short of a full group of nine, which takes four.
const GROUP_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// The size of a packed `DECIMAL(precision, scale)`; `None` where no such type exists.
pub fn decimal_bytes(precision: usize, scale: usize) -> Option<usize> {
    if precision > 65 || scale > 38 {
        return None;
    }
    let whole = precision.checked_sub(scale)?;
    Some(digits_bytes(whole) + digits_bytes(scale))
}

fn digits_bytes(digits: usize) -> usize {
    digits / 9 * 4 + GROUP_BYTES[digits % 9]
}

/// Prints a packed decimal as the server does: sign, digits without leading zeros, exactly `scale` digits behind the point.
pub fn decimal(bytes: &[u8], precision: usize, scale: usize) -> Result<String, Malformed> {
    const WRONG: Malformed = Malformed("a decimal of the wrong length");
    let whole = precision.checked_sub(scale).ok_or(WRONG)?;
    if Some(bytes.len()) != decimal_bytes(precision, scale) || bytes.is_empty() {
        return Err(WRONG);
    }
    // The sign is the highest bit, inverted so that packed values sort; negative ones have all bits inverted.
    let negative = bytes[0] & 0x80 == 0;
    let flip = if negative { 0xff } else { 0 };
    let mut plain = [0_u8; 32];
    let plain = plain.get_mut(..bytes.len()).ok_or(WRONG)?;
    for (to, from) in plain.iter_mut().zip(bytes) {
        *to = from ^ flip;
    }
    plain[0] ^= 0x80;
    let mut cursor = Cursor::new(plain);
    let mut text = String::with_capacity(precision + 3);
    if negative {
        text.push('-');
    }
    let start = text.len();
    group(&mut cursor, whole % 9, &mut text)?;
    for _ in 0..whole / 9 {
        group(&mut cursor, 9, &mut text)?;
    }
    let zeros = text[start..].bytes().take_while(|digit| *digit == b'0').count();
    text.replace_range(start..start + zeros, "");
    if text.len() == start {
        text.push('0');
    }
    if scale > 0 {
        text.push('.');
        for _ in 0..scale / 9 {
            group(&mut cursor, 9, &mut text)?;
        }
        group(&mut cursor, scale % 9, &mut text)?;
    }
    Ok(text)
}

/// Appends one group of digits, with its leading zeros.
fn group(cursor: &mut Cursor<'_>, digits: usize, text: &mut String) -> Result<(), Malformed> {
    if digits == 0 {
        return Ok(());
    }
    let mut number = cursor.uint_be(GROUP_BYTES[digits])?;
    let mut figures = [b'0'; 9];
    for figure in figures[..digits].iter_mut().rev() {
        *figure = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    if number > 0 {
        return Err(Malformed("a decimal with too many digits"));
    }
    text.extend(figures[..digits].iter().map(|figure| char::from(*figure)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_print_as_the_server_prints_them() {
        // DECIMAL(14,4): 1234567890.1234 and its negative, as in the server's own description of the format.
        let positive = [0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2];
        let negative: Vec<u8> = positive.iter().map(|byte| byte ^ 0xff).collect();
        assert_eq!(decimal(&positive, 14, 4).unwrap(), "1234567890.1234");
        assert_eq!(decimal(&negative, 14, 4).unwrap(), "-1234567890.1234");
        assert_eq!(decimal(&[0x80, 0], 3, 2).unwrap(), "0.00");
        assert_eq!(decimal(&[0x80, 7], 3, 0).unwrap(), "7");
        assert_eq!(decimal(&[0x85], 2, 2).unwrap(), "0.05");
    }

    #[test]
    fn impossible_decimals_are_errors() {
        assert!(decimal(&[0x80], 3, 2).is_err(), "too short");
        assert!(decimal(&[0xf8], 2, 2).is_err(), "three digits in the place of two");
        assert!(decimal(&[], 0, 0).is_err());
        assert_eq!(decimal_bytes(3, 4), None);
        assert_eq!(decimal_bytes(65, 30), Some(16 + 14));
    }
}
