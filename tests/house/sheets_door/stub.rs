//! A server that says what it is told to say, for words the emulator never says.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub(crate) struct Stub {
    pub(crate) url: String,
    left: Arc<Mutex<Vec<(u16, String)>>>,
    silent: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Answers one request after the other with these statuses and bodies; with status 0 it keeps silent for good.
    pub(crate) async fn saying(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers.iter().rev().map(|(status, body)| (*status, (*body).to_owned()));
        let left = Arc::new(Mutex::new(answers.collect::<Vec<_>>()));
        let mine = Arc::clone(&left);
        let (silence, silent) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some((status, body)) = mine.lock().unwrap().pop() else { continue };
                answer(stream, (status, &body), &silence).await;
            }
        });
        Self { url, left, silent, task }
    }

    /// Returns once a request was heard that gets no answer.
    pub(crate) async fn is_silent(&self) {
        self.silent.clone().wait_for(|silent| *silent).await.unwrap();
    }

    /// Answers not asked for yet.
    pub(crate) fn left(&self) -> usize {
        self.left.lock().unwrap().len()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request to its end and answers it.
async fn answer(mut stream: TcpStream, (status, body): (u16, &str), silence: &watch::Sender<bool>) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&heard) {
        match stream.read(&mut buffer).await {
            Ok(length @ 1..) => heard.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
    if status == 0 {
        silence.send_replace(true);
        std::future::pending::<()>().await;
    }
    let length = body.len();
    let said = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    // A client that has gone away needs no answer.
    let _ = stream.write_all(said.as_bytes()).await;
}

fn is_whole(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
