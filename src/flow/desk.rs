//! Behind the control socket: what the store knows is read here, on a thread that may block; the rest goes to the control loop.

use std::{io, sync::Arc};

use sheetwire_engine::conflict::{ConflictKind, ConflictRecord, Outcome};
use tokio::sync::{mpsc, oneshot};

use crate::{
    fault::Fault,
    flow::{
        control::Question,
        request::{Answer, Request},
        socket::Waiting,
    },
    ports::Records,
};

/// Answers one request after the other.
#[derive(Clone)]
pub(super) struct Desk {
    /// To the control loop.
    pub(super) questions: mpsc::Sender<Question>,
    /// What is waited for before there is a loop.
    pub(super) waiting: Waiting,
    /// What the store keeps for people.
    pub(super) records: Arc<dyn Records>,
}

impl Desk {
    /// The answer; an error where the pipeline is closing.
    pub(super) async fn answer(&self, request: Request) -> io::Result<Answer> {
        match request {
            // These are known before it has reached anything.
            Request::Conflicts(wanted) => {
                self.read(move |records| records.conflict_page(&wanted).map(Answer::Conflicts))
                    .await
            }
            Request::Conflict { id } => {
                let boxed = |record: Option<ConflictRecord>| Answer::Conflict(record.map(Box::new));
                self.read(move |records| records.conflict(id).map(boxed)).await
            }
            Request::History(wanted) => {
                self.read(move |records| records.history_page(&wanted).map(Answer::History)).await
            }
            Request::Decide { id, .. } => {
                match self.blocking(move |records| records.conflict(id)).await? {
                    Ok(record) => match undecidable(id, record) {
                        None => self.ask(request).await,
                        Some(why) => Ok(Answer::Refused(why)),
                    },
                    Err(fault) => Ok(Answer::Refused(fault.to_string())),
                }
            }
            Request::Status {}
            | Request::Sweep {}
            | Request::Pause { .. }
            | Request::Held {}
            | Request::Release { .. }
            | Request::Repair { .. }
            | Request::Columns { .. } => self.ask(request).await,
        }
    }

    async fn ask(&self, request: Request) -> io::Result<Answer> {
        let starting = self.waiting.borrow().clone();
        if let Some(starting) = starting {
            return Ok(Answer::Starting(starting));
        }
        let closing = || io::Error::other("the pipeline is closing");
        let (asker, reply) = oneshot::channel();
        self.questions.send(Question::Person(request, asker)).await.map_err(|_| closing())?;
        reply.await.map_err(|_| closing())
    }

    async fn read(
        &self,
        read: impl FnOnce(&dyn Records) -> Result<Answer, Fault> + Send + 'static,
    ) -> io::Result<Answer> {
        let answer = self.blocking(read).await?;
        Ok(answer.unwrap_or_else(|fault| Answer::Refused(fault.to_string())))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Records) -> T + Send + 'static,
    ) -> io::Result<T> {
        let records = Arc::clone(&self.records);
        tokio::task::spawn_blocking(move || read(&*records)).await.map_err(io::Error::other)
    }
}

/// Why nobody can decide this, where that is so.
fn undecidable(id: u64, record: Option<ConflictRecord>) -> Option<String> {
    let Some(record) = record else {
        return Some(format!(
            "there is no conflict {id}: `sheetwire conflicts list` shows those that are open"
        ));
    };
    match (record.outcome, record.kind) {
        (Outcome::Kept(_) | Outcome::GoneByItself, _) => Some(format!(
            "conflict {id} is settled already: `sheetwire conflicts show {id}` says how"
        )),
        (_, ConflictKind::DuplicateKey) => Some(format!(
            "conflict {id} is about a key that stands in several rows of the tab, and neither side can say which of them is meant: delete or re-key the surplus rows in the tab, and it closes by itself"
        )),
        _ => None,
    }
}

/// A store that nothing was written to.
#[cfg(test)]
pub(super) struct NoRecords;

#[cfg(test)]
mod tests {
    use sheetwire_engine::{change::TableId, history::HistoryEntry, merge::Side};

    use super::*;
    use crate::ports::{ConflictsWanted, HistoryWanted, Page};

    impl Records for NoRecords {
        fn conflict_page(&self, _: &ConflictsWanted) -> Result<Page<ConflictRecord>, Fault> {
            Ok(Page { found: Vec::new(), before: None })
        }

        fn conflict(&self, _: u64) -> Result<Option<ConflictRecord>, Fault> {
            Ok(None)
        }

        fn history_page(&self, _: &HistoryWanted) -> Result<Page<HistoryEntry>, Fault> {
            Err(Fault::Configuration("the store is damaged".to_owned()))
        }
    }

    fn record(kind: ConflictKind, outcome: Outcome) -> ConflictRecord {
        ConflictRecord {
            id: 7,
            table: TableId(0),
            key: None,
            column: String::new(),
            kind,
            base: None,
            database: None,
            sheet: None,
            seen_at_us: 0,
            database_at_us: None,
            sheet_at_us: None,
            who: None,
            rule: None,
            outcome,
            reason: None,
        }
    }

    #[test]
    fn only_an_open_conflict_of_two_sides_can_be_decided() {
        let why = |record| undecidable(7, record).unwrap();
        assert!(why(None).contains("there is no conflict 7"));
        let settled = record(ConflictKind::EditEdit, Outcome::Kept(Side::Sheet));
        assert!(why(Some(settled)).contains("settled already"));
        let twins = record(ConflictKind::DuplicateKey, Outcome::Open);
        assert!(why(Some(twins)).contains("several rows"));
        for outcome in [Outcome::Open, Outcome::Decided(Side::Database)] {
            assert_eq!(undecidable(7, Some(record(ConflictKind::EditEdit, outcome))), None);
        }
    }

    #[tokio::test]
    async fn the_log_is_read_before_there_is_a_loop_and_orders_are_not_taken() {
        let (questions, _asked) = mpsc::channel(1);
        let (_, waiting) = tokio::sync::watch::channel(Some("Google".to_owned()));
        let desk = Desk { questions, waiting, records: Arc::new(NoRecords) };
        let answer = desk.answer(Request::Conflict { id: 1 }).await.unwrap();
        assert_eq!(answer, Answer::Conflict(None));
        let key = vec!["1".to_owned()];
        let wanted = HistoryWanted { table: TableId(0), key, before: None, limit: 1 };
        let answer = desk.answer(Request::History(wanted)).await.unwrap();
        assert_eq!(answer, Answer::Refused("the store is damaged".to_owned()));
        let answer = desk.answer(Request::Sweep {}).await.unwrap();
        assert_eq!(answer, Answer::Starting("Google".to_owned()));
    }
}
