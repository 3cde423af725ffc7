//! The store on disk.
//!
//! A step list is one `sled::Batch` in one tree, so that a crash leaves all of it or nothing. sled's own flush hands the log to
//! the operating system and no further; `apply` therefore also flushes the log file (and files that sled put beside it)
//! before it answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sheetwire_engine::{
    conflict::ConflictRecord,
    state::{Image, StoreStep},
};

use super::{
    PendingAnswer, RowAddress,
    codec::{self, Assembler, Draft, Kind, Seal},
    disk::{Disk, MachineDisk},
    lock::DataFolder,
    trouble::{Trouble, damaged, newer, unwritable},
    witness::{Testimony, Witness},
};
use crate::{
    fault::Fault,
    ports::{Ask, StateStore},
};

/// Version of the layout as a whole: kinds, keys, files.
const LAYOUT_VERSION: u32 = 2;

/// Memory for sled's pages. Everything is read once at start; afterwards only rows that change are touched.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Entries of the history that are kept unless [`SledStore::keep_history`] says otherwise.
const HISTORY_MAX: u64 = 100_000;

/// How long sled's threads are given to let go of a database that was dropped.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Where the parts of a store lie in a data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFiles {
    /// Folder that belongs to sled.
    pub folder: PathBuf,
    /// sled's log: the file that grows, and that is flushed.
    pub log: PathBuf,
    /// Folder for values that sled keeps outside of its log.
    pub blobs: PathBuf,
}

impl StoreFiles {
    /// The parts of the store in this data folder.
    pub fn of(data_folder: &Path) -> Self {
        let folder = data_folder.join("store");
        Self { log: folder.join("db"), blobs: folder.join("blobs"), folder }
    }
}

/// Whose store it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    layout: u32,
    instance: String,
    pipeline: String,
}

/// Keeps the state in a data folder. Cloning shares it; the folder is free again when the last clone is gone.
#[derive(Clone)]
pub struct SledStore {
    inner: Arc<Inner>,
}

struct Inner {
    /// Step lists are written in the order in which they got their turn, also when nobody waits for them any more.
    turn: Arc<tokio::sync::Mutex<()>>,
    writing: Mutex<Writing>,
    db: sled::Db,
    log: File,
    disk: Arc<dyn Disk>,
    files: StoreFiles,
    witness: Witness,
    instance: String,
    // Last, so that the folder is given back after sled has closed.
    data: DataFolder,
}

struct Writing {
    seal: Seal,
    history: Shelf,
    blobs_flushed: BTreeSet<OsString>,
    /// Set by the first write that failed: what is in memory and on disk may differ from then on.
    broken: Option<String>,
}

/// The entries of the history: the oldest go when there are too many.
#[derive(Debug, Clone, Copy)]
struct Shelf {
    /// Number of the oldest.
    first: u64,
    /// Number of the next.
    next: u64,
    /// So many are kept.
    most: u64,
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("folder", &self.inner.data.path())
            .field("instance", &self.inner.instance)
            .finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the store of `pipeline` in this data folder, and makes both where there is neither.
    ///
    /// # Errors
    /// [`Fault::AnotherInstance`] when a process works on the folder; [`Fault::Configuration`] when the store is damaged,
    /// partly deleted, of a newer version or of another pipeline.
    pub fn open(data_folder: &Path, pipeline: &str) -> Result<Self, Fault> {
        Self::open_on(data_folder, pipeline, Arc::new(MachineDisk))
    }

