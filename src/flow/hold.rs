//! Named places where a test may make the process wait to be killed. Outside the cargo feature `testing` nothing waits.

/// Between a batch that is durable and its sending.
pub const BEFORE_SEND: &str = "before_send";
/// Between Google's answer and its way into the store.
pub const ANSWERED: &str = "answered";

/// Waits for ever if a test asked for it: `SHEETWIRE_HOLD=place:n` waits at the n-th passing and creates the file named by
/// `SHEETWIRE_HOLD_FILE` to say so.
#[cfg(feature = "testing")]
pub async fn here(place: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Some((wanted, count)) = crate::config::testing::hold() else { return };
    if wanted != place || PASSED.fetch_add(1, Ordering::Relaxed) + 1 != count {
        return;
    }
    if let Some(file) = crate::config::testing::hold_file() {
        let created = std::fs::write(file, place);
        tracing::warn!(place, ok = created.is_ok(), "held for a test");
    }
    std::future::pending::<()>().await;
}

/// Waits for ever if a test asked for it; never in a release.
#[cfg(not(feature = "testing"))]
#[expect(clippy::unused_async, reason = "the same door with and without the feature")]
pub async fn here(_place: &str) {}
