//! `sheetwire repair`: one side's values stand wherever the sides differ. Prints what it would do; with `--execute` the running pipeline
//! does it, over the same way that every change goes.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use sheetwire_engine::{
    TabSpec,
    change::TableId,
    compare::{Comparison, Difference},
    engine::Status,
    merge::Side,
};

use super::{
    comparison::settle,
    homes::Homes,
    output::{self, counted},
    pause::of_table,
    pipeline::Pipeline,
    progress::Progress,
    say, side, tables,
    verify::words,
};
use crate::{
    app::{self, Doorway},
    fault::Fault,
    flow::request::Request,
    ports::MappedTable,
};

/// Differences printed for each table.
const SHOWN_MAX: usize = 20;

/// What is said behind `repair`.
#[derive(Debug, Args)]
pub(super) struct RepairArguments {
    /// The table, as `database.table` or `database.table@tab`; all of them where none is named.
    table: Option<String>,
    /// Whose values stand: database or sheet.
    #[arg(long, value_name = "SIDE", value_parser = side)]
    from: Side,
    /// Do it; otherwise what would be done is printed.
    #[arg(long)]
    execute: bool,
    /// With --execute, wait so many seconds at most until it is done.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// A table and how it differs from its tab.
struct Compared<'a> {
    table: &'a MappedTable,
    spec: &'a TabSpec,
    found: Comparison,
    /// Rows that still differ after the repair; none where none was made.
    left: Option<usize>,
}

impl Compared<'_> {
    fn differs(&self) -> bool {
        !self.found.differences.is_empty()
    }

    /// Rows that differed before the repair and do not any more.
    fn mended(&self) -> usize {
        self.found.differences.len().saturating_sub(self.left.unwrap_or(0))
    }
}

/// Exit 0 when nothing differs (any more), 1 when something does.
pub(super) async fn repair(
    pipeline: &Pipeline,
    arguments: &RepairArguments,
) -> Result<ExitCode, Fault> {
    let named = arguments.table.as_deref();
    let mut chosen = tables::chosen(&pipeline.config, named)?;
    if arguments.execute {
        // Before anything is read: it may take long.
        pipeline.status(&Request::Status {}).await?;
    }
    let doorway = app::open_doors(&pipeline.config, &pipeline.clock).await?;
    let specs = app::specs(&pipeline.config, &doorway.tables);
    if arguments.from == Side::Sheet {
        let is_inbound =
            |table: &TableId| specs.iter().any(|spec| spec.table == *table && spec.policy.inbound);
        let all = chosen.len();
        chosen.retain(is_inbound);
        if chosen.is_empty() || (named.is_some() && chosen.len() < all) {
            return Err(only_shown(named));
        }
    }
    if let Some((table, why)) = doorway.refused.iter().find(|(table, _)| chosen.contains(table)) {
        return Err(Fault::Table(format!(
            "{} cannot be carried: {why}; mend that first, or name another table",
            pipeline.name(*table)
        )));
    }
    let homes = Homes::of(&pipeline.config).await;
    let mut compared = Vec::new();
    let progress = Progress::new();
    for (table, spec) in doorway.tables.iter().zip(&specs) {
        if chosen.contains(&table.id) {
            let found = settle(&doorway, (table, spec, &homes), &pipeline.clock, &progress).await;
            let found = found.map_err(|fault| named_fault(pipeline, table.id, fault))?;
            compared.push(Compared { table, spec, found, left: None });
        }
    }
    if arguments.execute {
        let within = Duration::from_secs(arguments.timeout);
        execute(pipeline, (&doorway, &homes, &mut compared), (arguments.from, within), &progress)
            .await?;
    }
    drop(progress);
    if arguments.json {
        let object = as_json(pipeline, &compared, arguments);
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
    } else {
        for one in &compared {
            print(pipeline, one, arguments.from);
        }
        say(&verdict(&compared, arguments));
    }
    let differs =
        compared.iter().any(|one| one.left.map_or_else(|| one.differs(), |left| left > 0));
    Ok(ExitCode::from(u8::from(differs)))
}