    /// As [`SledStore::open`], with another way to flush.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn open_on(data_folder: &Path, pipeline: &str, disk: Arc<dyn Disk>) -> Result<Self, Fault> {
        let data = DataFolder::claim(data_folder)?;
        let files = StoreFiles::of(data_folder);
        let told = Witness::read(data_folder)
            .map_err(|error| damaged(data_folder, &format!("its witness file: {error}")))?;
        if !files.log.is_file() && (told.is_some() || files.folder.exists()) {
            return Err(damaged(data_folder, "parts of it were deleted"));
        }
        let db = open_sled(&files, data_folder)?;
        let (seal, testimony) = match read_marker(&db, data_folder)? {
            Some((marker, seal)) => {
                check_owner(&marker, pipeline, data_folder)?;
                (seal, check_witness(&marker, seal, told, data_folder)?)
            }
            None if db.is_empty() && told.is_none() => {
                create(&db, (&files, &*disk), data_folder, pipeline)?
            }
            None => return Err(damaged(data_folder, "its identity record is gone")),
        };
        let cannot = |error: io::Error| unwritable(data_folder, &error);
        let witness = Witness::write(data_folder, &testimony).map_err(cannot)?;
        let log = File::open(&files.log).map_err(cannot)?;
        let blobs_flushed = blob_names(&files).map_err(cannot)?;
        let history = shelf(&db).map_err(|trouble| trouble.into_fault(data_folder))?;
        let writing = Mutex::new(Writing { seal, history, blobs_flushed, broken: None });
        let instance = testimony.instance;
        Ok(Self {
            inner: Arc::new(Inner {
                turn: Arc::default(),
                writing,
                db,
                log,
                disk,
                files,
                witness,
                instance,
                data,
            }),
        })
    }

    /// Random identity of this store, 128 bits in hex, made with it and never changed.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// The pending rows at these addresses, in the order asked for: for rows that memory had no room for.
    pub fn pending(&self, addresses: &[RowAddress]) -> Result<Vec<PendingAnswer>, Fault> {
        let _quiet = self.inner.writing();
        let read = |(table, key): &RowAddress| {
            let stem = codec::row_stem(Kind::Pending, *table, key);
            match read_record(&self.inner.db, &stem)? {
                Some(record) => Ok(Some(record.decode()?)),
                None => Ok(None),
            }
        };
        let rows: Result<Vec<_>, Trouble> = addresses.iter().map(read).collect();
        rows.map_err(|trouble| trouble.into_fault(self.inner.data.path()))
    }

    /// Keeps so many changes of rows for people who ask later, beginning with the next change; older ones go.
    pub fn keep_history(&self, changes_max: u64) {
        self.inner.writing().history.most = changes_max;
    }

    /// Looks into the tree while nothing is written to it.
    pub(super) fn look<T>(
        &self,
        look: impl FnOnce(&sled::Db) -> Result<T, Trouble>,
    ) -> Result<T, Fault> {
        let _quiet = self.inner.writing();
        look(&self.inner.db).map_err(|trouble| trouble.into_fault(self.inner.data.path()))
    }
}

impl StateStore for SledStore {
    fn pending(&self, addresses: &[RowAddress]) -> Result<Vec<PendingAnswer>, Fault> {
        Self::pending(self, addresses)
    }

    fn load(&self) -> Result<Image, Fault> {
        let writing = self.inner.writing();
        let read = panic::catch_unwind(AssertUnwindSafe(|| self.inner.read_image(writing.seal)));
        read.unwrap_or_else(|_| Err(Trouble::Log("sled cannot read its log".into())))
            .map_err(|trouble| trouble.into_fault(self.inner.data.path()))
    }

    fn apply(&self, steps: Vec<StoreStep>) -> Ask<'_, Result<(), Fault>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let turn = Arc::clone(&inner.turn).lock_owned().await;
            // One hop for the whole of it; a caller that stops waiting does not stop the write.
            let writing = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                inner.apply(&steps)
            });
            writing.await.unwrap_or_else(|_| {
                Err(Fault::Configuration(
                    "the store broke off while writing; restart sheetwire".into(),
                ))
            })
        })
    }
}

