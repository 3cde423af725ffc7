//! Before the loop begins: patience with weather, said to whoever asks, and a position that the server no longer holds.

use std::time::Duration;

use sheetwire_engine::{
    backoff::Backoff,
    state::{Image, StoreStep, TableState},
};
use tokio::sync::watch;

use crate::{clock::Clock, fault::Fault, flow::socket::Waiting};

/// Tries again while it is only weather, and tells askers what it waits for.
#[derive(Debug)]
pub struct Patience {
    clock: Clock,
    seed: u64,
    waiting: watch::Sender<Option<String>>,
}

impl Patience {
    /// A patience, and its word for [`crate::flow::socket::serve`].
    pub fn new(clock: Clock, seed: u64) -> (Self, Waiting) {
        let (waiting, word) = watch::channel(Some("the first answers".to_owned()));
        (Self { clock, seed, waiting }, word)
    }

    /// The clock it waits by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What `attempt` comes to, once it is no longer [`Fault::Transient`]. `whom` it waits for is told with the latest reason.
    pub async fn wait<T, W>(&self, whom: &str, mut attempt: impl FnMut() -> W) -> Result<T, Fault>
    where
        W: Future<Output = Result<T, Fault>>,
    {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), self.seed);
        self.waiting.send_replace(Some(whom.to_owned()));
        loop {
            match attempt().await {
                Err(Fault::Transient(reason)) => {
                    tracing::warn!(reason, "cannot start yet, trying again");
                    self.waiting.send_replace(Some(format!("{whom}: {reason}")));
                    self.clock.sleep_until(self.clock.now() + backoff.next_wait()).await;
                }
                other => return other,
            }
        }
    }

    /// From now on the control loop answers.
    pub fn is_over(&self) {
        self.waiting.send_replace(None);
    }
}

/// The steps after which every table is copied again. What is still pending came out of the lost part's past: a copy says better what
/// each row is, and whether it is there at all.
pub fn all_copied_again(image: &Image) -> Vec<StoreStep> {
    let pending = image.pending.iter();
    let settled = pending.map(|(table, key, _)| StoreStep::Settled(*table, key.clone()));
    let aside = image.tables.iter().map(|(table, state)| {
        let reason = "its changes were thrown away before they were read".to_owned();
        StoreStep::Table(*table, TableState::SetAside { copy: state.copy(), reason })
    });
    settled.chain(aside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_waited_for_is_told_with_its_reason_until_it_is_over() {
        let (patience, word) = Patience::new(Clock::start(), 1);
        let mut attempts = 0;
        tokio::time::pause();
        let answer = patience.wait("the database", || {
            attempts += 1;
            let (attempt, said) = (attempts, word.borrow().clone());
            async move {
                match attempt {
                    1 => Err(Fault::Transient("it sleeps".to_owned())),
                    _ => Ok(said),
                }
            }
        });
        let said = answer.await.unwrap();
        assert_eq!(said.as_deref(), Some("the database: it sleeps"));
        patience.is_over();
        assert_eq!(*word.borrow(), None);
        let fault = patience.wait("Google", || async { Err::<(), _>(Fault::Google("no".into())) });
        assert!(matches!(fault.await, Err(Fault::Google(_))));
    }
}
