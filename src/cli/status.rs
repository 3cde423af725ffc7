//! `sheetwire status`: asks the running pipeline over its socket.

use std::{io, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};
use sheetwire_engine::engine::{Status, TabStatus, WriterStatus};

use super::{
    output::{aligned, harmless},
    pipeline::{Pipeline, unexpected},
    say,
    waiting::for_a_person,
    watch,
};
use crate::{
    app,
    fault::Fault,
    flow::{
        request::{Answer, Request},
        socket,
    },
};

/// What is said behind `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing; exit 0 only if the pipeline runs and no table is set aside.
    #[arg(long, conflicts_with = "watch")]
    health: bool,
    /// Go on until Ctrl-C: redrawn each second on a terminal, a line for each change elsewhere.
    #[arg(long)]
    watch: bool,
}

/// How the pipeline is, or why nobody says so.
pub(super) enum Seen {
    /// It runs.
    Status(Box<Status>),
    /// It does not run yet, any more, or says nothing: in words and as JSON.
    Silent(String, Value),
}

/// Prints how the pipeline is; exit 1 when it does not run yet or any more, or a table is set aside.
pub(super) async fn status(
    pipeline: &Pipeline,
    arguments: &StatusArguments,
) -> Result<ExitCode, Fault> {
    if arguments.watch {
        return watch::watch(pipeline, arguments.json).await;
    }
    let (seen, loud) = (look(pipeline).await?, !arguments.health);
    match &seen {
        Seen::Status(status) if arguments.json && loud => {
            say(&serde_json::to_string_pretty(status).unwrap_or_default());
        }
        Seen::Silent(_, object) if arguments.json && loud => say(&object.to_string()),
        Seen::Status(status) if loud => {
            for line in lines(pipeline, status) {
                say(&line);
            }
        }
        Seen::Silent(words, _) if loud => say(words),
        _ => {}
    }
    let well = match &seen {
        Seen::Status(status) => {
            !status.tables.iter().any(|table| table.set_aside)
                && status.spreadsheets.iter().all(|book| book.denied.is_none())
        }
        Seen::Silent(..) => false,
    };
    Ok(ExitCode::from(u8::from(!well)))
}

/// Asks.
pub(super) async fn look(pipeline: &Pipeline) -> Result<Seen, Fault> {
    let dir = &pipeline.config.data_dir;
    let name = &pipeline.config.name;
    Ok(match socket::ask(dir, &Request::Status {}).await {
        Ok(Some(Answer::Status(status))) => Seen::Status(status),
        Ok(Some(Answer::Starting(starting))) => Seen::Silent(
            format!("pipeline {name}   starting: waiting for {starting}"),
            json!({"running": false, "starting": starting}),
        ),
        Ok(Some(Answer::Refused(why))) => return Err(Fault::Configuration(why)),
        Ok(Some(other)) => return Err(unexpected(&other)),
        Ok(None) => Seen::Silent(
            format!("pipeline {name} does not run (no socket in {})", dir.display()),
            json!({"running": false}),
        ),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Seen::Silent(
            format!(
                "pipeline {name} does not answer within {:?}: it is stopped, or very busy; look at its log",
                socket::ANSWER_WITHIN
            ),
            json!({"running": false, "silent": true}),
        ),
        Err(error) => {
            return Err(Fault::Configuration(format!(
                "could not ask over {}: {error}; run `status` as the user that runs the pipeline",
                socket::path(dir).display()
            )));
        }
    })
}

/// The pipeline as a whole. Never "in step" alone while something is left out of it or waits for a person.
pub(super) fn summary(status: &Status) -> String {
    let of = status.tables.len();
    let count =
        |what: fn(&TabStatus) -> bool| status.tables.iter().filter(|table| what(table)).count();
    let sum = |what: fn(&TabStatus) -> usize| status.tables.iter().map(what).sum::<usize>();
    let denied = status.spreadsheets.iter().filter(|book| book.denied.is_some()).count();
    let lacks = [
        (count(|table| table.set_aside), format!(" of {of} tables set aside")),
        (denied, format!(" of {} spreadsheets refused", status.spreadsheets.len())),
        (count(|table| table.paused), format!(" of {of} tables paused")),
        (sum(|table| table.held), " held".to_owned()),
        (sum(|table| table.open), " open conflicts".to_owned()),
    ];
    let left_out = lacks[..2].iter().any(|(count, _)| *count > 0);
    let lacks = lacks.iter().filter(|(count, _)| *count > 0);
    let lacks: Vec<String> = lacks.map(|(count, what)| format!("{count}{what}")).collect();
    match (lacks.is_empty(), left_out, status.idle) {
        (true, _, true) => "in step".to_owned(),
        (true, _, false) => "catching up".to_owned(),
        (false, true, _) => format!("NOT in step: {}", lacks.join(", ")),
        (false, false, true) => format!("in step, but for {}", lacks.join(", ")),
        (false, false, false) => format!("catching up; {}", lacks.join(", ")),
    }
}

