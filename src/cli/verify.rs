//! `sheetwire verify`: reads both sides and compares, cell by cell.

use std::{process::ExitCode, time::Duration};

use sheetwire_engine::{
    TabSpec,
    batch::{ReadFailure, TabImage, TabRead},
    change::Row,
    compare::{Comparison, Difference, compare},
};

use super::say;
use crate::{
    app::{self, Doorway},
    clock::Clock,
    config::Config,
    fault::Fault,
    ports::{MappedTable, SheetSink},
};

/// Rows read at once.
const CHUNK_ROWS: usize = 10_000;
/// A table that still changes is compared again, so often at most.
const ROUNDS: u32 = 5;
const BETWEEN_ROUNDS: Duration = Duration::from_secs(3);
/// Differences printed for each table.
const SHOWN_MAX: usize = 20;

/// Compares every table with its tab; exit 1 when they differ. Rows that are on their way while it looks are given time to arrive.
pub(super) async fn verify(config: Config, json: bool) -> Result<ExitCode, Fault> {
    let clock = Clock::start();
    let doorway = app::open_doors(&config, &clock).await?;
    let mut sums = [0, 0];
    let mut reports = Vec::new();
    for (table, spec) in doorway.tables.iter().zip(app::specs(&config, &doorway.tables)) {
        let found = settle(&doorway, table, &spec, &clock).await?;
        sums[0] += found.rows;
        sums[1] += found.cells;
        reports.push((spec, found));
    }
    let differing: usize = reports.iter().map(|(_, found)| found.differences.len()).sum();
    if json {
        say(&as_json(&reports));
    } else {
        for (spec, found) in &reports {
            print(spec, found);
        }
        say(&if differing == 0 {
            format!("in step: {} rows, {} cells", sums[0], sums[1])
        } else {
            format!("NOT in step: {differing} rows differ")
        });
    }
    Ok(ExitCode::from(u8::from(differing > 0)))
}

async fn settle(
    doorway: &Doorway,
    table: &MappedTable,
    spec: &TabSpec,
    clock: &Clock,
) -> Result<Comparison, Fault> {
    let mut round = 1;
    loop {
        let rows = read_table(doorway, table).await?;
        let image = read_tab(doorway, spec).await?;
        let found = compare(spec.clone(), rows.into_iter(), image).map_err(Fault::Table)?;
        if found.differences.is_empty() || round == ROUNDS {
            return Ok(found);
        }
        round += 1;
        clock.sleep_until(clock.now() + BETWEEN_ROUNDS).await;
    }
}

async fn read_table(doorway: &Doorway, table: &MappedTable) -> Result<Vec<Row>, Fault> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| table.key_of(row));
        let chunk = doorway.rows.chunk(table, after.as_deref(), CHUNK_ROWS, None).await?;
        rows.extend(chunk.rows);
        if chunk.last {
            return Ok(rows);
        }
    }
}

async fn read_tab(doorway: &Doorway, spec: &TabSpec) -> Result<TabImage, Fault> {
    let image = doorway.sheets.open(&spec.spreadsheet).await.map_err(refused)?;
    let Some(tab) = image.tabs.iter().find(|tab| tab.title == spec.title) else {
        return Err(Fault::Table(format!(
            "spreadsheet {} has no tab '{}': start `sheetwire run`, which makes it",
            spec.spreadsheet, spec.title
        )));
    };
    let read = TabRead { sheet_id: tab.sheet_id, header_row: spec.header_row, columns: None };
    let images = doorway.sheets.read(&spec.spreadsheet, &[read]).await.map_err(refused)?;
    images.into_iter().next().ok_or_else(|| Fault::Google("Google answered without a tab".into()))
}

pub(super) fn refused(failure: ReadFailure) -> Fault {
    match failure {
        ReadFailure::Throttled => {
            Fault::Google("the read quota of this minute is used up: try again in a minute".into())
        }
        ReadFailure::Transient { reason } => Fault::Google(format!("{reason}; try again")),
        ReadFailure::TabGone { .. } => Fault::Google("the tab was removed meanwhile".into()),
        ReadFailure::Denied { message } => Fault::Google(message),
    }
}

fn words(difference: &Difference) -> (String, &'static str, String) {
    let plain = |key: &sheetwire_engine::state::RowKey| {
        key.0
            .split('\u{1f}')
            .map(|part| part.trim_start_matches('\''))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match difference {
        Difference::Missing(key) => (plain(key), "missing in the sheet", String::new()),
        Difference::Extra(key) => (plain(key), "not in the database", String::new()),
        Difference::Several(key) => (plain(key), "in several rows of the sheet", String::new()),
        Difference::Cells(key, columns) => (plain(key), "differs in", columns.join(", ")),
    }
}

fn print(spec: &TabSpec, found: &Comparison) {
    let state = if found.differences.is_empty() { "equal" } else { "DIFFERENT" };
    say(&format!("{:<30} {:>9} rows {:>10} cells  {state}", spec.title, found.rows, found.cells));
    for difference in found.differences.iter().take(SHOWN_MAX) {
        let (key, what, columns) = words(difference);
        say(&format!("  key {key}: {what} {columns}"));
    }
    if found.differences.len() > SHOWN_MAX {
        say(&format!("  and {} more", found.differences.len() - SHOWN_MAX));
    }
}

fn as_json(reports: &[(TabSpec, Comparison)]) -> String {
    let tables: Vec<_> = reports
        .iter()
        .map(|(spec, found)| {
            let differences: Vec<_> = found.differences.iter().map(words).collect();
            serde_json::json!({
                "spreadsheet": spec.spreadsheet, "tab": spec.title, "rows": found.rows, "cells": found.cells,
                "differences": differences.iter().map(|(key, what, columns)| serde_json::json!({"key": key, "what": what, "columns": columns})).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::to_string_pretty(&tables).unwrap_or_default()
}
