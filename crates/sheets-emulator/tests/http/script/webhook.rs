//! A webhook over real HTTP that knows the wire contract and nothing of the script: it judges every delivery.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What a wrong secret would not have signed.
pub(super) const SECRET: &str = "häß-5ecret-of-the-test";

/// One delivery that the webhook found to be right.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    pub(super) edit: String,
    pub(super) body: Value,
}

struct Desk {
    rings: Mutex<Vec<Ring>>,
    faults: Mutex<Vec<String>>,
    answer: Mutex<(StatusCode, String)>,
    open: watch::Sender<bool>,
    arrived: watch::Sender<usize>,
}

/// A running webhook.
pub(super) struct Webhook {
    pub(super) url: String,
    desk: Arc<Desk>,
}

impl Webhook {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let desk = Arc::new(Desk {
            rings: Mutex::default(),
            faults: Mutex::default(),
            answer: Mutex::new((StatusCode::OK, said(true, "in step, <b>2 s</b> behind"))),
            open: watch::Sender::new(true),
            arrived: watch::Sender::new(0),
        });
        let app = Router::new().fallback(take).with_state(Arc::clone(&desk));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, desk }
    }

    /// What is answered from now on.
    pub(super) fn answer(&self, status: u16, text: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        *self.desk.answer.lock().unwrap() = (status, text.to_owned());
    }

    /// Keeps deliveries waiting for their answer, or lets them go.
    pub(super) fn hold(&self, held: bool) {
        self.desk.open.send_replace(!held);
    }

    /// Returns when this many deliveries have come in, answered or not.
    pub(super) async fn arrived(&self, count: usize) {
        let mut arrived = self.desk.arrived.subscribe();
        let waited = tokio::time::timeout(super::DEADLINE, arrived.wait_for(|seen| *seen >= count));
        let came = waited.await.is_ok();
        assert!(came, "{} of {count} deliveries came", *self.desk.arrived.borrow());
    }

    /// All deliveries so far. Every one must have been right.
    #[track_caller]
    pub(super) fn rings(&self) -> Vec<Ring> {
        assert_eq!(*self.desk.faults.lock().unwrap(), [""; 0]);
        self.desk.rings.lock().unwrap().clone()
    }

    /// What was wrong with deliveries; they count as seen then.
    pub(super) fn faults(&self) -> Vec<String> {
        std::mem::take(&mut *self.desk.faults.lock().unwrap())
    }
}

pub(super) fn said(ok: bool, message: &str) -> String {
    json!({"ok": ok, "message": message}).to_string()
}

async fn take(
    State(desk): State<Arc<Desk>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    match judge(&method, &headers, &body) {
        Ok(ring) => desk.rings.lock().unwrap().push(ring),
        Err(fault) => desk.faults.lock().unwrap().push(fault),
    }
    desk.arrived.send_modify(|count| *count += 1);
    // The desk holds the sender, so this cannot fail.
    let _ = desk.open.subscribe().wait_for(|open| *open).await;
    desk.answer.lock().unwrap().clone()
}

/// The contract, word by word.
fn judge(method: &Method, headers: &HeaderMap, body: &[u8]) -> Result<Ring, String> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or_else(|| format!("no header {name}"))
    };
    if method != Method::POST || header("content-type")? != "application/json" {
        return Err(format!("{method} of {}", header("content-type")?));
    }
    let (stamp, edit) = (header("x-sheetwire-timestamp")?, header("x-sheetwire-edit")?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seconds: u64 = stamp.parse().map_err(|_| format!("timestamp {stamp}"))?;
    if now.abs_diff(seconds) > 60 || edit.len() < 32 {
        return Err(format!("stale or without an id: {stamp} {edit}"));
    }
    let signature = header("x-sheetwire-signature")?;
    let hex = signature.strip_prefix("v1=").ok_or("a signature without v1=")?;
    let bytes: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect();
    let signed = [stamp.as_bytes(), b".", edit.as_bytes(), b".", body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &signed, &bytes.ok_or("a signature that is no hex")?)
        .map_err(|_| "a wrong signature".to_owned())?;
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let known = ["verb", "spreadsheet", "sheet", "tab", "range", "kind", "at", "user"];
    let keys: Vec<&str> = body.as_object().ok_or("no object")?.keys().map(String::as_str).collect();
    let verb = body["verb"].as_str().unwrap_or_default();
    let at = body["at"].as_u64().unwrap_or_default();
    if keys != known
        || !["ring", "status", "explain", "revert"].contains(&verb)
        || !body["sheet"].is_i64()
        || at / 1000 != seconds
    {
        return Err(format!("not as agreed: {body}"));
    }
    Ok(Ring { edit, body })
}
