//! Moves the relative references of a formula, as the grid does when it copies a cell.

use super::a1::{column_letters, column_number};

/// How far a formula was moved: rows down, columns to the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Distance {
    /// Rows down.
    pub(crate) rows: i64,
    /// Columns to the right.
    pub(crate) columns: i64,
}

/// The formula as it stood before the grid copied it over `distance`.
///
/// What the copy lost cannot come back: a reference that fell off the top or the left edge of the grid is `#REF!` in the copy
/// and stays so.
pub(crate) fn unshift(formula: &str, distance: Distance) -> String {
    shift(formula, Distance { rows: -distance.rows, columns: -distance.columns })
}

/// The formula with every relative reference moved by `distance`; literals, names and sheet names are left alone.
pub(crate) fn shift(formula: &str, distance: Distance) -> String {
    if distance == (Distance { rows: 0, columns: 0 }) {
        return formula.to_owned();
    }
    let mut out = String::with_capacity(formula.len() + 8);
    let mut rest = formula;
    // Whether the token before was one end of a range, so that a bare column or row behind `:` is the other end.
    let mut range_open = false;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => quoted_length(rest, first),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            character if is_word(character) => word_length(rest),
            character => character.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        if is_word(first) {
            let end = reference(token, behind, range_open);
            range_open = end.is_some() && behind.starts_with(':');
            match end {
                Some(end) => out.push_str(&end.moved(distance).unwrap_or_else(|| token.to_owned())),
                None => out.push_str(token),
            }
        } else {
            range_open = range_open && token == ":";
            out.push_str(token);
        }
        rest = behind;
    }
    out
}

/// One end of a reference: a cell, a whole column or a whole row.
struct End<'a> {
    column: Option<(bool, &'a str)>,
    row: Option<(bool, &'a str)>,
}

impl<'a> End<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let (column_fixed, rest) = dollar(token);
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (letters, rest) = rest.split_at(letters);
        if letters.is_empty() {
            let digits = digits(rest)?;
            return Some(Self { column: None, row: Some((column_fixed, digits)) });
        }
        column_number(letters)?;
        let column = Some((column_fixed, letters));
        if rest.is_empty() {
            return Some(Self { column, row: None });
        }
        let (row_fixed, rest) = dollar(rest);
        Some(Self { column, row: Some((row_fixed, digits(rest)?)) })
    }

    /// `None` where the end would leave the grid.
    fn moved(&self, distance: Distance) -> Option<String> {
        let mut out = String::new();
        if let Some((fixed, letters)) = self.column {
            if fixed {
                out.push('$');
                out.push_str(letters);
            } else {
                let column = i64::from(column_number(letters)?) + distance.columns;
                out.push_str(&column_letters(u32::try_from(column).ok()?));
            }
        }
        if let Some((fixed, digits)) = self.row {
            if fixed {
                out.push('$');
                out.push_str(digits);
            } else {
                let row = digits.parse::<i64>().ok()? + distance.rows;
                (row >= 1).then_some(())?;
                out.push_str(&row.to_string());
            }
        }
        Some(out)
    }
}

/// The token as an end of a reference, judged with what stands around it.
fn reference<'a>(token: &'a str, behind: &str, range_open: bool) -> Option<End<'a>> {
    // A function name, an unquoted sheet name or a table name may look like a cell: LOG10(, Q1!, T1[.
    if behind.starts_with(['(', '!', '[']) {
        return None;
    }
    let end = End::parse(token)?;
    if end.column.is_some() && end.row.is_some() {
        return Some(end);
    }
    if range_open {
        return Some(end);
    }
    let other = behind.strip_prefix(':')?;
    let other = End::parse(&other[..word_length(other)])?;
    let matches = (end.column.is_some() && other.column.is_some())
        || (end.row.is_some() && other.row.is_some());
    matches.then_some(end)
}

fn dollar(text: &str) -> (bool, &str) {
    text.strip_prefix('$').map_or((false, text), |rest| (true, rest))
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(text)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '$' | '_' | '.' | '\\')
}

fn word_length(text: &str) -> usize {
    text.find(|character| !is_word(character)).unwrap_or(text.len())
}

/// Length of a literal or quoted name, its quotes included; a doubled quote stands for itself.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return at + 1;
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(formula: &str, rows: i64, columns: i64, expected: &str) {
        let distance = Distance { rows, columns };
        assert_eq!(shift(formula, distance), expected);
        assert_eq!(unshift(expected, distance), formula, "the way back");
    }

    #[test]
    fn relative_parts_move_and_fixed_parts_stay() {
        check("=A1+$A1+A$1+$A$1", 4, 2, "=C5+$A5+C$1+$A$1");
        check("=SUM(D2:D1000)", 10, 0, "=SUM(D12:D1010)");
        check(
            "=SUM(B:C)+SUM($B:C)+SUM(2:5)+SUM($2:5)",
            3,
            1,
            "=SUM(C:D)+SUM($B:D)+SUM(5:8)+SUM($2:8)",
        );
        check("=SUM(A2:A)-SUM(A2:5)", 1, 1, "=SUM(B3:B)-SUM(B3:6)");
        check("=Z9", 1, 1, "=AA10");
    }

    #[test]
    fn sheet_names_move_nothing_but_what_is_behind_them() {
        check("='A1 ''B2'' C3'!D4+Q1!E5", 1, 0, "='A1 ''B2'' C3'!D5+Q1!E6");
        check("='Ü'!A1:B2", 2, 0, "='Ü'!A3:B4");
    }

    #[test]
    fn literals_functions_numbers_and_names_are_left_alone() {
        check("=\"A1 \"\"B2\"\"\"&A1", 1, 0, "=\"A1 \"\"B2\"\"\"&A2");
        check(
            "=LOG10(A1)+1E5+2.5+TRUE+Q1_total+x.A1",
            1,
            0,
            "=LOG10(A2)+1E5+2.5+TRUE+Q1_total+x.A1",
        );
        check(
            "=SUM(Orders[A1 total])+ABCD1+A12345678901",
            1,
            1,
            "=SUM(Orders[A1 total])+ABCD1+A12345678901",
        );
        check("=#REF!+#N/A+#DIV/0!", 5, 5, "=#REF!+#N/A+#DIV/0!");
        check("={1,2;3,4}&IF(A1>2,\"x\",B1:B2)", 1, 0, "={1,2;3,4}&IF(A2>2,\"x\",B2:B3)");
    }

    #[test]
    fn a_reference_that_would_leave_the_grid_is_left_as_it_is() {
        assert_eq!(shift("=A1", Distance { rows: -1, columns: 0 }), "=A1");
        assert_eq!(shift("=A1", Distance { rows: 0, columns: -1 }), "=A1");
        assert_eq!(shift("=\"open", Distance { rows: 1, columns: 0 }), "=\"open");
    }

    proptest::proptest! {
        #[test]
        fn moving_down_and_right_can_always_be_undone(
            parts in proptest::collection::vec(
                r#"\$?[A-Z]{1,2}\$?[1-9][0-9]{0,3}|\$?[B-D]:\$?[E-G]|[1-9]:\$?[1-9]{2}|"(A1|"")*"|'A1 (B2)?'!C3|LOG10|[0-9]E5|T1\[A1\]|x_A1"#,
                1..6,
            ),
            between in "[-+*(,&]",
            rows in 0_i64..5000,
            columns in 0_i64..200,
        ) {
            let formula = format!("={}", parts.join(&between));
            let distance = Distance { rows, columns };
            proptest::prop_assert_eq!(unshift(&shift(&formula, distance), distance), formula);
        }
    }
}
