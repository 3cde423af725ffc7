//! The mapped tables as the stream sees them: which event is about which, how to read it now, and which rows wait for delivery.

use std::collections::{BTreeMap, VecDeque};

use sheetwire_engine::change::RowChange;

use super::statement::Named;
use crate::{
    mysql::{
        decode::{
            bytes::{Cursor, Malformed},
            plan::{RowPlan, about},
            rows::{Operation, RowFault, RowsEvent, Version},
            table_map::{TableMap, names},
            text::Charsets,
            value::Unreadable,
        },
        layout::TableLayout,
    },
    ports::{MappedTable, SourceEvent},
};

/// Rows of one transaction that are held before a part of it is delivered.
const PENDING_ROWS_MAX: usize = 10_000;

/// Bytes of row events that are held before a part is delivered.
const PENDING_BYTES_MAX: usize = 4 << 20;

/// What comes out of the reader, in order.
pub type Outbox = VecDeque<SourceEvent>;

/// One mapped table.
#[derive(Debug)]
struct Followed {
    table: MappedTable,
    layout: TableLayout,
    /// The last table map and the plan made of it: the same map comes again with every transaction.
    plan: Option<(Vec<u8>, RowPlan)>,
    /// Set by whatever cannot be followed; never taken back.
    aside: bool,
    /// Set by DDL until the layout was read again.
    stale: bool,
    /// Whether the open transaction changed rows of it.
    touched: bool,
    pending: Vec<RowChange>,
}

/// All mapped tables.
#[derive(Debug)]
pub struct Tables {
    followed: Vec<Followed>,
    /// Number in the log to the mappings of that table (there may be several). Foreign tables are not in it.
    numbers: BTreeMap<u64, Vec<usize>>,
    charsets: Charsets,
    /// Whether the server takes `Orders` and `orders` for the same table.
    folds: bool,
    pending_rows: usize,
    pending_bytes: usize,
}

impl Tables {
    /// Follows these tables.
    pub fn new(tables: Vec<(MappedTable, TableLayout)>, charsets: Charsets, folds: bool) -> Self {
        let followed = tables
            .into_iter()
            .map(|(table, layout)| Followed {
                table,
                layout,
                plan: None,
                aside: false,
                stale: false,
                touched: false,
                pending: Vec::new(),
            })
            .collect();
        let numbers = BTreeMap::new();
        Self { followed, numbers, charsets, folds, pending_rows: 0, pending_bytes: 0 }
    }

