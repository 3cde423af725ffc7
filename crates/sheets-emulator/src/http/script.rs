//! The doors to scripts: install, open, run, watch. For this machine only, like all doors without a token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query as Asked, State as Extract};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::human::{LogWindow, Refused, Told, now_ms, read, refused};
use super::state::{DocumentError, Shared, State, locked};
use crate::script::{Bells, Call, FiringSwitch, Ground, Script, ScriptError, Source};

/// A spreadsheet or a script that will not have it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptDoorError {
    /// There is no such spreadsheet.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The script cannot do that.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// The scripts of all spreadsheets, and what they have in common.
#[derive(Debug)]
pub(crate) struct Scripts {
    projects: Mutex<BTreeMap<String, Arc<Script>>>,
    bells: Arc<Bells>,
    stopped: watch::Sender<bool>,
    busy: watch::Sender<usize>,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            projects: Mutex::default(),
            bells: Arc::new(Bells::new()),
            stopped: watch::Sender::new(false),
            busy: watch::Sender::new(0),
        }
    }

    pub(crate) fn of(&self, id: &str) -> Option<Arc<Script>> {
        locked(&self.projects).get(id).cloned()
    }

    pub(crate) fn forget(&self, id: &str) {
        locked(&self.projects).remove(id);
    }

    pub(crate) fn bells(&self) -> &Bells {
        &self.bells
    }

    /// Ends every execution soon.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Returns when no script runs.
    pub(crate) async fn idle(&self) {
        // The sender is ours, so this cannot fail.
        let _ = self.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }
}

impl Shared {
    /// The script project of a spreadsheet; an empty one where there was none.
    pub(crate) fn script(self: &Arc<Self>, id: &str) -> Result<Arc<Script>, DocumentError> {
        self.with(id, |_| ())?;
        let mut scripts = locked(&self.scripts.projects);
        let script = scripts.entry(id.to_owned()).or_insert_with(|| {
            let (shared, name) = (Arc::downgrade(self), id.to_owned());
            let look = move || {
                let shared = shared.upgrade()?;
                shared.with(&name, |document| document.book.clone()).ok()
            };
            Arc::new(Script::new(
                id,
                Ground {
                    clock: Arc::clone(&self.clock),
                    bells: Arc::clone(&self.scripts.bells),
                    stopped: self.scripts.stopped.clone(),
                    busy: self.scripts.busy.clone(),
                    look: Arc::new(look),
                },
            ))
        });
        Ok(Arc::clone(script))
    }
}

/// Runs `work` on a thread of its own, so that a slow script holds up no call.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    script: Arc<Script>,
    work: impl FnOnce(&Arc<Script>) -> Result<T, ScriptError> + Send + 'static,
) -> Result<T, ScriptError> {
    let (tell, told) = oneshot::channel();
    let gone = || ScriptError::Load("the emulator has no thread to run it on".to_owned());
    let started = Arc::clone(&script).on_a_thread(move || {
        // Nobody waits for it any more: then nobody is told.
        let _ = tell.send(work(&script));
    });
    started.map_err(|_| gone())?;
    told.await.map_err(|_| gone())?
}

impl From<ScriptError> for Refused {
    fn from(error: ScriptError) -> Self {
        let status = match error {
            ScriptError::None | ScriptError::Function(_) => StatusCode::NOT_FOUND,
            ScriptError::Load(_) | ScriptError::Manifest(_) | ScriptError::Selection(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        refused(status, error)
    }
}

/// The doors below `/emulator/spreadsheets/{id}`.
pub(crate) fn doors() -> Router<State> {
    Router::new()
        .route("/script", get(seen).put(install))
        .route("/script/run", post(run))
        .route("/script/open", post(open))
        .route("/script/properties", get(properties).put(set_properties))
        .route("/script/firing", get(firing).post(set_firing))
}

/// What scripts sent out.
pub(crate) async fn bells(
    Extract(state): Extract<State>,
    Asked(window): Asked<LogWindow>,
) -> Json<Value> {
    let bells = state.scripts.bells();
    let newest = bells.after(window.after, window.limit.unwrap_or(1000));
    Json(json!({"count": bells.count(), "now_ms": now_ms(&state), "bells": newest}))
}

async fn seen(Extract(state): Extract<State>, Path(id): Path<String>) -> Told {
    Ok(Json(json!(state.script(&id)?.seen())))
}

async fn install(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<Source>, JsonRejection>,
) -> Told {
    let (script, source) = (state.script(&id)?, read(body)?);
    on_a_thread(Arc::clone(&script), move |script| script.install(source)).await?;
    Ok(Json(json!(script.seen())))
}

async fn run(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<Call>, JsonRejection>,
) -> Told {
    let (script, call) = (state.script(&id)?, read(body)?);
    let finished = on_a_thread(script, move |script| script.run(&call)).await?;
    Ok(Json(json!(finished)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    #[serde(default)]
    user: Option<String>,
}

async fn open(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<Opening>, JsonRejection>,
) -> Told {
    let (script, opening) = (state.script(&id)?, read(body)?);
    let opened = on_a_thread(script, move |script| script.open(opening.user.as_deref())).await;
    let (finished, menus) = opened?;
    let mut told = json!(finished);
    told["menus"] = json!(menus);
    Ok(Json(told))
}

async fn properties(Extract(state): Extract<State>, Path(id): Path<String>) -> Told {
    Ok(Json(json!({ "names": state.script(&id)?.seen().properties })))
}

async fn set_properties(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<BTreeMap<String, Option<String>>>, JsonRejection>,
) -> Told {
    state.script(&id)?.set_properties(read(body)?);
    properties(Extract(state), Path(id)).await
}

async fn firing(Extract(state): Extract<State>, Path(id): Path<String>) -> Told {
    Ok(Json(json!(state.script(&id)?.seen().firing)))
}

async fn set_firing(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<FiringSwitch>, JsonRejection>,
) -> Told {
    state.script(&id)?.set_firing(&read(body)?);
    firing(Extract(state), Path(id)).await
}
