//! A small file beside the store that says whose it is and how much of it must be there.
//!
//! sled ends its log at the first record that it cannot read and calls the rest never written; a folder without its log it calls
//! new. Both look like a healthy, older store. The witness stands outside: it names the store, and counts the steps that were
//! acknowledged. The count is written after the step is durable and is not flushed itself, so it never runs ahead of the store: a
//! store behind its witness has lost something.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

/// Name of the file within the data folder.
pub(super) const WITNESS_FILE: &str = "witness";

/// Digits of the count, so that it can be overwritten in place.
const DIGITS: usize = 20;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Testimony {
    /// Steps acknowledged.
    pub(super) steps: u64,
    /// Identity of the store.
    pub(super) instance: String,
    /// Pipeline it was made for.
    pub(super) pipeline: String,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
}

impl Witness {
    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is not one of ours.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Testimony>> {
        let text = match fs::read_to_string(folder.join(WITNESS_FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut lines = text.lines();
        let steps = lines.next().and_then(|line| line.parse().ok());
        let instance = lines.next().and_then(|line| line.strip_prefix("instance "));
        let pipeline = lines.next().and_then(|line| line.strip_prefix("pipeline "));
        match (steps, instance, pipeline) {
            (Some(steps), Some(instance), Some(pipeline)) => {
                Ok(Some(Testimony { steps, instance: instance.into(), pipeline: pipeline.into() }))
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not readable as a witness")),
        }
    }

    /// Writes the file anew, durably, and keeps it open.
    pub(super) fn write(folder: &Path, testimony: &Testimony) -> io::Result<Self> {
        let fresh = folder.join("witness.new");
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
        let Testimony { steps, instance, pipeline } = testimony;
        write!(file, "{steps:0DIGITS$}\ninstance {instance}\npipeline {pipeline}\n")?;
        file.sync_all()?;
        fs::rename(&fresh, folder.join(WITNESS_FILE))?;
        File::open(folder)?.sync_all()?;
        Ok(Self { file })
    }

    /// Notes that this many steps are durable.
    pub(super) fn acknowledge(&self, steps: u64) -> io::Result<()> {
        self.file.write_all_at(format!("{steps:0DIGITS$}").as_bytes(), 0)
    }
}
