//! A store as somebody sees it who only looks: `check`. Nothing is made where there is none.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use sheetwire_engine::position::Position;

use super::{SledStore, StoreFiles, witness::Witness};
use crate::{fault::Fault, ports::StateStore};

/// What there is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// No store was made yet.
    Nothing,
    /// The folder is another user's. Looking would leave files in it that its owner cannot write.
    OfAnotherUser,
    /// A sound store of this pipeline.
    Store {
        /// Where it stands.
        position: Option<Position>,
    },
}

/// Looks into the store of `pipeline`, which no process may have open.
///
/// # Errors
/// As [`SledStore::open`] and [`StateStore::load`].
pub fn glance(data_folder: &Path, pipeline: &str) -> Result<Glance, Fault> {
    let there = StoreFiles::of(data_folder).folder.exists();
    if !there && matches!(Witness::read(data_folder), Ok(None)) {
        return Ok(Glance::Nothing);
    }
    // The files of a process in /proc are its effective user's.
    let me = fs::metadata("/proc/self").map(|me| me.uid()).ok();
    let owner = fs::metadata(data_folder).map(|folder| folder.uid()).ok();
    if me.is_some() && owner.is_some() && me != owner {
        return Ok(Glance::OfAnotherUser);
    }
    let image = SledStore::open(data_folder, pipeline)?.load()?;
    Ok(Glance::Store { position: image.position })
}

/// Identity of the store in this folder, running or not; none before the first start.
pub fn instance_of(data_folder: &Path) -> Option<String> {
    Witness::read(data_folder).ok().flatten().map(|told| told.instance)
}
