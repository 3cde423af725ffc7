//! Wiring only: builds the doors, the engine and the tasks, in the order of the drawing in `lib.rs`.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use sheetwire_engine::{
    TabSpec,
    backoff::Backoff,
    batch::RowIndex,
    change::TableId,
    door::Input,
    engine::{Engine, Settings},
    pacer::Budget,
    planner::BatchLimits,
    render::Rendering,
    time::Moment,
};
use tokio::sync::mpsc;

use crate::{
    clock::Clock,
    config::{self, Config, DeletePolicy, defaults},
    fault::Fault,
    flow::{
        asks::{Asks, Doors},
        control::Control,
        socket,
        source::Source,
        supervisor::Supervisor,
    },
    mysql::{
        binlog::StreamOptions,
        connect::{self, Session},
        door::BinlogDoor,
        preflight::{self, Finding, Level, PreflightRequest},
        schema,
        snapshot::SqlRows,
    },
    ports::{MappedTable, RowSource, SourceDoor, StateStore},
    secret::Secret,
    sheets::{CallLimits, ClientOptions, SheetsClient, probes::Probes},
    store::{Roster, SledStore},
};

/// Events that may wait between the stream and the control loop.
const EVENTS_WAITING_MAX: usize = 64;
/// Questions that may wait at the socket.
const QUESTIONS_WAITING_MAX: usize = 8;
/// When the journal was lost, no batch of ours can still arrive after this: Google gives up after 180 seconds.
const JOURNAL_HOLD: Duration = Duration::from_mins(3);

/// Both far sides, opened.
pub struct Doorway {
    /// Google.
    pub sheets: Arc<SheetsClient>,
    /// Rows of the database.
    pub rows: Arc<dyn RowSource>,
    /// The stream.
    pub source: Arc<dyn SourceDoor>,
    /// Tables that can be carried.
    pub tables: Arc<Vec<MappedTable>>,
    /// Tables that cannot, and why.
    pub refused: Vec<(TableId, String)>,
}

impl std::fmt::Debug for Doorway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorway").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

