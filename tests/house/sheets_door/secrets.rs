//! The least rights are asked for, and no secret is ever written down.

use std::sync::{Arc, Mutex, OnceLock};

use sheets_emulator::http::Options;
use sheetwire::{
    fault::Fault,
    ports::SheetSink,
    sheets::{CallLimits, ClientOptions, SheetsClient},
    telemetry,
};
use sheetwire_engine::batch::ReadFailure;
use tracing::Metadata;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::{BOOK, Desk, KeyFile, ROBOT, batch, relay::Relay, text, work, write};

#[derive(Clone, Default)]
struct Ink(Arc<Mutex<Vec<u8>>>);

impl Ink {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Ink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Ink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// sled speaks from destructors of threads that have lost what the formatter needs, which would end the process.
const LOUDEST: &str = "trace,sled=off";

/// Two logs of this process, both at TRACE and fed by `log` too: one as it comes, one under the product's own ceilings.
fn logs() -> &'static (Ink, Ink) {
    static LOGS: OnceLock<(Ink, Ink)> = OnceLock::new();
    LOGS.get_or_init(|| {
        let (loud, quiet) = (Ink::default(), Ink::default());
        let layer = |ink: &Ink, lowered: bool| {
            let layer = fmt::layer().with_ansi(false).with_writer(ink.clone());
            let may = move |line: &Metadata<'_>| !lowered || telemetry::is_below_ceiling(line);
            layer.with_filter(EnvFilter::new(LOUDEST).and(filter_fn(may)))
        };
        tracing_subscriber::registry()
            .with(vec![layer(&loud, false), layer(&quiet, true)])
            .try_init()
            .expect("no other test of this binary sets the subscriber of the process");
        (loud, quiet)
    })
}

/// Lines of the private key that are long enough to be told apart.
fn key_lines() -> Vec<String> {
    let key = KeyFile::content("-")["private_key"].as_str().unwrap().to_owned();
    key.lines().filter(|line| line.len() == 64).map(str::to_owned).collect()
}

#[tokio::test]
async fn only_spreadsheets_are_asked_for() {
    let desk = Desk::new().await;
    let relay = Relay::to(desk.emulator.address()).await;
    let key = KeyFile::new(&format!("{}/token", relay.url));
    let client = super::client(&relay.url, &key, CallLimits::default()).await;
    client.probe(BOOK).await.unwrap();
    client.open(BOOK).await.unwrap();
    super::applied(client.write(&batch(None, 1, vec![work(1)])).await);
    let claims = relay.claims();
    assert_eq!(claims.len(), 1, "one token does for everything");
    assert_eq!(claims[0]["scope"], "https://www.googleapis.com/auth/spreadsheets");
    assert_eq!(claims[0]["iss"], ROBOT);
}

#[tokio::test]
async fn no_token_and_no_key_is_logged_at_any_level() {
    let (loud, quiet) = logs();
    let desk = Desk::new().await;
    let relay = Relay::to(desk.emulator.address()).await;
    let key = KeyFile::new(&format!("{}/token", relay.url));
    let client = super::client(&relay.url, &key, CallLimits::default()).await;
    let mut tab = work(1);
    tab.writes = vec![write(1, &[(0, text("a word of a person"))])];
    super::applied(client.write(&batch(None, 1, vec![tab])).await);
    desk.emulator.revoke_tokens();
    client.open(BOOK).await.unwrap();
    let tokens = relay.tokens();
    assert_eq!(tokens.len(), 2, "{tokens:?}");

    tracing::info!("the quiet log is being written");
    for token in &tokens {
        assert!(loud.text().contains(token.as_str()), "the trap is there: the crate logs tokens");
        assert!(!quiet.text().contains(token.as_str()), "a token was logged");
    }
    let (quiet, loud) = (quiet.text(), loud.text());
    assert!(quiet.contains("the quiet log is being written"));
    assert!(loud.contains("assertion="), "the trap is there: the crate logs signed assertions");
    assert!(!quiet.contains("assertion="), "a signed assertion was logged");
    for line in key_lines() {
        assert!(!loud.contains(&line) && !quiet.contains(&line), "the private key was logged");
    }
    assert!(!quiet.contains("a word of a person"), "cells are not logged");
}

#[tokio::test]
async fn debug_output_and_errors_hold_no_secret() {
    let desk = Desk::new().await;
    desk.client.open(BOOK).await.unwrap();
    let shown = format!("{:?} {:?}", desk.client, desk.client.credentials());
    assert!(shown.contains(ROBOT));
    assert!(!shown.contains("ya29."), "{shown}");
    let lines = key_lines();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| !shown.contains(line)));

    // The parser of JSON would quote what it finds.
    let key = KeyFile::new("http://127.0.0.1:1/token");
    key.put(
        &serde_json::json!({"private_key": ["canary-secret"], "client_email": "canary-secret"}),
    );
    let options = ClientOptions::google(key.path.clone());
    let fault = SheetsClient::open(options).await.unwrap_err();
    let Fault::Configuration(message) = fault else { panic!("{fault}") };
    assert!(!message.contains("canary-secret"), "{message}");
    assert!(message.contains("line 1") && message.contains("Google Cloud console"), "{message}");
}

#[tokio::test]
async fn an_account_that_google_does_not_know_is_denied_with_a_cure() {
    let options =
        Options { service_accounts: vec!["other@x.example".into()], ..Options::default() };
    let desk = Desk::with(options, CallLimits::default()).await;
    let failure = desk.client.open(BOOK).await;
    let Err(ReadFailure::Denied { message }) = failure else { panic!("{failure:?}") };
    assert!(message.contains("invalid_grant") && message.contains("new key"), "{message}");
    let path = desk.key_file.path.display().to_string();
    assert!(message.contains(&path) && message.contains(ROBOT), "{message}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_others_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_, quiet) = logs();
    let key = KeyFile::new("http://127.0.0.1:1/token");
    let name = key.path.file_name().unwrap().to_str().unwrap().to_owned();
    super::client("http://127.0.0.1:1/", &key, CallLimits::default()).await;
    assert!(!quiet.text().contains(&name), "0600 is fine");
    std::fs::set_permissions(&key.path, std::fs::Permissions::from_mode(0o640)).unwrap();
    super::client("http://127.0.0.1:1/", &key, CallLimits::default()).await;
    let text = quiet.text();
    let line = text.lines().find(|line| line.contains(&name)).unwrap();
    assert!(
        line.contains("WARN") && line.contains("chmod 0600") && line.contains("0640"),
        "{line}"
    );
}
