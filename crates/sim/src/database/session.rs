//! Our session: the compare-and-set of an intent, and its commit.

use super::{Database, Event, KeyKind, OurWrite, Prepared, Rows, Session, Transaction, apply};
use sheetwire_engine::{
    cell::Cell,
    change::{Row, RowChange},
    intent::{CommitOutcome, Intent, PrepareOutcome, ReadbackRow, Refusal, RowWork, WriterFailure},
    position::Position,
    state::RowKey,
    value::Value,
};

pub(super) enum Stop {
    Missed(Option<Row>),
    Exists(Row),
    Refused(String),
}

pub(super) fn readback(key: Vec<Value>, row: Row) -> ReadbackRow {
    ReadbackRow { row: Some(row), key: Some(key) }
}

impl Database {
    /// A session with the lock, for this owner.
    pub fn open_session(&mut self, owner: u64) -> Result<Position, WriterFailure> {
        if let Some(session) = &self.session
            && (session.owner != owner || session.dying.is_some())
        {
            return Err(WriterFailure::Locked { holder: format!("session {}", session.owner) });
        }
        self.session = Some(Session { owner, dying: None, open: None, committing: false });
        Ok(self.position(self.log.len()))
    }

    /// Whether this owner's session is there.
    pub fn has_session(&self, owner: u64) -> bool {
        self.session.as_ref().is_some_and(|s| s.owner == owner && s.dying.is_none())
    }

    /// Nobody is at the other end any more: the session ends at this tick.
    pub fn lose_session(&mut self, owner: u64, at: u64) {
        if let Some(session) = &mut self.session
            && session.owner == owner
        {
            session.dying = session.dying.or(Some(at));
        }
    }

    /// Sessions that nobody is at the other end of end, committing what they were told to commit.
    pub fn reap(&mut self, tick: u64, now_us: i64) {
        let ends = self.session.as_ref().is_some_and(|s| s.dying.is_some_and(|at| at <= tick));
        if !ends {
            return;
        }
        let session = self.session.take().expect("looked at just now");
        if let (Some(open), true) = (session.open, session.committing) {
            self.write(open, now_us);
        }
    }

    /// The server dies: what was not committed is gone.
    pub fn server_dies(&mut self) {
        self.session = None;
    }

    /// Begins a transaction, compares, writes, reads back.
    pub fn prepare(&mut self, owner: u64, intent: &Intent) -> PrepareOutcome {
        if !self.has_session(owner) {
            return PrepareOutcome::NotNow { reason: "the session is gone".into(), lost: true };
        }
        let table = usize::from(intent.table.0);
        let mut rows = self.rows[table].clone();
        let (mut changes, mut shown) = (Vec::new(), Vec::new());
        let (mut back, mut locked) = (Vec::new(), Vec::new());
        let executed = self.position(self.log.len());
        for (place, row) in intent.rows.iter().enumerate() {
            if let RowWork::Update { key, .. } | RowWork::Delete { key, .. } = &row.work {
                locked.push(self.tables[table].named(key));
            }
            match self.work(table, &mut rows, &row.work) {
                Ok((change, readback)) => {
                    shown.extend(change.iter().map(|_| row.key.clone()));
                    changes.extend(change);
                    back.push(readback);
                }
                Err(Stop::Missed(current)) => {
                    return PrepareOutcome::Missed { row: place, current, executed };
                }
                Err(Stop::Exists(current)) => {
                    return PrepareOutcome::Exists { row: place, current: Some(current), executed };
                }
                Err(Stop::Refused(message)) => {
                    let refusal = Refusal { message, column: None, may_pass: true };
                    return PrepareOutcome::Refused { row: place, refusal };
                }
            }
        }
        if let Some(session) = &mut self.session {
            session.open = Some(Prepared { intent: intent.id, table, shown, changes, locked });
        }
        PrepareOutcome::Ready(back)
    }

