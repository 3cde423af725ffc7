//! What a person types. One file per verb; the only room that speaks to the terminal.

mod check;
mod comparison;
mod conflicts;
mod held;
mod history;
mod homes;
mod log;
mod look;
mod output;
mod pause;
mod pipeline;
mod progress;
mod repair;
mod run;
mod script;
mod status;
mod sync;
mod tables;
mod verify;
mod waiting;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use sheetwire_engine::merge::Side;

use self::{
    conflicts::ConflictsVerb, held::HeldVerb, history::HistoryArguments, pause::PauseArguments,
    pipeline::Pipeline, repair::RepairArguments, script::ScriptArguments, status::StatusArguments,
    sync::SyncArguments,
};
use crate::{
    app::Orders,
    config::{self, Loaded, LogFormat},
    fault::Fault,
    telemetry::{self, Redact},
};

/// Keeps MySQL and MariaDB tables and Google Sheets in step, from the binlog.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// Configuration file.
    #[arg(long, short, global = true, default_value = "sheetwire.toml")]
    config: PathBuf,
    /// How log lines look: auto (text on a terminal, JSON elsewhere), text or json.
    #[arg(long, global = true, value_parser = log_format)]
    log_format: Option<LogFormat>,
    /// What is logged, like `info,sheetwire=debug`.
    #[arg(long, global = true)]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Look at configuration, server, grants, tables and spreadsheets, and say what is missing.
    Check {
        /// Only the configuration file, without a connection.
        #[arg(long)]
        offline: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep the sheets in step until told to stop (SIGTERM or Ctrl-C).
    Run {
        /// Take spreadsheets over from another instance that is gone for good.
        #[arg(long)]
        takeover: bool,
        /// Whose values stand, database or sheet, where a two-way tab differs from its table when it is first taken in.
        #[arg(long, value_name = "SIDE", value_parser = side)]
        adopt: Option<Side>,
        /// Write everything that decides what is done, cell values included, into this file, for a report of a fault.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
    },
    /// How the running pipeline is.
    Status(StatusArguments),
    /// Have every tab read again now, and wait until both sides are in step.
    Sync(SyncArguments),
    /// Stop a table on both sides until `resume`; changes are kept and wait.
    Pause(PauseArguments),
    /// Let a table go on.
    Resume(PauseArguments),
    /// What did not win, and what waits for a decision.
    #[command(subcommand)]
    Conflicts(ConflictsVerb),
    /// Rows that are gone from a tab and wait for a person.
    #[command(subcommand)]
    Held(HeldVerb),
    /// What happened to one row, on both sides.
    History(HistoryArguments),
    /// Compare every table with its tab, cell by cell; exit 1 if they differ.
    Verify {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have one side's values stand wherever the sides differ; prints what it would do unless --execute is given.
    Repair(RepairArguments),
    /// The Apps Script for a spreadsheet, ready to be pasted, or how it is put in.
    Script(ScriptArguments),
}

/// Runs what was typed.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let redact = Redact::default();
    match act(&arguments, &redact) {
        Ok(code) => code,
        Err(fault) => {
            complain(&redact.clean(&fault.to_string()));
            ExitCode::from(exit_code(&fault))
        }
    }
}

fn act(arguments: &Arguments, redact: &Redact) -> Result<ExitCode, Fault> {
    let Loaded { config, findings } = config::load(&arguments.config)?;
    redact.learn(&config.secrets());
    let format = arguments.log_format.unwrap_or(config.log.format);
    let filter = arguments.log.as_ref().unwrap_or(&config.log.filter);
    telemetry::start(format, filter, redact)?;
    for finding in &findings {
        tracing::warn!(key = finding.key, "{}", finding.text);
    }
    match &arguments.verb {
        Verb::Check { offline, json } => block_on(check::check(config, *offline, *json)),
        Verb::Run { takeover, adopt, record } => {
            let orders = Orders {
                takeover: *takeover,
                adopt: *adopt,
                record: record.clone(),
                redact: redact.clone(),
            };
            block_on(run::run(config, orders))
        }
        Verb::Verify { json } => block_on(verify::verify(config, *json)),
        Verb::Script(arguments) => script::script(&config, arguments),
        verb => {
            let pipeline = Pipeline::new(config, arguments.config.clone())?;
            block_on(by_hand(&pipeline, verb))
        }
    }
}

/// The verbs that are about a pipeline, whether it runs or not.
async fn by_hand(pipeline: &Pipeline, verb: &Verb) -> Result<ExitCode, Fault> {
    match verb {
        Verb::Status(arguments) => status::status(pipeline, arguments).await,
        Verb::Sync(arguments) => sync::sync(pipeline, arguments).await,
        Verb::Pause(arguments) => pause::pause(pipeline, arguments, true).await,
        Verb::Resume(arguments) => pause::pause(pipeline, arguments, false).await,
        Verb::Conflicts(verb) => conflicts::conflicts(pipeline, verb).await,
        Verb::Held(verb) => held::held(pipeline, verb).await,
        Verb::History(arguments) => history::history(pipeline, arguments).await,
        Verb::Repair(arguments) => repair::repair(pipeline, arguments).await,
        Verb::Check { .. } | Verb::Run { .. } | Verb::Verify { .. } | Verb::Script(_) => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn side(text: &str) -> Result<Side, String> {
    match text {
        "database" => Ok(Side::Database),
        "sheet" => Ok(Side::Sheet),
        _ => Err("it is database or sheet".to_owned()),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("it is auto, text or json".to_owned()),
    }
}

/// The whole program runs in here, so that nothing of it is compiled again in the binary.
fn block_on(work: impl Future<Output = Result<ExitCode, Fault>>) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Fault::Configuration(format!("no runtime to work with: {error}")))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// 0 fine, 1 differences, 2 configuration, 3 source, 4 Google, 5 another instance.
fn exit_code(fault: &Fault) -> u8 {
    match fault {
        Fault::Table(_) => 1,
        Fault::Configuration(_) => 2,
        Fault::Transient(_) | Fault::Source(_) => 3,
        Fault::Google(_) => 4,
        Fault::AnotherInstance(_) => 5,
    }
}

fn complain(words: &str) {
    complain_plainly(&format!("sheetwire: {}", output::harmless(words)));
}

#[expect(clippy::print_stderr, reason = "what is no answer goes to the terminal, log or not")]
fn complain_plainly(line: &str) {
    eprintln!("{line}");
}

/// A line of the answer.
fn say(line: &str) {
    say_as_it_is(&format!("{}\n", output::harmless(line)));
}

/// Text of our own, byte for byte. A reader that has seen enough (`| head`) is no fault.
fn say_as_it_is(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}
