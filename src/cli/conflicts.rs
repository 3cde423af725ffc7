//! `sheetwire conflicts`: what did not win, and what waits for a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sheetwire_engine::{
    cell::Cell,
    change::TableId,
    conflict::{ConflictRecord, Outcome},
    merge::Side,
};

use super::{
    log::Log,
    look::Look,
    output::{self, VALUE_SHOWN_MAX, counted, cut, fitting, moment},
    pipeline::Pipeline,
    say, side, tables,
};
use crate::{
    fault::Fault,
    flow::request::{Answer, Request},
    ports::ConflictsWanted,
};

/// What is said behind `conflicts`.
#[derive(Debug, Subcommand)]
pub(super) enum ConflictsVerb {
    /// Those that are open, newest first; exit 1 if there are any.
    List(ListArguments),
    /// Everything about one.
    Show {
        /// Its number.
        id: u64,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Decide one: the value of the side that is kept goes to the other side.
    Resolve(ResolveArguments),
}

/// What is said behind `conflicts list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Of this table only.
    table: Option<String>,
    /// Settled ones too.
    #[arg(long)]
    all: bool,
    /// So many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What is said behind `conflicts resolve`.
#[derive(Debug, Args)]
pub(super) struct ResolveArguments {
    /// Its number.
    id: u64,
    /// Whose value stands: database or sheet.
    #[arg(long, value_name = "SIDE", value_parser = side)]
    keep: Side,
    /// Wait so many seconds at most until it is carried out.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Does what was typed.
pub(super) async fn conflicts(
    pipeline: &Pipeline,
    verb: &ConflictsVerb,
) -> Result<ExitCode, Fault> {
    match verb {
        ConflictsVerb::List(arguments) => list(pipeline, arguments).await,
        ConflictsVerb::Show { id, json } => show(pipeline, *id, *json).await,
        ConflictsVerb::Resolve(arguments) => resolve(pipeline, arguments).await,
    }
}

async fn list(pipeline: &Pipeline, arguments: &ListArguments) -> Result<ExitCode, Fault> {
    let table =
        arguments.table.as_deref().map(|word| tables::find(&pipeline.config, word)).transpose()?;
    let log = Log::open(pipeline).await?;
    let limit = arguments.limit.max(1);
    let wanted = ConflictsWanted { table, settled: arguments.all, before: None, limit };
    let (found, more) = log.conflicts(wanted).await?;
    let open = found.iter().any(|record| record.outcome.is_open());
    if arguments.json {
        let all: Vec<Value> = found.iter().map(|record| as_json(pipeline, record)).collect();
        let object = json!({"conflicts": all, "more": more});
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
        return Ok(ExitCode::from(u8::from(open)));
    }
    let looks = Looks::of(pipeline, &log, &found).await;
    let rows: Vec<Vec<String>> = found.iter().map(|record| row(pipeline, record)).collect();
    let heading = [">ID", "SEEN", "KIND", "OUTCOME", "RULE", "TABLE, KEY, COLUMN"];
    let lines = output::aligned(&heading, &rows);
    if let Some(heading) = lines.first().filter(|_| !found.is_empty()) {
        say(heading);
    }
    for (line, record) in lines.iter().skip(1).zip(&found) {
        say(line);
        say(&fitting(&format!("    {}", values(&looks, record))));
        if let Some(reason) = &record.reason {
            say(&format!("    {reason}"));
        }
    }
    say(&match (found.len(), more) {
        (0, _) if arguments.all => "no conflicts".to_owned(),
        (0, _) => "no open conflicts; --all lists the settled ones".to_owned(),
        (count, true) => format!("the newest {count}; --limit shows more"),
        (count, false) => format!(
            "{}; `sheetwire conflicts show ID` tells all",
            counted(count, "conflict", "conflicts")
        ),
    });
    Ok(ExitCode::from(u8::from(open)))
}

fn row(pipeline: &Pipeline, record: &ConflictRecord) -> Vec<String> {
    vec![
        record.id.to_string(),
        output::minute(record.seen_at_us),
        record.kind.word().to_owned(),
        outcome(record.outcome),
        record.rule.map_or("-", output::rule).to_owned(),
        place(pipeline, record),
    ]
}

/// Table, key and column.
fn place(pipeline: &Pipeline, record: &ConflictRecord) -> String {
    let key = record.key.as_ref().map_or_else(|| "(no key)".to_owned(), output::key);
    let key = cut(&key, VALUE_SHOWN_MAX);
    let place = format!("{} {key} {}", pipeline.name(record.table), record.column);
    place.trim_end().to_owned()
}

/// Both values, as far as they fit into a line of a terminal.
fn values(looks: &Looks, record: &ConflictRecord) -> String {
    const SHOWN_MAX: usize = 25;
    let short = |value| cut(&looks.value(record, value), SHOWN_MAX);
    let (database, sheet) = (record.database.as_ref(), record.sheet.as_ref());
    format!("database: {}   sheet: {}", short(database), short(sheet))
}

/// How the values of some conflicts look, table by table.
struct Looks(BTreeMap<TableId, Look>);

impl Looks {
    async fn of(pipeline: &Pipeline, log: &Log<'_>, records: &[ConflictRecord]) -> Self {
        let mut looks = BTreeMap::new();
        if log.is_closed() {
            return Self(looks);
        }
        for table in records.iter().map(|record| record.table).collect::<BTreeSet<_>>() {
            looks.extend(pipeline.look(table).await.map(|look| (table, look)));
        }
        Self(looks)
    }

