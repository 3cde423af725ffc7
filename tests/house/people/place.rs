//! A tab as its people see it, wherever they have moved it, and what must hold for it after each of their acts.

use std::{collections::BTreeMap, fmt::Debug};

use serde_json::{Value, json};
use sheets_emulator::model::{HumanAct, Query, Spreadsheet};

use crate::{
    slice::{LONG, Mapped, Stage},
    support::{oracle::Verdict, sheetwire::Running, wait::wait_until},
};

/// Rows that are there from the beginning, with the keys 1 to 12.
pub(super) const ROWS: u64 = 12;

/// The table of these tests.
pub(super) fn table(name: &str) -> String {
    let rows: Vec<String> =
        (1..=ROWS).map(|id| format!("({id},'row {id}',{})", 100 - id)).collect();
    format!(
        "CREATE TABLE {name} (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), amount INT);
         INSERT INTO {name} VALUES {};",
        rows.join(",")
    )
}

/// Where a table is shown just now.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) table: String,
    pub(super) book: String,
    pub(super) tab: String,
    pub(super) header_row: usize,
    /// What stands above key, name and amount.
    pub(super) headers: [String; 3],
    /// Whether every filled row under the headers is one of the table: the oracle takes nothing else.
    pub(super) rows_only: bool,
}

impl Place {
    pub(super) fn of(mapped: &Mapped) -> Self {
        Self {
            table: mapped.table.clone(),
            book: mapped.book.clone(),
            tab: mapped.tab.clone(),
            header_row: mapped.header_row.try_into().unwrap(),
            headers: ["id", "name", "amount"].map(str::to_owned),
            rows_only: true,
        }
    }

    pub(super) fn grid(&self, stage: &Stage, how: &str) -> Vec<Vec<Value>> {
        let tab = self.tab.replace('\'', "''");
        stage.rendered(&self.book, &format!("'{tab}'!A1:Z200"), how)
    }

    /// Index of the column under this header.
    #[track_caller]
    pub(super) fn column(&self, stage: &Stage, header: &str) -> usize {
        let grid = self.grid(stage, "FORMULA");
        let found = grid[self.header_row - 1].iter().position(|cell| cell == header);
        found.unwrap_or_else(|| panic!("no header {header:?} in {grid:#?}"))
    }

    /// Row, as people count them, of this key.
    #[track_caller]
    pub(super) fn row(&self, stage: &Stage, id: u64) -> usize {
        let key = self.column(stage, &self.headers[0]);
        let grid = self.grid(stage, "FORMULA");
        let rows: Vec<usize> = (1..)
            .zip(&grid)
            .filter(|(_, row)| row.get(key) == Some(&json!(id)))
            .map(|(n, _)| n)
            .collect();
        assert_eq!(rows.len(), 1, "key {id} in {grid:#?}");
        rows[0]
    }

    /// Address of a cell by key and header.
    #[track_caller]
    pub(super) fn cell(&self, stage: &Stage, id: u64, header: &str) -> String {
        format!("{}{}", letter(self.column(stage, header)), self.row(stage, id))
    }

    #[track_caller]
    pub(super) fn types(&self, stage: &Stage, cell: &str, text: &str) {
        let (tab, cell, text) = (self.tab.clone(), cell.to_owned(), text.to_owned());
        self.does(stage, &HumanAct::Type { tab, cell, text });
    }

    #[track_caller]
    pub(super) fn does(&self, stage: &Stage, act: &HumanAct) {
        stage.emulator().human(&self.book, act).unwrap_or_else(|why| panic!("{act:?}: {why}"));
    }

    /// Somebody adds columns at the right edge, and rows at the lower one.
    #[track_caller]
    pub(super) fn grows(&self, stage: &Stage, columns: u32, rows: u32) {
        let book = stage.emulator().spreadsheet(&self.book).unwrap();
        let id = book.sheet_titled(&self.tab).unwrap().id;
        for (dimension, length) in [("COLUMNS", columns), ("ROWS", rows)] {
            if length == 0 {
                continue;
            }
            let body = json!({"requests": [
                {"appendDimension": {"sheetId": id, "dimension": dimension, "length": length}}]});
            let widen = |book: &mut Spreadsheet| book.batch_update(&body, &Query::default());
            stage.emulator().edit(&self.book, widen).unwrap().unwrap();
        }
    }

