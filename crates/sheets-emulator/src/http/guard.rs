//! Keeps the doors without a token to people and programs on this machine.
//!
//! A page of another site can make a browser on this machine send requests here; the host name, the
//! origin and the content type give such requests away.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::state::State;

/// Where a request came from; put on every request by the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Lets a request pass to the doors without a token, or refuses it with a sentence.
pub(crate) async fn loopback_only(
    Extract(state): Extract<State>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match check(&request, &state.options.trusted_peers) {
        Ok(()) => next.run(request).await,
        Err((status, sentence)) => {
            (status, axum::Json(json!({ "error": sentence }))).into_response()
        }
    }
}

fn check(request: &Request<Body>, trusted: &[IpAddr]) -> Result<(), (StatusCode, &'static str)> {
    let headers = request.headers();
    let from_here = request.extensions().get::<Peer>().is_some_and(|peer| {
        let address = peer.0.ip().to_canonical();
        is_here(address) || trusted.contains(&address)
    });
    if !from_here {
        return Err((StatusCode::FORBIDDEN, "this door is open to this machine only"));
    }
    if !header(headers, HOST).is_some_and(names_here) {
        return Err((
            StatusCode::FORBIDDEN,
            "the Host header must name this machine: localhost or 127.0.0.1",
        ));
    }
    if header(headers, ORIGIN).is_some_and(|origin| !same_origin(origin, header(headers, HOST)))
        || matches!(header(headers, "sec-fetch-site"), Some("cross-site" | "same-site"))
    {
        return Err((StatusCode::FORBIDDEN, "pages of other sites may not come in here"));
    }
    // No form of another site sends a DELETE, so that one needs no body and no kind of it.
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE);
    let json = header(headers, CONTENT_TYPE)
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if changes && !json {
        return Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the header content-type: application/json",
        ));
    }
    Ok(())
}

fn header(headers: &HeaderMap, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a Host header names this machine itself, whatever the port.
fn names_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(is_here)
}

fn same_origin(origin: &str, host: Option<&str>) -> bool {
    origin.strip_prefix("http://").is_some_and(|origin| Some(origin) == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_elsewhere_and_a_request_without_a_peer_are_refused() {
        let from = |peer: Option<&str>| {
            let mut request =
                Request::get("/").header(HOST, "localhost").body(Body::empty()).unwrap();
            if let Some(peer) = peer {
                request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            }
            check(&request, &[]).is_ok()
        };
        assert!(from(Some("127.0.0.1:5")) && from(Some("[::1]:5")));
        assert!(from(Some("[::ffff:127.0.0.1]:5")));
        assert!(!from(Some("192.168.0.7:5")) && !from(Some("[2001:db8::1]:5")) && !from(None));
    }

    #[test]
    fn a_trusted_peer_is_let_in_under_a_name_of_this_machine_and_nobody_else_is() {
        let gateway: IpAddr = "172.28.0.1".parse().unwrap();
        let passes = |peer: &str, host: &str, trusted: &[IpAddr]| {
            let mut request = Request::get("/").header(HOST, host).body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            check(&request, trusted).is_ok()
        };
        assert!(passes("172.28.0.1:40000", "127.0.0.1:8090", &[gateway]));
        assert!(passes("[::ffff:172.28.0.1]:40000", "localhost:8090", &[gateway]));
        assert!(passes("127.0.0.1:40000", "localhost:8090", &[gateway]));
        assert!(!passes("172.28.0.1:40000", "127.0.0.1:8090", &[]));
        assert!(!passes("172.28.0.2:40000", "127.0.0.1:8090", &[gateway]));
        assert!(!passes("172.28.0.1:40000", "evil.example:8090", &[gateway]));
    }

    #[test]
    fn only_names_of_this_machine_pass() {
        for good in ["localhost", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9", "[::1]:8080", "[::1]"]
        {
            assert!(names_here(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example:80", "10.0.0.1", "127.0.0.1.nip.io", ""]
        {
            assert!(!names_here(bad), "{bad}");
        }
        assert!(same_origin("http://localhost:1", Some("localhost:1")));
        assert!(!same_origin("http://localhost:2", Some("localhost:1")));
        assert!(!same_origin("null", Some("localhost:1")));
    }
}
