//! Is the tab equal to the table? `scripts/oracle.py` says it, and shares no code with the product.

use std::{process::Command, time::Duration};

use super::{
    database::Database,
    installed::{Installed, repository},
    wait::wait_for,
};

/// Which tab shows which table.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The database the table is in.
    pub database: &'a Database,
    /// Name of the table.
    pub table: &'a str,
    /// Where the emulator is: `http://127.0.0.1:port`.
    pub emulator: &'a str,
    /// Spreadsheet id.
    pub spreadsheet: &'a str,
    /// Title of the tab.
    pub tab: &'a str,
    /// Further arguments: `--header-row 3`, `--columns a,b`, `--where ...`, `--empty-text ...`,
    /// `--timezone ...`.
    pub options: &'a [&'a str],
}

/// What the oracle found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every cell is as it must be.
    Equal {
        /// Rows of the table.
        rows: u64,
        /// Rows times compared columns.
        cells: u64,
    },
    /// The first twenty differences, a line each, and their number.
    Different(String),
}

impl Comparison<'_> {
    /// Compares now. Panics when nothing could be compared: no such tab, no key in its header.
    #[track_caller]
    pub fn compare(&self) -> Verdict {
        self.try_compare().unwrap_or_else(|why| panic!("{why}"))
    }

    /// As [`Self::compare`]; what stands in the way comes back as a sentence.
    pub fn try_compare(&self) -> Result<Verdict, String> {
        let db = self.database;
        let port = db.port.to_string();
        let table = format!("{}.{}", db.name, self.table);
        let output = Command::new("python3")
            .arg(repository().join("scripts/oracle.py"))
            .arg("--client")
            .arg(Installed::here().client(db.flavor))
            .args(["--host", "127.0.0.1", "--port", &port, "--user", &db.app.user])
            .args(["--table", &table, "--emulator", self.emulator])
            .args(["--spreadsheet", self.spreadsheet, "--tab", self.tab])
            .args(self.options)
            .env("ORACLE_PASSWORD", &db.app.password)
            .output()
            .map_err(|e| format!("cannot start python3: {e}; run scripts/setup"))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match output.status.code() {
            Some(0) => equal(&text).ok_or_else(|| format!("the oracle said {text:?}")),
            Some(1) if text.contains("different: ") => Ok(Verdict::Different(text)),
            _ => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// Waits until both are equal; returns rows and cells. Panics with the last differences.
    #[track_caller]
    pub fn wait_equal(&self, within: Duration) -> (u64, u64) {
        let start = std::time::Instant::now();
        wait_for(within * 2, "the oracle to find table and tab equal", || {
            match self.try_compare() {
                Ok(Verdict::Equal { rows, cells }) => Some((rows, cells)),
                Ok(Verdict::Different(last)) | Err(last) => {
                    assert!(start.elapsed() < within, "not equal within {within:?}:\n{last}");
                    None
                }
            }
        })
    }
}

/// Reads the last line, `equal: N rows, M cells`.
fn equal(text: &str) -> Option<Verdict> {
    let counts = text.lines().last()?.strip_prefix("equal: ")?;
    let (rows, cells) = counts.split_once(" rows, ")?;
    let cells = cells.strip_suffix(" cells")?;
    Some(Verdict::Equal { rows: rows.parse().ok()?, cells: cells.parse().ok()? })
}
