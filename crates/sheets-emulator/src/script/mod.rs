//! The script of a spreadsheet, run as Apps Script runs it.
//!
//! ```text
//! act of a person -> model::event -> queue (two wait for each trigger, more are dropped)
//!                                      `-> thread -> engine (QuickJS) -> host (Google's services) -> fetch -> webhook
//! menu, onOpen    -> thread ----------------------------^                                            `-> bells
//! ```
//!
//! Each execution starts with fresh globals, on a thread of its own: a slow webhook holds up no call and no person.
//! What the host does not model is an error that names it. Values of properties whose name contains SECRET stand in no answer.

mod bells;
mod engine;
mod fetch;
mod host;
mod queue;
mod scene;
mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::http::{Clock, locked};
use crate::model::Spreadsheet;
use crate::model::event::Unsure;

pub use bells::{Bell, Bells};
use scene::Selection;
use state::State;
pub use state::{
    Firing, FiringSwitch, Menu, MenuItem, NextFiring, Outcome, Run, ScriptState, Trigger,
    TriggerKind,
};

/// What an execution may take, in virtual time: six minutes, half a minute for simple triggers.
const LIMIT: Duration = Duration::from_mins(6);
const LIMIT_SIMPLE: Duration = Duration::from_secs(30);

/// Who edits and chooses from menus where nobody is named.
const PERSON: &str = "person@example.org";

/// A script to install.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The text of `Code.gs`.
    pub source: String,
    /// The text of `appsscript.json`; with it, what its `oauthScopes` do not name is refused.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Script properties; with them, older ones go.
    #[serde(default)]
    pub properties: Option<BTreeMap<String, String>>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of properties are secrets, most of them.
        let names = self.properties.as_ref().map(|it| it.keys().collect::<Vec<_>>());
        f.debug_struct("Source")
            .field("bytes", &self.source.len())
            .field("manifest", &self.manifest)
            .field("properties", &names)
            .finish()
    }
}

/// A script that cannot be installed, or a function that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The text does not load.
    #[error("the script does not load: {0}")]
    Load(String),
    /// The manifest is not what Apps Script reads.
    #[error("appsscript.json: {0}")]
    Manifest(String),
    /// The spreadsheet has no script.
    #[error("this spreadsheet has no script; install one first")]
    None,
    /// No function of that name is declared at the top of the script.
    #[error("Script function not found: {0}")]
    Function(String),
    /// There is no such tab or cell to choose.
    #[error("{0}")]
    Selection(String),
}

/// A call of one function, by the menu or from the editor.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its name.
    pub function: String,
    /// Title of the tab where the person stands; the first visible one where none is given.
    #[serde(default)]
    pub tab: Option<String>,
    /// A1 range that is chosen; its first cell is the current one. A1 where none is given.
    #[serde(default)]
    pub cell: Option<String>,
    /// E-mail address of the person; `person@example.org` where none is given.
    #[serde(default)]
    pub user: Option<String>,
}

/// A sentence shown in a dialog or at the edge of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its title, or empty.
    pub title: String,
    /// Its text, as it is: whoever shows it must escape it.
    pub text: String,
}

/// What an execution did that a person can see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// Whether it ended without an exception.
    pub ok: bool,
    /// The exception.
    pub error: Option<String>,
    /// Dialogs, in order.
    pub alerts: Vec<Shown>,
    /// Toasts, in order.
    pub toasts: Vec<Shown>,
    /// Lines of the log, `level: text`.
    pub logs: Vec<String>,
}

type Look = dyn Fn() -> Option<Spreadsheet> + Send + Sync;

/// What a script stands on: the emulator around it.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) clock: Arc<Clock>,
    pub(crate) bells: Arc<Bells>,
    /// Turns true when the emulator stops.
    pub(crate) stopped: watch::Sender<bool>,
    /// Threads that run scripts.
    pub(crate) busy: watch::Sender<usize>,
    /// The spreadsheet as it is now.
    pub(crate) look: Arc<Look>,
}

