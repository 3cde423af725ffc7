//! `sheetwire sync`: has every tab read again now, and waits until both sides are in step.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use serde_json::json;

use super::{
    output::harmless,
    pipeline::Pipeline,
    say,
    waiting::{Waiting, waiting},
};
use crate::{fault::Fault, flow::request::Request};

/// What is said behind `sync`.
#[derive(Debug, Args)]
pub(super) struct SyncArguments {
    /// Do not wait.
    #[arg(long)]
    no_wait: bool,
    /// Wait so many seconds at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Exit 0 when everything known when it was asked is in step on both sides, 1 when something still waits, which is printed.
pub(super) async fn sync(
    pipeline: &Pipeline,
    arguments: &SyncArguments,
) -> Result<ExitCode, Fault> {
    pipeline.status(&Request::Sweep {}).await?;
    if arguments.no_wait {
        if arguments.json {
            say(&json!({"asked": true}).to_string());
        } else {
            say("asked for: every tab is read again as soon as the quota allows");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let within = Duration::from_secs(arguments.timeout);
    let (status, rests) = pipeline.wait(within, |status| status.idle).await?;
    let found = waiting(pipeline, &status);
    let in_step = rests && found.is_empty();
    if arguments.json {
        let waiting: Vec<_> =
            found.iter().map(|one| json!({"whom": one.whom, "why": one.why})).collect();
        let object = json!({"in_step": in_step, "at_rest": rests, "waiting": waiting});
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
    } else {
        for line in lines(&found) {
            say(&line);
        }
        say(&verdict((in_step, rests), arguments.timeout));
    }
    Ok(ExitCode::from(u8::from(!in_step)))
}

/// What waits, one line for each.
pub(super) fn lines(found: &[Waiting]) -> Vec<String> {
    let line = |whom: &str, why: &str| harmless(&format!("{whom}: {why}"));
    found.iter().flat_map(|one| one.why.iter().map(move |why| line(&one.whom, why))).collect()
}

fn verdict((in_step, rests): (bool, bool), seconds: u64) -> String {
    match (in_step, rests) {
        (true, _) => "in step".to_owned(),
        (false, true) => "everything else is in step".to_owned(),
        (false, false) => format!("NOT in step after {seconds} s; it goes on by itself"),
    }
}
