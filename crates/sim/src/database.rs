//! The model database: tables with a trigger, a foreign key and counted keys; a log of transactions; a replica that lags; and the one
//! session that writes for us.

mod session;

use std::{cell::RefCell, collections::BTreeMap};

use sheetwire_engine::{
    InboundLimits, TabSpec,
    batch::RowIndex,
    cell::Cell,
    change::{Row, RowChange, TableId},
    merge::{ColumnPolicy, RowPolicy, Rule},
    position::Position,
    render::{Rendering, row_key},
    state::RowKey,
    value::{Column, ColumnKind, Fill, Value},
};

use crate::{
    options::{Options, Policy},
    tape::Tape,
    words::{Author, Word, Words, of_value},
};

/// Keys that applications draw are below this.
const KEYS: usize = 12;

/// Something in the log.
#[derive(Debug, Clone)]
pub enum Event {
    /// Rows of a table.
    Rows(TableId, Vec<RowChange>),
    /// The table was emptied at once.
    Emptied(TableId),
}

/// One committed transaction.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// What it did.
    pub events: Vec<Event>,
    /// When it was committed.
    pub at_us: i64,
    /// Whether it was ours.
    pub ours: bool,
}

/// What kind of key a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A number that the server counts up.
    Counted,
    /// Two texts.
    Texts,
}

/// Rows of one table by key.
pub type Rows = BTreeMap<RowKey, Row>;

/// One table.
#[derive(Debug, Clone)]
pub struct Table {
    /// As the engine knows it.
    pub spec: TabSpec,
    /// Kind of its key.
    pub key: KeyKind,
    /// Next counted key.
    pub(crate) next: i64,
}

/// The session that holds the lock.
#[derive(Debug, Clone)]
struct Session {
    /// Whose it is: process and life.
    owner: u64,
    /// Nobody is at the other end any more; it ends at this tick, committing first if it was told to.
    dying: Option<u64>,
    /// What was prepared: rows as they will be.
    open: Option<Prepared>,
    /// The `COMMIT` has reached the server.
    committing: bool,
}

#[derive(Debug, Clone)]
struct Prepared {
    intent: u64,
    table: usize,
    /// What each row shows in the sheet.
    shown: Vec<RowKey>,
    changes: Vec<RowChange>,
    /// Rows that were read to be changed: locked even where they were that way already.
    locked: Vec<RowKey>,
}

/// What an engine's write did to the database, for the checkers.
#[derive(Debug, Clone)]
pub struct OurWrite {
    /// Table, by number.
    pub table: usize,
    /// Which row.
    pub key: RowKey,
    /// What the row shows in the sheet, where that says more.
    pub shown: RowKey,
    /// The row before, where there was one.
    pub before: Option<Row>,
    /// The row after, where there is one.
    pub after: Option<Row>,
}

/// The whole.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its tables.
    pub tables: Vec<Table>,
    /// Rows now.
    pub rows: Vec<Rows>,
    /// Rows as the replica has them.
    pub replica: Vec<Rows>,
    /// How many transactions the replica has.
    pub replicated: usize,
    /// Every committed transaction.
    pub log: Vec<Transaction>,
    /// What our writes did.
    pub ours: Vec<OurWrite>,
    gtid: bool,
    /// Positions that were asked for, by how many transactions they hold.
    positions: RefCell<Vec<Position>>,
    session: Option<Session>,
}

fn column(name: &str, kind: ColumnKind, nullable: bool, fill: Fill) -> Column {
    Column { name: name.into(), kind, nullable, fill }
}

fn table(number: u16, options: &Options) -> Table {
    let int = || ColumnKind::Int { bits: 32, unsigned: false };
    let text = |name: &str| column(name, ColumnKind::Text, true, Fill::Nothing);
    let (columns, key, kind) = match number {
        0 => (
            vec![column("id", int(), false, Fill::AutoIncrement), text("name"), text("note")],
            vec![0],
            KeyKind::Counted,
        ),
        1 => (
            vec![
                column("region", ColumnKind::Text, false, Fill::Nothing),
                text("label"),
                column("code", ColumnKind::Text, false, Fill::Nothing),
            ],
            vec![2, 0],
            KeyKind::Texts,
        ),
        _ => (
            vec![
                column("title", ColumnKind::Text, false, Fill::Nothing),
                column("id", int(), false, Fill::AutoIncrement),
                column("parent", int(), true, Fill::Nothing),
                text("note"),
            ],
            vec![1],
            KeyKind::Counted,
        ),
    };
    let policy = row_policy(&columns, &key, options.policies[usize::from(number)]);
    let spec = TabSpec {
        table: TableId(number),
        spreadsheet: if number == 2 { "B".into() } else { "A".into() },
        title: format!("Tab{number}"),
        header_row: RowIndex(u32::from(number % 2)),
        columns,
        key,
        rendering: Rendering::default(),
        policy,
        inbound: InboundLimits {
            rows_per_transaction: usize::from(1 + 2 * (number % 2)),
            ..InboundLimits::default()
        },
        dress: true,
        notes: false,
    };
    Table { spec, key: kind, next: 1 }
}