    fn value(&self, record: &ConflictRecord, value: Option<&Cell>) -> String {
        let (Some(cell), Some(look)) = (value, self.0.get(&record.table)) else {
            return output::maybe(value);
        };
        look.cell(look.layout.columns.iter().find(|column| column.name == record.column), cell)
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Open => "open".to_owned(),
        Outcome::Decided(side) => format!("decided for the {}", output::side(side)),
        Outcome::Kept(side) => format!("{} kept", output::side(side)),
        Outcome::GoneByItself => "gone by itself".to_owned(),
    }
}

async fn show(pipeline: &Pipeline, id: u64, json: bool) -> Result<ExitCode, Fault> {
    let log = Log::open(pipeline).await?;
    let record = log.conflict(id).await?.ok_or_else(|| unknown(id))?;
    if json {
        say(&serde_json::to_string_pretty(&as_json(pipeline, &record)).unwrap_or_default());
    } else {
        let looks = Looks::of(pipeline, &log, std::slice::from_ref(&record)).await;
        let mut lines = lines(pipeline, &looks, &record);
        if !log.is_closed() && is_unnoted(pipeline, id).await? {
            let why = "not written: the cell bears one of a person's, which is left alone";
            lines.push(vec!["note".to_owned(), why.to_owned()]);
        }
        for line in output::aligned(&["", ""], &lines).iter().skip(1) {
            say(line);
        }
    }
    Ok(ExitCode::from(u8::from(record.outcome.is_open())))
}

/// Whether a person's note stands where ours would tell of it.
async fn is_unnoted(pipeline: &Pipeline, id: u64) -> Result<bool, Fault> {
    let Some(Answer::Status(status)) = pipeline.ask(&Request::Status {}).await? else {
        return Ok(false);
    };
    Ok(status.tables.iter().any(|table| table.unnoted.contains(&id)))
}

/// Everything about one, a name and a value in each line.
fn lines(pipeline: &Pipeline, looks: &Looks, record: &ConflictRecord) -> Vec<Vec<String>> {
    let value = |cell: &Option<Cell>| looks.value(record, cell.as_ref());
    let at = |micros: Option<i64>| moment(micros.unwrap_or(0));
    let words = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), Clone::clone);
    let column = if record.column.is_empty() { "(whole row)" } else { &record.column };
    let tab = pipeline.table(record.table).map(|table| table.to.tab.to_string());
    [
        ("conflict", record.id.to_string()),
        ("kind", record.kind.word().to_owned()),
        ("outcome", outcome(record.outcome)),
        ("table", pipeline.name(record.table).to_owned()),
        ("tab", words(tab.as_ref())),
        ("key", record.key.as_ref().map_or_else(|| "(no key)".to_owned(), output::key)),
        ("column", column.to_owned()),
        ("agreed on before", value(&record.base)),
        ("database", value(&record.database)),
        ("  committed", at(record.database_at_us)),
        ("sheet", value(&record.sheet)),
        ("  entered", at(record.sheet_at_us)),
        ("  by", words(record.who.as_ref())),
        ("seen", moment(record.seen_at_us)),
        ("rule", record.rule.map_or("-", output::rule).to_owned()),
        ("reason", words(record.reason.as_ref())),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.to_owned(), value])
    .collect()
}

async fn resolve(pipeline: &Pipeline, arguments: &ResolveArguments) -> Result<ExitCode, Fault> {
    let ResolveArguments { id, keep, timeout, json } = *arguments;
    let log = Log::open(pipeline).await?;
    let before = log.conflict(id).await?.ok_or_else(|| unknown(id))?;
    let record = if before.outcome.is_open() {
        if log.is_closed() {
            return Err(pipeline.does_not_run());
        }
        pipeline.status(&Request::Decide { id, keep }).await?;
        until_settled(pipeline, &log, id, Duration::from_secs(timeout)).await?
    } else {
        before.clone()
    };
    let heirs = match (before.outcome.is_open(), record.outcome) {
        (true, Outcome::GoneByItself) => heirs(&log, &record).await?,
        _ => Vec::new(),
    };
    if json {
        let mut object = as_json(pipeline, &record);
        if let Some(object) = object.as_object_mut() {
            object.insert("goes_on_as".to_owned(), json!(heirs.first().map(|heir| heir.id)));
        }
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
    } else if let Some(heir) = heirs.first() {
        say(&inherited(id, heir, heirs.iter().find_map(|heir| heir.reason.as_deref())));
    } else {
        say(&verdict(before.outcome, record.outcome, id));
    }
    let contrary = matches!(record.outcome, Outcome::Kept(side) if side != keep);
    Ok(ExitCode::from(u8::from(contrary || !heirs.is_empty())))
}

