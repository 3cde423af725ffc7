//! How often each spreadsheet may ring.

use std::{collections::BTreeMap, num::NonZeroU32};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Requests of one spreadsheet a second, on the average: some twenty people typing.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// Requests at once.
const BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// One bucket for each configured spreadsheet.
#[derive(Debug)]
pub(super) struct Pace {
    buckets: BTreeMap<String, DefaultDirectRateLimiter>,
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Passes,
    TooMany,
    /// Nobody keeps this spreadsheet in step here.
    Unknown,
}

impl Pace {
    pub(super) fn of(spreadsheets: &[String]) -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
        let bucket = |id: &String| (id.clone(), RateLimiter::direct(quota));
        Self { buckets: spreadsheets.iter().map(bucket).collect() }
    }

    pub(super) fn take(&self, spreadsheet: &str) -> Turn {
        match self.buckets.get(spreadsheet).map(RateLimiter::check) {
            None => Turn::Unknown,
            Some(Ok(())) => Turn::Passes,
            Some(Err(_)) => Turn::TooMany,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loud_spreadsheet_does_not_silence_another() {
        let pace = Pace::of(&["loud".to_owned(), "quiet".to_owned()]);
        let loud: Vec<Turn> = (0..10 * BURST.get()).map(|_| pace.take("loud")).collect();
        assert_eq!(loud.first(), Some(&Turn::Passes));
        assert_eq!(loud.last(), Some(&Turn::TooMany));
        assert_eq!(pace.take("quiet"), Turn::Passes);
        assert_eq!(pace.take("another"), Turn::Unknown);
    }
}
