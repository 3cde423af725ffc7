//! Server, emulator and product, set up to be killed.

use std::{
    any::Any,
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use sheets_emulator::http::{Call, Emulator, Fault, FaultFilter, FaultKind, Faults, Options};
use tokio::runtime::{Builder, Handle, Runtime};

use super::{
    BOOK, RATE, SOON,
    tables::{self, TABLES},
    windows::is_batch,
};
use crate::support::{
    database::Database,
    google::ACCOUNT,
    oracle::Comparison,
    servers::{Flavor, Server},
    sheetwire::{Home, Running},
    wait::wait_until,
};

/// Calls in the story of a failure.
const CALLS_SHOWN: usize = 30;

/// Everything but the people.
#[derive(Debug)]
pub(super) struct Stage {
    /// The database.
    pub(super) db: Database,
    /// Google.
    pub(super) emulator: Emulator,
    // After the emulator, which lives on it.
    runtime: Runtime,
}

impl Stage {
    /// A database with empty tables, and an empty spreadsheet.
    pub(super) fn new(flavor: Flavor, seed: u64) -> Self {
        let db = Server::shared(flavor).database("kills");
        tables::create(&db);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { clock_rate: f64::from(RATE), seed, ..Options::default() };
        let emulator = runtime.block_on(Emulator::start(options)).unwrap();
        emulator.add_spreadsheet(BOOK, BOOK).unwrap();
        Self { db, emulator, runtime }
    }

    /// A pipeline for all tables, with batches and chunks small enough for many of each.
    pub(super) fn home(&self) -> Home {
        let mut home = Home::new();
        home.set("SHEETWIRE_CLOCK_RATE", &RATE.to_string());
        self.emulator.write_service_account(&home.join("google.json"), ACCOUNT).unwrap();
        let data = home.join("state");
        self.configure(&home, &data);
        home
    }

    /// Writes the configuration of a pipeline on this data folder.
    pub(super) fn configure(&self, home: &Home, data: &Path) {
        let password = home.secret("password", &self.db.reader.password);
        let mut toml = format!(
            "name = \"{name}\"\ndata_dir = \"{data}\"\n\
             [mysql]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\npassword_file = \"{password}\"\n\
             [sheets]\nendpoint = \"{url}/\"\ncredentials_file = \"{key}\"\n\
             [sheets.flush]\nmax_rows = 40\n[limits]\nchunk_rows = 25\n",
            // The number among the server's replicas is made of the name, and the server is shared.
            name = self.db.name,
            data = data.display(),
            port = self.db.port,
            user = self.db.reader.user,
            url = self.emulator.url(),
            key = home.join("google.json").display(),
        );
        for table in &TABLES {
            let _ = write!(
                toml,
                "[[table]]\nfrom = \"{db}.{name}\"\nto = {{ spreadsheet = \"{BOOK}\", tab = \"{name}\" }}\n\
                 columns = {columns:?}\ndirection = \"to_sheet\"\n",
                db = self.db.name,
                name = table.name,
                columns = table.columns,
            );
        }
        home.configure(&toml);
    }

    /// Where asynchronous waits run.
    pub(super) fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    /// The first call for which `wanted` holds. Panics with the log of the product when it ends, or there is none in time.
    #[track_caller]
    pub(super) fn wait_call(
        &self,
        home: &Home,
        running: &mut Running<'_>,
        wanted: impl Fn(&Call) -> bool,
    ) -> Call {
        let end = Instant::now() + SOON;
        loop {
            // Every call wakes this; the second is for a process that makes none any more.
            let slice = Duration::from_secs(1);
            match self.runtime.block_on(self.emulator.log().wait_for(slice, &wanted)) {
                Ok(call) => return call,
                Err(why) => {
                    assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
                    assert!(Instant::now() < end, "{why} in vain\n{}", tail(home));
                }
            }
        }
    }

    /// The comparison of one table with its tab.
    pub(super) fn comparison<'a>(&'a self, table: &'static str, url: &'a str) -> Comparison<'a> {
        let (emulator, options) = (url, &[] as &[&str]);
        Comparison { database: &self.db, table, emulator, spreadsheet: BOOK, tab: table, options }
    }

    /// Returns once every tab shows its table, by the oracle's word. Gives rows and cells.
    #[track_caller]
    pub(super) fn wait_equal(&self, home: &Home, within: Duration) -> (u64, u64) {
        let url = self.emulator.url();
        let mut sums = (0, 0);
        for table in &TABLES {
            let comparison = self.comparison(table.name, &url);
            let equal = std::panic::catch_unwind(|| comparison.wait_equal(within));
            let Ok((rows, cells)) = equal else {
                panic!("{} did not become equal; the log ends with\n{}", table.name, tail(home));
            };
            sums = (sums.0 + rows, sums.1 + cells);
        }
        sums
    }
}

