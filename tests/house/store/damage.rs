//! A store that is damaged, partly deleted, older than it was, newer than we are or not ours is refused with a cure, never read
//! as an empty or a smaller one.

use std::{fs, path::Path, time::Duration};

use sheetwire::{
    ports::StateStore,
    store::{SledStore, StoreFiles},
};
use sheetwire_engine::state::Image;

use super::{Scratch, copy_folder, once_free, open, round};
use crate::support::wait::wait_for;

/// A closed store with this many rounds in it, and its image.
async fn written(folder: &Path, rounds: u64) -> Image {
    let store = open(folder);
    for number in 1..=rounds {
        store.apply(round(number)).await.unwrap();
    }
    store.load().unwrap()
}

fn open_and_load(folder: &Path) -> Result<Image, String> {
    let store = once_free(|| SledStore::open(folder, "crm")).map_err(|fault| fault.to_string())?;
    store.load().map_err(|fault| fault.to_string())
}

fn refusal(folder: &Path) -> String {
    let sentence = open_and_load(folder).expect_err("it was read as if it were sound");
    assert!(sentence.contains(folder.to_str().unwrap()), "{sentence}");
    sentence
}

#[tokio::test]
async fn no_flipped_byte_makes_the_store_smaller() {
    let scratch = Scratch::new("flip");
    let sound = scratch.path("sound");
    let image = written(&sound, 30).await;
    let log = StoreFiles::of(&sound).log;
    let bytes = fs::read(&log).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut refused = 0;
    for part in 0..24 {
        let copy = scratch.path("copy");
        let _ = fs::remove_dir_all(&copy);
        copy_folder(&sound, &copy);
        let mut bytes = bytes.clone();
        bytes[used * part / 23] ^= 0x55;
        fs::write(StoreFiles::of(&copy).log, bytes).unwrap();
        // A byte that nothing refers to any more may change without harm.
        match open_and_load(&copy) {
            Ok(read) => assert_eq!(read, image, "part {part}"),
            Err(sentence) => {
                assert!(sentence.contains("move the folder"), "{sentence}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "the damage never met a live byte");
}

#[tokio::test]
async fn a_log_cut_short_is_refused() {
    let scratch = Scratch::new("cut");
    let folder = scratch.path("s");
    written(&folder, 30).await;
    let log = StoreFiles::of(&folder).log;
    let bytes = fs::read(&log).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for keep in [used - 2_000, used / 2, 0] {
        fs::write(&log, &bytes[..keep]).unwrap();
        refusal(&folder);
    }
}

#[tokio::test]
async fn an_older_log_put_back_is_refused() {
    let scratch = Scratch::new("older");
    let folder = scratch.path("s");
    written(&folder, 3).await;
    copy_folder(&folder.join("store"), &scratch.path("backup"));
    written(&folder, 2).await;
    fs::remove_dir_all(folder.join("store")).unwrap();
    copy_folder(&scratch.path("backup"), &folder.join("store"));
    let sentence = refusal(&folder);
    assert!(sentence.contains("6 steps were acknowledged"), "{sentence}");
}

#[tokio::test]
async fn a_partly_deleted_store_is_not_taken_for_a_new_one() {
    let scratch = Scratch::new("parts");
    for part in ["store", "store/db"] {
        let folder = scratch.path("s");
        let _ = fs::remove_dir_all(&folder);
        written(&folder, 3).await;
        let part = folder.join(part);
        if part.is_dir() { fs::remove_dir_all(part) } else { fs::remove_file(part) }.unwrap();
        let sentence = refusal(&folder);
        assert!(sentence.contains("parts of it were deleted"), "{sentence}");
    }
}

#[tokio::test]
async fn a_store_whose_witness_is_gone_is_still_known_by_its_record() {
    let scratch = Scratch::new("witness");
    let folder = scratch.path("s");
    let image = written(&folder, 3).await;
    let instance = open(&folder).instance().to_owned();
    fs::remove_file(folder.join("witness")).unwrap();
    let store = open(&folder);
    assert_eq!((store.load().unwrap(), store.instance()), (image, &*instance));
    assert!(folder.join("witness").is_file());
}

#[tokio::test]
async fn the_log_of_another_store_is_refused() {
    let scratch = Scratch::new("mixed");
    let (one, two) = (scratch.path("one"), scratch.path("two"));
    written(&one, 1).await;
    written(&two, 5).await;
    fs::copy(one.join("witness"), two.join("witness")).unwrap();
    assert!(refusal(&two).contains("come from two stores"));
}

#[tokio::test]
async fn the_store_of_another_pipeline_is_refused_and_left_alone() {
    let scratch = Scratch::new("pipeline");
    let folder = scratch.path("s");
    let image = written(&folder, 1).await;
    let sentence = once_free(|| SledStore::open(&folder, "erp")).unwrap_err().to_string();
    assert!(sentence.contains("\"crm\"") && sentence.contains("\"erp\""), "{sentence}");
    assert_eq!(open(&folder).load().unwrap(), image);
}

/// Changes the first entry of the log whose key begins with `kind`, behind the back of the store.
fn tamper(folder: &Path, kind: u8, change: impl Fn(&sled::Db, &[u8], Vec<u8>)) {
    let db = wait_for(Duration::from_mins(2), "the log to be nobody's", || {
        sled::open(StoreFiles::of(folder).folder).ok()
    });
    let (key, value) = db.scan_prefix([kind]).next().unwrap().unwrap();
    change(&db, &key, value.to_vec());
    db.flush().unwrap();
}

type Tamper = fn(&sled::Db, &[u8], Vec<u8>);

const POSITION: u8 = 3;
const BASE: u8 = 9;

#[tokio::test]
async fn a_record_is_named_by_its_kind_when_it_is_newer_changed_lost_or_cut() {
    let scratch = Scratch::new("record");
    let newer: Tamper = |db, key, mut value| {
        value[0] = 4;
        db.insert(key, value).unwrap();
    };
    let older: Tamper = |db, key, mut value| {
        value[0] = 2;
        db.insert(key, value).unwrap();
    };
    let changed: Tamper = |db, key, mut value| {
        *value.last_mut().unwrap() ^= 1;
        db.insert(key, value).unwrap();
    };
    let cut: Tamper = |db, key, value| drop(db.insert(key, &value[..4]).unwrap());
    let lost: Tamper = |db, key, _| drop(db.remove(key).unwrap());
    let foreign: Tamper = |db, _, value| drop(db.insert([200, 0, 0], value).unwrap());
    let cases = [
        (BASE, newer, "a base-row record is of format 4"),
        (POSITION, newer, "by a newer sheetwire"),
        (BASE, older, "a base-row record is of format 2"),
        (POSITION, older, "by an older sheetwire"),
        (POSITION, changed, "a position record fails its checksum"),
        (BASE, cut, "a base-row record is cut short"),
        (BASE, lost, "it holds 4 entries, not the 5"),
        (BASE, foreign, "of no known kind"),
    ];
    for (kind, change, wanted) in cases {
        let folder = scratch.path("s");
        let _ = fs::remove_dir_all(&folder);
        written(&folder, 3).await;
        tamper(&folder, kind, change);
        let sentence = refusal(&folder);
        assert!(sentence.contains(wanted), "{sentence}");
        assert!(sentence.contains("everything is rebuilt from sheet and database"), "{sentence}");
    }
}

#[test]
fn a_store_broken_off_while_it_was_made_is_made_again() {
    let scratch = Scratch::new("half");
    let folder = scratch.path("s");
    // As far as sled came before our identity was written.
    fs::create_dir_all(&folder).unwrap();
    drop(sled::open(StoreFiles::of(&folder).folder).unwrap());
    let store = open(&folder);
    assert_eq!(store.instance().len(), 32);
    assert_eq!(store.load().unwrap(), Image::default());
}

#[test]
fn every_store_has_an_identity_of_its_own_and_keeps_it() {
    let scratch = Scratch::new("identity");
    let (one, two) = (open(&scratch.path("1")), open(&scratch.path("2")));
    assert_ne!(one.instance(), two.instance());
    let instance = one.instance().to_owned();
    drop(one);
    assert_eq!(open(&scratch.path("1")).instance(), instance);
}
