//! The laws of merging, checked on drawn rows: nothing else of the engine takes part.
//!
//! A law speaks of what a side did (touched a cell or not) and of what may follow, never of how the engine comes to it. Values are few, so that
//! they meet by chance; the model database spells texts in capitals and refuses one of them, as a trigger and a type do.

mod case;
mod laws;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Instant,
};

use crate::tape::Tape;
use case::Case;

/// What came of many rows.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rows looked at.
    pub seeds: u64,
    /// What is wrong, by seed: the law that is broken, and the row.
    pub failures: BTreeMap<u64, String>,
    /// Seconds it took.
    pub seconds: f64,
}

impl Tally {
    /// Rows a second.
    pub fn rate(&self) -> f64 {
        let seeds = f64::from(u32::try_from(self.seeds).unwrap_or(u32::MAX));
        seeds / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Looks at so many drawn rows.
pub fn run(from: u64, seeds: u64, threads: usize) -> Tally {
    let start = Instant::now();
    let threads = u64::try_from(threads.max(1)).unwrap_or(1);
    let end = from.saturating_add(seeds);
    let part = seeds.div_ceil(threads);
    let parts = (0..threads).map(|thread| {
        let first = from.saturating_add(thread * part).min(end);
        first..first.saturating_add(part).min(end)
    });
    let failures = thread::scope(|scope| {
        let threads: Vec<_> = parts
            .map(|seeds| scope.spawn(|| seeds.filter_map(failure_of).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    Tally { seeds, failures, seconds: start.elapsed().as_secs_f64() }
}

fn failure_of(seed: u64) -> Option<(u64, String)> {
    let case = Case::draw(&mut Tape::of_seed(seed));
    let verdict = catch_unwind(AssertUnwindSafe(|| laws::judge(&case)));
    let broken = match verdict {
        Ok(Ok(())) => return None,
        Ok(Err(law)) => law,
        Err(_) => "planning panicked".to_owned(),
    };
    Some((seed, format!("{broken}\n  {case:?}")))
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn merging_keeps_the_laws() {
        let tally = run(1, 20_000, 2);
        assert!(tally.failures.is_empty(), "{:#?}", tally.failures.first_key_value());
    }
}
