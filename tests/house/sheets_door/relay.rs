//! A relay between client and emulator that keeps what the client says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) struct Relay {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, Arc::clone(&ear)));
            }
        });
        Self { url, heard, task }
    }

    /// Everything clients said so far.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }

    /// The first lines of the requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heard = self.heard();
        let lines = heard.lines().filter(|line| line.ends_with(" HTTP/1.1"));
        lines.map(str::to_owned).collect()
    }

    /// The bearer tokens sent, in order, repeated ones once.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let heard = self.heard();
        let mut tokens: Vec<String> = heard
            .lines()
            .filter_map(|line| line.strip_prefix("authorization: Bearer "))
            .map(str::to_owned)
            .collect();
        tokens.dedup();
        tokens
    }

    /// The claims of the signed assertions sent to the token endpoint.
    pub(crate) fn claims(&self) -> Vec<serde_json::Value> {
        let heard = self.heard();
        let assertions = heard.split("&assertion=").skip(1);
        assertions
            .map(|rest| {
                let payload = rest.split('.').nth(1).unwrap();
                serde_json::from_slice(&base64(payload)).unwrap()
            })
            .collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, target: SocketAddr, heard: Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        // A broken connection ends the copy, as it should.
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        heard.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to_server.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    drop(to_server);
    let _ = back.await;
}

/// Decodes unpadded or percent-padded base64url.
fn base64(text: &str) -> Vec<u8> {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).unwrap());
        }
    }
    bytes
}
