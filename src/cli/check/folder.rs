//! What the data folder says: whether the pipeline runs, and where it would go on.

use sheetwire_engine::position::Position;

use super::{fail, info, of_fault, warn};
use crate::{
    config::Config,
    fault::Fault,
    flow::{
        request::{Answer, Request},
        socket,
    },
    mysql::preflight::Finding,
    store::{self, Glance},
};

/// What is known of the pipeline without its server and without Google.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Whether it runs now.
    pub(super) runs: bool,
    /// Where it stands, where that could be seen.
    pub(super) position: Option<Position>,
    /// Identity of its store; none before the first start.
    pub(super) instance: Option<String>,
}

/// Asks the running pipeline, or looks into the store where none runs.
pub(super) async fn look(config: &Config, findings: &mut Vec<Finding>) -> Kept {
    let place = format!("data folder {}", config.data_dir.display());
    let instance = store::instance_of(&config.data_dir);
    match socket::ask(&config.data_dir, &Request::Status {}).await {
        Ok(Some(Answer::Status(status))) => {
            findings.push(info(&place, "the pipeline runs"));
            let position = status.position.and_then(|text| text.parse().ok());
            Kept { runs: true, position, instance }
        }
        Ok(Some(Answer::Starting(starting))) => {
            let found = format!("the pipeline is starting, and waits for {starting}");
            findings.push(info(&place, &found));
            Kept { runs: true, position: None, instance }
        }
        Ok(Some(_)) => {
            let found = "the pipeline runs, and is of another version than this";
            let cure = "run `check` with the `sheetwire` that it was started with";
            findings.push(warn(&place, found, cure));
            Kept { runs: true, position: None, instance }
        }
        Ok(None) => {
            let position = stored(config, &place, findings);
            Kept { runs: false, position, instance }
        }
        Err(error) => {
            let found = format!("its socket does not answer: {error}");
            findings.push(warn(&place, &found, "run `check` as the user that runs the pipeline"));
            Kept { runs: false, position: None, instance }
        }
    }
}

fn stored(config: &Config, place: &str, findings: &mut Vec<Finding>) -> Option<Position> {
    match store::glance(&config.data_dir, config.name.as_str()) {
        Ok(Glance::Nothing) => {
            findings.push(info(place, "empty: the first `run` copies every table"));
            None
        }
        Ok(Glance::OfAnotherUser) => {
            let found = "belongs to another user, so the stored position was not looked at";
            findings.push(warn(place, found, "run `check` as the user that runs the pipeline"));
            None
        }
        Ok(Glance::Store { position }) => {
            let stands = position.as_ref().map_or_else(
                || "it has read nothing yet".to_owned(),
                |position| format!("it stands at {position}"),
            );
            findings.push(info(place, &format!("in order; {stands}")));
            position
        }
        Err(Fault::AnotherInstance(said)) => {
            findings.push(fail(place, &said, "stop it, or wait until it answers"));
            None
        }
        Err(fault) => {
            findings.push(of_fault(place, &fault));
            None
        }
    }
}
