//! Calls over HTTP: connections, tokens, time limits, and one repetition after a refused token.
//!
//! Looks, the probe, batches of normal size and small reads of the journal go through the hub of `google-sheets4`
//! ([`super::hub`]). What would be heavy in that crate's types (see [`super::wire::outgoing`] for the figures) uses the same tokens
//! and connector, but narrow types of its own: large batches, and every read of a tab, whose ranges are open at their end and so may
//! hold far more than was last seen.

use std::{
    fmt,
    future::poll_fn,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use google_sheets4::{
    Sheets,
    api::Spreadsheet,
    hyper::{
        Request, Uri,
        body::{Body as _, Incoming},
        header,
    },
    hyper_rustls::HttpsConnectorBuilder,
    hyper_util::{
        client::legacy::{Client, connect::HttpConnector},
        rt::TokioExecutor,
    },
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::{
    auth::{Connector, Credentials, KeyFile},
    failure::CallFailure,
    hub::Hub,
    reply::{self, BatchReply},
    wire::{
        answer::SheetsAnswer,
        outgoing::{self, Outgoing},
    },
};
use crate::{fault::Fault, ports::Ask};

/// Where Google is.
pub const GOOGLE: &str = "https://sheets.googleapis.com/";

/// Longer reads carry their query in the body of a POST, as Google's own clients do.
const URL_BYTES_MAX: usize = 2000;

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// A batch. Google itself gives up after 180 seconds; giving up earlier would leave batches in the air.
    pub write: Duration,
    /// A read.
    pub read: Duration,
    /// A connection.
    pub connect: Duration,
    /// A token.
    pub token: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            write: Duration::from_secs(200),
            read: Duration::from_secs(200),
            connect: Duration::from_secs(10),
            token: Duration::from_secs(30),
        }
    }
}

/// Where and as whom to call.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Base URL; [`GOOGLE`] but in tests. Plain `http` is taken for loopback addresses only.
    pub endpoint: String,
    /// JSON key of the service account.
    pub key_file: PathBuf,
    /// Time limits.
    pub limits: CallLimits,
}

impl ClientOptions {
    /// Google with this key.
    pub fn google(key_file: PathBuf) -> Self {
        Self { endpoint: GOOGLE.to_owned(), key_file, limits: CallLimits::default() }
    }
}

/// Makes the calls.
pub(super) struct Transport {
    hub: Hub,
    bulk: Client<Connector, String>,
    credentials: Credentials,
    base: String,
    limits: CallLimits,
    calls: Arc<Calls>,
}

/// Calls made so far, as the quota counts them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Transport")
            .field("base", &self.base)
            .field("credentials", &self.credentials)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