impl Inner {
    fn writing(&self) -> MutexGuard<'_, Writing> {
        // A writer that panicked has left `broken` unset at worst before its batch reached sled, or lost its acknowledgement.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, steps: &[StoreStep]) -> Result<(), Fault> {
        let mut writing = self.writing();
        if let Some(broken) = &writing.broken {
            return Err(Fault::Configuration(broken.clone()));
        }
        if steps.is_empty() {
            return Ok(());
        }
        // Nothing is written yet: a list that is refused here leaves the store as it was.
        let mut history = writing.history;
        let prepared = collect(&self.db, steps, &mut history)
            .and_then(|changes| prepare(&self.db, writing.seal, &changes))
            .map_err(|trouble| trouble.into_fault(self.data.path()));
        let (batch, seal) = prepared?;
        let done = self.commit(batch, seal, &mut writing.blobs_flushed);
        match done {
            Ok(()) => {
                (writing.seal, writing.history) = (seal, history);
                Ok(())
            }
            Err(trouble) => {
                let fault = trouble.into_fault(self.data.path());
                writing.broken = Some(fault.to_string());
                Err(fault)
            }
        }
    }

    fn commit(
        &self,
        batch: sled::Batch,
        seal: Seal,
        blobs_flushed: &mut BTreeSet<OsString>,
    ) -> Result<(), Trouble> {
        self.db.apply_batch(batch)?;
        self.flush(blobs_flushed)?;
        Ok(self.witness.acknowledge(seal.steps)?)
    }

    /// Through sled's buffers, then through the operating system's.
    fn flush(&self, blobs_flushed: &mut BTreeSet<OsString>) -> Result<(), Trouble> {
        self.db.flush()?;
        self.disk.flush_content(&self.files.log, &self.log)?;
        let blobs = blob_names(&self.files)?;
        let fresh: Vec<_> = blobs.difference(blobs_flushed).collect();
        for name in &fresh {
            match self.disk.flush_all(&self.files.blobs.join(name)) {
                // Replaced and removed by sled in the meantime.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        if !fresh.is_empty() {
            self.disk.flush_all(&self.files.blobs)?;
        }
        *blobs_flushed = blobs;
        Ok(())
    }

    fn read_image(&self, expected: Seal) -> Result<Image, Trouble> {
        let mut draft = Draft::default();
        let mut assembler = Assembler::default();
        let mut seen = Seal { steps: expected.steps, ..Seal::default() };
        for entry in self.db.iter() {
            let (key, value) = entry?;
            let record = assembler.take(&key, &value)?;
            if key.first() != Some(&(Kind::Seal as u8)) {
                seen.add(&key, &value);
            }
            if let Some(record) = record {
                draft.place(&record)?;
            }
        }
        assembler.finish()?;
        if seen == expected {
            return Ok(draft.finish());
        }
        let (seen, expected) = (seen.entries, expected.entries);
        Err(Trouble::Log(format!(
            "it holds {seen} entries, not the {expected} that its seal names"
        )))
    }
}

/// Opens the database of a data folder whose lock is held.
///
/// sled has a lock of its own, and gives it back only when the last of its threads has let go of a database that was dropped: so that is waited for,
/// for a moment.
fn open_sled(files: &StoreFiles, data_folder: &Path) -> Result<sled::Db, Fault> {
    let config = sled::Config::new().path(&files.folder).cache_capacity(CACHE_BYTES);
    let is_locked = |error: &sled::Error| matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"));
    // sled asserts what it expects of its files; on a damaged one that is a panic.
    let open = || {
        panic::catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| damaged(data_folder, "sled cannot read its log"))
    };
    let mut opened = open()?;
    if opened.as_ref().is_err_and(is_locked) {
        wait_for_lock(&files.log);
        opened = open()?;
    }
    opened.map_err(|error| match error {
        error if is_locked(&error) => {
            Fault::AnotherInstance(format!(
                "the store in {} is in use by another process; stop it first, or give this one a data_dir of its own",
                data_folder.display()
            ))
        }
        other => Trouble::from(other).into_fault(data_folder),
    })
}

/// Waits until nobody has the lock of this file, for [`LETTING_GO`] at most.
fn wait_for_lock(file: &Path) {
    let Ok(file) = File::open(file) else { return };
    let (free, freed) = mpsc::channel();
    thread::spawn(move || {
        // Whatever it says, the database is opened again, and says what is wrong.
        let _ = file.lock();
        drop(file);
        let _ = free.send(());
    });
    let _ = freed.recv_timeout(LETTING_GO);
}

