//! One call per batch, whatever is in it.

use serde_json::json;
use sheetwire::ports::SheetSink;
use sheetwire_engine::{
    batch::{CellFormat, ColumnIndex, RowIndex, RowsInsert, TabCreate, WriteOutcome},
    cell::Cell,
};

use super::{BOOK, Desk, applied, batch, text, work, write};

#[tokio::test]
async fn any_number_of_changed_rows_is_one_call() {
    let desk = Desk::new().await;
    desk.client.open(BOOK).await.unwrap();
    let mut previous = None;
    for (next, rows) in [(1, 1_u32), (2, 30), (3, 300)] {
        let before = desk.emulator.log().count();
        let mut tab = work(2);
        tab.writes = (0..rows).map(|row| write(1 + row * 3, &[(1, text("x"))])).collect();
        desk.apply(&batch(previous, next, vec![tab])).await;
        assert_eq!(desk.emulator.log().count() - before, 1, "{rows} rows");
        previous = Some(next);
    }
    assert_eq!(desk.client.calls(), (1, 3));
}

#[tokio::test]
async fn neighbouring_rows_share_their_requests() {
    let desk = Desk::new().await;
    desk.apply(&batch(None, 1, Vec::new())).await;
    let mut tab = work(3);
    tab.writes =
        (1..=50).map(|row| write(row, &[(0, text("a")), (1, text("b")), (2, text("c"))])).collect();
    tab.deletes = (60..70).map(RowIndex).collect();
    desk.apply(&batch(Some(1), 2, vec![tab])).await;
    let calls = desk.emulator.log().calls();
    let sent = &calls.last().unwrap().requests;
    let work = ["copyPaste", "copyPaste", "copyPaste", "updateCells", "deleteDimension"];
    assert_eq!(
        sent[sent.len() - 6..],
        [["updateCells"].as_slice(), &work].concat(),
        "first row; header, written rows, deleted rows; one write; one delete"
    );
}

#[tokio::test]
async fn five_thousand_scattered_rows_are_one_batch() {
    const ROWS: u32 = 5_000;
    let desk = Desk::new().await;
    desk.edit(&json!([{"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 60_000}}]));
    desk.fill(1 + 11 * 4_999, 1, &[&[text("last")]]);
    let mut tab = work(4);
    tab.writes = (0..ROWS)
        .map(|row| {
            let name = text(&format!("row {row}"));
            write(1 + row * 11, &[(0, Cell::Number(f64::from(row))), (1, name), (3, Cell::Empty)])
        })
        .collect();
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].writes.len(), ROWS as usize);
    assert_eq!(journal.tabs[0].writes[4_999][1], text("last"));
    assert_eq!(desk.grid("Sheet1!A54991:B54991"), [[json!(4999), json!("row 4999")]]);
    let call = desk.emulator.log().calls().pop().unwrap();
    assert!(call.bytes_in < 4_000_000, "{} bytes", call.bytes_in);
}

#[tokio::test]
async fn five_thousand_rows_are_inserted_at_the_end_of_the_grid() {
    let desk = Desk::new().await;
    let mut tab = work(2);
    tab.insert = Some(RowsInsert {
        at: RowIndex(1000),
        inherit_from_before: false,
        rows: (0..5_000).map(|row| vec![Cell::Number(f64::from(row)), text("n")]).collect(),
    });
    desk.apply(&batch(None, 1, vec![tab.clone()])).await;
    assert_eq!(desk.grid("Sheet1!A6000:B6000"), [[json!(4999), json!("n")]]);

    // The end is known from the batch before, without another look.
    tab.deletes = vec![RowIndex(5)];
    tab.insert = Some(RowsInsert {
        at: RowIndex(5999),
        inherit_from_before: false,
        rows: vec![vec![text("end"), Cell::Empty]],
    });
    desk.apply(&batch(Some(1), 2, vec![tab])).await;
    assert_eq!(desk.grid("Sheet1!A6000"), [["end"]]);
    assert_eq!(desk.client.calls(), (1, 2));
}

#[tokio::test]
async fn a_tab_is_made_with_its_header_and_filled_in_the_same_call() {
    let desk = Desk::new().await;
    let mut tab = work(3);
    tab.sheet_id = 77;
    tab.grid_columns = 3;
    tab.create = Some(TabCreate {
        add: Some("It's new / #1".into()),
        header: vec!["id".into(), "due".into(), "note".into()],
        formats: vec![CellFormat::Text, CellFormat::Date, CellFormat::Automatic],
    });
    tab.insert = Some(RowsInsert {
        at: RowIndex(1),
        inherit_from_before: false,
        rows: vec![
            vec![text("1"), Cell::Number(45000.0), Cell::Empty],
            vec![text("2"), Cell::Empty, text("=1")],
        ],
    });
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].header, [text("id"), text("due"), text("note")]);
    assert_eq!(
        desk.grid("'It''s new / #1'"),
        [
            vec![json!("id"), json!("due"), json!("note")],
            vec![json!("1"), json!(45000)],
            vec![json!("2"), json!(""), json!("=1")]
        ]
    );
    let image = desk.client.open(BOOK).await.unwrap();
    let tab = image.tabs.iter().find(|tab| tab.sheet_id == 77).unwrap();
    assert_eq!((tab.rows, tab.columns), (4, 3), "one row below the header, two inserted");
}

