//! Secrets change while it runs, and never come to light.

use super::{House, SECRET, client::Request};
use crate::{
    slice::LONG,
    support::{servers::Flavor, wait::wait_until},
};

const READ: &str = "the secrets were read again";
const NEW: &str = "canary-of-the-bell-häß-2";

impl House {
    fn code_for(&self, secret: &str) -> u16 {
        self.send(&Request { secret: secret.to_owned(), ..self.request("ring", "B2") }).0
    }

    /// Waits until the log has these words so many times. The file is looked at when a request comes: here a stranger's, of which there
    /// may be many.
    #[track_caller]
    fn wait_read(&self, words: &str, times: usize) {
        wait_until(LONG, words, || {
            assert_eq!(self.code_for("the secret of a stranger"), 401);
            self.count(words) == times
        });
    }

    fn count(&self, words: &str) -> usize {
        self.stage.home.log().matches(words).count()
    }
}

#[test]
fn a_new_secret_takes_the_place_of_the_old_one_without_a_gap() {
    let house = House::new(Flavor::MySql);
    let mut running = house.run();
    assert_eq!((house.code_for(SECRET), house.code_for(NEW)), (200, 401));
    house.stage.home.secret("bell", &format!("{NEW}\n{SECRET}\n"));
    house.wait_read(READ, 1);
    assert_eq!((house.code_for(SECRET), house.code_for(NEW)), (200, 200));
    house.stage.home.secret("bell", NEW);
    house.wait_read(READ, 2);
    assert_eq!((house.code_for(SECRET), house.code_for(NEW)), (401, 200));
    // A file that is no good, or gone, changes nothing.
    for (bad, why) in [("short", "a secret of less than 16 characters"), ("", "is empty")] {
        house.stage.home.secret("bell", bad);
        house.wait_read(why, 1);
        assert_eq!((house.code_for(NEW), house.code_for(bad)), (200, 401));
    }
    std::fs::remove_file(house.stage.home.join("bell")).unwrap();
    running.signal("HUP");
    running.wait_log("No such file", LONG);
    assert_eq!(house.code_for(NEW), 200);
    assert_eq!(running.terminate(LONG), 0);
}

#[test]
fn a_hangup_has_the_file_read_again() {
    let house = House::new(Flavor::MySql);
    let mut running = house.run();
    assert_eq!(house.count(READ), 0);
    // Nothing has changed: only the signal can be the reason.
    running.signal("HUP");
    running.wait_log(READ, LONG);
    assert_eq!(house.code_for(SECRET), 200);
    assert_eq!(running.terminate(LONG), 0);
}

#[test]
fn neither_secrets_nor_requests_are_in_the_log_at_trace() {
    let house = House::new(Flavor::MySql);
    house.stage.home.configure(&house.stage.config());
    let mut running = house.stage.home.start(&["run", "--log", "trace"]);
    house.stage.wait_equal(&mut running);
    let mut body = house.body("ring", "B2");
    body["tab"] = "canary-of-a-title".into();
    body["kind"] = "canary-of-a-kind".into();
    body["user"] = "canary-of-a-person@example.org".into();
    let send = |secret: &str, body: &str| house.send(&Request::new(secret, body)).0;
    let canaries = [SECRET, NEW, "canary-of-a-title", "canary-of-a-kind", "canary-of-a-person"];
    assert_eq!(send(SECRET, &body.to_string()), 200);
    assert_eq!(send(NEW, &body.to_string()), 401);
    assert_eq!(send(SECRET, &format!("{body}{body}")), 400);
    body["verb"] = "explain".into();
    assert_eq!(send(SECRET, &body.to_string()), 200);
    house.stage.home.secret("bell", &format!("{NEW}\n{SECRET}\n"));
    house.wait_read(READ, 1);
    assert_eq!(send(NEW, &body.to_string()), 200);
    house.stage.home.secret("bell", &format!("{NEW}\n{SECRET}\ncanary-of-a-third\n"));
    house.wait_read("has more than two lines", 1);
    house.stage.wait_equal(&mut running);
    let status = house.stage.home.ask(&["status", "--json", "--log", "trace"], LONG);
    let check = house.stage.home.ask(&["check", "--log", "trace"], LONG);
    assert_eq!(running.terminate(LONG), 0);
    let log = house.stage.home.log();
    assert!(log.contains("listening for doorbells"), "{log}");
    for (what, text) in [
        ("the log", log.into_bytes()),
        ("status", [status.stdout, status.stderr].concat()),
        ("check", [check.stdout, check.stderr].concat()),
        ("doorbells", std::fs::read(house.stage.home.join("state/doorbells")).unwrap()),
    ] {
        let text = String::from_utf8(text).unwrap();
        assert!(!text.is_empty(), "{what}");
        for canary in canaries.iter().chain(&["canary-of-a-third"]) {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{what} holds {canary}");
        }
    }
}
