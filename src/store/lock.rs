//! One process per data folder.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::fault::Fault;

/// Name of the lock file within the data folder.
const LOCK_FILE: &str = "lock";

/// A data folder that belongs to this process until the value is dropped. The operating system gives the lock back
/// when the process ends, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Makes the folder (only its owner may look into it) where it does not exist, and takes its lock.
    ///
    /// # Errors
    /// [`Fault::AnotherInstance`] when another process holds the lock; [`Fault::Configuration`] when the folder cannot be
    /// made or written.
    pub fn claim(path: &Path) -> Result<Self, Fault> {
        Self::make(path).map_err(|error| {
            Fault::Configuration(format!(
                "the data folder {} cannot be made: {error}; make it by hand and give it to the user that runs sheetwire, or set data_dir",
                path.display()
            ))
        })?;
        let unwritable = |error: io::Error| {
            Fault::Configuration(format!(
                "the data folder {} cannot be written: {error}; give it to the user that runs sheetwire",
                path.display()
            ))
        };
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK_FILE))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(unwritable)?;
        Ok(Self { path: path.to_path_buf(), lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn make(path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        // Parents keep the usual rights: they are not ours alone.
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent)?;
        }
        DirBuilder::new().mode(0o700).create(path)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // The number of a process that is gone would mislead whoever reads it; the lock itself goes with the file.
        let _ = self.lock.set_len(0);
    }
}

fn in_use(path: &Path, lock: &mut File) -> Fault {
    let mut holder = String::new();
    // Only for the sentence: the number may be missing when the holder has just started.
    let _ = lock.rewind().and_then(|()| lock.read_to_string(&mut holder));
    let holder = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
    Fault::AnotherInstance(format!(
        "the data folder {} is in use by another sheetwire{holder}; stop it first, or give this one a data_dir of its own",
        path.display()
    ))
}
