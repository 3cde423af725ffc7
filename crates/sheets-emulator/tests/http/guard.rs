//! The doors without a token, as a page of another site would try them.

use axum::http::{HeaderName, Method, StatusCode};
use serde_json::json;
use sheets_emulator::http::Options;

use super::World;

async fn status(world: &World, method: Method, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    let body =
        if method == Method::POST { json!({"advance_ms": 0}).to_string() } else { String::new() };
    let mut request = world.request(method, path, body);
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    world.send(request).await.unwrap().status
}

#[tokio::test]
async fn a_foreign_host_name_opens_no_door() {
    let world = World::new().await;
    for path in ["/", "/web/main.js", "/emulator/log", "/emulator/events", "/emulator/spreadsheets"]
    {
        let foreign = [("host", "rebound.example:80")];
        assert_eq!(
            status(&world, Method::GET, path, &foreign).await,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    let local = [("host", "localhost:1234")];
    assert_eq!(status(&world, Method::GET, "/emulator/log", &local).await, StatusCode::OK);
    // The API has its tokens and may be called by any name.
    let foreign = [("host", "emulator.internal")];
    assert_eq!(status(&world, Method::GET, "/v4/spreadsheets/s", &foreign).await, StatusCode::OK);
}

#[tokio::test]
async fn another_sites_page_may_neither_act_nor_look() {
    let world = World::new().await;
    let own = world.emulator.url();
    let clock = "/emulator/clock";
    let post = Method::POST;
    for (headers, wanted) in [
        (vec![("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        (vec![("origin", "null")], StatusCode::FORBIDDEN),
        (vec![("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (vec![("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
        (vec![("content-type", "text/plain")], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")], StatusCode::OK),
        (vec![("content-type", "application/json; charset=utf-8")], StatusCode::OK),
    ] {
        assert_eq!(status(&world, post.clone(), clock, &headers).await, wanted, "{headers:?}");
    }
    let spying = [("sec-fetch-site", "cross-site")];
    assert_eq!(status(&world, Method::GET, "/emulator/log", &spying).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_page_allows_itself_nothing_from_outside() {
    let world = World::new().await;
    let reply = world.get("/").await;
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for file in ["main.js", "state.js", "grid.js", "hands.js", "calls.js", "grid.css"] {
        let reply = world.get(&format!("/web/{file}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{file}");
        assert!(!reply.text.contains("innerHTML") && !reply.text.contains("://"), "{file}");
    }
    assert_eq!(world.get("/web/other.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn on_every_interface_it_names_itself_as_this_machine_does() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let world = World::with(Options { listen, ..Options::default() }).await;
    let wanted = format!("http://127.0.0.1:{}", world.emulator.address().port());
    assert_eq!(world.emulator.url(), wanted);
    assert_eq!(world.emulator.token_uri(), format!("{wanted}/token"));
    assert_eq!(world.get("/emulator/log").await.status, StatusCode::OK);
}