fn row_policy(columns: &[Column], key: &[usize], policy: Policy) -> RowPolicy {
    if !policy.inbound {
        return RowPolicy::to_sheet(columns.len(), sheetwire_engine::merge::OnRemoved::Remove);
    }
    let of_column =
        |place: usize| ColumnPolicy { rule: policy.rule, inbound: !key.contains(&place) };
    RowPolicy {
        columns: (0..columns.len()).map(of_column).collect(),
        rule: policy.rule,
        outbound: true,
        inbound: true,
        on_removed: policy.on_removed,
        on_dropped: sheetwire_engine::merge::OnRemoved::Remove,
        overwrite_formulas: false,
    }
}

impl Table {
    /// The key of a row.
    pub fn key_of(&self, row: &Row) -> RowKey {
        let cells: Vec<Cell> = (self.spec.key.iter())
            .map(|column| self.spec.rendering.cell(&self.spec.columns[*column], &row[*column]))
            .collect();
        row_key(cells.iter()).expect("every row has a key")
    }

    /// The key of a row by its values.
    pub fn key_values(&self, row: &Row) -> Vec<Value> {
        self.spec.key.iter().map(|column| row[*column].clone()).collect()
    }

    /// The key of a row by the values of its key columns.
    pub fn named(&self, key: &[Value]) -> RowKey {
        let cells: Vec<Cell> = (self.spec.key.iter().zip(key))
            .map(|(column, value)| self.spec.rendering.cell(&self.spec.columns[*column], value))
            .collect();
        row_key(cells.iter()).expect("every row has a key")
    }

    /// How a row looks.
    pub fn cells(&self, row: &Row) -> Vec<Cell> {
        self.spec.rendering.row(&self.spec.columns, row)
    }

    /// The column that the trigger spells its own way, the column that points to another table.
    fn special(&self) -> (usize, Option<usize>) {
        match self.spec.table.0 {
            0 => (2, None),
            1 => (1, None),
            _ => (3, Some(2)),
        }
    }

    /// What the trigger makes of a row: capitals.
    fn spelt(&self, mut row: Row) -> Row {
        let (loud, _) = self.special();
        if let Value::Text(text) = &mut row[loud] {
            *text = text.to_uppercase();
        }
        row
    }
}

impl Database {
    /// Three tables with some rows.
    pub fn new(tape: &mut Tape, options: &Options, words: &mut Words) -> Self {
        let mut database = Self {
            tables: (0..3).map(|number| table(number, options)).collect(),
            rows: vec![Rows::new(); 3],
            replica: Vec::new(),
            replicated: 0,
            log: Vec::new(),
            ours: Vec::new(),
            gtid: options.gtid,
            positions: RefCell::default(),
            session: None,
        };
        for table in 0..3 {
            for _ in 0..tape.below(5) {
                let row = database.fresh_row(tape, table, words);
                let key = database.tables[table].key_of(&row);
                if let Some(old) = database.rows[table].insert(key, row) {
                    Self::withdraw(&old, words);
                }
            }
        }
        database.replica = database.rows.clone();
        database
    }

    /// The position behind so many transactions.
    pub fn position(&self, consumed: usize) -> Position {
        let mut positions = self.positions.borrow_mut();
        while positions.len() <= consumed {
            let next = self.spell(positions.len());
            positions.push(next);
        }
        positions[consumed].clone()
    }

    fn spell(&self, consumed: usize) -> Position {
        if self.gtid {
            let uuid = "24bc7850-2c16-11e6-a073-0242ac110001";
            return format!("mysql:{uuid}:1-{}", consumed + 1).parse().expect("a GTID set");
        }
        Position::File { name: "binlog.000001".into(), offset: 4 + consumed as u64 }
    }

