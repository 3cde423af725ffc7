//! Canaries: nothing secret is in any output, however much is logged and whatever goes wrong.

use std::{fs, path::Path};

use serde_json::Value;

use super::{LONG, Mapped, Stage, tap::Tap};
use crate::support::servers::{Flavor, Server};

on_both! {
    no_secret_is_in_any_output_of_a_run_at_trace,
    no_secret_is_in_any_output_of_a_failing_start,
}

fn stage(flavor: Flavor) -> (Stage, Tap) {
    let mut stage = Stage::new(flavor, &[Mapped::new("t", &["id", "name"])]);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one')",
    );
    let tap = Tap::start(stage.emulator().address().port());
    stage.endpoint = format!("http://127.0.0.1:{}/", tap.port());
    // Tokens are asked for through the tap too, so that it knows them.
    change_key(&stage, |key| {
        let address = key["token_uri"].as_str().unwrap().to_owned();
        let port = format!(":{}", stage.emulator().address().port());
        key["token_uri"] = address.replace(&port, &format!(":{}", tap.port())).into();
    });
    (stage, tap)
}

fn key(stage: &Stage) -> Value {
    serde_json::from_slice(&fs::read(stage.home.join("google.json")).unwrap()).unwrap()
}

fn change_key(stage: &Stage, change: impl FnOnce(&mut Value)) {
    let mut content = key(stage);
    change(&mut content);
    stage.home.secret("google.json", &content.to_string());
}

/// Every piece of the key that is long enough to be one.
fn key_pieces(stage: &Stage) -> Vec<String> {
    let key = key(stage);
    let lines = key["private_key"].as_str().unwrap().lines();
    lines.filter(|line| line.len() > 20 && !line.starts_with('-')).map(str::to_owned).collect()
}

/// What was spoken as a token, and what asked for one.
fn tokens(tap: &Tap) -> Vec<String> {
    let mut found = Vec::new();
    for marker in ["earer ", "assertion="] {
        found.extend(tap.words_behind(marker));
    }
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn assert_clean(what: &str, text: &str, canaries: &[String]) {
    assert!(!canaries.is_empty());
    for canary in canaries {
        assert!(canary.len() > 8, "too short to be a canary: {canary:?}");
        if let Some(at) = text.find(canary.as_str()) {
            let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
            panic!("{what} holds a secret: {}...", &text[from..at]);
        }
    }
}

fn assert_files_clean(folder: &Path, canaries: &[String]) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_files_clean(&path, canaries);
        } else if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert_clean(&path.display().to_string(), &text, canaries);
        }
    }
}

