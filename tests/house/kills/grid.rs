//! What stands in a tab, by the names in its header.

use serde_json::Value;
use sheets_emulator::model::{Query, Spreadsheet};

use super::tables::Table;

/// Title of the person's own column.
pub(super) const OWN: &str = "mine";

/// A tab whose header the product has written, as it stood at one moment.
#[derive(Debug)]
pub(super) struct Tab {
    rows: Vec<Vec<String>>,
    /// Place of the key column.
    pub(super) key: usize,
}

impl Tab {
    /// The tab of a table, once it has a header.
    pub(super) fn of(book: &Spreadsheet, table: &Table) -> Option<Self> {
        Self::named(book, table.name, table.key)
    }

    /// The tab with this title, once it has a header with this key.
    pub(super) fn named(book: &Spreadsheet, title: &str, key: &str) -> Option<Self> {
        let plain = ("valueRenderOption".to_owned(), "UNFORMATTED_VALUE".to_owned());
        let values = book.values_get(title, &Query(vec![plain])).ok()?;
        let rows = values.get("values").and_then(Value::as_array);
        let rows: Vec<Vec<String>> = rows.into_iter().flatten().map(texts).collect();
        let key = rows.first()?.iter().position(|name| name == key)?;
        Some(Self { rows, key })
    }

    /// Place of the person's own column.
    pub(super) fn own(&self) -> Option<usize> {
        self.place(OWN)
    }

    /// Place of the column with this header.
    pub(super) fn place(&self, header: &str) -> Option<usize> {
        self.rows.first()?.iter().position(|title| title == header)
    }

    /// Columns that hold anything in the header.
    pub(super) fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// Index after the last row with a value.
    pub(super) fn end(&self) -> usize {
        self.rows.len()
    }

    /// The text of a cell, as a person reads it; empty where there is nothing.
    pub(super) fn text(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row| row.get(column)).map_or("", String::as_str)
    }

    /// Rows below the header that have a key, with it.
    pub(super) fn keyed(&self) -> Vec<(usize, String)> {
        let rows = (1..self.end()).map(|row| (row, self.text(row, self.key).to_owned()));
        rows.filter(|(_, key)| !key.is_empty()).collect()
    }

    /// Every text in the tab below the header, with row and column.
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        self.rows.iter().enumerate().skip(1).flat_map(|(row, cells)| {
            cells.iter().enumerate().map(move |(column, text)| (row, column, text.as_str()))
        })
    }
}

fn texts(row: &Value) -> Vec<String> {
    let cells = row.as_array().into_iter().flatten();
    cells.map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)).collect()
}

/// Column letters; the tabs here are narrow.
pub(super) fn letter(column: usize) -> String {
    char::from(b'A' + u8::try_from(column).unwrap()).to_string()
}