    pub(super) fn work(
        &mut self,
        table: usize,
        rows: &mut Rows,
        work: &RowWork,
    ) -> Result<(Option<RowChange>, ReadbackRow), Stop> {
        match work {
            RowWork::Update { key, guard, set } => {
                let name = self.tables[table].named(key);
                let mut row = self.guarded(table, rows, &name, guard)?;
                for (column, value) in set {
                    row[usize::from(*column)] = value.clone();
                }
                let row = self.tables[table].spelt(row);
                self.check(table, &row)?;
                let same = rows.insert(name, row.clone()).as_ref() == Some(&row);
                let change = RowChange { key: key.clone(), after: Some(row.clone()) };
                Ok(((!same).then_some(change), readback(key.clone(), row)))
            }
            RowWork::Insert { set } => {
                let of = &mut self.tables[table];
                let mut row: Row = vec![Value::Null; of.spec.columns.len()];
                for (column, value) in set {
                    row[usize::from(*column)] = value.clone();
                }
                if of.key == KeyKind::Counted {
                    let key = of.spec.key[0];
                    if row[key] == Value::Null {
                        row[key] = Value::Int(of.next);
                    }
                    if let Value::Int(number) = row[key] {
                        of.next = of.next.max(number + 1);
                    }
                }
                let row = self.tables[table].spelt(row);
                let name = self.tables[table].key_of(&row);
                if let Some(current) = rows.get(&name) {
                    return Err(Stop::Exists(current.clone()));
                }
                self.check(table, &row)?;
                let key = self.tables[table].key_values(&row);
                rows.insert(name, row.clone());
                let change = RowChange { key: key.clone(), after: Some(row.clone()) };
                Ok((Some(change), readback(key, row)))
            }
            RowWork::Delete { key, guard } => {
                let name = self.tables[table].named(key);
                self.guarded(table, rows, &name, guard)?;
                if table == 0 && self.is_parent_in_use(&name) {
                    return Err(Stop::Refused("a foreign key holds it".into()));
                }
                rows.remove(&name);
                let change = RowChange { key: key.clone(), after: None };
                Ok((Some(change), ReadbackRow { row: None, key: Some(key.clone()) }))
            }
        }
    }

    pub(super) fn guarded(
        &self,
        table: usize,
        rows: &Rows,
        name: &RowKey,
        guard: &[(u16, Cell)],
    ) -> Result<Row, Stop> {
        let Some(row) = rows.get(name) else { return Err(Stop::Missed(None)) };
        let cells = self.tables[table].cells(row);
        let same = guard.iter().all(|(column, cell)| cells[usize::from(*column)] == *cell);
        if same { Ok(row.clone()) } else { Err(Stop::Missed(Some(row.clone()))) }
    }

    pub(super) fn check(&self, table: usize, row: &Row) -> Result<(), Stop> {
        let (_, parent) = self.tables[table].special();
        let Some(parent) = parent.map(|column| &row[column]) else { return Ok(()) };
        if *parent == Value::Null || self.rows[0].values().any(|row| row[0] == *parent) {
            return Ok(());
        }
        Err(Stop::Refused("the parent is missing".into()))
    }

    /// The `COMMIT` reaches the server.
    pub fn commit(&mut self, owner: u64, intent: u64, now_us: i64) -> CommitOutcome {
        let gone = CommitOutcome::RolledBack { reason: "the session is gone".into() };
        if !self.has_session(owner) {
            return gone;
        }
        let open = self.session.as_mut().and_then(|session| session.open.take());
        let Some(open) = open.filter(|open| open.intent == intent) else { return gone };
        self.write(open, now_us);
        CommitOutcome::Done { executed: Some(self.position(self.log.len())) }
    }

    /// The `COMMIT` is on its way, and nobody will hear the answer.
    pub fn send_commit(&mut self, owner: u64) {
        if let Some(session) = self.session.as_mut().filter(|session| session.owner == owner) {
            session.committing = true;
        }
    }

    pub(super) fn write(&mut self, open: Prepared, now_us: i64) {
        let Prepared { table, shown, changes, .. } = open;
        for (change, shown) in changes.iter().zip(shown) {
            let of = &self.tables[table];
            let key = of.named(&change.key);
            let before = self.rows[table].get(&key).cloned();
            self.ours.push(OurWrite { table, key, shown, before, after: change.after.clone() });
        }
        apply(&self.tables[table], &mut self.rows[table], &changes);
        if !changes.is_empty() {
            let id = self.tables[table].spec.table;
            let events = vec![Event::Rows(id, changes)];
            self.log.push(Transaction { events, at_us: now_us, ours: true });
        }
    }
}
