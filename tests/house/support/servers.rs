//! Private MySQL and MariaDB servers: one of each shared by a run, or one of your own to break.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use super::{
    certificates,
    client::{ClientLine, Rows},
    database::Database,
    guard::{Guarded, Outputs},
    installed::{Installed, copy_tree, runs_as_root},
    mariadb, mysql,
    scratch::Scratch,
    session::Session,
    wait::wait_until,
};

/// A server needs about 2 seconds on an idle machine.
const START_WITHIN: Duration = Duration::from_mins(2);
/// Ports below the range the kernel hands out to outgoing connections, so that none of those sits on ours.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// MySQL 9.7.
    MySql,
    /// MariaDB 10.11.
    MariaDb,
}

impl Flavor {
    /// Both, for tests that hold for both.
    pub const BOTH: [Self; 2] = [Self::MySql, Self::MariaDb];

    /// `mysql` or `mariadb`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }
}

/// What is special about a server of one's own.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Further lines for its settings, for example `binlog_expire_logs_seconds=60`. They win.
    pub extra: Vec<String>,
    /// Whether commits reach the disk before they are acknowledged. Off: they survive the death of the
    /// process, not of the machine, and tests are several times faster.
    pub durable: bool,
    /// Whether TLS uses certificates of our own for 127.0.0.1 and `localhost`, see [`Server::authority`].
    /// Off: MySQL makes its own (without a usable name), MariaDB offers no TLS.
    pub certificates: bool,
    /// Whether GTIDs are on (MySQL) or strict (MariaDB, which always has them).
    pub gtid: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { extra: Vec::new(), durable: false, certificates: false, gtid: true }
    }
}

impl ServerOptions {
    /// The default with further lines of settings.
    pub fn with_extra(lines: &[&str]) -> Self {
        Self { extra: lines.iter().map(|&line| line.to_owned()).collect(), ..Self::default() }
    }
}

/// A running server with its data directory. Ends with its owner, and with the test process in any case.
#[derive(Debug)]
pub struct Server {
    flavor: Flavor,
    // Before the folder: the process must be gone when the folder goes.
    running: Mutex<Option<Guarded>>,
    folder: Scratch,
    options: ServerOptions,
    port: u16,
    databases: AtomicU16,
}

