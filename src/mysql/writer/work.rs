//! One row of a transaction: locked, compared as the engine sees it, written, and read back.

use mysql_async::{Row as SqlRow, ServerError};
use sheetwire_engine::{
    cell::Cell,
    change::Row,
    intent::{ReadbackRow, Refusal, RowWork},
    render::Rendering,
    value::{Fill, Value},
};

use super::{
    refusal::{self, Verdict},
    statement::{self, Statement},
};
use crate::{
    mysql::{
        connect::{Session, Setback, at},
        select_value,
    },
    ports::MappedTable,
};

/// A table as it is written.
#[derive(Debug, Clone)]
pub struct WrittenTable {
    /// The table.
    pub table: MappedTable,
    /// How its values look in cells, which is how they are compared.
    pub rendering: Rendering,
}

/// Why a row was not written.
#[derive(Debug)]
pub(super) enum Stop {
    /// It does not look as planned.
    Missed(Option<Row>),
    /// A new row's key is taken, by this row where it meets the table's condition.
    Exists(Option<Row>),
    /// The database refuses it for good.
    Refused(Refusal),
    /// A passing reason.
    NotNow(String),
    /// The session is gone.
    Lost(String),
}

/// A row as it was found.
struct Found {
    row: Row,
    /// It meets the table's condition.
    meets: bool,
}

impl Found {
    fn visible(self) -> Option<Row> {
        self.meets.then_some(self.row)
    }
}

/// Does the work of one row within the open transaction.
pub(super) async fn work(
    session: &mut Session,
    of: &WrittenTable,
    work: &RowWork,
) -> Result<ReadbackRow, Stop> {
    match work {
        RowWork::Update { key, guard, set } => {
            guarded(session, of, key, guard).await?;
            attempt(session, of, statement::update(&of.table, key, set)).await?;
            read_back(session, of, key).await
        }
        RowWork::Delete { key, guard } => {
            guarded(session, of, key, guard).await?;
            attempt(session, of, statement::delete(&of.table, key)).await?;
            read_back(session, of, key).await
        }
        RowWork::Insert { set } => {
            let key = insert(session, of, set).await?;
            read_back(session, of, &key).await
        }
    }
}

/// Locks the row, and stops where it does not look as planned.
async fn guarded(
    session: &mut Session,
    of: &WrittenTable,
    key: &[Value],
    guard: &[(u16, Cell)],
) -> Result<(), Stop> {
    // The server compares keys by collation, and may answer with another row.
    let found = look(session, of, key, true).await?;
    let found = found.filter(|found| of.table.key_of(&found.row) == key);
    let Some(row) = found.and_then(Found::visible) else { return Err(Stop::Missed(None)) };
    let as_planned = |(place, planned): &(u16, Cell)| {
        let place = usize::from(*place);
        let (column, value) = (of.table.columns.get(place), row.get(place));
        column
            .zip(value)
            .is_some_and(|(column, value)| of.rendering.cell(column, value) == *planned)
    };
    if guard.iter().all(as_planned) { Ok(()) } else { Err(Stop::Missed(Some(row))) }
}

/// Adds a row, and gives the key that it has got.
async fn insert(
    session: &mut Session,
    of: &WrittenTable,
    set: &[(u16, Value)],
) -> Result<Vec<Value>, Stop> {
    let given = |place: usize| {
        let value = set.iter().find(|(column, _)| usize::from(*column) == place);
        value.map(|(_, value)| value).filter(|value| **value != Value::Null)
    };
    let wanted: Option<Vec<Value>> =
        of.table.key.iter().map(|place| given(*place).cloned()).collect();
    let (statement, params) = statement::insert(&of.table, set);
    match session.attempt(&statement, params).await {
        Ok(_) => {}
        Err(Setback::Lost(reason)) => return Err(Stop::Lost(reason)),
        Err(Setback::Refused(error)) => return Err(not_added(session, of, wanted, &error).await),
    }
    let drawn = session.last_insert_id();
    let columns = &of.table.columns;
    let key = of.table.key.iter().map(|place| match (given(*place), columns.get(*place)) {
        (Some(value), _) => Some(value.clone()),
        (None, Some(column)) if column.fill == Fill::AutoIncrement => counted(column, drawn?),
        (None, _) => None,
    });
    key.collect::<Option<Vec<Value>>>().ok_or_else(|| {
        let message =
            "its key is made by the server, which does not tell what it is: fill the key columns"
                .to_owned();
        Stop::Refused(Refusal { message, column: None, may_pass: false })
    })
}

