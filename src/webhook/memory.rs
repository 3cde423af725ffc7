//! Which requests were taken already, across restarts: each counts once.
//!
//! `doorbells` in the data folder has one line for each: its time, its id, a checksum. It is written before the request is acted on. Where the
//! file is gone or damaged nobody knows what was taken before; then nothing that changes a cell is taken until no request from before can be
//! replayed any more. A ring costs no more than a look, and is taken.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::signature::WINDOW_S;
use crate::hold;

/// An id is kept for so long after the time that it was signed for: twice as long as it may be used, lest a clock that is set back lets it
/// in again; seconds.
const KEPT_S: i64 = 2 * WINDOW_S;
/// Ids kept at once; a request beyond is refused. Far more than all spreadsheets' pace allows within that time.
const IDS_MAX: usize = 200_000;
/// Lines of ids that are over, beside those that hold, before the file is written anew.
const SURPLUS_MAX: usize = 1_000;
/// First word of the file; the version is raised with every change of its form.
const TITLE: &str = "sheetwire-doorbells-1";

/// The memory.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    /// `None` where the last write failed: half a line may stand at the end.
    file: Option<File>,
    lines: usize,
    known: BTreeMap<String, i64>,
    /// Until then something may be known to others that is not known here, seconds since the Unix epoch.
    unsure_until_s: i64,
    next_sweep_s: i64,
}

/// What the memory says of a request.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is new, and is remembered now. What is to last is on the disk once the file is synchronised.
    New(File),
    /// It was taken before.
    Replayed,
    /// It may have been taken before.
    Unsure,
    /// There is no room for more.
    Full,
}

impl Memory {
    /// Reads what is remembered in this data folder. `now_s` is the time of day, seconds since the Unix epoch; a folder that `is_new` has
    /// never taken anything.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn open(data_dir: &Path, now_s: i64, is_new: bool) -> io::Result<Self> {
        let path = data_dir.join("doorbells");
        let read = match fs::read_to_string(&path) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_new => {
                Some((i64::MIN, BTreeMap::new()))
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        if read.is_none() {
            tracing::warn!(
                "doorbells: what was taken before is not known; for {KEPT_S} seconds no cell is put back from a sheet's menu"
            );
        }
        let (unsure_until_s, known) = read.unwrap_or((now_s + KEPT_S, BTreeMap::new()));
        let mut memory = Self {
            path,
            file: None,
            lines: 0,
            known,
            unsure_until_s,
            next_sweep_s: now_s + KEPT_S,
        };
        memory.tidy(now_s)?;
        Ok(memory)
    }

    /// Takes a request, once. Where it `changes` something, no doubt is allowed.
    ///
    /// # Errors
    /// Where it cannot be written: then it is not taken.
    pub(super) fn take(
        &mut self,
        (id, at_s): (&str, i64),
        now_s: i64,
        changes: bool,
    ) -> io::Result<Taken> {
        if self.known.contains_key(id) {
            return Ok(Taken::Replayed);
        }
        if changes && now_s < self.unsure_until_s {
            return Ok(Taken::Unsure);
        }
        if now_s >= self.next_sweep_s || self.known.len() >= IDS_MAX || self.file.is_none() {
            self.tidy(now_s)?;
        }
        if self.known.len() >= IDS_MAX {
            return Ok(Taken::Full);
        }
        let Some(mut file) = self.file.take() else {
            return Err(io::Error::other("the file is not open"));
        };
        file.write_all(line(id, at_s).as_bytes())?;
        let copy = file.try_clone()?;
        self.file = Some(file);
        self.lines += 1;
        self.known.insert(id.to_owned(), at_s);
        Ok(Taken::New(copy))
    }

    /// Forgets what cannot be replayed any more.
    fn tidy(&mut self, now_s: i64) -> io::Result<()> {
        self.next_sweep_s = now_s + KEPT_S / 10;
        self.known.retain(|_, at_s| *at_s >= now_s - KEPT_S);
        if self.file.is_none() || self.lines > 2 * self.known.len() + SURPLUS_MAX {
            self.file = Some(write_anew(&self.path, self.unsure_until_s, &self.known)?);
            self.lines = self.known.len();
        }
        Ok(())
    }
}

fn line(id: &str, at_s: i64) -> String {
    let text = format!("{at_s} {id}");
    let sum = crc32fast::hash(text.as_bytes());
    format!("{text} {sum:08x}\n")
}

