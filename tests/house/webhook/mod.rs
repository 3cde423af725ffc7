//! The doorbell, from the outside: the script in the spreadsheet, and everybody else who finds the port.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken set-up fails the test that needs it"
)]

mod client;
mod port;
mod rate;
mod refused;
mod replay;
mod rotation;
mod script;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sheets_emulator::script::{Bell, Call, ScriptState, Source};

use self::client::{Request, now_s};

use crate::{
    slice::{BOOK, LONG, Mapped, Stage},
    support::{
        servers::{Flavor, free_port},
        sheetwire::Running,
        wait::wait_until,
    },
};

const CODE: &str = include_str!("../../../apps-script/Code.gs");
const MANIFEST: &str = include_str!("../../../apps-script/appsscript.json");

/// What doorbells are signed with: letters beyond ASCII, so that both sides must agree on the charset.
const SECRET: &str = "canary-of-the-bell-häß-1";

/// A two-way table with a doorbell, at real time, with a sweep that comes after every test.
#[derive(Debug)]
struct House {
    stage: Stage,
    port: u16,
}

impl House {
    fn new(flavor: Flavor) -> Self {
        let keys = "on_delete = { in_sheet = \"remove\" }\nbrake = { rows = 2, percent = 100 }";
        let mapped = Mapped::new("t", &["id", "name", "amount"]).both_ways(keys);
        let mut stage = Stage::slow(flavor, &[mapped]);
        stage.db.sql(
            "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(8), amount DECIMAL(8,2),
                             CONSTRAINT small CHECK (amount < 1000));
             INSERT INTO t VALUES (1,'one',10.50),(2,'two',20),(3,'three',30)",
        );
        let port = free_port();
        stage.home.secret("writer", &stage.db.writer.password);
        stage.home.secret("bell", SECRET);
        stage.settings = format!(
            "[mysql.writer]\nuser = \"{}\"\npassword_file = \"{}\"\n\
             [webhook]\nlisten = \"127.0.0.1:{port}\"\nsecret_file = \"{}\"\nsweep = \"3600s\"",
            stage.db.writer.user,
            stage.home.join("writer").display(),
            stage.home.join("bell").display(),
        );
        Self { stage, port }
    }

    /// Starts it, and waits until both sides are in step.
    fn run(&self) -> Running<'_> {
        let mut running = self.stage.run();
        self.stage.wait_equal(&mut running);
        wait_next_second();
        running
    }

    /// Starts it where the sides need not be equal, and waits until it has come to rest.
    fn run_to_rest(&self) -> Running<'_> {
        let running = self.stage.run();
        self.stage.wait_status("rest", |status| {
            status["idle"] == true && status["writer"]["phase"] == "ready"
        });
        wait_next_second();
        running
    }

    /// What the script would send from the tab of the table.
    fn body(&self, verb: &str, range: &str) -> Value {
        let book = self.stage.emulator().spreadsheet(BOOK).unwrap();
        json!({
            "verb": verb, "spreadsheet": BOOK, "sheet": book.sheet_titled("Tab t").unwrap().id,
            "tab": "Tab t", "range": range, "kind": "edit", "at": now_s() * 1_000, "user": "ann@example.org",
        })
    }

    /// A request as the script would sign it now.
    fn request(&self, verb: &str, range: &str) -> Request {
        Request::new(SECRET, &self.body(verb, range).to_string())
    }

    /// Sends it; gives status and sentence.
    #[track_caller]
    fn send(&self, request: &Request) -> (u16, String) {
        request.send(self.port).unwrap_or_else(|why| panic!("{why}\n{}", self.stage.home.log()))
    }

    /// Sends what must be refused like this, and makes sure that the next ring is taken all the same.
    #[track_caller]
    fn refuses(&self, request: &Request, status: u16, words: &str) {
        let (code, sentence) = self.send(request);
        assert_eq!(code, status, "{sentence}\n{}", self.stage.home.log());
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!(self.send(&self.request("ring", "B2")).0, 200);
    }

    /// How often this reason was counted since the start of the last process that said so.
    fn refused(&self, reason: &str) -> usize {
        let log = self.stage.home.log();
        let lines = log.lines().filter_map(|line| line.split_once("doorbells refused: "));
        let counts = lines.flat_map(|(_, counts)| counts.split(", ")).filter_map(|count| {
            let (_, total) = count.strip_prefix(reason)?.split_once("(since the start ")?;
            total.split(')').next()?.parse().ok()
        });
        counts.last().unwrap_or_default()
    }

    /// Somebody installs the shipped script and runs `setup`.
    fn install_script(&self) {
        let properties = BTreeMap::from([
            ("SHEETWIRE_URL".to_owned(), format!("http://127.0.0.1:{}/", self.port)),
            ("SHEETWIRE_SECRET".to_owned(), SECRET.to_owned()),
        ]);
        let source = Source {
            source: CODE.to_owned(),
            manifest: Some(MANIFEST.to_owned()),
            properties: Some(properties),
        };
        self.stage.emulator().install_script(BOOK, source).unwrap();
        self.chooses("setup", ("Tab t", "A1"), None);
    }

    /// A person chooses an item of the menu while this cell is the current one, and must see this sentence.
    #[track_caller]
    fn chooses(&self, function: &str, (tab, cell): (&str, &str), sentence: Option<&str>) {
        let call = Call {
            function: function.to_owned(),
            tab: Some(tab.to_owned()),
            cell: Some(cell.to_owned()),
            user: None,
        };
        let done = self.stage.google.wait(self.stage.emulator().run_script(BOOK, call)).unwrap();
        let shown: Vec<&str> = done.alerts.iter().map(|alert| alert.text.as_str()).collect();
        assert_eq!(
            shown,
            sentence.into_iter().collect::<Vec<_>>(),
            "{done:#?}\n{}",
            self.stage.home.log()
        );
        assert_eq!(done.error, None, "{function}");
    }

    /// Waits until every trigger that fired has rung; gives kind and answer of each ring since the start.
    fn rings(&self) -> Vec<(String, u16)> {
        let emulator = self.stage.emulator();
        let idle = emulator.wait_script(BOOK, LONG, ScriptState::is_idle);
        self.stage.google.wait(idle).unwrap();
        let told = |bell: Bell| (bell.kind.unwrap(), bell.status.unwrap());
        emulator.bells().all().into_iter().map(told).collect()
    }
}

/// Where nobody knows what was taken before, what is signed in the second of the start is not taken.
fn wait_next_second() {
    let start = now_s();
    wait_until(LONG, "the next second", || now_s() > start);
}
