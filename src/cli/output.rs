//! How things look on a terminal: values that cannot be mistaken, nothing that moves the cursor, columns that line up.

use std::{fmt::Write as _, io::IsTerminal as _};

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use sheetwire_engine::{
    cell::Cell,
    merge::{Rule, Side},
    state::RowKey,
};

/// Letters of a value in a list; the whole of it stands in the JSON.
pub(super) const VALUE_SHOWN_MAX: usize = 40;

/// A line as it may go to a terminal: what would move the cursor or turn the writing round is shown as JSON would write it, so that JSON
/// stays JSON.
pub(super) fn harmless(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for letter in line.chars() {
        if letter != '\n' && is_hostile(letter) {
            let _ = write!(text, "\\u{:04x}", u32::from(letter));
        } else {
            text.push(letter);
        }
    }
    text
}

/// Control characters, and those that have no look of their own.
fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value of a cell. A text stands in quotes where it could be taken for something else.
pub(super) fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "NULL".to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Bool(yes) => if *yes { "TRUE" } else { "FALSE" }.to_owned(),
        Cell::Text(text) => quoted(text),
        Cell::Formula { text, value } => format!("{} ({})", quoted(text), self::cell(value)),
    }
}

/// A value where there may be none.
pub(super) fn maybe(value: Option<&Cell>) -> String {
    value.map_or_else(|| "-".to_owned(), cell)
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.trim() == text
        && !text.contains(['"', '\\'])
        && !text.chars().any(is_hostile)
        && text.parse::<f64>().is_err()
        && !["NULL", "TRUE", "FALSE", "-"].contains(&text);
    if plain {
        return text.to_owned();
    }
    let mut shown = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => shown.extend(['\\', letter]),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            hostile if is_hostile(hostile) => {
                let _ = write!(shown, "\\u{:04x}", u32::from(hostile));
            }
            other => shown.push(other),
        }
    }
    shown.push('"');
    shown
}

/// The beginning of something long.
pub(super) fn cut(text: &str, letters_max: usize) -> String {
    if text.chars().nth(letters_max).is_none() {
        return text.to_owned();
    }
    let begin: String = text.chars().take(letters_max.saturating_sub(1)).collect();
    format!("{begin}…")
}

/// A value as JSON: a formula as an object, everything else as itself.
pub(super) fn cell_json(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Number(number) => json!(number),
        Cell::Bool(yes) => json!(yes),
        Cell::Text(text) => json!(text),
        Cell::Formula { text, value } => json!({"formula": text, "value": cell_json(value)}),
    }
}

/// A key as people type it: its parts with commas.
pub(super) fn key(key: &RowKey) -> String {
    key.parts().join(",")
}

/// A moment in UTC; a dash where it is not known.
pub(super) fn moment(micros: i64) -> String {
    printed(micros, "%Y-%m-%d %H:%M:%SZ")
}

/// The same to the minute, for lists.
pub(super) fn minute(micros: i64) -> String {
    printed(micros, "%Y-%m-%d %H:%MZ")
}

fn printed(micros: i64, how: &str) -> String {
    let known = Timestamp::from_microsecond(micros).ok().filter(|_| micros != 0);
    let text = known.map(|at| at.to_zoned(TimeZone::UTC).strftime(how).to_string());
    text.unwrap_or_else(|| "-".to_owned())
}

/// A moment for JSON: RFC 3339 with microseconds; null where it is not known.
pub(super) fn moment_json(micros: i64) -> Value {
    match Timestamp::from_microsecond(micros) {
        Ok(at) if micros != 0 => json!(at.to_string()),
        _ => Value::Null,
    }
}

/// The word for a side.
pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Database => "database",
        Side::Sheet => "sheet",
    }
}

/// The word for a rule, as the configuration writes it.
pub(super) fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Database => "database",
        Rule::Sheet => "sheet",
        Rule::Newest => "newest",
        Rule::Hold => "hold",
    }
}

/// Rows as lines with aligned columns; those whose heading begins with `>` are set to the right.
pub(super) fn aligned(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let names = heading.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(names)
        .chain(rows.iter().map(|row| row.iter().map(|text| harmless(text)).collect()))
        .collect();
    let width = |column: usize| {
        let texts = all.iter().filter_map(|row| row.get(column));
        texts.map(|text| measure_text_width(text)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(heading).map(|((text, width), name)| {
            let side = if name.starts_with('>') { Alignment::Right } else { Alignment::Left };
            pad_str(text, *width, side, None).into_owned()
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

/// A line that fits the terminal, where there is one.
pub(super) fn fitting(line: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return line.to_owned();
    }
    let (_, columns) = console::Term::stdout().size();
    truncate_str(line, usize::from(columns).max(40), "…").into_owned()
}

/// One more thing, or several.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_only_where_it_could_be_something_else() {
        let cases = [
            (Cell::Empty, "NULL"),
            (Cell::Number(1.5), "1.5"),
            (Cell::Bool(true), "TRUE"),
            (Cell::text("paid"), "paid"),
            (Cell::text("two words, ä"), "two words, ä"),
            (Cell::text("NULL"), "\"NULL\""),
            (Cell::text(""), "\"\""),
            (Cell::text("12"), "\"12\""),
            (Cell::text(" x"), "\" x\""),
            (Cell::text("a\"b\\"), "\"a\\\"b\\\\\""),
            (Cell::text("a\nb\tc"), "\"a\\nb\\tc\""),
            (Cell::text("\u{1b}[2J\u{9b}1m\u{202e}x"), "\"\\u001b[2J\\u009b1m\\u202ex\""),
        ];
        for (value, wanted) in cases {
            assert_eq!(cell(&value), wanted, "{value:?}");
        }
        let formula = Cell::Formula { text: "=1+1".into(), value: Box::new(Cell::Number(2.0)) };
        assert_eq!(cell(&formula), "=1+1 (2)");
        assert_eq!(cell_json(&formula), json!({"formula": "=1+1", "value": 2.0}));
    }

    #[test]
    fn nothing_that_is_printed_moves_the_cursor_and_json_stays_json() {
        let hostile = json!({"a": "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{202e}"});
        let shown = harmless(&hostile.to_string());
        assert!(!shown.chars().any(is_hostile), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), hostile);
        assert_eq!(harmless("two\nlines"), "two\nlines");
    }

    #[test]
    fn long_values_are_cut_and_short_ones_are_not() {
        assert_eq!(cut("abcde", 5), "abcde");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("ääääää", 5), "ääää…");
    }

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let row = |words: [&str; 3]| words.map(str::to_owned).to_vec();
        let rows = [row(["shop.orders", "7", "live"]), row(["shop.表", "1000", "copying"])];
        let lines = aligned(&["TABLE", ">ROWS", "STATE"], &rows);
        assert_eq!(
            lines,
            ["TABLE        ROWS  STATE", "shop.orders     7  live", "shop.表      1000  copying"]
        );
    }

    #[test]
    fn a_moment_is_told_in_utc() {
        assert_eq!(moment(1_577_836_800_250_000), "2020-01-01 00:00:00Z");
        assert_eq!(minute(1_577_836_800_250_000), "2020-01-01 00:00Z");
        assert_eq!(moment(0), "-");
        assert_eq!(moment_json(1_577_836_800_250_000), json!("2020-01-01T00:00:00.25Z"));
        assert_eq!(moment_json(0), Value::Null);
    }
}
