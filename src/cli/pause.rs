//! `sheetwire pause` and `sheetwire resume`: a table rests, or goes on; kept in the store, so that it also holds after a restart.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sheetwire_engine::{change::TableId, state::StoreStep};

use super::{
    pipeline::{Pipeline, unexpected},
    say, tables,
};
use crate::{
    fault::Fault,
    flow::request::{Answer, Request},
    ports::StateStore,
};

/// What is said behind `pause` and `resume`.
#[derive(Debug, Args)]
pub(super) struct PauseArguments {
    /// The table, as `database.table` or `database.table@tab`; all of them where none is named.
    table: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Stops tables, or lets them go on.
pub(super) async fn pause(
    pipeline: &Pipeline,
    arguments: &PauseArguments,
    paused: bool,
) -> Result<ExitCode, Fault> {
    let chosen = tables::chosen(&pipeline.config, arguments.table.as_deref())?;
    let (changed, running) = match pipeline.ask(&Request::Status {}).await? {
        Some(Answer::Status(status)) => {
            let rests = status.tables.iter().filter(|table| table.paused).map(|table| table.table);
            let changed = others(&chosen, &rests.collect::<Vec<_>>(), paused);
            for table in &changed {
                let order = Request::Pause { table: *table, paused };
                pipeline
                    .status(&order)
                    .await
                    .map_err(|fault| of_table(pipeline, *table, &fault))?;
            }
            (changed, true)
        }
        None => (in_store(pipeline, &chosen, paused).await?, false),
        // It has read from its store already which tables rest.
        Some(Answer::Starting(_)) => {
            pipeline.demand(&Request::Status {}).await?;
            (Vec::new(), true)
        }
        Some(other) => return Err(unexpected(&other)),
    };
    if arguments.json {
        let tables: Vec<_> = chosen.iter().map(|table| pipeline.table_json(*table)).collect();
        let count = changed.len();
        let object =
            json!({"paused": paused, "tables": tables, "changed": count, "running": running});
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
    } else {
        for table in chosen {
            let name = pipeline.name(table);
            say(&format!("{name}: {}", words(paused, changed.contains(&table), running)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn words(paused: bool, changed: bool, running: bool) -> &'static str {
    match (paused, changed, running) {
        (true, false, _) => "is paused already",
        (false, false, _) => "is not paused",
        (true, true, true) => "paused: changes of both sides are kept and wait",
        (true, true, false) => "paused: it rests from the next `run` on",
        (false, true, true) => "goes on",
        (false, true, false) => "goes on with the next `run`",
    }
}

/// Those of the chosen tables that are not as they shall be.
fn others(chosen: &[TableId], resting: &[TableId], paused: bool) -> Vec<TableId> {
    chosen.iter().copied().filter(|table| resting.contains(table) != paused).collect()
}

async fn in_store(
    pipeline: &Pipeline,
    chosen: &[TableId],
    paused: bool,
) -> Result<Vec<TableId>, Fault> {
    let store = pipeline.store()?;
    let changed = others(chosen, &store.load()?.paused, paused);
    store.apply(changed.iter().map(|table| StoreStep::Paused(*table, paused)).collect()).await?;
    Ok(changed)
}

/// The sentence with the table that it is about.
pub(super) fn of_table(pipeline: &Pipeline, table: TableId, fault: &Fault) -> Fault {
    Fault::Configuration(format!("{}: {fault}", pipeline.name(table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_so_yet_is_changed() {
        let [a, b] = [TableId(0), TableId(1)];
        assert_eq!(others(&[a, b], &[a], true), [b]);
        assert_eq!(others(&[a, b], &[a], false), [a]);
        assert_eq!(others(&[b], &[a], false), []);
    }
}
