//! The menu, its sentences, and what it takes to get one.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::webhook::said;
use super::{CODE, DEADLINE, MANIFEST, SCRIPT, SECRET, Stage};

/// Opens the spreadsheet and returns captions and functions of its one menu.
async fn menu(stage: &Stage) -> Vec<(String, String)> {
    let opened = stage.world.post(&format!("{SCRIPT}/open"), &json!({})).await;
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.text);
    let opened = opened.json();
    assert_eq!(opened["menus"].as_array().unwrap().len(), 1, "{opened}");
    assert_eq!(opened["menus"][0]["name"], "sheetwire");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = opened["menus"][0]["items"].as_array().unwrap().iter();
    items.map(|item| (text(&item["caption"]), text(&item["function"]))).collect()
}

async fn choose(stage: &Stage, function: &str) -> Value {
    let call = json!({"function": function, "tab": "Möbel & 'Co'", "cell": "B3:C4", "user": "ann@example.org"});
    let reply = stage.world.post(&format!("{SCRIPT}/run"), &call).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn every_item_of_the_menu_asks_signed_for_its_cell_and_shows_the_answer() {
    let stage = Stage::new().await;
    stage.act(json!({"act": "add_tab", "title": "Möbel & 'Co'"})).await;
    let sent = stage.bells().await.len();
    assert_eq!(stage.webhook.rings().len(), sent, "setting up asks nothing, a new tab rings");
    let id =
        stage.world.emulator.spreadsheet("s").unwrap().sheet_titled("Möbel & 'Co'").unwrap().id;
    let wanted = [
        ("Sync now", "ring", "menu"),
        ("Is this up to date?", "status", "menu"),
        ("Explain this cell", "explain", "menu"),
        ("Show conflicts", "status", "conflicts"),
        ("Revert this cell", "revert", "menu"),
    ];
    let menu = menu(&stage).await;
    assert_eq!(menu.len(), wanted.len());
    for ((caption, function), (label, verb, kind)) in menu.iter().zip(wanted) {
        assert_eq!(caption, label);
        let done = choose(&stage, function).await;
        let alerts = json!([{"title": "", "text": "in step, <b>2 s</b> behind"}]);
        assert_eq!((&done["alerts"], &done["error"]), (&alerts, &Value::Null), "{label}");
        let mut body = stage.webhook.rings().pop().unwrap().body;
        assert!(body["at"].take().is_u64());
        let sent = json!({"verb": verb, "spreadsheet": "s", "sheet": id, "tab": "Möbel & 'Co'",
            "range": "B3", "kind": kind, "at": null, "user": "ann@example.org"});
        assert_eq!(body, sent, "{label}");
    }
    let mut edits: Vec<String> = stage.webhook.rings().into_iter().map(|ring| ring.edit).collect();
    let all = edits.len();
    edits.sort();
    edits.dedup();
    assert_eq!(edits.len(), all, "every delivery has an id of its own");
}

#[tokio::test]
async fn a_refusal_is_shown_as_the_sentence_it_came_with() {
    let stage = Stage::new().await;
    stage.webhook.answer(403, &said(false, "This cell belongs to the database."));
    let done = stage.run("revertCell").await;
    assert_eq!(done.alerts[0].text, "This cell belongs to the database.");
    assert!(done.ok);
}

#[tokio::test]
async fn what_fails_is_said_in_one_sentence_each_time() {
    let stage = Stage::new().await;
    let sentence = async || {
        let mut done = stage.run("isUpToDate").await;
        assert_eq!((done.alerts.len(), done.error.as_deref()), (1, None), "{done:?}");
        done.alerts.remove(0).text
    };
    for (status, text) in [
        (502, "<html>Bad gateway</html>"),
        (200, "{}"),
        (200, r#"{"message":7}"#),
        (200, ""),
        (200, "null"),
        (302, ""),
    ] {
        stage.webhook.answer(status, text);
        let said = sentence().await;
        assert!(said.starts_with("Something other than sheetwire answered ("), "{said}");
        assert!(said.contains(&status.to_string()) && !said.contains('<'), "{said}");
    }
    let properties = format!("{SCRIPT}/properties");
    // A port that was free a moment ago.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?key=hush", gone.local_addr().unwrap());
    drop(gone);
    stage.world.put(&properties, &json!({ "SHEETWIRE_URL": url })).await;
    let said = sentence().await;
    assert!(said.starts_with("sheetwire was not reached; "), "{said}");
    assert!(said.contains("Address unavailable: http://127.0.0.1:"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    stage.world.put(&properties, &json!({"SHEETWIRE_SECRET": null})).await;
    let said = sentence().await;
    assert!(said.contains("SHEETWIRE_SECRET") && said.contains("not set up"), "{said}");
}

#[tokio::test]
async fn a_wrong_secret_and_a_changed_body_are_noticed_by_the_test_itself() {
    let stage = Stage::new().await;
    let wrong = json!({"SHEETWIRE_SECRET": format!("{SECRET}!")});
    stage.world.put(&format!("{SCRIPT}/properties"), &wrong).await;
    stage.run("syncNow").await;
    assert_eq!(stage.webhook.faults(), ["a wrong signature"]);
    // Google's default charset, forgotten by a script, breaks the signature of a tab title.
    stage.act(json!({"act": "rename_tab", "tab": "Sheet1", "to": "Möbel"})).await;
    stage.bells().await;
    stage.webhook.faults();
    stage.grant(&CODE.replace(", Utilities.Charset.UTF_8", ""));
    stage.run("syncNow").await;
    assert_eq!(stage.webhook.faults(), ["a wrong signature"]);
    stage.grant(CODE);
    stage.run("syncNow").await;
    assert_eq!(stage.webhook.faults(), [""; 0]);
}

#[tokio::test]
async fn setting_up_twice_leaves_one_trigger_of_each_kind_and_needs_the_properties() {
    let stage = Stage::with(CODE).await;
    for _ in 0..2 {
        assert!(stage.run("setup").await.ok);
        let state = stage.world.get(SCRIPT).await.json();
        let triggers = state["triggers"].as_array().unwrap().iter();
        let seen: Vec<_> =
            triggers.map(|it| (it["handler"].clone(), it["event"].clone())).collect();
        assert_eq!(
            seen,
            [(json!("tellEdit"), json!("ON_EDIT")), (json!("tellChange"), json!("ON_CHANGE"))]
        );
        assert_eq!(state["bytes"], CODE.len(), "byte for byte");
        assert_eq!(state["properties"], json!(["SHEETWIRE_SECRET", "SHEETWIRE_URL"]));
    }
    let stage = Stage::empty().await;
    let bare = json!({"source": CODE, "manifest": MANIFEST});
    assert_eq!(stage.world.put(SCRIPT, &bare).await.status, StatusCode::OK);
    let done = stage.run("setup").await;
    assert!(done.error.is_some_and(|error| error.contains("SHEETWIRE_URL")));
    assert!(stage.state().triggers.is_empty());
}

#[tokio::test]
async fn no_answer_of_the_emulator_tells_the_secret() {
    let stage = Stage::with(&format!(
        "{CODE}
        function spill() {{
          const secret = PropertiesService.getScriptProperties().getProperty('SHEETWIRE_SECRET');
          console.log('it is', secret);
          SpreadsheetApp.getActive().toast(secret, secret);
          SpreadsheetApp.getUi().createMenu('m').addItem('i', 'spill').addToUi();
          SpreadsheetApp.getUi().alert(`<${{secret}}>`);
          try {{ UrlFetchApp.fetch(`http://${{secret}}@127.0.0.1:1/?s=${{secret}}`); }} catch (e) {{ console.log(e); }}
          throw new Error(secret);
        }}"
    ))
    .await;
    assert!(stage.run("setup").await.ok);
    stage.type_into("A1", "x").await;
    assert_eq!(stage.bells().await.len(), 1);
    let spilt = stage.world.post(&format!("{SCRIPT}/run"), &json!({"function": "spill"})).await;
    assert!(spilt.text.contains("***"), "{}", spilt.text);
    let mut seen = vec![spilt.text];
    for door in [
        SCRIPT,
        &format!("{SCRIPT}/properties"),
        &format!("{SCRIPT}/firing"),
        "/emulator/bells",
        "/emulator/log",
        "/emulator/spreadsheets",
        "/emulator/spreadsheets/s/tabs",
    ] {
        let reply = stage.world.get(door).await;
        assert_eq!(reply.status, StatusCode::OK, "{door}");
        seen.push(reply.text);
    }
    let opened = stage.world.post(&format!("{SCRIPT}/open"), &json!({})).await;
    let set =
        stage.world.put(&format!("{SCRIPT}/properties"), &json!({"OTHER": "value of other"})).await;
    seen.extend([opened.text, set.text, format!("{:?}", stage.world.emulator)]);
    for text in seen {
        assert!(!text.contains(SECRET) && !text.contains("5ecret"), "{text}");
        assert!(!text.contains("value of other"), "{text}");
    }
    let bells = stage.world.emulator.bells();
    let all = bells.wait_until(DEADLINE, |bells| bells.len() == 2).await.unwrap();
    assert_eq!(all[1].url, "http://127.0.0.1:1/");
}
