//! `sheetwire status`: asks the running pipeline over its socket.

use std::{io, process::ExitCode};

use sheetwire_engine::engine::{Status, TabStatus, WriterStatus};

use super::say;
use crate::{
    app,
    config::Config,
    fault::Fault,
    flow::socket::{self, Answer},
};

/// Prints how the pipeline is; exit 1 when it does not run yet or any more, or a table is set aside.
pub(super) async fn status(config: Config, json: bool, health: bool) -> Result<ExitCode, Fault> {
    let dir = &config.data_dir;
    let name = &config.name;
    let status = match socket::ask(dir, "status").await {
        Ok(Some(Answer::Running(status))) => status,
        Ok(Some(Answer::Starting { starting })) => {
            let words = format!("pipeline {name}   starting: waiting for {starting}");
            let object = serde_json::json!({"running": false, "starting": starting});
            return Ok(not_well((json, health), &words, &object));
        }
        Ok(None) => {
            let words = format!("pipeline {name} does not run (no socket in {})", dir.display());
            return Ok(not_well((json, health), &words, &serde_json::json!({"running": false})));
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            let words = format!(
                "pipeline {name} does not answer within {:?}: it is stopped, or very busy; look at its log",
                socket::ANSWER_WITHIN
            );
            let object = serde_json::json!({"running": false, "silent": true});
            return Ok(not_well((json, health), &words, &object));
        }
        Err(error) => {
            return Err(Fault::Configuration(format!(
                "could not ask over {}: {error}; run `status` as the user that runs the pipeline",
                socket::path(dir).display()
            )));
        }
    };
    let well = !status.tables.iter().any(|table| table.set_aside)
        && status.spreadsheets.iter().all(|book| book.denied.is_none());
    if json {
        say(&serde_json::to_string_pretty(&status).unwrap_or_default());
    } else if !health {
        print(&config, &status);
    }
    Ok(ExitCode::from(u8::from(!well)))
}

fn not_well((json, health): (bool, bool), words: &str, object: &serde_json::Value) -> ExitCode {
    if json {
        say(&object.to_string());
    } else if !health {
        say(words);
    }
    ExitCode::from(1)
}

/// The pipeline as a whole. Never "in step" while a table or a spreadsheet is left out of it.
fn summary(status: &Status) -> String {
    let aside = status.tables.iter().filter(|table| table.set_aside).count();
    let denied = status.spreadsheets.iter().filter(|book| book.denied.is_some()).count();
    let mut lacks = Vec::new();
    if aside > 0 {
        lacks.push(format!("{aside} of {} tables set aside", status.tables.len()));
    }
    if denied > 0 {
        lacks.push(format!("{denied} of {} spreadsheets refused", status.spreadsheets.len()));
    }
    match (lacks.is_empty(), status.idle) {
        (true, true) => "in step".to_owned(),
        (true, false) => "catching up".to_owned(),
        (false, _) => format!("NOT in step: {}", lacks.join(", ")),
    }
}

fn print(config: &Config, status: &Status) {
    say(&format!(
        "pipeline {}   {}   position {}",
        config.name,
        summary(status),
        status.position.as_deref().unwrap_or("not yet known"),
    ));
    say(&format!(
        "requests since start: {} writes, {} reads   conflicts kept: {}",
        status.writes, status.reads, status.conflicts
    ));
    for book in &status.spreadsheets {
        let denied = book.denied.as_ref().map(|why| format!("   REFUSED: {why}"));
        let fence = book.fence.map_or("-".to_owned(), |fence| fence.to_string());
        say(&format!(
            "spreadsheet {}   {}   batch {fence}{}",
            book.spreadsheet,
            book.phase,
            denied.unwrap_or_default()
        ));
    }
    print_writer(&status.writer);
    say(&format!(
        "{:<40} {:>9} {:>9} {:>7} {:>9}  STATE",
        "TABLE", "ROWS", "PENDING", "FROZEN", "STRANGERS"
    ));
    let names = config.table_names();
    for table in &status.tables {
        let place = usize::from(table.table.0);
        let tab = config.tables.get(place).map(|table| table.to.tab.as_str()).unwrap_or_default();
        let name = format!("{} > {tab}", names.get(place).map(String::as_str).unwrap_or_default());
        say(&format!(
            "{name:<40} {:>9} {:>9} {:>7} {:>9}  {}{}",
            table.rows,
            table.pending,
            table.frozen,
            table.strangers,
            if table.set_aside { "SET ASIDE: " } else { "" },
            table.state
        ));
        if let Some(inbound) = inbound(table) {
            say(&inbound);
        }
    }
    if status.tables.iter().any(|table| table.set_aside) {
        say(&format!("tables that are set aside: {}", app::AFTER_A_CURE));
    }
}

/// The connection that writes to the database, where there is one.
fn print_writer(writer: &WriterStatus) {
    if writer.phase == "unused" {
        return;
    }
    let waits = writer.waits.as_ref().map(|why| format!("   WAITS: {why}"));
    say(&format!(
        "writer   {}   {} transactions the log has not caught up with{}",
        writer.phase,
        writer.intents,
        waits.unwrap_or_default()
    ));
}

/// What is on its way from a two-way tab to the database, or waits for somebody.
fn inbound(table: &TabStatus) -> Option<String> {
    if !table.inbound {
        return None;
    }
    let counted = [
        (table.due, "for the database"),
        (table.held, "held until a person decides"),
        (table.drafts, "new and incomplete"),
        (table.refused, "refused by the database"),
        (table.open, "open conflicts"),
    ];
    let words = counted.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = words.map(|(count, what)| format!("{count} {what}")).collect();
    let paused = if table.paused { "paused; " } else { "" };
    (!words.is_empty() || table.paused).then(|| format!("  {paused}{}", words.join(", ")))
}
