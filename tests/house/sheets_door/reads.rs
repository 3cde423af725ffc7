//! Reads address tabs by id, whatever they are called.

use std::time::Instant;

use serde_json::json;
use sheets_emulator::model::HumanAct;
use sheetwire::{ports::SheetSink, sheets::CallLimits};
use sheetwire_engine::{
    batch::{ColumnIndex, ReadFailure, RowIndex, TabImage, TabRead},
    cell::Cell,
};

use super::{BOOK, Desk, comes_to, formula, relay::Relay, text};

const HOSTILE: [&str; 13] = [
    "h#x",
    "q?x",
    "a/b",
    "it's",
    "🦀 ü",
    "A1",
    "a&ranges=b",
    "100%",
    "''",
    "a b+c",
    "R1C1",
    "x!A1:B2",
    "a title of one hundred characters, since the query must outgrow a URL: %%%%%%%%%%%%%%%%%%%%%%%%%%%%%",
];

fn read(sheet_id: i32, columns: &[u32]) -> TabRead {
    TabRead {
        sheet_id,
        header_row: RowIndex(0),
        columns: Some(columns.iter().map(|column| ColumnIndex(*column)).collect()),
        rows: None,
    }
}

async fn read_one(desk: &Desk, tab: &TabRead) -> TabImage {
    let images = desk.client.read(BOOK, std::slice::from_ref(tab)).await.unwrap();
    images.tabs.into_iter().next().unwrap()
}

/// A tab for each hostile title, with its title in A2.
fn hostile_tabs(desk: &Desk) -> Vec<TabRead> {
    let mut reads = Vec::new();
    for (id, title) in (10..).zip(HOSTILE) {
        desk.edit(&json!([
            {"addSheet": {"properties": {"sheetId": id, "title": title,
                "gridProperties": {"rowCount": 5, "columnCount": 3}}}},
            {"updateCells": {"fields": "userEnteredValue",
                "start": {"sheetId": id, "rowIndex": 0, "columnIndex": 0},
                "rows": [{"values": [{"userEnteredValue": {"stringValue": "id"}}]},
                         {"values": [{"userEnteredValue": {"stringValue": title}}]}]}},
        ]));
        reads.push(read(id, &[0, 2]));
    }
    reads
}

#[tokio::test]
async fn hostile_titles_read_their_own_tab() {
    let desk = Desk::new().await;
    let reads = hostile_tabs(&desk);
    let images = desk.client.read(BOOK, &reads).await.unwrap();
    for (image, title) in images.tabs.iter().zip(HOSTILE) {
        assert_eq!(image.properties.title, title);
        assert_eq!(image.header, [text("id")]);
        let expected = [(ColumnIndex(0), vec![text(title)]), (ColumnIndex(2), vec![])];
        assert_eq!(image.columns, expected, "{title}");
    }
    assert_eq!(desk.calls("spreadsheets.get"), 2, "one look, one read");
    desk.client.read(BOOK, &reads).await.unwrap();
    assert_eq!(desk.calls("spreadsheets.get"), 3, "then one call each");
}

#[tokio::test]
async fn no_title_is_ever_part_of_a_path() {
    let desk = Desk::new().await;
    let reads = hostile_tabs(&desk);
    let relay = Relay::to(desk.emulator.address()).await;
    let client = super::client(&relay.url, &desk.key_file, CallLimits::default()).await;
    client.read(BOOK, &reads[..2]).await.unwrap();
    client.read(BOOK, &reads).await.unwrap();
    let heard = relay.requests();
    assert_eq!(heard.len(), 3, "{heard:?}");
    for line in &heard {
        let path = line.split([' ', '?']).nth(1).unwrap();
        assert_eq!(path, format!("/v4/spreadsheets/{BOOK}"), "{line}");
    }
    assert!(heard[1].starts_with("GET ") && heard[1].contains("ranges=%27h%23x%27%211%3A1&"));
    assert!(heard[2].starts_with("POST "), "a long query travels in the body: {}", heard[2]);
}

#[tokio::test]
async fn a_renamed_tab_is_found_by_its_id() {
    let desk = Desk::new().await;
    desk.fill(0, 0, &[&[text("id")], &[text("1")]]);
    read_one(&desk, &read(0, &[0])).await;
    desk.human(&HumanAct::RenameTab { tab: "Sheet1".into(), to: "Orders".into() });
    let image = read_one(&desk, &read(0, &[0])).await;
    assert_eq!(image.properties.title, "Orders");
    assert_eq!(image.columns, [(ColumnIndex(0), vec![text("1")])]);
}

