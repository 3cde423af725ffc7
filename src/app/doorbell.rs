//! Opens the port that the scripts ring at, where one is configured.

use std::sync::Arc;

use super::spreadsheets;
use crate::{
    clock::Clock,
    config::Config,
    fault::Fault,
    flow::supervisor::Supervisor,
    ports::Frontdesk,
    store::Roster,
    telemetry::Redact,
    webhook::{self, Hall, Memory, Secrets},
};

/// Starts the task that listens. Nothing where there is no `[webhook]`: then the sweep alone finds what people do.
pub(super) async fn start(
    tasks: &mut Supervisor,
    config: &Config,
    (clock, redact): (Clock, &Redact),
    desk: impl Frontdesk + 'static,
) -> Result<(), Fault> {
    let Some(doorbell) = &config.webhook else { return Ok(()) };
    let listener = webhook::bind(doorbell.listen).await.map_err(|error| {
        Fault::Configuration(format!(
            "webhook.listen: nobody can listen on {}: {error}; choose a free port, or stop what listens there",
            doorbell.listen
        ))
    })?;
    let now_s = clock.unix_us() / 1_000_000;
    let is_new = Roster::of(&config.data_dir).is_new();
    let memory = Memory::open(&config.data_dir, now_s, is_new).map_err(|error| {
        Fault::Configuration(format!(
            "the file `doorbells` in {} cannot be kept: {error}; the folder must belong to this user",
            config.data_dir.display()
        ))
    })?;
    let (secrets, file) = (doorbell.secrets.clone(), doorbell.secret_file.clone());
    let secrets = Secrets::new(secrets, file, clock, redact.clone());
    let hall = Hall::new(clock, (secrets, memory), &spreadsheets(config), Arc::new(desk));
    tracing::info!(listen = %doorbell.listen, "listening for doorbells");
    if !doorbell.listen.ip().is_loopback() {
        tracing::warn!(
            listen = %doorbell.listen,
            "doorbells come in without TLS from other machines: listen on 127.0.0.1 and let a reverse proxy end TLS"
        );
    }
    tasks.start("webhook", async move {
        webhook::serve(listener, Arc::new(hall)).await;
        Ok(())
    });
    Ok(())
}
