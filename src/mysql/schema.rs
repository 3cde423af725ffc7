//! From configured names to mapped tables: what `information_schema` says, and a sentence for everything that cannot be carried.

use mysql_async::Row as SqlRow;
use sheetwire_engine::{change::TableId, value::Column};

use super::{
    columns::{Described, column_kind},
    connect::{Session, at},
    layout::{ColumnLayout, TableLayout},
    sql,
};
use crate::{fault::Fault, ports::MappedTable};

/// A `[[table]]` of the configuration, as far as the database is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRequest {
    /// Number of the `[[table]]`.
    pub id: TableId,
    /// Schema name as configured.
    pub database: String,
    /// Table name as configured.
    pub table: String,
    /// Column names in the order of the configuration; `None` for all visible ones.
    pub columns: Option<Vec<String>>,
    /// A condition the server evaluates.
    pub filter: Option<String>,
}

/// A table that was found and can be carried.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedTable {
    /// For the ports.
    pub table: MappedTable,
    /// For the reader.
    pub layout: TableLayout,
    /// Sentences about what works less well than it could.
    pub warnings: Vec<String>,
}

/// Looks one configured table up. The outer error is the server's; the inner one is a sentence about this table.
pub async fn resolve(
    session: &mut Session,
    request: &TableRequest,
) -> Result<Result<ResolvedTable, String>, Fault> {
    let Some(found) = find_table(session, &request.database, &request.table).await? else {
        let (database, table) = (&request.database, &request.table);
        return Ok(Err(format!(
            "table {database}.{table}: there is no such table, or the account may not see it; check the name, or GRANT SELECT ON {} TO the account",
            sql::table_name(database, table)
        )));
    };
    let described = describe(session, &found).await?;
    let keys = unique_keys(session, &found).await?;
    let resolved = assemble(session, request, &found, &described, &keys);
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(what) => return Ok(Err(format!("table {}.{}: {what}", found.database, found.table))),
    };
    match probe(session, &resolved.table).await {
        Ok(()) => Ok(Ok(resolved)),
        Err(weather @ Fault::Transient(_)) => Err(weather),
        Err(refused) => Ok(Err(format!("table {}.{}: {refused}", found.database, found.table))),
    }
}

/// Reads the layout of a table as it is now; `None` when it is gone.
pub async fn layout(
    session: &mut Session,
    database: &str,
    table: &str,
) -> Result<Option<TableLayout>, Fault> {
    let Some(found) = find_table(session, database, table).await? else { return Ok(None) };
    Ok(Some(layout_of(&describe(session, &found).await?)))
}

/// What `information_schema.TABLES` says.
struct Found {
    database: String,
    table: String,
    engine: String,
    kind: String,
}

async fn find_table(
    session: &mut Session,
    database: &str,
    table: &str,
) -> Result<Option<Found>, Fault> {
    // 0 means that names are told apart by case, 1 that they are stored in lower case, 2 that case does not count.
    let cased = session.variable("lower_case_table_names").await?.unwrap_or_default();
    let spelled = |name: &str| if cased == "1" { name.to_lowercase() } else { name.to_owned() };
    let (database, table) = (spelled(database), spelled(table));
    let rows = session
        .exec(
            "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
            (&database, &table),
        )
        .await?;
    let same = |left: &str, right: &str| {
        if cased == "2" { left.to_lowercase() == right.to_lowercase() } else { left == right }
    };
    let found = rows.iter().map(|row| Found {
        database: at(row, 0).unwrap_or_default(),
        table: at(row, 1).unwrap_or_default(),
        engine: at(row, 2).unwrap_or_default(),
        kind: at(row, 3).unwrap_or_default(),
    });
    Ok(found.into_iter().find(|one| same(&one.database, &database) && same(&one.table, &table)))
}

async fn describe(session: &mut Session, found: &Found) -> Result<Vec<Described>, Fault> {
    let rows = session
        .exec(
            "SELECT COLUMN_NAME, ORDINAL_POSITION, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, \
             NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_MAXIMUM_LENGTH, EXTRA, COLUMN_DEFAULT \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
            (&found.database, &found.table),
        )
        .await?;
    Ok(rows.iter().map(described).collect())
}

fn described(row: &SqlRow) -> Described {
    let word = |index| at::<String>(row, index).unwrap_or_default();
    let number = |index| at::<u64>(row, index).unwrap_or(0);
    Described {
        name: word(0),
        ordinal: usize::try_from(number(1)).unwrap_or(1).saturating_sub(1),
        data_type: word(2).to_lowercase(),
        column_type: word(3),
        nullable: word(4).eq_ignore_ascii_case("YES"),
        charset: at(row, 5),
        precision: number(6),
        scale: number(7),
        fsp: number(8),
        length: number(9),
        extra: word(10),
        default: at(row, 11),
    }
}

/// Columns in table order. Where the account may not see one, a nameless column keeps its place.
fn layout_of(described: &[Described]) -> TableLayout {
    let count = described.iter().map(|column| column.ordinal + 1).max().unwrap_or(0);
    let hidden = ColumnLayout { name: String::new(), charset: None, labels: Vec::new() };
    let mut columns = vec![hidden; count];
    for column in described {
        columns[column.ordinal] = ColumnLayout {
            name: column.name.clone(),
            charset: column.charset.clone(),
            labels: column.labels(),
        };
    }
    TableLayout { columns }
}

