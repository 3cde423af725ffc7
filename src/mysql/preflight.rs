//! What a server must be set to before it is followed: each finding says what was found, and the statement that cures it.

use std::collections::BTreeMap;

use sheetwire_engine::position::Position;

use super::{
    binlog::start::{Lost, trouble},
    connect::{Session, at, named},
    grants, sql, standing,
};
use crate::{fault::Fault, ports::MappedTable};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Works, with a risk that the finding names.
    Warn,
    /// Must be cured first.
    Fail,
}

/// One thing that was looked at and is not as it should be, or is worth saying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// What was looked at: a variable, a grant, a table.
    pub what: String,
    /// What it is, and why that matters.
    pub found: String,
    /// What to do; empty for [`Level::Info`].
    pub cure: String,
}

/// What is going to be done with the server.
#[derive(Debug, Clone)]
pub struct PreflightRequest<'a> {
    /// Tables that are followed.
    pub tables: &'a [MappedTable],
    /// Our number among its replicas.
    pub server_id: u32,
    /// Where we would go on, if anything was stored.
    pub position: Option<&'a Position>,
    /// Whether tables are copied again by themselves where the server has thrown away what comes behind the position.
    pub copies_again: bool,
    /// Whether a server without GTIDs is refused.
    pub gtids_required: bool,
    /// What is known of a reader that has our number already.
    pub reader: Reader,
}

impl<'a> PreflightRequest<'a> {
    /// A request for these tables under this number, for a first start.
    pub fn new(tables: &'a [MappedTable], server_id: u32) -> Self {
        Self {
            tables,
            server_id,
            position: None,
            copies_again: false,
            gtids_required: false,
            reader: Reader::Unknown,
        }
    }
}

/// What is known of a reader of the server that has our number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Nothing: it may be anybody.
    Unknown,
    /// It is this pipeline itself, which runs.
    Ours,
    /// We are about to read, and nobody else does from our data folder: one that was killed a moment ago is still listed, most likely.
    Starts,
}

/// Retention below this is refused: a weekend's rest for the reader must not cost a new copy.
const RETENTION_FAIL_SECONDS: f64 = 86_400.0;

/// Retention below this is warned about.
const RETENTION_WARN_SECONDS: f64 = 7.0 * 86_400.0;

/// Looks at everything, and returns what was found, worst first.
pub async fn preflight(
    session: &mut Session,
    request: &PreflightRequest<'_>,
) -> Result<Vec<Finding>, Fault> {
    let variables = variables(session).await?;
    let mariadb = session.server().is_mariadb();
    let mut findings = Vec::new();
    log_variables(&variables, &mut findings);
    if !mariadb {
        gtid_variables(&variables, request.gtids_required, &mut findings);
    }
    retention(&variables, mariadb, &mut findings);
    findings.extend(grants::missing(session, request.tables).await?);
    replica(session, &variables, &mut findings).await?;
    numbers(session, &variables, request, &mut findings).await?;
    filters(session, request, &mut findings).await?;
    cascades(session, request, &mut findings).await?;
    encryption(session, &mut findings).await?;
    position(session, request, &mut findings).await?;
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    Ok(findings)
}

type Variables = BTreeMap<String, String>;

async fn variables(session: &mut Session) -> Result<Variables, Fault> {
    let rows = session.query("SHOW GLOBAL VARIABLES").await?;
    let pair = |row| Some((at::<String>(row, 0)?.to_lowercase(), at::<String>(row, 1)?));
    Ok(rows.iter().filter_map(pair).collect())
}

fn finding(level: Level, what: &str, found: &str, cure: &str) -> Finding {
    Finding { level, what: what.to_owned(), found: found.to_owned(), cure: cure.to_owned() }
}

fn is(variables: &Variables, name: &str, wanted: &str) -> bool {
    variables.get(name).is_none_or(|value| value.eq_ignore_ascii_case(wanted))
}

fn value<'a>(variables: &'a Variables, name: &str) -> &'a str {
    variables.get(name).map_or("", String::as_str)
}

