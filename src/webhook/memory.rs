//! Which requests were taken already, across restarts: each counts once.
//!
//! `doorbells` in the data folder has one line for each, its time and its id, and is written before the request is acted on. Where the file
//! is gone or damaged nobody knows what was taken before, so everything signed before this process started is refused.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::signature::WINDOW_S;

/// Ids kept at once; a request beyond is refused. Far more than all spreadsheets' pace allows within the window.
const IDS_MAX: usize = 200_000;
/// Lines of ids that are over, beside those that hold, before the file is written anew.
const SURPLUS_MAX: usize = 1_000;

/// The memory.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    file: File,
    lines: usize,
    known: BTreeMap<String, i64>,
    /// Nothing signed before is taken, seconds since the Unix epoch.
    not_before_s: i64,
    next_sweep_s: i64,
}

/// What the memory says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is new, and is remembered now.
    New,
    /// It was taken before, or may have been.
    Replayed,
    /// There is no room for more.
    Full,
}

impl Memory {
    /// Reads what is remembered in this data folder. `now_s` is the time of day, seconds since the Unix epoch.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn open(data_dir: &Path, now_s: i64) -> io::Result<Self> {
        let path = data_dir.join("doorbells");
        let read = match fs::read_to_string(&path) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(error),
        };
        // A part of this second was before us.
        let not_before_s = if read.is_some() { i64::MIN } else { now_s + 1 };
        let mut known = read.unwrap_or_default();
        known.retain(|_, at_s| holds(*at_s, now_s));
        let file = write_anew(&path, &known)?;
        let lines = known.len();
        Ok(Self { path, file, lines, known, not_before_s, next_sweep_s: now_s + WINDOW_S })
    }

    /// Takes a request, once. With `durably`, it is on the disk before this returns.
    ///
    /// # Errors
    /// Where it cannot be written: then it is not taken.
    pub(super) fn take(
        &mut self,
        (id, at_s): (&str, i64),
        now_s: i64,
        durably: bool,
    ) -> io::Result<Taken> {
        if at_s < self.not_before_s || self.known.contains_key(id) {
            return Ok(Taken::Replayed);
        }
        if now_s >= self.next_sweep_s || self.known.len() >= IDS_MAX {
            self.next_sweep_s = now_s + WINDOW_S / 10;
            self.known.retain(|_, at_s| holds(*at_s, now_s));
            if self.lines > 2 * self.known.len() + SURPLUS_MAX {
                self.file = write_anew(&self.path, &self.known)?;
                self.lines = self.known.len();
            }
        }
        if self.known.len() >= IDS_MAX {
            return Ok(Taken::Full);
        }
        self.file.write_all(format!("{at_s} {id}\n").as_bytes())?;
        if durably {
            self.file.sync_data()?;
        }
        self.lines += 1;
        self.known.insert(id.to_owned(), at_s);
        Ok(Taken::New)
    }
}

/// Whether a request of that time might still be taken, so that its id must be kept.
fn holds(at_s: i64, now_s: i64) -> bool {
    at_s >= now_s - WINDOW_S
}

/// The ids of a file; `None` where it is damaged. A last line that was cut off belongs to a request that was never acted on.
fn parse(text: &str) -> Option<BTreeMap<String, i64>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            let (at_s, id) = line.split_once(' ')?;
            Some((id.to_owned(), at_s.parse().ok()?))
        })
        .collect()
}

fn write_anew(path: &Path, known: &BTreeMap<String, i64>) -> io::Result<File> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    let mut text = String::new();
    for (id, at_s) in known {
        let _ = writeln!(text, "{at_s} {id}");
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sw-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_request_counts_once_also_after_a_restart() {
        let folder = folder("memory");
        let mut memory = Memory::open(&folder, NOW - 1).unwrap();
        assert_eq!(memory.take(("a", NOW), NOW, true).unwrap(), Taken::New);
        assert_eq!(memory.take(("a", NOW), NOW + 1, true).unwrap(), Taken::Replayed);
        assert_eq!(memory.take(("b", NOW), NOW, false).unwrap(), Taken::New);
        drop(memory);
        let mut memory = Memory::open(&folder, NOW + WINDOW_S).unwrap();
        for id in ["a", "b"] {
            assert_eq!(memory.take((id, NOW), NOW + WINDOW_S, true).unwrap(), Taken::Replayed);
        }
        // Another process does not refuse what is new, however old it is.
        assert_eq!(memory.take(("c", NOW), NOW + WINDOW_S, true).unwrap(), Taken::New);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lost_or_damaged_memory_takes_nothing_from_before() {
        let folder = folder("amnesia");
        for damage in [None, Some("1700000000 a\nno line of ours\n"), Some("\u{0}\n")] {
            if let Some(damage) = damage {
                fs::write(folder.join("doorbells"), damage).unwrap();
            }
            let mut memory = Memory::open(&folder, NOW).unwrap();
            assert_eq!(memory.take(("x", NOW), NOW, true).unwrap(), Taken::Replayed);
            assert_eq!(memory.take(("y", NOW + 1), NOW, true).unwrap(), Taken::New);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_replayed_any_more_is_forgotten_and_the_file_stays_small() {
        let folder = folder("oblivion");
        let mut memory = Memory::open(&folder, NOW - 1).unwrap();
        for number in 0..5_000 {
            let at = NOW + number;
            assert_eq!(memory.take((&number.to_string(), at), at, false).unwrap(), Taken::New);
        }
        let kept = usize::try_from(WINDOW_S + WINDOW_S / 10).unwrap() + 1;
        assert!(memory.known.len() <= kept, "{}", memory.known.len());
        assert!(memory.lines <= 3 * kept + SURPLUS_MAX, "{}", memory.lines);
        // A line that was cut off is no damage.
        let file = folder.join("doorbells");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, &text[..text.len() - 3]).unwrap();
        let mut memory = Memory::open(&folder, NOW + 5_000).unwrap();
        assert_eq!(memory.take(("4000", NOW + 4_990), NOW + 5_000, true).unwrap(), Taken::New);
        assert_eq!(memory.take(("4900", NOW + 4_990), NOW + 5_000, true).unwrap(), Taken::Replayed);
        fs::remove_dir_all(folder).unwrap();
    }
}
