//! What can go wrong in the store, as sentences with a cure.

use std::{io, path::Path};

use super::codec::Damage;
use crate::fault::Fault;

/// Why the store did not do what it was asked.
pub(super) enum Trouble {
    /// A record is not what it should be.
    Damage(Damage),
    /// sled's log, or the set of records in it, is not what it should be.
    Log(String),
    /// The disk refuses.
    Io(io::Error),
    /// A conflict was about to be written over.
    Rewritten(u64),
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io(error),
            sled::Error::Corruption { .. } => Self::Log("sled finds its log corrupt".into()),
            sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_) => Self::Log(format!("sled says: {error}")),
        }
    }
}

impl Trouble {
    /// The sentence for the operator.
    pub(super) fn into_fault(self, data_folder: &Path) -> Fault {
        match self {
            Self::Damage(Damage::TooLarge(kind)) => Fault::Configuration(format!(
                "a {kind} record is too large for the store in {}; map fewer columns, or lower sheets.flush.max_bytes",
                data_folder.display()
            )),
            Self::Damage(damage @ Damage::Newer(..)) => newer(data_folder, &damage.to_string()),
            Self::Damage(damage @ Damage::Older(..)) => older(data_folder, &damage.to_string()),
            Self::Damage(damage) => damaged(data_folder, &damage.to_string()),
            Self::Log(what) => damaged(data_folder, &what),
            Self::Io(error) => unwritable(data_folder, &error),
            Self::Rewritten(id) => Fault::Configuration(format!(
                "conflict {id} is in the store of {} with another content, and conflicts are never rewritten; this is a fault of sheetwire, please report it",
                data_folder.display()
            )),
        }
    }
}

/// The store cannot be believed.
pub(super) fn damaged(data_folder: &Path, what: &str) -> Fault {
    let folder = data_folder.display();
    Fault::Configuration(format!(
        "the store in {folder} is damaged: {what}; move the folder {folder} away and run with --takeover: everything is rebuilt from sheet and database (only the list of conflicts stays behind in the folder)"
    ))
}

/// The store is sound, but not for this version.
pub(super) fn newer(data_folder: &Path, what: &str) -> Fault {
    let folder = data_folder.display();
    Fault::Configuration(format!(
        "the store in {folder} was written by a newer sheetwire: {what}; run that version again, or move the folder {folder} away and run this one with --takeover: everything is rebuilt from sheet and database"
    ))
}

/// The store is sound, but older than what this version reads.
fn older(data_folder: &Path, what: &str) -> Fault {
    let folder = data_folder.display();
    Fault::Configuration(format!(
        "the store in {folder} was written by an older sheetwire: {what}; stop that version when `sheetwire status` shows nothing pending, move the folder {folder} away and run this one with --takeover: everything is rebuilt from sheet and database (only the list of conflicts stays behind in the folder)"
    ))
}

/// The store may be sound, but the disk does not serve.
pub(super) fn unwritable(data_folder: &Path, error: &io::Error) -> Fault {
    Fault::Configuration(format!(
        "the store in {} cannot be read or written: {error}; make room on the disk or mend its rights, then run again: nothing that was acknowledged is lost",
        data_folder.display()
    ))
}
