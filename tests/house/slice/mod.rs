//! What the product promises, shown from the outside: a real server, the Sheets emulator, and sheetwire as a process between them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken set-up fails the test that needs it"
)]

/// The same tests on MySQL and on MariaDB.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod mysql {
            $(#[test] fn $name() { super::$name(crate::support::servers::Flavor::MySql); })*
        }
        mod mariadb {
            $(#[test] fn $name() { super::$name(crate::support::servers::Flavor::MariaDb); })*
        }
    };
}

pub(crate) use on_both;

mod broken_lines;
mod calls;
mod checks;
mod existing_tabs;
mod first_copy;
mod hands;
mod many_tabs;
mod owners;
mod replica;
mod rotation;
mod secrets;
mod starting;
mod statements;
mod tap;
mod transactions;
mod two_way;
mod unmappable;
mod values;
mod words;

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::Value;
use sheets_emulator::{
    http::{Call, CallKind, Emulator},
    model::Query,
};

use crate::support::{
    database::Database,
    google::Google,
    oracle::{Comparison, Verdict},
    servers::{Flavor, Server},
    sheetwire::{Home, Running},
    wait::{wait_for, wait_until},
};

/// Virtual seconds in a real one, for sheetwire and for the emulator; sheetwire's clock can be hurried in test builds only.
pub(crate) const RATE: u32 = if cfg!(feature = "testing") { 20 } else { 1 };

/// How long a test waits for something that must happen.
pub(crate) const LONG: Duration = Duration::from_mins(3);
pub(crate) const BOOK: &str = "book";

/// A mapped table: where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    pub(crate) table: String,
    pub(crate) book: String,
    pub(crate) tab: String,
    pub(crate) columns: Vec<String>,
    pub(crate) header_row: u32,
    pub(crate) filter: Option<String>,
    /// Further keys of its section.
    pub(crate) keys: String,
}

impl Mapped {
    pub(crate) fn new(table: &str, columns: &[&str]) -> Self {
        Self {
            table: table.to_owned(),
            book: BOOK.to_owned(),
            tab: format!("Tab {table}"),
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            header_row: 1,
            filter: None,
            keys: String::new(),
        }
    }

    /// The same table both ways, with further keys.
    pub(crate) fn both_ways(self, keys: &str) -> Self {
        Self { keys: format!("direction = \"both\"\n{keys}\n"), ..self }
    }

    pub(crate) fn into_tab(self, book: &str, tab: &str) -> Self {
        Self { book: book.to_owned(), tab: tab.to_owned(), ..self }
    }

    fn to_toml(&self, database: &str) -> String {
        let Self { table, book, tab, columns, header_row, filter, keys } = self;
        let mut text = format!(
            "\n[[table]]\nfrom = {:?}\ncolumns = {columns:?}\n\
             to = {{ spreadsheet = \"{book}\", tab = {tab:?}, header_row = {header_row} }}\n",
            format!("{database}.{table}")
        );
        if let Some(filter) = filter {
            let _ = writeln!(text, "where = \"{filter}\"");
        }
        text.push_str(keys);
        text
    }
}

/// Everything of one pipeline.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) google: Google,
    pub(crate) home: Home,
    pub(crate) db: Database,
    pub(crate) tables: Vec<Mapped>,
    /// Port sheetwire connects to; a proxy's, where one stands between.
    pub(crate) port: u16,
    /// Further sections of the configuration.
    pub(crate) settings: String,
    /// Where sheetwire thinks Google is.
    endpoint: String,
}

impl Stage {
    /// On the shared server, in a database of its own.
    pub(crate) fn new(flavor: Flavor, tables: &[Mapped]) -> Self {
        Self::on(Server::shared(flavor).database("slice"), tables, RATE)
    }

    /// At real time: nothing happens for a minute but what the test does.
    pub(crate) fn slow(flavor: Flavor, tables: &[Mapped]) -> Self {
        Self::on(Server::shared(flavor).database("slice"), tables, 1)
    }

    pub(crate) fn on(db: Database, tables: &[Mapped], rate: u32) -> Self {
        let mut books: Vec<&str> = tables.iter().map(|table| table.book.as_str()).collect();
        books.sort_unstable();
        books.dedup();
        let google = Google::start(&books, f64::from(rate));
        let mut home = Home::new();
        home.set("SHEETWIRE_CLOCK_RATE", &rate.to_string());
        google.write_key(&home.join("google.json"));
        home.secret("password", &db.reader.password);
        let endpoint = format!("{}/", google.url());
        let (port, settings) = (db.port, String::new());
        Self { google, home, db, tables: tables.to_vec(), port, settings, endpoint }
    }

    /// The configuration as it is written.
    pub(crate) fn config(&self) -> String {
        let path = |name: &str| self.home.join(name).display().to_string();
        let mut text = format!(
            "name = \"{}\"\ndata_dir = \"{}\"\n[mysql]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n\
             password_file = \"{}\"\n[sheets]\nendpoint = \"{}\"\ncredentials_file = \"{}\"\n{}\n",
            self.db.name,
            path("state"),
            self.port,
            self.db.reader.user,
            path("password"),
            self.endpoint,
            path("google.json"),
            self.settings,
        );
        for table in &self.tables {
            text.push_str(&table.to_toml(&self.db.name));
        }
        text
    }

