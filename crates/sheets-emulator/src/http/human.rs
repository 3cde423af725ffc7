//! Doors without a token for this machine only: the web grid, people, the log and the switches.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query as Asked, State as Extract};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::HumanAct;

use super::calls::BODY_BYTES_MAX;
use super::faults::Fault;
use super::guard;
use super::quota::QuotaLimits;
use super::state::{DocumentError, Role, State, locked};
use super::view::{self, Grid, Window};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A refusal of these doors: a status and a sentence.
pub(crate) type Refused = (StatusCode, Json<Value>);
pub(crate) type Told = Result<Json<Value>, Refused>;

/// All doors of this file, behind the guard; the API is the caller's fallback.
pub(crate) fn router(state: &State) -> Router<State> {
    let spreadsheet = Router::new()
        .route("/tabs", get(tabs))
        .route("/grid", get(grid))
        .route("/human", post(human))
        .route("/sharing", post(share));
    #[cfg(feature = "apps-script")]
    let spreadsheet = spreadsheet.merge(super::script::doors());
    let router = Router::new();
    #[cfg(feature = "apps-script")]
    let router = router.route("/emulator/bells", get(super::script::bells));
    router
        .route(
            "/",
            get(async || page("text/html; charset=utf-8", include_str!("../web/index.html"))),
        )
        .route("/web/{file}", get(file))
        .route("/emulator/spreadsheets", get(list).post(add))
        .nest("/emulator/spreadsheets/{id}", spreadsheet)
        .route("/emulator/log", get(log))
        .route("/emulator/events", get(events))
        .route("/emulator/clock", get(clock).post(advance))
        .route("/emulator/quota", get(quota).post(set_quota))
        .route("/emulator/faults", get(faults).post(arm).delete(disarm))
        .route("/emulator/faults/release", post(release))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(State::clone(state), guard::loopback_only))
}

/// A file of the web grid.
async fn file(Path(name): Path<String>) -> Response {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    match name.as_str() {
        "grid.css" => {
            page("text/css; charset=utf-8", include_str!("../web/grid.css")).into_response()
        }
        "main.js" => page(SCRIPT, include_str!("../web/main.js")).into_response(),
        "state.js" => page(SCRIPT, include_str!("../web/state.js")).into_response(),
        "grid.js" => page(SCRIPT, include_str!("../web/grid.js")).into_response(),
        "hands.js" => page(SCRIPT, include_str!("../web/hands.js")).into_response(),
        "menu.js" => page(SCRIPT, include_str!("../web/menu.js")).into_response(),
        "calls.js" => page(SCRIPT, include_str!("../web/calls.js")).into_response(),
        _ => refused(StatusCode::NOT_FOUND, "the web grid has no such file").into_response(),
    }
}

fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let header = HeaderValue::from_static;
    let headers: [(HeaderName, HeaderValue); 6] = [
        (CONTENT_TYPE, header(kind)),
        (CONTENT_SECURITY_POLICY, header(POLICY)),
        (REFERRER_POLICY, header("no-referrer")),
        (CACHE_CONTROL, header("no-store")),
        (HeaderName::from_static("x-content-type-options"), header("nosniff")),
        (HeaderName::from_static("x-frame-options"), header("DENY")),
    ];
    (headers, text)
}

pub(crate) fn refused(status: StatusCode, sentence: impl std::fmt::Display) -> Refused {
    (status, Json(json!({ "error": sentence.to_string() })))
}

impl From<DocumentError> for Refused {
    fn from(error: DocumentError) -> Self {
        let status = match error {
            DocumentError::Taken(_) => StatusCode::CONFLICT,
            DocumentError::Unknown(_) => StatusCode::NOT_FOUND,
            DocumentError::Refused(_) => StatusCode::BAD_REQUEST,
        };
        refused(status, error)
    }
}

/// The body, or 400 with what is wrong with it.
pub(crate) fn read<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Refused> {
    body.map(|Json(body)| body).map_err(|error| refused(StatusCode::BAD_REQUEST, error.body_text()))
}

