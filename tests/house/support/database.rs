//! A database of a test's own, with the accounts a DBA would give out.

use std::{
    fmt::Write as _,
    hash::{BuildHasher, RandomState},
};

use super::{
    client::{ClientLine, Rows},
    installed::Installed,
    mariadb, mysql,
    servers::{Flavor, Server},
    session::Session,
};

/// A name and a password.
#[derive(Debug, Clone)]
pub struct Account {
    /// Account name, good from every host.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// An empty database and three accounts that see nothing else.
#[derive(Debug, Clone)]
pub struct Database {
    /// Flavour of the server.
    pub flavor: Flavor,
    /// Port of the server on 127.0.0.1.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// The application: every right on this database. What [`Database::sql`] uses.
    pub app: Account,
    /// What sheetwire needs to follow tables: the replication grants and `SELECT` on this database.
    pub reader: Account,
    /// What sheetwire needs for two-way tables: `SELECT`, `INSERT`, `UPDATE`, `DELETE` on this database.
    pub writer: Account,
}

impl Database {
    /// Makes the database and its accounts. `name` must be new.
    pub fn create(server: &Server, name: &str) -> Self {
        let flavor = server.flavor();
        let account = |role: &str| {
            let noise = RandomState::new().hash_one(name);
            // MySQL takes 32 characters.
            let tail = name.rsplit('_').next().unwrap();
            Account { user: format!("{role}_{tail}"), password: format!("p-{noise:016x}") }
        };
        let (app, reader, writer) = (account("app"), account("reader"), account("writer"));
        let replication = match flavor {
            Flavor::MySql => mysql::READER_GRANTS,
            Flavor::MariaDb => mariadb::READER_GRANTS,
        };
        let mut sql = format!("CREATE DATABASE `{name}`;");
        for one in [&app, &reader, &writer] {
            sql.push_str(&match flavor {
                Flavor::MySql => mysql::create_account(&one.user, &one.password),
                Flavor::MariaDb => mariadb::create_account(&one.user, &one.password),
            });
        }
        let rights = [
            ("ALL PRIVILEGES", format!("`{name}`.*"), &app),
            (replication, "*.*".to_owned(), &reader),
            ("SELECT", format!("`{name}`.*"), &reader),
            ("SELECT, INSERT, UPDATE, DELETE", format!("`{name}`.*"), &writer),
        ];
        for (right, on, to) in rights {
            let _ = write!(sql, "GRANT {right} ON {on} TO '{}'@'%';", to.user);
        }
        server.admin_sql(&sql);
        Self { flavor, port: server.port(), name: name.to_owned(), app, reader, writer }
    }

    /// The client as one of the accounts, over TCP. `port` may be a proxy's.
    pub fn line(&self, account: &Account, port: u16) -> ClientLine {
        ClientLine {
            program: Installed::here().client(self.flavor).to_owned(),
            address: vec![
                "--protocol=TCP".to_owned(),
                "--host=127.0.0.1".to_owned(),
                format!("--port={port}"),
            ],
            user: account.user.clone(),
            password: account.password.clone(),
            database: Some(self.name.clone()),
        }
    }

    /// Runs statements as the application. An error fails the test with the server's text.
    #[track_caller]
    pub fn sql(&self, sql: &str) {
        self.query(sql);
    }

    /// Runs statements as the application and returns all rows, `NULL` apart from `'NULL'`.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Rows {
        self.line(&self.app, self.port).query(sql)
    }

    /// As [`Self::query`], with the server's error as a value.
    pub fn try_query(&self, sql: &str) -> Result<Rows, String> {
        self.line(&self.app, self.port).try_query(sql)
    }

    /// An open session as the application.
    pub fn session(&self) -> Session {
        Session::open(&self.line(&self.app, self.port))
    }
}
