//! `UrlFetchApp.fetch`: one HTTP request over a socket of its own, given up when its time or the emulator is over.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::bells::bare;
use crate::http::Clock;

/// Google gives up after about a minute.
const PATIENCE: Duration = Duration::from_mins(1);
/// Largest answer, as Google has it.
const ANSWER_BYTES_MAX: usize = 50 << 20;

/// A request as the script asked for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Ask {
    method: String,
    content_type: String,
    payload: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

impl Ask {
    pub(super) fn body(&self) -> &str {
        self.payload.as_deref().unwrap_or_default()
    }
}

/// Sends it and returns status and text. `left` is what the execution may still take.
pub(super) fn fetch(
    url: &str,
    ask: Ask,
    (clock, left): (&Clock, Duration),
    mut stopped: watch::Receiver<bool>,
) -> Result<(u16, String), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the emulator cannot fetch: {error}"))?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => Err("the emulator stops".to_owned()),
            () = clock.sleep(left.min(PATIENCE)) => Err(format!("Timeout: {}", bare(url))),
            answer = send(url, ask) => answer,
        }
    })
}

async fn send(url: &str, ask: Ask) -> Result<(u16, String), String> {
    let shown = bare(url);
    let uri: Uri = url.parse().map_err(|_| format!("Invalid argument: {shown}"))?;
    let host = uri.host().ok_or_else(|| format!("Invalid argument: {shown}"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("the emulator fetches http addresses only, not {shown}"));
    }
    let lost = format!("Connection closed by the other side: {shown}");
    let address = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|_| format!("Address unavailable: {shown}"))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| lost.clone())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(ask.method.as_str())
        .uri(path)
        .header("host", uri.authority().map_or(host, |it| without_account(it.as_str())))
        .header("user-agent", "Mozilla/5.0 (compatible; Google-Apps-Script; sheets-emulator)");
    if ask.payload.is_some() {
        request = request.header("content-type", ask.content_type);
    }
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Body::from(ask.payload.unwrap_or_default()))
        .map_err(|error| format!("Invalid argument: {error}"))?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|_| lost.clone())?;
        let status = response.status().as_u16();
        let bytes = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| lost)?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    };
    // The connection ends with its sender; how is seen by the answer.
    futures_util::future::join(answer, connection).await.0
}

fn without_account(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or(authority)
}
