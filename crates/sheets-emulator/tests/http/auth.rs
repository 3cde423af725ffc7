//! Tokens, scopes and shares.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use sheets_emulator::http::{Emulator, Fault, FaultFilter, FaultKind, Options, Role};

use super::{BATCH, SPREADSHEETS, World, add_tab};

const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

fn base64url(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let digit = (bits >> (18 - 6 * place)) & 63;
            out.push(char::from(LETTERS[usize::try_from(digit).unwrap()]));
        }
    }
    out
}

fn jwt(claims: &Value) -> String {
    let head = base64url(&json!({"alg": "RS256", "typ": "JWT"}).to_string());
    format!("{head}.{}.{}", base64url(&claims.to_string()), base64url("signature"))
}

fn claims() -> Value {
    json!({
        "iss": "a@example.org", "aud": "http://here/token", "scope": SPREADSHEETS,
        "iat": 1_700_000_000, "exp": 1_700_003_595,
    })
}

async fn exchange(world: &World, form: String) -> (u16, Value) {
    let request = Request::post(world.emulator.token_uri())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let reply = world.send(request).await.unwrap();
    (reply.status.as_u16(), reply.json())
}

#[tokio::test]
async fn a_signed_claim_is_exchanged_for_a_token_that_dies_by_the_emulators_clock() {
    let mut world = World::new().await;
    let form = format!("grant_type={GRANT}&assertion={}", jwt(&claims()));
    let (status, answer) = exchange(&world, form).await;
    assert_eq!(
        (status, &answer["token_type"], &answer["expires_in"]),
        (200, &json!("Bearer"), &json!(3599))
    );
    world.token = Some(answer["access_token"].as_str().unwrap().to_owned());
    let list = "/v4/spreadsheets/unknown";
    assert_eq!(world.get(list).await.error().0, 404);
    world.emulator.clock().advance(Duration::from_secs(3598));
    assert_eq!(world.get(list).await.error().0, 404);
    world.emulator.clock().advance(Duration::from_secs(2));
    let (status, said) = world.get(list).await.error();
    assert_eq!(status, 401);
    assert!(said.starts_with("Request had invalid authentication credentials."), "{said}");
    let call = world.emulator.log().call(1).unwrap();
    assert_eq!((call.name, call.account.as_deref()), ("token", Some("a@example.org")));
}

#[tokio::test]
async fn a_claim_that_cannot_be_used_is_refused_in_the_words_of_oauth() {
    let accounts = vec!["b@example.org".to_owned()];
    let world = World::with(Options { service_accounts: accounts, ..Options::default() }).await;
    let known = || {
        let mut claims = claims();
        claims["iss"] = json!("b@example.org");
        claims
    };
    let form = |claims: &Value| format!("grant_type={GRANT}&assertion={}", jwt(claims));
    let (mut bare, mut long) = (known(), known());
    bare["scope"] = json!("");
    long["exp"] = json!(1_700_009_999);
    for (form, wanted) in [
        (form(&claims()), "invalid_grant"),
        (form(&bare), "invalid_scope"),
        (form(&long), "invalid_grant"),
        (format!("grant_type={GRANT}&assertion=rubbish"), "invalid_grant"),
        (format!("grant_type=password&assertion={}", jwt(&known())), "unsupported_grant_type"),
    ] {
        let (status, answer) = exchange(&world, form).await;
        assert_eq!((status, answer["error"].as_str().unwrap()), (400, wanted));
        assert!(!answer["error_description"].as_str().unwrap().is_empty());
    }
    assert_eq!(exchange(&world, form(&known())).await.0, 200);
}

