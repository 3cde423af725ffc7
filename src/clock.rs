//! Time.
use std::time::{Duration, Instant, SystemTime};

/// A clock.
#[derive(Debug, Clone)]
pub struct Clock { start: Instant, rate: f64 }

impl Clock {
    /// Starts now.
    pub fn new(rate: f64) -> Self { Self { start: Instant::now(), rate } }
    /// Time since the start.
    pub fn now(&self) -> Duration { self.start.elapsed().mul_f64(self.rate) }
    /// Wall clock.
    pub fn unix_us(&self) -> i64 { SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(0)) }
    /// Sleeps.
    pub async fn sleep_until(&self, at: Duration) {
        let now = self.now();
        if at > now { tokio::time::sleep((at - now).div_f64(self.rate)).await; }
    }
}
