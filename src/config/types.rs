//! A configuration that cannot be wrong, and the defaults with their reasons.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    num::{NonZeroU8, NonZeroU32},
    path::PathBuf,
    time::Duration,
};

use jiff::tz::TimeZone;

use crate::secret::Secret;
pub use crate::telemetry::LogFormat;

/// The defaults. The example file shows each of them, and a test compares.
pub mod defaults {
    use std::time::Duration;

    /// `MySQL`'s own port.
    pub const PORT: u16 = 3306;
    /// Often enough to notice a silent server within seconds, seldom enough to be no load.
    pub const HEARTBEAT: Duration = Duration::from_secs(5);
    /// Google's own.
    pub const ENDPOINT: &str = "https://sheets.googleapis.com/";
    /// Google allows 60 a minute and user; the rest is room for a person's scripts and for clocks that differ.
    pub const WRITES_PER_MINUTE: u32 = 54;
    /// As for writes; reads have a bucket of their own.
    pub const READS_PER_MINUTE: u32 = 54;
    /// No distance between flushes beyond what the budget asks for.
    pub const FLUSH_EVERY: Duration = Duration::ZERO;
    /// Google recommends payloads of up to 2 MB.
    pub const FLUSH_BYTES: usize = 2_000_000;
    /// With rows of ordinary width, about what fits into 2 MB.
    pub const FLUSH_ROWS: usize = 5_000;
    /// Google gives up on a request after 180 seconds: a shorter wait leaves batches in doubt that are still being applied.
    pub const TIMEOUT: Duration = Duration::from_secs(200);
    /// A minute's delay where a doorbell is lost, one read a minute where none is.
    pub const SWEEP: Duration = Duration::from_mins(1);
    /// About 100 MB of rendered rows; more spill to the store.
    pub const ROWS_PENDING_MAX: usize = 200_000;
    /// Rows of one SELECT of a first copy: a fraction of a second on the server.
    pub const CHUNK_ROWS: usize = 5_000;
    /// About a day of a busy table, a few tens of MB on disk.
    pub const HISTORY_CHANGES_MAX: usize = 100_000;
    /// What happened, not how.
    pub const LOG_FILTER: &str = "info";
    /// The first row.
    pub const HEADER_ROW: u32 = 1;
    /// Two quotation marks: visible, unlike an empty cell, which is NULL.
    pub const EMPTY_TEXT: &str = "\"\"";
    /// Rows that may vanish from a sheet at once before a person is asked.
    pub const BRAKE_ROWS: u32 = 50;
    /// As for rows, in percent of the table: for small tables.
    pub const BRAKE_PERCENT: u8 = 10;
    /// The zone in which dates and times of day are shown.
    pub const TIMEZONE: &str = "UTC";
}

/// Everything the operator decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Name of the pipeline.
    pub name: PipelineName,
    /// Where the state is kept. Belongs to this pipeline alone.
    pub data_dir: PathBuf,
    /// The database.
    pub mysql: MySql,
    /// Google.
    pub sheets: Sheets,
    /// The doorbell; without it there is the sweep only.
    pub webhook: Option<Webhook>,
    /// The status page; without it no port is opened.
    pub status: Option<Status>,
    /// Bounds of memory and work.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
    /// The mapped tables; at least one. The index is the `TableId`.
    pub tables: Vec<Table>,
}

/// Name of a pipeline: 1 to 40 letters, digits, `-` and `_`, since `GET_LOCK` names carry it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PipelineName(pub(super) String);

/// A spreadsheet's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpreadsheetId(pub(super) String);

/// Title of a tab as the configuration names it. Titles that differ only in case are one tab to Google.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TabTitle(pub(super) String);

/// Address of the Sheets API: https, or http on the loopback; ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(pub(super) String);

macro_rules! reads_as_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
reads_as_text!(PipelineName, SpreadsheetId, TabTitle, Endpoint);

/// The database, and how to follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct MySql {
    /// The server to read from.
    pub server: Server,
    /// Our number among its replicas.
    pub server_id: NonZeroU32,
    /// The server says that it is alive this often.
    pub heartbeat: Duration,
    /// What a position is.
    pub position: PositionMode,
    /// When tables are copied whole.
    pub snapshot: Snapshot,
    /// The server to write to, where it is another one.
    pub writer: Option<Server>,
}

/// A server and how to log in.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Account.
    pub user: String,
    /// Its password; `None` for an account without one.
    pub password: Option<Secret<String>>,
    /// How the connection is protected.
    pub tls: Tls,
    /// Certificates to trust instead of the well-known ones, as a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Certificate and host name are checked.
    VerifyIdentity,
    /// The certificate is checked, the host name is not.
    VerifyCa,
    /// Encrypted, nothing checked.
    Required,
    /// In clear.
    Disabled,
}

/// What a position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionMode {
    /// GTIDs where the server has them, else file and offset.
    Auto,
    /// GTIDs, or refuse.
    Gtid,
}

/// When tables are copied whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// At the first start only: a position that the server has thrown away is a refusal.
    Initial,
    /// Then too.
    WhenNeeded,
}

