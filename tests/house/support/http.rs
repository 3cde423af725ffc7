//! One HTTP exchange at a time with a program on this machine: JSON in, JSON out.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Long enough for whatever a program here has to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends a request and returns status and body, null where there is none. What breaks the exchange comes back as a sentence.
pub fn exchange(
    port: u16,
    (method, path, token): (&str, &str, Option<&str>),
    body: Option<&Value>,
) -> Result<(u16, Value), String> {
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let content = body.map(Value::to_string).unwrap_or_default();
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        bearer.unwrap_or_default(),
        content.len()
    );
    stream.write_all(head.as_bytes()).map_err(failed)?;
    stream.write_all(content.as_bytes()).map_err(failed)?;
    let (head, body) = answer(&mut stream).map_err(failed)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("{method} {path}: no HTTP in {head:?}"))?;
    let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
    Ok((status, body.map_err(|error| format!("{method} {path}: {error}"))?))
}

/// Head and body. Who keeps the connection open all the same has told the length.
fn answer(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if length.is_some_and(|length: usize| bytes.len() >= end + 4 + length) {
                return Ok((head, bytes.split_off(end + 4)));
            }
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            let body = end.map(|end| bytes.split_off(end + 4)).unwrap_or_default();
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), body));
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}
