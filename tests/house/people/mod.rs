//! People and an application at work on the same tables: the process, a real server, and a spreadsheet whose script rings.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a broken set-up fails the test that needs it"
)]

mod bulk;
mod cases;
mod crowd;
mod hostile;
mod notes;
mod place;
mod spoilt_tabs;

use sheets_emulator::model::HumanAct;

use crate::{
    slice::{BOOK, LONG, Mapped, Stage},
    support::{
        script,
        servers::{Flavor, free_port},
        sheetwire::Running,
    },
};

const SECRET: &str = "sixteen letters or more";
const TAB: &str = "Tab t";

/// Two-way tables with a writer, a doorbell, and the script in every spreadsheet.
fn stage(flavor: Flavor, tables: &[Mapped], sql: &str) -> Stage {
    peopled(Stage::new(flavor, tables), sql)
}

/// A stage with two-way tables, made by these statements, that gets the same.
pub(crate) fn peopled(mut stage: Stage, sql: &str) -> Stage {
    stage.db.sql(sql);
    let port = free_port();
    stage.settings = format!(
        "[mysql.writer]\nuser = \"{}\"\npassword_file = \"{}\"\n\
         [webhook]\nlisten = \"127.0.0.1:{port}\"\nsecret_file = \"{}\"",
        stage.db.writer.user,
        stage.home.secret("writer", &stage.db.writer.password),
        stage.home.secret("webhook", SECRET),
    );
    let mut books: Vec<&str> = stage.tables.iter().map(|table| table.book.as_str()).collect();
    books.sort_unstable();
    books.dedup();
    for book in books {
        script::install(stage.emulator(), book, &format!("http://127.0.0.1:{port}/"), SECRET);
    }
    stage
}

impl Stage {
    /// Starts it, and waits until the first copy is done and edits can be written.
    #[track_caller]
    fn started(&self) -> Running<'_> {
        let mut running = self.run();
        self.wait_equal(&mut running);
        self.wait_status("the writer", |status| status["writer"]["phase"] == "ready");
        running
    }

    /// Starts it where not all can come to be equal; waits until edits can be written.
    #[track_caller]
    fn started_with_conflicts(&self) -> Running<'_> {
        let running = self.run();
        self.wait_status("the writer", |status| status["writer"]["phase"] == "ready");
        running
    }

    /// Somebody does something in the first spreadsheet.
    #[track_caller]
    fn does_by_hand(&self, act: &HumanAct) {
        self.emulator().human(BOOK, act).unwrap_or_else(|why| panic!("{act:?}: {why}"));
    }

    /// Somebody types into a cell of this tab of the first spreadsheet.
    #[track_caller]
    fn types_in(&self, tab: &str, cell: &str, text: &str) {
        let (tab, cell, text) = (tab.to_owned(), cell.to_owned(), text.to_owned());
        self.does_by_hand(&HumanAct::Type { tab, cell, text });
    }

    /// How many rings were answered with this status, when the last script has ended.
    #[track_caller]
    fn rings(&self, book: &str, status: u16) -> usize {
        script::wait_idle(self.emulator(), book, LONG);
        let bells = self.emulator().bells().all();
        bells.iter().filter(|bell| bell.spreadsheet == book && bell.status == Some(status)).count()
    }
}
