//! Where the servers of this machine are, as `scripts/setup --print-env` says it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::{mariadb, mysql, scratch::Scratch, servers::Flavor, servers::ServerOptions};

/// Programs and folders of both flavours.
#[derive(Debug)]
pub struct Installed {
    /// MySQL's server.
    pub mysqld: PathBuf,
    /// MySQL's command-line client.
    pub mysql: PathBuf,
    /// MySQL's `basedir`.
    pub mysql_base: PathBuf,
    /// MariaDB's server.
    pub mariadbd: PathBuf,
    /// MariaDB's command-line client.
    pub mariadb: PathBuf,
    /// MariaDB's script that makes a data directory.
    pub mariadb_install_db: PathBuf,
    /// The browser and its driver, whether they are there or not.
    browser: [PathBuf; 2],
    cache: PathBuf,
}

impl Installed {
    /// Asks once per run. Fails with the cure when something is missing.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Installed> = OnceLock::new();
        HERE.get_or_init(Self::find)
    }

    fn find() -> Self {
        let script = repository().join("scripts/setup");
        let output = Command::new(&script).arg("--print-env").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{} --print-env does not work: {text}", script.display());
        let lines: BTreeMap<&str, String> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name, value.replace('\\', "")))
            .collect();
        let path = |name: &str| {
            let path = PathBuf::from(&lines[name]);
            assert!(
                path.exists(),
                "{} is not there; the house tests need both servers: run scripts/setup",
                path.display()
            );
            path
        };
        Self {
            mysqld: path("SHEETWIRE_MYSQLD"),
            mysql: path("SHEETWIRE_MYSQL_CLIENT"),
            mysql_base: path("SHEETWIRE_MYSQL_BASE"),
            mariadbd: path("SHEETWIRE_MARIADBD"),
            mariadb: path("SHEETWIRE_MARIADB_CLIENT"),
            mariadb_install_db: path("SHEETWIRE_MARIADB_INSTALL_DB"),
            browser: ["SHEETWIRE_CHROMIUM", "SHEETWIRE_CHROMEDRIVER"]
                .map(|name| PathBuf::from(&lines[name])),
            cache: path("SHEETWIRE_CACHE"),
        }
    }

    /// The browser and its driver. Fails with the cure when one of them is missing.
    pub fn browser(&self) -> [&Path; 2] {
        self.browser.each_ref().map(|path| {
            assert!(
                path.exists(),
                "{} is not there; the page is tried in a browser: run scripts/setup --browser",
                path.display()
            );
            path.as_path()
        })
    }

    /// The server program of a flavour.
    pub fn server(&self, flavor: Flavor) -> &Path {
        match flavor {
            Flavor::MySql => &self.mysqld,
            Flavor::MariaDb => &self.mariadbd,
        }
    }

    /// The client program of a flavour.
    pub fn client(&self, flavor: Flavor) -> &Path {
        match flavor {
            Flavor::MySql => &self.mysql,
            Flavor::MariaDb => &self.mariadb,
        }
    }

    /// A fresh data directory that is made once per server version and kept in the cache: copying it is much
    /// faster than making it.
    pub fn data_template(&self, flavor: Flavor) -> PathBuf {
        static MYSQL: OnceLock<PathBuf> = OnceLock::new();
        static MARIADB: OnceLock<PathBuf> = OnceLock::new();
        match flavor {
            Flavor::MySql => MYSQL.get_or_init(|| self.make_template(flavor)).clone(),
            Flavor::MariaDb => MARIADB.get_or_init(|| self.make_template(flavor)).clone(),
        }
    }

    fn make_template(&self, flavor: Flavor) -> PathBuf {
        let program = match flavor {
            Flavor::MySql => self.mysql_base.join("sbin/mysqld"),
            Flavor::MariaDb => self.mariadbd.clone(),
        };
        let about = fs::metadata(&program).unwrap();
        let place =
            self.cache.join(format!("{}-data-1-{}-{}", flavor.name(), about.len(), about.mtime()));
        if place.exists() {
            return place;
        }
        let work = Scratch::new("template");
        let data = work.join("data");
        self.initialise(flavor, &ServerOptions::default(), &work, &data);
        let beside = place.with_extension(std::process::id().to_string());
        copy_tree(&data, &beside);
        if fs::rename(&beside, &place).is_err() {
            // Another run was faster; its template is as good.
            fs::remove_dir_all(&beside).unwrap();
        }
        place
    }

    /// Makes the data directory `data` from nothing.
    pub fn initialise(&self, flavor: Flavor, options: &ServerOptions, work: &Scratch, data: &Path) {
        match flavor {
            Flavor::MySql => {
                let file = work.join("initialise.cnf");
                let settings = mysql::settings(self, options);
                let user = if runs_as_root() { "user=root\n" } else { "" };
                let text = format!(
                    "[mysqld]\n{user}datadir={}\ntmpdir={}\nlog_error={}\n{settings}{}\n",
                    data.display(),
                    work.path().display(),
                    work.join("initialise.log").display(),
                    options.extra.join("\n"),
                );
                fs::write(&file, text).unwrap();
                mysql::initialise(self, &file);
                mysql::anonymise(data);
            }
            Flavor::MariaDb => mariadb::initialise(self, data),
        }
    }
}

/// The folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the tests run as root, who has to tell the servers that this is meant.
pub fn runs_as_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Copies a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) {
    must_succeed(Command::new("cp").args(["-a", "--reflink=auto"]).args([from, to]));
}

/// Runs a command to its end; anything but success fails the test with what it said.
#[track_caller]
pub fn must_succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
