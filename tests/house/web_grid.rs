//! The emulator's web grid in a real browser: what a person does there with keys and mouse is seen through the API, and the other way round.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken set-up fails the test that needs it"
)]

use std::time::Duration;

use serde_json::{Value, json};
use sheets_emulator::script::Source;

use crate::support::{
    browser::{Browser, keys},
    google::{ACCOUNT, Google},
    http::exchange,
    wait::wait_until,
};

const SOON: Duration = Duration::from_mins(1);
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

/// A spreadsheet, a person before its grid, and a program with a token.
struct Desk {
    google: Google,
    browser: Browser,
    token: String,
}

impl Desk {
    fn new() -> Self {
        let google = Google::start(&["book"], 1.0);
        let token = google.emulator().issue_token(ACCOUNT, SCOPE);
        let browser = Browser::open(&format!("{}/", google.url()));
        browser.wait_text("#live", "live");
        Self { google, browser, token }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let path = format!("/v4/spreadsheets/book{path}");
        let port = self.google.emulator().address().port();
        let (status, answer) = exchange(port, (method, &path, Some(&self.token)), body).unwrap();
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// Waits until a program reads this out of the tab, formulas as formulas.
    #[track_caller]
    fn wait_read(&self, range: &str, wanted: &Value) {
        let path = format!("/values/{range}?valueRenderOption=FORMULA");
        let mut seen = Value::Null;
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(SOON, range, || {
                seen = self.call("GET", &path, None)["values"].take();
                seen == *wanted
            });
        }));
        assert!(read.is_ok(), "{range} holds {seen}, not {wanted}");
    }

    /// Chooses a cell, counted from 0.
    fn choose(&self, row: usize, column: usize) {
        self.browser.click(&cell(row, column));
    }
}

fn cell(row: usize, column: usize) -> String {
    format!(".cell[data-r='{row}'][data-c='{column}']")
}

#[test]
fn what_a_person_types_pastes_sorts_and_deletes_in_the_page_is_read_through_the_api() {
    let desk = Desk::new();
    let (enter, tab) = (keys::ENTER, keys::TAB);
    desk.choose(0, 0);
    desk.browser.press(&format!("id{tab}name{tab}twice{enter}"));
    for (row, line) in [(1, ["3", "three"]), (2, ["1", "one"]), (3, ["2", "<b>two</b>"])] {
        desk.choose(row, 0);
        let [id, name] = line;
        desk.browser.press(&format!("{id}{tab}{name}{tab}=A{}*2{enter}", row + 1));
    }
    let typed = json!([
        ["id", "name", "twice"],
        [3, "three", "=A2*2"],
        [1, "one", "=A3*2"],
        [2, "<b>two</b>", "=A4*2"],
    ]);
    desk.wait_read("Sheet1!A1:C9", &typed);
    // What was computed is shown, and what was typed is text and no markup.
    desk.browser.wait_text(&cell(1, 2), "6");
    desk.browser.wait_text(&cell(3, 1), "<b>two</b>");
    assert_eq!(desk.browser.look("return document.querySelectorAll('#sheet b').length"), 0);

    desk.choose(1, 0);
    desk.browser.click("[data-tool='sort-up']");
    let sorted = json!([[1, "one", "=A2*2"], [2, "<b>two</b>", "=A3*2"], [3, "three", "=A4*2"]]);
    desk.wait_read("Sheet1!A2:C9", &sorted);
    desk.browser.wait_text(&cell(1, 1), "one");

    // A block, through the clipboard.
    desk.choose(1, 0);
    desk.browser.click_holding(&cell(2, 1), Some(keys::SHIFT));
    desk.browser.wait_text("#selection", "A2:B3: 4 filled, sum 3");
    desk.browser.command('c');
    desk.choose(6, 4);
    desk.browser.command('v');
    desk.wait_read("Sheet1!E7:F9", &json!([[1, "one"], [2, "<b>two</b>"]]));

    desk.choose(3, 1);
    desk.browser.press(&keys::DELETE.to_string());
    desk.wait_read("Sheet1!A4:C4", &json!([[3, "", "=A4*2"]]));
    desk.choose(2, 0);
    desk.browser.click("[data-tool='rows-delete']");
    desk.wait_read(
        "Sheet1!A1:C5",
        &json!([["id", "name", "twice"], [1, "one", "=A2*2"], [3, "", "=A3*2"]]),
    );
    desk.wait_read("Sheet1!E6:F8", &json!([[1, "one"], [2, "<b>two</b>"]]));
    desk.browser.click("#undo");
    desk.wait_read("Sheet1!A3:C3", &json!([[2, "<b>two</b>", "=A3*2"]]));

    // What a program writes shows in the page by itself.
    let body = json!({"values": [["by a program"]]});
    desk.call("PUT", "/values/Sheet1!B2?valueInputOption=RAW", Some(&body));
    desk.browser.wait_text(&cell(1, 1), "by a program");
}

#[test]
fn the_menu_of_a_script_runs_on_the_chosen_cells_and_its_sentence_is_text_and_no_markup() {
    let script = "
        function onOpen() {
          SpreadsheetApp.getUi().createMenu('<i>ours</i>')
            .addItem('Where am I?', 'where').addSeparator().addItem('Fail', 'fail').addToUi();
        }
        function where() {
          const range = SpreadsheetApp.getActiveRange();
          const ui = SpreadsheetApp.getUi();
          ui.alert('<u>here</u>', `<b>${range.getSheet().getName()}!${range.getA1Notation()}</b>`, ui.ButtonSet.OK);
          ui.alert('and <img src=x>');
        }
        function fail() { throw new Error('<b>no</b>'); }";
    let google = Google::start(&["book"], 1.0);
    let source = Source { source: script.to_owned(), manifest: None, properties: None };
    google.emulator().install_script("book", source).unwrap();
    let browser = Browser::open(&format!("{}/", google.url()));
    browser.wait_text("#live", "live");
    browser.wait_text(".menu summary", "<i>ours</i>");
    browser.click(&cell(1, 1));
    browser.click_holding(&cell(3, 2), Some(keys::SHIFT));
    browser.wait_text("#selection", "B2:C4: 0 filled");
    browser.click(".menu summary");
    browser.click("[data-function='where']");
    browser.wait_text("#alert-text", "<b>Sheet1!B2:C4</b>");
    browser.wait_text("#alert-title", "<u>here</u>");
    browser.click("#alert-ok");
    browser.wait_text("#alert-text", "and <img src=x>");
    let markup =
        "return document.querySelectorAll('#alert b, #alert u, #alert img, .menu i').length";
    assert_eq!(browser.look(markup), 0);
    browser.click("#alert-ok");
    browser.click(".menu summary");
    browser.click("[data-function='fail']");
    browser.wait_text("#toast", "<b>no</b> (at fail (Code.gs:12:37))");
}
