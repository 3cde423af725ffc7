//! The Sheets door against the emulator over HTTP: every trap of the client crates, the fence, the pre-images.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken set-up fails the test that needs it"
)]

mod answers;
mod batches;
mod fence;
mod images;
mod probe;
mod reads;
mod relay;
mod secrets;
mod stub;
mod tokens;
mod ways;

use std::{
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sheets_emulator::{
    http::{Emulator, Options, service_account},
    model::{HumanAct, Query},
};
use sheetwire::{
    ports::SheetSink,
    sheets::{CallLimits, ClientOptions, SheetsClient},
};
use sheetwire_engine::{
    batch::{
        Batch, BatchId, ColumnIndex, FenceStep, Journal, JournalOwner, RowIndex, RowWrite, TabWork,
        WriteOutcome,
    },
    cell::Cell,
};

pub(crate) const BOOK: &str = "book-1_A";
pub(crate) const ROBOT: &str = "robot@project.iam.example";

/// How long a test waits for something that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// What comes of a call that hangs for good, once `hangs` says that it does: nothing before its time limit, and then at once. The
/// clock is moved, so that the limit can be the product's own and nobody waits for it.
pub(crate) async fn at_its_limit<T>(
    limit: Duration,
    call: impl Future<Output = T>,
    hangs: impl Future<Output = ()>,
) -> T {
    let mut call = std::pin::pin!(call);
    tokio::select! {
        _ = &mut call => panic!("the call ended before it hung"),
        hung = tokio::time::timeout(DEADLINE, hangs) => hung.expect("the call hangs soon"),
    }
    tokio::time::pause();
    // The call has been waiting for less than the deadline.
    tokio::time::advance(limit.checked_sub(DEADLINE).unwrap()).await;
    assert!(futures_util::poll!(&mut call).is_pending(), "it gave up before its time limit");
    tokio::time::advance(DEADLINE).await;
    let outcome = call.await;
    tokio::time::resume();
    outcome
}

/// An emulator with one spreadsheet, and a client that is allowed to use it.
pub(crate) struct Desk {
    pub(crate) emulator: Emulator,
    pub(crate) client: SheetsClient,
    pub(crate) key_file: KeyFile,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with(Options { quota: None, ..Options::default() }, CallLimits::default()).await
    }

    pub(crate) async fn with(options: Options, limits: CallLimits) -> Self {
        let emulator = Emulator::start(options).await.unwrap();
        emulator.add_spreadsheet(BOOK, "Accounts").unwrap();
        let key_file = KeyFile::new(&emulator.token_uri());
        let client = client(&emulator.url(), &key_file, limits).await;
        Self { emulator, client, key_file }
    }

    /// A second process with the same credentials.
    pub(crate) async fn another(&self) -> SheetsClient {
        client(&self.emulator.url(), &self.key_file, CallLimits::default()).await
    }

    /// Requests applied by hand, without a call.
    pub(crate) fn edit(&self, requests: &Value) {
        let body = json!({ "requests": requests });
        let edit = |book: &mut sheets_emulator::model::Spreadsheet| {
            book.batch_update(&body, &Query::default())
        };
        self.emulator.edit(BOOK, edit).unwrap().unwrap();
    }

    /// Writes cells into the first tab.
    pub(crate) fn fill(&self, row: u32, column: u32, rows: &[&[Cell]]) {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| json!({"values": row.iter().map(cell_json).collect::<Vec<_>>()}))
            .collect();
        self.edit(&json!([{"updateCells": {
            "rows": rows, "fields": "userEnteredValue",
            "start": {"sheetId": 0, "rowIndex": row, "columnIndex": column}}}]));
    }

    pub(crate) fn human(&self, act: &HumanAct) {
        self.emulator.human(BOOK, act).unwrap();
    }

    /// A person types into the first tab.
    pub(crate) fn types(&self, cell: &str, text: &str) {
        let (tab, cell, text) = ("Sheet1".to_owned(), cell.to_owned(), text.to_owned());
        self.human(&HumanAct::Type { tab, cell, text });
    }

    /// What a range holds, formulas as formulas, row by row.
    pub(crate) fn grid(&self, range: &str) -> Vec<Vec<Value>> {
        let query = Query(vec![("valueRenderOption".to_owned(), "FORMULA".to_owned())]);
        let answer = self.emulator.spreadsheet(BOOK).unwrap().values_get(range, &query).unwrap();
        let rows = answer["values"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row.as_array().unwrap().clone()).collect()
    }

    pub(crate) async fn apply(&self, batch: &Batch) -> Journal {
        applied(self.client.write(batch).await)
    }

    /// Returns once a call is held back by a fault.
    pub(crate) async fn held(&self) {
        self.emulator.log().wait_for(DEADLINE, |call| call.held).await.unwrap();
    }

    /// Calls of one API method so far.
    pub(crate) fn calls(&self, name: &str) -> usize {
        self.emulator.log().calls().iter().filter(|call| call.name == name).count()
    }
}

