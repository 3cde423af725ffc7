//! `sheetwire check` and `sheetwire verify` as an operator runs them: everything that is wrong is named at once, on both sides, with its cure.

use serde_json::{Value, json};
use sheets_emulator::{
    http::{CallKind, Fault, FaultFilter, FaultKind, Role},
    model::{HumanAct, Query},
};

use super::{BOOK, LONG, Mapped, RATE, Stage};
use crate::support::{
    google::ACCOUNT,
    servers::{Flavor, Server, ServerOptions, free_port},
    wait::wait_until,
};

on_both! {
    a_sound_set_up_is_ready_before_it_runs_and_while_it_runs,
    a_missing_grant_fails_the_check_with_the_statement_that_gives_it,
    a_server_with_wrong_settings_fails_the_check_and_is_not_followed,
    a_purged_position_fails_the_check_and_is_left_behind_where_the_configuration_says_so,
}

/// What a check said: its exit code, and every line.
struct Said {
    code: i32,
    text: String,
}

impl Said {
    /// Lines with this mark.
    fn marked(&self, mark: &str) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with(mark)).collect()
    }

    /// That something failed in these words, with this cure in the line behind.
    #[track_caller]
    fn assert_fails(&self, words: &str, cure: &str) {
        assert_eq!(self.code, 1, "{}", self.text);
        assert!(self.text.trim_end().ends_with("not ready: see the lines marked FAIL"));
        let mut lines = self.text.lines();
        let found = lines.find(|line| line.starts_with("FAIL") && line.contains(words));
        assert!(found.is_some(), "{words:?} did not fail:\n{}", self.text);
        let next = lines.next().unwrap();
        assert!(next.contains("-> ") && next.contains(cure), "{cure:?} is not in {next:?}");
    }
}

fn check(stage: &Stage) -> Said {
    stage.home.configure(&stage.config());
    let output = stage.home.ask(&["check"], LONG);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.is_empty(), "{output:?}");
    Said { code: output.status.code().unwrap(), text }
}

fn prepared(stage: Stage) -> Stage {
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two')");
    stage
}

fn stage(flavor: Flavor) -> Stage {
    prepared(Stage::new(flavor, &[Mapped::new("t", &["id", "name"])]))
}

fn a_sound_set_up_is_ready_before_it_runs_and_while_it_runs(flavor: Flavor) {
    // A month of binlog, so that not even the retention is worth a warning.
    let options = ServerOptions::with_extra(&["binlog_expire_logs_seconds=2592000"]);
    let server = Server::private(flavor, options);
    let stage =
        prepared(Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE));
    let sound = |said: &Said, folder: &str| {
        assert_eq!(said.code, 0, "{}", said.text);
        assert_eq!(said.text.lines().last(), Some("ready"));
        let doubts = [said.marked("warn"), said.marked("FAIL")].concat();
        assert!(doubts.is_empty(), "{doubts:#?}");
        for words in ["data folder", folder, "readable", "writable; fence by NamedRange"] {
            assert!(said.text.contains(words), "{words:?} is not in\n{}", said.text);
        }
    };
    let said = check(&stage);
    sound(&said, "empty: the first `run` copies every table");
    assert!(said.text.contains("does not exist; `run` makes it"), "{}", said.text);
    assert!(!stage.home.join("state").exists(), "a check makes no data folder");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let said = check(&stage);
    sound(&said, "the pipeline runs");
    assert!(said.text.contains("columns found, 2 rows with a key"), "{}", said.text);
    // Its own reader is not somebody else's, and the cells of the journal count.
    let counted = said.text.lines().find(|line| line.contains("cells with the journal tab's"));
    let numbers: Vec<u64> = counted
        .unwrap()
        .split(' ')
        .filter_map(|word| word.trim_matches([',', '\'']).parse().ok())
        .collect();
    let [all, journal, _percent] = numbers[..] else { panic!("{counted:?}") };
    let tabs = stage.emulator().edit(BOOK, |book| book.get(&Query::default())).unwrap().unwrap();
    let size = |tab: &Value| {
        let grid = &tab["properties"]["gridProperties"];
        grid["rowCount"].as_u64().unwrap() * grid["columnCount"].as_u64().unwrap()
    };
    let (ours, theirs): (Vec<&Value>, Vec<&Value>) = (tabs["sheets"].as_array().unwrap().iter())
        .partition(|tab| tab["properties"]["title"] == "_sheetwire");
    assert_eq!(all - journal, theirs.into_iter().map(size).sum::<u64>());
    assert!(journal >= size(ours[0]), "{journal} are less than there are: {}", ours[0]);
    assert_eq!(running.terminate(LONG), 0);
    // The server notices a moment later that its reader has gone.
    let readers =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    wait_until(LONG, "the server to let go of the reader", || {
        server.admin_sql(readers)[0][0].as_deref() == Some("0")
    });
    let said = check(&stage);
    sound(&said, "in order; it stands at m");
    // Looking has changed nothing: it goes on where it stood.
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(stage.home.log().matches("copy complete").count(), 1);
}

