//! Counts what is refused, and says so without flooding the log.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// At most one line so often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How many requests were refused, by reason.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: BTreeMap<&'static str, u64>,
    unsaid: BTreeMap<&'static str, u64>,
    next_line: Duration,
}

impl Refusals {
    /// One more. Gives the line that is due, where one is.
    pub(super) fn count(&self, reason: &'static str, now: Duration) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.total.entry(reason).or_default() += 1;
        *state.unsaid.entry(reason).or_default() += 1;
        if now < state.next_line {
            return None;
        }
        state.next_line = now + LINE_EVERY;
        state.take_line()
    }

    /// What was not said yet.
    pub(super) fn rest(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).take_line()
    }
}

impl State {
    fn take_line(&mut self) -> Option<String> {
        let mut line = String::new();
        for (reason, times) in std::mem::take(&mut self.unsaid) {
            let comma = if line.is_empty() { "" } else { ", " };
            let total = self.total.get(reason).copied().unwrap_or(times);
            let _ = write!(line, "{comma}{reason} {times} (since the start {total})");
        }
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_every_ten_seconds_and_nothing_is_left_uncounted() {
        let refusals = Refusals::default();
        let at = |ms| Duration::from_millis(ms);
        assert_eq!(refusals.count("unsigned", at(1)).unwrap(), "unsigned 1 (since the start 1)");
        for ms in 0..9_000 {
            assert_eq!(refusals.count("unsigned", at(ms)), None);
        }
        let line = refusals.count("expired", at(10_001)).unwrap();
        assert_eq!(line, "expired 1 (since the start 1), unsigned 9000 (since the start 9001)");
        assert_eq!(refusals.rest(), None);
    }
}
