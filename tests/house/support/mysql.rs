//! What is particular to MySQL 9.7 as `scripts/setup` unpacks it.

use std::{fs, path::Path, process::Command};

use super::{
    installed::{Installed, must_succeed},
    servers::ServerOptions,
};

/// Lines of the `[mysqld]` section beyond what both flavours share.
pub fn settings(installed: &Installed, options: &ServerOptions) -> String {
    let base = installed.mysql_base.display();
    let mut text = format!(
        "basedir={base}\nlc_messages_dir={base}/share/mysql\ncharacter_sets_dir={base}/share/mysql/charsets\n\
         plugin_dir={base}/lib/mysql/plugin\nmysqlx=OFF\nsecure_file_priv=NULL\n\
         innodb_redo_log_capacity=64M\ntable_definition_cache=400\n"
    );
    if options.gtid {
        text.push_str("gtid_mode=ON\nenforce_gtid_consistency=ON\n");
    }
    text
}

/// Fills an empty folder with a fresh data directory: `root@localhost` without a password, nobody else.
pub fn initialise(installed: &Installed, settings_file: &Path) {
    let mut command = Command::new(&installed.mysqld);
    command.arg(format!("--defaults-file={}", settings_file.display()));
    command.arg("--initialize-insecure");
    must_succeed(&mut command);
}

/// Takes the identity out of a data directory that is about to be copied: each copy makes its own UUID and
/// its own certificates.
pub fn anonymise(data: &Path) {
    for name in ["auto.cnf", "binlog.index"] {
        let _ = fs::remove_file(data.join(name));
    }
    for entry in fs::read_dir(data).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("binlog.") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What the reader of a replication stream needs on `*.*`.
pub const READER_GRANTS: &str = "REPLICATION SLAVE, REPLICATION CLIENT";

/// Statement that makes an account.
pub fn create_account(user: &str, password: &str) -> String {
    format!("CREATE USER '{user}'@'%' IDENTIFIED WITH caching_sha2_password BY '{password}';")
}