fn a_missing_grant_fails_the_check_with_the_statement_that_gives_it(flavor: Flavor) {
    let stage = stage(flavor);
    let server = Server::shared(flavor);
    let user = &stage.db.reader.user;
    server.admin_sql(&format!("REVOKE REPLICATION SLAVE ON *.* FROM '{user}'@'%'"));
    let cure = format!("GRANT REPLICATION SLAVE ON *.* TO '{user}'@'%'");
    let said = check(&stage);
    said.assert_fails("REPLICATION SLAVE", &cure);
    // The other side was looked at all the same.
    assert!(said.text.contains("writable; fence by"), "{}", said.text);
    server.admin_sql(&cure);
    assert_eq!(check(&stage).code, 0);
    server.admin_sql(&format!("REVOKE SELECT ON `{}`.* FROM '{user}'@'%'", stage.db.name));
    check(&stage).assert_fails(&format!("table {}.t", stage.db.name), "");
}

fn a_server_with_wrong_settings_fails_the_check_and_is_not_followed(flavor: Flavor) {
    let options = ServerOptions::with_extra(&["binlog_row_image=MINIMAL", "binlog_format=MIXED"]);
    let server = Server::private(flavor, options);
    let stage =
        prepared(Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE));
    let said = check(&stage);
    said.assert_fails("binlog_row_image", "SET GLOBAL binlog_row_image = 'FULL'");
    said.assert_fails("binlog_format", "SET GLOBAL binlog_format = 'ROW'");
    let mark = stage.mark();
    let (code, said) = stage.run_to_its_end();
    assert_eq!(code, 3, "{said}");
    for words in ["binlog_row_image: is 'MINIMAL'", "binlog_format: is 'MIXED'", "SET GLOBAL"] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    assert_eq!(stage.calls_since(mark, CallKind::Write), 0, "it wrote before it had looked");
    server.admin_sql("SET GLOBAL binlog_row_image = 'FULL'; SET GLOBAL binlog_format = 'ROW'");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
}