pub(super) fn read_record(db: &sled::Db, stem: &[u8]) -> Result<Option<codec::Record>, Trouble> {
    let mut assembler = Assembler::default();
    let mut record = None;
    for (key, value) in stored_entries(db, stem)? {
        record = assembler.take(&key, &value)?;
    }
    assembler.finish()?;
    Ok(record)
}

fn read_marker(db: &sled::Db, data_folder: &Path) -> Result<Option<(Marker, Seal)>, Fault> {
    let read = || -> Result<_, Trouble> {
        let Some(marker) = read_record(db, &codec::bare(Kind::Marker))? else { return Ok(None) };
        let Some(seal) = read_record(db, &codec::bare(Kind::Seal))? else {
            return Err(Trouble::Log("its seal record is gone".into()));
        };
        Ok(Some((marker.decode()?, seal.decode()?)))
    };
    read().map_err(|trouble| trouble.into_fault(data_folder))
}

fn check_owner(marker: &Marker, pipeline: &str, data_folder: &Path) -> Result<(), Fault> {
    if marker.layout > LAYOUT_VERSION {
        let what =
            format!("its layout is {}, and this version knows {LAYOUT_VERSION}", marker.layout);
        return Err(newer(data_folder, &what));
    }
    if marker.pipeline != pipeline {
        return Err(Fault::Configuration(format!(
            "the store in {} belongs to the pipeline \"{}\", and the configuration names \"{pipeline}\"; set the name back, or give \"{pipeline}\" a data_dir of its own",
            data_folder.display(),
            marker.pipeline
        )));
    }
    Ok(())
}

fn check_witness(
    marker: &Marker,
    seal: Seal,
    told: Option<Testimony>,
    data_folder: &Path,
) -> Result<Testimony, Fault> {
    if let Some(told) = told {
        if told.instance != marker.instance {
            return Err(damaged(data_folder, "its log and its witness file come from two stores"));
        }
        if told.steps > seal.steps {
            let (stands, acknowledged) = (seal.steps, told.steps);
            let what =
                format!("it ends at step {stands}, and {acknowledged} steps were acknowledged");
            return Err(damaged(data_folder, &what));
        }
    }
    let Marker { instance, pipeline, .. } = marker.clone();
    Ok(Testimony { steps: seal.steps, instance, pipeline })
}

/// Gives an empty store its identity. Broken off half-way, it is empty again.
fn create(
    db: &sled::Db,
    (files, disk): (&StoreFiles, &dyn Disk),
    data_folder: &Path,
    pipeline: &str,
) -> Result<(Seal, Testimony), Fault> {
    let make = || -> Result<_, Trouble> {
        let instance = new_instance()?;
        let marker = Marker {
            layout: LAYOUT_VERSION,
            instance: instance.clone(),
            pipeline: pipeline.into(),
        };
        let payload = codec::encode(Kind::Marker, &marker)?;
        let changes = BTreeMap::from([(codec::bare(Kind::Marker), Some(payload))]);
        let (batch, seal) = prepare(db, Seal::default(), &changes)?;
        db.apply_batch(batch)?;
        db.flush()?;
        for path in [&*files.log, &files.folder.join("conf"), &files.folder, data_folder] {
            disk.flush_all(path)?;
        }
        Ok((seal, Testimony { steps: seal.steps, instance, pipeline: pipeline.into() }))
    };
    make().map_err(|trouble| trouble.into_fault(data_folder))
}

/// 128 bits from the operating system, in hex.
fn new_instance() -> io::Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

