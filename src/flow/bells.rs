//! Doorbells on their way to the control loop: never lost, never many.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use sheetwire_engine::door::Bell;
use tokio::sync::Notify;

/// More bells than this at once, and those of a spreadsheet become one for all of it.
const WAITING_MAX: usize = 256;

/// Rung on one side, heard on the other. Copies are the same.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    waiting: Arc<Mutex<VecDeque<Bell>>>,
    rung: Arc<Notify>,
}

impl Bells {
    /// Rings, without waiting.
    pub(super) fn ring(&self, bell: Bell) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push_back(bell);
        } else {
            waiting.retain(|other| other.spreadsheet != bell.spreadsheet);
            waiting.push_back(Bell { sheet_id: None, rows: None, who: None, ..bell });
        }
        self.rung.notify_one();
    }

    /// The next one. May be dropped while it waits.
    pub(super) async fn next(&self) -> Bell {
        loop {
            // Asked for first, so that a ring in between is not missed.
            let rung = self.rung.notified();
            if let Some(bell) = self.take() {
                return bell;
            }
            rung.await;
        }
    }

    fn take(&self) -> Option<Bell> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = waiting.pop_front();
        if !waiting.is_empty() {
            self.rung.notify_one();
        }
        bell
    }
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::batch::RowIndex;

    use super::*;

    fn bell(spreadsheet: &str, row: u32) -> Bell {
        Bell {
            spreadsheet: spreadsheet.to_owned(),
            sheet_id: Some(1),
            rows: Some((RowIndex(row), 1)),
            who: Some("a person".to_owned()),
            at_us: i64::from(row),
        }
    }

    #[tokio::test]
    async fn bells_come_in_their_order_and_too_many_become_one() {
        let bells = Bells::default();
        bells.ring(bell("a", 1));
        bells.ring(bell("b", 2));
        assert_eq!((bells.next().await, bells.next().await), (bell("a", 1), bell("b", 2)));
        bells.ring(bell("b", 0));
        for row in 0..u32::try_from(3 * WAITING_MAX).unwrap() {
            bells.ring(bell("a", row));
        }
        assert_eq!(bells.next().await, bell("b", 0));
        let all = bells.next().await;
        assert_eq!((all.spreadsheet.as_str(), all.sheet_id, all.rows), ("a", None, None));
        let mut left = 0;
        while bells.take().is_some() {
            left += 1;
        }
        assert!(left <= WAITING_MAX, "{left}");
    }

    #[tokio::test]
    async fn one_that_waits_hears_the_next_ring() {
        let bells = Bells::default();
        let (heard, ()) = tokio::join!(bells.next(), async { bells.ring(bell("a", 7)) });
        assert_eq!(heard, bell("a", 7));
    }
}
