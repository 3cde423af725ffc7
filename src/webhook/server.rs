//! Takes requests: method, size and time first, then the signature, then what is wanted.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use sheetwire_engine::door::Bell;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

use super::{
    Memory, Secrets, a1,
    memory::Taken,
    pace::{Pace, Turn},
    payload::{Payload, Verb},
    refusals::Refusals,
    signature::{Claim, WINDOW_S},
};
use crate::{
    clock::Clock,
    hold,
    ports::{About, Frontdesk, Said, SheetQuestion},
};

/// A body longer than this is not read, bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// Request line and headers together are no longer than this, bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Whoever has not sent the headers, or the body, by then is cut off.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// A question that is not answered by then is given up: the script waits for 30 seconds, people for less.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Letters of a person's name that are kept.
const NAME_LETTERS_MAX: usize = 100;
/// Connections at once; more wait in the socket's queue.
const CONNECTIONS_MAX: usize = 128;
/// After a connection could not be taken, for want of descriptors most likely.
const PAUSE: Duration = Duration::from_millis(50);
/// People who wait for an answer are told to come again after this, seconds.
const RETRY_AFTER_S: &str = "2";

/// Everything that a request is judged by.
pub struct Hall {
    clock: Clock,
    secrets: Secrets,
    memory: Arc<Mutex<Memory>>,
    pace: Pace,
    refusals: Refusals,
    desk: Arc<dyn Frontdesk>,
}

impl std::fmt::Debug for Hall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hall").field("refusals", &self.refusals).finish_non_exhaustive()
    }
}

impl Hall {
    /// For requests of these spreadsheets; what they want goes to the desk.
    pub fn new(
        clock: Clock,
        (secrets, memory): (Secrets, Memory),
        spreadsheets: &[String],
        desk: Arc<dyn Frontdesk>,
    ) -> Self {
        let memory = Arc::new(Mutex::new(memory));
        let (pace, refusals) = (Pace::of(spreadsheets), Refusals::default());
        Self { clock, secrets, memory, pace, refusals, desk }
    }
}

/// Opens the port.
///
/// # Errors
/// Where it cannot be had.
pub async fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(listen).await
}

/// Serves until it is dropped; the last thing it does is to say what it refused. `SIGHUP` has the secrets read again.
pub async fn serve(listener: TcpListener, hall: Arc<Hall>) {
    let router = Router::new().fallback(any(door)).with_state(hall.clone());
    let mut connections = JoinSet::new();
    let _last = LastWord(hall.clone());
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("doorbells: SIGHUP cannot be caught on this system; not listening");
        return;
    };
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), hall.clock));
                }
                Err(error) => {
                    tracing::debug!(%error, "a doorbell could not be let in");
                    hall.clock.sleep_until(hall.clock.now() + PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = hangup.recv() => hall.secrets.reload(),
            () = hall.clock.sleep_until(hall.clock.now() + SAY_EVERY) => say(hall.refusals.rest()),
        }
    }
}

/// What was refused and not said yet is said when nothing has happened for so long.
const SAY_EVERY: Duration = Duration::from_secs(15);

/// Says what was refused and not said yet when the server is dropped.
struct LastWord(Arc<Hall>);

impl Drop for LastWord {
    fn drop(&mut self) {
        say(self.0.refusals.rest());
    }
}

fn say(line: Option<String>) {
    if let Some(line) = line {
        tracing::warn!("doorbells refused: {line}");
    }
}

async fn connection(stream: TcpStream, router: Router, clock: Clock) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(clock.real(SEND_WITHIN))
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false);
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match clock.timeout(2 * SEND_WITHIN + ANSWER_WITHIN, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a doorbell broke off"),
        Err(_) => tracing::debug!("a doorbell was too slow"),
    }
}

/// Why a request is refused: for the log, and for whoever sent it.
struct Refusal {
    status: StatusCode,
    /// For the count.
    reason: &'static str,
    message: String,
}

fn refusal(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, reason, message: message.into() }
}

/// Says the same of everything that is wrong with a signature: a stranger learns nothing, the log has the reason.
fn unsigned(reason: &'static str) -> Refusal {
    refusal(
        StatusCode::UNAUTHORIZED,
        reason,
        "sheetwire does not accept this request: is SHEETWIRE_SECRET the secret that sheetwire has?",
    )
}

async fn door(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    match admit(&hall, request).await {
        Ok(said) => answer(StatusCode::OK, said),
        Err(Refusal { status, reason, message }) => {
            say(hall.refusals.count(reason, hall.clock.now()));
            let mut response = answer(status, Said { ok: false, message });
            let more = match status {
                StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, RETRY_AFTER_S)),
                StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "POST")),
                _ => None,
            };
            if let Some((name, value)) = more {
                response.headers_mut().insert(name, header::HeaderValue::from_static(value));
            }
            response
        }
    }
}

fn answer(status: StatusCode, Said { ok, message }: Said) -> Response {
    (status, Json(serde_json::json!({ "ok": ok, "message": message }))).into_response()
}