#[tokio::test]
async fn a_header_is_put_into_an_existing_tab_and_its_grid_grows_for_it() {
    let desk = Desk::new().await;
    desk.edit(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Tiny",
        "gridProperties": {"rowCount": 1, "columnCount": 1}}}}]));
    let mut tab = work(2);
    tab.sheet_id = 5;
    tab.columns = vec![ColumnIndex(0), ColumnIndex(2)];
    tab.grid_columns = 1;
    tab.create = Some(TabCreate {
        add: None,
        header: vec!["id".into(), "at".into()],
        formats: vec![CellFormat::Text, CellFormat::DateTime],
    });
    desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(desk.grid("Tiny"), [["id", "", "at"]]);
}

#[tokio::test]
async fn mapped_cells_are_written_and_nothing_else() {
    let desk = Desk::new().await;
    let body = json!([{"repeatCell": {
        "range": {"sheetId": 0, "startRowIndex": 1, "endRowIndex": 2},
        "cell": {"userEnteredFormat": {"textFormat": {"bold": true}}, "note": "keep"},
        "fields": "userEnteredFormat.textFormat.bold,note"}}]);
    desk.fill(1, 0, &[&[text("a"), text("own"), text("c")]]);
    desk.edit(&body);
    let look = || {
        let fields = "sheets(data(rowData(values(userEnteredFormat(textFormat(bold)),note))))";
        let query = sheets_emulator::model::Query(vec![
            ("ranges".into(), "Sheet1!A2:C2".into()),
            ("fields".into(), fields.into()),
        ]);
        desk.emulator.spreadsheet(BOOK).unwrap().get(&query).unwrap()
    };
    let before = look();
    assert!(before.to_string().contains("keep"), "{before}");
    let mut tab = work(3);
    tab.columns = vec![ColumnIndex(0), ColumnIndex(2)];
    tab.writes = vec![write(1, &[(0, Cell::Empty), (1, text("=1+1"))])];
    desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(desk.grid("Sheet1!A2:C2"), [["", "own", "=1+1"]]);
    assert_eq!(look(), before);
    desk.types("D2", "=C2&\"!\"");
    let shown = desk.emulator.spreadsheet(BOOK).unwrap();
    let shown = shown.values_get("Sheet1!D2", &sheets_emulator::model::Query::default()).unwrap();
    assert_eq!(shown["values"], json!([["=1+1!"]]), "text that looks like a formula is text");
}

#[tokio::test]
async fn a_number_that_is_none_is_refused_without_a_call() {
    let desk = Desk::new().await;
    desk.client.open(BOOK).await.unwrap();
    let before = desk.emulator.log().count();
    let mut tab = work(1);
    tab.writes = vec![write(1, &[(0, Cell::Number(f64::NAN))])];
    let outcome = desk.client.write(&batch(None, 1, vec![tab])).await;
    assert!(matches!(outcome, WriteOutcome::Refused { tab: Some(0), .. }), "{outcome:?}");
    assert_eq!(desk.emulator.log().count(), before);
}

#[tokio::test]
async fn the_journal_grows_in_steps_and_stays_hidden() {
    let desk = Desk::new().await;
    let size = || {
        let query = sheets_emulator::model::Query(vec![(
            "fields".into(),
            "sheets(properties(title,hidden,gridProperties(rowCount,columnCount)))".into(),
        )]);
        let answer = desk.emulator.spreadsheet(BOOK).unwrap().get(&query).unwrap();
        let sheets = answer["sheets"].as_array().unwrap().clone();
        let journal =
            sheets.into_iter().find(|sheet| sheet["properties"]["title"] == "_sheetwire").unwrap();
        assert_eq!(journal["properties"]["hidden"], true);
        journal["properties"]["gridProperties"]["rowCount"].as_u64().unwrap()
    };
    let many = |rows: u32| {
        let mut tab = work(1);
        tab.writes = (1..=rows).map(|row| write(row, &[(0, text("x"))])).collect();
        vec![tab]
    };
    desk.apply(&batch(None, 1, many(1))).await;
    assert_eq!(size(), 1024);
    desk.apply(&batch(Some(1), 2, many(100))).await;
    assert_eq!(size(), 1536);
    let call = || desk.emulator.log().calls().pop().unwrap();
    assert!(call().requests.contains(&"updateSheetProperties".to_owned()));
    applied(desk.client.write(&batch(Some(2), 3, many(500))).await);
    assert_eq!(size(), 1536);
    assert!(!call().requests.contains(&"updateSheetProperties".to_owned()));
}
