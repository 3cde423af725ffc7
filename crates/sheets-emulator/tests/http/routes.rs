//! Paths, parameters, bodies and headers.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{BATCH, World};

#[tokio::test]
async fn what_google_does_not_serve_is_a_404_page() {
    let world = World::new().await;
    for (method, path) in [
        (Method::GET, "/v4/nothing"),
        (Method::DELETE, "/v4/spreadsheets/s"),
        (Method::GET, "/v4/spreadsheets/s/values/a/b"),
        (Method::POST, "/v4/spreadsheets/s:explode"),
    ] {
        let reply = world.send(world.request(method, path, "")).await.unwrap();
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        assert!(reply.text.contains("Error 404"));
    }
}

#[tokio::test]
async fn what_the_emulator_does_not_model_is_a_400_by_name() {
    let world = World::new().await;
    let reply = world.post("/v4/spreadsheets/s/sheets/0:copyTo", &json!({})).await;
    let (status, said) = reply.error();
    assert_eq!(status, 400);
    assert!(said.contains("spreadsheets.sheets.copyTo"), "{said}");
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_by_its_name() {
    let world = World::new().await;
    let (status, said) = world.get("/v4/spreadsheets/s?includeGridDatas=true").await.error();
    assert_eq!(status, 400);
    assert!(said.contains("Unknown name \"includeGridDatas\""), "{said}");
    let fine = "/v4/spreadsheets/s?alt=json&prettyPrint=false&commentsViewMode=COMMENTS_VIEW_MODE_OMITTED&fields=spreadsheetId";
    let reply = world.get(fine).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "{\"spreadsheetId\":\"s\"}"));
    assert_eq!(world.get("/v4/spreadsheets/s?alt=media").await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_parameter_that_would_be_ignored_is_refused_by_its_name() {
    let mut world = World::new().await;
    for parameter in [
        "quotaUser=x",
        "key=AIza",
        "callback=f",
        "uploadType=media",
        "upload_protocol=raw",
        "commentsViewMode=COMMENTS_VIEW_MODE_INCLUDED",
        "excludeTablesInBandedRanges=true",
        "includeGridData=perhaps",
    ] {
        let reply = world.get(&format!("/v4/spreadsheets/s?{parameter}")).await;
        let (status, said) = reply.error();
        let name = parameter.split('=').next().unwrap();
        assert!(status == 400 && said.contains(name), "{parameter}: {status} {said}");
    }
    let drive = "https://www.googleapis.com/auth/drive";
    world.token = Some(world.emulator.issue_token("a@example.org", drive));
    let page = world.get("/drive/v3/files?pageToken=2").await;
    assert!(page.status == StatusCode::BAD_REQUEST && page.text.contains("pageToken"), "{page:?}");
}

#[tokio::test]
async fn what_a_request_names_and_the_model_lacks_is_refused_by_its_name() {
    let world = World::new().await;
    let range = json!({"sheetId": 0, "endRowIndex": 3, "startColumnIndex": 0, "endColumnIndex": 1});
    let refused = [
        (
            json!({"addSheet": {"properties": {"title": "T", "sheetType": "OBJECT"}}}),
            "sheetType OBJECT",
        ),
        (
            json!({"addSheet": {"properties": {"title": "T", "sheetType": "DATA_SOURCE"}}}),
            "sheetType DATA_SOURCE",
        ),
        (
            json!({"updateSheetProperties": {"properties": {"sheetId": 0, "sheetType": "OBJECT"}, "fields": "sheetType"}}),
            "sheetType OBJECT",
        ),
        (
            json!({"sortRange": {"range": range, "sortSpecs": [{"dimensionIndex": 0, "backgroundColor": {"red": 1}}]}}),
            "backgroundColor",
        ),
        (
            json!({"sortRange": {"range": range, "sortSpecs": [{"dimensionIndex": 0, "foregroundColorStyle": {}}]}}),
            "foregroundColorStyle",
        ),
    ];
    for (request, name) in refused {
        let reply = world.post(BATCH, &json!({"requests": [request]})).await;
        let (status, said) = reply.error();
        assert!(status == 400 && said.contains(name), "{name}: {status} {said}");
    }
    assert_eq!(world.tabs(), ["Sheet1"]);
    let grid = json!({"addSheet": {"properties": {"title": "T", "sheetType": "GRID"}}});
    let reply = world.post(BATCH, &json!({"requests": [grid]})).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let before = world.emulator.spreadsheet("s").unwrap().revision();
    for body in ["{\"requests\":", "nonsense", "[1]"] {
        let reply = world.send(world.request(Method::POST, BATCH, body)).await.unwrap();
        let (status, said) = reply.error();
        assert_eq!(status, 400);
        assert!(said.starts_with("Invalid JSON payload received."), "{said}");
        let details = &reply.json()["error"]["details"][0];
        assert_eq!(details["@type"], "type.googleapis.com/google.rpc.BadRequest");
    }
    assert_eq!(world.emulator.spreadsheet("s").unwrap().revision(), before);
}

#[tokio::test]
async fn answers_are_pretty_and_carry_googles_headers() {
    let world = World::new().await;
    let reply = world.get("/v4/spreadsheets/s?fields=spreadsheetId").await;
    assert_eq!(reply.text, "{\n  \"spreadsheetId\": \"s\"\n}\n");
    assert_eq!(reply.headers["content-type"], "application/json; charset=UTF-8");
    assert_eq!(reply.headers["server"], "ESF");
    assert_eq!(reply.headers["cache-control"], "private");
    let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["Origin", "X-Origin", "Referer"]);
    let reply = world.get("/v4/spreadsheets/none?$.xgafv=1").await;
    assert_eq!(reply.json()["error"]["errors"][0]["reason"], "notFound");
}

