//! Claims about columns that become ours.

use super::{super::dress, *};

#[test]
fn a_column_that_becomes_ours_is_marked_and_dressed() {
    let tab = TabWork {
        bind: vec![bind(Validation::NotEmpty)],
        notes: vec![NoteWrite {
            row: RowIndex(4),
            column: ColumnIndex(2),
            text: Some("refused".into()),
        }],
        ..work(&[2])
    };
    let below =
        json!({"sheetId": 3, "startRowIndex": 1, "startColumnIndex": 2, "endColumnIndex": 3});
    let note = |row: u32, note: &str| {
        json!({"updateCells": {"rows": [{"values": [{"note": note}]}], "fields": "note",
            "start": {"sheetId": 3, "rowIndex": row, "columnIndex": 2}}})
    };
    let requests = requests(&batch(Some(8), vec![tab]), Some(9)).split_off(1);
    assert_eq!(
        requests,
        [
            json!({"createDeveloperMetadata": {"developerMetadata": {
                "metadataKey": "sheetwire.column", "metadataValue": "status",
                "visibility": "DOCUMENT", "location": {"dimensionRange": {
                    "sheetId": 3, "dimension": "COLUMNS", "startIndex": 2, "endIndex": 3}}}}}),
            note(0, "status: ENUM"),
            json!({"setDataValidation": {"range": below, "rule": {"strict": false,
                "showCustomUi": true, "condition": {"type": "CUSTOM_FORMULA",
                    "values": [{"userEnteredValue": "=LEN(C2)>0"}]}}}}),
            json!({"addProtectedRange": {"protectedRange": {"range": below,
                "description": "sheetwire: the database writes this column, an edit here is put back",
                "warningOnly": true}}}),
            note(4, "refused"),
        ]
    );
}

#[test]
fn what_people_said_about_a_column_stays() {
    let tab = TabWork { bind: vec![bind(Validation::Date)], ..work(&[2]) };
    let standing = |protected: Value, data: Value| {
        let answer: dress::StandingAnswer = serde_json::from_value(json!({"sheets": [
            {"properties": {"sheetId": 3}, "protectedRanges": protected, "data": data}]}))
        .unwrap();
        dress::bind(&tab, &answer.of(&tab, 9)).len()
    };
    assert_eq!(standing(json!([]), json!([{"startColumn": 2, "rowData": [{"values": [{}]}]}])), 4);
    let said = json!([{"startColumn": 2, "rowData": [{"values": [{"note": "mine"}]}, {},
        {"values": [{"dataValidation": {"condition": {"type": "DATE_IS_VALID"}}}]}]}]);
    assert_eq!(standing(json!([{"range": {"startRowIndex": 0, "endRowIndex": 9}}]), said), 1);
    let part = json!([{"range": {"startRowIndex": 4, "endRowIndex": 6}}]);
    assert_eq!(standing(part, json!([])), 4, "a few protected cells are not the column");
    let odd = Validation::OneOf(vec!["=A1".into()]);
    let tab = TabWork { bind: vec![bind(odd)], ..work(&[2]) };
    assert_eq!(dress::bind(&tab, &dress::Standing::default()).len(), 3, "it would be a formula");
}
