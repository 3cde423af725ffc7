//! An engine, and a tape of everything that it is told and wants, where an operator asked for one.
//!
//! The tape holds cell values, so only its owner may read it. It is written as it happens and never flushed: what a kill cuts off is left
//! out by whoever reads it, and written over by the next process.

use std::{
    borrow::Cow,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sheetwire_engine::{
    TabSpec,
    door::{Action, Input},
    engine::{Engine, Settings},
    recording::{Beginning, Entry, Tape},
    state::Image,
    time::Moment,
};

use crate::fault::Fault;

/// A tape that is being written.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    /// `None` from the first write on that failed.
    file: Option<File>,
}

impl Recorder {
    /// Goes on behind the last whole entry of this file, which is made where it does not exist.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let open = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let mut file = options.open(path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let mut tape = Tape::new(&bytes);
            while tape.next_entry().map_err(io::Error::other)?.is_some() {}
            let end = u64::try_from(tape.place()).unwrap_or(u64::MAX);
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Self { path: path.to_owned(), file: Some(file) }),
            Err(error) => Err(Fault::Configuration(format!(
                "--record {}: {error}; name a file that this user can write, or a new one",
                path.display()
            ))),
        }
    }

    fn write(&mut self, entry: &Entry<'_>) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(&entry.to_bytes()) {
            let file = self.path.display();
            tracing::error!("the recording ends here: {file} cannot be written: {error}");
            self.file = None;
        }
    }
}

/// An engine, recorded or not.
#[derive(Debug)]
pub struct Recorded {
    engine: Engine,
    recorder: Option<Recorder>,
}

impl Recorded {
    /// Builds the engine.
    pub fn new(
        settings: Settings,
        specs: Vec<TabSpec>,
        image: Image,
        recorder: Option<Recorder>,
    ) -> Self {
        let Some(mut recorder) = recorder else {
            return Self { engine: Engine::new(settings, specs, image), recorder: None };
        };
        let beginning = Box::new(Beginning::new(settings, specs, image));
        recorder.write(&Entry::Began(beginning.clone()));
        Self { engine: beginning.engine(), recorder: Some(recorder) }
    }

    /// For questions.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// [`Engine::spend`].
    pub fn spend(&mut self, calls: [u64; 2]) {
        self.record(|| Entry::Spent(calls));
        self.engine.spend(calls);
    }

    /// [`Engine::handle`].
    pub fn handle(&mut self, input: Input, at: Moment) {
        self.record(|| Entry::Told { at, input: Cow::Borrowed(&input) });
        self.engine.handle(input, at);
    }

    /// [`Engine::hurry`].
    pub fn hurry(&mut self) {
        self.record(|| Entry::Hurried);
        self.engine.hurry();
    }

    /// [`Engine::poll`], until it has nothing more to do at this moment or wants to stop.
    pub fn poll(&mut self, at: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut dry = true;
        while let Some(action) = self.engine.poll(at) {
            dry = !matches!(action, Action::Stop { .. });
            actions.push(action);
            if !dry {
                break;
            }
        }
        self.record(|| Entry::Polled { at, actions: Cow::Borrowed(&actions), dry });
        actions
    }

    fn record<'a>(&mut self, entry: impl FnOnce() -> Entry<'a>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.write(&entry());
        }
    }
}
