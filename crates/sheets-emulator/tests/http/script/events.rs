//! What people do, as the webhook hears of it.

use axum::http::StatusCode;
use serde_json::json;
use sheets_emulator::script::{FiringSwitch, NextFiring, Outcome, ScriptState};

use super::{SCRIPT, Stage, runs, told};

#[tokio::test]
async fn an_edit_is_told_once_with_its_range_and_never_with_its_value() {
    let stage = Stage::new().await;
    stage.type_into("B2", "unmistakable").await;
    stage.bells().await;
    let rows = json!([["unmistakable", "=B2&\"!\""], ["2", "3"]]);
    stage.act(json!({"act": "paste", "tab": "Sheet1", "at": "A3", "rows": rows})).await;
    stage.bells().await;
    stage.act(json!({"act": "clear", "tab": "Sheet1", "range": "A3:B4"})).await;
    assert_eq!(told(&stage.bells().await), ["edit B2", "edit A3:B4", "edit A3:B4"]);
    for ring in stage.webhook.rings() {
        assert!(!ring.body.to_string().contains("unmistakable"), "{}", ring.body);
        assert_eq!(ring.body["user"], "person@example.org");
        assert_eq!((&ring.body["tab"], &ring.body["sheet"]), (&json!("Sheet1"), &json!(0)));
        assert_eq!(ring.body["verb"], "ring");
    }
    // The change event of each edit has nothing to add: it ran, and told nobody.
    let state = stage.state();
    assert_eq!(runs(&state, "tellChange", Outcome::Done), 3);
    assert_eq!(runs(&state, "tellEdit", Outcome::Done), 3);
}

#[tokio::test]
async fn a_change_of_structure_is_told_by_its_kind_and_a_format_not_at_all() {
    let stage = Stage::new().await;
    stage.type_into("A2", "x").await;
    stage.bells().await;
    for act in [
        json!({"act": "insert_rows", "tab": "Sheet1", "at": 2, "count": 1}),
        json!({"act": "delete_rows", "tab": "Sheet1", "at": 2, "count": 1}),
        json!({"act": "insert_columns", "tab": "Sheet1", "at": "A", "count": 1}),
        json!({"act": "delete_columns", "tab": "Sheet1", "at": "A", "count": 1}),
        json!({"act": "format", "tab": "Sheet1", "range": "A2", "kind": "TEXT"}),
        json!({"act": "add_tab", "title": "New"}),
        json!({"act": "rename_tab", "tab": "New", "to": "Newer"}),
        json!({"act": "delete_tab", "tab": "Newer"}),
        json!({"act": "move_rows", "tab": "Sheet1", "from": 2, "count": 1, "to": 5}),
        json!({"act": "note", "tab": "Sheet1", "cell": "A4", "text": "n"}),
        json!({"act": "filter", "tab": "Sheet1", "range": "A1:A9", "column": "A", "hide": ["x"]}),
        json!({"act": "sort", "tab": "Sheet1", "first_row": 1, "column": "A"}),
        json!({"act": "undo"}),
    ] {
        stage.act(act).await;
        // One at a time: a burst would be cut by the queue.
        stage.bells().await;
    }
    let wanted = [
        "edit A2",
        "INSERT_ROW -",
        "REMOVE_ROW -",
        "INSERT_COLUMN -",
        "REMOVE_COLUMN -",
        "INSERT_GRID -",
        "OTHER -",
        "REMOVE_GRID -",
        "edit A4:Z4",
        "OTHER -",
        "OTHER -",
        "OTHER -",
        "OTHER -",
    ];
    assert_eq!(told(&stage.bells().await), wanted);
    assert_eq!(stage.webhook.rings().len(), wanted.len());
}

