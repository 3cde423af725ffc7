//! What a person types. One file per verb; the only room that speaks to the terminal.

mod check;
mod run;
mod status;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use sheetwire_engine::merge::Side;

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
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Print nothing; exit 0 only if the pipeline runs and no table is set aside.
        #[arg(long)]
        health: bool,
    },
    /// Compare every table with its tab, cell by cell; exit 1 if they differ.
    Verify {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
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
            let orders = Orders { takeover: *takeover, adopt: *adopt, record: record.clone() };
            block_on(run::run(config, orders))
        }
        Verb::Status { json, health } => block_on(status::status(config, *json, *health)),
        Verb::Verify { json } => block_on(verify::verify(config, *json)),
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

#[expect(clippy::print_stderr, reason = "the last words go to the terminal, log or not")]
fn complain(words: &str) {
    eprintln!("sheetwire: {words}");
}

/// A line of the answer.
#[expect(clippy::print_stdout, reason = "answers go to standard output")]
fn say(line: &str) {
    println!("{line}");
}
