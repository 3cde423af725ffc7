//! References inside formulas: where they point, how they print, how they follow the grid.

use super::area::{Rect, Span, column_index, column_letters, quote_title};
use super::shift::Shift;

/// One side of a corner: an index and whether a `$` pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// 0-based index.
    pub index: usize,
    /// With `$`.
    pub absolute: bool,
}

/// `B$2`, or only a column (`B`) or row (`2`) in open ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Corner {
    /// The row.
    pub row: Option<Pin>,
    /// The column.
    pub col: Option<Pin>,
}

/// The tab a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tab {
    /// The tab of the formula.
    Own,
    /// A tab of this spreadsheet.
    Known(i64),
    /// No such tab; kept as written.
    Unknown(String),
}

/// A cell or range reference. `corners` is `None` once the cells are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The tab.
    pub tab: Tab,
    /// First and optional last corner.
    pub corners: Option<(Corner, Option<Corner>)>,
}

impl Reference {
    /// The tab pointed at, seen from a formula on `home`.
    pub fn sheet(&self, home: i64) -> Option<i64> {
        match self.tab {
            Tab::Own => Some(home),
            Tab::Known(id) => Some(id),
            Tab::Unknown(_) => None,
        }
    }

    /// Rows and columns covered.
    pub fn spans(&self) -> Option<(Span, Span)> {
        let (first, last) = self.corners?;
        let last = last.unwrap_or(first);
        Some((join(first.row, last.row), join(first.col, last.col)))
    }

    /// Whether it names exactly one cell.
    pub fn single(&self) -> Option<(usize, usize)> {
        match self.corners? {
            (Corner { row: Some(row), col: Some(col) }, None) => Some((row.index, col.index)),
            _ => None,
        }
    }

    /// The text, given the title of each tab.
    pub fn print(&self, title: &dyn Fn(i64) -> Option<String>) -> String {
        let prefix = match &self.tab {
            Tab::Own => String::new(),
            Tab::Known(id) => match title(*id) {
                Some(title) => format!("{}!", quote_title(&title)),
                None => return "#REF!".to_owned(),
            },
            Tab::Unknown(title) => format!("{}!", quote_title(title)),
        };
        match self.corners {
            None => "#REF!".to_owned(),
            Some((first, None)) => format!("{prefix}{}", print_corner(first)),
            Some((first, Some(last))) => {
                format!("{prefix}{}:{}", print_corner(first), print_corner(last))
            }
        }
    }

    /// The reference of a copy placed `rows` down and `cols` right: pinned sides stay.
    #[must_use]
    pub fn copied(&self, rows: isize, cols: isize) -> Self {
        let corner = |corner: Corner| -> Option<Corner> {
            let moved = Corner {
                row: corner.row.and_then(|pin| slide(pin, rows)),
                col: corner.col.and_then(|pin| slide(pin, cols)),
            };
            let whole = moved.row.is_some() == corner.row.is_some()
                && moved.col.is_some() == corner.col.is_some();
            whole.then_some(moved)
        };
        let corners = match self.corners {
            Some((first, None)) => corner(first).map(|first| (first, None)),
            Some((first, Some(last))) => corner(first).zip(corner(last).map(Some)),
            None => None,
        };
        Self { tab: self.tab.clone(), corners }
    }

    /// The reference after rows or columns moved; `None` when nothing changes.
    pub fn shifted(&self, home: i64, shift: &Shift) -> Option<Self> {
        if self.sheet(home) != Some(shift.sheet) {
            return None;
        }
        let (rows, cols) = self.spans()?;
        let area = super::area::Area { sheet: shift.sheet, rows, cols };
        let after = if let Some((row, col)) = self.single() {
            shift.cell(row, col).map(|(r, c)| Rect::at(r, c, 1, 1).on(shift.sheet))
        } else {
            shift.area(area)
        };
        if after == Some(area) {
            return None;
        }
        let corners =
            after.zip(self.corners).map(|(area, corners)| replace(corners, area.rows, area.cols));
        Some(Self { tab: self.tab.clone(), corners })
    }
}

