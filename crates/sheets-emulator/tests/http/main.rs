//! The emulator over its socket: tokens, rights, quotas, faults and the doors for people.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod auth;
mod doors;
mod faults;
mod guard;
mod hands;
mod quota;
mod routes;
#[cfg(feature = "apps-script")]
mod script;

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sheets_emulator::http::{Emulator, Options};

/// Real time after which a waiting test gives up; never the time it takes.
const DEADLINE: Duration = Duration::from_secs(30);
const SPREADSHEETS: &str = "https://www.googleapis.com/auth/spreadsheets";
const BATCH: &str = "/v4/spreadsheets/s:batchUpdate";

/// An emulator with one spreadsheet `s`, and a client with a token.
struct World {
    emulator: Emulator,
    client: Client<HttpConnector, Body>,
    token: Option<String>,
}

#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Status code and the sentence of the error.
    fn error(&self) -> (u16, String) {
        let body = self.json();
        let said = body["error"]["message"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), said)
    }
}

impl World {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let emulator = Emulator::start(options).await.unwrap();
        emulator.add_spreadsheet("s", "Test").unwrap();
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let token = Some(emulator.issue_token("a@example.org", SPREADSHEETS));
        Self { emulator, client, token }
    }

    /// The reply, or none when the connection broke before it was whole.
    async fn send(&self, request: Request<Body>) -> Option<Reply> {
        let response = self.client.request(request).await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(Body::new(response.into_body()), usize::MAX).await.ok()?;
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Some(Reply { status, headers, text })
    }

    fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Request<Body> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.emulator.url()))
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Body::from(body.into())).unwrap()
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path, "")).await.unwrap()
    }

    async fn try_post(&self, path: &str, body: &Value) -> Option<Reply> {
        self.send(self.request(Method::POST, path, body.to_string())).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).await.unwrap()
    }

    #[cfg(feature = "apps-script")]
    async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PUT, path, body.to_string())).await.unwrap()
    }

    /// A batchUpdate that adds a tab: refused the second time, so nothing can hide a double.
    async fn add_tab(&self, title: &str) -> Option<Reply> {
        self.try_post(BATCH, &add_tab(title)).await
    }

    /// The titles of the tabs, read past the API.
    fn tabs(&self) -> Vec<String> {
        let book = self.emulator.spreadsheet("s").unwrap();
        let answer = book.get(&sheets_emulator::model::Query::default()).unwrap();
        let title = |sheet: &Value| sheet["properties"]["title"].as_str().unwrap().to_owned();
        answer["sheets"].as_array().unwrap().iter().map(title).collect()
    }
}

fn add_tab(title: &str) -> Value {
    json!({"requests": [{"addSheet": {"properties": {"title": title}}}]})
}
