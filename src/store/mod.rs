//! What survives a restart: one folder, one process, one atomic and durable batch per step list.
//!
//! [`SledStore`] keeps the state on disk, [`MemoryStore`] keeps it for tests. Both pass the claims in `contract`.
//!
//! ```text
//! <data_dir>/            0700
//!   lock                 held by the one process that runs on the folder (lock.rs)
//!   tables.json          which table has which number (roster.rs)
//!   witness              who owns the store and how many steps were acknowledged (witness.rs)
//!   store/db             sled's log; store/conf, store/blobs and store/snap.* belong to it (sled.rs)
//! ```

mod codec;
#[cfg(test)]
mod contract;
mod disk;
mod glance;
mod lock;
mod memory;
mod records;
mod roster;
mod sled;
mod trouble;
mod witness;

use sheetwire_engine::{change::TableId, state::PendingRow, state::RowKey};

pub use self::{
    disk::{Disk, MachineDisk},
    glance::{Glance, glance, instance_of, open_existing},
    lock::DataFolder,
    memory::MemoryStore,
    roster::Roster,
    sled::{SledStore, StoreFiles},
};

/// Address of a pending row: its table and its key.
pub type RowAddress = (TableId, RowKey);

/// What stands in the store for an address: a pending row, or nothing.
pub type PendingAnswer = Option<PendingRow>;
