//! `sheetwire check`: data folder, doorbell, server, grants, variables, tables and spreadsheets, before anything is written but the probe's hidden
//! tab. What is wrong on one side hides nothing of the other.

mod folder;
mod google;
mod server;
mod webhook;

use std::process::ExitCode;

use super::say;
use crate::{
    clock::Clock,
    config::Config,
    fault::Fault,
    mysql::preflight::{Finding, Level},
};

/// Prints what it finds; exit 1 when something stands in the way.
pub(super) async fn check(config: Config, offline: bool, json: bool) -> Result<ExitCode, Fault> {
    let mut findings = vec![info("configuration", "in order")];
    if !offline {
        let clock = Clock::start();
        let kept = folder::look(&config, &mut findings).await;
        webhook::look(&config, kept.runs, &mut findings).await;
        let tables = server::look(&config, &kept, &mut findings).await;
        google::look(&config, (&clock, &kept, &tables), &mut findings).await;
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

fn info(what: &str, found: &str) -> Finding {
    Finding { level: Level::Info, what: what.into(), found: found.into(), cure: String::new() }
}

fn warn(what: &str, found: &str, cure: &str) -> Finding {
    Finding { level: Level::Warn, cure: cure.into(), ..info(what, found) }
}

fn fail(what: &str, found: &str, cure: &str) -> Finding {
    Finding { level: Level::Fail, cure: cure.into(), ..info(what, found) }
}

/// A fault's sentence ends with its cure.
fn of_fault(what: &str, fault: &Fault) -> Finding {
    let text = fault.to_string();
    let (found, cure) = text.rsplit_once("; ").unwrap_or((&text, "try again"));
    fail(what, found, cure)
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