fn no_secret_is_in_any_output_of_a_run_at_trace(flavor: Flavor) {
    let (stage, tap) = stage(flavor);
    let mut canaries = vec![stage.db.reader.password.clone()];
    canaries.extend(key_pieces(&stage));
    for format in ["text", "json"] {
        stage.home.configure(&stage.config());
        let mut running = stage.home.start(&["run", "--log", "trace", "--log-format", format]);
        stage.wait_equal(&mut running);
        // A new token in the middle.
        stage.emulator().revoke_tokens();
        stage.db.sql("UPDATE t SET name = CONCAT(name, '+') WHERE id = 1");
        stage.wait_equal(&mut running);
        let mut answers = String::new();
        for words in [
            &["status"][..],
            &["status", "--json"],
            &["verify"],
            &["verify", "--json"],
            &["check"],
            &["check", "--json"],
        ] {
            let mut words = words.to_vec();
            words.extend(["--log", "trace", "--log-format", format]);
            let output = stage.home.ask(&words, LONG);
            assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
            answers.push_str(&String::from_utf8_lossy(&output.stdout));
            answers.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(running.terminate(LONG), 0);
        let spoken = tokens(&tap);
        assert!(spoken.len() >= 4, "the tap heard {} tokens and requests for them", spoken.len());
        canaries.extend(spoken);
        assert!(stage.home.log().contains("copy complete"), "{format}: nothing was logged");
        assert_clean("the log", &stage.home.log(), &canaries);
        assert_clean("an answer", &answers, &canaries);
    }
    assert_files_clean(&stage.home.join("state"), &canaries);
}

fn no_secret_is_in_any_output_of_a_failing_start(flavor: Flavor) {
    let (mut stage, _tap) = stage(flavor);
    let real = stage.db.reader.password.clone();
    let mut canaries = vec![real.clone(), "canary-of-a-wrong-password".to_owned()];
    canaries.extend(key_pieces(&stage));
    let good_key = key(&stage);
    let verbs: [&[&str]; 3] = [
        &["run", "--log", "trace"],
        &["verify", "--log", "trace", "--log-format", "json"],
        &["check", "--log", "trace"],
    ];
    // A check names everything that is wrong, and has one code for that; a configuration that is no good lets it look at nothing.
    let check = |stage: &Stage, canaries: &[String], [code, of_check]: [i32; 2]| {
        stage.home.configure(&stage.config());
        for verb in verbs {
            let output = stage.home.ask(verb, LONG);
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            let wanted = if verb[0] == "check" { of_check } else { code };
            assert_eq!(output.status.code(), Some(wanted), "{verb:?}: {said}");
            assert!(said.contains(if wanted == 1 { "FAIL" } else { "sheetwire: " }), "{said}");
            assert_clean(&format!("{verb:?}"), &said, canaries);
        }
    };
    stage.home.secret("password", "canary-of-a-wrong-password");
    check(&stage, &canaries, [3, 1]);
    stage.home.secret("password", &real);
    // A key that is no key, one that was cut, and a secret in the configuration itself.
    for bad in [
        "-----BEGIN PRIVATE KEY-----\ncanaryOfABrokenKeycanaryOfABrokenKey\n-----END PRIVATE KEY-----\n".to_owned(),
        good_key["private_key"].as_str().unwrap()[..400].to_owned(),
    ] {
        change_key(&stage, |key| key["private_key"] = bad.into());
        canaries.extend(key_pieces(&stage));
        let code = stage.home.ask(&["verify"], LONG).status.code().unwrap();
        assert!(code == 2 || code == 4, "{code}");
        check(&stage, &canaries, [code, 1]);
    }
    change_key(&stage, |key| *key = good_key);
    canaries.push("canary-in-the-configuration".to_owned());
    stage.settings = String::from(
        "password = \"canary-in-the-configuration\"\n[webhook]\nsecret = \"canary-in-the-configuration\"",
    );
    check(&stage, &canaries, [2, 2]);
    stage.settings = String::from("token = \"canary-in-the-configuration");
    check(&stage, &canaries, [2, 2]);
    stage.settings.clear();
    // Nobody listens there: it goes on trying, and says so.
    stage.endpoint = String::from("http://127.0.0.1:9/");
    change_key(&stage, |key| key["token_uri"] = "http://127.0.0.1:9/token".into());
    stage.home.configure(&stage.config());
    let mut running = stage.home.start(&["run", "--log", "trace"]);
    running.wait_log("cannot start yet", LONG);
    running.kill9();
    assert_clean("the log", &stage.home.log(), &canaries);
}

/// The last defence: whatever puts a secret into a line, there it is three stars. Here the name of the pipeline, which is logged, is the
/// password too.
#[test]
fn a_secret_that_gets_into_a_line_all_the_same_is_three_stars_there() {
    let stage = Stage::new(Flavor::MySql, &[Mapped::new("t", &["id"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
    let secret = "canary-that-is-name-and-password";
    let user = &stage.db.reader.user;
    Server::shared(Flavor::MySql)
        .admin_sql(&format!("ALTER USER '{user}'@'%' IDENTIFIED BY '{secret}'"));
    stage.home.secret("password", secret);
    let config = stage
        .config()
        .replace(&format!("name = \"{}\"", stage.db.name), &format!("name = \"{secret}\""))
        .replace("/state\"", &format!("/{secret}\""));
    stage.home.configure(&config);
    let mut running = stage.home.run();
    running.wait_log("copy complete", LONG);
    // The last words of a process are not a line of the log: these name the data folder.
    let second = stage.home.ask(&["run"], LONG);
    assert_eq!(second.status.code(), Some(5), "{second:?}");
    let last_words = String::from_utf8_lossy(&second.stderr).into_owned();
    running.kill9();
    for (what, text) in [("the log", stage.home.log()), ("the last words", last_words)] {
        assert!(text.contains("***"), "{what} is not where the secret would stand: {text}");
        assert_clean(what, &text, &[secret.to_owned()]);
    }
}
