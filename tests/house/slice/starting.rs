//! A run that cannot start yet, and one that is told to end: both answer, and neither keeps anybody waiting.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use serde_json::Value;
use sheets_emulator::http::{Fault, FaultFilter, FaultKind};

use super::{LONG, Mapped, Stage};
use crate::support::{
    oracle::Verdict,
    servers::{Flavor, free_port},
    wait::wait_until,
};

on_both! { what_is_pending_reaches_the_sheet_before_a_run_that_is_told_to_end_has_ended }

/// Far below the waits that would be seen if anybody had to wait for a connection.
const AT_ONCE: Duration = Duration::from_secs(10);

fn stage() -> Stage {
    let stage = Stage::new(Flavor::MySql, &[Mapped::new("t", &["id", "name"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two')");
    stage
}

/// Two stages that cannot start: without a database, and without Google.
fn waiting() -> [(Stage, &'static str); 2] {
    let (mut database, mut google) = (stage(), stage());
    database.port = free_port();
    google.endpoint = format!("http://127.0.0.1:{}/", free_port());
    [(database, "the database"), (google, "Google")]
}

#[test]
fn a_run_that_waits_at_its_start_ends_when_it_is_told_to() {
    for (stage, _) in waiting() {
        for signal in ["TERM", "INT"] {
            let before = stage.home.log().len();
            let mut running = stage.run();
            wait_until(LONG, "it to wait", || {
                stage.home.log()[before..].contains("cannot start yet")
            });
            running.signal(signal);
            assert_eq!(running.wait_exit(AT_ONCE), 0, "{signal}: {}", stage.home.log());
        }
    }
}

#[test]
fn status_says_at_once_what_a_start_waits_for() {
    for (stage, whom) in waiting() {
        let mut running = stage.run();
        running.wait_log("cannot start yet", LONG);
        let output = stage.home.ask(&["status"], AT_ONCE);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("starting: waiting for {whom}: ")), "{said}");
        assert!(said.contains("127.0.0.1:") && said.contains("was not reached"), "{said}");
        let output = stage.home.ask(&["status", "--json"], AT_ONCE);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer["starting"].as_str().unwrap().starts_with(whom), "{answer}");
        let output = stage.home.ask(&["status", "--health"], AT_ONCE);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        running.kill9();
    }
}

#[test]
fn a_silent_asker_keeps_nobody_waiting() {
    let stage = stage();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let connect = || UnixStream::connect(stage.home.join("state/control.sock")).unwrap();
    let mut silent: Vec<UnixStream> = (0..3).map(|_| connect()).collect();
    silent[0].write_all(b"sta").unwrap();
    let output = stage.home.ask(&["status"], AT_ONCE);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // In the end it is sent away, without an answer.
    let mut said = String::new();
    silent[0].set_read_timeout(Some(LONG)).unwrap();
    silent[0].read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_pipeline_that_stands_still_is_not_waited_for() {
    let stage = stage();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    running.freeze();
    let output = stage.home.ask(&["status"], AT_ONCE);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains("does not answer within 5s"), "{said}");
    assert_eq!(stage.home.ask(&["status", "--health"], AT_ONCE).status.code(), Some(1));
    running.thaw();
    wait_until(LONG, "it to answer again", || {
        stage.home.ask(&["status"], AT_ONCE).status.code() == Some(0)
    });
}

#[test]
fn status_says_in_step_only_while_no_table_is_set_aside() {
    let stage = Stage::new(
        Flavor::MySql,
        &[Mapped::new("good", &["id", "name"]), Mapped::new("keyless", &["id", "name"])],
    );
    stage.db.sql(
        "CREATE TABLE good (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO good VALUES (1,'one');
         CREATE TABLE keyless (id INT, name VARCHAR(40))",
    );
    let running = stage.run();
    let is_idle = |status: &Value| status["idle"] == true && status["tables"][0]["rows"] == 1;
    stage.wait_status("the good table to be in step", is_idle);
    let output = stage.home.ask(&["status"], LONG);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let first = said.lines().next().unwrap();
    assert!(first.contains("NOT in step: 1 of 2 tables set aside"), "{first}");
    assert!(said.contains("then restart `run`: the table is copied again"), "{said}");
    drop(running);
    stage.db.sql("ALTER TABLE keyless ADD PRIMARY KEY (id)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let output = stage.home.ask(&["status"], LONG);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.lines().next().unwrap().ends_with("   in step"), "{said}");
}

fn what_is_pending_reaches_the_sheet_before_a_run_that_is_told_to_end_has_ended(flavor: Flavor) {
    // At real time: the grace at the end is not over before the test has let go.
    let stage = Stage::slow(flavor, &[Mapped::new("t", &["id", "name"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two')");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // One batch hangs at Google, and more rows wait behind it.
    let faults = stage.emulator().faults();
    faults.arm(Fault::once(FaultKind::StallBefore { for_ms: None }, FaultFilter::Writes));
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1");
    wait_until(LONG, "a batch to be held", || faults.held().len() == 1);
    stage.db.sql("INSERT INTO t VALUES (3,'three'); UPDATE t SET name = 'due' WHERE id = 2");
    stage.wait_status("all three to wait", |status| status["tables"][0]["pending"] == 3);
    assert!(matches!(stage.compare(&stage.tables[0]), Ok(Verdict::Different { .. })));
    running.signal("TERM");
    running.wait_log("stopping: flushing", LONG);
    // It is asked while it drains, and answers.
    assert_eq!(stage.home.ask(&["status"], AT_ONCE).status.code(), Some(0));
    faults.release_all();
    assert_eq!(running.wait_exit(LONG), 0, "{}", stage.home.log());
    let left = stage.compare(&stage.tables[0]);
    assert!(matches!(left, Ok(Verdict::Equal { .. })), "{left:?}\n{}", stage.home.log());
    assert!(stage.home.log().contains("\"pending\":0"), "{}", stage.home.log());
}
