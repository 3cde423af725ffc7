//! What is refused, and that it changes nothing: the next ring is taken, and the reason is counted in the log.

use super::{
    House,
    client::{Request, now_s},
};
use crate::{slice::LONG, support::servers::Flavor};

const STRANGER: &str = "does not accept this request";
const UNREADABLE: &str = "the script does not fit this version of sheetwire";

/// Starts everything, sends what `requests` makes, and finds it refused with this code, these words and this count.
#[track_caller]
fn refused(
    requests: impl FnOnce(&House) -> Vec<Request>,
    (status, words): (u16, &str),
    reason: &str,
) {
    let house = House::new(Flavor::MySql);
    let running = house.run();
    let requests = requests(&house);
    for request in &requests {
        house.refuses(request, status, words);
    }
    assert_eq!(running.terminate(LONG), 0);
    assert_eq!(house.refused(reason), requests.len(), "{}", house.stage.home.log());
}

#[test]
fn what_is_not_signed() {
    let unsigned = |house: &House| {
        let ring = house.request("ring", "B2");
        vec![Request { unsigned: true, ..ring.clone() }, Request { id: "a b".to_owned(), ..ring }]
    };
    refused(unsigned, (401, STRANGER), "unsigned");
}

#[test]
fn what_another_secret_signed() {
    let wrong = |house: &House| {
        let ring = house.request("ring", "B2");
        ["canary-of-the-bell-häß-2", "canary-of-the-bell-h??-1", ""]
            .map(|secret| Request { secret: secret.to_owned(), ..ring.clone() })
            .to_vec()
    };
    refused(wrong, (401, STRANGER), "wrong signature");
}

#[test]
fn what_was_signed_long_ago() {
    let old = |house: &House| vec![Request { at_s: now_s() - 302, ..house.request("ring", "B2") }];
    refused(old, (401, STRANGER), "expired");
}

#[test]
fn what_was_signed_in_the_future() {
    let early =
        |house: &House| vec![Request { at_s: now_s() + 310, ..house.request("ring", "B2") }];
    refused(early, (401, STRANGER), "expired");
}

#[test]
fn what_is_too_large_whether_it_says_so_or_not() {
    let large = |house: &House| {
        let ring = house.request("ring", "B2");
        let body = ring.body.clone() + &" ".repeat(16 * 1024 + 1 - ring.body.len());
        let large = Request { body, ..ring };
        vec![large.clone(), Request { chunked: true, id: "another".to_owned(), ..large }]
    };
    refused(large, (413, "at most 16384 bytes"), "too large or broken off");
}

#[test]
fn what_is_nested_deeply() {
    let deep = |house: &House| {
        let deep = "[".repeat(7_000) + &"]".repeat(7_000);
        let body = house.request("ring", "B2").body.replace("\"B2\"", &deep);
        vec![Request::new(super::SECRET, &body), Request::new(super::SECRET, &deep)]
    };
    refused(deep, (400, UNREADABLE), "unreadable");
}

#[test]
fn what_says_a_thing_twice() {
    let twice = |house: &House| {
        let body = house.request("ring", "B2").body;
        vec![Request::new(super::SECRET, &body.replacen('{', "{\"verb\":\"status\",", 1))]
    };
    refused(twice, (400, UNREADABLE), "unreadable");
}

#[test]
fn what_says_more_than_there_is_to_say() {
    let more = |house: &House| {
        let body = house.request("ring", "B2").body;
        vec![Request::new(super::SECRET, &body.replacen('{', "{\"value\":\"1\",", 1))]
    };
    refused(more, (400, UNREADABLE), "unreadable");
}

#[test]
fn what_comes_from_another_spreadsheet() {
    let other = |house: &House| {
        let body = house.request("ring", "B2").body.replace("\"book\"", "\"another\"");
        vec![Request::new(super::SECRET, &body)]
    };
    refused(other, (404, "no table of this sheetwire"), "unknown spreadsheet");
}

#[test]
fn what_comes_by_another_method() {
    let others = |house: &House| {
        ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]
            .map(|method| Request { method, ..house.request("ring", "B2") })
            .to_vec()
    };
    refused(others, (405, "talks to it by POST"), "not POST");
}
