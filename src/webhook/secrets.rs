//! The secrets that requests may be signed with: two at once while one takes the place of the other.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{clock::Clock, config, secret::Secret, telemetry::Redact};

/// The file is looked at no more often than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells one state of a file from another: device, inode, size, and time of change.
type Mark = (u64, u64, u64, i64, i64);

/// The secrets of a file, read again when it changes.
#[derive(Debug)]
pub struct Secrets {
    file: PathBuf,
    redact: Redact,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    secrets: Vec<Secret<String>>,
    mark: Option<Mark>,
    next_look: Duration,
}

impl Secrets {
    /// Secrets that were read from this file; the log learns to leave new ones out.
    pub fn new(secrets: Vec<Secret<String>>, file: PathBuf, clock: Clock, redact: Redact) -> Self {
        let mark = mark(&file).ok();
        let state = State { secrets, mark, next_look: clock.now() + LOOK_EVERY };
        Self { file, redact, clock, state: Mutex::new(state) }
    }

    /// Those that hold now.
    pub(super) fn now(&self) -> Vec<Secret<String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.clock.now() >= state.next_look {
            state.next_look = self.clock.now() + LOOK_EVERY;
            if mark(&self.file).ok() != state.mark {
                self.load(&mut state);
            }
        }
        state.secrets.clone()
    }

    /// Reads the file again. Where it holds none, those before stay.
    pub(super) fn reload(&self) {
        self.load(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn load(&self, state: &mut State) {
        // Taken before the content: a change in between is seen the next time.
        state.mark = mark(&self.file).ok();
        let read = fs::read_to_string(&self.file).map_err(|error| error.to_string());
        match read.and_then(|text| config::doorbell_secrets(&text)) {
            Ok(secrets) => {
                self.redact.learn(&secrets);
                tracing::info!(secrets = secrets.len(), "doorbells: the secrets were read again");
                state.secrets = secrets;
            }
            Err(why) => tracing::error!(
                "doorbells: {} cannot be used ({why}); the secrets from before still hold",
                self.file.display()
            ),
        }
    }
}

fn mark(file: &PathBuf) -> io::Result<Mark> {
    let data = fs::metadata(file)?;
    Ok((data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_a_bad_one_changes_nothing() {
        let folder = std::env::temp_dir().join(format!("sw-bell-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("secret");
        fs::write(&file, "the first of the secrets\n").unwrap();
        let first = config::doorbell_secrets("the first of the secrets\n").unwrap();
        let redact = Redact::default();
        let secrets = Secrets::new(first, file.clone(), Clock::start(), redact.clone());
        let now = |secrets: &Secrets| -> Vec<String> {
            secrets.now().iter().map(|secret| secret.reveal().clone()).collect()
        };
        fs::write(&file, "a new one, long enough\nthe first of the secrets\n").unwrap();
        secrets.reload();
        assert_eq!(now(&secrets), ["a new one, long enough", "the first of the secrets"]);
        assert_eq!(redact.clean("x a new one, long enough x"), "x *** x");
        fs::write(&file, "short").unwrap();
        secrets.reload();
        assert_eq!(now(&secrets).len(), 2);
        fs::remove_dir_all(folder).unwrap();
    }
}
