//! What the server that is written to must be set to, and what the account must be allowed, before anything is written.

use sheetwire_engine::value::Column;

use crate::{
    fault::Fault,
    mysql::{
        connect::{Session, Setback, at},
        grants,
        preflight::{Finding, Level},
        sql, standing,
    },
    ports::MappedTable,
};

/// A table, and what may be done to it.
#[derive(Debug, Clone)]
pub struct WritePlan {
    /// The table.
    pub table: MappedTable,
    /// Mapped columns that edits reach, by their place.
    pub columns: Vec<usize>,
    /// Whether rows may be removed.
    pub removes: bool,
}

/// What is going to be done with the server.
#[derive(Debug)]
pub struct WriterRequest<'a> {
    /// The tables that are written.
    pub plans: &'a [WritePlan],
    /// Whether another server than the one that is followed.
    pub apart: bool,
}

/// Looks at everything, and returns what was found, worst first.
pub async fn preflight(
    session: &mut Session,
    request: &WriterRequest<'_>,
) -> Result<Vec<Finding>, Fault> {
    let mut findings = Vec::new();
    read_only(session, &mut findings).await?;
    if request.apart {
        positions(session, &mut findings).await?;
    }
    let account = grants::account(session).await?;
    for plan in request.plans {
        engine(session, &plan.table, &mut findings).await?;
        unfilled(session, &plan.table, &mut findings).await?;
        rights(session, plan, &account, &mut findings).await?;
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    Ok(findings)
}

fn finding(level: Level, what: String, found: &str, cure: &str) -> Finding {
    Finding { level, what, found: found.to_owned(), cure: cure.to_owned() }
}

async fn read_only(session: &mut Session, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    for name in ["super_read_only", "read_only"] {
        // MariaDB has steps beyond ON, which keep more accounts from writing.
        let value = session.variable(name).await?.unwrap_or_default();
        if !matches!(value.to_uppercase().as_str(), "" | "OFF" | "0") {
            findings.push(finding(
                Level::Fail,
                format!("writer's {name}"),
                &format!(
                    "is '{value}': {} takes no writes, as a replica does not",
                    session.place()
                ),
                "name the primary under [mysql.writer], or switch it off there",
            ));
            break;
        }
    }
    Ok(())
}

/// Without GTIDs nobody can say when the server that is followed has caught up with the one that was written to.
async fn positions(session: &mut Session, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    if session.server().is_mariadb() || standing::has_gtids(session).await? {
        return Ok(());
    }
    findings.push(finding(
        Level::Fail,
        "writer's gtid_mode".to_owned(),
        "is not ON: without GTIDs the server that is written to must be the one that is followed",
        "switch GTIDs on, or leave [mysql.writer] out and name the primary under [mysql]",
    ));
    Ok(())
}

fn place(table: &MappedTable) -> String {
    format!("table {}.{}", table.database, table.table)
}

async fn engine(
    session: &mut Session,
    table: &MappedTable,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let question =
        "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
    let rows = session.exec(question, (&table.database, &table.table)).await?;
    let engine: String = rows.first().and_then(|row| at(row, 0)).unwrap_or_default();
    if !engine.eq_ignore_ascii_case("InnoDB") {
        findings.push(finding(
            Level::Fail,
            place(table),
            &format!("its engine is '{engine}', which takes nothing back: a write that is refused half-way would stay"),
            "convert it to InnoDB, or set direction = \"to_sheet\" for it",
        ));
    }
    Ok(())
}

/// Columns that a new row needs and nobody can fill from the sheet.
async fn unfilled(
    session: &mut Session,
    table: &MappedTable,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let question = "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
         AND IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL AND EXTRA NOT LIKE '%auto_increment%' \
         AND EXTRA NOT LIKE '%GENERATED%' ORDER BY ORDINAL_POSITION";
    let rows = session.exec(question, (&table.database, &table.table)).await?;
    let names = rows.iter().filter_map(|row| at::<String>(row, 0));
    let mapped = |name: &String| table.columns.iter().any(|column| column.name == *name);
    let missing: Vec<String> = names.filter(|name| !mapped(name)).collect();
    if !missing.is_empty() {
        findings.push(finding(
            Level::Warn,
            place(table),
            &format!(
                "new rows from the sheet are refused: {} may not be empty, has no default and is not mapped",
                missing.join(", ")
            ),
            "map it, or give it a default",
        ));
    }
    Ok(())
}

/// Statements that change nothing, but are only explained to who may run them.
async fn rights(
    session: &mut Session,
    plan: &WritePlan,
    account: &str,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let wanted = grant(plan, account);
    for probe in probes(plan) {
        match session.attempt(&probe, ()).await {
            Ok(_) => {}
            Err(Setback::Lost(reason)) => return Err(Fault::Transient(reason)),
            Err(Setback::Refused(error)) => {
                let said =
                    format!("the account may not write it: {} ({})", error.message, error.code);
                findings.push(finding(Level::Fail, place(&plan.table), &said, &wanted));
                return Ok(());
            }
        }
    }
    findings.push(finding(
        Level::Info,
        place(&plan.table),
        &format!("may be written; {wanted} is enough"),
        "",
    ));
    Ok(())
}

fn probes(plan: &WritePlan) -> Vec<String> {
    let table = sql::table_name(&plan.table.database, &plan.table.table);
    let assigned = |places: &mut dyn Iterator<Item = &Column>| {
        places.map(|column| sql::name(&column.name)).collect::<Vec<_>>()
    };
    let edited = assigned(&mut edited(plan));
    let added = assigned(&mut added(plan));
    let all = assigned(&mut plan.table.columns.iter());
    let mut probes = vec![format!("SELECT {} FROM {table} WHERE 1 = 0 FOR UPDATE", all.join(", "))];
    if !edited.is_empty() {
        let set: Vec<String> = edited.iter().map(|name| format!("{name} = {name}")).collect();
        probes.push(format!("EXPLAIN UPDATE {table} SET {} WHERE 1 = 0", set.join(", ")));
    }
    let select = format!("SELECT {} FROM {table} WHERE 1 = 0", added.join(", "));
    probes.push(format!("EXPLAIN INSERT INTO {table} ({}) {select}", added.join(", ")));
    if plan.removes {
        probes.push(format!("EXPLAIN DELETE FROM {table} WHERE 1 = 0"));
    }
    probes
}

fn edited(plan: &WritePlan) -> impl Iterator<Item = &Column> {
    plan.columns.iter().filter_map(|place| plan.table.columns.get(*place))
}

fn added(plan: &WritePlan) -> impl Iterator<Item = &Column> {
    plan.table.columns.iter().filter(|column| column.is_writable())
}

/// The `GRANT` that is needed, column by column.
pub fn grant(plan: &WritePlan, account: &str) -> String {
    let list = |columns: &mut dyn Iterator<Item = &Column>| {
        columns.map(|column| sql::name(&column.name)).collect::<Vec<_>>().join(", ")
    };
    let mut rights = vec!["SELECT".to_owned()];
    rights.push(format!("INSERT ({})", list(&mut added(plan))));
    let columns = list(&mut edited(plan));
    if !columns.is_empty() {
        rights.push(format!("UPDATE ({columns})"));
    }
    if plan.removes {
        rights.push("DELETE".to_owned());
    }
    let table = sql::table_name(&plan.table.database, &plan.table.table);
    format!("GRANT {} ON {table} TO {account}", rights.join(", "))
}
