//! Exactly one batch gets through a fence.

use sheets_emulator::http::{Fault, FaultFilter, FaultKind};
use sheetwire::ports::SheetSink;
use sheetwire_engine::batch::{BatchId, WriteOutcome};

use super::{DEADLINE, Desk, applied, batch, text, unknown, work, write};

fn put(previous: Option<u64>, next: u64, word: &str) -> sheetwire_engine::batch::Batch {
    let mut tab = work(1);
    tab.writes = vec![write(1, &[(0, text(word))])];
    batch(previous, next, vec![tab])
}

#[tokio::test]
async fn the_first_batch_makes_journal_and_fence_and_the_next_one_moves_it() {
    let desk = Desk::new().await;
    let journal = desk.apply(&put(None, 1, "one")).await;
    assert_eq!(journal.header.sequence, 1);
    assert_eq!(journal.header.position, "uuid:1-99");
    desk.apply(&put(Some(1), 2, "two")).await;
    assert_eq!(desk.grid("Sheet1!A2"), [["two"]]);

    let image = desk.another().await.open(super::BOOK).await.unwrap();
    assert_eq!(image.title, "Accounts");
    assert_eq!(image.fence, Some(2));
    assert!(image.journal_tab);
    assert_eq!(image.journal.unwrap().batch, BatchId("batch-2".into()));
    let titles: Vec<&str> = image.tabs.iter().map(|tab| tab.title.as_str()).collect();
    assert_eq!(titles, ["Sheet1"], "the journal is not a tab of the user's");
}

#[tokio::test]
async fn a_stale_batch_is_refused_whole() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1, "one")).await;
    desk.apply(&put(Some(1), 2, "two")).await;
    let revision = desk.emulator.spreadsheet(super::BOOK).unwrap().revision();
    assert_eq!(desk.client.write(&put(Some(1), 2, "late")).await, WriteOutcome::Fenced);
    assert_eq!(desk.client.write(&put(Some(7), 8, "odd")).await, WriteOutcome::Fenced);
    assert_eq!(desk.grid("Sheet1!A2"), [["two"]]);
    assert_eq!(desk.emulator.spreadsheet(super::BOOK).unwrap().revision(), revision);
}

#[tokio::test]
async fn of_two_first_batches_one_is_refused() {
    let desk = Desk::new().await;
    let other = desk.another().await;
    // Both look while there is nothing, so both believe they are the first.
    desk.client.open(super::BOOK).await.unwrap();
    other.open(super::BOOK).await.unwrap();
    desk.apply(&put(None, 1, "mine")).await;
    assert_eq!(other.write(&put(None, 1, "theirs")).await, WriteOutcome::Fenced);
    assert_eq!(desk.grid("Sheet1!A2"), [["mine"]]);
}

#[tokio::test]
async fn a_batch_sent_twice_is_applied_once() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1, "one")).await;
    let again = put(Some(1), 2, "two");
    desk.apply(&again).await;
    desk.types("A2", "typed");
    assert_eq!(desk.client.write(&again).await, WriteOutcome::Fenced);
    assert_eq!(desk.grid("Sheet1!A2"), [["typed"]]);
}

#[tokio::test]
async fn a_zombie_that_arrives_after_the_burn_is_refused() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1, "one")).await;
    let late = FaultKind::AppliedLate { after_ms: None, unavailable: false };
    desk.emulator.faults().arm(Fault::once(late, FaultFilter::BatchUpdate));
    unknown(&desk.client.write(&put(Some(1), 2, "zombie")).await);
    let mut burn = batch(Some(1), 2, Vec::new());
    burn.id = BatchId("burn".into());
    applied(desk.client.write(&burn).await);
    desk.types("A2", "typed");

    let held = desk.emulator.faults().held();
    assert_eq!(held.len(), 1);
    assert!(desk.emulator.faults().release(held[0]));
    let over = |call: &sheets_emulator::http::Call| {
        call.ordinal == held[0] && !call.held && call.error.is_some()
    };
    desk.emulator.log().wait_for(DEADLINE, over).await.unwrap();
    assert_eq!(desk.grid("Sheet1!A2"), [["typed"]]);
    let image = desk.client.open(super::BOOK).await.unwrap();
    assert_eq!(image.journal.unwrap().batch, BatchId("burn".into()));
}

