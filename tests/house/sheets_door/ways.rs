//! Two ways lead to Google, one through the crate and one of our own. They must not differ in what they prove.

use std::time::Duration;

use serde_json::json;
use sheets_emulator::http::{Fault, FaultFilter, FaultKind, Role};
use sheetwire::{ports::SheetSink, sheets::CallLimits};
use sheetwire_engine::{
    batch::{Batch, BatchId, RowIndex, RowsInsert, WriteOutcome},
    cell::Cell,
};

use super::{BOOK, Desk, KeyFile, batch, formula, relay::Relay, stub::Stub, text, work, write};

/// Memory for the crate's types: none, so that everything is text, and more than enough.
const WAYS: [usize; 2] = [0, usize::MAX];

impl Desk {
    async fn by(bytes: usize) -> Self {
        let Self { emulator, client, key_file } = Self::new().await;
        Self { emulator, client: client.with_crate_bytes(bytes), key_file }
    }
}

/// Writes row 2 of the first tab.
fn put(previous: Option<u64>, next: u64, word: &str) -> Batch {
    let mut tab = work(1);
    tab.writes = vec![write(1, &[(0, text(word))])];
    batch(previous, next, vec![tab])
}

/// Who goes which way: the crate puts `alt` last, we put it first.
fn went_through_the_crate(line: &str) -> bool {
    assert_ne!(line.contains("?alt=json&"), line.ends_with("alt=json HTTP/1.1"), "{line}");
    line.ends_with("alt=json HTTP/1.1")
}