impl Transport {
    /// Reads the key file and prepares the clients; makes no call.
    pub(super) fn open(options: ClientOptions) -> Ask<'static, Result<Self, Fault>> {
        Box::pin(async move {
            let ClientOptions { endpoint, key_file, limits } = options;
            let file = KeyFile::read(&key_file).map_err(Fault::Configuration)?;
            let plain = is_plain(&endpoint, "the Sheets endpoint")?
                | is_plain(file.token_uri(), "token_uri of the service account key")?;
            let connector = connector(plain, limits.connect)?;
            let bulk: Client<Connector, String> =
                Client::builder(TokioExecutor::new()).build(connector.clone());
            let credentials = Credentials::open(key_file, file, bulk.clone(), limits.token).await?;
            let client = Client::builder(TokioExecutor::new()).build(connector);
            let mut sheets = Sheets::new(client, credentials.clone());
            let base = format!("{}/", endpoint.trim_end_matches('/'));
            sheets.base_url(base.clone());
            sheets.root_url(base.clone());
            sheets.user_agent(concat!("sheetwire/", env!("CARGO_PKG_VERSION")).to_owned());
            let calls = Arc::<Calls>::default();
            let hub = Hub {
                sheets,
                base: base.clone(),
                credentials: credentials.clone(),
                limits,
                calls: Arc::clone(&calls),
            };
            Ok(Self { hub, bulk, credentials, base, limits, calls })
        })
    }

    /// The account that calls.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Reads and writes sent so far.
    pub(super) fn calls(&self) -> (u64, u64) {
        (self.calls.reads.load(Ordering::Relaxed), self.calls.writes.load(Ordering::Relaxed))
    }

    /// `spreadsheets.get` of what no cell is asked of.
    pub(super) async fn look(
        &self,
        spreadsheet: &str,
        fields: &str,
    ) -> Result<Spreadsheet, CallFailure> {
        self.hub.get(spreadsheet, &[], fields).await
    }

    /// `spreadsheets.get` of ranges that hold no more than so many cells: through the crate where `bytes` suffice for it.
    pub(super) async fn cells(
        &self,
        spreadsheet: &str,
        ranges: &[String],
        (fields, cells, bytes): (&str, usize, usize),
    ) -> Result<SheetsAnswer, CallFailure> {
        let length: usize = ranges.iter().map(|range| encoded(range).len()).sum();
        if outgoing::is_light(cells, bytes) && length < URL_BYTES_MAX {
            let answer = self.hub.get(spreadsheet, ranges, fields).await?;
            return reply::of_typed(Some(answer));
        }
        reply::decode(self.get_bytes(spreadsheet, ranges, fields).await?).await
    }

    /// `spreadsheets.batchUpdate`.
    pub(super) async fn batch_update(
        &self,
        spreadsheet: &str,
        body: Outgoing,
        fields: &str,
    ) -> Result<BatchReply, CallFailure> {
        match body {
            Outgoing::Typed(body) => {
                let answer = self.hub.batch_update(spreadsheet, &body, fields).await?;
                Ok(BatchReply::Typed(answer.updated_spreadsheet.map(Box::new)))
            }
            Outgoing::Text(body) => {
                self.post_bytes(spreadsheet, body, fields).await.map(BatchReply::Bytes)
            }
        }
    }

    /// `spreadsheets.get` for an answer of any size: the bytes of its JSON.
    pub(super) async fn get_bytes(
        &self,
        spreadsheet: &str,
        ranges: &[String],
        fields: &str,
    ) -> Result<Vec<u8>, CallFailure> {
        let mut query = format!("alt=json&prettyPrint=false&fields={}", encoded(fields));
        for range in ranges {
            query.push_str("&ranges=");
            query.push_str(&encoded(range));
        }
        let path = format!("{}v4/spreadsheets/{spreadsheet}", self.base);
        if path.len() + query.len() < URL_BYTES_MAX {
            self.exchange(Kind::Read, &format!("{path}?{query}"), String::new()).await
        } else {
            self.exchange(Kind::Read, &path, query).await
        }
    }

    /// `spreadsheets.batchUpdate` with a body of any size: the bytes of the answer's JSON.
    async fn post_bytes(
        &self,
        spreadsheet: &str,
        body: String,
        fields: &str,
    ) -> Result<Vec<u8>, CallFailure> {
        let url = format!(
            "{}v4/spreadsheets/{spreadsheet}:batchUpdate?alt=json&prettyPrint=false&fields={}",
            self.base,
            encoded(fields)
        );
        self.exchange(Kind::Write, &url, body).await
    }

    /// One call; a second one only where the first was stopped at the door for its token.
    async fn exchange(&self, kind: Kind, url: &str, body: String) -> Result<Vec<u8>, CallFailure> {
        let token = self.credentials.token(false).await?;
        match self.send(kind, url, body.clone(), &token).await {
            Err(CallFailure::Refused(refusal)) if refusal.is_bad_token() => {
                let token = self.credentials.token(true).await?;
                self.send(kind, url, body, &token).await
            }
            answer => answer,
        }
    }

    async fn send(
        &self,
        kind: Kind,
        url: &str,
        body: String,
        token: &str,
    ) -> Result<Vec<u8>, CallFailure> {
        let mut authorization = header::HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| CallFailure::NotSent("the token is not a header value".to_owned()))?;
        authorization.set_sensitive(true);
        let request = match kind {
            Kind::Read if body.is_empty() => Request::get(url),
            Kind::Read => Request::post(url)
                .header("x-http-method-override", "GET")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            Kind::Write => Request::post(url).header(header::CONTENT_TYPE, "application/json"),
        };
        let request = request
            .header(header::USER_AGENT, concat!("sheetwire/", env!("CARGO_PKG_VERSION")))
            .header(header::AUTHORIZATION, authorization)
            .body(body)
            .map_err(|error| CallFailure::NotSent(error.to_string()))?;
        self.count(kind);
        let limit = if kind == Kind::Read { self.limits.read } else { self.limits.write };
        let answer = async {
            let answer = self.bulk.request(request).await;
            let (parts, body) =
                answer.map_err(|error| CallFailure::of_client(&error, &self.base))?.into_parts();
            let bytes = collect(body).await.map_err(|error| {
                CallFailure::Ambiguous(format!("the answer ({}) was cut: {error}", parts.status))
            })?;
            if parts.status.is_success() {
                Ok(bytes)
            } else {
                Err(CallFailure::of_status(parts.status, &bytes))
            }
        };
        self.within(limit, Box::pin(answer)).await?
    }

    async fn within<T>(&self, limit: Duration, call: Ask<'_, T>) -> Result<T, CallFailure> {
        tokio::time::timeout(limit, call).await.map_err(|_| CallFailure::late(limit))
    }

    fn count(&self, kind: Kind) {
        let counter = match kind {
            Kind::Read => &self.calls.reads,
            Kind::Write => &self.calls.writes,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// Whether an endpoint speaks plain HTTP, which is refused outside this machine: tokens travel in the clear.
fn is_plain(endpoint: &str, what: &str) -> Result<bool, Fault> {
    let refuse = |why: &str| Err(Fault::Configuration(format!("{what} {endpoint}: {why}")));
    let Ok(uri) = endpoint.parse::<Uri>() else { return refuse("this is not a URL") };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(false),
        Some("http") if loopback => Ok(true),
        Some("http") => refuse("plain http is for loopback addresses only; use https"),
        _ => refuse("this is not an http or https URL"),
    }
}

fn connector(plain: bool, patience: Duration) -> Result<Connector, Fault> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(patience));
    http.set_keepalive(Some(Duration::from_mins(1)));
    let builder = HttpsConnectorBuilder::new();
    let builder = match builder.with_provider_and_native_roots(ring::default_provider()) {
        Ok(builder) => builder,
        // An emulator on this machine needs no certificates.
        Err(_) if plain => HttpsConnectorBuilder::new().with_tls_config(without_roots()?),
        Err(error) => {
            return Err(Fault::Configuration(format!(
                "no root certificates to check Google's by: {error}; install ca-certificates"
            )));
        }
    };
    let schemes = if plain { builder.https_or_http() } else { builder.https_only() };
    Ok(schemes.enable_http1().enable_http2().wrap_connector(http))
}

fn without_roots() -> Result<ClientConfig, Fault> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Configuration(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() * 3 / 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["http://127.0.0.1:80/", "http://[::1]:1/", "http://localhost:9/x"] {
            assert!(is_plain(good, "x").unwrap(), "{good}");
        }
        assert!(!is_plain(GOOGLE, "x").unwrap());
        for bad in ["http://10.0.0.1/", "http://127.0.0.1.example/", "ftp://localhost/", "nothing"]
        {
            assert!(is_plain(bad, "x").is_err(), "{bad}");
        }
    }

    #[test]
    fn hostile_titles_cannot_leave_their_parameter() {
        assert_eq!(encoded("'q?x&a=b#/'!A1:B"), "%27q%3Fx%26a%3Db%23%2F%27%21A1%3AB");
        assert_eq!(encoded("é"), "%C3%A9");
    }
}