fn a_purged_position_fails_the_check_and_is_left_behind_where_the_configuration_says_so(
    flavor: Flavor,
) {
    let server = Server::private(flavor, ServerOptions::default());
    let stage =
        prepared(Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE));
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // A change that is durable and not in the sheet yet: of a row that goes where nobody will hear of it.
    let faults = stage.emulator().faults();
    faults.arm(Fault::always(FaultKind::Unavailable { applied: false }, FaultFilter::Writes));
    stage.db.sql("INSERT INTO t VALUES (7,'seven'); UPDATE t SET name = 'uno' WHERE id = 1");
    stage.wait_status("both to wait", |status| status["tables"][0]["pending"] == 2);
    assert_eq!(running.terminate(LONG), 0);
    faults.clear();
    stage.db.sql("DELETE FROM t WHERE id = 7; INSERT INTO t VALUES (3,'never read'); DELETE FROM t WHERE id = 2");
    let variable = match flavor {
        Flavor::MySql => "@@GLOBAL.gtid_executed",
        Flavor::MariaDb => "@@GLOBAL.gtid_binlog_pos",
    };
    let purged = server.admin_sql(&format!("SELECT {variable}"))[0][0].clone().unwrap();
    let last = purged.rsplit(['-', ':']).next().unwrap().to_owned();
    server.purge_binlogs();
    stage.db.sql("INSERT INTO t VALUES (4,'behind it')");
    let said = check(&stage);
    said.assert_fails("has thrown away transactions that were never read", "when_needed");
    let lost = said.marked("FAIL").concat();
    assert!(lost.contains(&last), "{last} is not in {lost}");
    // The same words when it is run, and nothing is written.
    let (code, said) = stage.run_to_its_end();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("thrown away") && said.contains(&last), "{said}");
    let config = stage.config().replacen("[mysql]\n", "[mysql]\nsnapshot = \"when_needed\"\n", 1);
    stage.home.configure(&config);
    let output = stage.home.ask(&["check"], LONG);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("`run` copies every table again"), "{text}");
    let mut running = stage.home.run();
    stage.wait_equal(&mut running);
    let log = stage.home.log();
    assert!(log.contains("thrown away") && log.contains("every table is copied again"), "{log}");
    assert_eq!(log.matches("copy complete").count(), 2, "{log}");
    stage.db.sql("UPDATE t SET name = 'followed again' WHERE id = 3");
    stage.wait_equal(&mut running);
}

#[test]
fn a_spreadsheet_that_is_not_shared_or_may_only_be_read_fails_the_check_with_the_address() {
    let stage = stage(Flavor::MySql);
    stage.emulator().share(BOOK, "somebody@example.org", Role::Writer).unwrap();
    let said = check(&stage);
    said.assert_fails(&format!("spreadsheet {BOOK}"), "share");
    assert!(said.text.contains(ACCOUNT), "{}", said.text);
    assert!(said.text.contains("the server stands at mysql:"), "{}", said.text);
    // Readable, so that only the probe can tell.
    stage.emulator().share(BOOK, ACCOUNT, Role::Reader).unwrap();
    let said = check(&stage);
    assert!(said.text.contains("readable"), "{}", said.text);
    said.assert_fails(&format!("spreadsheet {BOOK}"), "as an editor");
    stage.emulator().share(BOOK, ACCOUNT, Role::Writer).unwrap();
    assert_eq!(check(&stage).code, 0);
}

#[test]
fn a_probe_that_fails_is_told_and_does_not_hide_the_other_spreadsheets() {
    let tables = ["one", "two"].map(|name| Mapped::new(name, &["id", "name"]).into_tab(name, "T"));
    let stage = Stage::new(Flavor::MySql, &tables);
    for name in ["one", "two"] {
        stage.db.sql(&format!("CREATE TABLE {name} (id INT PRIMARY KEY, name VARCHAR(40))"));
    }
    let broken = Fault {
        spreadsheet: Some("one".to_owned()),
        ..Fault::always(FaultKind::Internal { applied: false }, FaultFilter::Writes)
    };
    let number = stage.emulator().faults().arm(broken);
    let said = check(&stage);
    said.assert_fails("spreadsheet one", "try again");
    assert!(said.text.contains("spreadsheet two"), "{}", said.text);
    assert_eq!(said.text.matches("writable; fence by").count(), 1, "{}", said.text);
    stage.emulator().faults().disarm(number);
    // The next check clears what the broken one has left.
    assert_eq!(check(&stage).code, 0);
    for name in ["one", "two"] {
        let tabs =
            stage.emulator().edit(name, |book| book.get(&Query::default())).unwrap().unwrap();
        assert_eq!(tabs["sheets"].as_array().unwrap().len(), 1, "{tabs}");
    }
}

