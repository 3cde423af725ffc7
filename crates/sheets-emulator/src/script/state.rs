//! What is known of a script between its executions, and what of it may be seen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Code, Finished};
use crate::model::event::Unsure;

/// Executions remembered; older ones are forgotten, ordinals go on.
const RUNS_MAX: usize = 1000;

/// What a trigger listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TriggerKind {
    /// Values changed by hand.
    OnEdit,
    /// Structure, formats and values changed by hand.
    OnChange,
}

/// A trigger that the script installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// `triggerUid`.
    pub uid: String,
    /// Function it calls.
    pub handler: String,
    /// What it listens to.
    pub event: TriggerKind,
}

/// An item of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MenuItem {
    /// Runs a function.
    Item {
        /// What is shown.
        caption: String,
        /// Function it calls.
        function: String,
    },
    /// A line between items.
    Separator {
        /// Always true.
        separator: bool,
    },
}

/// A menu that `onOpen` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Menu {
    /// What is shown.
    pub name: String,
    /// Its items.
    pub items: Vec<MenuItem>,
}

/// What is to become of the next firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextFiring {
    /// Google forgets it.
    Drop,
    /// Google fires it twice.
    Double,
}

/// How triggers fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// Whether installed triggers fire at all; off as when their owner's daily time is spent.
    pub on: bool,
    /// What becomes of the next firing alone.
    pub next: Option<NextFiring>,
    /// How sort and undo fire.
    pub unsure: Unsure,
}

/// A change of [`Firing`]; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiringSwitch {
    /// Switches all triggers.
    pub on: Option<bool>,
    /// Sets what becomes of the next firing.
    pub next: Option<NextFiring>,
    /// Sets how sort and undo fire.
    pub unsure: Option<Unsure>,
}

impl Firing {
    pub(super) fn set(&mut self, switch: &FiringSwitch) {
        self.on = switch.on.unwrap_or(self.on);
        self.next = switch.next.or(self.next);
        self.unsure = switch.unsure.unwrap_or(self.unsure);
    }
}

/// What became of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Behind others of its trigger.
    Waiting,
    /// On its thread.
    Running,
    /// Ended without an exception.
    Done,
    /// Ended with an exception, or out of time; it is not repeated.
    Failed,
    /// Two waited already.
    Dropped,
    /// Forgotten on request.
    Lost,
}

/// One execution, or one that never came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// 1 for the first since the script was installed.
    pub ordinal: u64,
    /// Virtual milliseconds since start when it was asked for.
    pub at_ms: u64,
    /// Function.
    pub function: String,
    /// `run`, `open`, `edit` or `change`.
    pub by: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// The exception.
    pub error: Option<String>,
    /// What it logged.
    pub logs: Vec<String>,
}

impl Run {
    pub(super) fn new(function: &str, by: &'static str, at: Duration, outcome: Outcome) -> Self {
        Self {
            ordinal: 0,
            at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            function: function.to_owned(),
            by,
            outcome,
            error: None,
            logs: Vec::new(),
        }
    }
}

/// All there is to see of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptState {
    /// Whether one is installed.
    pub installed: bool,
    /// Bytes of its text.
    pub bytes: usize,
    /// Functions that can be run.
    pub functions: Vec<String>,
    /// Names of its properties; their values are shown nowhere.
    pub properties: Vec<String>,
    /// Installed triggers.
    pub triggers: Vec<Trigger>,
    /// Menus of the last opening.
    pub menus: Vec<Menu>,
    /// How triggers fire.
    pub firing: Firing,
    /// The last executions, oldest first.
    pub runs: Vec<Run>,
}

impl ScriptState {
    /// Runs with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.runs.iter().filter(|run| run.outcome == outcome).count()
    }

    /// Whether nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.count(Outcome::Waiting) + self.count(Outcome::Running) == 0
    }
}

/// The state behind the lock.
pub(super) struct State {
    pub(super) code: Option<Arc<Code>>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) menus: Vec<Menu>,
    pub(super) firing: Firing,
    pub(super) user: String,
    pub(super) waiting: VecDeque<super::queue::Shot>,
    /// Whether a thread works the queue off.
    pub(super) working: bool,
    /// Which execution holds which lock.
    pub(super) locks: BTreeMap<String, u64>,
    runs: VecDeque<Run>,
    numbers: u64,
}

impl State {
    pub(super) fn new(user: &str) -> Self {
        Self {
            code: None,
            properties: BTreeMap::new(),
            triggers: Vec::new(),
            menus: Vec::new(),
            firing: Firing { on: true, next: None, unsure: Unsure::default() },
            user: user.to_owned(),
            waiting: VecDeque::new(),
            working: false,
            locks: BTreeMap::new(),
            runs: VecDeque::new(),
            numbers: 0,
        }
    }

    /// A number nobody had before in this script.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn begin(&mut self, mut run: Run) -> u64 {
        let ordinal = self.runs.back().map_or(1, |last| last.ordinal + 1);
        run.ordinal = ordinal;
        if self.runs.len() == RUNS_MAX {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
        ordinal
    }

    pub(super) fn mark(&mut self, ordinal: u64, outcome: Outcome) {
        self.note(ordinal, |run| run.outcome = outcome);
    }

    pub(super) fn end(&mut self, ordinal: u64, finished: &Finished) {
        self.note(ordinal, |run| {
            run.outcome = if finished.ok { Outcome::Done } else { Outcome::Failed };
            run.error.clone_from(&finished.error);
            run.logs.clone_from(&finished.logs);
        });
    }

    fn note(&mut self, ordinal: u64, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.iter_mut().rev().find(|run| run.ordinal == ordinal) {
            change(run);
        }
    }

    /// The text with three stars for each secret in it.
    pub(super) fn hushed(&self, text: &str) -> String {
        let secret = |(name, value): &(&String, &String)| {
            name.to_ascii_uppercase().contains("SECRET") && !value.is_empty()
        };
        let secrets = self.properties.iter().filter(secret);
        secrets.fold(text.to_owned(), |text, (_, value)| text.replace(value.as_str(), "***"))
    }

    pub(super) fn seen(&self) -> ScriptState {
        ScriptState {
            installed: self.code.is_some(),
            bytes: self.code.as_ref().map_or(0, |code| code.text.len()),
            functions: self.code.as_ref().map(|code| code.functions.clone()).unwrap_or_default(),
            properties: self.properties.keys().cloned().collect(),
            triggers: self.triggers.clone(),
            menus: self.menus.clone(),
            firing: self.firing,
            runs: self.runs.iter().cloned().collect(),
        }
    }
}