#[tokio::test]
async fn a_range_in_the_path_is_decoded_once() {
    let world = World::new().await;
    let tab = "50%25 a/b";
    world.add_tab(tab).await.unwrap();
    let written = world.request(
        Method::PUT,
        "/v4/spreadsheets/s/values/%2750%2525%20a%2Fb%27%21A1?valueInputOption=RAW",
        json!({"values": [["here"]]}).to_string(),
    );
    let reply = world.send(written).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(reply.json()["updatedRange"], format!("'{tab}'!A1"));
}

#[tokio::test]
async fn a_query_too_long_for_a_path_may_come_as_a_form() {
    let world = World::new().await;
    let mut request = world.request(
        Method::POST,
        "/v4/spreadsheets/s/values:batchGet",
        "ranges=Sheet1%21A1%3AB2&ranges=Sheet1%21C1",
    );
    let headers = request.headers_mut();
    headers.insert("x-http-method-override", "GET".parse().unwrap());
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let reply = world.send(request).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(reply.json()["valueRanges"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_new_spreadsheet_has_the_tabs_it_was_asked_for() {
    let world = World::new().await;
    let wanted = json!({
        "properties": {"title": "Fresh"},
        "sheets": [
            {"properties": {"title": "One", "sheetId": 7}},
            {"properties": {"title": "Two", "sheetId": 0, "gridProperties": {"rowCount": 5, "columnCount": 3}}},
        ],
    });
    let made = world.post("/v4/spreadsheets", &wanted).await.json();
    assert_eq!(made["properties"]["title"], "Fresh", "{made}");
    let id = made["spreadsheetId"].as_str().unwrap();
    assert_eq!(id.len(), 44);
    let read = world.get(&format!("/v4/spreadsheets/{id}")).await.json();
    let mut tabs: Vec<_> = read["sheets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sheet| (sheet["properties"]["title"].clone(), sheet["properties"]["sheetId"].clone()))
        .collect();
    tabs.sort_by_key(|(title, _)| title.to_string());
    assert_eq!(tabs, [(json!("One"), json!(7)), (json!("Two"), json!(0))]);
    let reply = world.post("/v4/spreadsheets", &json!({"namedRanges": []})).await;
    assert!(reply.error().1.contains("namedRanges"));
}
