//! Rows by `SELECT`, equal to what the decoder makes of the log: for first copies, conditions and `verify`.
//!
//! A chunk is read from a snapshot that contains at least a given position. MySQL is asked to wait for that position, because a
//! transaction reaches the log's readers before it can be seen by `SELECT`. MariaDB tells which position its snapshot is of, and
//! a snapshot that is too old is taken again. Without GTIDs only the end of the log can be compared.

use std::time::Duration;

use mysql_async::{Row as SqlRow, Value as Param};
use sheetwire_engine::{
    change::Row,
    position::{GtidList, Position},
    value::Value,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{
    connect::{ServerOptions, Session, at, named},
    select_value::value,
    sql, standing,
};
use crate::{
    fault::Fault,
    ports::{Ask, Chunk, MappedTable, RowSource},
};

/// Keys asked for in one statement.
const KEYS_PER_STATEMENT: usize = 500;

/// How long a snapshot may lag behind the wanted position before the caller is told to try again later.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(30);

/// How often a lagging server is looked at. Only where the server has no way to wait by itself.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Reads rows of one server over one connection, opened when it is first needed and again after every fault.
#[derive(Debug)]
pub struct SqlRows {
    options: ServerOptions,
    /// A call takes the session out and puts it back when all went well, so that a dropped call drops its session too.
    session: Mutex<Option<Session>>,
}

impl SqlRows {
    /// Connects later.
    pub fn new(options: ServerOptions) -> Self {
        Self { options, session: Mutex::new(None) }
    }

    /// Everything the server has executed by now.
    pub async fn current_position(&self) -> Result<Position, Fault> {
        let mut session = self.take().await?;
        let position = standing::current_position(&mut session).await?;
        self.put_back(session).await;
        Ok(position)
    }

    /// Who the server is.
    pub async fn server_identity(&self) -> Result<standing::ServerIdentity, Fault> {
        let mut session = self.take().await?;
        let identity = standing::server_identity(&mut session).await?;
        self.put_back(session).await;
        Ok(identity)
    }

    async fn take(&self) -> Result<Session, Fault> {
        if let Some(session) = self.session.lock().await.take() {
            return Ok(session);
        }
        let mut session = Session::open(&self.options).await?;
        session.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        Ok(session)
    }

    async fn put_back(&self, session: Session) {
        *self.session.lock().await = Some(session);
    }

    async fn read_chunk(
        &self,
        table: &MappedTable,
        after: Option<&[Value]>,
        limit: usize,
        contains: Option<&Position>,
    ) -> Result<Chunk, Fault> {
        let mut session = self.take().await?;
        let (conditions, params) = match after {
            Some(key) => {
                let (condition, params) = sql::behind(table, key);
                (vec![format!("({condition})")], params)
            }
            None => (Vec::new(), Vec::new()),
        };
        let order = sql::order_by_key(table);
        let statement = format!("{}{order} LIMIT {limit}", sql::select(table, &conditions));
        let snapshot = reach(&mut session, contains).await?;
        let rows = select(&mut session, table, &statement, params).await?;
        if snapshot == Snapshot::Transaction {
            session.run("COMMIT").await?;
        }
        self.put_back(session).await;
        Ok(Chunk { last: rows.len() < limit, rows })
    }

    async fn read_rows(
        &self,
        table: &MappedTable,
        keys: &[Vec<Value>],
        contains: Option<&Position>,
    ) -> Result<Vec<Row>, Fault> {
        let mut session = self.take().await?;
        let snapshot = reach(&mut session, contains).await?;
        let mut rows = Vec::with_capacity(keys.len());
        for some in keys.chunks(KEYS_PER_STATEMENT) {
            let (condition, params) = sql::among(table, some);
            let statement = sql::select(table, &[condition]);
            rows.append(&mut select(&mut session, table, &statement, params).await?);
        }
        if snapshot == Snapshot::Transaction {
            session.run("COMMIT").await?;
        }
        self.put_back(session).await;
        Ok(rows)
    }
}

impl RowSource for SqlRows {
    fn chunk<'a>(
        &'a self,
        table: &'a MappedTable,
        after: Option<&'a [Value]>,
        limit: usize,
        contains: Option<&'a Position>,
    ) -> Ask<'a, Result<Chunk, Fault>> {
        Box::pin(self.read_chunk(table, after, limit, contains))
    }

    fn rows<'a>(
        &'a self,
        table: &'a MappedTable,
        keys: &'a [Vec<Value>],
        contains: Option<&'a Position>,
    ) -> Ask<'a, Result<Vec<Row>, Fault>> {
        Box::pin(self.read_rows(table, keys, contains))
    }
}