    /// Writes the configuration and starts `sheetwire run`.
    pub(crate) fn run(&self) -> Running<'_> {
        self.home.configure(&self.config());
        self.home.run()
    }

    /// Runs until it ends by itself; gives the exit code and what this run said.
    fn run_to_its_end(&self) -> (i32, String) {
        let before = self.home.log().len();
        let code = self.run().wait_exit(LONG);
        (code, self.home.log()[before..].to_owned())
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        self.google.emulator()
    }

    /// What the control socket says; none when nobody answers, or it is only starting.
    pub(crate) fn status(&self) -> Option<Value> {
        let mut socket = UnixStream::connect(self.home.join("state/control.sock")).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        socket.write_all(b"{\"ask\":\"status\"}\n").ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        let mut answer: Value = serde_json::from_str(&text).ok()?;
        answer.get_mut("status").map(Value::take)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.status().is_some_and(|status| status["idle"] == true)
    }

    #[track_caller]
    pub(crate) fn wait_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        wait_for(LONG * 2, what, || {
            let status = self.status();
            let found = status.filter(|status| wanted(status));
            assert!(
                found.is_some() || start.elapsed() < LONG,
                "{what}: not within {LONG:?}; now {:#?}\n{}",
                self.status(),
                self.home.log()
            );
            found
        })
    }

    /// Waits until the oracle finds every table equal to its tab, and sheetwire has nothing left to do.
    #[track_caller]
    pub(crate) fn wait_equal(&self, running: &mut Running<'_>) {
        let start = Instant::now();
        for mapped in &self.tables {
            wait_until(LONG * 2, &format!("{} to be equal", mapped.table), || {
                assert!(running.is_alive(), "sheetwire ended:\n{}", self.home.log());
                if !self.is_idle() && start.elapsed() < LONG {
                    return false;
                }
                match self.compare(mapped) {
                    Ok(Verdict::Equal { .. }) => true,
                    other => {
                        assert!(
                            start.elapsed() < LONG,
                            "{other:#?}\n{:#?}\n{}",
                            self.status(),
                            self.home.log()
                        );
                        false
                    }
                }
            });
        }
    }

    pub(crate) fn compare(&self, mapped: &Mapped) -> Result<Verdict, String> {
        let url = self.google.url();
        let (header, columns) = (mapped.header_row.to_string(), mapped.columns.join(","));
        let mut options = vec!["--header-row", &*header, "--columns", &*columns];
        options.extend(mapped.filter.iter().flat_map(|filter| ["--where", &**filter]));
        Comparison {
            database: &self.db,
            table: &mapped.table,
            emulator: &url,
            spreadsheet: &mapped.book,
            tab: &mapped.tab,
            options: &options,
        }
        .try_compare()
    }

    /// Every call of this kind so far.
    fn calls(&self, kind: CallKind) -> Vec<Call> {
        self.emulator().log().calls().into_iter().filter(|call| call.kind == kind).collect()
    }

    /// Ordinal of the newest call.
    pub(crate) fn mark(&self) -> u64 {
        self.emulator().log().count()
    }

    /// Calls of this kind behind the mark.
    fn calls_since(&self, mark: u64, kind: CallKind) -> usize {
        self.calls(kind).iter().filter(|call| call.ordinal > mark).count()
    }

    /// What a range holds: formulas as formulas, row by row.
    pub(crate) fn grid(&self, book: &str, range: &str) -> Vec<Vec<Value>> {
        self.rendered(book, range, "FORMULA")
    }

    /// What a range holds, rendered in one of Google's ways.
    pub(crate) fn rendered(&self, book: &str, range: &str, how: &str) -> Vec<Vec<Value>> {
        let query = Query(vec![("valueRenderOption".to_owned(), how.to_owned())]);
        // Not through a snapshot: the grid would be copied at the next write.
        let answer = self.emulator().edit(book, |book| book.values_get(range, &query));
        let Ok(Ok(answer)) = answer else { return Vec::new() };
        let rows = answer["values"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row.as_array().unwrap().clone()).collect()
    }

    /// Somebody fills a block, formulas and all, before sheetwire comes.
    pub(crate) fn fill(&self, book: &str, at: &str, rows: &Value) {
        let query = Query(vec![("valueInputOption".to_owned(), "USER_ENTERED".to_owned())]);
        let body = serde_json::json!({ "values": rows });
        self.emulator().edit(book, |book| book.values_update(at, &body, &query)).unwrap().unwrap();
    }
}

/// Numbers 1 to `count` as a derived table `numbers(n)`, on both servers, up to 100,000.
pub(crate) fn numbers(count: u32) -> String {
    let digit = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL \
                 SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    format!(
        "(SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n \
         FROM {digit} a, {digit} b, {digit} c, {digit} e, {digit} f HAVING n <= {count}) AS numbers"
    )
}
