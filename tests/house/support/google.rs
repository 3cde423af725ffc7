//! The Sheets emulator in this process, for tests that are not asynchronous themselves.

use std::path::Path;

use sheets_emulator::http::{Emulator, Options};
use tokio::runtime::{Builder, Runtime};

/// The account that key files of [`Google::write_key`] are for.
pub const ACCOUNT: &str = "sheetwire@sheets-emulator.iam.gserviceaccount.com";

/// An emulator on a free port of 127.0.0.1 with threads of its own. Ends with its owner.
#[derive(Debug)]
pub struct Google {
    emulator: Emulator,
    // After the emulator, which lives on it.
    runtime: Runtime,
}

impl Google {
    /// Starts one with these spreadsheets (ids, used as titles too), at this clock rate.
    pub fn start(spreadsheets: &[&str], clock_rate: f64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { clock_rate, ..Options::default() };
        let emulator = runtime.block_on(Emulator::start(options)).unwrap();
        for id in spreadsheets {
            emulator.add_spreadsheet(id, id).unwrap();
        }
        Self { emulator, runtime }
    }

    /// The emulator itself: people, faults, log, quota.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Waits for what the emulator does in its own time: runs of a script.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        self.emulator.url().trim_end_matches('/').to_owned()
    }

    /// Writes a service-account key whose tokens come from this emulator.
    pub fn write_key(&self, path: &Path) {
        self.emulator.write_service_account(path, ACCOUNT).unwrap();
    }
}
