//! Waiting for a condition, with a deadline. Never a bare pause.

use std::{
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

/// Time between two looks at a condition that gives no signal of its own.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks at `condition` until it holds. Panics with `what` when `within` has passed.
#[track_caller]
pub fn wait_until(within: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(within, what, || condition().then_some(()));
}

/// Asks `question` until it answers, and returns the answer. Panics with `what` when `within` has passed.
#[track_caller]
pub fn wait_for<T>(within: Duration, what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let nobody = (Mutex::new(()), Condvar::new());
    let start = Instant::now();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(start.elapsed() < within, "waited {within:?} in vain: {what}");
        let held = nobody.0.lock().unwrap();
        // Nobody signals: this is a look at the clock that gives the processor away.
        drop(nobody.1.wait_timeout(held, LOOK_EVERY).unwrap());
    }
}
