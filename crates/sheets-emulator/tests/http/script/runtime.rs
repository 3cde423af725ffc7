//! The runtime's own claims: rights, limits, locks, and refusals that name what they refuse.

use std::process::Stdio;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sheets_emulator::script::{Call, Outcome};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{CODE, DEADLINE, MANIFEST, SCRIPT, SECRET, Stage};

#[tokio::test]
async fn what_is_not_modelled_is_refused_by_its_name() {
    let stage = Stage::empty().await;
    for (call, named) in [
        ("SpreadsheetApp.openById('x')", "SpreadsheetApp.openById"),
        ("SpreadsheetApp.getActive().insertSheet()", "Spreadsheet.insertSheet"),
        ("SpreadsheetApp.getCurrentCell().getValue()", "Range.getValue"),
        ("SpreadsheetApp.getActiveSheet().getDataRange()", "Sheet.getDataRange"),
        ("SpreadsheetApp.getUi().prompt('?')", "Ui.prompt"),
        ("UrlFetchApp.fetchAll([])", "UrlFetchApp.fetchAll"),
        (
            "UrlFetchApp.fetch('http://127.0.0.1:1/', {escaping: true})",
            "UrlFetchApp.fetch with escaping",
        ),
        ("UrlFetchApp.fetch('https://127.0.0.1:1/')", "https://127.0.0.1:1/"),
        ("PropertiesService.getUserProperties()", "PropertiesService.getUserProperties"),
        ("Utilities.sleep(1)", "Utilities.sleep"),
        ("ScriptApp.newTrigger('go').timeBased()", "TriggerBuilder.timeBased"),
        ("Session.getTemporaryActiveUserKey()", "Session.getTemporaryActiveUserKey"),
        ("HtmlService.createHtmlOutput('')", "HtmlService"),
        ("fetch('http://127.0.0.1/')", "fetch"),
        ("setTimeout(() => {}, 1)", "setTimeout"),
        ("native('uuid', '[]')", "native"),
    ] {
        stage.grant(&format!("function go() {{ {call}; }}"));
        let error = stage.run("go").await.error.unwrap_or_else(|| panic!("{call} did something"));
        assert!(error.contains(named), "{call}: {error}");
    }
}

#[tokio::test]
async fn a_script_has_the_rights_of_its_manifest_and_no_others() {
    let stage = Stage::empty().await;
    let scopes: Value = serde_json::from_str(MANIFEST).unwrap();
    let all: Vec<&str> =
        scopes["oauthScopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(all.len(), 4);
    for (left_out, function) in [
        ("script.external_request", "isUpToDate"),
        ("spreadsheets.currentonly", "isUpToDate"),
        ("userinfo.email", "isUpToDate"),
        ("script.scriptapp", "setup"),
    ] {
        let fewer: Vec<&&str> = all.iter().filter(|scope| !scope.ends_with(left_out)).collect();
        assert_eq!(fewer.len(), 3, "{left_out} is asked for");
        let manifest = json!({"runtimeVersion": "V8", "oauthScopes": fewer}).to_string();
        let body = json!({"source": CODE, "manifest": manifest,
            "properties": {"SHEETWIRE_URL": stage.webhook.url, "SHEETWIRE_SECRET": SECRET}});
        assert_eq!(stage.world.put(SCRIPT, &body).await.status, StatusCode::OK);
        let done = stage.run(function).await;
        let said = done.error.unwrap_or_else(|| done.alerts[0].text.clone());
        assert!(said.contains("Specified permissions are not sufficient"), "{left_out}: {said}");
        assert!(said.contains(left_out), "{left_out}: {said}");
    }
    assert!(stage.webhook.rings().is_empty());
}

#[tokio::test]
async fn a_simple_trigger_may_not_fetch_and_does_not_wait_for_an_installed_one() {
    let stage = Stage::with(
        "function onEdit(e) { console.log(e.authMode, e.value, String(e.oldValue), e.range.getA1Notation());
           UrlFetchApp.fetch('http://127.0.0.1:1/'); }",
    )
    .await;
    stage.type_into("B2", "7").await;
    let state = stage.until(|state| state.count(Outcome::Failed) == 1).await;
    let run = state.runs.last().unwrap();
    assert_eq!(run.logs, ["log: LIMITED 7 undefined B2"]);
    let error = run.error.as_deref().unwrap();
    assert!(error.contains("You do not have permission to call UrlFetchApp.fetch"), "{error}");
    assert!(stage.bells().await.is_empty());
}

