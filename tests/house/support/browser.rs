//! A headless Chromium, led by its driver over plain HTTP (W3C WebDriver): a person before a page.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{
    guard::{Guarded, Outputs},
    http::exchange,
    installed::{Installed, runs_as_root},
    scratch::Scratch,
    servers::free_port,
    wait::{wait_for, wait_until},
};

/// How long a page may take to show what it must show.
const SOON: Duration = Duration::from_mins(1);

/// Keys without a letter, as the protocol writes them.
pub mod keys {
    /// Held down, it chooses up to where one clicks.
    pub const SHIFT: char = '\u{e008}';
    /// Held down, it makes letters commands.
    pub const CONTROL: char = '\u{e009}';
    /// Enter.
    pub const ENTER: char = '\u{e007}';
    /// Tab.
    pub const TAB: char = '\u{e004}';
    /// Delete.
    pub const DELETE: char = '\u{e017}';
}

/// An open page. The browser ends with its owner.
#[derive(Debug)]
pub struct Browser {
    // Before the folder: the processes must be gone when it goes.
    _driver: Guarded,
    port: u16,
    session: String,
    folder: Scratch,
}

impl Browser {
    /// Opens a page in a browser of its own. Fails where there is no browser.
    pub fn open(url: &str) -> Self {
        let [chromium, driver] = Installed::here().browser();
        let (folder, port) = (Scratch::new("browser"), free_port());
        let log = folder.join("driver.log");
        let outputs = Outputs {
            stdout: log.clone(),
            stderr: log.clone(),
            remove: Some(folder.path().to_owned()),
        };
        let arguments = [format!("--port={port}")];
        let environment = [("HOME", folder.path().to_str().unwrap())];
        let mut process = Guarded::start(driver, &arguments, &environment, &outputs);
        wait_until(SOON, "the driver of the browser to be ready", || {
            assert!(process.is_alive(), "it ended: {}", fs::read_to_string(&log).unwrap());
            exchange(port, ("GET", "/status", None), None)
                .is_ok_and(|(_, answer)| answer["value"]["ready"] == true)
        });
        let mut switches = vec!["--headless=new", "--disable-gpu", "--disable-dev-shm-usage"];
        switches.extend(["--no-first-run", "--window-size=1400,900"]);
        if runs_as_root() {
            switches.push("--no-sandbox");
        }
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let switches: Vec<&str> = switches.into_iter().chain([&*profile]).collect();
        let options = json!({"binary": chromium, "args": switches});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let (status, answer) = exchange(port, ("POST", "/session", None), Some(&wanted)).unwrap();
        let session = answer["value"]["sessionId"].as_str().map(str::to_owned);
        let session = session.unwrap_or_else(|| panic!("no browser: {status} {answer}"));
        let browser = Self { _driver: process, port, session, folder };
        browser.say("/url", &json!({ "url": url }));
        browser
    }

    /// Clicks the middle of the one element that the selector finds, with a key held down.
    pub fn click_holding(&self, selector: &str, key: Option<char>) {
        let hold = |kind: &str| {
            let held = key.map(|key| json!({"type": kind, "value": key.to_string()}));
            held.unwrap_or_else(|| json!({"type": "pause", "duration": 0}))
        };
        let pause = || json!({"type": "pause", "duration": 0});
        let [x, y] = self.middle_of(selector);
        let actions = json!([
            {"type": "key", "id": "keys", "actions": [hold("keyDown"), pause(), pause(), hold("keyUp")]},
            {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [
                {"type": "pointerMove", "duration": 0, "origin": "viewport", "x": x, "y": y},
                {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0},
                pause(),
            ]},
        ]);
        self.say("/actions", &json!({ "actions": actions }));
    }

    /// Clicks.
    pub fn click(&self, selector: &str) {
        self.click_holding(selector, None);
    }

    /// Presses keys one after the other, wherever the cursor is.
    pub fn press(&self, text: &str) {
        let strokes: Vec<Value> = text
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
            })
            .collect();
        let actions = json!([{"type": "key", "id": "keys", "actions": strokes}]);
        self.say("/actions", &json!({ "actions": actions }));
    }

    /// Presses a key while Control is held down.
    pub fn command(&self, key: char) {
        let stroke = |kind: &str, key: char| json!({"type": kind, "value": key.to_string()});
        let strokes = [
            stroke("keyDown", keys::CONTROL),
            stroke("keyDown", key),
            stroke("keyUp", key),
            stroke("keyUp", keys::CONTROL),
        ];
        let actions = json!([{"type": "key", "id": "keys", "actions": strokes}]);
        self.say("/actions", &json!({ "actions": actions }));
    }

    /// What a function body returns in the page. For looking: acts go through keys and mouse.
    pub fn look(&self, script: &str) -> Value {
        self.say("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until the one element that the selector finds shows this text.
    #[track_caller]
    pub fn wait_text(&self, selector: &str, wanted: &str) {
        let script = format!("return document.querySelector({selector:?})?.textContent");
        let mut seen = Value::Null;
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(SOON, &format!("{selector} to show {wanted:?}"), || {
                seen = self.look(&script);
                seen == wanted
            });
        }));
        assert!(
            shown.is_ok(),
            "{selector} shows {seen}, not {wanted:?}; the page: {}",
            self.picture().display()
        );
    }

    /// A picture of the page, for whoever looks into a failure.
    fn picture(&self) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sheetwire-page-{}.html", self.port));
        let page = self.look("return document.documentElement.outerHTML");
        let _ = fs::write(&path, page.as_str().unwrap_or_default());
        path
    }

    /// Where to click. Not an element, since the grid draws its cells anew at every change.
    fn middle_of(&self, selector: &str) -> [i64; 2] {
        let script = format!(
            "const box = document.querySelector({selector:?})?.getBoundingClientRect();\
             return box && [box.x + box.width / 2, box.y + box.height / 2].map(Math.round)"
        );
        wait_for(SOON, &format!("{selector} to be in the page"), || {
            let seen = self.look(&script);
            Some([seen[0].as_i64()?, seen[1].as_i64()?])
        })
    }

    #[track_caller]
    fn say(&self, command: &str, body: &Value) -> Value {
        self.try_say(command, body).unwrap_or_else(|why| panic!("{command} {body}: {why}"))
    }

    fn try_say(&self, command: &str, body: &Value) -> Result<Value, String> {
        let path = format!("/session/{}{command}", self.session);
        let (status, mut answer) = exchange(self.port, ("POST", &path, None), Some(body))?;
        if status == 200 { Ok(answer["value"].take()) } else { Err(answer["value"].to_string()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser; killed, it would leave it behind.
        let path = format!("/session/{}", self.session);
        let _ = exchange(self.port, ("DELETE", &path, None), None);
        let _ = &self.folder;
    }
}