/// The end of the unsure time and the ids; `None` where the file is damaged. A last line that was cut off belongs to a request that was never
/// acted on.
fn parse(text: &str) -> Option<(i64, BTreeMap<String, i64>)> {
    let mut lines = text[..=text.rfind('\n')?].lines();
    let (title, until_s) = entry(lines.next()?)?;
    if title != TITLE {
        return None;
    }
    let known: Option<BTreeMap<String, i64>> =
        lines.map(|line| entry(line).map(|(id, at_s)| (id.to_owned(), at_s))).collect();
    Some((until_s, known?))
}

fn entry(text: &str) -> Option<(&str, i64)> {
    let mut words = text.split(' ');
    let (at_s, id) = (words.next()?.parse().ok()?, words.next()?);
    let whole = line(id, at_s);
    (whole.trim_end() == text).then_some((id, at_s))
}

fn write_anew(path: &Path, until_s: i64, known: &BTreeMap<String, i64>) -> io::Result<File> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    let mut text = line(TITLE, until_s);
    for (id, at_s) in known {
        let _ = write!(text, "{}", line(id, *at_s));
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    hold::thread_here(hold::BELLS_ANEW);
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
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn is_new(memory: &mut Memory, id: &str, at_s: i64, now_s: i64) -> bool {
        matches!(memory.take((id, at_s), now_s, true).unwrap(), Taken::New(_))
    }

    fn is_replayed(memory: &mut Memory, id: &str, at_s: i64, now_s: i64) -> bool {
        matches!(memory.take((id, at_s), now_s, true).unwrap(), Taken::Replayed)
    }

    #[test]
    fn a_request_counts_once_also_after_restarts_and_with_a_clock_set_back() {
        let folder = folder("memory");
        let mut memory = Memory::open(&folder, NOW, true).unwrap();
        assert!(is_new(&mut memory, "a", NOW, NOW) && is_replayed(&mut memory, "a", NOW, NOW + 1));
        drop(memory);
        for _ in 0..2 {
            let mut memory = Memory::open(&folder, NOW + WINDOW_S + 60, false).unwrap();
            assert!(is_replayed(&mut memory, "a", NOW, NOW));
        }
        let mut memory = Memory::open(&folder, NOW + WINDOW_S, false).unwrap();
        // Another process does not refuse what is new, however old it is.
        assert!(is_new(&mut memory, "c", NOW, NOW + WINDOW_S));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lost_or_damaged_memory_changes_nothing_until_nothing_can_be_replayed() {
        let folder = folder("amnesia");
        let file = folder.join("doorbells");
        let good = [line(TITLE, i64::MIN), line("a", NOW)].concat();
        let flipped = good.replace("1700000000 a", "1700000000 b");
        let joined = good.replace('\n', "");
        for damage in
            [None, Some(""), Some("\n"), Some("1700000000 a\n"), Some(&*flipped), Some(&*joined)]
        {
            match damage {
                Some(damage) => fs::write(&file, damage).unwrap(),
                None => assert!(!file.exists()),
            }
            drop(Memory::open(&folder, NOW, false).unwrap());
            // The doubt outlives further restarts.
            let mut memory = Memory::open(&folder, NOW + 1, false).unwrap();
            let doubt = memory.take(("a", NOW), NOW + KEPT_S - 1, true).unwrap();
            assert!(matches!(doubt, Taken::Unsure), "{damage:?}");
            // A ring is taken all the same, once.
            assert!(matches!(memory.take(("r", NOW), NOW, false).unwrap(), Taken::New(_)));
            assert!(is_replayed(&mut memory, "r", NOW, NOW));
            assert!(is_new(&mut memory, "b", NOW + KEPT_S, NOW + KEPT_S));
            fs::remove_file(&file).unwrap();
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_replayed_any_more_is_forgotten_and_the_file_stays_small() {
        let folder = folder("oblivion");
        let mut memory = Memory::open(&folder, NOW, true).unwrap();
        for number in 0..5_000 {
            assert!(is_new(&mut memory, &number.to_string(), NOW + number, NOW + number));
        }
        let kept = usize::try_from(KEPT_S + KEPT_S / 10).unwrap() + 1;
        assert!(memory.known.len() <= kept, "{}", memory.known.len());
        assert!(memory.lines <= 3 * kept + SURPLUS_MAX, "{}", memory.lines);
        // A line that was cut off is no damage.
        let file = folder.join("doorbells");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, &text[..text.len() - 3]).unwrap();
        let mut memory = Memory::open(&folder, NOW + 5_000, false).unwrap();
        assert!(is_new(&mut memory, "4999", NOW + 4_990, NOW + 5_000));
        assert!(is_replayed(&mut memory, "4900", NOW + 4_990, NOW + 5_000));
        fs::remove_dir_all(folder).unwrap();
    }
}
