//! Named places where a test may make the process wait to be killed: one between any two things that outlive it. Outside the cargo feature
//! `testing` nothing waits.

/// Between a batch that is durable and its sending.
pub const BEFORE_SEND: &str = "before_send";
/// Between Google's answer and its way into the store.
pub const ANSWERED: &str = "answered";
/// As [`BEFORE_SEND`], of a batch that claims a row without a key.
pub const BEFORE_CLAIM: &str = "before_claim";
/// As [`ANSWERED`], of a batch that claims a row without a key.
pub const CLAIMED: &str = "claimed";

/// Between the wish to write to the database and its draft in the store.
pub const WANTED: &str = "wanted";
/// Between a transaction's draft that is durable and its beginning.
pub const DRAFTED: &str = "drafted";
/// Between the writing of rows and what is made of it.
pub const PREPARED: &str = "prepared";
/// Between a transaction that is durable and its `COMMIT`.
pub const BEFORE_COMMIT: &str = "before_commit";
/// Between a `COMMIT` and its way into the store.
pub const COMMITTED: &str = "committed";
/// Between a settled transaction that is durable and what follows from it: a new row's key in the sheet.
pub const CLOSING: &str = "closing";

/// Between the writing of a step list and its flush to the disk.
pub const STORE_FLUSH: &str = "store_flush";
/// Between the flush and the witness of it.
pub const STORE_FLUSHED: &str = "store_flushed";
/// Between steps that are durable and whoever waits for them.
pub const STORED: &str = "stored";

/// Between a doorbell that is remembered and what it asks for.
pub const BELL_TAKEN: &str = "bell_taken";
/// Between the fresh memory of doorbells and its taking the place of the old one.
pub const BELLS_ANEW: &str = "bells_anew";
/// Between the probe of a spreadsheet and the note of what was found.
pub const PROBED: &str = "probed";

/// All of them.
pub const PLACES: [&str; 16] = [
    BEFORE_SEND,
    ANSWERED,
    BEFORE_CLAIM,
    CLAIMED,
    WANTED,
    DRAFTED,
    PREPARED,
    BEFORE_COMMIT,
    COMMITTED,
    CLOSING,
    STORE_FLUSH,
    STORE_FLUSHED,
    STORED,
    BELL_TAKEN,
    BELLS_ANEW,
    PROBED,
];

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
        // At once whole: whoever waits for the file reads it.
        let begun = file.with_extension("begun");
        let created = std::fs::write(&begun, place).and_then(|()| std::fs::rename(&begun, &file));
        tracing::warn!(place, ok = created.is_ok(), "held for a test");
    }
    true
}

/// Waits for ever if a test asked for it; never in a release.
#[cfg(not(feature = "testing"))]
#[expect(clippy::unused_async, reason = "the same door with and without the feature")]
pub async fn here(_place: &str) {}

/// The same for a thread that may block.
#[cfg(not(feature = "testing"))]
pub fn thread_here(_place: &str) {}