#[test]
fn a_fault_on_one_side_hides_nothing_of_the_other() {
    let mut stage = stage(Flavor::MySql);
    stage.port = free_port();
    stage.emulator().share(BOOK, "somebody@example.org", Role::Writer).unwrap();
    let said = check(&stage);
    said.assert_fails(&format!("database 127.0.0.1:{}", stage.port), "see that the server runs");
    said.assert_fails(&format!("spreadsheet {BOOK}"), "share");
    let (output, place) = (stage.home.ask(&["check", "--json"], LONG), "spreadsheet book");
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<&Value> =
        findings.as_array().unwrap().iter().filter(|one| one["level"] == "fail").collect();
    assert_eq!(failed.len(), 2, "{findings:#}");
    assert_eq!(failed[1]["what"], place);
    assert!(failed.iter().all(|one| !one["cure"].as_str().unwrap().is_empty()), "{failed:#?}");
}

#[test]
fn a_spreadsheet_that_another_pipeline_keeps_is_named_and_not_touched() {
    let stage = stage(Flavor::MySql);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
    let other = Stage::on(stage.db.clone(), &stage.tables, RATE);
    stage.google.write_key(&other.home.join("google.json"));
    let text = other.config().replace(&other.endpoint, &stage.endpoint);
    // Under another name, and as the same pipeline whose data folder was lost.
    for name in ["another", &*stage.db.name] {
        let text =
            text.replace(&format!("name = \"{}\"", other.db.name), &format!("name = \"{name}\""));
        other.home.configure(&text);
        let mark = stage.mark();
        let output = other.home.ask(&["check"], LONG);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let kept = format!("kept by another instance (pipeline '{}'", stage.db.name);
        assert!(said.contains(&kept) && said.contains("--takeover"), "{said}");
        assert_eq!(stage.calls_since(mark, CallKind::Write), 0, "it was probed all the same");
    }
    assert_eq!(check(&stage).code, 0, "its own pipeline is not another one");
}

#[test]
fn verify_goes_on_behind_a_table_that_cannot_be_compared_and_never_calls_that_in_step() {
    let names = ["keyless", "lost", "good", "different"];
    let tables = names.map(|name| Mapped::new(name, &["id", "name"]));
    let stage = Stage::new(Flavor::MySql, &tables);
    stage.db.sql("CREATE TABLE keyless (id INT, name VARCHAR(40))");
    for name in &names[1..] {
        stage.db.sql(&format!(
            "CREATE TABLE {name} (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO {name} VALUES (1,'one'),(2,'two')"
        ));
    }
    let running = stage.run();
    stage.wait_status("the others to be in step", |status| {
        let tables = status["tables"].as_array().unwrap().iter();
        status["idle"] == true && tables.filter(|table| table["rows"] == 2).count() == 3
    });
    assert_eq!(running.terminate(LONG), 0);
    let verify = |code: i32| {
        let output = stage.home.ask(&["verify"], LONG);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    // The one that was refused is all that is wrong.
    let said = verify(1);
    assert!(said.contains(".keyless") && said.contains("NOT COMPARED: "), "{said}");
    assert!(said.contains("neither a primary key"), "{said}");
    assert_eq!(said.lines().last(), Some("NOT in step: 1 tables could not be compared"), "{said}");
    // And a tab is gone, another one typed over.
    for act in [
        HumanAct::DeleteTab { tab: "Tab lost".to_owned() },
        HumanAct::Type {
            tab: "Tab different".to_owned(),
            cell: "B2".to_owned(),
            text: "typed".to_owned(),
        },
    ] {
        stage.emulator().human(BOOK, &act).unwrap();
    }
    let said = verify(1);
    assert!(said.contains("has no tab 'Tab lost'"), "{said}");
    assert!(
        said.lines().any(|line| line.starts_with("Tab good") && line.ends_with("equal")),
        "{said}"
    );
    assert!(said.contains("key 1: differs in name"), "{said}");
    let last = "NOT in step: 1 rows differ, 2 tables could not be compared";
    assert_eq!(said.lines().last(), Some(last), "{said}");
    let output = stage.home.ask(&["verify", "--json"], LONG);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 4, "{all:#?}");
    assert_eq!(all.iter().filter(|one| one["error"].is_string()).count(), 2, "{all:#?}");
    assert_eq!(all[1]["differences"], json!([]));
}