/// A variable, what it must be, how bad it is otherwise, why, and the cure. A server without the variable has nothing to cure.
type Wanted = (&'static str, &'static str, Level, &'static str, &'static str);

const WANTED: [Wanted; 8] = [
    (
        "log_bin",
        "ON",
        Level::Fail,
        "nothing is logged, so nothing can be followed",
        "start the server with log_bin=binlog",
    ),
    (
        "binlog_format",
        "ROW",
        Level::Fail,
        "changes are logged as statements, which name no rows",
        "SET GLOBAL binlog_format = 'ROW', and in the server's settings",
    ),
    (
        "binlog_row_image",
        "FULL",
        Level::Fail,
        "rows are logged without the columns that did not change",
        "SET GLOBAL binlog_row_image = 'FULL', and in the server's settings",
    ),
    (
        "binlog_row_value_options",
        "",
        Level::Fail,
        "changes of JSON documents are logged in parts",
        "SET GLOBAL binlog_row_value_options = '', and in the server's settings",
    ),
    (
        "binlog_row_metadata",
        "FULL",
        Level::Warn,
        "the log does not tell column names, so a table that is altered may have to be copied again",
        "SET GLOBAL binlog_row_metadata = 'FULL', and in the server's settings",
    ),
    (
        "sync_binlog",
        "1",
        Level::Info,
        "a crash of the machine may lose transactions that were already read",
        "",
    ),
    ("log_bin_compress", "OFF", Level::Info, "compressed events are read", ""),
    (
        "binlog_transaction_compression",
        "OFF",
        Level::Info,
        "each transaction is unpacked in memory",
        "",
    ),
];

fn log_variables(variables: &Variables, findings: &mut Vec<Finding>) {
    for (name, wanted, level, why, cure) in WANTED {
        if !is(variables, name, wanted) {
            let found = format!("is '{}': {why}", value(variables, name));
            findings.push(finding(level, name, &found, cure));
        }
    }
}

fn gtid_variables(variables: &Variables, required: bool, findings: &mut Vec<Finding>) {
    if !is(variables, "gtid_mode", "ON") {
        let found = format!(
            "is '{}': without GTIDs a failover or a restored server cannot be followed, and a first copy is less exact",
            value(variables, "gtid_mode")
        );
        findings.push(finding(
            if required { Level::Fail } else { Level::Warn },
            "gtid_mode",
            &found,
            "switch GTIDs on: enforce_gtid_consistency=ON, then gtid_mode step by step to ON",
        ));
    } else if !is(variables, "enforce_gtid_consistency", "ON") {
        let found = format!("is '{}'", value(variables, "enforce_gtid_consistency"));
        findings.push(finding(
            Level::Warn,
            "enforce_gtid_consistency",
            &found,
            "SET GLOBAL enforce_gtid_consistency = 'ON'",
        ));
    }
}

fn retention(variables: &Variables, mariadb: bool, findings: &mut Vec<Finding>) {
    let number = |name: &str| value(variables, name).parse::<f64>().unwrap_or(0.0);
    let seconds = match number("binlog_expire_logs_seconds") {
        0.0 => number("expire_logs_days") * 86_400.0,
        seconds => seconds,
    };
    // Zero means for ever.
    if seconds <= 0.0 || seconds >= RETENTION_WARN_SECONDS {
        return;
    }
    let level = if seconds < RETENTION_FAIL_SECONDS { Level::Fail } else { Level::Warn };
    let hours = seconds / 3600.0;
    let name = if mariadb && number("binlog_expire_logs_seconds") <= 0.0 {
        "expire_logs_days"
    } else {
        "binlog_expire_logs_seconds"
    };
    let found = format!(
        "the binlog is kept for {hours:.1} hours: after a longer rest all tables have to be copied again"
    );
    findings.push(finding(
        level,
        name,
        &found,
        "SET GLOBAL binlog_expire_logs_seconds = 604800 (seven days), and in the server's settings",
    ));
}

