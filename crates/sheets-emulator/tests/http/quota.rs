//! The quotas as a client meets them.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use sheets_emulator::http::{Options, QuotaLimits, QuotaWindow};

use super::{BATCH, SPREADSHEETS, World};

/// A write that is counted and changes nothing: refused for its emptiness after the quota.
async fn write(world: &World) -> StatusCode {
    world.post(BATCH, &json!({"requests": []})).await.status
}

/// A world whose time all but stands still, so that a slow machine cannot refill a quota.
async fn still() -> World {
    World::with(Options { clock_rate: 0.001, ..Options::default() }).await
}

async fn writes_until_refused(world: &World) -> usize {
    for done in 0..400 {
        if write(world).await == StatusCode::TOO_MANY_REQUESTS {
            return done;
        }
    }
    panic!("no write was refused");
}

#[tokio::test]
async fn the_sixty_first_write_of_a_minute_is_refused_until_the_next_one() {
    let world = still().await;
    assert_eq!(writes_until_refused(&world).await, 60);
    let reply = world.post(BATCH, &json!({"requests": []})).await;
    assert!(reply.headers.get("retry-after").is_none());
    let error = &reply.json()["error"];
    assert_eq!((&error["code"], &error["status"]), (&json!(429), &json!("RESOURCE_EXHAUSTED")));
    let info = &error["details"][0];
    assert_eq!(info["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
    assert_eq!(info["reason"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(info["metadata"]["quota_limit"], "WriteRequestsPerMinutePerUser");
    assert_eq!(info["metadata"]["quota_limit_value"], "60");
    assert_eq!(error["details"][1]["@type"], "type.googleapis.com/google.rpc.Help");
    // Reads have their own sixty.
    assert_eq!(world.get("/v4/spreadsheets/s").await.status, StatusCode::OK);
    world.emulator.clock().advance(Duration::from_mins(1));
    assert_eq!(write(&world).await, StatusCode::BAD_REQUEST);
    let used = world.emulator.quota_use();
    assert_eq!((used.writes, used.writes_refused, used.reads), (61, 2, 1));
}

#[tokio::test]
async fn all_accounts_together_share_the_project() {
    let mut world = still().await;
    for user in 0..5 {
        let account = format!("user{user}@example.org");
        world.token = Some(world.emulator.issue_token(&account, SPREADSHEETS));
        assert_eq!(writes_until_refused(&world).await, 60, "{account}");
    }
    world.token = Some(world.emulator.issue_token("sixth@example.org", SPREADSHEETS));
    let reply = world.post(BATCH, &json!({"requests": []})).await;
    let metadata = reply.json()["error"]["details"][0]["metadata"].clone();
    assert_eq!(metadata["quota_limit"], "WriteRequestsPerMinutePerProject");
    assert_eq!(metadata["quota_limit_value"], "300");
}

#[tokio::test]
async fn a_sliding_minute_forgets_call_by_call() {
    let world = still().await;
    let window = QuotaWindow::Sliding;
    world.emulator.set_quota(Some(QuotaLimits { window, ..QuotaLimits::default() }));
    assert_eq!(writes_until_refused(&world).await, 60);
    world.emulator.clock().advance(Duration::from_secs(50));
    assert_eq!(write(&world).await, StatusCode::TOO_MANY_REQUESTS);
    world.emulator.clock().advance(Duration::from_secs(10));
    assert_eq!(write(&world).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn switched_off_nothing_is_refused() {
    let world = still().await;
    world.emulator.set_quota(None);
    for _ in 0..100 {
        assert_eq!(write(&world).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(world.emulator.quota_use().writes, 100);
}