/// Runs the pipeline until `shutdown` resolves or something stops it.
pub async fn run(
    config: Config,
    takeover: bool,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Fault> {
    let clock = Clock::start();
    let store = Arc::new(SledStore::open(&config.data_dir, config.name.as_str())?);
    let image = store.load()?;
    let listener = socket::listen(&config.data_dir).map_err(|error| {
        Fault::Configuration(format!(
            "no control socket in {}: {error}; the folder must belong to this user",
            config.data_dir.display()
        ))
    })?;
    let doorway = patiently(&clock, || open_doors(&config, &clock)).await?;
    refuse_unfit(&config, &doorway).await?;
    let probes = Probes::of(&config.data_dir);
    let books = spreadsheets(&config);
    let spent = patiently(&clock, || probes.run(&doorway.sheets, &books)).await?;
    // Only now: a spreadsheet that was never reached may still be exchanged for the right one.
    Roster::of(&config.data_dir).keep(&mapped_names(&config))?;
    let from = match &image.position {
        Some(position) => position.clone(),
        None => patiently(&clock, || doorway.source.here()).await?,
    };
    tracing::info!(pipeline = %config.name, position = %from, "running");
    let settings = settings(&config, &clock, store.instance(), (takeover, &doorway.refused));
    let mut engine = Engine::new(settings, specs(&config, &doorway.tables), image);
    engine.spend(spent);
    engine.handle(Input::Commit { position: from.clone() }, Moment::START);
    let (events_in, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let (questions_in, questions) = mpsc::channel(QUESTIONS_WAITING_MAX);
    let doors = Doors {
        sheets: doorway.sheets.clone(),
        rows: doorway.rows.clone(),
        store,
        tables: doorway.tables.clone(),
    };
    let control = Control::new(engine, Asks::new(doors), clock, &config.table_names());
    let source = Source {
        door: doorway.source.clone(),
        rows: doorway.rows.clone(),
        tables: doorway.tables.clone(),
        clock,
    };
    let mut tasks = Supervisor::new();
    tasks.start("source", async move { Err(source.run(from, events_in, random()).await) });
    tasks.start("control", control.run(events, questions, shutdown));
    tasks.start("socket", async move {
        socket::serve(listener, questions_in).await;
        Ok(())
    });
    tasks.wait_for("control").await
}

/// Connects to both far sides and looks every table up.
pub async fn open_doors(config: &Config, clock: &Clock) -> Result<Doorway, Fault> {
    connect::install_tls_provider();
    let server = server_options(&config.mysql.server);
    let mut session = Session::open(&server).await?;
    let mut tables = Vec::new();
    let mut refused = Vec::new();
    for request in requests(config) {
        match schema::resolve(&mut session, &request).await? {
            Ok(found) => {
                for warning in &found.warnings {
                    tracing::warn!(table = request.table, warning);
                }
                tables.push(found.table);
            }
            Err(reason) => {
                tracing::error!(reason, "table set aside");
                refused.push((request.id, reason));
            }
        }
    }
    if tables.is_empty() {
        let reasons: Vec<&str> = refused.iter().map(|(_, reason)| reason.as_str()).collect();
        return Err(Fault::Configuration(format!(
            "none of the tables can be carried:\n  {}",
            reasons.join("\n  ")
        )));
    }
    let sheets = Arc::new(SheetsClient::open(client_options(config, clock)?).await?);
    let source = BinlogDoor::new(server.clone(), stream_options(config), tables.clone());
    Ok(Doorway {
        sheets,
        rows: Arc::new(SqlRows::new(server)),
        source: Arc::new(source),
        tables: Arc::new(tables),
        refused,
    })
}

/// A server that cannot be followed is refused before anything is written.
async fn refuse_unfit(config: &Config, doorway: &Doorway) -> Result<(), Fault> {
    let findings = preflight(config, doorway).await?;
    let mut failed = Vec::new();
    for Finding { level, what, found, cure } in &findings {
        match level {
            Level::Fail => failed.push(format!("{what}: {found}; {cure}")),
            Level::Warn => tracing::warn!("{what}: {found}; {cure}"),
            Level::Info => tracing::info!("{what}: {found}"),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Fault::Source(failed.join("\n  "))) }
}

/// What is wrong or doubtful about the server, as far as SQL can tell.
pub async fn preflight(config: &Config, doorway: &Doorway) -> Result<Vec<Finding>, Fault> {
    let mut session = Session::open(&server_options(&config.mysql.server)).await?;
    let request = PreflightRequest {
        tables: &doorway.tables,
        server_id: config.mysql.server_id.get(),
        position: None,
    };
    preflight::preflight(&mut session, &request).await
}

fn requests(config: &Config) -> impl Iterator<Item = schema::TableRequest> {
    config.tables.iter().zip(0..).map(|(table, id)| schema::TableRequest {
        id: TableId(id),
        database: table.database.clone(),
        table: table.table.clone(),
        columns: (!table.columns.is_empty()).then(|| table.columns.clone()),
        filter: table.filter.clone(),
    })
}

/// What the engine needs to know of each table.
pub fn specs(config: &Config, tables: &[MappedTable]) -> Vec<TabSpec> {
    let spec = |mapped: &MappedTable| {
        let table = config.tables.get(usize::from(mapped.id.0))?;
        Some(TabSpec {
            table: mapped.id,
            spreadsheet: table.to.spreadsheet.to_string(),
            title: table.to.tab.to_string(),
            header_row: RowIndex(table.to.header_row.get() - 1),
            columns: mapped.columns.clone(),
            key: mapped.key.clone(),
            rendering: Rendering {
                zone: table.timezone.clone(),
                empty_text: table.empty_text.clone(),
            },
            remove_rows: table.on_delete.in_database == DeletePolicy::Remove,
        })
    };
    tables.iter().filter_map(spec).collect()
}

fn settings(
    config: &Config,
    clock: &Clock,
    instance: &str,
    (takeover, refused): (bool, &[(TableId, String)]),
) -> Settings {
    let flush = config.sheets.flush;
    Settings {
        instance: instance.to_owned(),
        pipeline: config.name.to_string(),
        run: random(),
        budget: Budget {
            writes_per_minute: config.sheets.budget.writes_per_minute,
            reads_per_minute: config.sheets.budget.reads_per_minute,
        },
        limits: BatchLimits { rows_max: flush.max_rows, bytes_max: flush.max_bytes },
        rows_pending_max: config.limits.rows_pending_max,
        chunk_rows: config.limits.chunk_rows,
        flush_every: flush.every,
        sweep_every: config.webhook.as_ref().map_or(defaults::SWEEP, |webhook| webhook.sweep),
        journal_hold: JOURNAL_HOLD,
        takeover,
        started_at_us: clock.unix_us(),
        refused: refused.to_vec(),
    }
}

fn client_options(config: &Config, clock: &Clock) -> Result<ClientOptions, Fault> {
    let Some(credentials) = &config.sheets.credentials else {
        return Err(Fault::Configuration(
            "sheets.credentials_file is missing: give the JSON key of a service account".into(),
        ));
    };
    let limits = CallLimits {
        write: clock.real(config.sheets.timeout),
        read: clock.real(config.sheets.timeout),
        ..CallLimits::default()
    };
    Ok(ClientOptions {
        endpoint: config.sheets.endpoint.to_string(),
        key_file: credentials.file.clone(),
        limits,
    })
}

fn server_options(server: &config::Server) -> connect::ServerOptions {
    let secret = server.password.clone().unwrap_or_else(|| Secret::new(String::new()));
    let mut options =
        connect::ServerOptions::new(server.host.clone(), server.port, server.user.clone(), secret);
    options.tls = match server.tls {
        config::Tls::VerifyIdentity => connect::Tls::VerifyIdentity,
        config::Tls::VerifyCa => connect::Tls::VerifyCa,
        config::Tls::Required => connect::Tls::Required,
        config::Tls::Disabled => connect::Tls::Disabled,
    };
    options.ca_file.clone_from(&server.ca_file);
    options
}

fn stream_options(config: &Config) -> StreamOptions {
    let heartbeat = config.mysql.heartbeat;
    let silence = heartbeat * 2 + heartbeat / 2;
    StreamOptions { heartbeat, silence, ..StreamOptions::new(config.mysql.server_id.get()) }
}

/// Every table with its spreadsheet, by number; a tab may be renamed.
fn mapped_names(config: &Config) -> Vec<String> {
    let name = |table: &config::Table| {
        format!("{}.{} in {}", table.database, table.table, table.to.spreadsheet)
    };
    config.tables.iter().map(name).collect()
}

/// Every spreadsheet once.
pub fn spreadsheets(config: &Config) -> Vec<String> {
    let mut all: Vec<String> =
        config.tables.iter().map(|table| table.to.spreadsheet.to_string()).collect();
    all.sort();
    all.dedup();
    all
}

/// Chance, from the operating system, through the one door to it that the standard library has.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Tries again while it is only weather.
async fn patiently<T, W>(clock: &Clock, mut attempt: impl FnMut() -> W) -> Result<T, Fault>
where
    W: Future<Output = Result<T, Fault>>,
{
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), random());
    loop {
        match attempt().await {
            Err(Fault::Transient(reason)) => {
                tracing::warn!(reason, "cannot start yet, trying again");
                clock.sleep_until(clock.now() + backoff.next_wait()).await;
            }
            other => return other,
        }
    }
}