fn join(a: Option<Pin>, b: Option<Pin>) -> Span {
    match (a.map(|p| p.index), b.map(|p| p.index)) {
        (Some(a), Some(b)) => Span::new(a.min(b), a.max(b) + 1),
        (Some(a), None) => Span { start: Some(a), end: None },
        (None, Some(b)) => Span { start: None, end: Some(b + 1) },
        (None, None) => Span::default(),
    }
}

fn slide(pin: Pin, by: isize) -> Option<Pin> {
    if pin.absolute {
        return Some(pin);
    }
    Some(Pin { index: pin.index.checked_add_signed(by)?, ..pin })
}

fn replace(corners: (Corner, Option<Corner>), rows: Span, cols: Span) -> (Corner, Option<Corner>) {
    let put = |pin: Option<Pin>, index: Option<usize>| {
        pin.zip(index).map(|(pin, index)| Pin { index, ..pin })
    };
    let (first, last) = corners;
    let start = Corner { row: put(first.row, rows.start), col: put(first.col, cols.start) };
    let end = last.map(|last| Corner {
        row: put(last.row, rows.end.map(|end| end.max(1) - 1)),
        col: put(last.col, cols.end.map(|end| end.max(1) - 1)),
    });
    (start, end)
}

fn print_corner(corner: Corner) -> String {
    let dollar = |pin: Pin| if pin.absolute { "$" } else { "" };
    let col = corner.col.map(|p| format!("{}{}", dollar(p), column_letters(p.index)));
    let row = corner.row.map(|p| format!("{}{}", dollar(p), p.index + 1));
    format!("{}{}", col.unwrap_or_default(), row.unwrap_or_default())
}

/// Reads a corner such as `$B2`; the whole text must be one.
pub fn parse_corner(text: &str) -> Option<Corner> {
    let (col_absolute, rest) = strip_dollar(text);
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = rest.split_at(letters);
    if letters.is_empty() {
        let row = Pin { index: row_index(digits)?, absolute: col_absolute };
        return Some(Corner { row: Some(row), col: None });
    }
    let col = Pin { index: column_index(letters)?, absolute: col_absolute };
    if digits.is_empty() {
        return Some(Corner { row: None, col: Some(col) });
    }
    let (absolute, digits) = strip_dollar(digits);
    let row = Pin { index: row_index(digits)?, absolute };
    Some(Corner { row: Some(row), col: Some(col) })
}

fn strip_dollar(text: &str) -> (bool, &str) {
    match text.strip_prefix('$') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

fn row_index(digits: &str) -> Option<usize> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<usize>().ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::shift::{Axis, Move};
    use super::*;

    fn reference(text: &str) -> Reference {
        let (first, last) = match text.split_once(':') {
            Some((first, last)) => (parse_corner(first).unwrap(), parse_corner(last)),
            None => (parse_corner(text).unwrap(), None),
        };
        Reference { tab: Tab::Own, corners: Some((first, last)) }
    }

    fn check(before: &str, by: Move, after: &str) {
        let shift = Shift { sheet: 0, axis: Axis::Rows, by, cross: None };
        let start = reference(before);
        let got = start.shifted(0, &shift).unwrap_or(start);
        assert_eq!(got.print(&|_| None), after, "{before}");
    }

    #[test]
    fn references_follow_rows() {
        check("$B$3", Move::Insert { at: 0, count: 2 }, "$B$5");
        check("B3", Move::Delete { at: 2, count: 1 }, "#REF!");
        check("A1:A9", Move::Delete { at: 2, count: 3 }, "A1:A6");
        check("A:A", Move::Delete { at: 2, count: 3 }, "A:A");
        check("B3", Move::Block { from: 2, count: 1, to: 5 }, "B5");
        check("A3:A5", Move::Delete { at: 0, count: 9 }, "#REF!");
    }

    #[test]
    fn copies_move_only_what_is_not_pinned() {
        assert_eq!(reference("A$1").copied(3, 1).print(&|_| None), "B$1");
        assert_eq!(reference("A1").copied(-1, 0).print(&|_| None), "#REF!");
        assert_eq!(reference("A:B").copied(5, 1).print(&|_| None), "B:C");
    }
}
