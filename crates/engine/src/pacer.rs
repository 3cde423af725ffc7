//! How often Google may be asked.
//!
//! Two buckets of `governor`, one for writes and one for reads, on the engine's own clock. A bucket that refills at `rate` a minute and
//! holds `burst` lets at most `rate + burst` pass in any 60 seconds, so both together stay inside the budget.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use serde::{Deserialize, Serialize};

use crate::{backoff::Backoff, time::Moment};

/// Requests a minute that the pipeline may use. Google's limit is 60 a user for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Writes a minute.
    pub writes_per_minute: NonZeroU32,
    /// Reads a minute.
    pub reads_per_minute: NonZeroU32,
}

/// Kinds of request, metered apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Changes something.
    Write,
    /// Changes nothing.
    Read,
}

/// Why a request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// Our own budget for this minute is used up.
    BudgetSpent,
    /// Google said 429; we hold back for a while.
    Throttled,
}

/// May a request go now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Yes, and it is counted.
    Go,
    /// Not before `until`.
    Wait {
        /// Ask again then.
        until: Moment,
        /// For log, metric and status.
        why: WaitReason,
    },
}

/// Meters requests.
#[derive(Debug)]
pub struct Pacer {
    clock: EngineClock,
    writes: Bucket,
    reads: Bucket,
}

#[derive(Debug)]
struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, EngineClock, NoOpMiddleware<EngineInstant>>,
    backoff: Backoff,
    not_before: Moment,
    granted: u64,
    rate: NonZeroU32,
}

impl Pacer {
    /// A pacer that never exceeds the budget. `seed` spreads the backoff of several processes.
    pub fn new(budget: Budget, seed: u64) -> Self {
        let clock = EngineClock::default();
        Self {
            writes: Bucket::new(budget.writes_per_minute, &clock, seed),
            reads: Bucket::new(budget.reads_per_minute, &clock, seed.rotate_left(17)),
            clock,
        }
    }

    /// Asks for one request.
    pub fn ask(&mut self, class: Class, now: Moment) -> Pace {
        self.clock.set(now);
        self.bucket(class).ask(now)
    }

    /// Counts requests that were made without asking, at the start.
    pub fn spend(&mut self, class: Class, requests: u64) {
        let bucket = self.bucket(class);
        let beyond = (0..requests).filter(|_| bucket.limiter.check().is_err()).count();
        bucket.granted += requests;
        let each = Duration::from_mins(1) / bucket.rate.get();
        bucket.not_before = Moment::START.after(each * u32::try_from(beyond).unwrap_or(u32::MAX));
    }

    /// Google answered 429.
    pub fn on_throttled(&mut self, class: Class, now: Moment) {
        let bucket = self.bucket(class);
        bucket.not_before = now.after(bucket.backoff.next_wait());
    }

    /// Google answered something else than 429.
    pub fn on_answered(&mut self, class: Class) {
        self.bucket(class).backoff.reset();
    }

    /// Requests granted since the start.
    pub fn granted(&self, class: Class) -> u64 {
        match class {
            Class::Write => self.writes.granted,
            Class::Read => self.reads.granted,
        }
    }

    fn bucket(&mut self, class: Class) -> &mut Bucket {
        match class {
            Class::Write => &mut self.writes,
            Class::Read => &mut self.reads,
        }
    }
}

impl Bucket {
    fn new(budget: NonZeroU32, clock: &EngineClock, seed: u64) -> Self {
        let burst = NonZeroU32::new(budget.get() / 6).unwrap_or(NonZeroU32::MIN);
        let rate =
            NonZeroU32::new(budget.get().saturating_sub(burst.get())).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(rate).allow_burst(burst);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            backoff: Backoff::new(Duration::from_secs(2), Duration::from_secs(64), seed),
            not_before: Moment::START,
            granted: 0,
            rate,
        }
    }

    fn ask(&mut self, now: Moment) -> Pace {
        if now < self.not_before {
            return Pace::Wait { until: self.not_before, why: WaitReason::Throttled };
        }
        match self.limiter.check() {
            Ok(()) => {
                self.granted += 1;
                Pace::Go
            }
            Err(refusal) => {
                let wait = refusal.wait_time_from(EngineInstant(now.0));
                // A whole microsecond more, since the clock has no finer step.
                let until = now.after(wait + Duration::from_micros(1));
                Pace::Wait { until, why: WaitReason::BudgetSpent }
            }
        }
    }
}

/// `governor` asks a clock; ours is set by whoever drives the engine.
#[derive(Debug, Clone, Default)]
struct EngineClock(Arc<AtomicU64>);

impl EngineClock {
    fn set(&self, now: Moment) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for EngineClock {
    type Instant = EngineInstant;

    fn now(&self) -> EngineInstant {
        EngineInstant(self.0.load(Ordering::Relaxed))
    }
}

/// Microseconds since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EngineInstant(u64);

impl Reference for EngineInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Nanos::from(Duration::from_micros(self.0.saturating_sub(earlier.0)))
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64() / 1_000))
    }
}

impl std::ops::Add<Nanos> for EngineInstant {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + other.as_u64() / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pacer(budget: u32) -> Pacer {
        let budget = NonZeroU32::new(budget).unwrap();
        Pacer::new(Budget { writes_per_minute: budget, reads_per_minute: budget }, 7)
    }

    proptest! {
        #[test]
        fn no_sixty_seconds_exceed_the_budget(
            budget in 1u32..80,
            steps in proptest::collection::vec(0u64..4_000_000, 1..400),
        ) {
            let mut pacer = pacer(budget);
            let mut now = Moment::START;
            let mut granted: Vec<u64> = Vec::new();
            for step in steps {
                now = Moment(now.0 + step);
                while pacer.ask(Class::Write, now) == Pace::Go {
                    granted.push(now.0);
                    let window = granted.iter().filter(|at| **at + 60_000_000 > now.0).count();
                    prop_assert!(window <= budget.max(2) as usize, "{window} in 60 s, budget {budget}");
                }
            }
        }
    }

    #[test]
    fn a_wait_ends_when_it_says() {
        let mut pacer = pacer(54);
        let mut now = Moment::START;
        let mut count = 0;
        while count < 200 {
            match pacer.ask(Class::Write, now) {
                Pace::Go => count += 1,
                Pace::Wait { until, .. } => {
                    assert!(until > now);
                    now = until;
                    assert_eq!(pacer.ask(Class::Write, now), Pace::Go);
                    count += 1;
                }
            }
        }
        assert!(now.0 < 270_000_000, "200 writes at 45 a minute take about 4.3 minutes: {now}");
    }

    #[test]
    fn a_429_holds_back_one_class_only_and_heals() {
        let mut pacer = pacer(54);
        pacer.on_throttled(Class::Write, Moment::START);
        assert!(matches!(
            pacer.ask(Class::Write, Moment::START),
            Pace::Wait { why: WaitReason::Throttled, .. }
        ));
        assert_eq!(pacer.ask(Class::Read, Moment::START), Pace::Go);
        assert_eq!(pacer.ask(Class::Write, Moment(5_000_000)), Pace::Go);
    }
}
