//! A temporary folder that goes away with its owner.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of its own under the system's temporary folder, removed on drop.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new, empty folder. The path is short: socket paths are limited to about 100 bytes.
    pub fn new(what: &str) -> Self {
        let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("sw-{what}-{}-{number}-{age}", process::id()));
        fs::create_dir(&path)
            .unwrap_or_else(|e| panic!("cannot make the folder {}: {e}", path.display()));
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of something inside.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A process that was just killed may still be closing a file; what remains is in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
