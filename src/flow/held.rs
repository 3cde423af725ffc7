//! Keys that wait for the end of their transaction, as bytes and in bounded memory: what is too much goes to a file without a name.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use sheetwire_engine::{change::TableId, value::Value};

use crate::fault::Fault;

/// Keys of one part: one question to the server, and one event.
const PART_KEYS: usize = 5_000;
/// Bytes of whole parts in memory; beyond that they are written to the file.
const MEMORY_BYTES_MAX: usize = 16 << 20;

/// Values of a key's columns.
type Key = Vec<Value>;

/// A key as bytes: the same key is the same bytes.
pub(super) fn bytes_of(key: &[Value]) -> Result<Vec<u8>, Fault> {
    postcard::to_stdvec(key).map_err(|error| {
        Fault::Configuration(format!("a key cannot be kept, please report it: {error}"))
    })
}

/// Keys by table, in parts.
#[derive(Debug)]
pub(super) struct Held {
    part_keys: usize,
    memory_bytes_max: usize,
    open: BTreeMap<TableId, Part>,
    whole: VecDeque<(TableId, Kept)>,
    in_memory: usize,
    file: Option<File>,
    end: u64,
}

/// Keys, one behind the other.
#[derive(Debug, Default)]
struct Part {
    keys: usize,
    bytes: Vec<u8>,
}

/// Where a part is.
#[derive(Debug)]
enum Kept {
    Memory(Part),
    File { offset: u64, length: usize, keys: usize },
}

impl Default for Held {
    fn default() -> Self {
        Self::with_bounds(PART_KEYS, MEMORY_BYTES_MAX)
    }
}

impl Held {
    pub(super) fn with_bounds(part_keys: usize, memory_bytes_max: usize) -> Self {
        Self {
            part_keys,
            memory_bytes_max,
            open: BTreeMap::new(),
            whole: VecDeque::new(),
            in_memory: 0,
            file: None,
            end: 0,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.whole.is_empty()
    }

    /// Keeps a key.
    pub(super) fn push(&mut self, table: TableId, key: &[Value]) -> Result<(), Fault> {
        let bytes = bytes_of(key)?;
        let part = self.open.entry(table).or_default();
        part.keys += 1;
        part.bytes.extend_from_slice(&bytes);
        if part.keys >= self.part_keys {
            let part = std::mem::take(part);
            self.open.remove(&table);
            self.close(table, part)?;
        }
        Ok(())
    }

    /// Some keys of one table, which wait no longer; none when nothing waits.
    pub(super) fn take(&mut self) -> Result<Option<(TableId, Vec<Key>)>, Fault> {
        let (table, kept) = match self.whole.pop_front() {
            Some(whole) => whole,
            None => match self.open.pop_first() {
                Some((table, part)) => (table, Kept::Memory(part)),
                None => return Ok(None),
            },
        };
        let part = match kept {
            Kept::Memory(part) => {
                self.in_memory = self.in_memory.saturating_sub(part.bytes.len());
                part
            }
            Kept::File { offset, length, keys } => {
                let mut bytes = vec![0; length];
                let file = self.file.as_ref().expect("a part in the file was written to it");
                file.read_exact_at(&mut bytes, offset).map_err(|error| no_room(&error))?;
                Part { keys, bytes }
            }
        };
        if self.is_empty() {
            // The next transaction begins anew; the file's room is given back.
            (self.file, self.end) = (None, 0);
        }
        let mut keys = Vec::with_capacity(part.keys);
        let mut rest = part.bytes.as_slice();
        while !rest.is_empty() {
            let (key, behind) = postcard::take_from_bytes(rest).map_err(|error| {
                Fault::Configuration(format!("a key was not kept whole, please report it: {error}"))
            })?;
            keys.push(key);
            rest = behind;
        }
        Ok(Some((table, keys)))
    }

    fn close(&mut self, table: TableId, part: Part) -> Result<(), Fault> {
        if self.in_memory + part.bytes.len() <= self.memory_bytes_max {
            self.in_memory += part.bytes.len();
            self.whole.push_back((table, Kept::Memory(part)));
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => nameless_file().map_err(|error| no_room(&error))?,
        };
        let (offset, length) = (self.end, part.bytes.len());
        file.write_all_at(&part.bytes, offset).map_err(|error| no_room(&error))?;
        self.end += u64::try_from(length).unwrap_or(u64::MAX);
        self.file = Some(file);
        self.whole.push_back((table, Kept::File { offset, length, keys: part.keys }));
        Ok(())
    }
}

/// A file that is gone when it is closed, or the process dies. Only its owner can open it while it has a name.
fn nameless_file() -> io::Result<File> {
    let mut chance = [0; 8];
    getrandom::fill(&mut chance).map_err(io::Error::other)?;
    let name = format!("sheetwire-keys-{:016x}", u64::from_be_bytes(chance));
    let path = std::env::temp_dir().join(name);
    let file =
        OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn no_room(error: &io::Error) -> Fault {
    Fault::Transient(format!(
        "the keys of a large transaction cannot be kept in {}: {error}; make room there, or set TMPDIR",
        std::env::temp_dir().display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: i64) -> Vec<Value> {
        vec![Value::Int(number), Value::Text(format!("key {number}"))]
    }

    #[test]
    fn keys_come_back_by_table_however_many_went_to_the_file() {
        for memory in [0, 100, usize::MAX] {
            let mut held = Held::with_bounds(10, memory);
            for number in 0..95 {
                held.push(TableId(0), &key(number)).unwrap();
                if number % 3 == 0 {
                    held.push(TableId(7), &key(-number)).unwrap();
                }
            }
            assert_eq!(held.file.is_some(), memory < usize::MAX);
            assert!(held.in_memory <= memory);
            let mut found: BTreeMap<TableId, Vec<Vec<Value>>> = BTreeMap::new();
            while let Some((table, keys)) = held.take().unwrap() {
                assert!(keys.len() <= 10);
                found.entry(table).or_default().extend(keys);
            }
            assert_eq!(found[&TableId(0)], (0..95).map(key).collect::<Vec<_>>(), "{memory}");
            let other: Vec<_> = (0..95).step_by(3).map(|number| key(-number)).collect();
            assert_eq!(found[&TableId(7)], other);
            assert!(held.is_empty() && held.file.is_none());
        }
    }
}
