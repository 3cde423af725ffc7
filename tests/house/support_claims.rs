//! What the tests lean on beside the servers: guard, proxy, oracle and the product as a process.

use std::{fs, path::Path, time::Duration};

use sheets_emulator::model::HumanAct;

use crate::support::{
    database::Database,
    google::Google,
    guard::{Guarded, Outputs},
    oracle::{Comparison, Verdict},
    proxy::Proxy,
    scratch::Scratch,
    servers::{Flavor, Server},
    sheetwire::Home,
    wait::wait_until,
};

const SOON: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(90);

#[test]
fn a_guarded_program_dies_with_the_test_process_and_its_folder_goes() {
    let scratch = Scratch::new("guard");
    let folder = scratch.join("inner");
    fs::create_dir(&folder).unwrap();
    let outputs = Outputs {
        stdout: folder.join("out"),
        stderr: folder.join("err"),
        remove: Some(folder.clone()),
    };
    // Deaf to everything but the kernel.
    let script = "trap '' TERM INT HUP; echo ready; while :; do read -r line </dev/zero; done";
    let mut guarded = Guarded::start(Path::new("sh"), &["-c", script], &[], &outputs);
    wait_until(SOON, "the program to be ready", || {
        fs::read_to_string(folder.join("out")).is_ok_and(|text| text == "ready\n")
    });
    guarded.signal("TERM");
    assert!(guarded.is_alive());
    let process = format!("/proc/{}", guarded.pid());
    assert!(Path::new(&process).exists());
    guarded.abandon();
    assert!(!Path::new(&process).exists(), "the program outlived its test");
    assert!(!folder.exists(), "its folder stayed");
}

#[test]
fn a_program_that_ends_by_itself_gives_its_exit_code() {
    let scratch = Scratch::new("exit");
    let outputs =
        Outputs { stdout: scratch.join("out"), stderr: scratch.join("err"), remove: None };
    let mut guarded = Guarded::start(
        Path::new("sh"),
        &["-c", "echo \"$WORD\" >&2; exit 5"],
        &[("WORD", "hm")],
        &outputs,
    );
    assert_eq!(guarded.wait_exit(SOON), 5);
    assert!(!guarded.is_alive());
    assert_eq!(fs::read_to_string(scratch.join("err")).unwrap(), "hm\n");
}

#[test]
fn the_proxy_cuts_now_and_after_so_many_bytes() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("cut");
        let proxy = Proxy::start(db.port);
        // Through TLS no byte counts would be exact.
        let mut line = db.line(&db.app, proxy.port());
        line.address.push(match flavor {
            Flavor::MySql => "--get-server-public-key".to_owned(),
            Flavor::MariaDb => "--skip-ssl".to_owned(),
        });
        let through = |sql: &str| line.try_query(sql);
        assert_eq!(through("SELECT 1").unwrap(), [[Some("1".to_owned())]]);
        let (up, down) = (proxy.bytes_up(), proxy.bytes_down());
        assert!(up > 50 && down > 50, "{up} up, {down} down");
        assert_eq!(proxy.connections(), 1);

        let mut session = crate::support::session::Session::open(&line);
        session.query("SELECT 1");
        assert_eq!(proxy.open(), 1);
        proxy.cut();
        assert!(session.try_query("SELECT 1").is_err(), "{flavor:?}");
        wait_until(SOON, "the connection to be counted out", || proxy.open() == 0);

        let before = proxy.bytes_down();
        proxy.cut_after_down(3000);
        let refused = through("SELECT REPEAT('x', 100000)").unwrap_err();
        assert!(refused.contains("ERROR 20"), "{refused}");
        assert_eq!(proxy.bytes_down() - before, 3000, "{flavor:?}");
        through("SELECT REPEAT('x', 100000)").unwrap();

        proxy.refuse(true);
        assert!(through("SELECT 1").is_err());
        proxy.refuse(false);
        through("SELECT 1").unwrap();
    }
}

#[test]
fn a_swallowing_proxy_keeps_the_connection_and_loses_the_words() {
    let db = Server::shared(Flavor::MariaDb).database("swallow");
    db.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    let proxy = Proxy::start(db.port);
    let mut session = crate::support::session::Session::open(&db.line(&db.app, proxy.port()));
    session.query("SELECT 1");
    let up = proxy.bytes_up();
    proxy.swallow(true);
    session.send("INSERT INTO t VALUES (1)").unwrap();
    // A second connection is taken, and not even greeted.
    let mut other = crate::support::session::Session::open(&db.line(&db.app, proxy.port()));
    other.send("SELECT 1").unwrap();
    wait_until(SOON, "the second connection", || proxy.open() == 2);
    assert_eq!(proxy.bytes_up(), up);
    assert_eq!(proxy.open(), 2);
    assert!(db.query("SELECT * FROM t").is_empty());
}

fn comparison<'a>(db: &'a Database, url: &'a str) -> Comparison<'a> {
    let table = "t";
    Comparison {
        database: db,
        table,
        emulator: url,
        spreadsheet: "book",
        tab: "Sheet1",
        options: &[],
    }
}

