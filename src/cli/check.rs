//! `sheetwire check`: server, grants, variables, tables and spreadsheets, before anything is written but the probe's hidden tab.

use std::process::ExitCode;

use sheetwire_engine::{
    batch::{SpreadsheetImage, TabRead},
    compare::compare,
};

use super::{say, verify::refused};
use crate::{
    app::{self, Doorway},
    clock::Clock,
    config::Config,
    fault::Fault,
    mysql::preflight::{Finding, Level},
    ports::SheetSink,
};

/// Prints what it finds; exit 1 when something stands in the way.
pub(super) async fn check(config: Config, offline: bool, json: bool) -> Result<ExitCode, Fault> {
    let mut findings = vec![info("configuration", "in order", "")];
    if !offline {
        let clock = Clock::start();
        let doorway = app::open_doors(&config, &clock).await?;
        findings.extend(app::preflight(&config, &doorway).await?);
        for (_, reason) in &doorway.refused {
            findings.push(fail("table", reason, "see there"));
        }
        for spreadsheet in app::spreadsheets(&config) {
            look_at(&config, &doorway, &spreadsheet, &mut findings).await?;
        }
    }
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    if json {
        say(&as_json(&findings));
    } else {
        findings.iter().for_each(print);
        say(if failed { "not ready: see the lines marked FAIL" } else { "ready" });
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// Probes a spreadsheet and maps its tabs.
async fn look_at(
    config: &Config,
    doorway: &Doorway,
    spreadsheet: &str,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let place = format!("spreadsheet {spreadsheet}");
    let image = SheetSink::open(&*doorway.sheets, spreadsheet).await.map_err(refused)?;
    findings.push(info(&place, &format!("'{}', readable", image.title), ""));
    let report = doorway.sheets.probe(spreadsheet).await?;
    findings.push(info(&place, &format!("writable; fence by {:?}", report.fence), ""));
    findings.push(cells(&place, &image));
    for spec in app::specs(config, &doorway.tables) {
        if spec.spreadsheet != spreadsheet {
            continue;
        }
        let place = format!("tab '{}'", spec.title);
        let Some(tab) = image.tabs.iter().find(|tab| tab.title == spec.title) else {
            findings.push(info(&place, "does not exist; `run` makes it", ""));
            continue;
        };
        let read = TabRead { sheet_id: tab.sheet_id, header_row: spec.header_row, columns: None };
        let images = doorway.sheets.read(spreadsheet, &[read]).await.map_err(refused)?;
        for image in images {
            findings.push(match compare(spec.clone(), std::iter::empty(), image) {
                Ok(found) => {
                    let keyed = found.differences.len();
                    info(&place, &format!("columns found, {keyed} rows with a key"), "")
                }
                Err(reason) => fail(&place, &reason, "see there"),
            });
        }
    }
    Ok(())
}

/// Google's limit for a spreadsheet, empty cells of the grids included.
const CELLS_MAX: u64 = 10_000_000;

fn cells(place: &str, image: &SpreadsheetImage) -> Finding {
    let used: u64 = image.tabs.iter().map(|tab| u64::from(tab.rows) * u64::from(tab.columns)).sum();
    let percent = used * 100 / CELLS_MAX;
    let found = format!("{used} cells, {percent} % of what Google allows");
    if percent < 80 {
        return info(place, &found, "");
    }
    let cure = "remove empty rows and columns, or spread the tabs over two spreadsheets".to_owned();
    Finding { level: Level::Warn, what: place.to_owned(), found, cure }
}

fn info(what: &str, found: &str, cure: &str) -> Finding {
    Finding { level: Level::Info, what: what.into(), found: found.into(), cure: cure.into() }
}

fn fail(what: &str, found: &str, cure: &str) -> Finding {
    Finding { level: Level::Fail, ..info(what, found, cure) }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Fail => "FAIL",
        Level::Warn => "warn",
        Level::Info => "ok  ",
    }
}

fn print(finding: &Finding) {
    say(&format!("{}  {:<34} {}", word(finding.level), finding.what, finding.found));
    if finding.level != Level::Info && !finding.cure.is_empty() {
        say(&format!("      {:<34} -> {}", "", finding.cure));
    }
}

fn as_json(findings: &[Finding]) -> String {
    let all: Vec<_> = findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "level": word(finding.level).trim().to_lowercase(),
                "what": finding.what, "found": finding.found, "cure": finding.cure,
            })
        })
        .collect();
    serde_json::to_string_pretty(&all).unwrap_or_default()
}
