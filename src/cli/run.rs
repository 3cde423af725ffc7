//! `sheetwire run`: the daemon.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{self, Orders},
    config::Config,
    fault::Fault,
};

/// Runs until SIGTERM, SIGINT or a fault.
pub(super) async fn run(config: Config, orders: Orders) -> Result<ExitCode, Fault> {
    let cannot = |error: std::io::Error| {
        Fault::Configuration(format!("signals cannot be caught on this system: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    // Who listens for doorbells has its secrets read again by it; nobody is to be ended by it.
    let _hangup = signal(SignalKind::hangup()).map_err(cannot)?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: flushing what the quota allows, a second signal is not needed");
    };
    app::run(config, orders, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