    /// How many transactions a position holds.
    pub fn consumed(&self, position: &Position) -> usize {
        // Every position that anybody can have was asked for here.
        let known = self.positions.borrow().iter().rposition(|known| known == position);
        known.unwrap_or(0).min(self.log.len())
    }

    fn fresh_row(&mut self, tape: &mut Tape, table: usize, words: &mut Words) -> Row {
        let number = tape.below(KEYS);
        let of = &mut self.tables[table];
        let width = of.spec.columns.len();
        let mut row: Row = vec![Value::Null; width];
        match of.key {
            KeyKind::Counted => {
                row[of.spec.key[0]] = Value::Int(of.next);
                of.next += 1;
            }
            KeyKind::Texts => {
                row[2] = Value::Text(format!("k{}", number / 3));
                row[0] = Value::Text(format!("s{}", number % 3));
            }
        }
        let key = of.key_of(&row);
        self.fill((tape, words), table, (&key, &mut row), true);
        self.tables[table].spelt(row)
    }

    /// Writes new values into a row as an application does.
    fn fill(
        &self,
        (tape, words): (&mut Tape, &mut Words),
        table: usize,
        (key, row): (&RowKey, &mut Row),
        new: bool,
    ) {
        let of = &self.tables[table];
        let (_, parent) = of.special();
        for (column, value) in row.iter_mut().enumerate() {
            if of.spec.key.contains(&column) || (!new && tape.percent(45)) {
                continue;
            }
            let nullable = of.spec.columns[column].nullable;
            if Some(column) == parent {
                let parents: Vec<&Row> = self.rows[0].values().collect();
                *value = if parents.is_empty() || tape.percent(40) {
                    Value::Null
                } else {
                    parents[tape.below(parents.len())][0].clone()
                };
                continue;
            }
            if let Some(word) = of_value(value).and_then(|text| words.get_mut(text))
                && word.author == Author::App
            {
                word.withdrawn = true;
            }
            if nullable && tape.percent(10) {
                *value = Value::Null;
                continue;
            }
            let word = Word {
                author: Author::App,
                table,
                column: Some(column),
                key: Some(key.0.to_string()),
                row: 0,
                withdrawn: false,
                copied: false,
                excused: false,
                arrived: false,
            };
            *value = Value::Text(words.coin(word));
        }
    }

    fn withdraw(row: &Row, words: &mut Words) {
        for value in row {
            if let Some(word) = of_value(value).and_then(|text| words.get_mut(text)) {
                word.withdrawn |= word.author == Author::App;
            }
        }
    }

    /// Whether a row is locked by our open transaction.
    fn is_locked(&self, table: usize, key: &RowKey) -> bool {
        let open = self.session.as_ref().and_then(|session| session.open.as_ref());
        open.is_some_and(|open| {
            let of = &self.tables[table];
            let changed = |change: &RowChange| of.named(&change.key) == *key;
            open.table == table && (open.locked.contains(key) || open.changes.iter().any(changed))
        })
    }

    fn is_parent_in_use(&self, key: &RowKey) -> bool {
        let Some(parent) = self.rows[0].get(key).map(|row| row[0].clone()) else { return false };
        self.rows[2].values().any(|row| row[2] == parent)
    }

    /// An application's transaction. Says what it did.
    pub fn transact(&mut self, tape: &mut Tape, words: &mut Words, now_us: i64) -> &[Event] {
        let mut events = Vec::new();
        for _ in 0..=tape.below(2) {
            let table = tape.below(3);
            let id = self.tables[table].spec.table;
            let locked = self.session.as_ref().is_some_and(|session| session.open.is_some());
            if tape.percent(2) && table != 0 && !locked {
                for row in self.rows[table].values() {
                    Self::withdraw(row, words);
                }
                self.rows[table].clear();
                events.push(Event::Emptied(id));
                continue;
            }
            let mut changes = Vec::new();
            match tape.below(24) {
                23 => self.change_all(tape, (table, words), &mut changes),
                most => {
                    for _ in 0..=most % 3 {
                        self.app_change(tape, (table, words), &mut changes);
                    }
                }
            }
            if !changes.is_empty() {
                events.push(Event::Rows(id, changes));
            }
        }
        self.log.push(Transaction { events, at_us: now_us, ours: false });
        &self.log[self.log.len() - 1].events
    }

