//! Claims about whole batches and whole answers.

#![expect(clippy::needless_pass_by_value, reason = "json! makes values")]

use serde_json::{Value, json};
use sheetwire_engine::batch::{
    BatchId, CellFormat, CellNote, ColumnBind, ColumnIndex, FenceStep, JournalOwner, NoteWrite,
    RowIndex, RowWrite, RowsInsert, TabCreate, TabProperties, TabRead, TabWork, Validation,
};

use super::{answer::BatchAnswer, *};

mod dress;
mod reads;

const OURS: i32 = journal::SHEET_ID;

fn batch(previous: Option<u64>, tabs: Vec<TabWork>) -> Batch {
    Batch {
        id: BatchId("b-9".into()),
        spreadsheet: "book".into(),
        fence: FenceStep { previous, next: 9 },
        owner: JournalOwner {
            instance: "i".into(),
            pipeline: "crm".into(),
            spreadsheet: "book".into(),
        },
        position: "u:1-7".into(),
        tabs,
    }
}

fn work(columns: &[u32]) -> TabWork {
    TabWork {
        sheet_id: 3,
        create: None,
        header_row: RowIndex(0),
        columns: columns.iter().map(|column| ColumnIndex(*column)).collect(),
        grid_columns: 5,
        bind: Vec::new(),
        writes: Vec::new(),
        deletes: Vec::new(),
        insert: None,
        notes: Vec::new(),
    }
}

fn bind(values: Validation) -> ColumnBind {
    ColumnBind {
        column: 0,
        name: "status".into(),
        note: Some("status: ENUM".into()),
        values: Some(values),
        protect: true,
    }
}

fn formula(text: &str) -> Cell {
    Cell::Formula { text: text.into(), value: Box::new(Cell::Empty) }
}

fn write(row: u32, cells: &[(u16, Cell)]) -> RowWrite {
    RowWrite { row: RowIndex(row), cells: cells.to_vec() }
}

fn tab() -> JournalTab {
    JournalTab { sheet_id: OURS, title: journal::TITLE.into(), rows: 1024, columns: 16 }
}

fn compiled(batch: &Batch, rows: Option<u32>) -> Compiled {
    let tab = tab();
    let rows = batch.tabs.iter().map(|_| rows).collect();
    let surroundings = Surroundings {
        kind: FenceKind::NamedRange,
        journal: Some(&tab),
        rows,
        standing: Vec::new(),
        crate_bytes: 0,
    };
    compile(batch, &surroundings).unwrap()
}

/// Requests of a batch, without the five that fence, clear and head the journal.
fn requests(batch: &Batch, rows: Option<u32>) -> Vec<Value> {
    let body: Value = serde_json::from_str(&text_of(&compiled(batch, rows))).unwrap();
    body["requests"].as_array().unwrap()[5..].to_vec()
}

/// The body as JSON text, whichever way it travels.
fn text_of(compiled: &Compiled) -> String {
    match &compiled.body {
        Outgoing::Typed(tree) => tree.to_string(),
        Outgoing::Text(text) => text.clone(),
    }
}

fn copy(from: [u32; 4], to: [u32; 4]) -> Value {
    let range = |id: i32, at: [u32; 4]| {
        json!({"sheetId": id, "startRowIndex": at[0], "endRowIndex": at[1],
               "startColumnIndex": at[2], "endColumnIndex": at[3]})
    };
    json!({"copyPaste": {"source": range(3, from), "destination": range(OURS, to),
                         "pasteType": "PASTE_NORMAL", "pasteOrientation": "NORMAL"}})
}

fn update(row: u32, column: u32, rows: Value) -> Value {
    json!({"updateCells": {"rows": rows, "fields": "userEnteredValue",
        "start": {"sheetId": 3, "rowIndex": row, "columnIndex": column}}})
}

fn text(text: &str) -> Value {
    json!({"userEnteredValue": {"stringValue": text}})
}