pub(crate) async fn client(url: &str, key: &KeyFile, limits: CallLimits) -> SheetsClient {
    let options = ClientOptions { endpoint: url.to_owned(), key_file: key.path.clone(), limits };
    SheetsClient::open(options).await.unwrap()
}

/// A service-account key on disk, gone with its owner.
pub(crate) struct KeyFile {
    pub(crate) path: PathBuf,
}

impl KeyFile {
    pub(crate) fn new(token_uri: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sheets-door-{}-{number}.json", std::process::id());
        let file = Self { path: std::env::temp_dir().join(name) };
        file.put(&Self::content(token_uri));
        file
    }

    /// One RSA key for all tests of a process, since making one takes its time.
    pub(crate) fn content(token_uri: &str) -> Value {
        static KEY: OnceLock<Value> = OnceLock::new();
        let mut key = KEY.get_or_init(|| service_account(ROBOT, "-").unwrap()).clone();
        key["token_uri"] = json!(token_uri);
        key
    }

    pub(crate) fn put(&self, content: &Value) {
        std::fs::write(&self.path, content.to_string()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&self.path, mode).unwrap();
        }
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        // The system clears its temporary folder sooner or later.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn cell_json(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => json!({}),
        Cell::Number(number) => json!({"userEnteredValue": {"numberValue": number}}),
        Cell::Text(text) => json!({"userEnteredValue": {"stringValue": text}}),
        Cell::Bool(flag) => json!({"userEnteredValue": {"boolValue": flag}}),
        Cell::Formula { text, .. } => json!({"userEnteredValue": {"formulaValue": text}}),
    }
}

pub(crate) fn text(text: &str) -> Cell {
    Cell::text(text)
}

/// A formula whose value is not known.
pub(crate) fn formula(formula: &str) -> Cell {
    comes_to(formula, Cell::Empty)
}

/// A formula with its value.
pub(crate) fn comes_to(formula: &str, value: Cell) -> Cell {
    Cell::Formula { text: formula.into(), value: Box::new(value) }
}

/// A batch with an id out of its fence.
pub(crate) fn batch(previous: Option<u64>, next: u64, tabs: Vec<TabWork>) -> Batch {
    Batch {
        id: BatchId(format!("batch-{next}")),
        spreadsheet: BOOK.to_owned(),
        fence: FenceStep { previous, next },
        owner: JournalOwner {
            instance: "instance-1".to_owned(),
            pipeline: "crm".to_owned(),
            spreadsheet: BOOK.to_owned(),
        },
        position: "uuid:1-99".to_owned(),
        tabs,
    }
}

/// Work in the first tab, whose columns A, B, ... are mapped in order.
pub(crate) fn work(columns: u32) -> TabWork {
    TabWork {
        sheet_id: 0,
        create: None,
        header_row: RowIndex(0),
        columns: (0..columns).map(ColumnIndex).collect(),
        grid_columns: 26,
        bind: Vec::new(),
        writes: Vec::new(),
        deletes: Vec::new(),
        insert: None,
        notes: Vec::new(),
    }
}

pub(crate) fn write(row: u32, cells: &[(u16, Cell)]) -> RowWrite {
    RowWrite { row: RowIndex(row), cells: cells.to_vec() }
}

#[track_caller]
pub(crate) fn applied(outcome: WriteOutcome) -> Journal {
    match outcome {
        WriteOutcome::Applied(journal) => journal,
        other => panic!("not applied: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn unknown(outcome: &WriteOutcome) -> &str {
    match outcome {
        WriteOutcome::Unknown { reason } => reason,
        other => panic!("not unknown: {other:?}"),
    }
}