/// Newer conflicts about the same cell, newest first, where one of them is open: the decision could not be carried out.
async fn heirs(log: &Log<'_>, record: &ConflictRecord) -> Result<Vec<ConflictRecord>, Fault> {
    const LOOKED_AT_MAX: usize = 200;
    let wanted = ConflictsWanted {
        table: Some(record.table),
        settled: true,
        before: None,
        limit: LOOKED_AT_MAX,
    };
    let (mut newer, _) = log.conflicts(wanted).await?;
    newer.retain(|other| {
        other.id > record.id && other.key == record.key && other.column == record.column
    });
    let goes_on = newer.iter().any(|other| other.outcome.is_open());
    Ok(if goes_on { newer } else { Vec::new() })
}

fn inherited(id: u64, heir: &ConflictRecord, reason: Option<&str>) -> String {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "conflict {id} could not be settled like this{reason}: it goes on as conflict {}, {}",
        heir.id,
        heir.kind.word()
    )
}

/// The conflict when it is settled, or when the time is up.
async fn until_settled(
    pipeline: &Pipeline,
    log: &Log<'_>,
    id: u64,
    within: Duration,
) -> Result<ConflictRecord, Fault> {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    let end = pipeline.clock.now() + within;
    loop {
        let record = log.conflict(id).await?.ok_or_else(|| unknown(id))?;
        let now = pipeline.clock.now();
        if !record.outcome.is_open() || now >= end {
            return Ok(record);
        }
        pipeline.clock.sleep_until(end.min(now + LOOK_EVERY)).await;
    }
}

fn verdict(before: Outcome, now: Outcome, id: u64) -> String {
    match (before.is_open(), now) {
        (true, Outcome::Kept(side)) => {
            format!(
                "conflict {id} is settled: the {}'s value stands on both sides",
                output::side(side)
            )
        }
        (true, Outcome::GoneByItself) => format!("conflict {id} is settled: the sides have met"),
        (true, Outcome::Open | Outcome::Decided(_)) => format!(
            "accepted: conflict {id} is being carried out; `sheetwire conflicts show {id}` tells when it is done"
        ),
        (false, now) => format!("conflict {id} was settled already: {}", outcome(now)),
    }
}

fn unknown(id: u64) -> Fault {
    Fault::Configuration(format!(
        "there is no conflict {id}: `sheetwire conflicts list --all` shows those that are kept"
    ))
}

/// A conflict as it stands in JSON.
fn as_json(pipeline: &Pipeline, record: &ConflictRecord) -> Value {
    let value = |cell: &Option<_>| cell.as_ref().map(output::cell_json);
    let (word, side) = match record.outcome {
        Outcome::Open => ("open", None),
        Outcome::Decided(side) => ("decided", Some(side)),
        Outcome::Kept(side) => ("kept", Some(side)),
        Outcome::GoneByItself => ("gone_by_itself", None),
    };
    // A value that is not known is left out; null is NULL.
    let mut object = json!({
        "id": record.id,
        "kind": record.kind.word(),
        "open": record.outcome.is_open(),
        "outcome": word,
        "side": side.map(output::side),
        "where": pipeline.table_json(record.table),
        "key": record.key.as_ref().map(sheetwire_engine::state::RowKey::parts),
        "column": (!record.column.is_empty()).then_some(&record.column),
        "rule": record.rule.map(output::rule),
        "reason": record.reason,
        "who": record.who,
        "seen_at": output::moment_json(record.seen_at_us),
        "database_at": output::moment_json(record.database_at_us.unwrap_or(0)),
        "sheet_at": output::moment_json(record.sheet_at_us.unwrap_or(0)),
    });
    for (name, cell) in
        [("agreed", &record.base), ("database", &record.database), ("sheet", &record.sheet)]
    {
        if let (Some(value), Some(object)) = (value(cell), object.as_object_mut()) {
            object.insert(name.to_owned(), value);
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_answered_with_what_became_of_it() {
        let said = |before, now| verdict(before, now, 7);
        let kept = Outcome::Kept(Side::Sheet);
        assert!(said(Outcome::Open, kept).contains("the sheet's value stands on both sides"));
        assert!(said(Outcome::Open, Outcome::Decided(Side::Sheet)).starts_with("accepted: "));
        assert_eq!(said(kept, kept), "conflict 7 was settled already: sheet kept");
    }
}
