//! `sheetwire script`: the Apps Script for a spreadsheet, and how it is put in.

use std::process::ExitCode;

use clap::Args;

use super::say_as_it_is;
use crate::{config::Config, fault::Fault};

const CODE: &str = include_str!("../../apps-script/Code.gs");
const MANIFEST: &str = include_str!("../../apps-script/appsscript.json");

/// What is said behind `script`.
#[derive(Debug, Args)]
pub(super) struct ScriptArguments {
    /// The spreadsheet's id or link; all that are configured where none is named.
    spreadsheet: Option<String>,
    /// Print the steps instead.
    #[arg(long, conflicts_with = "manifest")]
    install_help: bool,
    /// Print the manifest (appsscript.json) instead.
    #[arg(long)]
    manifest: bool,
}

/// Prints the script as it is to be pasted, byte for byte.
pub(super) fn script(config: &Config, arguments: &ScriptArguments) -> Result<ExitCode, Fault> {
    let books = books(config, arguments.spreadsheet.as_deref())?;
    if arguments.install_help {
        say_as_it_is(&steps(config, &books));
    } else if arguments.manifest {
        say_as_it_is(MANIFEST);
    } else {
        if config.webhook.is_none() {
            tracing::warn!("{NO_WEBHOOK}");
        }
        say_as_it_is(CODE);
    }
    Ok(ExitCode::SUCCESS)
}

const NO_WEBHOOK: &str = "no [webhook] is configured, so nobody listens to the script: add listen and secret_file to that section and restart `run`; without it sheetwire looks through the sheets from time to time";

/// The spreadsheets that are meant.
fn books(config: &Config, word: Option<&str>) -> Result<Vec<String>, Fault> {
    let all = crate::app::spreadsheets(config);
    let Some(word) = word else { return Ok(all) };
    let meant: Vec<String> = all
        .iter()
        .filter(|id| word.split(['/', '?', '#']).any(|part| part == **id))
        .cloned()
        .collect();
    if meant.is_empty() {
        return Err(Fault::Configuration(format!(
            "no [[table]] goes to the spreadsheet '{word}'; there are {}",
            all.join(", ")
        )));
    }
    Ok(meant)
}

fn steps(config: &Config, books: &[String]) -> String {
    let (listens, secret) = match &config.webhook {
        Some(webhook) => (
            format!(
                "sheetwire listens on http://{}; Google must reach it over https, so put a proxy\n   \
                 with a certificate in front of it: its address is the URL of step 5.",
                webhook.listen
            ),
            webhook.secret_file.display().to_string(),
        ),
        None => (
            "No [webhook] is configured, so nobody listens to the script yet: add that section\n   \
             with listen and secret_file, and restart `run`."
                .to_owned(),
            "the file that webhook.secret_file names".to_owned(),
        ),
    };
    let links: Vec<String> = books
        .iter()
        .map(|id| format!("   https://docs.google.com/spreadsheets/d/{id}/edit"))
        .collect();
    format!(
        "1. {listens}\n\
         2. Open the spreadsheet, then Extensions > Apps Script:\n{}\n\
         3. Replace what is in Code.gs by what `sheetwire script` prints.\n\
         4. Project Settings: tick 'Show \"appsscript.json\"', and replace that file by what\n   \
            `sheetwire script --manifest` prints.\n\
         5. Project Settings > Script Properties, add two:\n   \
            SHEETWIRE_URL     the https address at which Google reaches the webhook\n   \
            SHEETWIRE_SECRET  the content of {secret}\n\
         6. In the editor choose the function `setup`, press Run, and grant the four rights. The\n   \
            triggers then run in your name: use an account that stays.\n\
         7. Reload the spreadsheet: the menu sheetwire > Is this up to date? answers.\n",
        links.join("\n")
    )
}
