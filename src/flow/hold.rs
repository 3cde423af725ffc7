//! Named places where a test may make the process wait to be killed. Outside the cargo feature `testing` nothing waits.

/// Between a batch that is durable and its sending.
pub const BEFORE_SEND: &str = "before_send";
/// Between Google's answer and its way into the store.
pub const ANSWERED: &str = "answered";

/// Between the writing of rows and what is made of it.
pub const PREPARED: &str = "prepared";
/// Between a transaction that is durable and its `COMMIT`.
pub const BEFORE_COMMIT: &str = "before_commit";
/// Between a `COMMIT` and its way into the store.
pub const COMMITTED: &str = "committed";

/// Between the writing of a step list and its flush to the disk.
pub const STORE_FLUSH: &str = "store_flush";

/// Waits for ever if a test asked for it: `SHEETWIRE_HOLD=place:n` waits at the n-th passing and creates the file named by
/// `SHEETWIRE_HOLD_FILE` to say so.
#[cfg(feature = "testing")]
pub async fn here(place: &str) {
    if is_wanted(place) {
        std::future::pending::<()>().await;
    }
}

/// The same for a thread that may block.
#[cfg(feature = "testing")]
pub fn thread_here(place: &str) {
    if is_wanted(place) {
        loop {
            std::thread::park();
        }
    }
}

#[cfg(feature = "testing")]
fn is_wanted(place: &str) -> bool {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Some((wanted, count)) = crate::config::testing::hold() else { return false };
    if wanted != place || PASSED.fetch_add(1, Ordering::Relaxed) + 1 != count {
        return false;
    }
    if let Some(file) = crate::config::testing::hold_file() {
        let created = std::fs::write(file, place);
        tracing::warn!(place, ok = created.is_ok(), "held for a test");
    }
    true
}

/// Waits for ever if a test asked for it; never in a release.
#[cfg(not(feature = "testing"))]
#[expect(clippy::unused_async, reason = "the same door with and without the feature")]
pub async fn here(_place: &str) {}
