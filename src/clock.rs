//! The only place that looks at a clock or waits for one.
//!
//! Moments are durations since the clock was started, so that they print and store well and the engine needs no clock of its own.
//! With the feature `testing`, `SHEETWIRE_CLOCK_RATE=60` makes moments and waits run sixty times as fast; the time of day never
//! does, since it is compared with that of servers.

use std::{
    future::Future,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use thiserror::Error;

/// The time was over before there was a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no answer in time")]
pub struct TimedOut;

/// A clock that starts at zero. Copies show the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    #[cfg(feature = "testing")]
    rate: u32,
}

impl Clock {
    /// Starts a clock.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(feature = "testing")]
            rate: rate_of_the_environment(),
        }
    }

    /// Time since the start. Never runs backwards.
    pub fn now(&self) -> Duration {
        self.shown(self.start.elapsed())
    }

    /// The time of day in microseconds since the Unix epoch, as this machine believes it. May jump.
    pub fn unix_us(&self) -> i64 {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        }
    }

    /// Waits until this moment; at once where it is past.
    pub async fn sleep_until(&self, moment: Duration) {
        // Waits of a scaled clock may end a little early by rounding.
        while let Some(left) = moment.checked_sub(self.now()).filter(|left| !left.is_zero()) {
            tokio::time::sleep(self.real(left)).await;
        }
    }

    /// The result of `work`, if it comes within this time. Dropped where it does not.
    ///
    /// # Errors
    /// [`TimedOut`].
    pub async fn timeout<T>(
        &self,
        within: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        tokio::time::timeout(self.real(within), work).await.map_err(|_| TimedOut)
    }

    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "the rate is there in tests only")]
    fn shown(&self, real: Duration) -> Duration {
        real
    }

    /// What a span of this clock is on the wall: the same but in tests.
    #[cfg(not(feature = "testing"))]
    pub fn real(&self, shown: Duration) -> Duration {
        shown
    }

    #[cfg(feature = "testing")]
    fn shown(&self, real: Duration) -> Duration {
        real.saturating_mul(self.rate)
    }

    /// What a span of this clock is on the wall: shorter in tests that run faster.
    #[cfg(feature = "testing")]
    pub fn real(&self, shown: Duration) -> Duration {
        // Never zero for a wait that is not: a loop around it would spin.
        if shown.is_zero() { shown } else { (shown / self.rate).max(Duration::from_nanos(1)) }
    }
}

/// How many times as fast the clock runs, for tests of things that take long. 1 where nothing is set.
#[cfg(feature = "testing")]
fn rate_of_the_environment() -> u32 {
    let rate = std::env::var("SHEETWIRE_CLOCK_RATE").ok();
    rate.and_then(|rate| rate.parse().ok()).filter(|rate| *rate > 0).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_at_its_moment_and_not_before() {
        let clock = Clock::start();
        let moment = clock.now() + Duration::from_millis(20);
        clock.sleep_until(moment).await;
        assert!(clock.now() >= moment);
        // A moment that is past is no wait at all.
        clock.timeout(Duration::from_mins(1), clock.sleep_until(Duration::ZERO)).await.unwrap();
    }

    #[tokio::test]
    async fn what_comes_too_late_is_dropped() {
        let clock = Clock::start();
        let late = clock.timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
        assert_eq!(late, Err(TimedOut));
        assert_eq!(clock.timeout(Duration::from_mins(1), async { 7 }).await, Ok(7));
    }

    #[test]
    fn the_time_of_day_is_of_this_century() {
        let year_2020 = 1_577_836_800_000_000;
        assert!((year_2020..2 * year_2020).contains(&Clock::start().unix_us()));
    }

    #[cfg(feature = "testing")]
    #[tokio::test]
    async fn a_rate_shortens_waits_and_lengthens_moments() {
        let clock = Clock { start: Instant::now(), rate: 600 };
        let real = Instant::now();
        clock.sleep_until(Duration::from_secs(12)).await;
        assert!(clock.now() >= Duration::from_secs(12));
        assert!(real.elapsed() >= Duration::from_millis(20), "{:?}", real.elapsed());
        assert!(clock.now() >= real.elapsed() * 500);
    }
}
