//! One call of the API from its head to its answer, whatever the weather.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode};
use futures_util::stream;
use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::model::Query;

use super::faults::FaultKind;
use super::log::Call;
use super::quota::{CallKind, Exceeded};
use super::routes::Route;
use super::state::{State, locked};
use super::wire::{Answer, Style};
use super::{auth, create, drive, wire};

/// Largest request body taken; Google was seen to take 9 MB.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Marks a response that must not be sent: the connection closes instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Withheld;

/// What the connection does at the end of a call.
#[derive(Debug)]
enum Outcome {
    Answered(Answer),
    Truncated(Answer),
    Lost,
}

/// A call that came in whole.
#[derive(Debug)]
struct Incoming {
    ordinal: u64,
    route: Route,
    get: bool,
    bearer: Option<String>,
    account: String,
    query: Query,
    style: Style,
    payload: Bytes,
    body: Result<Value, ApiError>,
}

/// Serves one request. The work goes on when the client goes away, as it does at Google.
pub(crate) async fn serve(state: State, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let overridden = overridden(&head);
    let method = if overridden { Method::GET } else { head.method.clone() };
    let route = Route::parse(&method, head.uri.path());
    let ordinal = state.log.begin(record(&state, &head, &route));
    let Ok(payload) = to_bytes(body, BODY_BYTES_MAX).await else {
        let error = ApiError::invalid("Request payload size exceeds the limit.");
        return send(&state, ordinal, Outcome::Answered(Answer::refused(&error, Style::default())));
    };
    let call = Incoming::new(ordinal, route, &head, payload, overridden);
    let requests = call.request_kinds();
    state.log.note(ordinal, |it| {
        it.received = true;
        it.bytes_in = call.payload.len();
        it.requests = requests;
    });
    let work = tokio::spawn(run(State::clone(&state), call));
    let outcome = work.await.unwrap_or_else(|_| {
        let error = server_error(500, "INTERNAL", "Internal error encountered.");
        Outcome::Answered(Answer::refused(&error, Style::default()))
    });
    send(&state, ordinal, outcome)
}

/// Clients with a very long query send it as the body of a POST.
fn overridden(head: &Parts) -> bool {
    head.method == Method::POST
        && head.headers.get("x-http-method-override").is_some_and(|method| method == "GET")
}

fn record(state: &State, head: &Parts, route: &Route) -> Call {
    Call {
        ordinal: 0,
        at_ms: u64::try_from(state.clock.now().as_millis()).unwrap_or(u64::MAX),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        name: route.name(),
        kind: route.kind(),
        spreadsheet: route.spreadsheet().map(str::to_owned),
        account: None,
        bytes_in: 0,
        bytes_out: 0,
        status: None,
        error: None,
        requests: Vec::new(),
        fault: None,
        received: false,
        applied: false,
        answered: false,
        held: false,
    }
}

impl Incoming {
    fn new(ordinal: u64, route: Route, head: &Parts, payload: Bytes, overridden: bool) -> Self {
        let text = String::from_utf8_lossy(&payload);
        let asked = if overridden { &text } else { head.uri.query().unwrap_or_default() };
        let pairs = wire::pairs(asked);
        let mut body = match (&route, overridden) {
            (Route::Token, _) | (_, true) => Ok(json!({})),
            _ => wire::json_body(&payload),
        };
        if pairs.is_none() {
            body = Err(ApiError::invalid("The query string has a broken percent code."));
        }
        let query = Query(pairs.unwrap_or_default());
        let bearer = head
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .or_else(|| query.first("access_token").or_else(|| query.first("oauth_token")))
            .map(str::to_owned);
        let style = Style {
            pretty: !matches!(query.first("prettyPrint"), Some("false" | "0")),
            with_errors: query.first("$.xgafv") == Some("1"),
        };
        let get = overridden || head.method == Method::GET;
        let account = String::new();
        Self { ordinal, route, get, bearer, account, query, style, payload, body }
    }

    /// The kinds of a batch's requests, in order.
    fn request_kinds(&self) -> Vec<String> {
        let requests = self.body.as_ref().ok().and_then(|body| body.get("requests")?.as_array());
        let kind = |request: &Value| request.as_object()?.keys().next().cloned();
        requests.into_iter().flatten().filter_map(kind).collect()
    }
}

