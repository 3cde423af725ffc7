//! What the data folder says: whether the pipeline runs, and where it would go on.

use sheetwire_engine::position::Position;

use super::{super::homes::Homes, fail, info, of_fault, warn};
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
    /// Which tabs are its tables'.
    pub(super) homes: Homes,
}

/// Asks the running pipeline, or looks into the store where none runs.
pub(super) async fn look(config: &Config, findings: &mut Vec<Finding>) -> Kept {
    let place = format!("data folder {}", config.data_dir.display());
    let instance = store::instance_of(&config.data_dir);
    match socket::ask(&config.data_dir, &Request::Status {}).await {
        Ok(Some(Answer::Status(status))) => {
            findings.push(info(&place, "the pipeline runs"));
            let homes = Homes::told(&status);
            let position = status.position.and_then(|text| text.parse().ok());
            Kept { runs: true, position, instance, homes }
        }
        Ok(Some(Answer::Starting(starting))) => {
            let found = format!("the pipeline is starting, and waits for {starting}");
            findings.push(info(&place, &found));
            Kept { runs: true, instance, ..Kept::default() }
        }
        Ok(Some(_)) => {
            let found = "the pipeline runs, and is of another version than this";
            let cure = "run `check` with the `sheetwire` that it was started with";
            findings.push(warn(&place, found, cure));
            Kept { runs: true, instance, ..Kept::default() }
        }
        Ok(None) => {
            let (position, homes) = stored(config, &place, findings);
            Kept { runs: false, position, instance, homes }
        }
        Err(error) => {
            let found = format!("its socket does not answer: {error}");
            findings.push(warn(&place, &found, "run `check` as the user that runs the pipeline"));
            Kept { instance, ..Kept::default() }
        }
    }
}

fn stored(config: &Config, place: &str, findings: &mut Vec<Finding>) -> (Option<Position>, Homes) {
    match store::glance(&config.data_dir, config.name.as_str()) {
        Ok(Glance::Nothing) => {
            findings.push(info(place, "empty: the first `run` copies every table"));
            Default::default()
        }
        Ok(Glance::OfAnotherUser) => {
            let found = "belongs to another user, so the stored position was not looked at";
            findings.push(warn(place, found, "run `check` as the user that runs the pipeline"));
            Default::default()
        }
        Ok(Glance::Store { position, tabs }) => {
            let stands = position.as_ref().map_or_else(
                || "it has read nothing yet".to_owned(),
                |position| format!("it stands at {position}"),
            );
            findings.push(info(place, &format!("in order; {stands}")));
            (position, Homes::stored(tabs))
        }
        Err(Fault::AnotherInstance(said)) => {
            findings.push(fail(place, &said, "stop it, or wait until it answers"));
            Default::default()
        }
        Err(fault) => {
            findings.push(of_fault(place, &fault));
            Default::default()
        }
    }
}