#[tokio::test]
async fn events_have_googles_fields_and_no_others() {
    let stage = Stage::with(
        "const show = (e) => console.log(Object.keys(e).sort().join(), JSON.stringify([e.value, e.oldValue, e.changeType]),
           e.range ? [e.range.rowStart, e.range.rowEnd, e.range.columnStart, e.range.columnEnd].join() : '');
         function edited(e) { show(e); }
         function changed(e) { show(e); }
         function setup() {
           const book = SpreadsheetApp.getActiveSpreadsheet();
           ScriptApp.newTrigger('edited').forSpreadsheet(book).onEdit().create();
           ScriptApp.newTrigger('changed').forSpreadsheet(book.getId()).onChange().create();
         }",
    )
    .await;
    assert!(stage.run("setup").await.ok);
    let last = async |act| {
        stage.act(act).await;
        stage.bells().await;
        let runs = stage.state().runs;
        let logs = |name| {
            let of = runs.iter().rfind(|run| run.function == name);
            of.map(|run| run.logs[0].strip_prefix("log: ").unwrap().to_owned()).unwrap_or_default()
        };
        [logs("edited"), logs("changed")]
    };
    let typed = |text: &str| json!({"act": "type", "tab": "Sheet1", "cell": "C4", "text": text});
    let change = r#"authMode,changeType,source,triggerUid,user [null,null,"EDIT"] "#;
    let edit = |fields: &str, values: &str| format!("authMode,{fields} {values} 4,4,3,3");
    assert_eq!(
        last(typed("1")).await,
        [edit("range,source,triggerUid,user,value", r#"["1",null,null]"#), change.to_owned()]
    );
    assert_eq!(
        last(typed("TRUE")).await[0],
        edit("oldValue,range,source,triggerUid,user,value", r#"["TRUE","1",null]"#)
    );
    assert_eq!(
        last(json!({"act": "clear", "tab": "Sheet1", "range": "C4"})).await[0],
        edit("oldValue,range,source,triggerUid,user", r#"[null,"TRUE",null]"#)
    );
    let rows = json!([["1", "2"], ["3", "4"]]);
    assert_eq!(
        last(json!({"act": "paste", "tab": "Sheet1", "at": "C4", "rows": rows})).await[0],
        "authMode,range,source,triggerUid,user [null,null,null] 4,5,3,4"
    );
    assert_eq!(
        last(json!({"act": "delete_rows", "tab": "Sheet1", "at": 1, "count": 1})).await[1],
        r#"authMode,changeType,source,triggerUid,user [null,null,"REMOVE_ROW"] "#
    );
}

#[tokio::test]
async fn a_text_that_does_not_load_is_refused_with_its_line_and_the_old_one_stays() {
    let stage = Stage::new().await;
    for (source, said) in [
        ("function ok() {}\nlet x = ;", "Code.gs:2"),
        ("throw new Error('at the top')", "at the top"),
        ("UrlFetchApp.fetch('http://127.0.0.1:1/')", "You do not have permission"),
    ] {
        let reply = stage.world.put(SCRIPT, &json!({ "source": source })).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text);
        assert!(reply.text.contains(said), "{}", reply.text);
    }
    let manifest = json!({"source": CODE, "manifest": "{\"runtimeVersion\": \"DEPRECATED_ES5\"}"});
    let reply = stage.world.put(SCRIPT, &manifest).await;
    assert!(reply.text.contains("V8"), "{}", reply.text);
    assert_eq!(stage.state().bytes, CODE.len());
    let unknown = stage.world.post(&format!("{SCRIPT}/run"), &json!({"function": "nope"})).await;
    assert_eq!((unknown.status.as_u16(), unknown.text.contains("nope")), (404, true));
    let tab = json!({"function": "syncNow", "tab": "Nope"});
    assert_eq!(
        stage.world.post(&format!("{SCRIPT}/run"), &tab).await.status,
        StatusCode::BAD_REQUEST
    );
    let elsewhere = stage.world.get("/emulator/spreadsheets/none/script").await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn globals_do_not_outlive_an_execution() {
    let stage = Stage::with(
        "let count = 0;
         function go() { count += 1; globalThis.left = (globalThis.left || 0) + 1; console.log(count, left); }",
    )
    .await;
    for _ in 0..2 {
        assert_eq!(stage.run("go").await.logs, ["log: 1 1"]);
    }
}

#[tokio::test]
async fn an_execution_ends_after_six_minutes_of_the_emulators_clock() {
    let stage =
        Stage::with("function go() { for (;;) { try { for (;;) {} } catch (e) {} } }").await;
    let clock = stage.world.emulator.clock();
    let (done, ()) = tokio::join!(stage.run("go"), async {
        stage.until(|state| state.count(Outcome::Running) == 1).await;
        clock.advance(Duration::from_mins(6));
    });
    assert_eq!(done.error.as_deref(), Some("Exceeded maximum execution time"));
    assert_eq!(stage.state().count(Outcome::Failed), 1);
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_is_given_up_after_a_minute() {
    let stage = Stage::new().await;
    stage.webhook.hold(true);
    let (done, ()) = tokio::join!(stage.run("isUpToDate"), async {
        stage.webhook.arrived(1).await;
        stage.world.emulator.clock().advance(Duration::from_mins(1));
    });
    assert!(done.alerts[0].text.contains("Timeout"), "{done:?}");
    let bells = stage.bells().await;
    assert_eq!(bells[0].status, None);
    assert!(bells[0].error.as_deref().unwrap().starts_with("Timeout"));
}

#[tokio::test]
async fn one_execution_at_a_time_has_the_lock_and_its_end_frees_it() {
    let stage = Stage::with(
        "const ask = () => UrlFetchApp.fetch(PropertiesService.getScriptProperties().getProperty('SHEETWIRE_URL'),
           {method: 'post', payload: ''});
         function hold() { console.log(LockService.getDocumentLock().tryLock(0)); ask(); }
         function glance() { const lock = LockService.getDocumentLock(); console.log(lock.tryLock(0), lock.hasLock()); }
         function wait() { LockService.getDocumentLock().waitLock(3600000); console.log('had it'); }",
    )
    .await;
    stage.webhook.hold(true);
    let (held, ()) = tokio::join!(stage.run("hold"), async {
        stage.webhook.arrived(1).await;
        assert_eq!(stage.run("glance").await.logs, ["log: false false"]);
        let (waited, ()) = tokio::join!(stage.run("wait"), async {
            stage.until(|state| state.count(Outcome::Running) == 2).await;
            stage.webhook.hold(false);
        });
        assert_eq!(waited.logs, ["log: had it"]);
    });
    assert_eq!(held.logs, ["log: true"]);
    assert_eq!(stage.run("glance").await.logs, ["log: true true"]);
    stage.webhook.faults();
}

#[tokio::test]
async fn a_stopping_emulator_ends_what_runs() {
    let stage = Stage::with("function go() { for (;;) {} }").await;
    let emulator = &stage.world.emulator;
    let call = Call { function: "go".to_owned(), ..Call::default() };
    let mut running = Box::pin(emulator.run_script("s", call));
    tokio::select! {
        biased;
        done = &mut running => panic!("it ended: {done:?}"),
        _ = stage.until(|state| state.count(Outcome::Running) == 1) => {}
    }
    drop(running);
    let Stage { world, webhook: _webhook } = stage;
    // It waits for its scripts: one that went on would hold it for ever.
    tokio::time::timeout(DEADLINE, world.emulator.stop()).await.unwrap();
}

#[tokio::test]
async fn the_program_installs_and_sets_up_a_script_named_on_its_command_line() {
    let folder =
        std::env::temp_dir().join(format!("sheets-emulator-script-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in
        [("Code.gs", CODE), ("appsscript.json", MANIFEST), ("secret", &format!("{SECRET}\n"))]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let stage = Stage::empty().await;
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_sheets-emulator"))
        .args(["--spreadsheet", "s=Test", "--script-setup", "--script-url", &stage.webhook.url])
        .arg("--script")
        .arg(folder.join("Code.gs"))
        .arg("--script-secret-file")
        .arg(folder.join("secret"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(DEADLINE, said.next_line()).await.unwrap().unwrap().unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let url = url.trim_end_matches(',').to_owned();
    let ask = async |method: &str, path: &str, body: Value| {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(format!("{url}{path}"))
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        stage.world.send(request).await.unwrap().json()
    };
    let state = ask("GET", SCRIPT, Value::Null).await;
    assert_eq!(state["triggers"].as_array().unwrap().len(), 2, "{state}");
    let done = ask("POST", &format!("{SCRIPT}/run"), json!({"function": "syncNow"})).await;
    assert_eq!(done["alerts"][0]["text"], "in step, <b>2 s</b> behind");
    assert_eq!(stage.webhook.rings().len(), 1, "signed with the secret of the file");
    assert!(!line.contains(SECRET) && !state.to_string().contains(SECRET));
    child.kill().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
