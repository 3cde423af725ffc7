//! Places in a tab as people write them: `B5`, `A2:C9`, `5:7`, `A:C`.

use sheetwire_engine::batch::{ColumnIndex, RowIndex};

/// More letters than the widest sheet needs.
const LETTERS_MAX: usize = 3;
/// More digits than the longest sheet needs (ten million cells).
const DIGITS_MAX: usize = 8;

/// First row and number of rows of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    /// `None` where whole columns are meant.
    pub(super) rows: Option<(RowIndex, u32)>,
    /// The upper left cell, where the range names one.
    pub(super) cell: Option<(RowIndex, ColumnIndex)>,
}

/// Reads a range without a tab's name; `None` where it is none.
pub(super) fn area(text: &str) -> Option<Area> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let ((column, top), (_, bottom)) = (corner(first)?, corner(last)?);
    let rows = match (top, bottom) {
        (Some(top), Some(bottom)) if bottom >= top => Some((RowIndex(top), bottom - top + 1)),
        (None, None) => None,
        _ => return None,
    };
    let cell = top.zip(column).map(|(row, column)| (RowIndex(row), ColumnIndex(column)));
    (column.is_some() || top.is_some()).then_some(Area { rows, cell })
}

/// Column and row, from 0, of a corner that names at least one of them.
fn corner(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let digits = text.find(|letter: char| letter.is_ascii_digit()).unwrap_or(text.len());
    let (letters, number) = text.split_at(digits);
    if letters.len() > LETTERS_MAX || number.len() > DIGITS_MAX {
        return None;
    }
    let mut column = 0_u32;
    for letter in letters.bytes() {
        if !letter.is_ascii_uppercase() {
            return None;
        }
        column = column * 26 + u32::from(letter - b'A') + 1;
    }
    let row = match number {
        "" => None,
        _ if number.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(number.parse::<u32>().ok()?.checked_sub(1)?)
        }
        _ => return None,
    };
    (column > 0 || row.is_some()).then(|| (column.checked_sub(1), row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let cell = |row, column| Some((RowIndex(row), ColumnIndex(column)));
        let rows = |first, count| Some((RowIndex(first), count));
        for (text, rows, cell) in [
            ("B5", rows(4, 1), cell(4, 1)),
            ("A2:C9", rows(1, 8), cell(1, 0)),
            ("AA10:AB10", rows(9, 1), cell(9, 26)),
            ("5:7", rows(4, 3), None),
            ("A:C", None, None),
        ] {
            assert_eq!(area(text), Some(Area { rows, cell }), "{text}");
        }
        for wrong in [
            "",
            ":",
            "A0",
            "5A",
            "a1",
            "A1:B",
            "A9:A2",
            "ABCD1",
            "A123456789",
            "A1:B2:C3",
            "Ä1",
            "A-1",
            "Tab!A1",
        ] {
            assert_eq!(area(wrong), None, "{wrong}");
        }
    }
}