/// A unique index: its name and columns; only those without NULLs, prefixes (but for the primary key) and expressions are asked for.
struct UniqueKey {
    name: String,
    columns: Vec<String>,
}

async fn unique_keys(session: &mut Session, found: &Found) -> Result<Vec<UniqueKey>, Fault> {
    let rows = session
        .exec(
            "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX",
            (&found.database, &found.table),
        )
        .await?;
    let mut keys: Vec<(UniqueKey, bool)> = Vec::new();
    for row in &rows {
        let name: String = at(row, 0).unwrap_or_default();
        let column: Option<String> = at(row, 1);
        let prefix = at::<u64>(row, 2).is_some() && name != "PRIMARY";
        let nullable = at::<String>(row, 3).is_some_and(|word| word.eq_ignore_ascii_case("YES"));
        if keys.last().is_none_or(|(last, _)| last.name != name) {
            keys.push((UniqueKey { name, columns: Vec::new() }, true));
        }
        if let Some((key, usable)) = keys.last_mut() {
            *usable &= column.is_some() && !prefix && !nullable;
            key.columns.extend(column);
        }
    }
    Ok(keys.into_iter().filter(|(_, usable)| *usable).map(|(key, _)| key).collect())
}

fn assemble(
    session: &Session,
    request: &TableRequest,
    found: &Found,
    described: &[Described],
    keys: &[UniqueKey],
) -> Result<ResolvedTable, String> {
    if !found.kind.eq_ignore_ascii_case("BASE TABLE") {
        let kind = found.kind.to_lowercase();
        return Err(format!(
            "it is a {kind}, which the binlog does not describe row by row; map the table behind it"
        ));
    }
    let chosen = chosen_columns(request, described, keys)?;
    let mariadb = session.server().is_mariadb();
    let columns = chosen
        .iter()
        .map(|one| {
            let kind = column_kind(one, mariadb)?;
            let fill = one.fill(mariadb);
            Ok(Column { name: one.name.clone(), kind, nullable: one.nullable, fill })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let key = choose_key(&columns, keys)?;
    let table = MappedTable {
        id: request.id,
        database: found.database.clone(),
        table: found.table.clone(),
        columns,
        ordinals: chosen.iter().map(|one| one.ordinal).collect(),
        key,
        filter: request.filter.clone(),
    };
    let mut warnings = Vec::new();
    if !found.engine.eq_ignore_ascii_case("InnoDB") {
        let place = format!("{}.{}", found.database, found.table);
        warnings.push(format!(
            "table {place}: its engine is {}, not InnoDB: a statement that fails half-way leaves rows behind, and copies are not consistent",
            found.engine
        ));
    }
    Ok(ResolvedTable { table, layout: layout_of(described), warnings })
}

fn chosen_columns<'a>(
    request: &TableRequest,
    described: &'a [Described],
    keys: &[UniqueKey],
) -> Result<Vec<&'a Described>, String> {
    let Some(names) = &request.columns else {
        let primary = keys.iter().find(|key| key.name == "PRIMARY");
        let in_key = |name: &String| primary.is_some_and(|key| key.columns.contains(name));
        return Ok(described
            .iter()
            .filter(|one| !one.is_invisible() || in_key(&one.name))
            .collect());
    };
    let mut chosen: Vec<&Described> = Vec::with_capacity(names.len());
    for name in names {
        let wanted = name.to_lowercase();
        let column =
            described.iter().find(|one| one.name.to_lowercase() == wanted).ok_or_else(|| {
                let there: Vec<&str> = described.iter().map(|one| one.name.as_str()).collect();
                format!("it has no column '{name}'; there are: {}", there.join(", "))
            })?;
        if chosen.iter().any(|one| one.ordinal == column.ordinal) {
            return Err(format!("column '{name}' is mapped twice; name it once"));
        }
        chosen.push(column);
    }
    Ok(chosen)
}

/// The primary key if it is mapped, else the shortest unique key that is mapped and allows no NULL.
fn choose_key(columns: &[Column], keys: &[UniqueKey]) -> Result<Vec<usize>, String> {
    let place = |name: &String| columns.iter().position(|column| column.name == *name);
    let mapped = |key: &UniqueKey| key.columns.iter().map(place).collect::<Option<Vec<_>>>();
    let primary = keys.iter().find(|key| key.name == "PRIMARY");
    if let Some(key) = primary.and_then(mapped) {
        return Ok(key);
    }
    if let Some(key) = keys.iter().filter_map(mapped).min_by_key(Vec::len) {
        return Ok(key);
    }
    Err(match primary.or(keys.first()) {
        Some(key) => format!("its key ({}) is not among the mapped columns; map it too", key.columns.join(", ")),
        None => "it has neither a primary key nor a unique key without NULLs; give it one, so that rows can be told apart".to_owned(),
    })
}

/// Asks for no row at all: shows whether the columns may be read and whether the condition makes sense.
async fn probe(session: &mut Session, table: &MappedTable) -> Result<(), Fault> {
    let statement = format!("{} LIMIT 0", sql::select(table, &[]));
    session.query(&statement).await.map(drop)
}