/// For each record, what it becomes.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The records that the steps leave behind; of two steps about one record, the later one counts.
fn collect(db: &sled::Db, steps: &[StoreStep], history: &mut Shelf) -> Result<Changes, Trouble> {
    let mut changes = Changes::new();
    let mut last_intent = None;
    for step in steps {
        let (stem, payload) = codec::change(step, history.next)?;
        match step {
            StoreStep::Conflict(record) => {
                let stored = read_record(db, &stem)?;
                let stored = stored.map(|stored| stored.decode::<ConflictRecord>()).transpose()?;
                let in_list = changes.get(&stem).is_some_and(|earlier| *earlier != payload);
                if in_list || stored.is_some_and(|stored| stored != *record) {
                    return Err(Trouble::Rewritten(record.id));
                }
            }
            StoreStep::Intent(intent) => last_intent = last_intent.max(Some(intent.id)),
            StoreStep::History(_) => history.next += 1,
            _ => {}
        }
        changes.insert(stem, payload);
    }
    if let Some(id) = last_intent {
        let stem = codec::bare(Kind::LastIntent);
        let stored = read_record(db, &stem)?.map(|stored| stored.decode::<u64>()).transpose()?;
        let last = stored.unwrap_or(0).max(id);
        changes.insert(stem, Some(codec::encode(Kind::LastIntent, &last)?));
    }
    let added = steps.iter().filter(|step| matches!(step, StoreStep::History(_))).count();
    clear_away(history, added, &mut changes);
    Ok(changes)
}

/// Entries of the history beyond the bound go: as many as came, and some more where the bound was lowered.
fn clear_away(history: &mut Shelf, added: usize, changes: &mut Changes) {
    const MORE: u64 = 100;
    let over = (history.next - history.first).saturating_sub(history.most);
    let added = u64::try_from(added).unwrap_or(u64::MAX);
    for _ in 0..over.min(added.saturating_add(MORE)) {
        changes.insert(codec::number_stem(Kind::History, history.first), None);
        history.first += 1;
    }
}

/// The history as it was left.
fn shelf(db: &sled::Db) -> Result<Shelf, Trouble> {
    let mut entries = db.scan_prefix(codec::bare(Kind::History)).keys();
    let number = |key: Option<sled::Result<sled::IVec>>| -> Result<Option<u64>, Trouble> {
        Ok(key.transpose()?.and_then(|key| codec::number_in(&key)))
    };
    let last = number(entries.next_back())?;
    let first = number(db.scan_prefix(codec::bare(Kind::History)).keys().next())?;
    let next = last.map_or(1, |last| last + 1);
    Ok(Shelf { first: first.unwrap_or(next), next, most: HISTORY_MAX })
}

/// One batch out of the changes and the seal as it is behind them.
fn prepare(
    db: &sled::Db,
    mut seal: Seal,
    changes: &Changes,
) -> Result<(sled::Batch, Seal), Trouble> {
    let mut batch = sled::Batch::default();
    for (stem, payload) in changes {
        for (key, value) in stored_entries(db, stem)? {
            seal.remove(&key, &value);
            batch.remove(key);
        }
        let Some(payload) = payload else { continue };
        for (key, value) in codec::entries(stem, payload)? {
            seal.add(&key, &value);
            batch.insert(key, value);
        }
    }
    seal.steps += 1;
    let payload = codec::encode(Kind::Seal, &seal)?;
    for (key, value) in codec::entries(&codec::bare(Kind::Seal), &payload)? {
        batch.insert(key, value);
    }
    Ok((batch, seal))
}

/// The entries that make up a record now; none where there is no such record.
fn stored_entries(db: &sled::Db, stem: &[u8]) -> Result<Vec<(Vec<u8>, sled::IVec)>, Trouble> {
    let mut entries = Vec::new();
    let mut pieces = 1;
    for piece in 0.. {
        let key = codec::piece_key(stem, piece);
        let Some(value) = db.get(&key)? else { break };
        if piece == 0 {
            pieces = codec::pieces(&value).unwrap_or(1);
        }
        entries.push((key, value));
        if piece + 1 >= pieces {
            break;
        }
    }
    Ok(entries)
}

fn blob_names(files: &StoreFiles) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(&files.blobs)?.map(|entry| Ok(entry?.file_name())).collect()
}
