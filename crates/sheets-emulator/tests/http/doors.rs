//! The doors for people: acts, tabs, cells, events, log and clock.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use sheets_emulator::model::HumanAct;

use super::{DEADLINE, World};

const HUMAN: &str = "/emulator/spreadsheets/s/human";
const GRID: &str = "/emulator/spreadsheets/s/grid?tab=Sheet1";

#[tokio::test]
async fn a_person_types_and_the_grid_shows_value_kind_and_formula() {
    let world = World::new().await;
    let rows = json!([["name", "count"], ["0042x", "12"], ["yes", "TRUE"]]);
    let paste = json!({"act": "paste", "tab": "Sheet1", "at": "A1", "rows": rows});
    let reply = world.post(HUMAN, &paste).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let sum = json!({"act": "type", "tab": "Sheet1", "cell": "C2", "text": "=B2*2"});
    assert_eq!(world.post(HUMAN, &sum).await.status, StatusCode::OK);
    let seen = world.get(GRID).await.json();
    assert_eq!(seen["rows"][0][0], json!({"v": "name", "t": "s", "fmt": "name"}), "{seen}");
    assert_eq!(seen["rows"][1][1]["v"], 12);
    assert_eq!(seen["rows"][1][1]["t"], "n");
    assert_eq!(seen["rows"][1][2]["f"], "=B2*2");
    assert_eq!(seen["rows"][1][2]["v"], 24);
    assert_eq!(seen["rows"][2][1], json!({"v": true, "t": "b", "fmt": "TRUE"}));
    assert_eq!((&seen["rowCount"], &seen["columnCount"]), (&json!(1000), &json!(26)));
    let part = world.get(&format!("{GRID}&from=1&rows=1")).await.json();
    assert_eq!(part["rows"].as_array().unwrap().len(), 1);
    assert_eq!(part["rows"][0][0]["v"], "0042x");
    let past = world.get(&format!("{GRID}&from=5000&rows=10")).await;
    assert_eq!(past.json()["rows"], json!([]));
    let missing = world.get("/emulator/spreadsheets/s/grid?tab=None").await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_act_the_grid_refuses_is_told_in_a_sentence() {
    let world = World::new().await;
    let act = json!({"act": "type", "tab": "Nowhere", "cell": "A1", "text": "x"});
    let reply = world.post(HUMAN, &act).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.json()["error"].as_str().unwrap().len() > 10);
    assert_eq!(world.post(HUMAN, &json!({"act": "fly"})).await.status, StatusCode::BAD_REQUEST);
    let elsewhere = world.post("/emulator/spreadsheets/none/human", &json!({"act": "undo"})).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    let same = HumanAct::RenameTab { tab: "Nowhere".into(), to: "X".into() };
    assert!(world.emulator.human("s", &same).is_err());
}

#[tokio::test]
async fn the_list_shows_new_spreadsheets_and_refuses_a_taken_id() {
    let world = World::new().await;
    let wanted = json!({"id": "two", "title": "Second"});
    assert_eq!(world.post("/emulator/spreadsheets", &wanted).await.status, StatusCode::OK);
    assert_eq!(world.post("/emulator/spreadsheets", &wanted).await.status, StatusCode::CONFLICT);
    let list = world.get("/emulator/spreadsheets").await.json();
    assert_eq!(list["spreadsheets"][1]["id"], "two");
    let tabs = world.get("/emulator/spreadsheets/two/tabs").await.json();
    assert_eq!(tabs["tabs"][0]["title"], "Sheet1");
    assert_eq!(tabs["tabs"][0]["rows"], 1000);
}

#[tokio::test]
async fn the_event_stream_tells_of_every_change() {
    let world = World::new().await;
    let request = world.request(Method::GET, "/emulator/events", "");
    let response = world.client.request(request).await.unwrap();
    let mut events = Body::new(response.into_body()).into_data_stream();
    let mut next = async || {
        let frame = futures_util::StreamExt::next(&mut events);
        let bytes = tokio::time::timeout(DEADLINE, frame).await.unwrap().unwrap().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let first = next().await;
    assert!(
        first.contains("event: revisions") && first.contains(r#"{"revisions":{"s":"#),
        "{first}"
    );
    let before = world.emulator.spreadsheet("s").unwrap().revision();
    let act = HumanAct::RenameTab { tab: "Sheet1".into(), to: "Renamed".into() };
    world.emulator.human("s", &act).unwrap();
    let second = next().await;
    let after = world.emulator.spreadsheet("s").unwrap().revision();
    assert!(after > before);
    assert!(second.contains(&format!(r#"{{"s":{after}}}"#)), "{second}");
    assert!(world.emulator.wait_until("s", DEADLINE, |book| book.revision() == after).await);
}

#[tokio::test]
async fn the_log_and_the_clock_are_read_over_http() {
    let world = World::new().await;
    world.get("/v4/spreadsheets/s").await;
    world.get("/v4/spreadsheets/none").await;
    let log = world.get("/emulator/log?after=1").await.json();
    assert_eq!(log["count"], 2);
    let call = &log["calls"][0];
    assert_eq!(
        (&call["ordinal"], &call["kind"], &call["status"]),
        (&json!(2), &json!("read"), &json!(404))
    );
    let before = world.get("/emulator/clock").await.json()["now_ms"].as_u64().unwrap();
    let moved = world.post("/emulator/clock", &json!({"advance_ms": 90_000})).await.json();
    assert!(moved["now_ms"].as_u64().unwrap() >= before + 90_000);
    let off = world.post("/emulator/quota", &json!({"limits": null})).await.json();
    assert_eq!(off["limits"], json!(null));
    assert_eq!(off["used"]["reads"], 2);
}