/// Logs the end of the call and makes the response.
fn send(state: &State, ordinal: u64, outcome: Outcome) -> Response<Body> {
    let (answer, cut) = match outcome {
        Outcome::Answered(answer) => (answer, false),
        Outcome::Truncated(answer) => (answer, true),
        Outcome::Lost => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Withheld);
            return response;
        }
    };
    state.log.note(ordinal, |call| {
        call.status = Some(answer.status.as_u16());
        call.bytes_out = answer.body.len();
        call.answered = !cut;
        if call.error.is_none() {
            call.error.clone_from(&answer.error);
        }
    });
    let length =
        (answer.status != StatusCode::NO_CONTENT).then(|| HeaderValue::from(answer.body.len()));
    let body = if cut { broken(answer.body) } else { Body::from(answer.body) };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    response
}

/// The first half of `whole`, then a broken connection.
fn broken(whole: Bytes) -> Body {
    let parts = stream::unfold(Some(whole), |left| async move {
        match left {
            Some(whole) if !whole.is_empty() => {
                let half = whole.slice(..whole.len().div_ceil(2));
                Some((Ok(half), Some(Bytes::new())))
            }
            Some(_) => {
                // Lets the connection send the first half before it learns of the break.
                tokio::task::yield_now().await;
                Some((Err(io::Error::other("the answer is cut by a fault")), None))
            }
            None => None,
        }
    });
    Body::from_stream(parts)
}

async fn run(state: State, mut call: Incoming) -> Outcome {
    if call.route == Route::Nowhere {
        let path = state.log.call(call.ordinal).map(|call| call.path).unwrap_or_default();
        return Outcome::Answered(Answer::no_such_page(&path));
    }
    if let Err(error) = admit(&state, &mut call) {
        return Outcome::Answered(Answer::refused(&error, call.style));
    }
    let kind = call.route.kind();
    match state.faults.strike(call.route.name(), kind, call.route.spreadsheet()) {
        None => Outcome::Answered(apply(&state, &call)),
        Some(fault) => {
            state.log.note(call.ordinal, |it| it.fault = Some(fault.name()));
            weather(&state, call, fault).await
        }
    }
}

/// Checks the bearer and draws on the quota.
fn admit(state: &State, call: &mut Incoming) -> Result<(), ApiError> {
    let kind = call.route.kind();
    if kind == CallKind::Token {
        return Ok(());
    }
    let now = state.clock.now();
    call.account = locked(&state.tokens).account(call.bearer.as_deref(), kind, call.get, now)?;
    state.log.note(call.ordinal, |it| it.account = Some(call.account.clone()));
    let admitted = locked(&state.quota).admit(kind, &call.account, now);
    admitted.map_err(|exceeded| throttled(state, &exceeded))
}

fn throttled(state: &State, exceeded: &Exceeded) -> ApiError {
    exceeded.error(&state.options.project, state.clock.date(exceeded.since))
}

async fn weather(state: &State, call: Incoming, fault: FaultKind) -> Outcome {
    let style = call.style;
    let refuse = |error: ApiError| Outcome::Answered(Answer::refused(&error, style));
    match fault {
        FaultKind::RequestLost => Outcome::Lost,
        FaultKind::AnswerLost => {
            apply(state, &call);
            Outcome::Lost
        }
        FaultKind::AppliedLate { after_ms, unavailable } => {
            late(state, call, after_ms);
            if unavailable { refuse(unavailable_error()) } else { Outcome::Lost }
        }
        FaultKind::Throttled => {
            let exceeded = Exceeded::injected(call.route.kind(), state.clock.now());
            refuse(throttled(state, &exceeded))
        }
        FaultKind::Internal { applied } => {
            if applied {
                apply(state, &call);
            }
            refuse(server_error(500, "INTERNAL", "Internal error encountered."))
        }
        FaultKind::Unavailable { applied } => {
            if applied {
                apply(state, &call);
            }
            refuse(unavailable_error())
        }
        FaultKind::Unauthenticated => refuse(auth::bad_credentials()),
        FaultKind::TruncatedBody => Outcome::Truncated(apply(state, &call)),
        FaultKind::StallBefore { for_ms } => {
            stall(state, call.ordinal, for_ms).await;
            Outcome::Answered(apply(state, &call))
        }
        FaultKind::StallAfter { for_ms } => {
            let answer = apply(state, &call);
            stall(state, call.ordinal, for_ms).await;
            Outcome::Answered(answer)
        }
        FaultKind::Slow { for_ms } => {
            let answer = apply(state, &call);
            state.clock.sleep(Duration::from_millis(for_ms)).await;
            Outcome::Answered(answer)
        }
    }
}

