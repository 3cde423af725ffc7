//! What a test may ask of a process through the environment. Not there in a release.

use std::path::PathBuf;

/// Where the process shall wait: the place and at which passing. See [`crate::hold`].
pub fn hold() -> Option<(String, u32)> {
    let text = std::env::var("SHEETWIRE_HOLD").ok()?;
    let (place, count) = text.split_once(':')?;
    Some((place.to_owned(), count.parse().ok()?))
}

/// The file that says that it waits.
pub fn hold_file() -> Option<PathBuf> {
    std::env::var_os("SHEETWIRE_HOLD_FILE").map(Into::into)
}