#[tokio::test]
async fn batches_of_normal_size_and_the_probe_go_through_the_crate() {
    let desk = Desk::new().await;
    desk.edit(&serde_json::json!([
        {"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 60_000}}]));
    let relay = Relay::to(desk.emulator.address()).await;
    let key = KeyFile::new(&format!("{}/token", relay.url));
    let client = super::client(&relay.url, &key, CallLimits::default()).await;
    client.probe(BOOK).await.unwrap();
    let scattered = |rows: u32| {
        let mut tab = work(1);
        tab.writes = (0..rows).map(|row| write(1 + row * 11, &[(0, text("x"))])).collect();
        vec![tab]
    };
    super::applied(client.write(&batch(None, 1, scattered(100))).await);
    client.journal(&batch(None, 1, scattered(100))).await.unwrap().unwrap();
    let api = || {
        let heard = relay.requests();
        heard.into_iter().filter(|line| line.contains("/v4/")).collect::<Vec<_>>()
    };
    let normal = api();
    assert_eq!(normal.len(), 10, "probe: 5, look, batch, journal: 3; {normal:?}");
    assert!(normal.iter().all(|line| went_through_the_crate(line)), "{normal:?}");

    super::applied(client.write(&batch(Some(1), 2, scattered(2_000))).await);
    let all = api();
    let [large] = &all[normal.len()..] else { panic!("{all:?}") };
    assert!(!went_through_the_crate(large), "{large}");
    let claims = relay.claims();
    assert_eq!(claims.len(), 1, "one token does for both ways");
    assert_eq!(claims[0]["scope"], "https://www.googleapis.com/auth/spreadsheets");
}

/// Outcomes of one story after the other, and what the tab holds at the end.
async fn story(bytes: usize) -> (Vec<WriteOutcome>, Vec<Vec<serde_json::Value>>) {
    let desk = Desk::by(bytes).await;
    let row = [
        text("=1+1"),
        Cell::Empty,
        Cell::Number(0.1 + 0.2),
        Cell::Empty,
        Cell::Bool(false),
        formula("=SUM(C2:C3)*$C$2"),
        text("007 ü 🦀 'x"),
    ];
    let head = ["id", "", "n", "", "f", "s", "t"].map(text);
    desk.fill(0, 0, &[&head, &row, &[], &[Cell::Empty, Cell::Empty, text("c4")]]);
    let mut full = work(7);
    full.writes = vec![
        write(3, &[(0, text("a4"))]),
        write(1, &[(0, Cell::Empty), (1, Cell::Number(-0.5)), (4, Cell::Bool(true))]),
        write(2, &[(6, text("g3"))]),
    ];
    full.deletes = vec![RowIndex(7)];
    full.insert = Some(RowsInsert {
        at: RowIndex(5),
        inherit_from_before: true,
        rows: vec![vec![Cell::Empty, text("new")]],
    });
    let mut nowhere = work(1);
    nowhere.sheet_id = 999;
    nowhere.writes = vec![write(1, &[(0, text("bad"))])];
    let mut outcomes = Vec::new();
    for batch in [
        batch(None, 1, vec![full.clone()]),
        batch(None, 1, vec![full.clone()]),
        batch(Some(1), 2, vec![full]),
        put(Some(1), 2, "stale"),
        put(Some(2), 3, "fresh"),
        batch(Some(3), 4, vec![work(1), nowhere]),
        batch(Some(3), 4, Vec::new()),
    ] {
        outcomes.push(desk.client.write(&batch).await);
    }
    let journal = desk.client.journal(&batch(Some(3), 4, Vec::new())).await.unwrap().unwrap();
    assert_eq!(outcomes[6], WriteOutcome::Applied(journal), "read back as answered");
    (outcomes, desk.grid("Sheet1"))
}

#[tokio::test]
async fn fence_pre_images_and_refusals_are_the_same_both_ways() {
    let text = story(0).await;
    let typed = story(usize::MAX).await;
    assert_eq!(typed, text);
    let outcomes = typed.0;
    let WriteOutcome::Applied(journal) = &outcomes[0] else { panic!("{:?}", outcomes[0]) };
    let image = &journal.tabs[0].writes[1];
    assert_eq!((&image[1], &image[2]), (&Cell::Empty, &Cell::Number(0.1 + 0.2)), "in their place");
    assert_eq!(outcomes[1], WriteOutcome::Fenced);
    assert!(matches!(outcomes[2], WriteOutcome::Applied(_)));
    assert_eq!(outcomes[3], WriteOutcome::Fenced);
    assert!(matches!(outcomes[5], WriteOutcome::Refused { tab: Some(1), .. }), "{outcomes:?}");
}

/// The outcome without the words of the HTTP client, which differ from break to break.
fn verdict(outcome: WriteOutcome) -> WriteOutcome {
    match outcome {
        WriteOutcome::Unknown { .. } => WriteOutcome::Unknown { reason: String::new() },
        WriteOutcome::NotSent { .. } => WriteOutcome::NotSent { reason: String::new() },
        other => other,
    }
}

/// What a batch becomes that meets a fault, how many calls it took, and what stands in the cell.
async fn struck(bytes: usize, kind: FaultKind) -> (WriteOutcome, usize, String) {
    let desk = Desk::by(bytes).await;
    desk.apply(&put(None, 1, "old")).await;
    desk.emulator.faults().arm(Fault::once(kind, FaultFilter::BatchUpdate));
    let outcome = desk.client.write(&put(Some(1), 2, "new")).await;
    let calls = desk.calls("spreadsheets.batchUpdate") - 1;
    (verdict(outcome), calls, desk.grid("Sheet1!A2")[0][0].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_fault_proves_the_same_both_ways() {
    let unknown = || WriteOutcome::Unknown { reason: String::new() };
    for (kind, outcome, cell) in [
        (FaultKind::AnswerLost, unknown(), "new"),
        (FaultKind::TruncatedBody, unknown(), "new"),
        (FaultKind::RequestLost, unknown(), "old"),
        (FaultKind::Internal { applied: true }, unknown(), "new"),
        (FaultKind::Internal { applied: false }, unknown(), "old"),
        (FaultKind::Unavailable { applied: true }, unknown(), "new"),
        (FaultKind::Throttled, WriteOutcome::Throttled, "old"),
    ] {
        for bytes in WAYS {
            let seen = struck(bytes, kind.clone()).await;
            assert_eq!(seen, (outcome.clone(), 1, cell.to_owned()), "{kind:?} by {bytes}");
        }
    }
    for bytes in WAYS {
        let (outcome, calls, cell) = struck(bytes, FaultKind::Unauthenticated).await;
        assert!(matches!(outcome, WriteOutcome::Applied(_)), "{outcome:?}");
        assert_eq!((calls, &*cell), (2, "new"), "stopped at the door, then applied");
    }
}

#[tokio::test]
async fn neither_way_waits_without_end() {
    for bytes in WAYS {
        let desk = Desk::by(bytes).await;
        desk.apply(&put(None, 1, "old")).await;
        let stall = FaultKind::StallAfter { for_ms: None };
        desk.emulator.faults().arm(Fault::once(stall, FaultFilter::BatchUpdate));
        let (limit, next) = (CallLimits::default().write, put(Some(1), 2, "new"));
        let outcome = super::at_its_limit(limit, desk.client.write(&next), desk.held()).await;
        assert!(super::unknown(&outcome).contains("within 200 seconds"), "{outcome:?}");
        desk.emulator.faults().release_all();
    }
}

#[tokio::test]
async fn an_account_that_may_not_write_is_denied_in_the_same_words() {
    let mut words = Vec::new();
    for bytes in WAYS {
        let desk = Desk::by(bytes).await;
        desk.emulator.share(BOOK, super::ROBOT, Role::Reader).unwrap();
        words.push(desk.client.write(&put(None, 1, "x")).await);
    }
    assert!(matches!(words[0], WriteOutcome::Denied { .. }), "{words:?}");
    assert_eq!(words[0], words[1]);
}

/// A token that is as good as expired: every call asks for another one.
const SHORT: (u16, &str) =
    (200, r#"{"access_token":"ya29.c","expires_in":1,"token_type":"Bearer"}"#);
const SILENCE: (u16, &str) = (0, "");
const EMPTY: (u16, &str) = (200, r#"{"properties":{"title":"Accounts"}}"#);

#[tokio::test]
async fn a_batch_that_finds_no_token_was_not_sent() {
    for bytes in WAYS {
        let stub = Stub::saying(&[SHORT, EMPTY, (503, "busy"), (503, "busy")]).await;
        let key = KeyFile::new(&format!("{}/token", stub.url));
        let client = super::client(&stub.url, &key, CallLimits::default()).await;
        let outcome = client.with_crate_bytes(bytes).write(&put(None, 1, "x")).await;
        let WriteOutcome::NotSent { reason } = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("token") && !reason.contains("ya29"), "{reason}");
    }
}

/// The crate asks for the token within the call, so within its time limit.
#[tokio::test]
async fn time_spent_on_a_token_leaves_no_batch_in_doubt() {
    let stub = Stub::saying(&[SHORT, EMPTY, SILENCE]).await;
    let key = KeyFile::new(&format!("{}/token", stub.url));
    // The token may take longer than the whole call, so that the call's own limit is what ends it.
    let limits = CallLimits { token: Duration::from_hours(1), ..CallLimits::default() };
    let client = super::client(&stub.url, &key, limits).await;
    let (batch, silent) = (put(None, 1, "x"), stub.is_silent());
    let outcome = super::at_its_limit(limits.write, client.write(&batch), silent).await;
    let reason = "no token within the time limit".to_owned();
    assert_eq!(outcome, WriteOutcome::NotSent { reason });
    assert_eq!(client.calls(), (1, 0), "nothing was drawn on the quota");
}

const TOKEN: (u16, &str) = (200, r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#);

/// A whole answer with success, whose journal names this batch.
fn answer_naming(batch: &str) -> String {
    let texts = ["sheetwire journal 1", "instance-1", "crm", BOOK, "1", batch, "uuid:1-99"];
    let cells = texts.map(|text| json!({"userEnteredValue": {"stringValue": text}}));
    let data = json!([{"rowData": [{"values": cells}]}]);
    let journal =
        json!({"properties": {"sheetId": 0x5EE7_317E_i32, "title": "_sheetwire"}, "data": data});
    json!({"updatedSpreadsheet": {"sheets": [journal]}}).to_string()
}

#[tokio::test]
async fn success_that_shows_another_batch_is_no_proof() {
    for bytes in WAYS {
        for (named, is_ours) in [("batch-1", true), ("batch-of-another", false)] {
            let said = answer_naming(named);
            let stub = Stub::saying(&[TOKEN, EMPTY, (200, &said)]).await;
            let key = KeyFile::new(&format!("{}/token", stub.url));
            let client = super::client(&stub.url, &key, CallLimits::default()).await;
            let outcome = client.with_crate_bytes(bytes).write(&batch(None, 1, Vec::new())).await;
            if is_ours {
                let journal = super::applied(outcome);
                assert_eq!(journal.header.batch, BatchId("batch-1".into()));
            } else {
                let reason = super::unknown(&outcome);
                assert!(reason.contains("batch-of-another"), "{reason}");
            }
        }
    }
}

#[tokio::test]
async fn success_without_a_journal_is_no_proof_either_way() {
    let mut seen = Vec::new();
    for bytes in WAYS {
        for said in
            ["{}", "", r#"{"updatedSpreadsheet":{}}"#, r#"{"updatedSpreadsheet":{"sheets":[{}]}}"#]
        {
            let stub = Stub::saying(&[TOKEN, EMPTY, (200, said)]).await;
            let key = KeyFile::new(&format!("{}/token", stub.url));
            let client = super::client(&stub.url, &key, CallLimits::default()).await;
            let mut burn = batch(None, 1, Vec::new());
            burn.id = BatchId("burn".into());
            let outcome = client.with_crate_bytes(bytes).write(&burn).await;
            seen.push(super::unknown(&outcome).to_owned());
        }
    }
    assert_eq!(seen[..4], seen[4..], "the same words");
}