#[tokio::test]
async fn without_a_token_a_get_is_forbidden_and_a_post_unauthenticated() {
    let mut world = World::new().await;
    world.token = None;
    let reply = world.get("/v4/spreadsheets/s").await;
    assert_eq!(reply.json()["error"]["status"], "PERMISSION_DENIED");
    assert!(reply.error().1.starts_with("Method doesn't allow unregistered callers"));
    let reply = world.post(BATCH, &add_tab("X")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.json()["error"]["status"], "UNAUTHENTICATED");
    assert!(reply.error().1.starts_with("Request is missing required authentication credential."));
    world.token = Some("made-up".to_owned());
    assert_eq!(world.get("/v4/spreadsheets/s").await.status, StatusCode::UNAUTHORIZED);
    world.token = Some(world.emulator.issue_token("a@example.org", SPREADSHEETS));
    assert_eq!(world.get("/v4/spreadsheets/s").await.status, StatusCode::OK);
    world.emulator.revoke_tokens();
    assert_eq!(world.get("/v4/spreadsheets/s").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_scope_decides_what_a_token_is_good_for() {
    let mut world = World::new().await;
    let account = "a@example.org";
    let scope = |name: &str| format!("https://www.googleapis.com/auth/{name}");
    for (name, read, write) in [
        ("userinfo.email", 403, 403),
        ("spreadsheets.readonly", 200, 403),
        ("drive", 200, 200),
        ("spreadsheets", 200, 200),
    ] {
        world.token = Some(world.emulator.issue_token(account, &scope(name)));
        assert_eq!(world.get("/v4/spreadsheets/s").await.status.as_u16(), read, "{name}");
        let reply = world.post(BATCH, &add_tab(name)).await;
        assert_eq!(reply.status.as_u16(), write, "{name}: {}", reply.text);
        if write == 403 {
            assert_eq!(reply.error().1, "Request had insufficient authentication scopes.");
        }
    }
}

#[tokio::test]
async fn a_spreadsheet_is_seen_by_those_it_is_shared_with_only() {
    let mut world = World::new().await;
    world.emulator.share("s", "writer@example.org", Role::Writer).unwrap();
    world.emulator.share("s", "reader@example.org", Role::Reader).unwrap();
    for (account, read, write) in [
        ("writer@example.org", 200, 200),
        ("reader@example.org", 200, 403),
        ("a@example.org", 403, 403),
    ] {
        world.token = Some(world.emulator.issue_token(account, SPREADSHEETS));
        let reply = world.get("/v4/spreadsheets/s").await;
        assert_eq!(reply.status.as_u16(), read, "{account}");
        let reply = world.post(BATCH, &add_tab(account)).await;
        assert_eq!(reply.status.as_u16(), write, "{account}");
        if write == 403 {
            assert_eq!(reply.error().1, "The caller does not have permission");
            assert_eq!(reply.json()["error"]["status"], "PERMISSION_DENIED");
        }
    }
    world.emulator.unshare("s", "reader@example.org").unwrap();
    world.token = Some(world.emulator.issue_token("reader@example.org", SPREADSHEETS));
    assert_eq!(world.get("/v4/spreadsheets/s").await.status.as_u16(), 403);
    let missing = world.get("/v4/spreadsheets/other").await;
    assert_eq!(missing.error(), (404, "Requested entity was not found.".to_owned()));
}

#[tokio::test]
async fn a_key_file_is_private_and_points_here() {
    let world = World::new().await;
    let path = std::env::temp_dir().join(format!("sheets-emulator-{}.json", std::process::id()));
    world.emulator.write_service_account(&path, "robot@example.org").unwrap();
    // A second time: an existing file is replaced, not refused.
    world.emulator.write_service_account(&path, "robot@example.org").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::remove_file(&path).unwrap();
    let account: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(account["type"], "service_account");
    assert_eq!(account["client_email"], "robot@example.org");
    assert_eq!(account["token_uri"], world.emulator.token_uri());
    let key = account["private_key"].as_str().unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

#[tokio::test]
async fn a_token_in_the_query_is_taken_and_never_logged() {
    let mut world = World::new().await;
    let token = world.token.take().unwrap();
    let path = format!("/v4/spreadsheets/s?access_token={token}");
    let reply = world.send(world.request(Method::GET, &path, "")).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!format!("{:?}", world.emulator.log().calls()).contains(&token));
}

#[tokio::test]
async fn the_token_endpoint_has_its_own_weather() {
    let world = World::new().await;
    let fault = Fault::once(FaultKind::Unavailable { applied: false }, FaultFilter::Token);
    world.emulator.faults().arm(fault);
    assert_eq!(world.get("/v4/spreadsheets/s").await.status, StatusCode::OK);
    let form = || format!("grant_type={GRANT}&assertion={}", jwt(&claims()));
    assert_eq!(exchange(&world, form()).await.0, 503);
    assert_eq!(exchange(&world, form()).await.0, 200);
}

#[tokio::test]
async fn a_stopped_emulator_frees_its_port_and_a_senseless_clock_is_refused() {
    let world = World::new().await;
    let address = world.emulator.address();
    world.emulator.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    for clock_rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = Emulator::start(Options { clock_rate, ..Options::default() }).await;
        assert!(refused.unwrap_err().to_string().contains("clock rate"));
    }
    let taken = World::new().await;
    let listen = taken.emulator.address();
    let refused = Emulator::start(Options { listen, ..Options::default() }).await.unwrap_err();
    assert!(refused.to_string().contains("choose another address"));
}
