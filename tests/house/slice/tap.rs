//! A listener on the line to Google: passes everything on, and remembers every byte that sheetwire sent.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// Listens on a port of 127.0.0.1. Its threads end with the connections and with the test process.
#[derive(Debug)]
pub(crate) struct Tap {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// Starts to pass on to `target`.
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
                    continue;
                };
                for stream in [&client, &server] {
                    let _ = stream.set_nodelay(true);
                }
                let (client_end, server_end) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                let ears = Arc::clone(&ears);
                thread::spawn(move || pass(client_end, server_end, Some(&ears)));
                thread::spawn(move || pass(server, client, None));
            }
        });
        Self { port, heard }
    }

    /// Where to connect.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether these words were ever sent.
    pub(crate) fn heard(&self, words: &str) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.windows(words.len()).any(|window| window == words.as_bytes())
    }

    /// What stands behind each place of `marker`, up to a space, a line's end or an ampersand.
    pub(crate) fn words_behind(&self, marker: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&heard);
        let behind = text.match_indices(marker).map(|(at, _)| &text[at + marker.len()..]);
        let word = |rest: &str| rest.split(['\r', '\n', '&', ' ']).next().unwrap_or("").to_owned();
        behind.map(word).filter(|word| word.len() > 8).collect()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, ears: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(ears) = ears {
            ears.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
