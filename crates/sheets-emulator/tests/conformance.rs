//! Clients that know nothing of the emulator, and Google's own description of the API, judge it.
//!
//! Needs python3 with its venv module and, the first time, a package index: the pinned packages of
//! `conformance/requirements.txt` go to a venv below `SHEETWIRE_CACHE` (default `~/.cache/sheetwire`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use sheets_emulator::http::{Emulator, Options};

const REQUIREMENTS: &str = include_str!("conformance/requirements.txt");

fn cache() -> PathBuf {
    let named = std::env::var_os("SHEETWIRE_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/sheetwire"));
    named.or_else(home).unwrap_or_else(|| panic!("set SHEETWIRE_CACHE to a folder for the venv"))
}

/// The venv's python; made once per list of packages, by one process at a time.
fn python() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let cache = cache();
    fs::create_dir_all(&cache).unwrap();
    let lock = File::create(cache.join("conformance.lock")).unwrap();
    lock.lock().unwrap();
    let venv = cache.join(format!("conformance-{:016x}", hasher.finish()));
    let (python, ready) = (venv.join("bin/python"), venv.join("ready"));
    if !ready.exists() {
        run(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv),
            "install python3 and its venv module (Debian: apt-get install python3 python3-venv)",
        );
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/requirements.txt");
        run(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(list),
            "let pip reach a package index, or set PIP_INDEX_URL to one",
        );
        File::create(ready).unwrap();
    }
    python
}

fn run(command: &mut Command, cure: &str) -> String {
    let said = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {cure}"));
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.status.success(),
        "{command:?} failed; {cure}\n{text}{}",
        String::from_utf8_lossy(&said.stderr)
    );
    text
}

/// Runs a script of `conformance/` against a fresh emulator and returns what it printed.
async fn judge(script: &str) -> String {
    let options = Options { quota: None, ..Options::default() };
    let emulator = Emulator::start(options).await.unwrap();
    let name = format!("sheets-emulator-{script}-{}.json", std::process::id());
    let key = std::env::temp_dir().join(name);
    emulator.write_service_account(&key, "robot@example.org").unwrap();
    let (url, file) = (emulator.url(), key.clone());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(script);
    let judged = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python());
        // No proxy may stand between a client and its loopback.
        command.arg("-B").arg(path).arg(url).arg(file).env("NO_PROXY", "127.0.0.1");
        run(&mut command, "read the sentence above: a claim about the emulator does not hold")
    });
    let judged = judged.await;
    fs::remove_file(key).unwrap();
    emulator.stop().await;
    judged.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_as_googles_discovery_document_says() {
    let said = judge("tour.py").await;
    assert!(said.contains("all as described"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_clients_find_what_they_expect() {
    let said = judge("clients.py").await;
    assert!(said.contains("both clients found what they expected"), "{said}");
}