/// Google.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheets {
    /// Address of the API.
    pub endpoint: Endpoint,
    /// The service account; `None` only at a loopback endpoint.
    pub credentials: Option<Credentials>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// Calls we allow ourselves.
    pub budget: Budget,
    /// What one batch may hold.
    pub flush: Flush,
}

/// A service account.
#[derive(Debug, Clone, PartialEq)]
pub struct Credentials {
    /// Where it was read.
    pub file: PathBuf,
    /// The file's content: JSON of the type `service_account`.
    pub json: Secret<String>,
    /// The account to share spreadsheets with.
    pub email: String,
}

/// Calls within any 60 seconds, over all spreadsheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Writing calls.
    pub writes_per_minute: NonZeroU32,
    /// Reading calls.
    pub reads_per_minute: NonZeroU32,
}

/// What one batch may hold, and how often there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flush {
    /// Least time between two flushes of a spreadsheet.
    pub every: Duration,
    /// Bytes of a request.
    pub max_bytes: usize,
    /// Rows of a request.
    pub max_rows: usize,
}

/// The doorbell.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What doorbells may be signed with: two while one takes the place of the other.
    pub secrets: Vec<Secret<String>>,
    /// Where that was read.
    pub secret_file: PathBuf,
    /// Sheets are read this often even when no doorbell rings.
    pub sweep: Duration,
}

/// The status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where to listen.
    pub listen: SocketAddr,
}

/// Bounds of memory and work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pending rows in memory; more spill to the store.
    pub rows_pending_max: usize,
    /// Rows of one SELECT of a first copy.
    pub chunk_rows: usize,
    /// Changes of rows that are kept for people who ask later; 0 keeps none.
    pub history_changes_max: usize,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// Levels by target, as in `info,sheetwire=debug`.
    pub filter: String,
}

/// A mapped table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Schema (database) name.
    pub database: String,
    /// Table name.
    pub table: String,
    /// Where it goes.
    pub to: Target,
    /// Which way.
    pub direction: Direction,
    /// Mapped columns, in the order in which a new tab shows them.
    pub columns: Vec<String>,
    /// A condition in SQL that a row must meet to be in the tab.
    pub filter: Option<String>,
    /// Who wins where both sides changed a cell.
    pub conflict: ConflictPolicy,
    /// The same for single columns, over `conflict`.
    pub owner: BTreeMap<String, ConflictPolicy>,
    /// What follows a delete.
    pub on_delete: OnDelete,
    /// How an empty string looks; `NULL` is an empty cell.
    pub empty_text: String,
    /// When a person is asked before rows go.
    pub brake: Brake,
    /// The zone in which points in time are shown.
    pub timezone: TimeZone,
}

/// A tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Spreadsheet.
    pub spreadsheet: SpreadsheetId,
    /// Tab at first sight; later it is known by its number, whatever its title.
    pub tab: TabTitle,
    /// Row of the header, counted from 1 as people do.
    pub header_row: NonZeroU32,
}

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the database to the sheet.
    ToSheet,
    /// From the sheet to the database.
    ToDatabase,
    /// Both.
    Both,
}

/// Who wins where both sides changed a cell. The loser is kept in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// The database.
    Database,
    /// The sheet.
    Sheet,
    /// The later change; a sheet's time is only as good as its doorbell.
    Newest,
    /// Nobody, until a person decides.
    Hold,
}

/// What follows a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDelete {
    /// For the sheet's row, when the database's is gone.
    pub in_database: DeletePolicy,
    /// For the database's row, when the sheet's is gone.
    pub in_sheet: DeletePolicy,
}

/// What happens to the other side's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletePolicy {
    /// It goes too.
    Remove,
    /// A person decides.
    Hold,
    /// It stays.
    Ignore,
}

/// Deletes and blanks beyond either bound wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// Rows at once.
    pub rows: NonZeroU32,
    /// Percent of the table at once, 1 to 100.
    pub percent: NonZeroU8,
}

impl Config {
    /// Configured names of the tables, by their number.
    pub fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|table| format!("{}.{}", table.database, table.table)).collect()
    }

    /// Every secret in it, for the log to leave out. A private key comes line by line, as it would be printed.
    pub fn secrets(&self) -> Vec<Secret<String>> {
        let servers = [Some(&self.mysql.server), self.mysql.writer.as_ref()];
        let passwords = servers.into_iter().flatten().filter_map(|server| server.password.clone());
        let doorbell = self.webhook.iter().flat_map(|webhook| webhook.secrets.clone());
        let key = self.sheets.credentials.iter().flat_map(Credentials::key_lines);
        passwords.chain(doorbell).chain(key).collect()
    }
}

impl Credentials {
    fn key_lines(&self) -> Vec<Secret<String>> {
        let json: Option<serde_json::Value> = serde_json::from_str(self.json.reveal()).ok();
        let key = json.as_ref().and_then(|json| json.get("private_key")?.as_str());
        let lines = key.unwrap_or_default().lines().filter(|line| !line.starts_with("-----"));
        lines.map(|line| Secret::new(line.to_owned())).collect()
    }
}
