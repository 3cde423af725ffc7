//! That long work goes on: a moving line on a terminal, a plain line now and then elsewhere. On stderr, so that answers stay clean.

use std::{cell::Cell, io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{complain_plainly, output::harmless};

/// Elsewhere than on a terminal, a line is said after so many rows.
const ROWS_BETWEEN_LINES: usize = 100_000;

/// What is being done, and how far it is.
pub(super) struct Progress {
    /// Where there is a terminal.
    bar: Option<ProgressBar>,
    what: Cell<String>,
    said: Cell<usize>,
}

impl Progress {
    /// Nothing is done yet.
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, what: Cell::default(), said: Cell::new(0) }
    }

    /// Something is begun.
    pub(super) fn begins(&self, what: &str) {
        let what = harmless(what);
        if let Some(bar) = &self.bar {
            bar.set_message(what.clone());
        }
        self.said.set(0);
        self.what.set(what);
    }

    /// So many rows of it are read.
    pub(super) fn has_read(&self, rows: usize) {
        let what = self.what.take();
        let line = format!("{what}: {rows} rows read");
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        } else if rows >= self.said.get() + ROWS_BETWEEN_LINES {
            self.said.set(rows);
            complain_plainly(&line);
        }
        self.what.set(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
