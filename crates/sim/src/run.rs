//! Many worlds on every core: seeds go out in blocks, what came of them is added up.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use crate::{
    life::{Keep, Plan, live},
    tape::Tape,
    world::Counters,
};

/// Seeds that a thread takes at once.
const BLOCK: u64 = 32;

/// Which worlds to live through.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// First seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// How each is lived.
    pub plan: Plan,
    /// Threads.
    pub threads: usize,
    /// Stop after so many failures; 0 for never.
    pub failures_max: usize,
    /// Every so many seeds is lived twice and must come to the same (I11); 0 for none.
    pub twice_every: u64,
}

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Tally {
    /// Seeds lived.
    pub seeds: u64,
    /// Failures by seed.
    pub failures: BTreeMap<u64, String>,
    /// How often things happened, over all.
    pub counters: Counters,
    /// Seconds it took.
    pub seconds: f64,
}

impl Tally {
    /// Seeds a second.
    pub fn rate(&self) -> f64 {
        let seeds = f64::from(u32::try_from(self.seeds).unwrap_or(u32::MAX));
        seeds / self.seconds.max(f64::MIN_POSITIVE)
    }

    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.failures.extend(other.failures);
        for (what, times) in other.counters {
            *self.counters.entry(what).or_default() += times;
        }
    }
}

/// Lives through all of them.
pub fn run(order: Order) -> Tally {
    let start = Instant::now();
    let next = AtomicU64::new(order.from);
    let end = order.from.saturating_add(order.seeds);
    let enough = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..order.threads.max(1) {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let from = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if from >= end {
                        break;
                    }
                    let tally = block(order, from..end.min(from + BLOCK));
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    total.add(tally);
                    if order.failures_max > 0 && total.failures.len() >= order.failures_max {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.seconds = start.elapsed().as_secs_f64();
    total
}

fn block(order: Order, seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let twice = order.twice_every > 0 && seed % order.twice_every == 0;
        let keep = Keep { trace: false, hash: twice };
        let story = live(Tape::of_seed(seed), order.plan, keep);
        tally.seeds += 1;
        for (what, times) in &story.counters {
            *tally.counters.entry(what).or_default() += times;
        }
        let mut failure = story.failure;
        if twice && failure.is_none() {
            let again = live(Tape::of_choices(story.choices), order.plan, keep);
            if again.hash != story.hash {
                failure = Some("I11: the same choices came to something else".to_owned());
            }
        }
        if let Some(failure) = failure {
            tally.failures.insert(seed, failure);
        }
    }
    tally
}
