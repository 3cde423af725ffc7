//! `sheetwire check`: what is missing, before anything is written.

use std::process::ExitCode;

use super::say;
use crate::{config::Config, fault::Fault};

/// Prints findings.
pub(super) async fn check(config: Config, offline: bool, json: bool) -> Result<ExitCode, Fault> {
    say(&format!("{} {offline} {json}", config.name));
    Ok(ExitCode::SUCCESS)
}