#[tokio::test]
async fn two_tabs_that_swap_their_titles_are_not_mixed_up() {
    let desk = Desk::new().await;
    desk.fill(0, 0, &[&[text("id")], &[text("first")]]);
    desk.edit(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Other"}}}]));
    read_one(&desk, &read(0, &[0])).await;
    for (tab, to) in [("Sheet1", "x"), ("Other", "Sheet1"), ("x", "Other")] {
        desk.human(&HumanAct::RenameTab { tab: tab.into(), to: to.into() });
    }
    let image = read_one(&desk, &read(0, &[0])).await;
    assert_eq!(image.columns, [(ColumnIndex(0), vec![text("first")])]);
}

#[tokio::test]
async fn a_deleted_tab_is_gone() {
    let desk = Desk::new().await;
    desk.edit(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Other"}}}]));
    read_one(&desk, &read(5, &[0])).await;
    desk.human(&HumanAct::DeleteTab { tab: "Other".into() });
    let both = [read(0, &[0]), read(5, &[0])];
    let failure = desk.client.read(BOOK, &both).await;
    assert_eq!(failure, Err(ReadFailure::TabGone { sheet_id: 5 }));
}

#[tokio::test]
async fn content_is_read_as_it_was_entered() {
    let desk = Desk::new().await;
    let row =
        [text("=1+1"), Cell::Number(43831.25), Cell::Bool(false), Cell::Empty, formula("=B2")];
    desk.fill(0, 0, &[&[text("a"), Cell::Empty, text("c")], &row, &[], &[Cell::Empty, text("x")]]);
    let whole = TabRead { columns: None, ..read(0, &[]) };
    let image = read_one(&desk, &whole).await;
    assert_eq!(image.header, [text("a"), Cell::Empty, text("c")]);
    let column = |index: usize| image.columns[index].1.clone();
    assert_eq!(image.columns.len(), 5);
    assert_eq!(column(0), [text("=1+1")]);
    assert_eq!(column(1), [Cell::Number(43831.25), Cell::Empty, text("x")]);
    assert_eq!(column(2), [Cell::Bool(false)]);
    assert_eq!(column(3), []);
    assert_eq!(column(4), [comes_to("=B2", Cell::Number(43831.25))]);
}

#[tokio::test]
async fn a_grid_that_grew_or_shrank_since_the_last_look_is_read_right() {
    let desk = Desk::new().await;
    desk.edit(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Small",
        "gridProperties": {"rowCount": 3, "columnCount": 2}}}}]));
    let whole = TabRead { columns: None, ..read(5, &[]) };
    assert_eq!(read_one(&desk, &whole).await.columns, []);
    desk.edit(&json!([
        {"appendDimension": {"sheetId": 5, "dimension": "COLUMNS", "length": 1}},
        {"updateCells": {"fields": "userEnteredValue", "start": {"sheetId": 5, "columnIndex": 2, "rowIndex": 1},
            "rows": [{"values": [{"userEnteredValue": {"numberValue": 7}}]}]}},
    ]));
    let image = read_one(&desk, &whole).await;
    assert_eq!(image.columns[2], (ColumnIndex(2), vec![Cell::Number(7.0)]));
    assert_eq!(read_one(&desk, &read(5, &[2])).await.columns[0].1, [Cell::Number(7.0)]);

    desk.edit(&json!([{"deleteDimension": {"range": {"sheetId": 5, "dimension": "COLUMNS",
        "startIndex": 1, "endIndex": 3}}}]));
    let image = read_one(&desk, &read(5, &[0, 2])).await;
    assert_eq!(image.columns, [(ColumnIndex(0), vec![]), (ColumnIndex(2), vec![])]);
    assert_eq!(image.properties.columns, 1);
}

#[tokio::test]
async fn a_header_row_behind_the_grid_reads_as_nothing() {
    let desk = Desk::new().await;
    let beyond = TabRead { header_row: RowIndex(1000), ..read(0, &[0]) };
    let image = read_one(&desk, &beyond).await;
    assert_eq!((image.header.len(), image.properties.rows), (0, 1000));
    let last = TabRead { header_row: RowIndex(999), ..read(0, &[0]) };
    assert_eq!(read_one(&desk, &last).await.columns, [(ColumnIndex(0), vec![])]);
}

#[tokio::test]
async fn a_long_tab_is_read_in_one_call() {
    const ROWS: u32 = 20_000;
    let desk = Desk::new().await;
    desk.edit(&json!([{"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": ROWS}}]));
    let rows: Vec<[Cell; 2]> =
        (0..ROWS).map(|row| [text(&row.to_string()), Cell::Number(f64::from(row))]).collect();
    let rows: Vec<&[Cell]> = rows.iter().map(<[Cell; 2]>::as_slice).collect();
    desk.fill(1, 0, &rows);
    let started = Instant::now();
    let image = read_one(&desk, &read(0, &[1, 0])).await;
    let took = started.elapsed();
    for (_, cells) in &image.columns {
        assert_eq!(cells.len(), ROWS as usize);
    }
    assert_eq!(image.columns[0].1[19_999], Cell::Number(19_999.0));
    assert_eq!(image.columns[1].1[19_999], text("19999"));
    assert_eq!(desk.calls("spreadsheets.get"), 2, "one look, one read, in {took:?}");
}