/// The script project of one spreadsheet.
pub(crate) struct Script {
    id: String,
    ground: Ground,
    state: Mutex<State>,
    /// Rung when a lock is given back.
    unlocked: Condvar,
    changes: watch::Sender<u64>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Script {
    pub(crate) fn new(id: &str, ground: Ground) -> Self {
        Self {
            id: id.to_owned(),
            ground,
            state: Mutex::new(State::new(PERSON)),
            unlocked: Condvar::new(),
            changes: watch::Sender::new(0),
        }
    }

    /// Loads a text and keeps it; triggers stay, as they do when a project is pushed again.
    pub(crate) fn install(self: &Arc<Self>, source: Source) -> Result<(), ScriptError> {
        let scopes = source.manifest.as_deref().map(scopes).transpose()?;
        if let Some(properties) = source.properties {
            self.change(|state| state.properties = properties);
        }
        let mut code = Code { text: source.source.into(), scopes, functions: Vec::new() };
        let scene = self.scene(&code, scene::Mode::Load, &Selection::default(), PERSON)?;
        let (finished, functions) =
            engine::run(self, &code, &scene, (None, self.ground.clock.now()));
        if let Some(error) = finished.error {
            return Err(ScriptError::Load(error));
        }
        code.functions = functions;
        self.change(|state| {
            state.menus.clear();
            state.code = Some(Arc::new(code));
        });
        Ok(())
    }

    /// Runs a function with all rights, in the calling thread.
    pub(crate) fn run(self: &Arc<Self>, call: &Call) -> Result<Finished, ScriptError> {
        let code = self.code()?;
        if !code.functions.contains(&call.function) {
            return Err(ScriptError::Function(call.function.clone()));
        }
        let user = call.user.clone().unwrap_or_else(|| locked(&self.state).user.clone());
        let place = Selection { tab: call.tab.clone(), cell: call.cell.clone() };
        let scene = self.scene(&code, scene::Mode::Menu, &place, &user)?;
        Ok(self.execute(&code, &scene, &call.function, "run"))
    }

    /// A person opens the spreadsheet: `onOpen` runs as a simple trigger, and the menus are made anew.
    pub(crate) fn open(
        self: &Arc<Self>,
        user: Option<&str>,
    ) -> Result<(Finished, Vec<Menu>), ScriptError> {
        let code = self.code()?;
        self.change(|state| state.menus.clear());
        let mut finished = Finished { ok: true, ..Finished::default() };
        if code.functions.iter().any(|name| name == "onOpen") {
            let user = user.unwrap_or(PERSON);
            let scene = self.scene(&code, scene::Mode::Open, &Selection::default(), user)?;
            finished = self.execute(&code, &scene, "onOpen", "open");
        }
        Ok((finished, locked(&self.state).menus.clone()))
    }

    /// Sets script properties; a name without a value goes.
    pub(crate) fn set_properties(&self, properties: BTreeMap<String, Option<String>>) {
        self.change(|state| {
            for (name, value) in properties {
                match value {
                    Some(value) => state.properties.insert(name, value),
                    None => state.properties.remove(&name),
                };
            }
        });
    }

    /// How sort and undo fire.
    pub(crate) fn unsure(&self) -> Unsure {
        locked(&self.state).firing.unsure
    }

    /// Changes how triggers fire.
    pub(crate) fn set_firing(&self, switch: &FiringSwitch) {
        self.change(|state| state.firing.set(switch));
    }

    /// All there is to see, without a value of a property.
    pub(crate) fn seen(&self) -> ScriptState {
        locked(&self.state).seen()
    }

    /// Wakes whenever the state changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn code(&self) -> Result<Arc<Code>, ScriptError> {
        locked(&self.state).code.clone().ok_or(ScriptError::None)
    }

    fn scene(
        &self,
        code: &Code,
        mode: scene::Mode<'_>,
        selection: &Selection,
        user: &str,
    ) -> Result<scene::Scene, ScriptError> {
        let book = (self.ground.look)().ok_or(ScriptError::None)?;
        scene::Scene::new(&book, code.scopes.as_deref(), mode, (selection, user))
    }

    /// Runs and keeps a record of it.
    fn execute(
        self: &Arc<Self>,
        code: &Code,
        scene: &scene::Scene,
        function: &str,
        by: &'static str,
    ) -> Finished {
        let at = self.ground.clock.now();
        let ordinal =
            self.change(|state| state.begin(Run::new(function, by, at, Outcome::Running)));
        let finished = engine::run(self, code, scene, (Some(function), at)).0;
        self.change(|state| state.end(ordinal, &finished));
        finished
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut locked(&self.state));
        self.changes.send_modify(|version| *version += 1);
        result
    }
}

/// A text that loads.
struct Code {
    text: Arc<str>,
    /// Scopes of the manifest; none grants everything.
    scopes: Option<Vec<String>>,
    functions: Vec<String>,
}

fn scopes(manifest: &str) -> Result<Vec<String>, ScriptError> {
    let wrong = |what: &str| ScriptError::Manifest(what.to_owned());
    let value: Value =
        serde_json::from_str(manifest).map_err(|error| ScriptError::Manifest(error.to_string()))?;
    if value.get("runtimeVersion").and_then(Value::as_str) != Some("V8") {
        return Err(wrong("runtimeVersion must be V8, which alone is modelled"));
    }
    let scopes = value.get("oauthScopes").and_then(Value::as_array);
    let scopes = scopes.ok_or_else(|| wrong("oauthScopes must list what the script may do"))?;
    Ok(scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
