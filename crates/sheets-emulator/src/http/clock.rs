//! The emulator's own time: real time, faster, and movable by tests.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Slowest and fastest clock accepted; outside of it a minute of quota is no longer a useful figure.
pub(crate) const RATES: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// Virtual time since start: real time multiplied by a rate, plus whatever a test advanced it by.
///
/// Quota minutes, the life of tokens, stalls and slow answers are all measured with it.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    started_at: jiff::Timestamp,
    rate: f64,
    advanced: watch::Sender<Duration>,
}

impl Clock {
    /// A clock that runs `rate` times as fast as real time; the caller checked the rate.
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            started: Instant::now(),
            started_at: jiff::Timestamp::now(),
            rate,
            advanced: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Virtual time since the emulator started.
    pub fn now(&self) -> Duration {
        self.started.elapsed().mul_f64(self.rate) + *self.advanced.borrow()
    }

    /// How many virtual seconds pass in a real one.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Moves the clock forward at once; sleepers whose time has come wake up.
    pub fn advance(&self, by: Duration) {
        self.advanced.send_modify(|advanced| *advanced += by);
    }

    /// The virtual time of day at `moment`, for texts that carry a date.
    pub(crate) fn date(&self, moment: Duration) -> jiff::Timestamp {
        self.started_at + moment
    }

    /// Returns when `span` of virtual time has passed.
    pub async fn sleep(&self, span: Duration) {
        let mut moves = self.advanced.subscribe();
        let until = self.now() + span;
        loop {
            let left = until.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            let real = left.div_f64(self.rate).min(Duration::from_hours(1));
            tokio::select! {
                () = tokio::time::sleep(real) => {}
                _ = moves.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn advancing_wakes_a_sleeper_whose_time_has_come() {
        let clock = std::sync::Arc::new(Clock::new(1.0));
        let sleeper = tokio::spawn({
            let clock = std::sync::Arc::clone(&clock);
            async move { clock.sleep(Duration::from_hours(1)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(3601));
        tokio::time::timeout(Duration::from_secs(10), sleeper).await.unwrap().unwrap();
        assert!(clock.now() >= Duration::from_secs(3601));
    }

    #[test]
    fn a_fast_clock_outruns_the_wall() {
        let clock = Clock::new(100_000.0);
        let real = Instant::now();
        while clock.now() < Duration::from_mins(1) {
            std::hint::spin_loop();
        }
        assert!(real.elapsed() < Duration::from_secs(30));
    }
}