/// What the next `SELECT` reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snapshot {
    /// Whatever is committed when it starts.
    Statement,
    /// An open transaction, to be ended afterwards.
    Transaction,
}

/// Brings the session to where the next `SELECT` sees at least everything up to a position.
async fn reach(session: &mut Session, contains: Option<&Position>) -> Result<Snapshot, Fault> {
    match contains {
        None => Ok(Snapshot::Statement),
        Some(Position::MySql(set)) => {
            let seconds = CATCH_UP_WITHIN.as_secs();
            let question = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{set}', {seconds})");
            match session.text(&question).await?.as_deref() {
                Some("0") => Ok(Snapshot::Statement),
                _ => Err(lagging(session)),
            }
        }
        Some(Position::MariaDb(list)) => reach_list(session, list).await,
        Some(wanted @ Position::File { .. }) => reach_offset(session, wanted).await,
    }
}

async fn reach_list(session: &mut Session, wanted: &GtidList) -> Result<Snapshot, Fault> {
    let deadline = Instant::now() + CATCH_UP_WITHIN;
    loop {
        session.run("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
        if snapshot_position(session).await?.contains(wanted) {
            return Ok(Snapshot::Transaction);
        }
        session.run("ROLLBACK").await?;
        if Instant::now() >= deadline {
            return Err(lagging(session));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The position of MariaDB's open snapshot.
async fn snapshot_position(session: &mut Session) -> Result<GtidList, Fault> {
    let (mut file, mut offset) = (None::<String>, None::<String>);
    for row in session.query("SHOW STATUS LIKE 'binlog_snapshot_%'").await? {
        match named::<String>(&row, "Variable_name").unwrap_or_default().to_lowercase().as_str() {
            "binlog_snapshot_file" => file = named(&row, "Value"),
            "binlog_snapshot_position" => offset = named(&row, "Value"),
            _ => {}
        }
    }
    let missing = || {
        Fault::Source(format!(
            "{} does not tell where its snapshot stands; start it with log_bin",
            session.place()
        ))
    };
    let (file, offset) = file.zip(offset).ok_or_else(missing)?;
    let offset: u64 = offset.parse().map_err(|_| missing())?;
    let rows = session.exec("SELECT BINLOG_GTID_POS(?, ?)", (file, offset)).await?;
    let text: String = rows.first().and_then(|row| at(row, 0)).unwrap_or_default();
    standing::parse(session, &text)
}

async fn reach_offset(session: &mut Session, wanted: &Position) -> Result<Snapshot, Fault> {
    let deadline = Instant::now() + CATCH_UP_WITHIN;
    loop {
        let (name, offset) = standing::log_end(session).await?;
        let end = Position::File { name, offset };
        let reached = end
            .contains(wanted)
            .map_err(|why| Fault::Source(format!("{}: {why}", session.place())))?;
        if reached {
            return Ok(Snapshot::Statement);
        }
        if Instant::now() >= deadline {
            return Err(lagging(session));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn lagging(session: &Session) -> Fault {
    Fault::Transient(format!(
        "{} has not executed what was already read from the binlog, {CATCH_UP_WITHIN:?} after it was asked to; is it a replica that lags?",
        session.place()
    ))
}

async fn select(
    session: &mut Session,
    table: &MappedTable,
    statement: &str,
    params: Vec<Param>,
) -> Result<Vec<Row>, Fault> {
    // Always the binary protocol: it alone carries FLOAT exactly.
    let rows = if params.is_empty() {
        session.exec(statement, ()).await?
    } else {
        session.exec(statement, params).await?
    };
    rows.into_iter().map(|row| read(table, row)).collect()
}

fn read(table: &MappedTable, row: SqlRow) -> Result<Row, Fault> {
    let cells = row.unwrap();
    table
        .columns
        .iter()
        .zip(cells)
        .map(|(column, cell)| {
            value(&column.kind, cell).ok_or_else(|| {
                Fault::Table(format!(
                    "table {}.{}: column '{}' answers with another type than it had; restart sheetwire, so that the table is read anew",
                    table.database, table.table, column.name
                ))
            })
        })
        .collect()
}
