//! Where something is: half-open spans inside, A1 notation only at the door.

/// Columns end at ZZZ.
pub const COLUMNS_MAX: usize = 18_278;

/// A half-open run of indexes; a missing side is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First index, or open.
    pub start: Option<usize>,
    /// Index after the last, or open.
    pub end: Option<usize>,
}

impl Span {
    /// The run `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: Some(start), end: Some(end) }
    }

    /// The bounds in a grid of `size`, cut at its end.
    pub fn within(self, size: usize) -> (usize, usize) {
        let start = self.start.unwrap_or(0).min(size);
        (start, self.end.unwrap_or(size).min(size).max(start))
    }
}

/// Part of one tab, possibly open on any side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Area {
    /// `sheetId` of the tab.
    pub sheet: i64,
    /// Rows covered.
    pub rows: Span,
    /// Columns covered.
    pub cols: Span,
}

impl Area {
    /// A whole tab.
    pub fn whole(sheet: i64) -> Self {
        Self { sheet, rows: Span::default(), cols: Span::default() }
    }

    /// Whether both areas share a cell.
    pub fn touches(&self, other: &Self) -> bool {
        fn meet(a: Span, b: Span) -> bool {
            let start = a.start.unwrap_or(0).max(b.start.unwrap_or(0));
            let end = a.end.unwrap_or(usize::MAX).min(b.end.unwrap_or(usize::MAX));
            start < end
        }
        self.sheet == other.sheet && meet(self.rows, other.rows) && meet(self.cols, other.cols)
    }
}

/// A closed-in rectangle of cells: rows `r0..r1`, columns `c0..c1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// First row.
    pub r0: usize,
    /// Row after the last.
    pub r1: usize,
    /// First column.
    pub c0: usize,
    /// Column after the last.
    pub c1: usize,
}

impl Rect {
    /// A rectangle of `rows` x `cols` cells from its top left corner.
    pub fn at(row: usize, col: usize, rows: usize, cols: usize) -> Self {
        Self { r0: row, r1: row + rows, c0: col, c1: col + cols }
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.r1.saturating_sub(self.r0)
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.c1.saturating_sub(self.c0)
    }

    /// Whether no cell is inside.
    pub fn is_empty(&self) -> bool {
        self.height() == 0 || self.width() == 0
    }

    /// Whether the cell is inside.
    pub fn contains(&self, row: usize, col: usize) -> bool {
        (self.r0..self.r1).contains(&row) && (self.c0..self.c1).contains(&col)
    }

    /// The same place as an area of a tab.
    pub fn on(&self, sheet: i64) -> Area {
        Area { sheet, rows: Span::new(self.r0, self.r1), cols: Span::new(self.c0, self.c1) }
    }
}

/// A range as written: an optional tab title and the cells, `None` where the text names a whole tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Title before the `!`, unquoted.
    pub tab: Option<String>,
    /// Whether the title stood in quotes.
    pub quoted: bool,
    /// Rows and columns, or `None` without a cell part.
    pub cells: Option<(Span, Span)>,
}

/// Reads `'My tab'!A1:B2`, `A:C`, `2:7`, `Tab`; `None` when the cell part is not A1 notation.
pub fn parse_range(text: &str) -> Option<Written> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (title, rest) = unquote(rest)?;
        let cells = match rest.strip_prefix('!') {
            Some(cells) => Some(parse_cells(cells)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        return Some(Written { tab: Some(title), quoted: true, cells });
    }
    match text.rsplit_once('!') {
        Some((title, cells)) => Some(Written {
            tab: Some(title.to_owned()),
            quoted: false,
            cells: Some(parse_cells(cells)?),
        }),
        None => match parse_cells(text) {
            Some(cells) => Some(Written { tab: None, quoted: false, cells: Some(cells) }),
            None => Some(Written { tab: Some(text.to_owned()), quoted: false, cells: None }),
        },
    }
}

/// Reads a title up to its closing quote; a doubled quote is one quote. Returns the rest behind it.
pub fn unquote(text: &str) -> Option<(String, &str)> {
    let mut title = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            title.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
            title.push('\'');
            chars.next();
        } else {
            return Some((title, &text[at + 1..]));
        }
    }
    None
}

/// Reads `A1`, `A1:B2`, `A:B`, `1:2`, `A2:B`; reversed corners are put in order.
pub fn parse_cells(text: &str) -> Option<(Span, Span)> {
    let Some((first, second)) = text.split_once(':') else {
        let (row, col) = corner(text)?;
        let (row, col) = (row?, col?);
        return Some((Span::new(row, row + 1), Span::new(col, col + 1)));
    };
    let (first, second) = (corner(first)?, corner(second)?);
    let rows = order(first.0, second.0);
    let cols = order(first.1, second.1);
    Some((rows, cols))
}

fn order(a: Option<usize>, b: Option<usize>) -> Span {
    match (a, b) {
        (Some(a), Some(b)) => Span::new(a.min(b), a.max(b) + 1),
        (Some(a), None) => Span { start: Some(a), end: None },
        (None, Some(b)) => Span { start: None, end: Some(b + 1) },
        (None, None) => Span::default(),
    }
}