#[tokio::test]
async fn what_programs_write_is_told_to_nobody() {
    let stage = Stage::new().await;
    let path = "/v4/spreadsheets/s/values/Sheet1!A1:B2?valueInputOption=USER_ENTERED";
    let written = stage.world.put(path, &json!({"values": [[1, 2], ["=A1", "x"]]})).await;
    assert_eq!(written.status, StatusCode::OK);
    stage.world.add_tab("By a program").await;
    let delete = json!({"requests": [{"deleteDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}}}]});
    assert_eq!(stage.world.post(super::super::BATCH, &delete).await.status, StatusCode::OK);
    stage.type_into("C3", "by hand").await;
    assert_eq!(told(&stage.bells().await), ["edit C3"]);
    assert_eq!(stage.state().runs.len(), 3, "setup, the edit and its change");
}

#[tokio::test]
async fn two_firings_wait_for_each_trigger_more_are_dropped_and_nobody_waits_for_the_webhook() {
    let stage = Stage::new().await;
    stage.webhook.hold(true);
    stage.type_into("A1", "1").await;
    stage.webhook.arrived(1).await;
    // One runs and hangs. Five more acts, and a call of a program, are done at once all the same.
    for row in 2..=6 {
        stage.type_into(&format!("A{row}"), "x").await;
    }
    let read = stage.world.get("/v4/spreadsheets/s/values/Sheet1!A1:A9").await;
    assert_eq!(read.json()["values"].as_array().unwrap().len(), 6);
    let state = stage.state();
    assert_eq!(runs(&state, "tellEdit", Outcome::Running), 1);
    assert_eq!(runs(&state, "tellEdit", Outcome::Waiting), 2);
    assert_eq!(runs(&state, "tellEdit", Outcome::Dropped), 3);
    assert_eq!(runs(&state, "tellChange", Outcome::Waiting), 2);
    assert_eq!(runs(&state, "tellChange", Outcome::Dropped), 4);
    stage.webhook.hold(false);
    assert_eq!(told(&stage.bells().await), ["edit A1", "edit A2", "edit A3"]);
    // There is room again.
    stage.type_into("A9", "x").await;
    assert_eq!(told(&stage.bells().await).pop().unwrap(), "edit A9");
    assert_eq!(runs(&stage.state(), "tellEdit", Outcome::Dropped), 3);
}

#[tokio::test]
async fn a_failed_ring_is_swallowed_and_not_repeated() {
    let stage = Stage::new().await;
    stage.webhook.answer(503, "busy");
    stage.type_into("A1", "1").await;
    let bells = stage.bells().await;
    assert_eq!((bells.len(), bells[0].status), (1, Some(503)));
    let state = stage.state();
    let run = state.runs.iter().find(|run| run.function == "tellEdit").unwrap();
    assert_eq!((run.outcome, run.error.as_deref()), (Outcome::Done, None), "nobody gets an e-mail");
    assert!(run.logs[0].starts_with("warn: Something other than sheetwire answered (503)"));
    stage.webhook.answer(200, &super::webhook::said(true, "heard"));
    stage.type_into("A2", "2").await;
    assert_eq!(told(&stage.bells().await), ["edit A1", "edit A2"]);
}

#[tokio::test]
async fn a_script_that_throws_in_a_trigger_is_left_at_that() {
    let stage = Stage::with(
        "function boom(e) { if (e.value === 'boom') throw new Error('no: ' + e.value); }
         function setup() { ScriptApp.newTrigger('boom').forSpreadsheet(SpreadsheetApp.getActive()).onEdit().create(); }",
    )
    .await;
    assert!(stage.run("setup").await.ok);
    stage.type_into("A1", "boom").await;
    stage.type_into("A2", "calm").await;
    let state =
        stage.until(|state| state.is_idle() && runs(state, "boom", Outcome::Done) == 1).await;
    let failed: Vec<_> = state.runs.iter().filter(|run| run.outcome == Outcome::Failed).collect();
    assert_eq!(failed.len(), 1, "{:?}", state.runs);
    let error = failed[0].error.as_deref().unwrap();
    assert!(error.starts_with("no: boom") && error.contains("Code.gs:1"), "{error}");
}

#[tokio::test]
async fn firings_can_be_switched_off_lost_and_doubled() {
    let stage = Stage::new().await;
    let firing = format!("{SCRIPT}/firing");
    let switch = async |body| {
        let reply = stage.world.post(&firing, &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply.json()
    };
    assert_eq!(switch(json!({"on": false})).await["on"], false);
    stage.type_into("A1", "off").await;
    switch(json!({"on": true, "next": "drop"})).await;
    stage.type_into("A2", "lost").await;
    stage.bells().await;
    switch(json!({"next": "double"})).await;
    stage.type_into("A3", "twice").await;
    stage.bells().await;
    stage.type_into("A4", "once").await;
    assert_eq!(told(&stage.bells().await), ["edit A3", "edit A3", "edit A4"]);
    let edits: Vec<_> = stage.webhook.rings().into_iter().map(|ring| ring.edit).collect();
    assert_ne!(edits[0], edits[1]);
    assert_eq!(runs(&stage.state(), "tellEdit", Outcome::Lost), 1);
    assert_eq!(
        stage.world.post(&firing, &json!({"of": true})).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn sort_can_be_told_with_its_range_or_not_at_all() {
    let stage = Stage::new().await;
    stage.act(json!({"act": "paste", "tab": "Sheet1", "at": "A1", "rows": [["2"], ["1"]]})).await;
    stage.bells().await;
    let sort = |descending: bool| json!({"act": "sort", "tab": "Sheet1", "first_row": 1, "column": "A", "descending": descending});
    let unsure = async |how: &str| {
        let reply = stage.world.post(&format!("{SCRIPT}/firing"), &json!({"unsure": how})).await;
        assert_eq!(reply.json()["unsure"], how);
    };
    unsure("silent").await;
    stage.act(sort(false)).await;
    unsure("edit").await;
    stage.act(sort(true)).await;
    assert_eq!(told(&stage.bells().await), ["edit A1:A2", "edit A1:Z2"]);
}

#[tokio::test]
async fn the_next_firing_alone_is_lost_through_the_library_too() {
    let stage = Stage::new().await;
    let drop = FiringSwitch { next: Some(NextFiring::Drop), ..FiringSwitch::default() };
    stage.world.emulator.set_firing("s", &drop).unwrap();
    stage.type_into("A1", "x").await;
    let state = stage.until(ScriptState::is_idle).await;
    assert_eq!((state.count(Outcome::Lost), state.firing.next), (1, None));
    assert_eq!(stage.bells().await, []);
}
