//! How far an edit had come on its way to the database when the process died: told from what it wrote on its tape, and from what the server
//! has of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use sheetwire_engine::{
    door::{Action, Input},
    intent::{Intent, RowWork, Stage},
    recording::{Entry, Tape},
    state::StoreStep,
    value::Value,
};

use super::table::{ever, ever_removed};
use crate::support::database::Database;

/// Where between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The tab is being read: what stands there is known to nobody else.
    Read,
    /// The draft of a transaction is on its way into the store.
    Draft,
    /// The transaction has been asked for; it may be open, and nothing of it is durable.
    Open,
    /// Written and read back; what the rows became is on its way into the store.
    Written,
    /// The `COMMIT` was asked for, and the server has none.
    Commit,
    /// Committed, and nobody was told.
    Committed,
    /// Committed and known; that is on its way into the store.
    Settle,
}

impl Step {
    pub(super) const ALL: [Self; 7] = [
        Self::Read,
        Self::Draft,
        Self::Open,
        Self::Written,
        Self::Commit,
        Self::Committed,
        Self::Settle,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "tab being read",
            Self::Draft => "draft not stored",
            Self::Open => "transaction open",
            Self::Written => "written but not stored",
            Self::Commit => "commit not carried out",
            Self::Committed => "committed but untold",
            Self::Settle => "told but not stored",
        }
    }
}

/// The tape of all processes, of which the part of the last one is of interest.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    read: u64,
    doing: Doing,
}

impl Tail {
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), read: 0, doing: Doing::default() }
    }

    /// A new process begins: what is on the tape by now is not its.
    pub(super) fn begin(&mut self) {
        self.doing();
        self.doing = Doing::default();
    }

    /// What the process is doing at the end of the tape.
    pub(super) fn doing(&mut self) -> &Doing {
        let mut bytes = Vec::new();
        // There is none before the first process has begun.
        if let Ok(mut file) = File::open(&self.path) {
            file.seek(SeekFrom::Start(self.read)).unwrap();
            file.read_to_end(&mut bytes).unwrap();
        }
        let mut tape = Tape::new(&bytes);
        while let Some(entry) = tape.next_entry().unwrap() {
            self.doing.learn(&entry);
        }
        self.read += u64::try_from(tape.place()).unwrap();
        &self.doing
    }
}

/// What was asked of the doors and not answered yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Doing {
    /// The step that each store asked for belongs to, if to any.
    stores: BTreeMap<u64, BTreeSet<Step>>,
    reads: usize,
    pub(super) preparing: bool,
    pub(super) committing: Option<u64>,
    /// Words that transactions write.
    words: BTreeMap<u64, Vec<String>>,
    /// Rows that transactions remove, by key.
    removals: BTreeMap<u64, Vec<String>>,
    /// Transactions that this process has brought to an end.
    pub(super) committed: usize,
    /// Doorbells that it heard.
    pub(super) rings: usize,
}

impl Doing {
    fn learn(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Told { input, .. } => self.told(input),
            Entry::Polled { actions, .. } => actions.iter().for_each(|action| self.wants(action)),
            Entry::Began(_) | Entry::Spent(_) | Entry::Hurried => {}
        }
    }

    fn told(&mut self, input: &Input) {
        match input {
            Input::Stored { ticket } => drop(self.stores.remove(ticket)),
            Input::TabsRead { .. } => self.reads = self.reads.saturating_sub(1),
            Input::Prepared { .. } => self.preparing = false,
            Input::Committed { .. } => {
                self.committing = None;
                self.committed += 1;
            }
            Input::Rang(_) => self.rings += 1,
            _ => {}
        }
    }

    fn wants(&mut self, action: &Action) {
        match action {
            Action::Store { ticket, steps } => {
                let steps = steps.iter().filter_map(|step| match step {
                    StoreStep::Intent(Intent { stage: Stage::Drafted, .. }) => Some(Step::Draft),
                    StoreStep::Intent(Intent { stage: Stage::Prepared, .. }) => Some(Step::Written),
                    StoreStep::Intent(Intent { stage: Stage::Closing { .. }, .. }) => {
                        Some(Step::Settle)
                    }
                    _ => None,
                });
                self.stores.insert(*ticket, steps.collect());
            }
            Action::ReadTabs { .. } => self.reads += 1,
            Action::Prepare { intent } => {
                self.preparing = true;
                self.words.insert(intent.id, words(intent));
                self.removals.insert(intent.id, removals(intent));
            }
            Action::Commit { intent } => self.committing = Some(*intent),
            _ => {}
        }
    }

    /// The steps that it was between.
    pub(super) fn steps(&self, db: &Database) -> BTreeSet<Step> {
        let mut steps: BTreeSet<Step> = self.stores.values().flatten().copied().collect();
        if self.reads > 0 {
            steps.insert(Step::Read);
        }
        if self.preparing {
            steps.insert(Step::Open);
        }
        if let Some(intent) = self.committing {
            let of =
                |all: &BTreeMap<u64, Vec<String>>| all.get(&intent).cloned().unwrap_or_default();
            let done =
                !ever(db, &of(&self.words)).is_empty() || ever_removed(db, &of(&self.removals));
            steps.insert(if done { Step::Committed } else { Step::Commit });
        }
        steps
    }
}

fn words(intent: &Intent) -> Vec<String> {
    let values = intent.rows.iter().flat_map(|row| match &row.work {
        RowWork::Update { set, .. } | RowWork::Insert { set } => set.as_slice(),
        RowWork::Delete { .. } => &[],
    });
    let texts = values.filter_map(|(_, value)| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn removals(intent: &Intent) -> Vec<String> {
    let gone = intent.rows.iter().filter(|row| matches!(row.work, RowWork::Delete { .. }));
    gone.map(|row| row.key.0.to_string()).collect()
}
