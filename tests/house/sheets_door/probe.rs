//! The probe proves what the writer relies on, or says why not.

use serde_json::json;
use sheets_emulator::http::{Fault, FaultFilter, FaultKind, Role};
use sheetwire::{
    fault::Fault as Trouble,
    ports::SheetSink,
    sheets::{CallLimits, FenceKind, PROBE_COST_MAX},
};
use sheetwire_engine::batch::WriteOutcome;

use super::{BOOK, Desk, KeyFile, ROBOT, batch, stub::Stub, text, work, write};

fn titles(desk: &Desk) -> Vec<String> {
    let query = sheets_emulator::model::Query(vec![(
        "fields".into(),
        "sheets(properties(title)),namedRanges(namedRangeId)".into(),
    )]);
    let answer = desk.emulator.spreadsheet(BOOK).unwrap().get(&query).unwrap();
    assert!(answer.get("namedRanges").is_none(), "{answer}");
    let sheets = answer["sheets"].as_array().unwrap().iter();
    sheets.map(|sheet| sheet["properties"]["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_good_spreadsheet_passes_and_is_left_as_it_was() {
    let desk = Desk::new().await;
    desk.fill(0, 0, &[&[text("mine")]]);
    let report = desk.client.probe(BOOK).await.unwrap();
    assert_eq!(report.fence, FenceKind::NamedRange);
    assert_eq!((report.reads, report.writes), desk.client.calls());
    assert_eq!((report.reads, report.writes), (1, 4));
    assert_eq!(titles(&desk), ["Sheet1"]);
    assert_eq!(desk.grid("Sheet1"), [["mine"]]);
}

#[tokio::test]
async fn the_name_of_the_range_guards_too_where_missing_ids_may_be_deleted() {
    let desk = Desk::new().await;
    desk.emulator.edit(BOOK, |book| book.lenient_named_range_delete = true).unwrap();
    let report = desk.client.probe(BOOK).await.unwrap();
    assert_eq!(report.fence, FenceKind::NamedRange);
    assert_eq!((report.reads, report.writes), desk.client.calls());
    assert_eq!(titles(&desk), ["Sheet1"]);

    let put = |previous, next, word: &str| {
        let mut tab = work(1);
        tab.writes = vec![write(1, &[(0, text(word))])];
        batch(previous, next, vec![tab])
    };
    desk.apply(&put(None, 1, "one")).await;
    desk.apply(&put(Some(1), 2, "two")).await;
    assert_eq!(desk.client.write(&put(Some(1), 2, "stale")).await, WriteOutcome::Fenced);
    assert_eq!(desk.client.write(&put(None, 1, "first")).await, WriteOutcome::Fenced);
    assert_eq!(desk.grid("Sheet1!A2"), [["two"]]);
    let other = desk.another().await;
    let image = other.open(BOOK).await.unwrap();
    assert_eq!((image.fence, image.journal_tab), (Some(2), true));
    super::applied(other.write(&put(Some(2), 3, "three")).await);
}

#[tokio::test]
async fn the_journal_tab_fence_works_from_the_first_batch_on() {
    let desk = Desk::new().await;
    desk.client.set_fence_kind(BOOK, FenceKind::JournalTab);
    let put = |previous, next, word: &str| {
        let mut tab = work(1);
        tab.writes = vec![write(1, &[(0, text(word))])];
        batch(previous, next, vec![tab])
    };
    desk.apply(&put(None, 1, "one")).await;
    let journal = desk.apply(&put(Some(1), 2, "two")).await;
    assert_eq!(journal.tabs[0].writes, [[text("one")]]);
    for stale in [put(Some(1), 2, "stale"), put(None, 1, "first"), put(Some(1), 3, "odd")] {
        assert_eq!(desk.client.write(&stale).await, WriteOutcome::Fenced);
    }
    assert_eq!(desk.grid("Sheet1!A2"), [["two"]]);
    let other = desk.another().await;
    assert_eq!(other.open(BOOK).await.unwrap().fence, Some(2));
    let journal = super::applied(other.write(&put(Some(2), 3, "three")).await);
    assert_eq!(journal.tabs[0].writes, [[text("two")]], "the kind is learned from what is there");
    assert_eq!(titles(&desk), ["Sheet1", "_sheetwire"]);
}

#[tokio::test]
async fn what_a_probe_left_behind_is_cleared_by_the_next_one() {
    let desk = Desk::new().await;
    let lost = Fault {
        skip: 1,
        times: Some(9),
        ..Fault::once(FaultKind::AnswerLost, FaultFilter::BatchUpdate)
    };
    desk.emulator.faults().arm(lost);
    let trouble = desk.client.probe(BOOK).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Transient(_)), "{trouble}");
    desk.edit(&json!([
        {"addNamedRange": {"namedRange": {"namedRangeId": "sheetwire_probe_x", "name": "left_over",
            "range": {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 1,
                      "startColumnIndex": 0, "endColumnIndex": 1}}}}]));
    desk.emulator.faults().clear();
    desk.client.probe(BOOK).await.unwrap();
    assert_eq!(titles(&desk), ["Sheet1"]);
}

