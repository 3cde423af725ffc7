//! `sheetwire verify`: reads both sides and compares, cell by cell.

use std::process::ExitCode;

use sheetwire_engine::{
    TabSpec,
    change::TableId,
    compare::{Comparison, Difference},
};

use super::{comparison::settle, homes::Homes, output, progress::Progress, say};
use crate::{app, clock::Clock, config::Config, fault::Fault};

/// Differences printed for each table.
const SHOWN_MAX: usize = 20;

/// Compares every table with its tab; exit 1 when they differ, or when one of them could not be compared. Rows that are on their way while
/// it looks are given time to arrive.
pub(super) async fn verify(config: Config, json: bool) -> Result<ExitCode, Fault> {
    let clock = Clock::start();
    let doorway = app::open_doors(&config, &clock).await?;
    let homes = Homes::of(&config).await;
    let mut reports = Vec::new();
    let progress = Progress::new();
    for (table, spec) in doorway.tables.iter().zip(app::specs(&config, &doorway.tables)) {
        let found = settle(&doorway, (table, &spec, &homes), &clock, &progress).await;
        reports.push(Report { spec, found });
    }
    drop(progress);
    let names = config.table_names();
    let name = |id: &TableId| names.get(usize::from(id.0)).cloned().unwrap_or_default();
    let refused: Vec<Refused> =
        doorway.refused.iter().map(|(id, reason)| (name(id), reason.clone())).collect();
    if json {
        say(&as_json(&reports, &refused));
    } else {
        reports.iter().for_each(print);
        for (table, reason) in &refused {
            say(&format!("{table:<30} NOT COMPARED: {reason}"));
        }
        say(&verdict(&reports, &refused));
    }
    // Where nothing at all could be compared, the reason's own exit code says whose affair it is.
    if refused.is_empty() && reports.iter().all(|report| report.found.is_err()) {
        let faults = reports.into_iter().filter_map(|report| report.found.err());
        return faults.into_iter().next().map_or(Ok(ExitCode::SUCCESS), Err);
    }
    let well = refused.is_empty() && reports.iter().all(Report::is_equal);
    Ok(ExitCode::from(u8::from(!well)))
}

/// A table that cannot be carried: its name, and why.
type Refused = (String, String);

/// A table and what became of its comparison.
struct Report {
    spec: TabSpec,
    found: Result<Comparison, Fault>,
}

impl Report {
    fn is_equal(&self) -> bool {
        self.found.as_ref().is_ok_and(|found| found.differences.is_empty())
    }
}

/// The last line. "In step" only where every table was compared and is equal.
fn verdict(reports: &[Report], refused: &[Refused]) -> String {
    let found = || reports.iter().filter_map(|report| report.found.as_ref().ok());
    let rows: usize = found().map(|found| found.rows).sum();
    let cells: usize = found().map(|found| found.cells).sum();
    let differing: usize = found().map(|found| found.differences.len()).sum();
    let failed = reports.iter().filter(|report| report.found.is_err()).count() + refused.len();
    match (differing, failed) {
        (0, 0) => format!("in step: {rows} rows, {cells} cells"),
        (differing, 0) => format!("NOT in step: {differing} rows differ"),
        (0, failed) => format!("NOT in step: {failed} tables could not be compared"),
        (differing, failed) => {
            format!("NOT in step: {differing} rows differ, {failed} tables could not be compared")
        }
    }
}

/// A difference: its key, what it is, and the columns it is in.
pub(super) fn words(difference: &Difference) -> (String, &'static str, String) {
    match difference {
        Difference::Missing(key) => (output::key(key), "missing in the sheet", String::new()),
        Difference::Extra(key) => (output::key(key), "not in the database", String::new()),
        Difference::Several(key) => {
            (output::key(key), "in several rows of the sheet", String::new())
        }
        Difference::Cells(key, columns) => (output::key(key), "differs in", columns.join(", ")),
    }
}

fn print(report: &Report) {
    let title = &report.spec.title;
    let found = match &report.found {
        Ok(found) => found,
        Err(fault) => return say(&format!("{title:<30} NOT COMPARED: {fault}")),
    };
    let state = if found.differences.is_empty() { "equal" } else { "DIFFERENT" };
    say(&format!("{title:<30} {:>9} rows {:>10} cells  {state}", found.rows, found.cells));
    for difference in found.differences.iter().take(SHOWN_MAX) {
        let (key, what, columns) = words(difference);
        say(format!("  key {key}: {what} {columns}").trim_end());
    }
    if found.differences.len() > SHOWN_MAX {
        say(&format!("  and {} more", found.differences.len() - SHOWN_MAX));
    }
}

fn as_json(reports: &[Report], refused: &[Refused]) -> String {
    let compared = reports.iter().map(|Report { spec, found }| match found {
        Ok(found) => {
            let differences: Vec<_> = found.differences.iter().map(words).collect();
            serde_json::json!({
                "spreadsheet": spec.spreadsheet, "tab": spec.title, "rows": found.rows, "cells": found.cells,
                "differences": differences.iter().map(|(key, what, columns)| serde_json::json!({"key": key, "what": what, "columns": columns})).collect::<Vec<_>>(),
            })
        }
        Err(fault) => serde_json::json!({
            "spreadsheet": spec.spreadsheet, "tab": spec.title, "error": fault.to_string(),
        }),
    });
    let refused =
        refused.iter().map(|(table, reason)| serde_json::json!({"table": table, "error": reason}));
    let all: Vec<_> = compared.chain(refused).collect();
    serde_json::to_string_pretty(&all).unwrap_or_default()
}