/// Orders the repair of every table that differs, waits for all of them, and compares again.
async fn execute(
    pipeline: &Pipeline,
    (doorway, homes, compared): (&Doorway, &Homes, &mut [Compared<'_>]),
    (from, within): (Side, Duration),
    progress: &Progress,
) -> Result<(), Fault> {
    let mut ordered = Vec::new();
    for one in compared.iter_mut().filter(|one| one.differs()) {
        let table = one.table.id;
        let order = Request::Repair { table, from };
        pipeline.status(&order).await.map_err(|fault| of_table(pipeline, table, &fault))?;
        ordered.push(table);
        one.left = Some(one.found.differences.len());
    }
    if ordered.is_empty() {
        return Ok(());
    }
    progress.begins("the repair is under way");
    pipeline.wait(within, |status| status.idle && are_live(status, &ordered)).await?;
    for one in compared.iter_mut().filter(|one| one.left.is_some()) {
        let after =
            settle(doorway, (one.table, one.spec, homes), &pipeline.clock, progress).await?;
        one.left = Some(after.differences.len());
    }
    Ok(())
}

fn are_live(status: &Status, tables: &[TableId]) -> bool {
    let mut found = status.tables.iter().filter(|table| tables.contains(&table.table));
    found.all(|table| table.state == "live")
}

fn only_shown(named: Option<&str>) -> Fault {
    let which = named.map_or_else(|| "no table is".to_owned(), |name| format!("{name} is not"));
    Fault::Configuration(format!(
        "{which} changed from the sheet: set direction = \"both\" for it, or use --from database"
    ))
}

fn named_fault(pipeline: &Pipeline, table: TableId, fault: Fault) -> Fault {
    match fault {
        Fault::Table(why) => Fault::Table(format!("{}: {why}", pipeline.name(table))),
        other => other,
    }
}

/// What becomes of a difference.
fn cure(difference: &Difference, from: Side, both_ways: bool) -> &'static str {
    match (difference, from) {
        (Difference::Cells(..), Side::Database) => "the database's values go into the tab",
        (Difference::Cells(..), Side::Sheet) => "the tab's values go into the database",
        (Difference::Missing(_), _) => "the row is added to the tab",
        (Difference::Extra(_), _) if both_ways => "stays, and is treated as a row that was entered",
        (Difference::Extra(_), _) => "stays: only the tab has it",
        (Difference::Several(_), _) => "stays: delete or re-key the surplus rows in the tab",
    }
}

fn print(pipeline: &Pipeline, one: &Compared<'_>, from: Side) {
    let name = pipeline.name(one.table.id);
    let Comparison { rows, differences, .. } = &one.found;
    if !one.differs() {
        return say(&format!("{name}: equal, {}", counted(*rows, "row", "rows")));
    }
    let differ = counted(differences.len(), "row differs", "rows differ");
    if one.left.is_some() {
        return say(&format!("{name}: {differ}; {} repaired", one.mended()));
    }
    say(&format!("{name}: {differ}"));
    for difference in differences.iter().take(SHOWN_MAX) {
        let (key, what, columns) = words(difference);
        let what = format!("{what} {columns}");
        let cure = cure(difference, from, one.spec.policy.inbound);
        say(&format!("  key {key}: {} -> {cure}", what.trim_end()));
    }
    if differences.len() > SHOWN_MAX {
        say(&format!("  and {} more", differences.len() - SHOWN_MAX));
    }
}

fn verdict(compared: &[Compared<'_>], arguments: &RepairArguments) -> String {
    let from = output::side(arguments.from);
    let differing: usize = compared.iter().map(|one| one.found.differences.len()).sum();
    let left: usize = compared.iter().filter_map(|one| one.left).sum();
    let mended: usize =
        compared.iter().filter(|one| one.left.is_some()).map(Compared::mended).sum();
    match (differing, arguments.execute, left) {
        (0, ..) => "in step: there is nothing to repair".to_owned(),
        (_, false, _) => {
            format!("nothing was changed; add --execute to have the {from}'s values stand")
        }
        (_, true, 0) => {
            format!("in step: {} repaired from the {from}", counted(mended, "row", "rows"))
        }
        (_, true, left) => format!(
            "NOT in step: {} repaired from the {from}, {} differ; `sheetwire sync` says what waits",
            counted(mended, "row", "rows"),
            left
        ),
    }
}

fn as_json(pipeline: &Pipeline, compared: &[Compared<'_>], arguments: &RepairArguments) -> Value {
    let tables = compared.iter().map(|one| {
        let differences = one.found.differences.iter().map(|difference| {
            let (key, what, columns) = match difference {
                Difference::Missing(key) => (key, "missing_in_sheet", None),
                Difference::Extra(key) => (key, "not_in_database", None),
                Difference::Several(key) => (key, "in_several_rows", None),
                Difference::Cells(key, columns) => (key, "cells", Some(columns)),
            };
            json!({"key": key.parts(), "what": what, "columns": columns})
        });
        json!({
            "where": pipeline.table_json(one.table.id),
            "rows": one.found.rows,
            "differences": differences.collect::<Vec<_>>(),
            "left": one.left,
        })
    });
    json!({
        "from": output::side(arguments.from),
        "executed": arguments.execute,
        "tables": tables.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::{engine::TabStatus, state::RowKey};

    use super::*;

    #[test]
    fn what_would_be_done_is_said_for_each_kind_of_difference() {
        let key = || RowKey("7".into());
        let cells = Difference::Cells(key(), vec!["name".to_owned()]);
        assert!(cure(&cells, Side::Database, true).starts_with("the database's values"));
        assert!(cure(&cells, Side::Sheet, true).starts_with("the tab's values"));
        assert!(cure(&Difference::Extra(key()), Side::Database, false).contains("only the tab"));
        assert!(cure(&Difference::Several(key()), Side::Sheet, true).contains("surplus"));
    }

    #[test]
    fn a_repair_is_over_when_every_table_is_live_again() {
        let table = |number, state: &str| TabStatus {
            table: TableId(number),
            state: state.to_owned(),
            ..TabStatus::default()
        };
        let status =
            Status { tables: vec![table(0, "live"), table(1, "copying")], ..Status::default() };
        assert!(are_live(&status, &[TableId(0)]));
        assert!(!are_live(&status, &[TableId(0), TableId(1)]));
    }
}