#[tokio::test]
async fn a_probe_that_may_not_write_says_what_to_do() {
    let desk = Desk::new().await;
    desk.emulator.share(BOOK, ROBOT, Role::Reader).unwrap();
    let trouble = desk.client.probe(BOOK).await.unwrap_err();
    let Trouble::Google(message) = trouble else { panic!("{trouble}") };
    assert!(message.contains("share") && message.contains(ROBOT), "{message}");
    desk.emulator.faults().arm(Fault::once(FaultKind::Throttled, FaultFilter::Api));
    let trouble = desk.client.probe(BOOK).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Transient(_)), "{trouble}");
}

const TOKEN: (u16, &str) = (200, r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#);
const DONE: (u16, &str) = (200, "{}");
const STALE_TAB: (u16, &str) = (
    400,
    r#"{"error":{"code":400,"message":"Invalid requests[0].deleteSheet: No sheet with id: 1","status":"INVALID_ARGUMENT"}}"#,
);

/// The answer to the batch under test, with what the copied row holds.
fn answer(first: &str, image: &str) -> String {
    let row = format!(
        r#"{{"values":[{{"userEnteredValue":{{"stringValue":"{image}"}}}},
        {{"userEnteredValue":{{"numberValue":7.5}}}},{{"userEnteredValue":{{"formulaValue":"=B6*2"}}}},
        {{"userEnteredValue":{{"boolValue":true}}}}]}}"#
    );
    format!(
        r#"{{"updatedSpreadsheet":{{"sheets":[{{"properties":{{"sheetId":1592209792}},"data":[
        {{"startRow":1,"rowData":[{{"values":[{{"userEnteredValue":{{"stringValue":"{first}"}}}}]}}]}},
        {{"startRow":5,"rowData":[{row}]}}]}}]}}}}"#
    )
}

async fn probed(
    answers: &[(u16, &str)],
) -> (Result<sheetwire::sheets::ProbeReport, Trouble>, usize) {
    let stub = Stub::saying(&[&[TOKEN], answers].concat()).await;
    let key = KeyFile::new(&format!("{}/token", stub.url));
    let client = super::client(&stub.url, &key, CallLimits::default()).await;
    let report = client.probe(BOOK).await;
    let made = client.calls();
    if let Ok(report) = &report {
        assert_eq!((report.reads, report.writes), made);
    }
    assert!(made.0 <= PROBE_COST_MAX.0 && made.1 <= PROBE_COST_MAX.1, "{made:?}");
    (report, stub.left())
}

#[tokio::test]
async fn where_a_stale_named_range_passes_the_journal_tab_is_the_fence() {
    let good = answer("after", "before");
    let said = [DONE, DONE, DONE, DONE, DONE, STALE_TAB, (200, &good), DONE];
    let (report, left) = probed(&said).await;
    assert_eq!(report.unwrap().fence, FenceKind::JournalTab);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_probe_that_a_late_batch_of_an_earlier_one_disturbs_is_repeated() {
    const GONE: (u16, &str) = (
        400,
        r#"{"error":{"code":400,"message":"Invalid requests[0].deleteNamedRange: No named range with id: sheetwire_probe_2","status":"INVALID_ARGUMENT"}}"#,
    );
    let good = answer("after", "before");
    let stale = (400, GONE.1.replace("probe_2", "probe_0"));
    let said = [DONE, DONE, (stale.0, &*stale.1), (200, &*good), GONE];
    let (report, _) = probed(&said).await;
    let trouble = report.unwrap_err();
    assert!(matches!(trouble, Trouble::Transient(_)), "{trouble}");
}

#[tokio::test]
async fn a_google_that_keeps_no_promise_is_refused_with_a_sentence() {
    let fenced = STALE_TAB;
    let (lost, torn, late) =
        (answer("after", "after"), answer("after", "stale"), answer("before", "before"));
    for (said, word) in [
        (vec![DONE, DONE, DONE, DONE, DONE, DONE, DONE], "missing tab"),
        (vec![DONE, DONE, fenced, (200, &*lost), DONE], "does not come back"),
        (vec![DONE, DONE, fenced, (200, &*torn), DONE], "in part"),
        (vec![DONE, DONE, fenced, (200, &*late), DONE], "after the batch"),
        (vec![DONE, DONE, fenced, (200, r#"{"updatedSpreadsheet":{}}"#), DONE], "was asked for"),
    ] {
        let (report, left) = probed(&said).await;
        let Err(Trouble::Google(message)) = report else { panic!("{word}: {report:?}") };
        assert!(message.contains(word) && message.contains("nothing was written"), "{message}");
        assert_eq!(left, 0, "{word}");
    }
}