type Corner = (Option<usize>, Option<usize>);

/// One corner as (row, column); `$` signs are ignored. At least one side must be there.
fn corner(text: &str) -> Option<Corner> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (col, rest) = text.split_at(letters);
    let rest = rest.strip_prefix('$').unwrap_or(rest);
    let col = if col.is_empty() { None } else { Some(column_index(col)?) };
    let row = if rest.is_empty() {
        None
    } else if rest.bytes().all(|b| b.is_ascii_digit()) {
        Some(rest.parse::<usize>().ok()?.checked_sub(1)?)
    } else {
        return None;
    };
    (col.is_some() || row.is_some()).then_some((row, col))
}

/// `A` is 0; `None` beyond ZZZ or for anything but ASCII letters.
pub fn column_index(letters: &str) -> Option<usize> {
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let mut index = 0usize;
    for byte in letters.bytes() {
        let digit = byte.to_ascii_uppercase().checked_sub(b'A').filter(|d| *d < 26)?;
        index = index * 26 + usize::from(digit) + 1;
    }
    Some(index - 1)
}

/// 0 is `A`.
pub fn column_letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// The title as it stands before a `!`: quoted where it could be read as something else.
pub fn quote_title(title: &str) -> String {
    let plain = title.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !title.is_empty()
        && !title.as_bytes()[0].is_ascii_digit()
        && parse_cells(title).is_none();
    if plain { title.to_owned() } else { format!("'{}'", title.replace('\'', "''")) }
}

/// A rectangle with the title, the way answers echo it: one cell is written once.
pub fn print_rect(title: &str, rect: Rect) -> String {
    let first = format!("{}{}", column_letters(rect.c0), rect.r0 + 1);
    let tab = quote_title(title);
    if rect.height() <= 1 && rect.width() <= 1 {
        return format!("{tab}!{first}");
    }
    let last_col = column_letters(rect.c1.max(1) - 1);
    format!("{tab}!{first}:{last_col}{}", rect.r1)
}

/// An area the way it was asked for, open sides kept open; used in error texts.
pub fn print_area(title: &str, rows: Span, cols: Span) -> String {
    let tab = quote_title(title);
    let letters = |c: usize| column_letters(c);
    let col0 = cols.start.map(letters).unwrap_or_default();
    let col1 = cols.end.map(|c| letters(c.max(1) - 1)).unwrap_or_default();
    let row0 = rows.start.map(|r| (r + 1).to_string()).unwrap_or_default();
    let row1 = rows.end.map(|r| r.to_string()).unwrap_or_default();
    let (first, last) = (format!("{col0}{row0}"), format!("{col1}{row1}"));
    match (first == last || last.is_empty(), first.is_empty()) {
        (_, true) if last.is_empty() => tab,
        (true, _) => format!("{tab}!{first}"),
        (false, _) => format!("{tab}!{first}:{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_letters_and_indexes_are_inverse() {
        for index in [0, 25, 26, 51, 701, 702, COLUMNS_MAX - 1] {
            assert_eq!(column_index(&column_letters(index)), Some(index));
        }
        assert_eq!(column_letters(COLUMNS_MAX - 1), "ZZZ");
        assert_eq!(column_index("AAAA"), None);
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let cells = |text: &str| parse_range(text).and_then(|w| w.cells);
        assert_eq!(cells("A1"), Some((Span::new(0, 1), Span::new(0, 1))));
        assert_eq!(cells("'T'!C5:B2"), Some((Span::new(1, 5), Span::new(1, 3))));
        assert_eq!(cells("T!A2:B"), Some((Span { start: Some(1), end: None }, Span::new(0, 2))));
        assert_eq!(cells("T!2:3"), Some((Span::new(1, 3), Span::default())));
        assert_eq!(parse_range("'it''s'").unwrap().tab.as_deref(), Some("it's"));
        assert_eq!(parse_range("Sheet1").unwrap().cells, None);
        assert_eq!(parse_range("T!nope nope"), None);
        assert_eq!(parse_range("A0:B2").unwrap().cells, None);
    }

    #[test]
    fn titles_that_look_like_cells_are_quoted() {
        assert_eq!(quote_title("Sheet1"), "Sheet1");
        assert_eq!(quote_title("A1"), "'A1'");
        assert_eq!(quote_title("it's"), "'it''s'");
        assert_eq!(print_rect("T", Rect::at(0, 0, 1000, 26)), "T!A1:Z1000");
        assert_eq!(print_rect("T", Rect::at(3, 1, 1, 1)), "T!B4");
    }

    #[test]
    fn open_areas_are_printed_open() {
        let open = Span { start: Some(1000), end: None };
        assert_eq!(print_area("T", open, Span::new(0, 2)), "T!A1001:B");
        assert_eq!(print_area("Sheet1", Span::new(0, 1), Span::new(26, 27)), "Sheet1!AA1");
    }
}
