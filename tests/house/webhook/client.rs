//! A sender of doorbells that shares no code with the script or the webhook, byte for byte in the hands of the test.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ring::hmac;
use serde_json::Value;

use crate::slice::LONG;

/// A request before it is sent. Its signature is made of what the other fields hold at that moment.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) secret: String,
    pub(super) at_s: i64,
    pub(super) id: String,
    pub(super) body: String,
    /// Without the three headers.
    pub(super) unsigned: bool,
    /// In pieces whose number the head does not tell.
    pub(super) chunked: bool,
}

impl Request {
    /// A POST of this body, signed now, with an id of its own.
    pub(super) fn new(secret: &str, body: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            method: "POST",
            secret: secret.to_owned(),
            at_s: now_s(),
            id: format!("edit-{}-{number}", std::process::id()),
            body: body.to_owned(),
            unsigned: false,
            chunked: false,
        }
    }

    /// The head, up to the line that ends it.
    pub(super) fn head(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let text = format!("{}.{}.{}", self.at_s, self.id, self.body);
        let tag = hmac::sign(&key, text.as_bytes());
        let hex: Vec<String> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut head = format!("{} /bell HTTP/1.1\r\nHost: sheetwire\r\n", self.method);
        if !self.unsigned {
            let _ = write!(
                head,
                "X-Sheetwire-Timestamp: {}\r\nX-Sheetwire-Edit: {}\r\nX-Sheetwire-Signature: v1={}\r\n",
                self.at_s,
                self.id,
                hex.concat()
            );
        }
        head + &if self.chunked {
            "Transfer-Encoding: chunked\r\n\r\n".to_owned()
        } else {
            format!("Content-Length: {}\r\n\r\n", self.body.len())
        }
    }

    /// Sends all of it at once and returns status and sentence.
    pub(super) fn send(&self, port: u16) -> Result<(u16, String), String> {
        let mut stream = connect(port)?;
        let body = if self.chunked {
            format!("{:x}\r\n{}\r\n0\r\n\r\n", self.body.len(), self.body)
        } else {
            self.body.clone()
        };
        let all = self.head() + &body;
        stream.write_all(all.as_bytes()).map_err(|error| format!("sending: {error}"))?;
        answer(&mut stream)
    }
}

pub(super) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub(super) fn connect(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("connecting to {port}: {error}"))?;
    stream.set_read_timeout(Some(LONG)).unwrap();
    Ok(stream)
}

/// Status and sentence; every answer but one to `HEAD` has a sentence in JSON.
pub(super) fn answer(stream: &mut TcpStream) -> Result<(u16, String), String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|error| format!("reading after {text:?}: {error}"))?;
    parse(&text)
}

/// Sends a byte now and then until the other side ends the connection; what it said, and when it was over.
pub(super) fn dribble(mut stream: TcpStream, begin: &str) -> (String, Duration) {
    let start = std::time::Instant::now();
    stream.write_all(begin.as_bytes()).unwrap();
    // The wait for an answer is the pause between two bytes.
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while start.elapsed() < LONG {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if stream.write_all(b"a").is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    (String::from_utf8(heard).unwrap(), start.elapsed())
}

fn parse(text: &str) -> Result<(u16, String), String> {
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {text:?}"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("no status in {head:?}"))?;
    if body.is_empty() {
        return Ok((status, String::new()));
    }
    let body: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))?;
    assert!(status == 200 || body["ok"] == false, "{status}: {body}");
    Ok((status, body["message"].as_str().unwrap().to_owned()))
}