async fn replica(
    session: &mut Session,
    variables: &Variables,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let statement = if session.server().is_mysql_since(8, 0, 22) {
        "SHOW REPLICA STATUS"
    } else {
        "SHOW SLAVE STATUS"
    };
    let rows = match session.query(statement).await {
        Ok(rows) => rows,
        Err(weather @ Fault::Transient(_)) => return Err(weather),
        Err(_) => {
            findings.push(finding(Level::Info, "replica status", "the account may not see whether this is a replica; the settings of replicas were not looked at", ""));
            return Ok(());
        }
    };
    if rows.is_empty() {
        return Ok(());
    }
    let first_of = |names: [&str; 2]| {
        names.iter().find_map(|name| variables.get(*name)).cloned().unwrap_or_default()
    };
    let updates = first_of(["log_replica_updates", "log_slave_updates"]);
    if !updates.is_empty() && !updates.eq_ignore_ascii_case("ON") {
        findings.push(finding(
            Level::Fail,
            "log_replica_updates",
            "this replica does not log what it takes over, so nothing of it can be followed",
            "start it with log_replica_updates=ON, or follow its primary",
        ));
    }
    let workers = first_of(["replica_parallel_workers", "slave_parallel_workers"])
        .parse::<u32>()
        .unwrap_or(0);
    let ordered = first_of(["replica_preserve_commit_order", "slave_preserve_commit_order"]);
    if workers > 1 && ordered.eq_ignore_ascii_case("OFF") {
        findings.push(finding(Level::Warn, "replica_preserve_commit_order", "this replica commits in another order than its primary: positions get gaps that close later, and states in between never were on the primary", "SET GLOBAL replica_preserve_commit_order = 'ON'"));
    }
    Ok(())
}

async fn numbers(
    session: &mut Session,
    variables: &Variables,
    request: &PreflightRequest<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let own = value(variables, "server_id").parse::<u32>().unwrap_or(0);
    if own == 0 {
        findings.push(finding(
            Level::Fail,
            "server_id",
            "is 0: the server serves no readers of its binlog",
            "SET GLOBAL server_id to a number of its own",
        ));
    }
    let taken = |level, who: &str| {
        let found = format!(
            "{} is {who}: two readers with one number throw each other out",
            request.server_id
        );
        finding(level, "our server_id", &found, "set another mysql.server_id in our configuration")
    };
    if request.server_id == 0 || request.server_id == own {
        findings.push(taken(Level::Fail, "the server's own"));
    }
    let statement = if session.server().is_mysql_since(8, 0, 22) {
        "SHOW REPLICAS"
    } else {
        "SHOW SLAVE HOSTS"
    };
    match session.query(statement).await {
        Ok(rows) => {
            let listed =
                rows.iter().any(|row| named::<u32>(row, "Server_id") == Some(request.server_id));
            // Who has it is seen at the server when both read: it sends one of them away, and that one says so.
            if listed && request.reader == Reader::Unknown {
                findings.push(taken(Level::Warn, "in use by a reader of this server now"));
            } else if listed && request.reader == Reader::Starts {
                let found = format!(
                    "{} is still among the server's readers: a run of ours that ended a moment ago, most likely",
                    request.server_id
                );
                findings.push(finding(Level::Info, "our server_id", &found, ""));
            }
            Ok(())
        }
        Err(weather @ Fault::Transient(_)) => Err(weather),
        Err(_) => {
            findings.push(finding(
                Level::Info,
                "our server_id",
                "the account may not see which other readers the server has; whether our number is taken was not looked at",
                "",
            ));
            Ok(())
        }
    }
}

async fn filters(
    session: &mut Session,
    request: &PreflightRequest<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let statement = if session.server().is_mysql_since(8, 2, 0) {
        "SHOW BINARY LOG STATUS"
    } else {
        "SHOW MASTER STATUS"
    };
    let rows = match session.query(statement).await {
        Ok(rows) => rows,
        Err(weather @ Fault::Transient(_)) => return Err(weather),
        Err(_) => return Ok(()),
    };
    let list = |column: &str| {
        let text = rows.first().and_then(|row| named::<String>(row, column)).unwrap_or_default();
        text.split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
    };
    let (only, ignored) = (list("Binlog_Do_DB"), list("Binlog_Ignore_DB"));
    for table in request.tables {
        let hidden = ignored.contains(&table.database)
            || (!only.is_empty() && !only.contains(&table.database));
        if hidden {
            let found = format!("the changes of {}.{} are not logged", table.database, table.table);
            findings.push(finding(
                Level::Fail,
                "binlog_do_db, binlog_ignore_db",
                &found,
                "take the database out of the server's filters",
            ));
        }
    }
    Ok(())
}

