//! `sheetwire history`: what happened to one row, on both sides, newest first.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use sheetwire_engine::{
    cell::Cell,
    history::{HistoryEntry, Origin, RowEvent},
};

use super::{
    log::Log,
    look::Look,
    output::{self, VALUE_SHOWN_MAX, counted, cut, fitting, harmless, moment},
    pipeline::Pipeline,
    say, tables,
};
use crate::{fault::Fault, ports::HistoryWanted};

/// What is said behind `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// The table, as `database.table` or `database.table@tab`.
    table: String,
    /// The row's key as the sheet shows it; several columns one after the other, in key order.
    #[arg(required = true, value_name = "KEY", allow_negative_numbers = true)]
    key: Vec<String>,
    /// So many changes at most.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the changes of a row that are still kept.
pub(super) async fn history(
    pipeline: &Pipeline,
    arguments: &HistoryArguments,
) -> Result<ExitCode, Fault> {
    let table = tables::find(&pipeline.config, &arguments.table)?;
    let log = Log::open(pipeline).await?;
    let look = if log.is_closed() { None } else { pipeline.look(table).await };
    let columns = Columns {
        names: pipeline.table(table).map(|table| table.columns.clone()).unwrap_or_default(),
        look,
    };
    let key = match &columns.look {
        Some(look) => look
            .key(&arguments.key)
            .map_err(|why| Fault::Configuration(format!("{}: {why}", pipeline.name(table))))?,
        None => arguments.key.clone(),
    };
    let limit = arguments.limit.max(1);
    let wanted = HistoryWanted { table, key, before: None, limit };
    let (found, more) = log.history(wanted).await?;
    if arguments.json {
        let all: Vec<Value> = found.iter().map(|entry| as_json(entry, &columns)).collect();
        let place = pipeline.table_json(table);
        let object = json!({"where": place, "key": arguments.key, "changes": all, "more": more});
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
        return Ok(ExitCode::SUCCESS);
    }
    let place = harmless(&format!("{} {}", pipeline.name(table), arguments.key.join(",")));
    for line in found.iter().flat_map(|entry| lines(entry, &columns)) {
        say(&fitting(&line));
    }
    say(&match (found.len(), more) {
        (0, _) => nothing(pipeline, &place),
        (count, true) => format!("{place}: the newest {count}; --limit shows more"),
        (count, false) => format!("{place}: {}", counted(count, "change", "changes")),
    });
    Ok(ExitCode::SUCCESS)
}

fn nothing(pipeline: &Pipeline, place: &str) -> String {
    match pipeline.config.limits.history_changes_max {
        0 => format!("{place}: no history is kept, since limits.history_changes_max is 0"),
        most => format!(
            "{place}: no change is kept; the newest {most} changes of all tables are (limits.history_changes_max)"
        ),
    }
}

/// The mapped columns.
struct Columns {
    /// As configured.
    names: Vec<String>,
    /// Their types, where the pipeline runs.
    look: Option<Look>,
}

impl Columns {
    fn name(&self, place: u16) -> String {
        let known = self.names.get(usize::from(place)).cloned();
        known.unwrap_or_else(|| format!("column {}", place + 1))
    }

    fn cell(&self, place: u16, cell: &Cell) -> String {
        let shown = match &self.look {
            Some(look) => look.cell(look.layout.columns.get(usize::from(place)), cell),
            None => output::cell(cell),
        };
        cut(&shown, VALUE_SHOWN_MAX)
    }
}

/// The heading of a change, then each cell.
fn lines(entry: &HistoryEntry, columns: &Columns) -> Vec<String> {
    let what = match entry.what {
        RowEvent::Added => "row added",
        RowEvent::Changed => "row changed",
        RowEvent::Removed => "row removed",
    };
    let who = entry.who.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
    let by = match &entry.by {
        Origin::Batch(batch) => format!("batch {}", batch.0),
        Origin::Transaction { intent, until } => format!("transaction {intent}, in {until}"),
    };
    let side = output::side(entry.side);
    let heading = format!("{}  {side}: {what}{who}  ({by})", moment(entry.at_us));
    let cells = entry.cells.iter().map(|(place, before, after)| {
        let (name, after) = (columns.name(*place), columns.cell(*place, after));
        match before {
            Some(before) => format!("    {name}: {} -> {after}", columns.cell(*place, before)),
            None => format!("    {name}: {after}"),
        }
    });
    std::iter::once(heading).chain(cells).map(|line| harmless(&line)).collect()
}

/// A change as it stands in JSON.
fn as_json(entry: &HistoryEntry, columns: &Columns) -> Value {
    let cells = entry.cells.iter().map(|(place, before, after)| {
        let mut cell = json!({"column": columns.name(*place), "after": output::cell_json(after)});
        // Left out where it is not known; null is NULL.
        if let (Some(before), Some(cell)) = (before, cell.as_object_mut()) {
            cell.insert("before".to_owned(), output::cell_json(before));
        }
        cell
    });
    let (batch, transaction, position) = match &entry.by {
        Origin::Batch(batch) => (Some(&batch.0), None, None),
        Origin::Transaction { intent, until } => (None, Some(intent), Some(until.to_string())),
    };
    json!({
        "at": output::moment_json(entry.at_us),
        "side": output::side(entry.side),
        "what": match entry.what {
            RowEvent::Added => "added",
            RowEvent::Changed => "changed",
            RowEvent::Removed => "removed",
        },
        "who": entry.who,
        "batch": batch,
        "transaction": transaction,
        "position": position,
        "cells": cells.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::{batch::BatchId, change::TableId, merge::Side, state::RowKey};

    use super::*;

    #[test]
    fn a_change_tells_side_person_cause_and_cells() {
        let entry = HistoryEntry {
            table: TableId(0),
            key: RowKey("7".into()),
            at_us: 1_577_836_800_000_000,
            side: Side::Sheet,
            what: RowEvent::Changed,
            cells: vec![
                (1, Some(Cell::text("a\u{1b}[2J")), Cell::Empty),
                (9, None, Cell::Number(2.0)),
            ],
            who: Some("kim@example.com".to_owned()),
            by: Origin::Batch(BatchId("b7".to_owned())),
        };
        let columns = Columns { names: vec!["id".to_owned(), "name".to_owned()], look: None };
        assert_eq!(
            lines(&entry, &columns),
            [
                "2020-01-01 00:00:00Z  sheet: row changed by kim@example.com  (batch b7)",
                "    name: \"a\\u001b[2J\" -> NULL",
                "    column 10: 2",
            ]
        );
        let object = as_json(&entry, &columns);
        assert_eq!(object["cells"][0]["before"], "a\u{1b}[2J");
        assert!(object["cells"][1].get("before").is_none() && object["batch"] == "b7");
    }
}
