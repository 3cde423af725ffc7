//! What all connections share: the spreadsheets, who may use them, and the meters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::api::error::ApiError;
#[cfg(feature = "apps-script")]
use crate::model::event::events;
use crate::model::{HumanAct, HumanError, Spreadsheet};

use super::auth::Tokens;
use super::clock::Clock;
use super::faults::Faults;
use super::log::CallLog;
use super::quota::{CallKind, Quota};
use super::server::Options;

/// What an account may do with a spreadsheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads only; writes are answered 403.
    Reader,
    /// Reads and writes.
    Writer,
}

/// One spreadsheet and the accounts it is shared with.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) book: Spreadsheet,
    created: Duration,
    changed: Duration,
    /// None: every account is a writer, until somebody is named.
    shared_with: Option<BTreeMap<String, Role>>,
}

impl Document {
    /// Virtual times of creation and of the last change.
    pub(crate) fn times(&self) -> (Duration, Duration) {
        (self.created, self.changed)
    }

    /// Whether the account may make a call of this kind.
    pub(crate) fn permits(&self, account: &str, kind: CallKind) -> bool {
        match &self.shared_with {
            None => true,
            Some(accounts) => match accounts.get(account) {
                Some(Role::Writer) => true,
                Some(Role::Reader) => kind == CallKind::Read,
                None => false,
            },
        }
    }
}

/// A spreadsheet id that is taken or unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// There is already a spreadsheet with this id.
    #[error("there is already a spreadsheet with the id {0:?}")]
    Taken(String),
    /// There is no spreadsheet with this id.
    #[error("there is no spreadsheet with the id {0:?}")]
    Unknown(String),
    /// A person was refused by the grid.
    #[error(transparent)]
    Refused(#[from] HumanError),
}

