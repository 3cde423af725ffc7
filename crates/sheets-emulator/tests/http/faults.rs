//! Each fault, as a client meets it and as the spreadsheet is afterwards.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use sheets_emulator::http::{Fault, FaultFilter, FaultKind};

use super::{BATCH, DEADLINE, World, add_tab};

async fn struck(kind: FaultKind) -> (World, Option<super::Reply>) {
    let world = World::new().await;
    world.emulator.faults().arm(Fault::once(kind, FaultFilter::BatchUpdate));
    let reply = world.add_tab("New").await;
    (world, reply)
}

#[tokio::test]
async fn a_lost_request_changes_nothing() {
    let (world, reply) = struck(FaultKind::RequestLost).await;
    assert!(reply.is_none());
    assert_eq!(world.tabs(), ["Sheet1"]);
    let call = world.emulator.log().call(1).unwrap();
    assert!(call.received && !call.applied && !call.answered);
    assert_eq!((call.fault, call.requests), (Some("request_lost"), vec!["addSheet".to_owned()]));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_batch_applied() {
    let (world, reply) = struck(FaultKind::AnswerLost).await;
    assert!(reply.is_none());
    assert_eq!(world.tabs(), ["Sheet1", "New"]);
    let call = world.emulator.log().call(1).unwrap();
    assert!(call.applied && !call.answered && call.status.is_none());
    let (status, said) = world.add_tab("New").await.unwrap().error();
    assert_eq!(status, 400, "{said}");
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_leaves_the_batch_applied() {
    let (world, reply) = struck(FaultKind::TruncatedBody).await;
    assert!(reply.is_none(), "{reply:?}");
    assert_eq!(world.tabs(), ["Sheet1", "New"]);
    let call = world.emulator.log().call(1).unwrap();
    assert_eq!((call.status, call.answered), (Some(200), false));
}

#[tokio::test]
async fn refusals_come_in_googles_words_and_apply_only_when_told_to() {
    for (kind, status, applied) in [
        (FaultKind::Throttled, 429, false),
        (FaultKind::Unauthenticated, 401, false),
        (FaultKind::Internal { applied: false }, 500, false),
        (FaultKind::Internal { applied: true }, 500, true),
        (FaultKind::Unavailable { applied: false }, 503, false),
        (FaultKind::Unavailable { applied: true }, 503, true),
    ] {
        let (world, reply) = struck(kind.clone()).await;
        let (got, said) = reply.unwrap().error();
        assert_eq!(got, status, "{kind:?}");
        assert!(!said.is_empty());
        assert_eq!(world.tabs().len() == 2, applied, "{kind:?}");
        assert_eq!(world.emulator.log().call(1).unwrap().applied, applied);
        // Once only.
        let again = world.add_tab("Other").await.unwrap();
        assert_eq!(again.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_late_batch_is_checked_against_the_spreadsheet_as_it_is_then() {
    let late = FaultKind::AppliedLate { after_ms: None, unavailable: true };
    let (world, reply) = struck(late.clone()).await;
    assert_eq!(reply.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.tabs(), ["Sheet1"]);
    // The client tries again and wins; the late one then finds the name taken.
    assert_eq!(world.add_tab("New").await.unwrap().status, StatusCode::OK);
    assert_eq!(world.emulator.faults().held(), [1]);
    assert!(world.emulator.faults().release(1));
    let log = world.emulator.log();
    let call =
        log.wait_for(DEADLINE, |call| call.ordinal == 1 && !call.held && call.error.is_some());
    let call = call.await.unwrap();
    assert!(!call.applied);
    assert!(call.error.unwrap().contains("already exists"));
    assert_eq!(world.tabs(), ["Sheet1", "New"]);

    // Nobody tried again: it applies.
    world.emulator.faults().arm(Fault::once(late, FaultFilter::Writes));
    world.add_tab("Later").await;
    world.emulator.faults().release_all();
    log.wait_for(DEADLINE, |call| call.ordinal == 3 && call.applied).await.unwrap();
    assert_eq!(world.tabs(), ["Sheet1", "New", "Later"]);
}

#[tokio::test]
async fn a_late_batch_comes_by_the_emulators_clock_too() {
    let late = FaultKind::AppliedLate { after_ms: Some(180_000), unavailable: false };
    let (world, reply) = struck(late).await;
    assert!(reply.is_none());
    let log = world.emulator.log();
    log.wait_for(DEADLINE, |call| call.held).await.unwrap();
    world.emulator.clock().advance(Duration::from_secs(100));
    assert_eq!(world.tabs(), ["Sheet1"]);
    world.emulator.clock().advance(Duration::from_secs(81));
    log.wait_for(DEADLINE, |call| call.applied).await.unwrap();
    assert_eq!(world.tabs(), ["Sheet1", "New"]);
}

/// Sends the batch on a task of its own and waits until the emulator holds it.
async fn stalled(kind: FaultKind) -> (std::sync::Arc<World>, tokio::task::JoinHandle<Option<u16>>) {
    let world = std::sync::Arc::new(World::new().await);
    world.emulator.faults().arm(Fault::once(kind, FaultFilter::BatchUpdate));
    let client = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.add_tab("New").await.map(|reply| reply.status.as_u16()) }
    });
    world.emulator.log().wait_for(DEADLINE, |call| call.held).await.unwrap();
    (world, client)
}

#[tokio::test]
async fn a_stall_before_the_work_ends_when_released() {
    let (world, client) = stalled(FaultKind::StallBefore { for_ms: None }).await;
    assert_eq!(world.tabs(), ["Sheet1"]);
    assert!(world.emulator.faults().release(1));
    assert_eq!(client.await.unwrap(), Some(200));
    assert_eq!(world.tabs(), ["Sheet1", "New"]);
    assert!(!world.emulator.faults().release(1));
}

#[tokio::test]
async fn a_stall_after_the_work_shows_the_work_at_once() {
    let (world, client) = stalled(FaultKind::StallAfter { for_ms: Some(60_000) }).await;
    assert_eq!(world.tabs(), ["Sheet1", "New"]);
    assert!(!client.is_finished());
    world.emulator.clock().advance(Duration::from_secs(61));
    assert_eq!(client.await.unwrap(), Some(200));
}

#[tokio::test]
async fn a_client_that_goes_away_in_a_stall_does_not_stop_the_batch() {
    let (world, client) = stalled(FaultKind::StallBefore { for_ms: None }).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    world.emulator.faults().release_all();
    let call = world.emulator.log().wait_for(DEADLINE, |call| call.applied).await.unwrap();
    assert_eq!(call.ordinal, 1);
    assert_eq!(world.tabs(), ["Sheet1", "New"]);
}

#[tokio::test]
async fn a_slow_answer_comes_when_its_time_has_come() {
    let world = std::sync::Arc::new(World::new().await);
    let slow = FaultKind::Slow { for_ms: 600_000 };
    world.emulator.faults().arm(Fault::once(slow, FaultFilter::Reads));
    let client = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.get("/v4/spreadsheets/s").await.status }
    });
    world.emulator.log().wait_for(DEADLINE, |call| call.applied).await.unwrap();
    assert!(!client.is_finished());
    world.emulator.clock().advance(Duration::from_secs(601));
    assert_eq!(client.await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn filters_keep_a_fault_to_its_calls_and_its_spreadsheet() {
    let world = World::new().await;
    world.emulator.add_spreadsheet("other", "Other").unwrap();
    let fault = Fault {
        spreadsheet: Some("other".to_owned()),
        ..Fault::always(FaultKind::Unavailable { applied: false }, FaultFilter::Writes)
    };
    let number = world.emulator.faults().arm(fault);
    let other = "/v4/spreadsheets/other:batchUpdate";
    assert_eq!(world.post(BATCH, &add_tab("A")).await.status, StatusCode::OK);
    assert_eq!(world.get("/v4/spreadsheets/other").await.status, StatusCode::OK);
    assert_eq!(world.post(other, &add_tab("A")).await.status.as_u16(), 503);
    assert_eq!(world.post(other, &add_tab("A")).await.status.as_u16(), 503);
    world.emulator.faults().disarm(number);
    assert_eq!(world.post(other, &add_tab("A")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn faults_are_switched_over_http_too() {
    let world = World::new().await;
    let armed = world
        .post(
            "/emulator/faults",
            &json!({"fault": "stall_before", "filter": "batch_update", "times": 1}),
        )
        .await;
    assert_eq!(armed.json(), json!({"number": 1}));
    let unknown = world.post("/emulator/faults", &json!({"fault": "gremlins"})).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    for (wrong, name) in [
        (json!({"fault": "answer_lost", "timess": 1}), "timess"),
        (json!({"fault": "throttled", "after_ms": 5}), "after_ms"),
        (json!({"fault": "applied_late", "for_ms": 5}), "for_ms"),
        (json!({"fault": "throttled", "probability": 7}), "probability"),
    ] {
        let reply = world.post("/emulator/faults", &wrong).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(reply.json()["error"].as_str().unwrap().contains(name), "{}", reply.text);
    }
    let misspelt = world.post("/emulator/faults", &json!({"fault": "slow", "for_msec": 1})).await;
    assert_eq!(misspelt.status, StatusCode::BAD_REQUEST);
    let (reply, ()) = tokio::join!(world.add_tab("New"), async {
        world.emulator.log().wait_for(DEADLINE, |call| call.held).await.unwrap();
        assert_eq!(world.get("/emulator/faults").await.json()["held"], json!([1]));
        let released = world.post("/emulator/faults/release", &json!({"ordinal": 1})).await;
        assert_eq!(released.status, StatusCode::OK);
    });
    assert_eq!(reply.unwrap().status, StatusCode::OK);
    let none = world.post("/emulator/faults/release", &json!({"ordinal": 1})).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_are_taken_away_without_a_body_and_without_its_kind() {
    let world = World::new().await;
    let fault = || Fault::always(FaultKind::Throttled, FaultFilter::Api);
    let (first, second) =
        (world.emulator.faults().arm(fault()), world.emulator.faults().arm(fault()));
    let delete = async |path: &str| {
        let mut request = world.request(Method::DELETE, path, "");
        request.headers_mut().remove("content-type");
        world.send(request).await.unwrap()
    };
    let misspelt = delete(&format!("/emulator/faults?numbr={first}")).await;
    assert_eq!(misspelt.status, StatusCode::BAD_REQUEST, "it would take all of them away");
    assert_eq!(world.emulator.faults().armed().len(), 2);
    let one = delete(&format!("/emulator/faults?number={first}")).await;
    assert_eq!(one.status, StatusCode::OK, "{}", one.text);
    let left: Vec<u64> =
        world.emulator.faults().armed().iter().map(|(number, _)| *number).collect();
    assert_eq!(left, [second]);
    assert_eq!(delete("/emulator/faults").await.status, StatusCode::OK);
    assert!(world.emulator.faults().armed().is_empty());
}
