//! `sheetwire status`: asks the running pipeline over its socket.

use std::process::ExitCode;

use sheetwire_engine::engine::Status;

use super::say;
use crate::{config::Config, fault::Fault, flow::socket};

/// Prints how the pipeline is; exit 1 when it does not run or a table is set aside.
pub(super) async fn status(config: Config, json: bool, health: bool) -> Result<ExitCode, Fault> {
    let dir = &config.data_dir;
    let answer = socket::ask(dir, "status").await.map_err(|error| {
        Fault::Configuration(format!(
            "could not ask over {}: {error}; run `status` as the user that runs the pipeline",
            socket::path(dir).display()
        ))
    })?;
    let Some(status) = answer else {
        if !health {
            say(&if json {
                "{\"running\":false}".to_owned()
            } else {
                format!("pipeline {} does not run (no socket in {})", config.name, dir.display())
            });
        }
        return Ok(ExitCode::from(1));
    };
    let well = status.tables.iter().all(|table| !table.set_aside)
        && status.spreadsheets.iter().all(|book| book.denied.is_none());
    if json {
        say(&serde_json::to_string_pretty(&status).unwrap_or_default());
    } else if !health {
        print(&config, &status);
    }
    Ok(ExitCode::from(u8::from(!well)))
}

fn print(config: &Config, status: &Status) {
    say(&format!(
        "pipeline {}   {}   position {}",
        config.name,
        if status.idle { "in step" } else { "catching up" },
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
    }
}
