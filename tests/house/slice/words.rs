//! What is wrong is said in one sentence with its cure, and the exit code tells scripts the same.

use std::{os::unix::fs::PermissionsExt as _, process::Output};

use sheets_emulator::{http::Role, model::HumanAct};

use super::{BOOK, LONG, Mapped, RATE, Stage};
use crate::support::{
    google::ACCOUNT,
    servers::{Flavor, Server, ServerOptions, free_port},
    sheetwire::Home,
};

fn stage() -> Stage {
    let stage = Stage::new(Flavor::MySql, &[Mapped::new("t", &["id", "name"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two')");
    stage
}

/// Exit code, and what was said last: the sentence for a person.
fn outcome(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let at = text.rfind("sheetwire: ").unwrap_or_else(|| panic!("no last words: {text}"));
    (output.status.code().unwrap(), text[at..].trim_end().to_owned())
}

#[track_caller]
fn assert_says(stage: &Stage, verb: &str, code: i32, words: &[&str]) {
    stage.home.configure(&stage.config());
    let (found, said) = outcome(&stage.home.ask(&[verb], LONG));
    assert_eq!(found, code, "{verb}: {said}");
    for word in words {
        assert!(said.contains(word), "{verb}: {word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("Error {"), "{said}");
}

#[test]
fn a_configuration_that_is_missing_or_misspelt_ends_with_code_2_and_its_cure() {
    let home = Home::new();
    let (code, said) = outcome(&home.ask(&["run"], LONG));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(&home.config().display().to_string()), "{said}");
    let mut stage = stage();
    stage.settings = "timout = \"100s\"\nbudget = { writes_per_minute = 0 }".to_owned();
    let words = [
        "2 problems",
        "sheets.timout: is not a key; did you mean timeout?",
        "writes_per_minute: is 0",
    ];
    assert_says(&stage, "run", 2, &words);
    stage.settings.clear();
    let mut stage_without_key = stage;
    stage_without_key.tables[0].columns.push("nmae".to_owned());
    // The table is named, and what there is instead; without any table there is nothing to run.
    let words = [".t: it has no column 'nmae'", "id, name"];
    assert_says(&stage_without_key, "run", 2, &words);
}

#[test]
fn a_source_that_refuses_ends_with_code_3_and_one_that_is_away_is_waited_for() {
    let mut stage = stage();
    let real = stage.db.reader.password.clone();
    stage.home.secret("password", "wrong-password");
    for verb in ["run", "verify"] {
        assert_says(&stage, verb, 3, &[&stage.db.reader.user, "127.0.0.1", "password"]);
    }
    stage.home.secret("password", &real);
    let right = stage.port;
    stage.port = free_port();
    let place = format!("127.0.0.1:{}", stage.port);
    assert_says(&stage, "verify", 3, &[&place]);
    let mut running = stage.run();
    running.wait_log("cannot start yet", LONG);
    running.wait_log(&place, LONG);
    running.kill9();
    stage.port = right;
    let mut running = stage.run();
    stage.wait_equal(&mut running);
}

#[test]
fn a_spreadsheet_that_is_not_shared_or_not_there_ends_with_code_4_and_the_address_to_share_with() {
    let mut stage = stage();
    stage.emulator().share(BOOK, "somebody@example.org", Role::Writer).unwrap();
    for verb in ["run", "verify"] {
        assert_says(&stage, verb, 4, &[BOOK, "share", ACCOUNT]);
    }
    stage.emulator().share(BOOK, ACCOUNT, Role::Writer).unwrap();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
    stage.tables[0].book = "another-book".to_owned();
    for verb in ["run", "verify"] {
        assert_says(&stage, verb, 4, &["another-book", "share", ACCOUNT]);
    }
}

#[test]
fn a_spreadsheet_whose_share_is_taken_back_is_waited_for_while_it_runs() {
    let stage = stage();
    stage.emulator().share(BOOK, ACCOUNT, Role::Writer).unwrap();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.emulator().unshare(BOOK, ACCOUNT).unwrap();
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    let status =
        stage.wait_status("the refusal", |status| !status["spreadsheets"][0]["denied"].is_null());
    let why = status["spreadsheets"][0]["denied"].as_str().unwrap().to_owned();
    assert!(why.contains(ACCOUNT), "{why}");
    let output = stage.home.ask(&["status"], LONG);
    assert_eq!(output.status.code(), Some(1));
    stage.emulator().share(BOOK, ACCOUNT, Role::Writer).unwrap();
    stage.wait_equal(&mut running);
    stage.wait_status("the refusal to be over", |status| {
        status["spreadsheets"][0]["denied"].is_null()
    });
}

#[test]
fn status_and_verify_tell_scripts_how_it_stands() {
    let stage = stage();
    stage.home.configure(&stage.config());
    let output = stage.home.ask(&["status"], LONG);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not run"), "{output:?}");
    let output = stage.home.ask(&["status", "--json"], LONG);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "{\"running\":false}");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let socket = stage.home.join("state/control.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(stage.home.join("state").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for words in [&["status"][..], &["status", "--health"], &["verify"]] {
        let output = stage.home.ask(words, LONG);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    assert_eq!(running.terminate(LONG), 0);
    assert_eq!(stage.home.ask(&["status", "--health"], LONG).status.code(), Some(1));
    let tab = stage.tables[0].tab.clone();
    let act = HumanAct::Type { tab, cell: "B2".to_owned(), text: "typed".to_owned() };
    stage.emulator().human(BOOK, &act).unwrap();
    let output = stage.home.ask(&["verify"], LONG);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("key 1: differs in name") && said.contains("NOT in step: 1 rows differ"),
        "{said}"
    );
}

#[test]
fn a_second_process_ends_with_code_5() {
    let stage = stage();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_says(&stage, "run", 5, &["state"]);
    // Another folder, the same spreadsheet.
    let other = Stage::on(stage.db.clone(), &stage.tables, RATE);
    stage.google.write_key(&other.home.join("google.json"));
    let text = other
        .config()
        .replace(&other.endpoint, &stage.endpoint)
        .replace(&format!("name = \"{}\"", other.db.name), "name = \"another\"");
    other.home.configure(&text);
    let (code, said) = outcome(&other.home.ask(&["run"], LONG));
    assert_eq!(code, 5, "{said}");
    assert!(said.contains(BOOK) && said.contains("--takeover"), "{said}");
    // The first one was not disturbed.
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    stage.wait_equal(&mut running);
}

#[test]
fn the_example_runs_once_host_credentials_and_table_are_filled_in() {
    let stage = stage();
    let mut text = include_str!("../../../config/sheetwire.example.toml").to_owned();
    let path = |name: &str| stage.home.join(name).display().to_string();
    let mut fill = |line: &str, value: &str| {
        let key = line.split(" = ").next().unwrap().trim_start_matches('#');
        assert_eq!(
            text.matches(&format!("\n{line}\n")).count(),
            1,
            "{line:?} is not in the example"
        );
        text = text.replacen(line, &format!("{key} = {value}"), 1);
    };
    fill("name = \"crm\"", &format!("{:?}", stage.db.name));
    fill("data_dir = \"/var/lib/sheetwire/crm\"", &format!("{:?}", path("state")));
    fill("host = \"replica1.internal\"", "\"127.0.0.1\"");
    fill("#port = 3306", &stage.port.to_string());
    fill("user = \"sheetwire\"", &format!("{:?}", stage.db.reader.user));
    fill("password_file = \"/run/credentials/db\"", &format!("{:?}", path("password")));
    fill(
        "credentials_file = \"/run/credentials/google.json\"",
        &format!("{:?}", path("google.json")),
    );
    fill("#endpoint = \"https://sheets.googleapis.com/\"", &format!("{:?}", stage.endpoint));
    fill("from = \"shop.orders\"", &format!("\"{}.t\"", stage.db.name));
    let to = format!("{{ spreadsheet = \"{BOOK}\", tab = \"Tab t\", header_row = 1 }}");
    fill(
        "to = { spreadsheet = \"1AbCdEfGhIjKlMnOpQrStUvWxYz\", tab = \"Orders\", header_row = 1 }",
        &to,
    );
    fill(
        "columns = [\"id\", \"customer\", \"status\", \"total\", \"due_on\", \"note\"]",
        "[\"id\", \"name\"]",
    );
    stage.home.configure(&text);
    let output = stage.home.ask(&["check"], LONG);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut running = stage.home.run();
    stage.wait_equal(&mut running);
}

#[test]
fn a_server_without_gtids_is_followed_unless_the_configuration_asks_for_them() {
    let off = ServerOptions::with_extra(&["gtid_mode=OFF", "enforce_gtid_consistency=OFF"]);
    let options = ServerOptions { gtid: false, ..off };
    let server = Server::private(Flavor::MySql, options);
    let stage = Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one')",
    );
    let strict = stage.config().replacen("[mysql]\n", "[mysql]\nposition = \"gtid\"\n", 1);
    stage.home.configure(&strict);
    for verb in ["check", "run"] {
        let output = stage.home.ask(&[verb], LONG);
        let said = format!("{output:?}");
        assert_eq!(output.status.code(), Some(if verb == "run" { 3 } else { 1 }), "{said}");
        assert!(said.contains("gtid_mode") && said.contains("switch GTIDs on"), "{said}");
    }
    let mut running = stage.run();
    stage.wait_equal(&mut running);
}