/// Weather: answers lost, late, refused and broken, from now on.
pub(super) fn weather(faults: &Faults) {
    let batches = [
        (FaultKind::AnswerLost, 0.06),
        (FaultKind::AppliedLate { after_ms: Some(3_000), unavailable: false }, 0.05),
        (FaultKind::AppliedLate { after_ms: Some(9_000), unavailable: true }, 0.03),
        (FaultKind::Unavailable { applied: false }, 0.04),
        (FaultKind::Unavailable { applied: true }, 0.04),
        (FaultKind::TruncatedBody, 0.04),
        // Google takes its time, so that a kill at any moment has something to hit: before the batch is applied, and behind it.
        (FaultKind::StallBefore { for_ms: Some(1_500) }, 0.3),
        (FaultKind::Slow { for_ms: 1_500 }, 0.5),
    ];
    for (kind, chance) in batches {
        faults.arm(Fault::sometimes(kind, FaultFilter::BatchUpdate, chance));
    }
    // An answer that takes its time is old when it comes: people have been faster.
    let reads =
        [(FaultKind::Unavailable { applied: false }, 0.02), (FaultKind::Slow { for_ms: 800 }, 0.4)];
    for (kind, chance) in reads {
        faults.arm(Fault::sometimes(kind, FaultFilter::Reads, chance));
    }
}

impl Stage {
    /// What there is to know when something went wrong: both sides' differences, the last calls, and the product's last words.
    pub(super) fn story(&self, home: &Home) -> String {
        let mut story = format!("{:?}\n", Weather::of(self, home));
        let url = self.emulator.url();
        for table in &TABLES {
            let verdict = self.comparison(table.name, &url).try_compare();
            let _ = writeln!(story, "{}: {verdict:?}", table.name);
        }
        let calls = self.emulator.log().calls();
        for call in &calls[calls.len().saturating_sub(CALLS_SHOWN)..] {
            let Call { ordinal, at_ms, name, status, fault, error, .. } = call;
            let marks = [
                (call.received, "received"),
                (call.held, "held"),
                (call.applied, "applied"),
                (call.answered, "answered"),
            ];
            let marks: Vec<&str> =
                marks.into_iter().filter_map(|(set, mark)| set.then_some(mark)).collect();
            let kinds = call.requests.len();
            let _ = writeln!(
                story,
                "call {ordinal} at {at_ms} ms: {name}, {kinds} requests, {marks:?}, {status:?} {fault:?} {error:?}"
            );
        }
        let _ = write!(story, "the product's log ends with\n{}", tail(home));
        story
    }
}

/// Returns once the product says that nothing is left to do.
#[track_caller]
pub(super) fn wait_idle(home: &Home, running: &mut Running<'_>, within: Duration) {
    wait_until(within, "the product to be idle", || {
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        let answer = home.ask(&["status", "--json"], within);
        let status: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        status["idle"] == true
    });
}

/// What a failed play says, for the end of its story: whoever reads a shortened output reads the end.
pub(super) fn verdict(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given")
}

/// The last lines of the product's log.
pub(super) fn tail(home: &Home) -> String {
    let log = home.log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// What has gone wrong so far, beside the kills.
#[derive(Debug)]
pub(super) struct Weather {
    /// Answers that were cut off after the batch was applied.
    lost: usize,
    /// Batches that Google has applied, or tried to, when nobody waited any more.
    late: usize,
    /// Answers that were a 503.
    unavailable: usize,
    /// Batches that hit rows which a person had moved.
    moved: usize,
}

impl Weather {
    /// As the call log and the product's log tell it.
    pub(super) fn of(stage: &Stage, home: &Home) -> Self {
        let calls = stage.emulator.log().calls();
        let struck = |name: &str| calls.iter().filter(|call| is_batch_struck(call, name)).count();
        Self {
            lost: struck("answer_lost") + struck("truncated_body"),
            late: struck("applied_late"),
            unavailable: struck("unavailable"),
            moved: home.log().matches("rows had moved").count(),
        }
    }

    /// Whether each of it has happened.
    pub(super) fn was_bad(&self) -> bool {
        self.lost > 0 && self.late > 0 && self.unavailable > 0 && self.moved > 0
    }
}

/// Whether this fault has hit the call, and it carried a batch.
pub(super) fn is_batch_struck(call: &Call, fault: &str) -> bool {
    is_batch(call) && call.fault == Some(fault)
}
