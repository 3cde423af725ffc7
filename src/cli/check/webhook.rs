//! Where doorbells come in: whether the port can be had, and who else may reach it.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::{fail, info, warn};
use crate::{
    config::{Config, Webhook, defaults},
    mysql::preflight::Finding,
    webhook,
};

/// Looks at the port of the configuration; `runs` says whether the pipeline runs, which has it then.
pub(super) async fn look(config: &Config, runs: bool, findings: &mut Vec<Finding>) {
    let Some(doorbell) = &config.webhook else {
        let every = defaults::SWEEP.as_secs();
        findings.push(info(
            "webhook",
            &format!("none: edits are found when the sheet is looked through, every {every}s"),
        ));
        return;
    };
    let place = format!("webhook {}", doorbell.listen);
    if !doorbell.listen.ip().is_loopback() {
        findings.push(warn(
            &place,
            "other machines reach it, without TLS",
            "listen on 127.0.0.1 and let a reverse proxy end TLS (docs/OPERATING.md, Doorbells)",
        ));
    }
    findings.push(if runs {
        of_running(&place, doorbell.listen).await
    } else {
        of_port(&place, doorbell).await
    });
}

async fn of_running(place: &str, listen: SocketAddr) -> Finding {
    if TcpStream::connect(listen).await.is_ok() {
        return info(place, "the pipeline listens there");
    }
    warn(
        place,
        "the pipeline runs and does not listen there",
        "restart it: it has an older configuration",
    )
}

async fn of_port(place: &str, doorbell: &Webhook) -> Finding {
    match webhook::bind(doorbell.listen).await {
        Ok(_) => {
            let count = doorbell.secrets.len();
            let secrets = if count == 1 { "secret" } else { "secrets" };
            info(place, &format!("free; doorbells are signed with {count} {secrets}"))
        }
        Err(error) => fail(
            place,
            &format!("nobody can listen there: {error}"),
            &format!(
                "choose a free port (webhook.listen), or stop what listens there: `ss -ltnp 'sport = :{}'` names it",
                doorbell.listen.port()
            ),
        ),
    }
}