/// Everything, line by line.
pub(super) fn lines(pipeline: &Pipeline, status: &Status) -> Vec<String> {
    let mut lines = vec![
        format!("pipeline {}   {}", pipeline.config.name, summary(status)),
        format!("position {}", status.position.as_deref().unwrap_or("not yet known")),
        format!(
            "requests since start: {} writes, {} reads   conflicts kept: {}",
            status.writes, status.reads, status.conflicts
        ),
    ];
    for book in &status.spreadsheets {
        let denied = book.denied.as_ref().map(|why| format!("   REFUSED: {why}"));
        let fence = book.fence.map_or("-".to_owned(), |fence| fence.to_string());
        lines.push(format!(
            "spreadsheet {}   {}   batch {fence}{}",
            book.spreadsheet,
            book.phase,
            denied.unwrap_or_default()
        ));
    }
    lines.extend(writer(&status.writer));
    let rows: Vec<Vec<String>> = status.tables.iter().map(|table| row(pipeline, table)).collect();
    let heading = ["TABLE", ">ROWS", ">PENDING", ">FROZEN", ">STRANGERS", "STATE"];
    lines.extend(aligned(&heading, &rows));
    for table in &status.tables {
        let name = pipeline.name(table.table);
        if table.set_aside {
            lines.push(format!("{name}: SET ASIDE: {}", table.state));
        }
        lines.extend(inbound(table).map(|words| format!("{name}: {words}")));
        lines.extend(for_a_person(table).iter().map(|words| format!("{name}: {words}")));
    }
    if status.tables.iter().any(|table| table.set_aside) {
        lines.push(format!("tables that are set aside: {}", app::AFTER_A_CURE));
    }
    lines.iter().map(|line| harmless(line)).collect()
}

fn row(pipeline: &Pipeline, table: &TabStatus) -> Vec<String> {
    let state = match (table.set_aside, table.paused) {
        (true, _) => "SET ASIDE",
        (false, true) => "paused",
        (false, false) => &table.state,
    };
    let counts = [table.rows, table.pending, table.frozen, table.strangers];
    std::iter::once(pipeline.name(table.table).to_owned())
        .chain(counts.map(|count| count.to_string()))
        .chain([state.to_owned()])
        .collect()
}

/// The connection that writes to the database, where there is one.
fn writer(writer: &WriterStatus) -> Option<String> {
    if writer.phase == "unused" {
        return None;
    }
    let waits = writer.waits.as_ref().map(|why| format!("   WAITS: {why}"));
    Some(format!(
        "writer   {}   {} transactions the log has not caught up with{}",
        writer.phase,
        writer.intents,
        waits.unwrap_or_default()
    ))
}

/// What is on its way from a two-way tab to the database.
fn inbound(table: &TabStatus) -> Option<String> {
    (table.inbound && table.due > 0).then(|| format!("{} for the database", table.due))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_step_only_where_nothing_is_left_out() {
        let said = |tab: TabStatus, idle| {
            summary(&Status { idle, tables: vec![tab], ..Status::default() })
        };
        let tab = TabStatus::default;
        assert_eq!(said(tab(), true), "in step");
        assert_eq!(said(tab(), false), "catching up");
        let waits = || TabStatus { held: 2, open: 1, ..tab() };
        assert_eq!(said(waits(), true), "in step, but for 2 held, 1 open conflicts");
        assert_eq!(said(waits(), false), "catching up; 2 held, 1 open conflicts");
        let aside = TabStatus { set_aside: true, ..tab() };
        assert_eq!(said(aside, true), "NOT in step: 1 of 1 tables set aside");
        let paused = TabStatus { paused: true, ..tab() };
        assert_eq!(said(paused, true), "in step, but for 1 of 1 tables paused");
    }
}
