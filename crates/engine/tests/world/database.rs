//! The model database: tables, and a log of transactions with positions.

use std::collections::BTreeMap;

use sheetwire_engine::{
    TabSpec,
    batch::RowIndex,
    cell::Cell,
    change::{Row, RowChange, TableId},
    position::Position,
    render::{Rendering, row_key},
    state::RowKey,
    value::{Column, ColumnKind, Value},
};

use crate::rng::Rng;

/// Keys are drawn from 0 to this.
const KEYS: usize = 14;

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Rows(TableId, Vec<RowChange>),
    Emptied(TableId),
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) spec: TabSpec,
    composite: bool,
    pub(crate) rows: BTreeMap<u32, Row>,
}

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) tables: Vec<Table>,
    pub(crate) log: Vec<Vec<Event>>,
    gtid: bool,
    serial: u64,
}

fn column(name: &str, kind: ColumnKind) -> Column {
    Column { name: name.into(), kind, nullable: true }
}

fn table(number: u16, spreadsheet: &str, composite: bool) -> Table {
    let int = ColumnKind::Int { bits: 32, unsigned: false };
    let (columns, key) = if composite {
        let names = ["region", "label", "code"];
        (names.map(|name| column(name, ColumnKind::Text)).to_vec(), vec![2, 0])
    } else {
        let text = |name| column(name, ColumnKind::Text);
        (vec![column("id", int), text("name"), text("note")], vec![0])
    };
    let spec = TabSpec {
        table: TableId(number),
        spreadsheet: spreadsheet.into(),
        title: format!("Tab{number}"),
        header_row: RowIndex(u32::from(number % 2)),
        columns,
        key,
        rendering: Rendering::default(),
        remove_rows: true,
    };
    Table { spec, composite, rows: BTreeMap::new() }
}

impl Table {
    pub(crate) fn key_values(&self, number: u32) -> Vec<Value> {
        if self.composite {
            let part = |p: &str, n: u32| Value::Text(format!("{p}{n}"));
            vec![part("k", number / 3), part("s", number % 3)]
        } else {
            vec![Value::Int(i64::from(number))]
        }
    }

    pub(crate) fn row_key(&self, number: u32) -> RowKey {
        let values = self.key_values(number);
        let cells: Vec<Cell> = (self.spec.key.iter().zip(&values))
            .map(|(column, value)| self.spec.rendering.cell(&self.spec.columns[*column], value))
            .collect();
        row_key(cells.iter()).unwrap()
    }

    pub(crate) fn has(&self, key: &RowKey) -> bool {
        self.rows.keys().any(|number| self.row_key(*number) == *key)
    }

    /// Whether a row of this table can bear the key: one that cells in a wrong place made up cannot.
    pub(crate) fn may_have(&self, key: &RowKey) -> bool {
        (0..KEYS).any(|number| self.row_key(u32::try_from(number).unwrap()) == *key)
    }

    pub(crate) fn cells(&self, row: &Row) -> Vec<Cell> {
        self.spec.rendering.row(&self.spec.columns, row)
    }

    fn put(&mut self, number: u32, serial: &mut u64, rng: &mut Rng) -> RowChange {
        let key = self.key_values(number);
        let old = self.rows.get(&number).cloned();
        let width = self.spec.columns.len();
        let row: Row = (0..width)
            .map(|column| {
                if let Some(place) = self.spec.key.iter().position(|key| *key == column) {
                    return key[place].clone();
                }
                match &old {
                    Some(old) if rng.percent(40) => old[column].clone(),
                    _ if rng.percent(12) => Value::Null,
                    _ => {
                        *serial += 1;
                        Value::Text(format!("db:{serial}"))
                    }
                }
            })
            .collect();
        self.rows.insert(number, row.clone());
        RowChange { key, after: Some(row) }
    }

    fn drop_row(&mut self, number: u32) -> RowChange {
        self.rows.remove(&number);
        RowChange { key: self.key_values(number), after: None }
    }

    fn some_row(&self, rng: &mut Rng) -> Option<u32> {
        let all: Vec<u32> = self.rows.keys().copied().collect();
        (!all.is_empty()).then(|| rng.pick(&all))
    }

    /// Rows behind a key: rows, key of the last one, whether that was all.
    pub(crate) fn chunk(
        &self,
        after: Option<&Vec<Value>>,
        limit: usize,
    ) -> (Vec<Row>, Option<Vec<Value>>, bool) {
        let from = after.map_or(0, |key| {
            (0..1_000).find(|number| self.key_values(*number) == *key).unwrap() + 1
        });
        let found: Vec<(u32, Row)> =
            self.rows.range(from..).take(limit).map(|(n, row)| (*n, row.clone())).collect();
        let upto = found.last().map(|(number, _)| self.key_values(*number));
        let last = found.len() < limit;
        (found.into_iter().map(|(_, row)| row).collect(), upto, last)
    }
}

impl Database {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut tables = vec![table(0, "A", false), table(1, "A", true), table(2, "B", false)];
        let mut serial = 0;
        for table in &mut tables {
            for _ in 0..rng.below(7) {
                let number = u32::try_from(rng.below(KEYS)).unwrap();
                table.put(number, &mut serial, rng);
            }
        }
        Self { tables, log: Vec::new(), gtid: rng.percent(50), serial }
    }

    pub(crate) fn position(&self, consumed: usize) -> Position {
        if self.gtid {
            let uuid = "24bc7850-2c16-11e6-a073-0242ac110001";
            return format!("mysql:{uuid}:1-{}", consumed + 1).parse().unwrap();
        }
        Position::File { name: "binlog.000001".into(), offset: 4 + consumed as u64 }
    }

    /// How many transactions a position holds.
    pub(crate) fn consumed(&self, position: &Position) -> usize {
        (0..=self.log.len()).rev().find(|n| self.position(*n) == *position).unwrap()
    }

    /// One more transaction. Gives the keys that were removed.
    pub(crate) fn transact(&mut self, rng: &mut Rng) -> Vec<(usize, RowKey)> {
        let mut events = Vec::new();
        let mut removed = Vec::new();
        for _ in 0..=rng.below(3) {
            let index = rng.below(self.tables.len());
            let table = &mut self.tables[index];
            let id = table.spec.table;
            if rng.percent(2) {
                removed.extend(table.rows.keys().map(|n| (index, table.row_key(*n))));
                table.rows.clear();
                events.push(Event::Emptied(id));
                continue;
            }
            let mut changes = Vec::new();
            for _ in 0..=rng.below(4) {
                let fresh = u32::try_from(rng.below(KEYS)).unwrap();
                match (rng.below(10), table.some_row(rng)) {
                    (0..=4, Some(number)) => changes.push(table.put(number, &mut self.serial, rng)),
                    (5..=6, Some(number)) => {
                        removed.push((index, table.row_key(number)));
                        changes.push(table.drop_row(number));
                    }
                    (7, Some(number)) if !table.rows.contains_key(&fresh) => {
                        removed.push((index, table.row_key(number)));
                        changes.push(table.drop_row(number));
                        changes.push(table.put(fresh, &mut self.serial, rng));
                    }
                    _ => changes.push(table.put(fresh, &mut self.serial, rng)),
                }
            }
            events.push(Event::Rows(id, changes));
        }
        self.log.push(events);
        removed
    }
}
