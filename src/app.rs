//! Wiring only: builds the doors, the engine and the tasks, in the order of the drawing in `lib.rs`.

mod doorbell;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sheetwire_engine::{
    TabSpec,
    batch::RowIndex,
    change::TableId,
    door::Input,
    engine::Settings,
    merge::{OnRemoved, Side},
    pacer::Budget,
    planner::BatchLimits,
    position::Position,
    render::Rendering,
    state::Image,
    time::Moment,
};
use tokio::{net::UnixListener, sync::mpsc};

use crate::{
    clock::Clock,
    config::{self, Config, Direction, PositionMode, Snapshot, defaults},
    fault::Fault,
    flow::{
        asks::{Asks, Doors},
        bells::Bells,
        bootstrap::{self, Patience},
        control::Control,
        front::Front,
        recorder::{Recorded, Recorder},
        socket,
        source::Source,
        supervisor::Supervisor,
    },
    mysql::{
        binlog::{
            StreamOptions,
            start::{Lost, trouble},
        },
        connect::{self, Session},
        door::BinlogDoor,
        preflight::{self, Finding, Level, PreflightRequest, Reader},
        schema,
        snapshot::SqlRows,
        writer::{
            self, SqlWriter, WrittenTable,
            preflight::{WritePlan, WriterRequest},
        },
    },
    policy,
    ports::{DatabaseWriter, MappedTable, Records, RowSource, SourceDoor, StateStore},
    secret::Secret,
    sheets::{CallLimits, ClientOptions, SheetsClient, probes::Probes},
    store::{self, Roster, SledStore},
    telemetry::Redact,
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
    /// Writes to the database, where a table is two-way.
    pub writer: Option<Arc<dyn DatabaseWriter>>,
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

/// What was said when it was started.
#[derive(Debug, Default)]
pub struct Orders {
    /// Take spreadsheets over from another instance.
    pub takeover: bool,
    /// Whose values stand where a two-way tab differs from its table when it is first taken in.
    pub adopt: Option<Side>,
    /// Record everything that the engine is told and wants in this file.
    pub record: Option<PathBuf>,
    /// What the log leaves out; learns secrets that come while it runs.
    pub redact: Redact,
}

/// Runs the pipeline until `shutdown` resolves or something stops it.
pub async fn run(
    config: Config,
    Orders { takeover, adopt, record, redact }: Orders,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Fault> {
    let clock = Clock::start();
    let store = Arc::new(open_store(&config)?);
    store.keep_history(u64::try_from(config.limits.history_changes_max).unwrap_or(u64::MAX));
    let listener = listen(&config)?;
    let (questions_in, questions) = mpsc::channel(QUESTIONS_WAITING_MAX);
    let (patience, waiting) = Patience::new(clock, random());
    let mut tasks = Supervisor::new();
    let bells = Bells::default();
    let front = Front::new(bells.clone(), questions_in.clone(), waiting.clone());
    doorbell::start(&mut tasks, &config, (clock, &redact), front).await?;
    // First of all: people ask most while it does not come up.
    let records: Arc<dyn Records> = store.clone();
    tasks.start("socket", async move {
        socket::serve(listener, questions_in, waiting, records).await;
        Ok(())
    });
    let mut shutdown = Box::pin(shutdown);
    let started = tokio::select! {
        biased;
        () = &mut shutdown => {
            tracing::info!("stopped before it had started");
            return Ok(());
        }
        started = Box::pin(start(&config, &store, &patience)) => started?,
    };
    let Started { doorway, image, from, spent } = started;
    tracing::info!(pipeline = %config.name, position = %from, "running");
    let settings = settings(&config, &clock, store.instance(), (takeover, &doorway.refused));
    let recorder = record.as_deref().map(Recorder::open).transpose()?;
    let mut specs = specs(&config, &doorway.tables);
    for spec in &mut specs {
        spec.inbound.adopt = adopt;
    }
    let mut engine = Recorded::new(settings, specs, image, recorder);
    engine.spend(spent);
    engine.handle(Input::Commit { position: from.clone() }, Moment::START);
    let (events_in, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let doors = Doors {
        sheets: doorway.sheets.clone(),
        rows: doorway.rows.clone(),
        writer: doorway.writer.clone(),
        store,
        tables: doorway.tables.clone(),
    };
    let control = Control::new(engine, (Asks::new(doors), bells), clock, &config.table_names());
    let source = Source {
        door: doorway.source.clone(),
        rows: doorway.rows.clone(),
        tables: doorway.tables.clone(),
        clock,
    };
    patience.is_over();
    tasks.start("source", async move { Err(source.run(from, events_in, random()).await) });
    tasks.start("control", control.run(events, questions, shutdown));
    tasks.wait_for("control").await
}

/// The store of a pipeline that does not run; none where it has never run.
pub fn closed_store(config: &Config) -> Result<Option<SledStore>, Fault> {
    store::open_existing(&config.data_dir, config.name.as_str())
}

/// Refuses a configuration whose tables have other numbers than those in the data folder.
pub fn same_tables(config: &Config) -> Result<(), Fault> {
    Roster::of(&config.data_dir).check(&mapped_names(config)).map(drop)
}

fn listen(config: &Config) -> Result<UnixListener, Fault> {
    socket::listen(&config.data_dir).map_err(|error| {
        Fault::Configuration(format!(
            "no control socket in {}: {error}; the folder must belong to this user",
            config.data_dir.display()
        ))
    })
}

#[cfg(not(feature = "testing"))]
fn open_store(config: &Config) -> Result<SledStore, Fault> {
    SledStore::open(&config.data_dir, config.name.as_str())
}

/// In tests a flush may be where the process is killed.
#[cfg(feature = "testing")]
fn open_store(config: &Config) -> Result<SledStore, Fault> {
    use std::{fs::File, io, path::Path};

    use crate::{
        hold,
        store::{Disk, MachineDisk},
    };
    struct HeldDisk;
    impl Disk for HeldDisk {
        fn flush_content(&self, path: &Path, file: &File) -> io::Result<()> {
            hold::thread_here(hold::STORE_FLUSH);
            MachineDisk.flush_content(path, file)?;
            hold::thread_here(hold::STORE_FLUSHED);
            Ok(())
        }

        fn flush_all(&self, path: &Path) -> io::Result<()> {
            MachineDisk.flush_all(path)
        }
    }
    SledStore::open_on(&config.data_dir, config.name.as_str(), Arc::new(HeldDisk))
}

/// Everything that was reached and looked at before the loop begins.
struct Started {
    doorway: Doorway,
    image: Image,
    from: Position,
    spent: [u64; 2],
}

/// Reaches both far sides, however long that takes, and refuses what cannot work.
async fn start(config: &Config, store: &SledStore, patience: &Patience) -> Result<Started, Fault> {
    let clock = &patience.clock();
    let doorway = patience.wait("the database", || Box::pin(open_doors(config, clock))).await?;
    let image = patience.wait("the database", || Box::pin(stored(config, store))).await?;
    let position = image.position.as_ref();
    patience.wait("the database", || Box::pin(refuse_unfit(config, &doorway, position))).await?;
    let (probes, books) = (Probes::of(&config.data_dir), spreadsheets(config));
    let spent = patience.wait("Google", || probes.run(&doorway.sheets, &books)).await?;
    // Only now: a spreadsheet that was never reached may still be exchanged for the right one.
    Roster::of(&config.data_dir).keep(&mapped_names(config))?;
    let from = match position {
        Some(position) => position.clone(),
        None => patience.wait("the database", || doorway.source.here()).await?,
    };
    Ok(Started { doorway, image, from, spent })
}

/// What the store holds, without a position that the server has thrown away if the tables shall be copied again then.
async fn stored(config: &Config, store: &SledStore) -> Result<Image, Fault> {
    let image = store.load()?;
    let (Snapshot::WhenNeeded, Some(position)) = (config.mysql.snapshot, &image.position) else {
        return Ok(image);
    };
    let mut session = Session::open(&server_options(&config.mysql.server)).await?;
    let Some(Lost { purged: true, found, .. }) = trouble(&mut session, position).await? else {
        return Ok(image);
    };
    tracing::warn!("{found}; every table is copied again, as mysql.snapshot says");
    store.apply(bootstrap::all_copied_again(&image)).await?;
    Ok(Image { position: None, ..store.load()? })
}

/// Connects to both far sides and looks every table up.
pub async fn open_doors(config: &Config, clock: &Clock) -> Result<Doorway, Fault> {
    let Resolved { tables, refused, warnings } = resolve_tables(config).await?;
    for warning in warnings {
        tracing::warn!(warning);
    }
    for (_, reason) in &refused {
        tracing::error!(reason, "table set aside; {AFTER_A_CURE}");
    }
    if tables.is_empty() {
        let reasons: Vec<&str> = refused.iter().map(|(_, reason)| reason.as_str()).collect();
        return Err(Fault::Configuration(format!(
            "none of the tables can be carried:\n  {}",
            reasons.join("\n  ")
        )));
    }
    let sheets = open_sheets(config, clock).await?;
    let server = server_options(&config.mysql.server);
    let source = BinlogDoor::new(server.clone(), stream_options(config), tables.clone());
    Ok(Doorway {
        sheets,
        rows: Arc::new(SqlRows::new(server)),
        writer: writer(config, clock, &tables),
        source: Arc::new(source),
        tables: Arc::new(tables),
        refused,
    })
}

/// The server that is written to: the one that is followed, unless another is named.
fn writer_options(config: &Config) -> connect::ServerOptions {
    server_options(config.mysql.writer.as_ref().unwrap_or(&config.mysql.server))
}

fn writer(
    config: &Config,
    clock: &Clock,
    tables: &[MappedTable],
) -> Option<Arc<dyn DatabaseWriter>> {
    let written: Vec<WrittenTable> = tables
        .iter()
        .zip(specs(config, tables))
        .filter(|(_, spec)| spec.policy.inbound)
        .map(|(table, spec)| WrittenTable { table: table.clone(), rendering: spec.rendering })
        .collect();
    if written.is_empty() {
        return None;
    }
    let options = writer_options(config);
    Some(Arc::new(SqlWriter::new(options, config.name.as_str(), written, *clock)))
}

/// Google, without a call to it yet.
pub async fn open_sheets(config: &Config, clock: &Clock) -> Result<Arc<SheetsClient>, Fault> {
    connect::install_tls_provider();
    Ok(Arc::new(SheetsClient::open(client_options(config, clock)?).await?))
}

/// The configured tables as the server describes them.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Those that can be carried.
    pub tables: Vec<MappedTable>,
    /// Those that cannot, and why.
    pub refused: Vec<(TableId, String)>,
    /// What works less well than it could.
    pub warnings: Vec<String>,
}

/// What follows when the reason is mended for which a table was set aside.
pub const AFTER_A_CURE: &str = "mend that, then restart `run`: the table is copied again";

/// Looks every table up.
pub async fn resolve_tables(config: &Config) -> Result<Resolved, Fault> {
    let mut session = Session::open(&server_options(&config.mysql.server)).await?;
    let mut resolved = Resolved::default();
    for request in requests(config) {
        match schema::resolve(&mut session, &request).await? {
            Ok(found) => {
                resolved.warnings.extend(found.warnings);
                resolved.tables.push(found.table);
            }
            Err(reason) => resolved.refused.push((request.id, reason)),
        }
    }
    Ok(resolved)
}

/// A server that cannot be followed is refused before anything is written.
async fn refuse_unfit(
    config: &Config,
    doorway: &Doorway,
    position: Option<&Position>,
) -> Result<(), Fault> {
    let findings = preflight(config, &doorway.tables, (position, Reader::Starts)).await?;
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

/// What is wrong or doubtful about the server, as far as SQL can tell. `position` is where we would go on.
pub async fn preflight(
    config: &Config,
    tables: &[MappedTable],
    (position, reader): (Option<&Position>, Reader),
) -> Result<Vec<Finding>, Fault> {
    let mut session = Session::open(&server_options(&config.mysql.server)).await?;
    let request = PreflightRequest {
        tables,
        server_id: config.mysql.server_id.get(),
        position,
        copies_again: config.mysql.snapshot == Snapshot::WhenNeeded,
        gtids_required: config.mysql.position == PositionMode::Gtid,
        reader,
    };
    let mut findings = preflight::preflight(&mut session, &request).await?;
    findings.extend(writer_preflight(config, tables).await?);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    Ok(findings)
}

/// What is wrong or doubtful about the server that is written to.
async fn writer_preflight(config: &Config, tables: &[MappedTable]) -> Result<Vec<Finding>, Fault> {
    let plan = |(table, spec): (&MappedTable, TabSpec)| {
        let places = spec.policy.columns.iter().enumerate();
        spec.policy.inbound.then(|| WritePlan {
            table: table.clone(),
            columns: places.filter(|(_, column)| column.inbound).map(|(place, _)| place).collect(),
            removes: spec.policy.on_removed != OnRemoved::Ignore,
        })
    };
    let plans: Vec<WritePlan> = tables.iter().zip(specs(config, tables)).filter_map(plan).collect();
    if plans.is_empty() {
        return Ok(Vec::new());
    }
    let server = &config.mysql.server;
    let elsewhere =
        |writer: &config::Server| (&writer.host, writer.port) != (&server.host, server.port);
    let apart = config.mysql.writer.as_ref().is_some_and(elsewhere);
    let mut session = Session::open(&writer_options(config)).await?;
    let request = WriterRequest { plans: &plans, apart };
    writer::preflight::preflight(&mut session, &request).await
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
            policy: policy::of(table, mapped),
            inbound: policy::limits(table),
            dress: table.direction != Direction::ToSheet,
            notes: table.direction != Direction::ToSheet,
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
        history: config.limits.history_changes_max > 0,
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
