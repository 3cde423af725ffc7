//! How the values of one table look, where its columns are known: days and times as such, and keys as the pipeline has them.

use sheetwire_engine::{
    cell::Cell,
    render::{Rendering, row_key},
    typed::{self, Habits, Reading},
    value::Column,
};

use super::output;
use crate::flow::request::Layout;

/// Columns, key and zone of a table.
pub(super) struct Look {
    pub(super) layout: Layout,
    pub(super) rendering: Rendering,
}

impl Look {
    /// A value of a column. Days and times stand in cells as numbers, and are shown as what they are.
    pub(super) fn cell(&self, column: Option<&Column>, cell: &Cell) -> String {
        let number = matches!(cell, Cell::Number(_));
        let time = column.filter(|_| number).and_then(|column| self.time(column, cell));
        time.unwrap_or_else(|| output::cell(cell))
    }

    fn time(&self, column: &Column, cell: &Cell) -> Option<String> {
        let reading = Reading { rendering: &self.rendering, habits: Habits::default() };
        typed::clock_text(reading, column, cell)
    }

    /// The parts of a key as the pipeline has them, from what a person typed.
    ///
    /// # Errors
    /// A sentence: too few or too many parts, or one that is no value of its column.
    pub(super) fn key(&self, words: &[String]) -> Result<Vec<String>, String> {
        let columns: Vec<&Column> =
            self.layout.key.iter().filter_map(|place| self.layout.columns.get(*place)).collect();
        if columns.len() != words.len() {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            return Err(format!(
                "its key is {}, and {} given: name a value for each",
                names.join(", "),
                output::counted(words.len(), "value was", "values were")
            ));
        }
        let reading = Reading { rendering: &self.rendering, habits: Habits::default() };
        let mut cells = Vec::new();
        for (column, word) in columns.iter().zip(words) {
            let cell = typed::value(reading, column, &Cell::text(word.as_str()))
                .map_err(|why| format!("{word}: {why}"))?;
            cells.push(self.rendering.cell(column, &cell));
        }
        row_key(cells.iter())
            .map(|key| key.parts())
            .ok_or_else(|| "a key is never empty".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::value::{ColumnKind, Fill};

    use super::*;

    fn look() -> Look {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
            nullable: false,
            fill: Fill::Nothing,
        };
        let columns = vec![
            column("id", ColumnKind::Int { bits: 32, unsigned: false }),
            column("due", ColumnKind::Date),
            column("seen", ColumnKind::Timestamp { fsp: 0 }),
            column("took", ColumnKind::Time { fsp: 0 }),
            column("name", ColumnKind::Text),
        ];
        Look { layout: Layout { columns, key: vec![1, 0] }, rendering: Rendering::default() }
    }

    #[test]
    fn days_and_times_are_shown_as_such() {
        let look = look();
        let shown = |place: usize, cell: Cell| look.cell(look.layout.columns.get(place), &cell);
        assert_eq!(shown(0, Cell::Number(45_351.0)), "45351");
        assert_eq!(shown(1, Cell::Number(45_351.0)), "2024-02-29");
        assert_eq!(shown(2, Cell::Number(43_831.5)), "2020-01-01 12:00:00");
        assert_eq!(shown(3, Cell::Number(-1.25)), "-30:00:00");
        assert_eq!(shown(1, Cell::text("45351")), "\"45351\"");
        assert_eq!(look.cell(None, &Cell::Number(45_351.0)), "45351");
    }

    #[test]
    fn a_key_is_typed_as_it_is_read_in_the_sheet() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let key = look().key(&words(&["2024-02-29", "007"])).unwrap();
        assert_eq!(key, ["45351", "7"]);
        let why = look().key(&words(&["7"])).unwrap_err();
        assert_eq!(why, "its key is due, id, and 1 value was given: name a value for each");
        assert!(look().key(&words(&["x", "7"])).unwrap_err().starts_with("x: "));
    }
}