async fn list(Extract(state): Extract<State>) -> Json<Value> {
    let all: Vec<Value> = state
        .listing()
        .into_iter()
        .map(|(id, title, revision)| json!({"id": id, "title": title, "revision": revision}))
        .collect();
    Json(json!({ "spreadsheets": all }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSpreadsheet {
    id: Option<String>,
    title: String,
}

async fn add(
    Extract(state): Extract<State>,
    body: Result<Json<NewSpreadsheet>, JsonRejection>,
) -> Told {
    let wanted = read(body)?;
    let id = wanted.id.unwrap_or_else(|| state.new_id());
    state.add(&id, &wanted.title)?;
    Ok(Json(json!({"id": id, "title": wanted.title})))
}

async fn tabs(Extract(state): Extract<State>, Path(id): Path<String>) -> Told {
    let book = state.with(&id, |document| document.book.clone())?;
    Ok(Json(view::tabs(&book)))
}

async fn grid(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    Asked(window): Asked<Window>,
) -> Result<Json<Grid>, Refused> {
    let book = state.with(&id, |document| document.book.clone())?;
    view::grid(&book, &window).map(Json).map_err(|error| refused(StatusCode::BAD_REQUEST, error))
}

async fn human(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<HumanAct>, JsonRejection>,
) -> Told {
    state.human(&id, &read(body)?)?;
    let revision = state.with(&id, |document| document.book.revision())?;
    Ok(Json(json!({ "revision": revision })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    account: String,
    /// None takes the share back.
    role: Option<Role>,
}

async fn share(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    body: Result<Json<Share>, JsonRejection>,
) -> Told {
    let Share { account, role } = read(body)?;
    state.share(&id, &account, role)?;
    Ok(Json(json!({"account": account, "role": role})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogWindow {
    #[serde(default)]
    pub(crate) after: u64,
    pub(crate) limit: Option<usize>,
}

async fn log(Extract(state): Extract<State>, Asked(window): Asked<LogWindow>) -> Json<Value> {
    let calls = state.log.after(window.after, window.limit.unwrap_or(1000));
    Json(json!({"count": state.log.count(), "now_ms": now_ms(&state), "calls": calls}))
}

pub(crate) fn now_ms(state: &State) -> u64 {
    u64::try_from(state.clock.now().as_millis()).unwrap_or(u64::MAX)
}

/// One event per burst of changes: the revisions that are new since the last one; null for a deleted spreadsheet.
async fn events(
    Extract(state): Extract<State>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut changes = state.changes();
    changes.mark_changed();
    let known: BTreeMap<String, u64> = BTreeMap::new();
    let stream = stream::unfold((state, changes, known), |(state, mut changes, mut known)| async {
        loop {
            changes.changed().await.ok()?;
            let mut fresh = serde_json::Map::new();
            let listing = state.listing();
            for (id, _, revision) in &listing {
                if known.insert(id.clone(), *revision) != Some(*revision) {
                    fresh.insert(id.clone(), json!(revision));
                }
            }
            known.retain(|id, _| {
                let there = listing.iter().any(|(other, ..)| other == id);
                if !there {
                    fresh.insert(id.clone(), Value::Null);
                }
                there
            });
            if !fresh.is_empty() {
                let data = json!({ "revisions": fresh }).to_string();
                let event = Event::default().event("revisions").data(data);
                return Some((Ok(event), (state, changes, known)));
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

async fn clock(Extract(state): Extract<State>) -> Json<Value> {
    Json(json!({"now_ms": now_ms(&state), "rate": state.clock.rate()}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

async fn advance(
    Extract(state): Extract<State>,
    body: Result<Json<Advance>, JsonRejection>,
) -> Told {
    state.clock.advance(Duration::from_millis(read(body)?.advance_ms));
    Ok(clock(Extract(state)).await)
}

async fn quota(Extract(state): Extract<State>) -> Json<Value> {
    let quota = locked(&state.quota);
    Json(json!({"limits": quota.limits(), "used": quota.used()}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetQuota {
    /// None switches the quota off.
    limits: Option<QuotaLimits>,
}

async fn set_quota(
    Extract(state): Extract<State>,
    body: Result<Json<SetQuota>, JsonRejection>,
) -> Told {
    let wanted = read(body)?;
    locked(&state.quota).set_limits(wanted.limits);
    Ok(quota(Extract(state)).await)
}

async fn faults(Extract(state): Extract<State>) -> Json<Value> {
    let armed: Vec<Value> = state
        .faults
        .armed()
        .into_iter()
        .map(|(number, fault)| json!({"number": number, "armed": fault}))
        .collect();
    Json(json!({"faults": armed, "held": state.faults.held()}))
}

async fn arm(Extract(state): Extract<State>, body: Result<Json<Value>, JsonRejection>) -> Told {
    let fault = Fault::read(read(body)?).map_err(|why| refused(StatusCode::BAD_REQUEST, why))?;
    let number = state.faults.arm(fault);
    Ok(Json(json!({ "number": number })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    number: Option<u64>,
}

async fn disarm(Extract(state): Extract<State>, Asked(which): Asked<Which>) -> Json<Value> {
    match which.number {
        Some(number) => state.faults.disarm(number),
        None => state.faults.clear(),
    }
    faults(Extract(state)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    /// None releases every held call.
    ordinal: Option<u64>,
}

async fn release(
    Extract(state): Extract<State>,
    body: Result<Json<Release>, JsonRejection>,
) -> Told {
    match read(body)?.ordinal {
        Some(ordinal) if !state.faults.release(ordinal) => {
            let sentence = format!("the call {ordinal} is not held");
            return Err(refused(StatusCode::NOT_FOUND, sentence));
        }
        Some(_) => {}
        None => state.faults.release_all(),
    }
    Ok(faults(Extract(state)).await)
}