    /// Values of some columns by key; rows without a key are nobody's. None where one of them stands nowhere.
    pub(super) fn by_key(
        &self,
        stage: &Stage,
        headers: &[&str],
    ) -> Option<BTreeMap<u64, Vec<Value>>> {
        let grid = self.grid(stage, "UNFORMATTED_VALUE");
        let header = grid.get(self.header_row - 1)?;
        let find = |name: &str| header.iter().position(|cell| cell == name);
        let key = find(&self.headers[0])?;
        let columns: Vec<usize> = headers.iter().map(|name| find(name)).collect::<Option<_>>()?;
        let mut found = BTreeMap::new();
        for row in &grid[self.header_row..] {
            let Some(id) = row.get(key).and_then(Value::as_u64) else { continue };
            let cells = columns.iter().map(|at| row.get(*at).cloned().unwrap_or(json!("")));
            let twice = found.insert(id, cells.collect());
            assert!(twice.is_none(), "key {id} stands twice in {grid:#?}");
        }
        Some(found)
    }

    /// Waits until tab and table are equal, read here by key, and by the oracle where it knows the headers.
    #[track_caller]
    pub(super) fn wait_equal(&self, stage: &Stage, what: &dyn Debug, filter: &str) {
        let wanted = || -> BTreeMap<u64, Vec<Value>> {
            let rows = stage
                .db
                .query(&format!("SELECT id, name, amount FROM {} WHERE {filter}", self.table));
            let text = |cell: &Option<String>| cell.clone().map_or(json!(""), Value::from);
            let number = |cell: &Option<String>| {
                cell.as_ref().map_or(json!(""), |n| json!(n.parse::<i64>().unwrap()))
            };
            rows.iter()
                .map(|row| {
                    let id = row[0].as_deref().unwrap().parse().unwrap();
                    (id, vec![text(&row[1]), number(&row[2])])
                })
                .collect()
        };
        let start = std::time::Instant::now();
        wait_until(LONG * 2, &format!("both sides to be equal after {what:?}"), || {
            let (found, wanted) =
                (self.by_key(stage, &[&self.headers[1], &self.headers[2]]), wanted());
            let equal = stage.is_idle() && found.as_ref() == Some(&wanted);
            assert!(
                equal || start.elapsed() < LONG,
                "after {what:?}:\nsheet {found:?}\ntable {wanted:?}\n{:#?}\n{}",
                stage.status(),
                stage.home.log()
            );
            equal
        });
        if self.rows_only && self.headers == ["id", "name", "amount"] {
            let mine = |mapped: &&Mapped| mapped.table == self.table && mapped.book == self.book;
            let mapped = stage.tables.iter().find(mine).unwrap();
            let now = Mapped { tab: self.tab.clone(), ..mapped.clone() };
            let verdict = stage.compare(&now);
            assert!(matches!(verdict, Ok(Verdict::Equal { .. })), "after {what:?}: {verdict:?}");
        }
    }

    /// An edit reaches the right row and column, an update the right cell, and a new row comes in once.
    #[track_caller]
    pub(super) fn works_both_ways(
        &self,
        stage: &Stage,
        running: &mut Running<'_>,
        (n, what): (u64, &dyn Debug),
    ) {
        let (typed, updated) = (1 + n % ROWS, 1 + (n * 5 + 3) % ROWS);
        let name = &self.headers[1];
        self.types(stage, &self.cell(stage, typed, name), &format!("typed {n}"));
        let table = &self.table;
        stage.db.sql(&format!(
            "UPDATE {table} SET amount = {} WHERE id IN ({typed}, {updated}); INSERT INTO {table} VALUES ({}, 'new {n}', {n})",
            1000 + n,
            100 + n
        ));
        stage.wait_answer(
            &format!("SELECT COUNT(*), MIN(id) FROM {table} WHERE name = 'typed {n}'"),
            &format!("1 {typed}"),
        );
        self.wait_equal(stage, what, "TRUE");
        let shown = stage.value(&format!(
            "SELECT COUNT(*) FROM {table} WHERE id IN ({typed}, {updated}) AND amount = {}",
            1000 + n
        ));
        assert_eq!(shown, if typed == updated { "1" } else { "2" }, "after {what:?}");
        assert!(running.is_alive(), "after {what:?} sheetwire ended:\n{}", stage.home.log());
    }
}

/// Letters of a column.
pub(super) fn letter(column: usize) -> char {
    char::from(b'A' + u8::try_from(column).unwrap())
}
