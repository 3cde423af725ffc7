//! The store against crashes, damage and a second process.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod crash;
mod damage;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sheetwire::{fault::Fault, store::SledStore};
use sheetwire_engine::{
    base::BaseRow,
    cell::Cell,
    change::TableId,
    position::Position,
    state::{RowKey, StoreStep},
};

use crate::support::wait::wait_for;

/// A folder for one test, removed behind it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{test}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Path) -> SledStore {
    once_free(|| SledStore::open(folder, "crm")).unwrap()
}

/// What opening came to, once the file is nobody's. A worker of sled may hold it for a moment after the store was dropped, and so may a
/// program that another test is just starting: neither happens between two processes.
fn once_free(open: impl Fn() -> Result<SledStore, Fault>) -> Result<SledStore, Fault> {
    wait_for(Duration::from_mins(2), "the store to be nobody's", || match open() {
        Err(Fault::AnotherInstance(_)) => None,
        other => Some(other),
    })
}

/// The steps of one round: a row and the position behind it.
fn round(number: u64) -> Vec<StoreStep> {
    let cells = vec![Cell::text(format!("round {number}")), Cell::text("x".repeat(300))];
    vec![
        StoreStep::Base(TableId(0), row_key(number), BaseRow::agreed(cells, 1)),
        StoreStep::Position(position(number)),
    ]
}

fn row_key(number: u64) -> RowKey {
    RowKey(format!("{number:08}").into())
}

fn position(offset: u64) -> Position {
    Position::File { name: "binlog.000001".into(), offset }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
