//! What is particular to MariaDB 10.11 as the distribution packages it.

use std::{path::Path, process::Command};

use super::{
    installed::{Installed, must_succeed, runs_as_root},
    servers::ServerOptions,
};

/// Lines of the `[mysqld]` section beyond what both flavours share.
pub fn settings(options: &ServerOptions) -> String {
    let mut text = "binlog_format=ROW\ninnodb_log_file_size=64M\n\
                    character_set_server=utf8mb4\ncollation_server=utf8mb4_general_ci\n"
        .to_owned();
    if options.gtid {
        text.push_str("gtid_strict_mode=ON\n");
    }
    text
}

/// Fills an empty folder with a fresh data directory: `root@localhost` without a password.
pub fn initialise(installed: &Installed, data: &Path) {
    let mut command = Command::new(&installed.mariadb_install_db);
    command.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
    command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-log-bin"]);
    if runs_as_root() {
        command.arg("--user=root");
    }
    must_succeed(&mut command);
}

/// Run once on a fresh server, outside the binlog: an anonymous account for `localhost` would win over
/// `'anyone'@'%'` on 127.0.0.1, and no password would fit.
pub const FIRST_WORDS: &str = "SET SESSION sql_log_bin = 0; \
    DELETE FROM mysql.global_priv WHERE User = ''; FLUSH LOCAL PRIVILEGES;";

/// What the reader of a replication stream needs on `*.*`.
pub const READER_GRANTS: &str = "REPLICATION SLAVE, BINLOG MONITOR";

/// Statement that makes an account.
pub fn create_account(user: &str, password: &str) -> String {
    format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}';")
}
