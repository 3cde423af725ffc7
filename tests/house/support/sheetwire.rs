//! The product as an operator runs it: a binary, a configuration file, a log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use super::{
    guard::{Guarded, Outputs},
    scratch::Scratch,
    wait::{wait_for, wait_until},
};

/// The folder of one pipeline: configuration, secrets, state, logs. It outlives the processes in it, so that
/// one can be killed and another started where it stood.
#[derive(Debug)]
pub struct Home {
    folder: Scratch,
    environment: Vec<(String, String)>,
    tape: Option<PathBuf>,
}

impl Home {
    /// A new folder, without a configuration yet.
    pub fn new() -> Self {
        Self { folder: Scratch::new("home"), environment: Vec::new(), tape: None }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of something inside.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Sets a variable for every process started from now on, for example `SHEETWIRE_CLOCK_RATE`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Writes (or replaces) the configuration file.
    pub fn configure(&self, toml: &str) {
        fs::write(self.config(), toml).unwrap();
    }

    /// Writes a file only its owner may read, and returns its path as it is written in TOML.
    pub fn secret(&self, name: &str, content: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.join("sheetwire.toml")
    }

    /// Every `run` from now on goes on recording in this file, one at a time.
    pub fn record(&mut self, name: &str) -> PathBuf {
        self.tape.insert(self.folder.join(name)).clone()
    }

    /// Starts `sheetwire run`. Its log goes on in the same file over restarts.
    pub fn run(&self) -> Running<'_> {
        match &self.tape {
            None => self.start(&["run"]),
            Some(tape) => self.start(&["run", "--record", tape.to_str().unwrap()]),
        }
    }

    /// Starts the binary with these arguments, and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Running<'_> {
        let mut words: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        words.extend(["--config".to_owned(), self.config().display().to_string()]);
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let outputs = Outputs {
            stdout: self.join("stdout"),
            stderr: self.join("stderr"),
            remove: Some(self.path().to_owned()),
        };
        let process = Guarded::start(binary(), &words, &environment, &outputs);
        Running { home: self, process }
    }

    /// Starts `status --watch`, which writes into this file, and leaves it running.
    pub fn watch(&self, file: &Path) -> Guarded {
        let config = self.config().display().to_string();
        let words = ["status", "--watch", "--config", &config].map(str::to_owned);
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let outputs =
            Outputs { stdout: file.to_owned(), stderr: file.with_extension("err"), remove: None };
        Guarded::start(binary(), &words, &environment, &outputs)
    }

    /// Runs a verb to its end and returns what it said. Panics when it takes longer than `within`.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str], within: Duration) -> Output {
        let mut child = Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.join("ask.out")).unwrap())
            .stderr(fs::File::create(self.join("ask.err")).unwrap())
            .spawn()
            .unwrap();
        let status = wait_for(within, &format!("sheetwire {arguments:?} to end"), || {
            child.try_wait().unwrap()
        });
        let read = |name: &str| fs::read(self.join(name)).unwrap();
        Output { status, stdout: read("ask.out"), stderr: read("ask.err") }
    }

    /// Everything that processes of [`Self::start`] have written to both outputs.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read(self.join(name)).unwrap_or_default();
        let both = [read("stdout"), read("stderr")].concat();
        String::from_utf8_lossy(&both).into_owned()
    }
}

/// A running process of the product. Dropping it kills it.
#[derive(Debug)]
pub struct Running<'a> {
    home: &'a Home,
    process: Guarded,
}

impl Running<'_> {
    /// TCP ports that it listens on now.
    pub fn listening_ports(&self) -> Vec<u16> {
        let (own, pid) = (format!("/proc/{}", self.process.pid()), self.process.pid());
        let sockets: Vec<String> = fs::read_dir(format!("{own}/fd"))
            .unwrap_or_else(|error| panic!("the files of process {pid}: {error}"))
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|link| {
                let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
                Some(inode.to_owned())
            })
            .collect();
        let mut ports = Vec::new();
        for table in ["tcp", "tcp6"] {
            let table = fs::read_to_string(format!("{own}/net/{table}")).unwrap_or_default();
            for line in table.lines().skip(1) {
                let words: Vec<&str> = line.split_whitespace().collect();
                if words[3] == "0A" && sockets.iter().any(|inode| inode == words[9]) {
                    let port = words[1].rsplit(':').next().unwrap();
                    ports.push(u16::from_str_radix(port, 16).unwrap());
                }
            }
        }
        ports
    }

    /// Kills it at once (`kill -9`).
    pub fn kill9(mut self) {
        self.process.kill();
    }

    /// Asks it to end (SIGTERM) and returns its exit code.
    #[track_caller]
    pub fn terminate(mut self, within: Duration) -> i32 {
        self.process.signal("TERM");
        self.process.wait_exit(within)
    }

    /// Sends a signal by its name without `SIG`, and waits for nothing.
    pub fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it ends by itself; returns its exit code.
    #[track_caller]
    pub fn wait_exit(&mut self, within: Duration) -> i32 {
        self.process.wait_exit(within)
    }

    /// Stops it without ending it.
    pub fn freeze(&mut self) {
        self.process.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.process.signal("CONT");
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// Waits until the log contains `words`. Panics with the log when the process ends or time is up.
    #[track_caller]
    pub fn wait_log(&mut self, words: &str, within: Duration) {
        let start = std::time::Instant::now();
        wait_until(within * 2, &format!("{words:?} in the log"), || {
            let log = self.home.log();
            if log.contains(words) {
                return true;
            }
            assert!(self.is_alive(), "sheetwire ended before it said {words:?}:\n{log}");
            assert!(start.elapsed() < within, "no {words:?} within {within:?} in:\n{log}");
            false
        });
    }
}

/// The binary under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_sheetwire"))
}
