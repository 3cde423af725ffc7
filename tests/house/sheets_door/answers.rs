//! What an answer proves, and what no answer proves: nothing.

use sheets_emulator::http::{Fault, FaultFilter, FaultKind, Role};
use sheetwire::{ports::SheetSink, sheets::CallLimits};
use sheetwire_engine::batch::{Batch, ReadFailure, WriteOutcome};

use super::{BOOK, Desk, ROBOT, applied, at_its_limit, batch, text, unknown, work, write};

fn put(previous: Option<u64>, next: u64) -> Batch {
    let mut tab = work(1);
    tab.writes = vec![write(1, &[(0, text(&format!("batch {next}")))])];
    batch(previous, next, vec![tab])
}

/// A desk whose spreadsheet has a journal and whose next batch meets a fault.
async fn struck(kind: FaultKind) -> Desk {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1)).await;
    desk.emulator.faults().arm(Fault::once(kind, FaultFilter::BatchUpdate));
    desk
}

#[tokio::test]
async fn an_answer_lost_after_the_batch_was_applied_is_unknown() {
    let desk = struck(FaultKind::AnswerLost).await;
    unknown(&desk.client.write(&put(Some(1), 2)).await);
    assert_eq!(desk.grid("Sheet1!A2"), [["batch 2"]], "it was applied");
    assert_eq!(desk.calls("spreadsheets.batchUpdate"), 2, "nothing is sent twice");
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_is_unknown() {
    let desk = struck(FaultKind::TruncatedBody).await;
    unknown(&desk.client.write(&put(Some(1), 2)).await);
    assert_eq!(desk.grid("Sheet1!A2"), [["batch 2"]], "it was applied");
}

#[tokio::test]
async fn a_connection_that_breaks_before_anything_is_done_is_unknown() {
    let desk = struck(FaultKind::RequestLost).await;
    unknown(&desk.client.write(&put(Some(1), 2)).await);
    assert_eq!(desk.grid("Sheet1!A2"), [["batch 1"]]);
}

#[tokio::test]
async fn server_errors_are_unknown_whether_or_not_the_batch_was_applied() {
    for done in [false, true] {
        for kind in
            [FaultKind::Internal { applied: done }, FaultKind::Unavailable { applied: done }]
        {
            let desk = struck(kind).await;
            unknown(&desk.client.write(&put(Some(1), 2)).await);
            let expected = if done { "batch 2" } else { "batch 1" };
            assert_eq!(desk.grid("Sheet1!A2"), [[expected]]);
        }
    }
}

#[tokio::test]
async fn a_stall_ends_at_the_time_limit_and_is_unknown() {
    for kind in [FaultKind::StallBefore { for_ms: None }, FaultKind::StallAfter { for_ms: None }] {
        let desk = struck(kind).await;
        let (limit, next) = (CallLimits::default().write, put(Some(1), 2));
        let outcome = at_its_limit(limit, desk.client.write(&next), desk.held()).await;
        assert!(unknown(&outcome).contains("within 200 seconds"), "{outcome:?}");
        desk.emulator.faults().release_all();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_reached() {
    let desk = struck(FaultKind::AnswerLost).await;
    let Desk { emulator, client, .. } = desk;
    emulator.stop().await;
    let outcome = client.write(&put(Some(1), 2)).await;
    assert!(matches!(outcome, WriteOutcome::NotSent { .. }), "{outcome:?}");
    let read = client.open(BOOK).await;
    assert!(matches!(read, Err(ReadFailure::Transient { .. })), "{read:?}");
}

#[tokio::test]
async fn a_spent_quota_is_throttling_for_reads_and_writes() {
    let desk = struck(FaultKind::Throttled).await;
    assert_eq!(desk.client.write(&put(Some(1), 2)).await, WriteOutcome::Throttled);
    assert_eq!(desk.calls("spreadsheets.batchUpdate"), 2, "the crate repeats nothing either");
    desk.emulator.faults().arm(Fault::once(FaultKind::Throttled, FaultFilter::Reads));
    assert_eq!(desk.client.open(BOOK).await, Err(ReadFailure::Throttled));
    applied(desk.client.write(&put(Some(1), 2)).await);
}

#[tokio::test]
async fn weather_on_a_read_is_transient() {
    let desk = Desk::new().await;
    for kind in [
        FaultKind::Unavailable { applied: true },
        FaultKind::Internal { applied: true },
        FaultKind::AnswerLost,
        FaultKind::TruncatedBody,
    ] {
        desk.emulator.faults().arm(Fault::once(kind.clone(), FaultFilter::Reads));
        let read = desk.client.open(BOOK).await;
        assert!(matches!(read, Err(ReadFailure::Transient { .. })), "{kind:?}: {read:?}");
    }
}

#[tokio::test]
async fn a_denial_says_with_whom_to_share() {
    let desk = Desk::new().await;
    desk.emulator.share(BOOK, "somebody@else.example", Role::Writer).unwrap();
    for failure in [desk.client.open(BOOK).await, desk.client.open("gone").await] {
        let Err(ReadFailure::Denied { message }) = failure else { panic!("{failure:?}") };
        assert!(message.contains("share") && message.contains(ROBOT), "{message}");
    }
    desk.emulator.share(BOOK, ROBOT, Role::Reader).unwrap();
    let outcome = desk.client.write(&put(None, 1)).await;
    let WriteOutcome::Denied { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains(ROBOT), "{message}");
}

#[tokio::test]
async fn an_id_that_is_a_path_is_never_sent() {
    let desk = Desk::new().await;
    for id in ["", "a/b", "a?b", "a#b", "..", "https://docs.google.com/spreadsheets/d/x"] {
        let read = desk.client.open(id).await;
        assert!(matches!(read, Err(ReadFailure::Denied { .. })), "{id}: {read:?}");
    }
    assert_eq!(desk.emulator.log().count(), 0);
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_replaced_once() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1)).await;
    desk.emulator.revoke_tokens();
    desk.apply(&put(Some(1), 2)).await;
    assert_eq!(desk.calls("spreadsheets.batchUpdate"), 3, "applied, refused at the door, applied");
    desk.emulator.revoke_tokens();
    desk.client.open(BOOK).await.unwrap();

    desk.emulator.faults().arm(Fault::always(FaultKind::Unauthenticated, FaultFilter::Api));
    let before = desk.emulator.log().count();
    let outcome = desk.client.write(&put(Some(2), 3)).await;
    let WriteOutcome::Denied { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains(ROBOT), "{message}");
    assert_eq!(desk.emulator.log().count() - before, 3, "call, token, call");
    let read = desk.client.open(BOOK).await;
    assert!(matches!(read, Err(ReadFailure::Denied { .. })), "{read:?}");
}

#[tokio::test]
async fn a_refusal_names_the_tab_and_nothing_is_applied() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1)).await;
    let mut good = work(1);
    good.writes = vec![write(1, &[(0, text("good"))])];
    let mut bad = work(1);
    bad.sheet_id = 999;
    bad.writes = vec![write(1, &[(0, text("bad"))])];
    let outcome = desk.client.write(&batch(Some(1), 2, vec![good.clone(), bad])).await;
    let WriteOutcome::Refused { tab: Some(1), message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("999"), "{message}");
    assert_eq!(desk.grid("Sheet1!A2"), [["batch 1"]]);
    applied(desk.client.write(&batch(Some(1), 2, vec![good])).await);
}

#[tokio::test]
async fn a_read_that_stalls_ends_at_its_time_limit() {
    let desk = Desk::new().await;
    let stall = FaultKind::StallBefore { for_ms: None };
    desk.emulator.faults().arm(Fault::once(stall, FaultFilter::Reads));
    let limit = CallLimits::default().read;
    let answer = at_its_limit(limit, desk.client.open(BOOK), desk.held()).await;
    let Err(ReadFailure::Transient { reason }) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("within 200 seconds"), "{reason}");
}

#[tokio::test]
async fn a_protected_range_is_a_refusal_of_its_tab() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1)).await;
    let owner = Some("owner@x.example".to_owned());
    desk.emulator.edit(BOOK, |book| book.caller = owner).unwrap();
    desk.edit(&serde_json::json!([{"addProtectedRange": {"protectedRange": {
        "range": {"sheetId": 0, "startColumnIndex": 0, "endColumnIndex": 1},
        "editors": {"users": ["owner@x.example"]}}}}]));
    let outcome = desk.client.write(&put(Some(1), 2)).await;
    let WriteOutcome::Refused { tab, message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("protected"), "{message}");
    assert_eq!(tab, Some(0));
    assert_eq!(desk.grid("Sheet1!A2"), [["batch 1"]]);
}