    /// Takes a table map over. A map that cannot be read sets its table aside.
    pub fn map(&mut self, data: &[u8], out: &mut Outbox) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(data);
        let number = cursor.uint_le(6)?;
        let mut peek = cursor;
        peek.u16()?;
        let (database, table) = names(&mut peek)?;
        let (database, table) = (String::from_utf8_lossy(database), String::from_utf8_lossy(table));
        let indexes =
            self.matching(&Named { database: None, table: table.into_owned() }, &database);
        if indexes.is_empty() {
            self.numbers.remove(&number);
            return Ok(());
        }
        for index in &indexes {
            if let Err(reason) = self.plan(*index, cursor) {
                self.set_aside(*index, reason, out);
            }
        }
        self.numbers.insert(number, indexes);
        Ok(())
    }

    /// Takes the rows of an event over, and delivers a part when enough of them wait and they may be delivered: `deliver` says when they were
    /// written.
    pub fn rows(
        &mut self,
        (data, operation, version): (&[u8], Operation, Version),
        deliver: Option<i64>,
        out: &mut Outbox,
    ) -> Result<(), Malformed> {
        let number = Cursor::new(data).uint_le(6)?;
        let Some(indexes) = self.numbers.get(&number).cloned() else { return Ok(()) };
        let event = RowsEvent::parse(data, operation, version)?;
        for index in indexes {
            let followed = &mut self.followed[index];
            let Some((_, plan)) = followed.plan.as_ref().filter(|_| !followed.aside) else {
                continue;
            };
            followed.touched = true;
            let before = followed.pending.len();
            if let Err(fault) = event.changes(plan, &mut followed.pending) {
                let reason = sentence(&followed.table, &fault);
                self.set_aside(index, reason, out);
                continue;
            }
            self.pending_rows += self.followed[index].pending.len() - before;
            self.pending_bytes += data.len();
        }
        if let Some(at_us) = deliver
            && self.overflows()
        {
            self.deliver(at_us, out);
        }
        Ok(())
    }

    /// Whether more rows wait than should, because they may not be delivered yet.
    pub fn overflows(&self) -> bool {
        self.pending_rows >= PENDING_ROWS_MAX || self.pending_bytes >= PENDING_BYTES_MAX
    }

    /// Sets the tables aside that a table number stands for.
    pub fn refuse_number(&mut self, number: u64, what: &str, out: &mut Outbox) {
        for index in self.numbers.get(&number).cloned().unwrap_or_default() {
            self.refuse(index, what, out);
        }
    }

    /// Sets the tables aside that the open transaction changed.
    pub fn refuse_touched(&mut self, what: &str, out: &mut Outbox) {
        for index in 0..self.followed.len() {
            if self.followed[index].touched {
                self.refuse(index, what, out);
            }
        }
    }

    /// Sets one table aside.
    pub fn refuse(&mut self, index: usize, what: &str, out: &mut Outbox) {
        let reason = about(&self.followed[index].table, what);
        self.set_aside(index, reason, out);
    }

    /// Says that a table is empty now.
    pub fn empty(&mut self, index: usize, out: &mut Outbox) {
        out.push_back(SourceEvent::TableEmptied { table: self.followed[index].table.id });
    }

    /// Delivers what waits, written at this time. The order between tables means nothing: changes are states.
    pub fn deliver(&mut self, at_us: i64, out: &mut Outbox) {
        for followed in self.followed.iter_mut().filter(|followed| !followed.pending.is_empty()) {
            let changes = std::mem::take(&mut followed.pending);
            out.push_back(SourceEvent::Rows { table: followed.table.id, changes, at_us });
        }
        self.pending_rows = 0;
        self.pending_bytes = 0;
    }

    /// The transaction ended: the next one has touched nothing yet.
    pub fn end_transaction(&mut self) {
        for followed in &mut self.followed {
            followed.pending.clear();
            followed.touched = false;
        }
        self.pending_rows = 0;
        self.pending_bytes = 0;
    }

    /// The server started again: it counts tables anew.
    pub fn forget_numbers(&mut self) {
        self.numbers.clear();
    }

    /// The mappings of a table that are still followed. `schema` counts where the statement names none.
    pub fn matching(&self, named: &Named, schema: &str) -> Vec<usize> {
        let database = named.database.as_deref().unwrap_or(schema);
        let same = |left: &str, right: &str| {
            left == right || (self.folds && left.to_lowercase() == right.to_lowercase())
        };
        let fits = |followed: &Followed| {
            !followed.aside
                && same(&followed.table.table, &named.table)
                && same(&followed.table.database, database)
        };
        (0..self.followed.len()).filter(|index| fits(&self.followed[*index])).collect()
    }

    /// Everything still followed in a schema, or anywhere.
    pub fn all_in(&self, database: Option<&str>) -> Vec<usize> {
        let same = |left: &str, right: &str| {
            left == right || (self.folds && left.to_lowercase() == right.to_lowercase())
        };
        let fits = |followed: &Followed| {
            !followed.aside && database.is_none_or(|name| same(&followed.table.database, name))
        };
        (0..self.followed.len()).filter(|index| fits(&self.followed[*index])).collect()
    }

    /// Remembers that a table's layout has to be read again.
    pub fn mark_stale(&mut self, index: usize) {
        self.followed[index].stale = true;
        self.followed[index].plan = None;
    }

    /// A table whose layout has to be read again: its place, schema and name.
    pub fn stale(&self) -> Option<(usize, String, String)> {
        let index = self.followed.iter().position(|followed| followed.stale && !followed.aside)?;
        let table = &self.followed[index].table;
        Some((index, table.database.clone(), table.table.clone()))
    }

    /// The layout was read again. Where the table is gone by now, the log still tells what it was.
    pub fn refresh(&mut self, index: usize, layout: Option<TableLayout>) {
        let followed = &mut self.followed[index];
        followed.stale = false;
        if let Some(layout) = layout {
            followed.layout = layout;
        }
    }

    fn plan(&mut self, index: usize, cursor: Cursor<'_>) -> Result<(), String> {
        let followed = &mut self.followed[index];
        if followed.plan.as_ref().is_some_and(|(map, _)| map.as_slice() == cursor.rest()) {
            return Ok(());
        }
        let map =
            TableMap::parse(cursor).map_err(|why| about(&followed.table, &why.to_string()))?;
        let plan = RowPlan::new(&map, &followed.table, &followed.layout, &self.charsets)?;
        followed.plan = Some((cursor.rest().to_vec(), plan));
        Ok(())
    }

    fn set_aside(&mut self, index: usize, reason: String, out: &mut Outbox) {
        let followed = &mut self.followed[index];
        if followed.aside {
            return;
        }
        followed.aside = true;
        followed.pending = Vec::new();
        out.push_back(SourceEvent::TableSetAside { table: followed.table.id, reason });
    }
}

fn sentence(table: &MappedTable, fault: &RowFault) -> String {
    let column =
        |index: &usize| table.columns.get(*index).map_or("?", |column| column.name.as_str());
    match fault {
        RowFault::Malformed(why) => {
            about(table, &format!("{why}; restart sheetwire, which copies the table again"))
        }
        RowFault::Value(index, Unreadable::Malformed(why)) => about(
            table,
            &format!(
                "column '{}': {why}; restart sheetwire, which copies the table again",
                column(index)
            ),
        ),
        RowFault::Value(index, Unreadable::Meaningless(why)) => about(
            table,
            &format!(
                "a value of column '{}' cannot be read: {why}; correct the row, or leave the column out",
                column(index)
            ),
        ),
        RowFault::Absent(index) => about(
            table,
            &format!(
                "a row came without column '{}': a session writes with binlog_row_image other than FULL; set it to FULL there and on the server, then restart sheetwire, which copies the table again",
                column(index)
            ),
        ),
    }
}