fn paste(google: &Google, at: &str, rows: &[&[&str]]) {
    let rows = rows.iter().map(|row| row.iter().map(|&text| text.to_owned()).collect()).collect();
    let act = HumanAct::Paste { tab: "Sheet1".to_owned(), at: at.to_owned(), rows };
    google.emulator().human("book", &act).expect("the grid takes the paste");
}

#[test]
fn the_oracle_knows_equal_from_nearly_equal() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("oracle");
        db.sql(
            "CREATE TABLE t (id INT PRIMARY KEY, big BIGINT UNSIGNED, s VARCHAR(20), d DATE, \
               at DATETIME, fine DATETIME(3), span TIME, b VARBINARY(9), f FLOAT, n DECIMAL(10,2), \
               bits BIT(12));\
             INSERT INTO t VALUES (1, 18446744073709551615, 'NULL', '2024-02-29', '2024-02-29 06:00:00', \
               '2024-02-29 06:00:00.250', '-30:00:00', x'00FF', 0.1, 12.30, b'101'), \
               (2, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
               (3, 7, '\\\\\"\"', NULL, NULL, NULL, NULL, '', NULL, -1, NULL);",
        );
        let google = Google::start(&["book"], 1.0);
        let url = google.url();
        let header = ["mine", "s", "id", "big", "d", "at", "fine", "span", "b", "f", "n", "bits"];
        paste(&google, "A1", &[&header]);
        let first = "'18446744073709551615";
        let fine = "'2024-02-29 06:00:00.250";
        let exact: [&[&str]; 3] = [
            &["own", "'\\\\\"\"", "3", "'7", "", "", "", "", "'0x", "", "-1", ""],
            &[
                "", "'NULL", "1", first, "45351", "45351.25", fine, "-1.25", "'0x00FF", "0.1",
                "12.3", "5",
            ],
            &["", "'\"\"", "2", "", "", "", "", "", "", "", "", ""],
        ];
        paste(&google, "A2", &exact);
        let comparison = comparison(&db, &url);
        assert_eq!(comparison.compare(), Verdict::Equal { rows: 3, cells: 33 }, "{flavor:?}");

        // Each of these is wrong by little, and alone.
        let wrong = [
            ("B2", "'\"\""),
            ("B3", ""),
            ("D3", "18446744073709551615"),
            ("D3", "'18446744073709551614"),
            ("E3", "45352"),
            ("F3", "45351.2501"),
            ("G3", "'2024-02-29 06:00:00.251"),
            ("H3", "1.25"),
            ("I3", "'0x00ff"),
            ("I2", ""),
            ("J3", "0.1001"),
            ("K3", "'12.30"),
            ("B4", ""),
            ("C4", "4"),
            ("C4", "1"),
            ("D4", "0"),
        ];
        for (cell, text) in wrong {
            paste(&google, cell, &[&[text]]);
            let verdict = comparison.compare();
            assert!(matches!(verdict, Verdict::Different(_)), "{cell} = {text}: {verdict:?}");
            paste(&google, "A2", &exact);
        }
        let lacking = Comparison { options: &["--columns", "id,s,missing"], ..comparison.clone() };
        assert!(lacking.try_compare().unwrap_err().contains("missing"));
        assert!(matches!(comparison.compare(), Verdict::Equal { .. }));
    }
}

/// A pipeline from one table to one tab, with time running twenty times as fast.
fn pipeline(db: &Database, google: &Google) -> Home {
    let mut home = Home::new();
    home.set("SHEETWIRE_CLOCK_RATE", "20");
    google.write_key(&home.join("google.json"));
    let password = home.secret("password", &db.reader.password);
    home.configure(&format!(
        "name = \"house\"\ndata_dir = \"{folder}/state\"\n\
         [mysql]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\npassword_file = \"{password}\"\n\
         [sheets]\nendpoint = \"{url}/\"\ncredentials_file = \"{folder}/google.json\"\n\
         [[table]]\nfrom = \"{name}.t\"\nto = {{ spreadsheet = \"book\", tab = \"Sheet1\" }}\n\
         columns = [\"id\", \"word\"]\ndirection = \"to_sheet\"\n",
        folder = home.path().display(),
        port = db.port,
        user = db.reader.user,
        name = db.name,
        url = google.url(),
    ));
    home
}

#[test]
fn the_product_goes_on_after_kill_9_where_it_stood() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("trip");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(20)); INSERT INTO t VALUES (1, 'one')");
        let google = Google::start(&["book"], 20.0);
        let home = pipeline(&db, &google);
        let url = google.url();
        let comparison = comparison(&db, &url);
        let mut running = home.run();
        let started = || format!("{flavor:?}:\n{}", home.log());
        assert_eq!(comparison.wait_equal(LONG), (1, 2), "{}", started());
        assert!(running.is_alive());
        running.kill9();
        db.sql("INSERT INTO t VALUES (2, 'two'), (3, NULL); DELETE FROM t WHERE id = 1");
        let running = home.run();
        assert_eq!(comparison.wait_equal(LONG), (2, 4), "{}", started());
        assert_eq!(running.terminate(LONG), 0, "{}", started());
        let check = home.ask(&["check", "--offline"], LONG);
        assert_eq!(check.status.code(), Some(0), "{check:?}");
    }
}
