//! Pre-images say what every touched row held just before the batch.

use sheets_emulator::model::HumanAct;
use sheetwire_engine::{
    batch::{ColumnIndex, RowIndex, RowsInsert},
    cell::Cell,
};

use super::{Desk, batch, formula, text, work, write};

fn number(number: f64) -> Cell {
    Cell::Number(number)
}

#[tokio::test]
async fn an_edit_in_the_window_is_in_the_pre_image() {
    let desk = Desk::new().await;
    desk.fill(
        0,
        0,
        &[&[text("id"), text("note")], &[text("1"), text("old")], &[text("2"), text("b")]],
    );
    let mut tab = work(2);
    tab.writes = vec![write(1, &[(1, text("from the database"))])];
    // The batch was planned; now a person types.
    desk.types("B2", "=A2&\"!\"");
    desk.types("A1", "ID");
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].writes, [[text("1"), formula("=A2&\"!\"")]]);
    assert_eq!(journal.tabs[0].header, [text("ID"), text("note")]);
    assert_eq!(desk.grid("Sheet1!A2:B3")[0][1], "from the database");
}

#[tokio::test]
async fn a_sort_in_the_window_shows_in_the_pre_image() {
    let desk = Desk::new().await;
    desk.fill(
        0,
        0,
        &[&[text("id"), text("n")], &[text("b"), number(2.0)], &[text("a"), number(1.0)]],
    );
    let mut tab = work(2);
    tab.writes = vec![write(1, &[(1, number(20.0))])];
    desk.human(&HumanAct::Sort {
        tab: "Sheet1".into(),
        first_row: 2,
        column: "A".into(),
        descending: false,
    });
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].writes, [[text("a"), number(1.0)]], "the wrong row was hit");
    assert_eq!(desk.grid("Sheet1!A2:B3")[0][1], 20);
}

#[tokio::test]
async fn every_kind_of_content_comes_back_as_it_was() {
    let desk = Desk::new().await;
    let row = [
        text("=1+1"),
        number(0.1 + 0.2),
        Cell::Bool(true),
        Cell::Empty,
        formula("=SUM(B2:B3)*$B$2"),
        text("007 ü 🦀 'x"),
    ];
    desk.fill(1, 0, &[&row]);
    let mut tab = work(6);
    tab.writes = vec![write(1, &[(0, Cell::Empty), (5, text("new"))])];
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].writes, [row]);
}

#[tokio::test]
async fn a_deleted_row_is_kept_whole_with_its_formulas() {
    let desk = Desk::new().await;
    for row in 0..60_u32 {
        desk.fill(row, 0, &[&[text("k"), number(f64::from(row))]]);
    }
    // A running total and a sum over everything above, in the user's own columns.
    desk.fill(50, 3, &[&[formula("=B50+B51"), formula("=SUM(B2:B50)"), formula("=B$1*2")]]);
    let mut tab = work(2);
    tab.deletes = vec![RowIndex(3), RowIndex(50)];
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    let deleted = &journal.tabs[0].deletes;
    assert_eq!(deleted.iter().map(Vec::len).collect::<Vec<_>>(), [26, 26]);
    assert_eq!(deleted[0][..2], [text("k"), number(3.0)]);
    assert_eq!(
        deleted[1][1..6],
        [
            number(50.0),
            Cell::Empty,
            formula("=B50+B51"),
            formula("=SUM(B2:B50)"),
            formula("=B$1*2")
        ]
    );
    assert_eq!(desk.grid("Sheet1!A1:B100").len(), 58);
}

#[tokio::test]
async fn pre_images_are_taken_before_any_write_delete_or_insert_of_the_batch() {
    let desk = Desk::new().await;
    let rows: Vec<[Cell; 1]> = (0..40).map(|row| [text(&format!("r{row}"))]).collect();
    let rows: Vec<&[Cell]> = rows.iter().map(<[Cell; 1]>::as_slice).collect();
    desk.fill(0, 0, &rows);
    let mut tab = work(1);
    tab.writes = vec![write(30, &[(0, text("w30"))]), write(5, &[(0, text("w5"))])];
    tab.deletes = vec![RowIndex(4), RowIndex(6)];
    tab.insert = Some(RowsInsert {
        at: RowIndex(1),
        inherit_from_before: false,
        rows: vec![vec![text("new")]],
    });
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    let images = &journal.tabs[0];
    assert_eq!(images.header, [text("r0")]);
    assert_eq!(images.writes, [[text("r30")], [text("r5")]], "in the order of the batch");
    assert_eq!(images.deletes[0][0], text("r4"));
    assert_eq!(images.deletes[1][0], text("r6"));
    let column: Vec<String> =
        desk.grid("Sheet1!A1:A8").iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
    assert_eq!(column, ["r0", "new", "r1", "r2", "r3", "w5", "r7", "r8"]);
}

