//! A store as somebody sees it who only looks: `check`. Nothing is made where there is none.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use sheetwire_engine::{change::TableId, position::Position};

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
        /// Numeric ids of its tables' tabs.
        tabs: Vec<(TableId, i32)>,
    },
}

/// Opens the store of `pipeline` where there is one; none is made where there is none.
///
/// # Errors
/// As [`SledStore::open`], and [`Fault::Configuration`] where the folder is another user's.
pub fn open_existing(data_folder: &Path, pipeline: &str) -> Result<Option<SledStore>, Fault> {
    if is_empty(data_folder) {
        return Ok(None);
    }
    if is_of_another_user(data_folder) {
        return Err(Fault::Configuration(format!(
            "the data folder {} belongs to another user; do this as the user that runs the pipeline",
            data_folder.display()
        )));
    }
    SledStore::open(data_folder, pipeline).map(Some)
}

/// Looks into the store of `pipeline`, which no process may have open.
///
/// # Errors
/// As [`SledStore::open`] and [`StateStore::load`].
pub fn glance(data_folder: &Path, pipeline: &str) -> Result<Glance, Fault> {
    if is_empty(data_folder) {
        return Ok(Glance::Nothing);
    }
    if is_of_another_user(data_folder) {
        return Ok(Glance::OfAnotherUser);
    }
    let image = SledStore::open(data_folder, pipeline)?.load()?;
    Ok(Glance::Store { position: image.position, tabs: image.tabs })
}

fn is_empty(data_folder: &Path) -> bool {
    let there = StoreFiles::of(data_folder).folder.exists();
    !there && matches!(Witness::read(data_folder), Ok(None))
}

fn is_of_another_user(data_folder: &Path) -> bool {
    // The files of a process in /proc are its effective user's.
    let me = fs::metadata("/proc/self").map(|me| me.uid()).ok();
    let owner = fs::metadata(data_folder).map(|folder| folder.uid()).ok();
    me.is_some() && owner.is_some() && me != owner
}

/// Identity of the store in this folder, running or not; none before the first start.
pub fn instance_of(data_folder: &Path) -> Option<String> {
    Witness::read(data_folder).ok().flatten().map(|told| told.instance)
}