impl Server {
    /// The server of this flavour that all tests of the run share. Break nothing of it, and take a
    /// [`Server::database`] of your own.
    pub fn shared(flavor: Flavor) -> &'static Self {
        static MYSQL: OnceLock<Server> = OnceLock::new();
        static MARIADB: OnceLock<Server> = OnceLock::new();
        let place = match flavor {
            Flavor::MySql => &MYSQL,
            Flavor::MariaDb => &MARIADB,
        };
        place.get_or_init(|| Self::private(flavor, ServerOptions::default()))
    }

    /// A server of one's own, to kill, freeze and restart.
    pub fn private(flavor: Flavor, options: ServerOptions) -> Self {
        let installed = Installed::here();
        let folder = Scratch::new(flavor.name());
        let data = folder.join("data");
        // Settings that must be there when the data directory is made rule the template out.
        if options.extra.iter().any(|line| line.starts_with("lower_case_table_names")) {
            installed.initialise(flavor, &options, &folder, &data);
        } else {
            copy_tree(&installed.data_template(flavor), &data);
        }
        if options.certificates {
            certificates::make(folder.path());
        }
        let (running, databases) = (Mutex::new(None), AtomicU16::new(0));
        let mut server = Self { flavor, running, folder, options, port: 0, databases };
        server.start_on_some_port();
        if flavor == Flavor::MariaDb {
            server.admin_sql(mariadb::FIRST_WORDS);
        }
        server
    }

    /// The flavour it is.
    pub fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// TCP port on 127.0.0.1; stays the same over a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("sock")
    }

    /// Its data directory, where the binlog files are.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Certificate of the authority behind the server's certificate; only with
    /// [`ServerOptions::certificates`].
    pub fn authority(&self) -> PathBuf {
        assert!(
            self.options.certificates,
            "this server was started without ServerOptions::certificates"
        );
        self.folder.join("ca.pem")
    }

    /// The client as `root`, over the socket.
    pub fn admin(&self) -> ClientLine {
        ClientLine {
            program: Installed::here().client(self.flavor).to_owned(),
            address: vec![format!("--socket={}", self.socket().display())],
            user: "root".to_owned(),
            password: String::new(),
            database: None,
        }
    }

    /// Runs statements as `root`.
    #[track_caller]
    pub fn admin_sql(&self, sql: &str) -> Rows {
        self.admin().query(sql)
    }

    /// An open session as `root`.
    pub fn admin_session(&self) -> Session {
        Session::open(&self.admin())
    }

    /// A new, empty database with accounts of its own. The name gets a number, so that the same name in
    /// several tests is no clash.
    pub fn database(&self, name: &str) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(self, &format!("{name}_{number}"))
    }

    /// Kills the server at once, as the kernel does when it is out of memory.
    pub fn kill9(&self) {
        if let Some(mut running) = self.running().take() {
            running.kill();
        }
    }

    /// Starts the server again on the same port and data. A server that still runs is asked to end first.
    pub fn restart(&self) {
        if let Some(mut running) = self.running().take() {
            running.signal("CONT");
            running.signal("TERM");
            running.wait_exit(START_WITHIN);
        }
        self.start().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Stops the process without ending it: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.running().as_mut().unwrap().signal("STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.running().as_mut().unwrap().signal("CONT");
    }

    /// Whether the process is there, frozen or not.
    pub fn is_alive(&self) -> bool {
        self.running().as_mut().is_some_and(Guarded::is_alive)
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.running().as_ref().unwrap().pid()
    }

    /// Starts a new binlog file.
    pub fn flush_binlogs(&self) {
        self.admin_sql("FLUSH BINARY LOGS");
    }

    /// Names of the binlog files, oldest first.
    pub fn binlog_files(&self) -> Vec<String> {
        let rows = self.admin_sql("SHOW BINARY LOGS");
        rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
    }

    /// Starts a new binlog file and deletes all older ones, the way a retention period does.
    pub fn purge_binlogs(&self) {
        self.flush_binlogs();
        let last = self.binlog_files().pop().unwrap();
        // MariaDB keeps a file until its transactions are checkpointed, a moment after the new one begins.
        wait_until(START_WITHIN, "the older binlog files to go", || {
            self.admin_sql(&format!("PURGE BINARY LOGS TO '{last}'"));
            self.binlog_files() == [last.as_str()]
        });
    }

    /// The server's error log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    fn running(&self) -> MutexGuard<'_, Option<Guarded>> {
        // A test that panicked while it held this has not changed it half-way.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_on_some_port(&mut self) {
        let mut why = String::new();
        for _ in 0..8 {
            self.port = free_port();
            match self.start() {
                Ok(()) => return,
                Err(reason) if reason.contains("in use") => why = reason,
                Err(reason) => panic!("{reason}"),
            }
        }
        panic!("eight ports in a row were taken: {why}");
    }

    fn start(&self) -> Result<(), String> {
        let file = self.folder.join("my.cnf");
        fs::write(&file, self.settings()).unwrap();
        let _ = fs::remove_file(self.folder.join("server.log"));
        let _ = fs::remove_file(self.socket());
        let outputs = Outputs {
            stdout: self.folder.join("server.out"),
            stderr: self.folder.join("server.out"),
            remove: Some(self.folder.path().to_owned()),
        };
        let program = Installed::here().server(self.flavor);
        let argument = format!("--defaults-file={}", file.display());
        let mut process = Guarded::start(program, &[argument], &[], &outputs);
        let mut alive = true;
        wait_until(START_WITHIN, "the server to be ready", || {
            alive = process.is_alive();
            !alive || self.is_ready()
        });
        if !alive {
            let out = fs::read_to_string(&outputs.stdout).unwrap_or_default();
            let log = self.log();
            return Err(format!("{} ended at its start:\n{log}{out}", program.display()));
        }
        *self.running() = Some(process);
        Ok(())
    }

    /// Whether the server says that it takes sessions. Not asked over TCP: a fresh server has no account for
    /// 127.0.0.1, and counts sessions that go away without a login against their host.
    fn is_ready(&self) -> bool {
        self.socket().exists() && self.log().contains("ready for connections")
    }

    fn settings(&self) -> String {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut text = format!(
            "[mysqld]\ndatadir={}\ntmpdir={}\nsocket={}\npid_file={}\nlog_error={}\n",
            path("data"),
            self.folder.path().display(),
            path("sock"),
            path("pid"),
            path("server.log"),
        );
        let port = self.port;
        let _ = write!(
            text,
            "port={port}\nserver_id={port}\nbind_address=127.0.0.1\nskip_name_resolve=ON\n\
             default_time_zone=+00:00\nmax_allowed_packet=64M\nmax_connections=200\nmax_connect_errors=1000000\n\
             log_bin=binlog\nbinlog_row_metadata=FULL\nlog_bin_trust_function_creators=ON\n\
             innodb_buffer_pool_size=64M\ninnodb_use_native_aio=OFF\ntable_open_cache=400\n"
        );
        if runs_as_root() {
            text.push_str("user=root\n");
        }
        let (commit, log) = if self.options.durable { (1, 1) } else { (2, 0) };
        let _ = write!(text, "innodb_flush_log_at_trx_commit={commit}\nsync_binlog={log}\n");
        if self.options.certificates {
            let (ca, cert, key) = (path("ca.pem"), path("server-cert.pem"), path("server-key.pem"));
            let _ = write!(text, "ssl_ca={ca}\nssl_cert={cert}\nssl_key={key}\n");
        }
        text.push_str(&match self.flavor {
            Flavor::MySql => mysql::settings(Installed::here(), &self.options),
            Flavor::MariaDb => mariadb::settings(&self.options),
        });
        for line in &self.options.extra {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// A port nobody listens on at this moment. Somebody may be faster: whoever uses it tries again.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    // Runs side by side begin at different places.
    let seed = u16::try_from(process::id() % u32::from(width)).unwrap_or(0).wrapping_mul(7);
    for _ in 0..width {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + seed.wrapping_add(step) % width;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("every port from {} to {} is taken", PORTS.start, PORTS.end);
}