/// Applies the call later, as the spreadsheet is then; nobody hears the answer but the log.
fn late(state: &State, call: Incoming, after_ms: Option<u64>) {
    let held = state.faults.hold(call.ordinal);
    state.log.note(call.ordinal, |it| it.held = true);
    let state = State::clone(state);
    tokio::spawn(async move {
        state.faults.wait(held, &state.clock, after_ms).await;
        state.log.note(call.ordinal, |it| it.held = false);
        apply(&state, &call);
    });
}

async fn stall(state: &State, ordinal: u64, for_ms: Option<u64>) {
    let held = state.faults.hold(ordinal);
    state.log.note(ordinal, |it| it.held = true);
    state.faults.wait(held, &state.clock, for_ms).await;
    state.log.note(ordinal, |it| it.held = false);
}

/// Does what the call asks, notes whether it took effect, and makes the answer.
fn apply(state: &State, call: &Incoming) -> Answer {
    if call.route == Route::Token {
        return exchange(state, call);
    }
    match dispatch(state, call) {
        Ok(value) => {
            state.log.note(call.ordinal, |it| it.applied = true);
            match call.route {
                Route::DriveDelete(_) => Answer::empty(),
                _ => Answer::ok(&value, call.style),
            }
        }
        Err(error) => {
            state.log.note(call.ordinal, |it| it.error = Some(error.message.clone()));
            match call.route.kind() {
                CallKind::Drive => Answer::refused_by_drive(&error, call.style),
                _ => Answer::refused(&error, call.style),
            }
        }
    }
}

fn exchange(state: &State, call: &Incoming) -> Answer {
    let form = wire::pairs(&String::from_utf8_lossy(&call.payload)).unwrap_or_default();
    let now = state.clock.now();
    let outcome = locked(&state.tokens).exchange(&form, &state.options.service_accounts, now);
    match outcome {
        Ok((account, body)) => {
            state.log.note(call.ordinal, |it| {
                it.applied = true;
                it.account = Some(account);
            });
            Answer::ok(&body, call.style)
        }
        Err(refused) => {
            let answer = Answer::json(StatusCode::BAD_REQUEST, &refused.body(), call.style);
            Answer { error: Some(refused.sentence()), ..answer }
        }
    }
}

fn dispatch(state: &State, call: &Incoming) -> Result<Value, ApiError> {
    let (account, query, kind) = (call.account.as_str(), &call.query, call.route.kind());
    call.route.check(query)?;
    let body = call.body.as_ref().map_err(ApiError::clone)?;
    match &call.route {
        Route::Create => create::create(state, account, body, query),
        Route::Get(id) => state.for_call(id, account, kind, |book| book.get(query)),
        Route::BatchUpdate(id) => {
            state.for_call(id, account, kind, |book| book.batch_update(body, query))
        }
        Route::ValuesGet(id, range) => {
            state.for_call(id, account, kind, |book| book.values_get(range, query))
        }
        Route::ValuesUpdate(id, range) => {
            state.for_call(id, account, kind, |book| book.values_update(range, body, query))
        }
        Route::ValuesAppend(id, range) => {
            state.for_call(id, account, kind, |book| book.values_append(range, body, query))
        }
        Route::ValuesClear(id, range) => {
            state.for_call(id, account, kind, |book| book.values_clear(range))
        }
        Route::ValuesBatchGet(id) => {
            state.for_call(id, account, kind, |book| book.values_batch_get(query))
        }
        Route::ValuesBatchUpdate(id) => {
            state.for_call(id, account, kind, |book| book.values_batch_update(body, query))
        }
        Route::ValuesBatchClear(id) => {
            state.for_call(id, account, kind, |book| book.values_batch_clear(body))
        }
        Route::MetadataSearch(id) => {
            state.for_call(id, account, kind, |book| book.metadata_search(body))
        }
        Route::MetadataGet(id, number) => {
            state.for_call(id, account, kind, |book| book.metadata_get(*number))
        }
        Route::DriveCreate => drive::create(state, body),
        Route::DriveList => drive::list(state, account, query),
        Route::DriveGet(id) => drive::get(state, account, id),
        Route::DriveDelete(id) => drive::delete(state, account, id),
        Route::Unmodelled(name, _) => {
            Err(ApiError::invalid(format!("The emulator does not model {name}.")))
        }
        Route::Token | Route::Nowhere => Err(ApiError::not_found()),
    }
}

fn server_error(http: u16, status: &'static str, message: &str) -> ApiError {
    ApiError { http, status, message: message.to_owned(), details: Vec::new() }
}

fn unavailable_error() -> ApiError {
    server_error(503, "UNAVAILABLE", "The service is currently unavailable.")
}