/// Everything the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Arc<Clock>,
    pub(crate) log: CallLog,
    pub(crate) faults: Faults,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) quota: Mutex<Quota>,
    documents: Mutex<BTreeMap<String, Document>>,
    changes: watch::Sender<u64>,
    ids: Mutex<u64>,
    #[cfg(feature = "apps-script")]
    pub(crate) scripts: super::script::Scripts,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            clock: Arc::new(Clock::new(options.clock_rate)),
            log: CallLog::new(),
            faults: Faults::new(options.seed),
            tokens: Mutex::default(),
            quota: Mutex::new(Quota::new(options.quota.clone())),
            documents: Mutex::default(),
            changes: watch::Sender::new(0),
            ids: Mutex::new(options.seed),
            #[cfg(feature = "apps-script")]
            scripts: super::script::Scripts::new(),
            options,
        }
    }

    /// Adds an empty spreadsheet.
    pub(crate) fn add(&self, id: &str, title: &str) -> Result<(), DocumentError> {
        self.insert(Spreadsheet::new(id, title))
    }

    /// Adds a spreadsheet that was made elsewhere.
    pub(crate) fn insert(&self, book: Spreadsheet) -> Result<(), DocumentError> {
        {
            let mut documents = locked(&self.documents);
            let id = book.id().to_owned();
            if documents.contains_key(&id) {
                return Err(DocumentError::Taken(id));
            }
            let now = self.clock.now();
            let document = Document { book, created: now, changed: now, shared_with: None };
            documents.insert(id, document);
        }
        self.touch();
        Ok(())
    }

    /// Takes a spreadsheet away.
    pub(crate) fn remove(&self, id: &str) {
        locked(&self.documents).remove(id);
        #[cfg(feature = "apps-script")]
        self.scripts.forget(id);
        self.touch();
    }

    /// Runs `work` on one spreadsheet; the others are locked meanwhile.
    pub(crate) fn with<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Document) -> T,
    ) -> Result<T, DocumentError> {
        let (result, changed) = {
            let mut documents = locked(&self.documents);
            let document =
                documents.get_mut(id).ok_or_else(|| DocumentError::Unknown(id.to_owned()))?;
            let before = document.book.revision();
            let result = work(document);
            let changed = document.book.revision() != before;
            if changed {
                document.changed = self.clock.now();
            }
            (result, changed)
        };
        if changed {
            self.touch();
        }
        Ok(result)
    }

    /// As [`Self::with`], for a call of `account`: checks that the spreadsheet is there and shared.
    pub(crate) fn for_call<T>(
        &self,
        id: &str,
        account: &str,
        kind: CallKind,
        work: impl FnOnce(&mut Spreadsheet) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let outcome = self.with(id, |document| {
            if !document.permits(account, kind) {
                return Err(no_permission());
            }
            document.book.caller = Some(account.to_owned());
            work(&mut document.book)
        });
        outcome.unwrap_or_else(|_| Err(ApiError::not_found()))
    }

    /// A person acts in the grid. Triggers hear of it while nobody else can act, so that they hear in order.
    pub(crate) fn human(&self, id: &str, act: &HumanAct) -> Result<(), DocumentError> {
        Ok(self.with(id, |document| self.act(id, &mut document.book, act))??)
    }

    /// A person looks, and acts on what is there at that moment.
    pub(crate) fn human_who_looks<T>(
        &self,
        id: &str,
        look: impl FnOnce(&Spreadsheet) -> Option<(HumanAct, T)>,
    ) -> Result<Option<T>, DocumentError> {
        let acted = self.with(id, |document| {
            let Some((act, told)) = look(&document.book) else { return Ok(None) };
            self.act(id, &mut document.book, &act)?;
            Ok::<_, HumanError>(Some(told))
        });
        Ok(acted??)
    }

    #[cfg_attr(
        not(feature = "apps-script"),
        expect(clippy::unused_self, reason = "without scripts nobody hears of it")
    )]
    fn act(&self, id: &str, book: &mut Spreadsheet, act: &HumanAct) -> Result<(), HumanError> {
        #[cfg(feature = "apps-script")]
        let told = self.scripts.of(id).map(|script| (script, book.clone()));
        #[cfg(not(feature = "apps-script"))]
        let _ = id;
        book.human(act)?;
        #[cfg(feature = "apps-script")]
        if let Some((script, before)) = told {
            script.fire(&events(act, script.unsure(), &before, book));
        }
        Ok(())
    }

    /// Shares the spreadsheet with `account`, or takes that back; from then on only named accounts may use it.
    pub(crate) fn share(
        &self,
        id: &str,
        account: &str,
        role: Option<Role>,
    ) -> Result<(), DocumentError> {
        self.with(id, |document| {
            let accounts = document.shared_with.get_or_insert_default();
            match role {
                Some(role) => accounts.insert(account.to_owned(), role),
                None => accounts.remove(account),
            };
        })
    }

    /// Id, title and revision of every spreadsheet.
    pub(crate) fn listing(&self) -> Vec<(String, String, u64)> {
        locked(&self.documents)
            .values()
            .map(|it| (it.book.id().to_owned(), it.book.title().to_owned(), it.book.revision()))
            .collect()
    }

    /// Wakes whenever a spreadsheet was added or changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A new spreadsheet id in Google's shape.
    pub(crate) fn new_id(&self) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut state = locked(&self.ids);
        let mut id = String::from("1");
        while id.len() < 44 {
            let letter = usize::try_from(splitmix(&mut state) % 64).unwrap_or(0);
            id.push(char::from(LETTERS[letter]));
        }
        id
    }

    fn touch(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

/// The 403 of a spreadsheet that is not shared with the account.
pub(crate) fn no_permission() -> ApiError {
    ApiError {
        http: 403,
        status: "PERMISSION_DENIED",
        message: "The caller does not have permission".to_owned(),
        details: Vec::new(),
    }
}

/// The lock's content, also after a panic of another holder: tests then see the first fault, not a second.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next number of a splitmix64 sequence.
pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// What the handlers carry around.
pub(crate) type State = Arc<Shared>;
