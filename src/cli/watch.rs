//! `sheetwire status --watch`: again and again, until Ctrl-C.

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use console::Term;
use sheetwire_engine::engine::Status;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    output::moment,
    pipeline::Pipeline,
    say,
    status::{Seen, lines, look, summary},
};
use crate::fault::Fault;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Shows how the pipeline is, until told to stop.
pub(super) async fn watch(pipeline: &Pipeline, json: bool) -> Result<ExitCode, Fault> {
    let cannot = |error: std::io::Error| {
        Fault::Configuration(format!("signals cannot be caught on this system: {error}"))
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    tokio::select! {
        biased;
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        fault = go_on(pipeline, json) => Err(fault),
    }
}

async fn go_on(pipeline: &Pipeline, json: bool) -> Fault {
    let redraws = std::io::stdout().is_terminal() && !json;
    let mut before = String::new();
    loop {
        let seen = match look(pipeline).await {
            Ok(seen) => seen,
            Err(fault) => return fault,
        };
        if redraws {
            redraw(pipeline, &seen);
        } else {
            let now = line(&seen, json);
            if now != before {
                let at = moment(pipeline.clock.unix_us());
                say(&if json { now.clone() } else { format!("{at}  {now}") });
                before = now;
            }
        }
        pipeline.clock.sleep_until(pipeline.clock.now() + LOOK_EVERY).await;
    }
}

/// From the top of the screen, which is left as it is where it cannot be cleared.
fn redraw(pipeline: &Pipeline, seen: &Seen) {
    let _ = Term::stdout().clear_screen();
    match seen {
        Seen::Status(status) => {
            for line in lines(pipeline, status) {
                say(&line);
            }
        }
        Seen::Silent(words, _) => say(words),
    }
    say(&format!("{}   Ctrl-C ends this", moment(pipeline.clock.unix_us())));
}

/// All of it in one line.
fn line(seen: &Seen, json: bool) -> String {
    match seen {
        Seen::Status(status) if json => serde_json::to_string(status).unwrap_or_default(),
        Seen::Silent(_, object) if json => object.to_string(),
        Seen::Status(status) => in_short(status),
        Seen::Silent(words, _) => words.clone(),
    }
}

fn in_short(status: &Status) -> String {
    let sum = |count: fn(&sheetwire_engine::engine::TabStatus) -> usize| {
        status.tables.iter().map(count).sum::<usize>()
    };
    let counts =
        [(sum(|table| table.pending), "to the sheet"), (sum(|table| table.due), "to the database")];
    let words = counts.iter().filter(|(count, _)| *count > 0);
    let words = words.map(|(count, what)| format!("{count} {what}"));
    std::iter::once(summary(status)).chain(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::engine::TabStatus;

    use super::*;

    #[test]
    fn a_line_tells_what_changes_and_nothing_that_is_nought() {
        let table = TabStatus { pending: 2, held: 1, ..TabStatus::default() };
        let status = Status { idle: false, tables: vec![table], ..Status::default() };
        assert_eq!(in_short(&status), "catching up; 1 held, 2 to the sheet");
    }
}