    fn app_change(
        &mut self,
        tape: &mut Tape,
        (table, words): (usize, &mut Words),
        changes: &mut Vec<RowChange>,
    ) {
        let keys = self.free_keys(table);
        let some = (!keys.is_empty()).then(|| keys[tape.below(keys.len())].clone());
        match (tape.below(10), some) {
            (0..=5, Some(key)) => self.change(tape, (table, words), key, changes),
            (6..=7, Some(key)) => {
                if table != 0 || !self.is_parent_in_use(&key) {
                    self.drop_row(table, &key, words, changes);
                }
            }
            (8, Some(key)) if table == 1 => {
                // The key itself changes.
                let fresh = self.fresh_row(tape, table, words);
                let new_key = self.tables[table].key_of(&fresh);
                if !self.rows[table].contains_key(&new_key) && !self.is_locked(table, &new_key) {
                    self.drop_row(table, &key, words, changes);
                    self.put(table, new_key, fresh, changes);
                } else {
                    Self::withdraw(&fresh, words);
                }
            }
            _ => {
                let fresh = self.fresh_row(tape, table, words);
                let key = self.tables[table].key_of(&fresh);
                if self.rows[table].contains_key(&key) || self.is_locked(table, &key) {
                    Self::withdraw(&fresh, words);
                } else {
                    self.put(table, key, fresh, changes);
                }
            }
        }
    }

    /// Keys of the rows that are not locked.
    fn free_keys(&self, table: usize) -> Vec<RowKey> {
        self.rows[table].keys().filter(|key| !self.is_locked(table, key)).cloned().collect()
    }

    /// One statement changes every row that is not locked.
    fn change_all(
        &mut self,
        tape: &mut Tape,
        (table, words): (usize, &mut Words),
        changes: &mut Vec<RowChange>,
    ) {
        let keys = self.free_keys(table);
        for key in keys {
            self.change(tape, (table, words), key, changes);
        }
    }

    /// Some cells of a row become others.
    fn change(
        &mut self,
        tape: &mut Tape,
        (table, words): (usize, &mut Words),
        key: RowKey,
        changes: &mut Vec<RowChange>,
    ) {
        let mut row = self.rows[table][&key].clone();
        self.fill((tape, words), table, (&key, &mut row), false);
        let row = self.tables[table].spelt(row);
        self.put(table, key, row, changes);
    }

    fn put(&mut self, table: usize, key: RowKey, row: Row, changes: &mut Vec<RowChange>) {
        let values = self.tables[table].key_values(&row);
        changes.push(RowChange { key: values, after: Some(row.clone()) });
        self.rows[table].insert(key, row);
    }

    fn drop_row(
        &mut self,
        table: usize,
        key: &RowKey,
        words: &mut Words,
        changes: &mut Vec<RowChange>,
    ) {
        if let Some(row) = self.rows[table].remove(key) {
            Self::withdraw(&row, words);
            changes.push(RowChange { key: self.tables[table].key_values(&row), after: None });
        }
    }

    /// The replica takes over one more transaction.
    pub fn replicate(&mut self) {
        let Some(transaction) = self.log.get(self.replicated) else { return };
        for event in &transaction.events {
            match event {
                Event::Emptied(id) => self.replica[usize::from(id.0)].clear(),
                Event::Rows(id, changes) => {
                    let table = usize::from(id.0);
                    apply(&self.tables[table], &mut self.replica[table], changes);
                }
            }
        }
        self.replicated += 1;
    }

    /// Rows behind a key: rows, key of the last one, whether that was all.
    pub fn chunk(
        &self,
        table: usize,
        after: Option<&Vec<Value>>,
        limit: usize,
    ) -> (Vec<Row>, Option<Vec<Value>>, bool) {
        let of = &self.tables[table];
        // Any order will do, as long as it is one.
        let from = after.map(|key| of.named(key));
        let behind = |key: &&RowKey| from.as_ref().is_none_or(|from| *key > from);
        let found: Vec<&Row> = (self.replica[table].iter())
            .filter(|(key, _)| behind(key))
            .take(limit)
            .map(|(_, row)| row)
            .collect();
        let upto = found.last().map(|row| of.key_values(row));
        let last = found.len() < limit;
        (found.into_iter().cloned().collect(), upto, last)
    }
}

fn apply(table: &Table, rows: &mut Rows, changes: &[RowChange]) {
    for change in changes {
        let key = table.named(&change.key);
        match &change.after {
            Some(row) => rows.insert(key, row.clone()),
            None => rows.remove(&key),
        };
    }
}

/// The rule of a table, for the checkers.
pub fn rule_of(table: &Table) -> Rule {
    table.spec.policy.rule
}