/// A number that the server has counted, as a value of the column.
fn counted(column: &sheetwire_engine::value::Column, number: u64) -> Option<Value> {
    use sheetwire_engine::value::ColumnKind;
    match column.kind {
        ColumnKind::Int { unsigned: true, .. } => Some(Value::UInt(number)),
        ColumnKind::Int { .. } => i64::try_from(number).ok().map(Value::Int),
        _ => None,
    }
}

/// What it means that a row could not be added: a key that is taken may be its own.
async fn not_added(
    session: &mut Session,
    of: &WrittenTable,
    wanted: Option<Vec<Value>>,
    error: &ServerError,
) -> Stop {
    let key = match refusal::judge(error, &of.table) {
        Verdict::Taken(key) => key,
        other => return stopped(other),
    };
    if let Some(wanted) = wanted {
        match look(session, of, &wanted, true).await {
            Ok(Some(found)) => return Stop::Exists(found.visible()),
            Ok(None) => {}
            Err(stop) => return stop,
        }
    }
    Stop::Refused(refusal::taken(key.as_deref()))
}

async fn attempt(
    session: &mut Session,
    of: &WrittenTable,
    (statement, params): Statement,
) -> Result<(), Stop> {
    match session.attempt(&statement, params).await {
        Ok(_) => Ok(()),
        Err(Setback::Lost(reason)) => Err(Stop::Lost(reason)),
        Err(Setback::Refused(error)) => Err(stopped(refusal::judge(&error, &of.table))),
    }
}

fn stopped(verdict: Verdict) -> Stop {
    match verdict {
        Verdict::Taken(key) => Stop::Refused(refusal::taken(key.as_deref())),
        Verdict::Refused(refusal) => Stop::Refused(refusal),
        Verdict::NotNow(reason) => Stop::NotNow(reason),
    }
}

/// The row as the database has it now, by its own word.
async fn read_back(
    session: &mut Session,
    of: &WrittenTable,
    key: &[Value],
) -> Result<ReadbackRow, Stop> {
    Ok(match look(session, of, key, false).await? {
        // The key is the database's: it may be spelled in another way than it was asked for.
        Some(found) => ReadbackRow { key: Some(of.table.key_of(&found.row)), row: found.visible() },
        None => ReadbackRow { row: None, key: Some(key.to_vec()) },
    })
}

async fn look(
    session: &mut Session,
    of: &WrittenTable,
    key: &[Value],
    lock: bool,
) -> Result<Option<Found>, Stop> {
    let (statement, params) = statement::look(&of.table, key, lock);
    let rows = match session.attempt(&statement, params).await {
        Ok(rows) => rows,
        Err(Setback::Lost(reason)) => return Err(Stop::Lost(reason)),
        Err(Setback::Refused(error)) => return Err(stopped(refusal::judge(&error, &of.table))),
    };
    rows.into_iter().next().map(|row| found(&of.table, row)).transpose()
}

fn found(table: &MappedTable, row: SqlRow) -> Result<Found, Stop> {
    let meets = at::<i64>(&row, table.columns.len()) == Some(1);
    let cells = table.columns.iter().zip(row.unwrap());
    let row: Option<Row> =
        cells.map(|(column, cell)| select_value::value(&column.kind, cell)).collect();
    match row {
        Some(row) => Ok(Found { row, meets }),
        None => Err(Stop::Refused(Refusal {
            message: format!(
                "table {}.{} answers with other types than it had: restart sheetwire, so that it is read anew",
                table.database, table.table
            ),
            column: None,
            may_pass: false,
        })),
    }
}
