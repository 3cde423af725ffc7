//! Compares a tab with a table, for `verify`. Decides nothing.

use std::collections::BTreeSet;

use crate::{
    TabSpec,
    base::BaseRow,
    batch::TabImage,
    change::Row,
    merge::{OnRemoved, RowPolicy},
    state::{Adoption, RowKey, TableState},
    survey::take_whole,
    tab::Tab,
};

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The tab lacks the row.
    Missing(RowKey),
    /// The tab has a row that the table does not have.
    Extra(RowKey),
    /// The key stands in several rows of the tab.
    Several(RowKey),
    /// These columns differ.
    Cells(RowKey, Vec<String>),
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Rows of the table.
    pub rows: usize,
    /// Mapped cells of these rows.
    pub cells: usize,
    /// Every difference, in key order.
    pub differences: Vec<Difference>,
}

/// Compares the rows of a table with a whole read of its tab. `Err` is a sentence: the tab cannot be mapped.
pub fn compare(
    mut spec: TabSpec,
    rows: impl Iterator<Item = Row>,
    image: TabImage,
) -> Result<Comparison, String> {
    // Looks only: nobody's changes have to be carried anywhere.
    spec.policy = RowPolicy::to_sheet(spec.columns.len(), OnRemoved::Ignore);
    let mut tab = Tab::new(spec);
    tab.state = TableState::Live { copy: 1, adoption: Adoption::Done };
    let mut several = BTreeSet::new();
    for row in rows {
        let cells = tab.spec.rendering.row(&tab.spec.columns, &row);
        let Some(key) = tab.key_of(&cells) else { continue };
        if tab.base.insert(key.clone(), BaseRow::agreed(cells, 1)).is_some() {
            several.insert(key);
        }
    }
    let columns = tab.spec.columns.len();
    take_whole(&mut tab, image, (0, 0))?;
    several.extend(tab.frozen.iter().cloned());
    let mut differences: BTreeSet<Difference> =
        several.into_iter().map(Difference::Several).collect();
    for (key, base) in &tab.base {
        if tab.index.locate(key).is_none() {
            differences.insert(Difference::Missing(key.clone()));
        } else if let Some(found) = tab.drift.get(key) {
            let names = tab.spec.columns.iter().zip(found).enumerate();
            // A formula is as good as what it comes to.
            let names =
                names.filter(|(place, (_, cell))| base.database(*place) != Some(cell.look()));
            let names: Vec<String> = names.map(|(_, (column, _))| column.name.clone()).collect();
            if !names.is_empty() {
                differences.insert(Difference::Cells(key.clone(), names));
            }
        }
    }
    let extra = tab.index.iter().filter(|(key, _)| !tab.base.contains_key(*key));
    differences.extend(extra.map(|(key, _)| Difference::Extra(key.clone())));
    let rows = tab.base.len();
    Ok(Comparison { rows, cells: rows * columns, differences: differences.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        InboundLimits,
        batch::{ColumnIndex, RowIndex, TabProperties},
        cell::Cell,
        change::TableId,
        render::Rendering,
        value::{Column, ColumnKind, Fill, Value},
    };

    fn spec() -> TabSpec {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            nullable: true,
            fill: Fill::Nothing,
        };
        TabSpec {
            table: TableId(0),
            spreadsheet: "s".into(),
            title: "T".into(),
            header_row: RowIndex(0),
            columns: vec![
                column("id", ColumnKind::Int { bits: 32, unsigned: false }),
                column("name", ColumnKind::Text),
            ],
            key: vec![0],
            rendering: Rendering::default(),
            policy: RowPolicy::to_sheet(2, OnRemoved::Remove),
            inbound: InboundLimits::default(),
            dress: false,
            notes: false,
        }
    }

    fn row(id: i64, name: &str) -> Row {
        vec![Value::Int(id), Value::Text(name.into())]
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let image = TabImage {
            properties: TabProperties { sheet_id: 1, title: "T".into(), rows: 9, columns: 3 },
            header: vec![Cell::text("id"), Cell::Empty, Cell::text("name")],
            columns: vec![
                (ColumnIndex(0), [1.0, 2.0, 9.0, 4.0, 4.0].map(Cell::Number).to_vec()),
                (ColumnIndex(2), ["a", "x", "i", "d", "d"].map(Cell::text).to_vec()),
            ],
            bound: Vec::new(),
            notes: Vec::new(),
            header_notes: Vec::new(),
        };
        let rows = [row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d")];
        let found = compare(spec(), rows.into_iter(), image).unwrap();
        let key = |text: &str| RowKey(text.into());
        assert_eq!((found.rows, found.cells), (4, 8));
        assert_eq!(
            found.differences,
            [
                Difference::Missing(key("3")),
                Difference::Extra(key("9")),
                Difference::Several(key("4")),
                Difference::Cells(key("2"), vec!["name".into()]),
            ]
        );
    }
}
