//! The real script of `apps-script/` in the runtime, ringing a webhook over real HTTP.

mod events;
mod menu;
mod runtime;
mod webhook;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sheets_emulator::http::Options;
use sheets_emulator::script::{Bell, Call, Finished, Outcome, ScriptState, Source};
use webhook::{SECRET, Webhook};

use super::{DEADLINE, Reply, World};

const CODE: &str = include_str!("../../../../../apps-script/Code.gs");
const MANIFEST: &str = include_str!("../../../../../apps-script/appsscript.json");
const SCRIPT: &str = "/emulator/spreadsheets/s/script";
const HUMAN: &str = "/emulator/spreadsheets/s/human";

/// A spreadsheet with a script, and the webhook that it rings.
struct Stage {
    world: World,
    webhook: Webhook,
}

impl Stage {
    /// With the shipped script, set up.
    async fn new() -> Self {
        let stage = Self::with(CODE).await;
        assert!(stage.run("setup").await.ok);
        stage
    }

    /// With this text and the shipped manifest, installed through the door.
    async fn with(code: &str) -> Self {
        let stage = Self::empty().await;
        let body = json!({"source": code, "manifest": MANIFEST,
            "properties": {"SHEETWIRE_URL": stage.webhook.url, "SHEETWIRE_SECRET": SECRET}});
        let reply = stage.world.put(SCRIPT, &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        stage
    }

    async fn empty() -> Self {
        let world = World::with(Options { quota: None, ..Options::default() }).await;
        Self { world, webhook: Webhook::start().await }
    }

    /// Installs a text without a manifest: everything is granted.
    fn grant(&self, code: &str) {
        let properties = BTreeMap::from([
            ("SHEETWIRE_URL".to_owned(), self.webhook.url.clone()),
            ("SHEETWIRE_SECRET".to_owned(), SECRET.to_owned()),
        ]);
        let source =
            Source { source: code.to_owned(), manifest: None, properties: Some(properties) };
        self.world.emulator.install_script("s", source).unwrap();
    }

    async fn run(&self, function: &str) -> Finished {
        let call = Call { function: function.to_owned(), ..Call::default() };
        let run = self.world.emulator.run_script("s", call);
        tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap()
    }

    async fn act(&self, act: Value) -> Reply {
        let reply = self.world.post(HUMAN, &act).await;
        assert_eq!(reply.status, StatusCode::OK, "{act}: {}", reply.text);
        reply
    }

    async fn type_into(&self, cell: &str, text: &str) {
        self.act(json!({"act": "type", "tab": "Sheet1", "cell": cell, "text": text})).await;
    }

    fn state(&self) -> ScriptState {
        self.world.emulator.script("s").unwrap()
    }

    /// The state as soon as this holds.
    async fn until(&self, wanted: impl Fn(&ScriptState) -> bool) -> ScriptState {
        let state = self.world.emulator.wait_script("s", DEADLINE, wanted).await;
        state.unwrap_or_else(|| panic!("it never came to that: {:?}", self.state().runs))
    }

    /// What was sent, once everything that fired is over.
    async fn bells(&self) -> Vec<Bell> {
        self.until(ScriptState::is_idle).await;
        self.world.emulator.bells().all()
    }
}

/// `kind range` of each delivery.
fn told(bells: &[Bell]) -> Vec<String> {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".to_owned());
    bells.iter().map(|bell| format!("{} {}", text(&bell.kind), text(&bell.range))).collect()
}

fn runs(state: &ScriptState, function: &str, outcome: Outcome) -> usize {
    state.runs.iter().filter(|run| run.function == function && run.outcome == outcome).count()
}
