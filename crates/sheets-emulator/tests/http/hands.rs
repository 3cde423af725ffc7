//! Every act of a person over HTTP, each seen in the grid afterwards: an act that did nothing would fail here.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::World;

const HUMAN: &str = "/emulator/spreadsheets/s/human";

/// A tab with four rows of three columns, and a hand to act on it.
struct Hands(World);

impl Hands {
    async fn new() -> Self {
        let hands = Self(World::new().await);
        let rows = json!([
            ["id", "name", "sum"],
            ["1", "one", "=A2*10"],
            ["2", "two", "=A3*10"],
            ["3", "three", "=A4*10"],
        ]);
        hands.act(json!({"act": "paste", "at": "A1", "rows": rows})).await;
        hands
    }

    /// Acts on the tab, and sees that the document has another revision then.
    async fn act(&self, mut act: Value) {
        let of_the_document = ["rename_spreadsheet", "undo", "add_tab"];
        if act.get("tab").is_none() && !of_the_document.iter().any(|name| act["act"] == *name) {
            act["tab"] = "Sheet1".into();
        }
        let before = self.0.emulator.spreadsheet("s").unwrap().revision();
        let reply = self.0.post(HUMAN, &act).await;
        assert_eq!(reply.status, StatusCode::OK, "{act}: {}", reply.text);
        let after = reply.json()["revision"].as_u64().unwrap();
        assert!(after > before, "{act}: nothing changed");
    }

    /// What the tab shows: formulas as formulas, rows and columns up to the last that holds anything.
    async fn shows(&self) -> Vec<Vec<String>> {
        let grid = self.0.get("/emulator/spreadsheets/s/grid?tab=Sheet1&rows=12").await.json();
        let text = |cell: &Value| match (&cell["f"], &cell["v"]) {
            (Value::String(formula), _) => formula.clone(),
            (_, Value::String(text)) => text.clone(),
            (_, Value::Null) => String::new(),
            (_, other) => other.to_string(),
        };
        let mut rows: Vec<Vec<String>> = grid["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.as_array().unwrap().iter().map(text).collect())
            .collect();
        for row in &mut rows {
            row.truncate(row.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1));
        }
        rows.truncate(rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1));
        rows
    }
}

#[tokio::test]
async fn a_cleared_range_is_empty_and_its_neighbours_stay() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "clear", "range": "B2:C3"})).await;
    let wanted = [vec!["id", "name", "sum"], vec!["1"], vec!["2"], vec!["3", "three", "=A4*10"]];
    assert_eq!(hands.shows().await, wanted);
    hands.act(json!({"act": "undo"})).await;
    assert_eq!(hands.shows().await[1], ["1", "one", "=A2*10"]);
}

#[tokio::test]
async fn inserted_rows_push_the_others_down_and_formulas_follow() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "insert_rows", "at": 3, "count": 2})).await;
    let seen = hands.shows().await;
    assert_eq!(seen.len(), 6);
    assert_eq!((seen[2].len(), seen[3].len()), (0, 0), "{seen:?}");
    assert_eq!(seen[4], ["2", "two", "=A5*10"]);
}

#[tokio::test]
async fn deleted_rows_are_gone_and_the_others_close_up() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "delete_rows", "at": 2, "count": 2})).await;
    assert_eq!(hands.shows().await, [vec!["id", "name", "sum"], vec!["3", "three", "=A2*10"]]);
}

#[tokio::test]
async fn inserted_columns_push_the_others_to_the_right_and_formulas_follow() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "insert_columns", "at": "A", "count": 1})).await;
    let seen = hands.shows().await;
    assert_eq!(seen[0], ["", "id", "name", "sum"]);
    assert_eq!(seen[1], ["", "1", "one", "=B2*10"]);
}

#[tokio::test]
async fn deleted_columns_are_gone_and_the_others_close_up() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "delete_columns", "at": "B", "count": 1})).await;
    let seen = hands.shows().await;
    assert_eq!(seen[0], ["id", "sum"]);
    assert_eq!(seen[2], ["2", "=A3*10"]);
}

#[tokio::test]
async fn a_dragged_column_stands_in_its_new_place() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "move_columns", "from": "A", "count": 1, "to": "D"})).await;
    let seen = hands.shows().await;
    assert_eq!(seen[0], ["name", "sum", "id"]);
    assert_eq!(seen[1], ["one", "=C2*10", "1"]);
    hands.act(json!({"act": "move_columns", "from": "C", "count": 1, "to": "A"})).await;
    assert_eq!(hands.shows().await[0], ["id", "name", "sum"]);
}

#[tokio::test]
async fn dragged_rows_stand_in_their_new_place() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "move_rows", "from": 2, "count": 2, "to": 5})).await;
    let keys: Vec<String> = hands.shows().await.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(keys, ["id", "3", "1", "2"]);
    hands.act(json!({"act": "move_rows", "from": 4, "count": 1, "to": 2})).await;
    let keys: Vec<String> = hands.shows().await.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(keys, ["id", "2", "3", "1"]);
}

#[tokio::test]
async fn a_sort_orders_the_rows_and_leaves_those_above_alone() {
    let hands = Hands::new().await;
    let sort = json!({"act": "sort", "first_row": 2, "column": "A", "descending": true});
    hands.act(sort).await;
    let keys: Vec<String> = hands.shows().await.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(keys, ["id", "3", "2", "1"]);
}

#[tokio::test]
async fn a_renamed_tab_has_its_new_title_alone() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "add_tab", "title": "Second"})).await;
    hands.act(json!({"act": "rename_tab", "tab": "Sheet1", "to": "First"})).await;
    assert_eq!(hands.0.tabs(), ["First", "Second"]);
    let taken = json!({"act": "rename_tab", "tab": "First", "to": "Second"});
    assert_eq!(hands.0.post(HUMAN, &taken).await.status, StatusCode::BAD_REQUEST);
    hands.act(json!({"act": "delete_tab", "tab": "Second"})).await;
    assert_eq!(hands.0.tabs(), ["First"]);
}

#[tokio::test]
async fn a_renamed_spreadsheet_has_its_new_title_in_the_list_and_for_programs() {
    let hands = Hands::new().await;
    hands.act(json!({"act": "rename_spreadsheet", "title": "Renamed by hand"})).await;
    let list = hands.0.get("/emulator/spreadsheets").await.json();
    assert_eq!(list["spreadsheets"][0]["title"], "Renamed by hand");
    let read = hands.0.get("/v4/spreadsheets/s?fields=properties.title").await.json();
    assert_eq!(read["properties"]["title"], "Renamed by hand");
}

#[tokio::test]
async fn a_protected_range_refuses_a_program_and_lets_its_editors_write() {
    let hands = Hands::new().await;
    let write = json!({"requests": [{"updateCells": {
        "rows": [{"values": [{"userEnteredValue": {"stringValue": "x"}}]}], "fields": "userEnteredValue",
        "start": {"sheetId": 0, "rowIndex": 1, "columnIndex": 0}}}]});
    hands.act(json!({"act": "protect", "range": "A1:A9", "editors": ["b@example.org"]})).await;
    assert_eq!(hands.0.post(super::BATCH, &write).await.status, StatusCode::BAD_REQUEST);
    let mut friend = hands;
    friend.0.token = Some(friend.0.emulator.issue_token("b@example.org", super::SPREADSHEETS));
    assert_eq!(friend.0.post(super::BATCH, &write).await.status, StatusCode::OK);
    assert_eq!(friend.shows().await[1][0], "x");
}