async fn admit(hall: &Hall, request: Request) -> Result<Said, Refusal> {
    if request.method() != Method::POST {
        let message = "sheetwire is here; its script talks to it by POST";
        return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "not POST", message));
    }
    let (head, body) = request.into_parts();
    let now_s = hall.clock.unix_us() / 1_000_000;
    let claim = claim(&head.headers).ok_or_else(|| unsigned("unsigned"))?;
    if !claim.is_fresh(now_s) {
        return Err(unsigned("expired"));
    }
    let body = match hall.clock.timeout(SEND_WITHIN, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let message = format!("a request is at most {BODY_BYTES_MAX} bytes");
            return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "too large or broken off", message));
        }
        Err(_) => {
            let message = "the request took too long to arrive";
            return Err(refusal(StatusCode::REQUEST_TIMEOUT, "slow", message));
        }
    };
    if !claim.is_signed(&body, &hall.secrets.now()) {
        return Err(unsigned("wrong signature"));
    }
    let payload = Payload::read(&body).map_err(|why| {
        let message = format!("the script does not fit this version of sheetwire ({why}): paste the one that `sheetwire script` prints");
        refusal(StatusCode::BAD_REQUEST, "unreadable", message)
    })?;
    match hall.pace.take(&payload.spreadsheet) {
        Turn::Passes => {}
        Turn::Unknown => {
            let message = "no table of this sheetwire is kept in this spreadsheet: is SHEETWIRE_URL the right one?";
            return Err(refusal(StatusCode::NOT_FOUND, "unknown spreadsheet", message));
        }
        Turn::TooMany => {
            let message = "too many requests at once; sheetwire finds the changes when it next looks through the sheet";
            return Err(refusal(StatusCode::TOO_MANY_REQUESTS, "too many", message));
        }
    }
    remember(hall, &claim, now_s, payload.verb == Verb::Revert).await?;
    hold::here(hold::BELL_TAKEN).await;
    act(hall, payload).await
}

fn claim(headers: &HeaderMap) -> Option<Claim<'_>> {
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    };
    let stamp = one("x-sheetwire-timestamp")?;
    Claim::read(stamp, one("x-sheetwire-edit")?, one("x-sheetwire-signature")?)
}

async fn remember(
    hall: &Hall,
    claim: &Claim<'_>,
    now_s: i64,
    changes: bool,
) -> Result<(), Refusal> {
    let (memory, id, at_s) = (hall.memory.clone(), claim.id.to_owned(), claim.at_s);
    let take = move || {
        let taken = {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.take((&id, at_s), now_s, changes)?
        };
        // Others need not wait for the disk.
        if let (Taken::New(file), true) = (&taken, changes) {
            file.sync_data()?;
        }
        Ok::<Taken, io::Error>(taken)
    };
    let trouble = |why: String| {
        tracing::error!("doorbells: the memory of requests cannot be written: {why}");
        let message =
            "sheetwire cannot keep its notes just now; its operator finds the reason in the log";
        refusal(StatusCode::SERVICE_UNAVAILABLE, "not remembered", message)
    };
    let taken =
        tokio::task::spawn_blocking(take).await.map_err(|error| trouble(error.to_string()))?;
    match taken.map_err(|error| trouble(error.to_string()))? {
        Taken::New(_) => Ok(()),
        Taken::Replayed => {
            let message = "this request was answered before";
            Err(refusal(StatusCode::CONFLICT, "replayed", message))
        }
        Taken::Unsure => {
            let message = "sheetwire has lost its notes of earlier requests: try again in ten minutes, or type the value yourself";
            Err(refusal(StatusCode::CONFLICT, "perhaps replayed", message))
        }
        Taken::Full => {
            let message = "too many requests in the last minutes";
            Err(refusal(StatusCode::TOO_MANY_REQUESTS, "memory full", message))
        }
    }
}

async fn act(hall: &Hall, payload: Payload) -> Result<Said, Refusal> {
    let area = match payload.range.as_deref().map(a1::area) {
        None => None,
        Some(Some(area)) => Some(area),
        Some(None) => {
            let message = "sheetwire does not know this kind of range";
            return Err(refusal(StatusCode::BAD_REQUEST, "unreadable", message));
        }
    };
    let about = match payload.verb {
        Verb::Ring => return Ok(ring(hall, payload, area)),
        Verb::Status if payload.kind == "conflicts" => About::Conflicts,
        Verb::Status => About::Standing,
        Verb::Explain | Verb::Revert => {
            let Some((row, column)) = area.and_then(|area| area.cell) else {
                let message = "choose one cell first";
                return Err(refusal(StatusCode::BAD_REQUEST, "no cell", message));
            };
            match payload.verb {
                Verb::Revert => About::Revert { row, column },
                _ => About::Explain { row, column },
            }
        }
    };
    let question =
        SheetQuestion { spreadsheet: payload.spreadsheet, sheet_id: payload.sheet, about };
    if let Ok(Some(said)) = hall.clock.timeout(ANSWER_WITHIN, hall.desk.ask(question)).await {
        return Ok(said);
    }
    let message = "sheetwire is just starting, or busy: try again in a moment";
    Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "not answered", message))
}

fn ring(hall: &Hall, payload: Payload, area: Option<a1::Area>) -> Said {
    // People who ask for a look mean this tab. What a change of structure has changed may be another tab than the one on show.
    let (edit, menu) = (payload.kind == "edit", payload.kind == "menu");
    let rows = area.filter(|_| edit).and_then(|area| area.rows);
    let now_us = hall.clock.unix_us();
    hall.desk.ring(Bell {
        spreadsheet: payload.spreadsheet,
        sheet_id: (edit || menu).then_some(payload.sheet),
        rows,
        who: payload.user.as_deref().and_then(name),
        // Nobody has edited it later than now, or long before it was signed.
        at_us: payload.at.saturating_mul(1_000).clamp(now_us - 1_000_000 * WINDOW_S, now_us),
    });
    let message = "sheetwire looks through this tab now";
    Said { ok: true, message: message.to_owned() }
}

/// A person's name as it may stand in logs and on terminals.
fn name(user: &str) -> Option<String> {
    let name: String = user.chars().filter(|c| !c.is_control()).take(NAME_LETTERS_MAX).collect();
    (!name.trim().is_empty()).then_some(name)
}