#[tokio::test]
async fn a_refused_burn_means_that_the_batch_was_applied() {
    let desk = Desk::new().await;
    desk.fill(1, 0, &[&[text("before")]]);
    desk.apply(&put(None, 1, "one")).await;
    desk.emulator.faults().arm(Fault::once(FaultKind::AnswerLost, FaultFilter::BatchUpdate));
    let lost = put(Some(1), 2, "two");
    unknown(&desk.client.write(&lost).await);
    let mut burn = batch(Some(1), 2, Vec::new());
    burn.id = BatchId("burn".into());
    assert_eq!(desk.client.write(&burn).await, WriteOutcome::Fenced);

    // The journal is read by another process that has nothing but the batch.
    let journal = desk.another().await.journal(&lost).await.unwrap().unwrap();
    assert_eq!(journal.header.batch, lost.id);
    assert_eq!(journal.tabs[0].writes, [[text("one")]]);
    let foreign = desk.client.journal(&burn).await.unwrap().unwrap();
    assert_eq!(foreign.header.batch, lost.id);
    assert!(foreign.tabs.is_empty());
}

#[tokio::test]
async fn a_journal_tab_that_a_person_deleted_is_made_again() {
    let desk = Desk::new().await;
    let first = put(None, 1, "one");
    desk.apply(&first).await;
    desk.human(&sheets_emulator::model::HumanAct::DeleteTab { tab: "_sheetwire".into() });
    assert_eq!(desk.client.journal(&first).await.unwrap(), None);
    let image = desk.client.open(super::BOOK).await.unwrap();
    assert!(!image.journal_tab);
    let journal = desk.apply(&put(image.fence, 2, "two")).await;
    assert_eq!(journal.tabs[0].writes, [[text("one")]]);
}

#[tokio::test]
async fn a_journal_tab_that_a_person_renamed_is_still_the_journal() {
    let desk = Desk::new().await;
    desk.apply(&put(None, 1, "one")).await;
    desk.human(&sheets_emulator::model::HumanAct::RenameTab {
        tab: "_sheetwire".into(),
        to: "it's mine".into(),
    });
    // The range of the answer does not exist, and whether Google looks at it first is not known.
    let outcome = desk.client.write(&put(Some(1), 2, "two")).await;
    unknown(&outcome);
    let journal = desk.apply(&put(Some(1), 2, "two")).await;
    assert_eq!(journal.header.sequence, 2);
    let image = desk.client.open(super::BOOK).await.unwrap();
    assert_eq!((image.tabs.len(), image.journal_tab), (1, true));
}

#[tokio::test]
async fn a_journal_written_over_by_a_person_is_not_read_as_one() {
    let desk = Desk::new().await;
    let first = put(None, 1, "one");
    desk.apply(&first).await;
    desk.human(&sheets_emulator::model::HumanAct::Type {
        tab: "_sheetwire".into(),
        cell: "A1".into(),
        text: "mine now".into(),
    });
    let image = desk.client.open(super::BOOK).await.unwrap();
    assert_eq!((image.journal, image.journal_tab, image.fence), (None, true, Some(1)));
    assert_eq!(desk.client.journal(&first).await.unwrap(), None);
}

#[tokio::test]
async fn a_tab_of_a_person_with_the_title_of_the_journal_is_not_touched() {
    let desk = Desk::new().await;
    desk.human(&sheets_emulator::model::HumanAct::AddTab { title: "_sheetwire".into() });
    let outcome = desk.client.write(&put(None, 1, "one")).await;
    let WriteOutcome::Denied { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("rename that tab"), "{message}");
    assert_eq!(desk.calls("spreadsheets.batchUpdate"), 0);
}
