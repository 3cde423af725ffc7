//! A1 text: quoted titles, column letters and ranges.

/// Letters of a 0-based column: 0 is `A`, 26 is `AA`.
pub(crate) fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).expect("a remainder of 26 fits a byte");
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// 0-based column of letters in either case; `None` for anything but 1 to 3 ASCII letters.
pub(crate) fn column_number(letters: &str) -> Option<u32> {
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let mut number = 0_u32;
    for letter in letters.bytes() {
        let digit = letter.to_ascii_uppercase().checked_sub(b'A').filter(|digit| *digit < 26)?;
        number = number * 26 + u32::from(digit) + 1;
    }
    Some(number - 1)
}

/// A title as a range names it. Always quoted, so that no title is ever read as a cell or a name.
pub(crate) fn quoted(title: &str) -> String {
    format!("'{}'", title.replace('\'', "''"))
}

/// One whole row, whatever the number of columns.
pub(crate) fn whole_row(title: &str, row: u32) -> String {
    let number = u64::from(row) + 1;
    format!("{}!{number}:{number}", quoted(title))
}

/// Columns `first..=last` from a row down to the end of the grid.
pub(crate) fn columns_from(title: &str, row: u32, first: u32, last: u32) -> String {
    format!(
        "{}!{}{}:{}",
        quoted(title),
        column_letters(first),
        u64::from(row) + 1,
        column_letters(last)
    )
}

/// A rectangle; ends are exclusive and must lie behind the starts.
pub(crate) fn block(title: &str, rows: (u32, u32), columns: (u32, u32)) -> String {
    format!(
        "{}!{}{}:{}{}",
        quoted(title),
        column_letters(columns.0),
        u64::from(rows.0) + 1,
        column_letters(columns.1.saturating_sub(1)),
        rows.1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_numbers_are_each_others_inverse() {
        for (number, letters) in
            [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
        {
            assert_eq!(column_letters(number), letters);
            assert_eq!(column_number(letters), Some(number));
        }
        assert_eq!(column_number("zz"), Some(701));
        assert_eq!(column_number("ABCD"), None);
        assert_eq!(column_number("A1"), None);
        assert_eq!(column_number(""), None);
    }

    #[test]
    fn titles_are_always_quoted() {
        assert_eq!(whole_row("it's", 0), "'it''s'!1:1");
        assert_eq!(columns_from("A1", 4, 2, 3), "'A1'!C5:D");
        assert_eq!(block("h#x", (1000, 1005), (0, 8)), "'h#x'!A1001:H1005");
    }
}