#[tokio::test]
async fn nothing_of_an_earlier_batch_shows_in_a_later_one() {
    let desk = Desk::new().await;
    desk.fill(0, 0, &[&[text("id"), text("a")], &[text("1"), text("x")], &[text("2"), text("y")]]);
    let mut wide = work(2);
    wide.writes = vec![write(1, &[(1, text("x2"))]), write(2, &[(1, text("y2"))])];
    desk.apply(&batch(None, 1, vec![wide])).await;
    let mut narrow = work(2);
    narrow.writes = vec![write(7, &[(1, text("z"))])];
    let journal = desk.apply(&batch(Some(1), 2, vec![narrow])).await;
    assert_eq!(journal.tabs[0].writes, [[Cell::Empty, Cell::Empty]]);
    assert_eq!(desk.grid("_sheetwire!A1001:B1010").len(), 1, "only the header row is left");
}

#[tokio::test]
async fn columns_in_any_order_and_with_gaps_come_back_in_mapped_order() {
    let desk = Desk::new().await;
    desk.fill(1, 0, &[&[text("A"), text("own"), text("C"), formula("=C2"), text("E")]]);
    let mut tab = work(3);
    tab.columns = vec![ColumnIndex(4), ColumnIndex(0), ColumnIndex(3)];
    tab.writes = vec![write(1, &[(0, text("e")), (1, text("a"))])];
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].writes, [[text("E"), text("A"), formula("=C2")]]);
    assert_eq!(desk.grid("Sheet1!A2:E2"), [["a", "own", "C", "=C2", "e"]]);
}

#[tokio::test]
async fn several_tabs_share_one_journal() {
    let desk = Desk::new().await;
    desk.edit(&serde_json::json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Other"}}}]));
    desk.fill(0, 0, &[&[text("id")], &[text("one")]]);
    desk.human(&HumanAct::Type { tab: "Other".into(), cell: "C9".into(), text: "nine".into() });
    let mut first = work(1);
    first.writes = vec![write(1, &[(0, text("1"))])];
    let mut other = work(3);
    other.sheet_id = 5;
    other.deletes = vec![RowIndex(8)];
    let journal = desk.apply(&batch(None, 1, vec![other, first])).await;
    assert_eq!(journal.tabs[0].deletes[0][..3], [Cell::Empty, Cell::Empty, text("nine")]);
    assert_eq!(journal.tabs[0].header, [Cell::Empty, Cell::Empty, Cell::Empty]);
    assert_eq!(journal.tabs[1].header, [text("id")]);
    assert_eq!(journal.tabs[1].writes, [[text("one")]]);
}

#[tokio::test]
async fn formulas_far_to_the_right_come_back_in_their_own_columns() {
    let desk = Desk::new().await;
    desk.edit(&serde_json::json!([
        {"appendDimension": {"sheetId": 0, "dimension": "COLUMNS", "length": 200}}]));
    desk.fill(4, 150, &[&[text("k"), formula("=$EU$1&EU5"), formula("=SUM(ET2:EU5)")]]);
    let mut tab = work(3);
    tab.grid_columns = 226;
    tab.columns = (150..153).map(ColumnIndex).collect();
    tab.writes = vec![write(4, &[(0, text("new"))])];
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    let row = &journal.tabs[0].writes[0];
    assert_eq!(row[0], text("k"));
    assert_eq!(row[1], formula("=$EU$1&EU5"));
    assert!(matches!(&row[2], Cell::Formula { text, .. } if text.starts_with("=SUM(")), "{row:?}");
}

#[tokio::test]
async fn a_total_over_the_whole_tab_survives_being_hit() {
    let desk = Desk::new().await;
    desk.fill(990, 0, &[&[text("total"), formula("=SUM(B2:B990)")]]);
    let mut tab = work(2);
    tab.writes = vec![write(990, &[(0, text("42")), (1, number(1.0))])];
    let journal = desk.apply(&batch(None, 1, vec![tab])).await;
    assert_eq!(journal.tabs[0].writes, [[text("total"), formula("=SUM(B2:B990)")]]);
}

#[tokio::test]
async fn merged_cells_of_a_person_do_not_disturb_the_journal() {
    let desk = Desk::new().await;
    desk.fill(1, 0, &[&[text("a"), text("b")], &[text("c"), text("d")]]);
    desk.edit(
        &serde_json::json!([{"mergeCells": {"mergeType": "MERGE_ALL", "range": {"sheetId": 0,
        "startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 2, "endColumnIndex": 4}}}]),
    );
    for next in 1..=3 {
        let mut tab = work(5);
        let row = u32::try_from(next).unwrap() % 2 + 1;
        tab.writes = vec![write(row, &[(4, text("x"))])];
        let journal = desk.apply(&batch((next > 1).then(|| next - 1), next, vec![tab])).await;
        let expected = if row == 1 { ["a", "b"] } else { ["c", "d"] }.map(text);
        assert_eq!(journal.tabs[0].writes[0][..2], expected);
    }
}
