//! The door as a caller opens it: tables resolved, a stream listened to, rows read.

use std::{collections::BTreeMap, time::Duration};

use sheetwire::{
    fault::Fault,
    mysql::{
        binlog::{BinlogSource, StreamOptions},
        connect::{ServerOptions, Session, Tls},
        schema::{self, ResolvedTable, TableRequest},
        snapshot::SqlRows,
    },
    ports::{ChangeSource, MappedTable, RowSource, SourceEvent},
    secret::Secret,
};
use sheetwire_engine::{
    change::{Row, RowChange, TableId},
    position::Position,
    value::Value,
};
use tokio::time::timeout;

use crate::support::database::Database;

/// Nothing on one machine takes longer.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// The reader's account, without encryption.
pub(super) fn options(db: &Database) -> ServerOptions {
    let password = Secret::new(db.reader.password.clone());
    let options = ServerOptions::new("127.0.0.1", db.port, db.reader.user.clone(), password);
    ServerOptions { tls: Tls::Disabled, ..options }
}

/// A server id that no other stream of this run has.
pub(super) fn stream_options() -> StreamOptions {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    StreamOptions {
        heartbeat: Duration::from_millis(500),
        ..StreamOptions::new(1_000_000 + std::process::id() * 100 + number)
    }
}

/// Looks a table up as it is configured.
pub(super) async fn try_resolve(
    db: &Database,
    table: &str,
    columns: Option<&[&str]>,
) -> Result<ResolvedTable, String> {
    let mut session = Session::open(&options(db)).await.unwrap();
    schema::resolve(&mut session, &request(db, table, columns)).await.unwrap()
}

fn request(db: &Database, table: &str, columns: Option<&[&str]>) -> TableRequest {
    TableRequest {
        id: TableId(0),
        database: db.name.clone(),
        table: table.to_owned(),
        columns: columns.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        filter: None,
    }
}

/// All columns of a table.
pub(super) async fn resolve(db: &Database, table: &str) -> MappedTable {
    try_resolve(db, table, None).await.unwrap().table
}

/// All columns of a table, looked up over another connection than the usual one.
pub(super) async fn resolve_as(options: &ServerOptions, db: &Database, table: &str) -> MappedTable {
    let mut session = Session::open(options).await.unwrap();
    schema::resolve(&mut session, &request(db, table, None)).await.unwrap().unwrap().table
}

/// Only connects.
pub(super) async fn try_listen(options: &ServerOptions) -> Result<(), Fault> {
    Session::open(options).await.map(drop)
}

/// The same table under another number.
pub(super) fn numbered(table: MappedTable, id: u16) -> MappedTable {
    MappedTable { id: TableId(id), ..table }
}

/// Where the server is now.
pub(super) async fn here(db: &Database) -> Position {
    SqlRows::new(options(db)).current_position().await.unwrap()
}

/// A stream from here on.
pub(super) async fn listen(db: &Database, tables: &[MappedTable], from: &Position) -> BinlogSource {
    listen_as(&options(db), tables, from).await.unwrap()
}

/// A stream over a connection of one's own choice.
pub(super) async fn listen_as(
    options: &ServerOptions,
    tables: &[MappedTable],
    from: &Position,
) -> Result<BinlogSource, Fault> {
    BinlogSource::open(options, &stream_options(), tables.to_vec(), from.clone()).await
}

/// The next event that is no heartbeat.
pub(super) async fn next(source: &mut BinlogSource) -> Result<SourceEvent, Fault> {
    let saying = async {
        loop {
            match source.next().await {
                Ok(SourceEvent::Heartbeat) => {}
                other => return other,
            }
        }
    };
    timeout(PATIENCE, saying).await.expect("the stream says more than that it is alive")
}

/// Everything up to a position that is behind or at `until`, and the position reached.
pub(super) async fn hear_until(
    source: &mut BinlogSource,
    until: &Position,
) -> (Vec<SourceEvent>, Position) {
    let mut events = Vec::new();
    loop {
        let event = next(source).await.unwrap();
        if let SourceEvent::Commit { position, .. } = &event
            && position.contains(until).unwrap()
        {
            let position = position.clone();
            return (events, position);
        }
        events.push(event);
    }
}

/// The changes among events, in order.
pub(super) fn changes(events: &[SourceEvent]) -> Vec<RowChange> {
    let parts = events.iter().filter_map(|event| match event {
        SourceEvent::Rows { changes, .. } => Some(changes.clone()),
        _ => None,
    });
    parts.flatten().collect()
}

/// The sentences of tables set aside.
pub(super) fn set_aside(events: &[SourceEvent]) -> Vec<String> {
    let reasons = events.iter().filter_map(|event| match event {
        SourceEvent::TableSetAside { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    reasons.collect()
}

/// Runs `sql` and returns everything that the stream says about it.
pub(super) async fn heard_of(db: &Database, tables: &[MappedTable], sql: &str) -> Vec<SourceEvent> {
    let from = here(db).await;
    let mut source = listen(db, tables, &from).await;
    db.sql(sql);
    let until = here(db).await;
    hear_until(&mut source, &until).await.0
}

/// What the rows are after all changes, by key, in the order of the keys' text.
pub(super) fn folded(changes: &[RowChange]) -> Vec<Row> {
    let mut rows = BTreeMap::new();
    for change in changes {
        rows.insert(format!("{:?}", change.key), change.after.clone());
    }
    rows.into_values().flatten().collect()
}

/// All rows by `SELECT`, read in chunks of `limit`, in the order of the keys' text.
pub(super) async fn selected(db: &Database, table: &MappedTable, limit: usize) -> Vec<Row> {
    let source = SqlRows::new(options(db));
    let position = source.current_position().await.unwrap();
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| key_of(table, row));
        let chunk = source.chunk(table, after.as_deref(), limit, Some(&position)).await.unwrap();
        rows.extend(chunk.rows);
        if chunk.last {
            break;
        }
    }
    rows.sort_by_key(|row| format!("{:?}", key_of(table, row)));
    rows
}

/// The key of a row.
pub(super) fn key_of(table: &MappedTable, row: &Row) -> Vec<Value> {
    table.key.iter().map(|index| row[*index].clone()).collect()
}

/// A table of a number and a text.
pub(super) const PLAIN: &str = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40))";

/// A row of such a table.
pub(super) fn row(id: i64, v: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::Text(v.into())]
}

/// The row with this number is there.
pub(super) fn there(id: i64, v: &str) -> RowChange {
    RowChange { key: vec![Value::Int(id)], after: Some(row(id, v)) }
}

/// The row with this number is gone.
pub(super) fn gone(id: i64) -> RowChange {
    RowChange { key: vec![Value::Int(id)], after: None }
}
