//! Each request counts once: also after a restart, and where nobody knows any more what was taken before.

use std::fs;

use serde_json::json;

use super::House;
use crate::{
    slice::{BOOK, LONG},
    support::{servers::Flavor, sheetwire::Running},
};

const AGAIN: &str = "this request was answered before";
const PERHAPS: &str = "sheetwire has lost its notes of earlier requests: try again in ten minutes, or type the value yourself";

#[test]
fn a_ring_that_comes_again_is_not_heard() {
    let house = House::new(Flavor::MySql);
    let running = house.run();
    let ring = house.request("ring", "B2");
    assert_eq!(house.send(&ring).0, 200);
    for _ in 0..3 {
        assert_eq!(house.send(&ring), (409, AGAIN.to_owned()));
    }
    assert_eq!(running.terminate(LONG), 0);
    assert_eq!(house.refused("replayed"), 3);
    let _running = house.run();
    assert_eq!(house.send(&ring), (409, AGAIN.to_owned()));
}

/// Somebody types what the database refuses, and waits until it has.
fn refused_value(house: &House, value: i64) {
    house.stage.types("C2", &value.to_string());
    assert_eq!(house.send(&house.request("ring", "C2")).0, 200);
    house.stage.wait_status("the refusal", |status| {
        status["tables"][0]["refused"] == 1 && status["idle"] == true
    });
}

/// The revert is sent again, and the person's value stays.
#[track_caller]
fn stays(house: &House, (revert, sentence): (&super::Request, &str), value: i64) {
    assert_eq!(house.send(revert), (409, sentence.to_owned()));
    house.stage.wait_status("rest", |status| status["idle"] == true);
    assert_eq!(house.stage.grid(BOOK, "'Tab t'!C2"), [[json!(value)]]);
}

/// What is kept of the requests is gone or damaged while nothing runs.
fn after<'a>(
    house: &'a House,
    running: Running<'_>,
    loss: impl Fn(&std::path::Path),
) -> Running<'a> {
    assert_eq!(running.terminate(LONG), 0);
    loss(&house.stage.home.join("state/doorbells"));
    house.run_to_rest()
}

#[test]
fn a_revert_that_comes_again_puts_nothing_back_whatever_was_lost_meanwhile() {
    let house = House::new(Flavor::MySql);
    let mut running = house.run();
    refused_value(&house, 5000);
    let revert = house.request("revert", "C2");
    let sentence = "The database's value, “10.5”, is coming back into this cell.";
    assert_eq!(house.send(&revert), (200, sentence.to_owned()));
    house.stage.wait_equal(&mut running);
    refused_value(&house, 6000);
    stays(&house, (&revert, AGAIN), 6000);
    let running = after(&house, running, |_| {});
    stays(&house, (&revert, AGAIN), 6000);
    // A new one is as good as ever.
    let (code, said) = house.send(&house.request("revert", "C2"));
    assert_eq!((code, said.as_str()), (200, sentence));
    house.stage.wait_status("the value to be back", |_| {
        house.stage.grid(BOOK, "'Tab t'!C2") == [[json!(10.5)]]
    });
    refused_value(&house, 7000);
    // Nobody knows any more what was taken before, and further restarts do not make it known.
    let running = after(&house, running, |file| fs::remove_file(file).unwrap());
    stays(&house, (&revert, PERHAPS), 7000);
    let running = after(&house, running, |_| {});
    stays(&house, (&revert, PERHAPS), 7000);
    let running = after(&house, running, |file| fs::write(file, b"\xff\xfe no line\n").unwrap());
    stays(&house, (&revert, PERHAPS), 7000);
    // Rings are heard all the while.
    assert_eq!(house.send(&house.request("ring", "C2")).0, 200);
    assert_eq!(running.terminate(LONG), 0);
}