#[test]
fn a_burn_moves_the_fence_and_writes_the_first_row() {
    let compiled = compiled(&batch(Some(8), Vec::new()), None);
    let body: Value = serde_json::from_str(&text_of(&compiled)).unwrap();
    let names: Vec<&String> = body["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request.as_object().unwrap().keys().next().unwrap())
        .collect();
    assert_eq!(
        names,
        ["deleteNamedRange", "addNamedRange", "unmergeCells", "updateCells", "updateCells"]
    );
    assert_eq!(
        body["requests"][3],
        json!({"updateCells": {"fields": "*", "range": {"sheetId": OURS}}}),
        "everything of the batch before is cleared"
    );
    assert_eq!(
        body["requests"][4]["updateCells"]["rows"],
        json!([{"values": [text("sheetwire journal 1"), text("i"), text("crm"), text("book"),
                           text("9"), text("b-9"), text("u:1-7")]}])
    );
    assert_eq!(compiled.fence_requests, 2);
    assert_eq!(body["includeSpreadsheetInResponse"], true);
    assert_eq!(body["responseRanges"], json!(["'_sheetwire'!1:1"]));
}

#[test]
fn the_first_batch_adds_the_journal_with_the_rows_it_needs() {
    let batch = batch(None, vec![work(&[0])]);
    let rows = vec![Some(10)];
    let surroundings = Surroundings {
        kind: FenceKind::NamedRange,
        journal: None,
        rows,
        standing: Vec::new(),
        crate_bytes: 0,
    };
    let compiled = compile(&batch, &surroundings).unwrap();
    let body: Value = serde_json::from_str(&text_of(&compiled)).unwrap();
    let properties = &body["requests"][0]["addSheet"]["properties"];
    assert_eq!(properties["gridProperties"], json!({"rowCount": 1024, "columnCount": 8}));
    assert_eq!(properties["hidden"], true);
    assert_eq!(compiled.owners.len(), body["requests"].as_array().unwrap().len());
    assert_eq!(compiled.journal.rows, 1024);
}

#[test]
fn the_journal_grows_only_when_it_must() {
    let small = JournalTab { rows: 1001, ..tab() };
    let many: Vec<RowWrite> = (1..=40).map(|row| write(row, &[(0, Cell::Empty)])).collect();
    let batch = batch(Some(8), vec![TabWork { writes: many, ..work(&[0]) }]);
    let surroundings = Surroundings {
        kind: FenceKind::NamedRange,
        journal: Some(&small),
        rows: vec![None],
        standing: Vec::new(),
        crate_bytes: 0,
    };
    let compiled = compile(&batch, &surroundings).unwrap();
    let body: Value = serde_json::from_str(&text_of(&compiled)).unwrap();
    assert_eq!(
        body["requests"][2]["updateSheetProperties"],
        json!({"properties": {"sheetId": OURS,
                              "gridProperties": {"rowCount": 1536, "columnCount": 16}},
               "fields": "gridProperties.rowCount,gridProperties.columnCount"})
    );
}

#[test]
fn pre_images_come_before_any_write_and_rows_are_joined() {
    let tab = TabWork {
        writes: vec![
            write(7, &[(0, Cell::text("x")), (2, Cell::Number(1.5))]),
            write(6, &[(0, Cell::text("y")), (2, Cell::Empty)]),
            write(30, &[(1, Cell::text("z")), (2, Cell::text("w"))]),
        ],
        deletes: vec![RowIndex(10), RowIndex(11), RowIndex(14)],
        ..work(&[1, 3, 2])
    };
    assert_eq!(
        requests(&batch(Some(8), vec![tab]), Some(100)),
        [
            copy([0, 1, 1, 4], [1000, 1001, 1, 4]),
            copy([6, 8, 1, 4], [1001, 1003, 1, 4]),
            copy([30, 31, 1, 4], [1003, 1004, 1, 4]),
            copy([10, 15, 0, 5], [1004, 1009, 0, 5]),
            update(
                6,
                1,
                json!([
                    {"values": [text("y"), {}]},
                    {"values": [text("x"), {"userEnteredValue": {"numberValue": 1.5}}]},
                ])
            ),
            update(30, 2, json!([{"values": [text("w"), text("z")]}])),
            json!({"deleteDimension": {"range": {"sheetId": 3, "dimension": "ROWS",
                "startIndex": 14, "endIndex": 15}}}),
            json!({"deleteDimension": {"range": {"sheetId": 3, "dimension": "ROWS",
                "startIndex": 10, "endIndex": 12}}}),
        ]
    );
}

#[test]
fn rows_are_inserted_empty_and_filled_around_foreign_columns() {
    let insert = |at, inherit_from_before| TabWork {
        deletes: vec![RowIndex(4)],
        insert: Some(RowsInsert {
            at: RowIndex(at),
            inherit_from_before,
            rows: vec![vec![Cell::text("a"), Cell::text("b")], vec![Cell::Empty, Cell::text("d")]],
        }),
        ..work(&[3, 0])
    };
    let inserted = requests(&batch(Some(8), vec![insert(6, false)]), Some(9)).split_off(3);
    assert_eq!(
        inserted,
        [
            json!({"insertDimension": {"range": {"sheetId": 3, "dimension": "ROWS",
                "startIndex": 6, "endIndex": 8}, "inheritFromBefore": false}}),
            update(6, 0, json!([{"values": [text("b")]}, {"values": [text("d")]}])),
            update(6, 3, json!([{"values": [text("a")]}, {"values": [{}]}])),
        ]
    );
    let inherits = |at, wanted, rows| {
        let requests = requests(&batch(Some(8), vec![insert(at, wanted)]), rows);
        requests[3]["insertDimension"]["inheritFromBefore"].clone()
    };
    assert_eq!(inherits(8, false, Some(9)), true, "behind the last of eight rows");
    assert_eq!(inherits(0, true, Some(9)), false, "before the first row");
    assert_eq!(inherits(5, true, None), true);
}

#[test]
fn a_new_tab_is_just_large_enough_and_gets_its_formats_once() {
    let tab = TabWork {
        create: Some(TabCreate {
            add: Some("Orders".into()),
            header: vec!["id".into(), "due".into(), "paid".into()],
            formats: vec![CellFormat::Text, CellFormat::Date, CellFormat::Date],
        }),
        header_row: RowIndex(1),
        insert: Some(RowsInsert {
            at: RowIndex(2),
            inherit_from_before: false,
            rows: vec![vec![Cell::text("1"), Cell::Empty, Cell::Empty]],
        }),
        ..work(&[0, 1, 2])
    };
    let requests = requests(&batch(Some(8), vec![tab]), None);
    assert_eq!(
        requests[..4],
        [
            json!({"addSheet": {"properties": {"sheetId": 3, "title": "Orders",
                "gridProperties": {"rowCount": 3, "columnCount": 3, "frozenRowCount": 2}}}}),
            update(1, 0, json!([{"values": [text("id"), text("due"), text("paid")]}])),
            json!({"repeatCell": {
                "range": {"sheetId": 3, "startRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 1},
                "cell": {"userEnteredFormat": {"numberFormat": {"type": "TEXT"}}},
                "fields": "userEnteredFormat.numberFormat"}}),
            json!({"repeatCell": {
                "range": {"sheetId": 3, "startRowIndex": 2, "startColumnIndex": 1, "endColumnIndex": 3},
                "cell": {"userEnteredFormat": {"numberFormat":
                    {"type": "DATE", "pattern": "yyyy-mm-dd"}}},
                "fields": "userEnteredFormat.numberFormat"}}),
        ]
    );
    assert_eq!(requests[4], copy([1, 2, 0, 3], [1000, 1001, 0, 3]));
    assert_eq!(requests[5]["insertDimension"]["inheritFromBefore"], false);
}

#[test]
fn an_existing_tab_without_a_header_gets_room_for_it() {
    let tab = TabWork {
        create: Some(TabCreate {
            add: None,
            header: vec!["a".into(), "b".into()],
            formats: vec![CellFormat::Automatic; 2],
        }),
        ..work(&[4, 6])
    };
    let requests = requests(&batch(Some(8), vec![tab]), Some(1));
    assert_eq!(
        requests[..4],
        [
            json!({"appendDimension": {"sheetId": 3, "dimension": "COLUMNS", "length": 2}}),
            json!({"appendDimension": {"sheetId": 3, "dimension": "ROWS", "length": 1}}),
            update(0, 4, json!([{"values": [text("a")]}])),
            update(0, 6, json!([{"values": [text("b")]}])),
        ]
    );
}

#[test]
fn every_request_knows_its_tab() {
    let other = TabWork { sheet_id: 4, writes: vec![write(1, &[(0, Cell::Empty)])], ..work(&[0]) };
    let batch = batch(Some(8), vec![TabWork { deletes: vec![RowIndex(2)], ..work(&[0]) }, other]);
    let compiled = compiled(&batch, Some(10));
    let owners = &compiled.owners[5..];
    assert_eq!(owners, [Some(0), Some(0), Some(1), Some(1), Some(1), Some(0)]);
}

#[test]
fn a_number_without_a_json_form_is_refused_before_it_is_sent() {
    for number in [f64::NAN, f64::INFINITY] {
        let tab = TabWork { writes: vec![write(1, &[(0, Cell::Number(number))])], ..work(&[0]) };
        let batch = batch(Some(8), vec![work(&[0]), tab]);
        let rows = vec![None, None];
        let surroundings = Surroundings {
            kind: FenceKind::NamedRange,
            journal: None,
            rows,
            standing: Vec::new(),
            crate_bytes: 0,
        };
        assert_eq!(compile(&batch, &surroundings).unwrap_err(), Unwritable { tab: 1 });
    }
}

/// Our own request types say exactly what the types of `google-sheets4` say: decoded by that crate and encoded again, nothing is
/// lost and nothing is added.
#[test]
fn our_requests_are_in_the_schema_of_the_crate() {
    let everything = TabWork {
        create: Some(TabCreate {
            add: None,
            header: vec!["a".into()],
            formats: vec![CellFormat::Duration],
        }),
        writes: vec![write(
            3,
            &[(0, formula("=A1")), (0, Cell::Bool(true)), (0, Cell::Number(0.0))],
        )],
        bind: vec![bind(Validation::OneOf(vec!["a".into(), "b".into()]))],
        notes: vec![NoteWrite { row: RowIndex(3), column: ColumnIndex(0), text: None }],
        deletes: vec![RowIndex(5)],
        insert: Some(RowsInsert {
            at: RowIndex(4),
            inherit_from_before: true,
            rows: vec![vec![Cell::text("x")]],
        }),
        ..work(&[9])
    };
    let new = TabWork {
        create: Some(TabCreate {
            add: Some("n".into()),
            header: vec!["a".into()],
            formats: vec![CellFormat::DateTime],
        }),
        ..work(&[0])
    };
    let tabs = vec![everything, new];
    let small = JournalTab { rows: 1, ..tab() };
    for (previous, journal, kind) in [
        (Some(8), Some(&small), FenceKind::NamedRange),
        (None, None, FenceKind::NamedRange),
        (Some(8), Some(&small), FenceKind::JournalTab),
    ] {
        let rows = vec![Some(1), None];
        let standing = Vec::new();
        let surroundings = Surroundings { kind, journal, rows, standing, crate_bytes: 0 };
        let narrow = compile(&batch(previous, tabs.clone()), &surroundings).unwrap();
        let surroundings = Surroundings { crate_bytes: usize::MAX, ..surroundings };
        let compiled = compile(&batch(previous, tabs.clone()), &surroundings).unwrap();
        let Outgoing::Typed(ours) = compiled.body else { panic!("nothing is too large") };
        let mut theirs = serde_json::to_value(outgoing::typed(&ours).unwrap()).unwrap();
        google_sheets4::common::remove_json_null_values(&mut theirs);
        assert_eq!(ours, theirs);
        assert_eq!(text_of(&narrow), ours.to_string(), "both ways carry the same body");
    }
}

fn scattered(rows: u32) -> Batch {
    let writes = (0..rows).map(|row| write(1 + row * 20, &[(0, Cell::text("x"))])).collect();
    batch(Some(8), vec![TabWork { writes, ..work(&[0, 1, 2, 3]) }])
}

/// How a batch travels with the memory the product allows.
fn is_typed(batch: &Batch) -> bool {
    let tab = tab();
    let surroundings = Surroundings {
        kind: FenceKind::NamedRange,
        journal: Some(&tab),
        rows: batch.tabs.iter().map(|_| None).collect(),
        standing: Vec::new(),
        crate_bytes: outgoing::CRATE_BYTES,
    };
    matches!(compile(batch, &surroundings).unwrap().body, Outgoing::Typed(_))
}

#[test]
fn what_would_be_heavy_in_the_crates_types_travels_as_text() {
    assert!(is_typed(&batch(Some(8), Vec::new())), "a burn");
    assert!(is_typed(&scattered(100)), "requests");
    assert!(!is_typed(&scattered(5_000)), "requests");
    let wide = |rows| {
        let deletes = (0..rows).map(RowIndex).collect();
        batch(Some(8), vec![TabWork { deletes, grid_columns: 100, ..work(&[0]) }])
    };
    assert!(is_typed(&wide(10)) && !is_typed(&wide(100)), "cells of the answer");
    let long = |chars| {
        let writes = vec![write(1, &[(0, Cell::text("x".repeat(chars)))])];
        batch(Some(8), vec![TabWork { writes, ..work(&[0]) }])
    };
    assert!(is_typed(&long(50_000)) && !is_typed(&long(5_000_000)), "text");
}

#[test]
fn no_number_is_rounded_on_its_way_through_the_crate() {
    // Written as text and read again by `serde_json`, many of these come back as their neighbour.
    let numbers: Vec<f64> = (1_u32..2_000)
        .map(|at| f64::from(at).sqrt() * 10_f64.powi(i32::try_from(at % 600).unwrap() - 300))
        .collect();
    let writes = vec![RowWrite {
        row: RowIndex(1),
        cells: (0..).zip(&numbers).map(|(at, number)| (at, Cell::Number(*number))).collect(),
    }];
    let columns: Vec<u32> = (0..2_000).collect();
    let batch = batch(Some(8), vec![TabWork { writes, ..work(&columns) }]);
    let tab = tab();
    let surroundings = Surroundings {
        kind: FenceKind::NamedRange,
        journal: Some(&tab),
        rows: vec![None],
        standing: Vec::new(),
        crate_bytes: usize::MAX,
    };
    let Outgoing::Typed(body) = compile(&batch, &surroundings).unwrap().body else {
        panic!("nothing is too large")
    };
    let request = outgoing::typed(&body).unwrap().requests.unwrap().pop().unwrap();
    let row = request.update_cells.unwrap().rows.unwrap().pop().unwrap();
    let sent = row.values.unwrap().into_iter();
    let sent: Vec<u64> =
        sent.map(|cell| cell.user_entered_value.unwrap().number_value.unwrap().to_bits()).collect();
    assert_eq!(sent, numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>());
}

/// An answer, read by us and read by the crate: as we print it, or `None` where it is refused.
fn both_readings(answer: &Value) -> [Option<String>; 2] {
    let ours: Option<answer::SheetsAnswer> = serde_json::from_value(answer.clone()).ok();
    let theirs: Option<google_sheets4::api::Spreadsheet> =
        serde_json::from_value(answer.clone()).ok();
    let theirs = theirs.and_then(answer::SheetsAnswer::of);
    [ours.map(|answer| format!("{answer:?}")), theirs.map(|answer| format!("{answer:?}"))]
}

#[test]
fn the_crates_answers_mean_what_ours_mean() {
    let entered = |value: Value| json!({ "userEnteredValue": value });
    let answer = json!({"sheets": [{
        "properties": {"sheetId": 3, "title": "t", "gridProperties": {"rowCount": 9, "columnCount": 4}},
        "data": [
            {"startRow": 1000, "startColumn": 2, "rowData": [
                {},
                {"values": []},
                {"values": [{}, {"userEnteredValue": {}}, text("a"), {}, entered(json!({"stringValue": ""}))]},
                {"values": [
                    entered(json!({"numberValue": 0.1})), entered(json!({"numberValue": 3})),
                    entered(json!({"boolValue": false})), entered(json!({"formulaValue": "=A1"})),
                    entered(json!({"errorValue": {"type": "N_A", "message": "gone"}})),
                    entered(json!({"errorValue": {}})),
                ]},
            ]},
            {},
        ]},
        {"properties": {}},
    ]});
    let [ours, theirs] = both_readings(&answer);
    let ours = ours.unwrap();
    assert!(
        ours.contains("[CellAnswer { cell: Empty, note: None }, CellAnswer { cell: Empty, note: None }, CellAnswer { cell: Text(\"a\"), note: None }"),
        "{ours}"
    );
    assert_eq!(Some(ours), theirs);
}

#[test]
fn an_answer_that_could_shift_cells_is_refused_both_ways() {
    let of_row =
        |values: Value| json!({"sheets": [{"properties": {}, "data": [{"rowData": values}]}]});
    for answer in [
        of_row(json!([{"values": [null, text("b")]}])),
        of_row(json!([null, {"values": [text("b")]}])),
        of_row(json!([{"values": [{"userEnteredValue": {"numberValue": "NaN"}}]}])),
        json!({"sheets": [{"data": []}]}),
        json!({"sheets": [{"properties": {}, "data": [{"startRow": -1}]}]}),
    ] {
        assert_eq!(both_readings(&answer), [None, None], "{answer}");
    }
    assert!(both_readings(&json!({})).iter().all(Option::is_some));
}

fn answer(data: Value) -> answer::SheetAnswer {
    let answer: BatchAnswer = serde_json::from_value(json!({"updatedSpreadsheet": {"sheets": [
        {"properties": {"sheetId": OURS, "title": "_sheetwire"}, "data": data}
    ]}}))
    .unwrap();
    answer.updated_spreadsheet.sheets.into_iter().next().unwrap()
}

fn first_row() -> Value {
    let values = [journal::MAGIC, "i", "crm", "book", "9", "b-9", "u:1-7"].map(text);
    json!({"rowData": [{"values": values}]})
}

#[test]
fn pre_images_are_given_row_by_row_with_formulas_as_they_stood() {
    let tab = TabWork {
        writes: vec![write(8, &[(0, Cell::Empty)]), write(6, &[(0, Cell::Empty)])],
        deletes: vec![RowIndex(20)],
        ..work(&[2, 1])
    };
    let batch = batch(Some(8), vec![tab]);
    let layout = JournalLayout::of(&batch);
    let formula_json = |text: &str| json!({"userEnteredValue": {"formulaValue": text}});
    // Header, rows 6 to 8 in columns B and C, row 20 whole.
    let data = json!([first_row(), {"startRow": 1000, "rowData": [
        {"values": [{}, text("note"), text("id")]},
        {"values": [{}, text("n6"), formula_json("=A$1+B1001")]},
        {"values": [{}, text("foreign"), text("foreign")]},
        {},
        {"values": [{"userEnteredValue": {"boolValue": true}}, formula_json("=SUM(A2:A1003)+D1004")]},
    ]}]);
    let journal = answer::journal(&answer(data), &batch, &layout).unwrap();
    assert_eq!(journal.header.sequence, 9);
    let images = &journal.tabs[0];
    assert_eq!(images.header, [Cell::text("id"), Cell::text("note")]);
    assert_eq!(
        images.writes,
        [vec![Cell::Empty, Cell::Empty], vec![formula("=A$1+B6"), Cell::text("n6")]]
    );
    assert_eq!(
        images.deletes,
        [vec![
            Cell::Bool(true),
            formula("=SUM(A2:A19)+D20"),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty
        ]],
        "A2 stays, since it would leave the grid; the rest is moved back"
    );
}

#[test]
fn a_journal_of_another_batch_gives_its_header_only() {
    let mut batch = batch(Some(8), vec![work(&[0])]);
    batch.id = BatchId("b-other".into());
    let layout = JournalLayout::of(&batch);
    let journal = answer::journal(&answer(json!([first_row()])), &batch, &layout).unwrap();
    assert_eq!(journal.header.batch, BatchId("b-9".into()));
    assert!(journal.tabs.is_empty());
}

#[test]
fn an_answer_without_the_pre_images_is_unreadable() {
    let batch = batch(Some(8), vec![work(&[0])]);
    let layout = JournalLayout::of(&batch);
    for data in [
        json!([]),
        json!([first_row()]),
        json!([first_row(), {"startRow": 7}]),
        json!([{}, {"startRow": 1000}]),
    ] {
        assert_eq!(answer::journal(&answer(data), &batch, &layout), None);
    }
}
