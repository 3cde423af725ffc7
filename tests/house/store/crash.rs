//! Acknowledged is durable: after a power cut, after `kill -9`.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use sheetwire::{
    fault::Fault,
    ports::StateStore,
    store::{Disk, SledStore, StoreFiles},
};
use sheetwire_engine::state::StoreStep;

use super::{Scratch, once_free, open, position, round, row_key};

/// Tells the child of the kill test where to write.
const CHILD_FOLDER: &str = "STORE_CHILD_FOLDER";

/// A disk that has, after a power cut, of each file what was in it when it was last flushed.
#[derive(Default)]
struct ForgetfulDisk {
    durable: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
    /// Takes no more flushes, to show that they are what counts.
    deaf: AtomicBool,
}

impl ForgetfulDisk {
    fn keep(&self, path: &Path) -> io::Result<()> {
        // A folder has no content of its own here: files are kept with their names.
        if path.is_file() && !self.deaf.load(Ordering::SeqCst) {
            self.durable.lock().unwrap().insert(path.to_path_buf(), fs::read(path)?);
        }
        Ok(())
    }

    /// The folder as a power cut leaves it, under another name. The witness of its steps is not flushed with them, and may have made it to
    /// the disk all the same: the harder case.
    fn power_cut(&self, folder: &Path, image: &Path) {
        for (path, content) in self.durable.lock().unwrap().iter() {
            let path = image.join(path.strip_prefix(folder).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::copy(folder.join("witness"), image.join("witness")).unwrap();
    }
}

impl Disk for ForgetfulDisk {
    fn flush_content(&self, path: &Path, _: &fs::File) -> io::Result<()> {
        self.keep(path)
    }

    fn flush_all(&self, path: &Path) -> io::Result<()> {
        self.keep(path)
    }
}

fn open_on(folder: &Path, disk: &Arc<ForgetfulDisk>) -> SledStore {
    let disk = || Arc::clone(disk) as Arc<dyn Disk>;
    once_free(|| SledStore::open_on(folder, "crm", disk())).unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_image_that_a_power_cut_leaves() {
    let scratch = Scratch::new("power");
    let (live, disk) = (scratch.path("live"), Arc::<ForgetfulDisk>::default());
    let store = open_on(&live, &disk);
    for number in 1..=40 {
        store.apply(round(number)).await.unwrap();
        let image = scratch.path(&format!("image-{number}"));
        disk.power_cut(&live, &image);
        assert_eq!(open(&image).load().unwrap(), store.load().unwrap(), "after round {number}");
    }
}

#[tokio::test]
async fn a_store_whose_log_was_not_flushed_does_not_survive_a_power_cut() {
    let scratch = Scratch::new("deaf");
    let (live, disk) = (scratch.path("live"), Arc::<ForgetfulDisk>::default());
    let store = open_on(&live, &disk);
    store.apply(round(1)).await.unwrap();
    disk.deaf.store(true, Ordering::SeqCst);
    store.apply(round(2)).await.unwrap();
    disk.power_cut(&live, &scratch.path("image"));
    // This is what the claim above would see if a flush were missing.
    let fault = SledStore::open(&scratch.path("image"), "crm").unwrap_err().to_string();
    assert!(fault.contains("it ends at step 2, and 3 steps were acknowledged"), "{fault}");
}

/// `apply` flushes a file that it finds by name: it must be the one that sled writes to.
#[tokio::test]
async fn the_log_file_is_where_the_bytes_of_the_rows_go() {
    let scratch = Scratch::new("log");
    let files = StoreFiles::of(&scratch.path("live"));
    let store = open(&scratch.path("live"));
    let bytes = || fs::read(&files.log).unwrap();
    let holds = |needle: &[u8]| bytes().windows(needle.len()).any(|window| window == needle);
    assert!(!holds(b"round 77"));
    store.apply(round(77)).await.unwrap();
    assert!(holds(b"round 77"));
    for number in 1..=3_000u64 {
        if number % 500 == 0 {
            let steps: Vec<StoreStep> = (number - 499..=number).flat_map(round).collect();
            store.apply(steps).await.unwrap();
        }
    }
    assert!(bytes().len() > 3_000 * 300, "the log grew to {} bytes only", bytes().len());
    assert_eq!(fs::read_dir(&files.blobs).unwrap().count(), 0, "a value left the log");
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let scratch = Scratch::new("kill");
    let folder = scratch.path("live");
    let mut acknowledged = 0;
    for kill_after in [1, 60, 400] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "store::crash::writes_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD_FOLDER, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = 0;
        // The child is killed while it writes on; what it said until it was gone counts too.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(number) = line.strip_prefix("acknowledged ") else { continue };
            acknowledged = number.parse::<u64>().unwrap();
            heard += 1;
            if heard == kill_after {
                child.kill().unwrap();
            }
        }
        assert!(heard >= kill_after, "the child ended by itself after {heard} rounds");
        child.wait().unwrap();

        let image = open(&folder).load().unwrap();
        let rows = u64::try_from(image.base.len()).unwrap();
        assert!(rows >= acknowledged, "{rows} rows, and {acknowledged} were acknowledged");
        // Row and position are one step: neither runs ahead.
        assert_eq!(image.position, Some(position(rows)));
        assert_eq!(image.base.last().unwrap().1, row_key(rows));
    }
}

#[test]
#[ignore = "the child of what_was_acknowledged_survives_kill_9, which starts it and kills it"]
fn writes_until_it_is_killed() {
    let folder =
        env::var_os(CHILD_FOLDER).expect("only what_was_acknowledged_survives_kill_9 runs this");
    let store = open(folder.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let first = u64::try_from(store.load().unwrap().base.len()).unwrap() + 1;
    for number in first..1_000_000 {
        runtime.block_on(store.apply(round(number))).unwrap();
        println!("acknowledged {number}");
    }
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_stop_the_write() {
    let scratch = Scratch::new("cancel");
    let store = open(&scratch.path("live"));
    // Polled once, then dropped.
    let mut apply = store.apply(round(1));
    let started = futures_util::poll!(&mut apply);
    drop(apply);
    // The next write stands behind the first.
    store.apply(round(2)).await.unwrap();
    assert_eq!(store.load().unwrap().base.len(), 2, "{started:?}");
}

#[test]
fn a_folder_in_use_is_refused_with_its_name() {
    let scratch = Scratch::new("lock");
    let folder = scratch.path("live");
    let first = open(&folder);
    let fault = SledStore::open(&folder, "crm").unwrap_err();
    assert!(matches!(fault, Fault::AnotherInstance(_)), "{fault:?}");
    let sentence = fault.to_string();
    assert!(sentence.contains(folder.to_str().unwrap()), "{sentence}");
    assert!(sentence.contains(&format!("(process {})", std::process::id())), "{sentence}");
    drop(first);
    open(&folder);
}

#[test]
fn only_the_owner_may_look_into_a_new_folder() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("rights");
    let folder = scratch.path("deep/down");
    drop(open(&folder));
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