/// Children of a cascading foreign key change without a row in the log where the engine does the cascade.
async fn cascades(
    session: &mut Session,
    request: &PreflightRequest<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let native = session.variable("innodb_native_foreign_keys").await?;
    let logged = native.is_some_and(|value| value.eq_ignore_ascii_case("OFF"));
    if logged {
        return Ok(());
    }
    for table in request.tables {
        let place = format!("table {}.{}", table.database, table.table);
        // information_schema hides foreign keys from accounts that may only read.
        let statement =
            format!("SHOW CREATE TABLE {}", sql::table_name(&table.database, &table.table));
        let text = match session.query(&statement).await {
            Ok(rows) => rows.first().and_then(|row| at::<String>(row, 1)).unwrap_or_default(),
            Err(weather @ Fault::Transient(_)) => return Err(weather),
            Err(_) => {
                let found = "the account may not see its foreign keys; whether rows change with a parent was not looked at";
                findings.push(finding(Level::Info, &place, found, ""));
                continue;
            }
        };
        for line in text.lines().map(str::trim).filter(|line| cascading(line)) {
            let found = format!(
                "rows change with their parent without being logged: {}",
                line.trim_end_matches(',')
            );
            let cure =
                "run `verify` regularly, or let the application change the children by itself";
            findings.push(finding(Level::Warn, &place, &found, cure));
        }
    }
    Ok(())
}

/// Whether a line of `SHOW CREATE TABLE` is a foreign key that changes its own rows.
fn cascading(line: &str) -> bool {
    let rules = line.split_once(" FOREIGN KEY ").map_or("", |(_, rest)| rest);
    ["DELETE", "UPDATE"].iter().any(|event| {
        ["CASCADE", "SET NULL", "SET DEFAULT"]
            .iter()
            .any(|rule| rules.contains(&format!(" ON {event} {rule}")))
    })
}

async fn encryption(session: &mut Session, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let rows = session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'").await?;
    let cipher = rows.first().and_then(|row| at::<String>(row, 1)).unwrap_or_default();
    if cipher.is_empty() {
        // Nobody is on the way within one machine; there this is the default.
        if session.is_local() {
            return Ok(());
        }
        findings.push(finding(
            Level::Warn,
            "tls",
            "the connection is not encrypted: whoever is on the way reads every row",
            "set mysql.tls to \"verify_identity\", or \"required\" at least",
        ));
    }
    Ok(())
}

async fn position(
    session: &mut Session,
    request: &PreflightRequest<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    if let Ok(now) = standing::current_position(session).await {
        findings.push(finding(Level::Info, "position", &format!("the server stands at {now}"), ""));
    }
    let Some(stored) = request.position else { return Ok(()) };
    match trouble(session, stored).await {
        Ok(None) => {}
        Ok(Some(Lost { purged: true, found, .. })) if request.copies_again => {
            let cure =
                "nothing: mysql.snapshot is \"when_needed\", so `run` copies every table again";
            findings.push(finding(Level::Warn, "stored position", &found, cure));
        }
        Ok(Some(Lost { found, cure, .. })) => {
            findings.push(finding(Level::Fail, "stored position", &found, &cure));
        }
        Err(weather @ Fault::Transient(_)) => return Err(weather),
        Err(refused) => {
            findings.push(finding(
                Level::Fail,
                "stored position",
                &refused.to_string(),
                "make that right first",
            ));
        }
    }
    Ok(())
}

/// The `GRANT` for a table, with the account left to fill in.
pub fn select_grant(table: &MappedTable, account: &str) -> String {
    format!("GRANT SELECT ON {} TO {account}", sql::table_name(&table.database, &table.table))
}
