//! One connection to a server: how it is opened, what the session is set to, how long it waits, and what its errors mean.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use mysql_async::{
    Conn, Opts, OptsBuilder, Params, Row, SslOpts,
    prelude::{FromValue, Queryable},
};
use tokio::time::timeout;

use super::flavor::Server;
use crate::{fault::Fault, secret::Secret};

/// How much of the server's certificate must be right. Nothing is ever downgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Plain text.
    Disabled,
    /// Encrypted, whoever it is.
    Required,
    /// Encrypted, and the certificate is signed by a known authority.
    VerifyCa,
    /// And it is for this host name.
    VerifyIdentity,
}

/// Where a server is and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Account.
    pub user: String,
    /// Its password.
    pub password: Secret<String>,
    /// Encryption.
    pub tls: Tls,
    /// Certificate authority (PEM) instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// How long opening a connection may take.
    pub connect_within: Duration,
    /// How long a statement may take to answer.
    pub answer_within: Duration,
}

impl ServerOptions {
    /// Options with everything but host, port, user and password at its default: `VerifyIdentity`, 10 s to connect, 60 s to answer.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        password: Secret<String>,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            password,
            tls: Tls::VerifyIdentity,
            ca_file: None,
            connect_within: Duration::from_secs(10),
            answer_within: Duration::from_mins(1),
        }
    }

    /// Host and port, for sentences.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn opts(&self) -> Opts {
        let builder = OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(Some(self.user.clone()))
            .pass(Some(self.password.reveal().to_owned()))
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .stmt_cache_size(16)
            .ssl_opts(self.ssl());
        builder.into()
    }

    fn ssl(&self) -> Option<SslOpts> {
        let roots: Vec<_> = self.ca_file.iter().cloned().map(Into::into).collect();
        let base = SslOpts::default()
            .with_disable_built_in_roots(!roots.is_empty())
            .with_root_certs(roots);
        match self.tls {
            Tls::Disabled => None,
            Tls::Required => Some(
                base.with_danger_accept_invalid_certs(true)
                    .with_danger_skip_domain_validation(true),
            ),
            Tls::VerifyCa => Some(base.with_danger_skip_domain_validation(true)),
            Tls::VerifyIdentity => Some(base),
        }
    }
}

/// Makes `ring` the process's TLS provider, once. Two providers in one process would otherwise stop the first TLS connection.
pub fn install_tls_provider() {
    // An error says that somebody was faster; the provider is there all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Why a statement gave nothing.
#[derive(Debug)]
pub enum Setback {
    /// The server says no, and the session goes on.
    Refused(mysql_async::ServerError),
    /// Nobody knows what became of it, and the session is gone.
    Lost(String),
}

/// An open session: UTC, utf8mb4, no surprising SQL mode, and a limit on every wait.
///
/// Not cancel-safe: a session whose call was dropped half-way must be dropped too.
#[derive(Debug)]
pub struct Session {
    conn: Conn,
    server: Server,
    place: String,
    answer_within: Duration,
}

impl Session {
    /// Connects, logs in and sets the session up.
    pub async fn open(options: &ServerOptions) -> Result<Self, Fault> {
        install_tls_provider();
        let place = options.place();
        let opening = Box::pin(Conn::new(options.opts()));
        let conn = timeout(options.connect_within, opening)
            .await
            .map_err(|_| {
                Fault::Transient(format!(
                    "{place} did not answer within {:?}",
                    options.connect_within
                ))
            })?
            .map_err(|error| fault_of(&error, &place, CONNECTING))?;
        let mut session =
            Self { conn, server: Server::default(), place, answer_within: options.answer_within };
        session.set_up().await?;
        Ok(session)
    }

    /// What kind of server it is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Host and port, for sentences.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether the server is on this machine.
    pub fn is_local(&self) -> bool {
        is_local(&self.place)
    }

    /// Number of this connection on the server.
    pub fn id(&self) -> u32 {
        self.conn.id()
    }

    /// Runs a statement without a result. `KILL`, `SET` and the like.
    pub async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        let asking = Box::pin(self.conn.query_drop(sql));
        within(asking, self.answer_within, &self.place, sql).await
    }

    /// All rows of a statement in the text protocol, for `SHOW`.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Row>, Fault> {
        let asking = Box::pin(self.conn.query::<Row, _>(sql));
        within(asking, self.answer_within, &self.place, sql).await
    }

    /// All rows of a statement in the binary protocol, which carries floats and times exactly.
    pub async fn exec(&mut self, sql: &str, params: impl Into<Params>) -> Result<Vec<Row>, Fault> {
        let asking = Box::pin(self.conn.exec::<Row, _, _>(sql, params.into()));
        within(asking, self.answer_within, &self.place, sql).await
    }

    /// As [`Session::exec`], for a caller that judges the server's refusals by itself. Behind [`Setback::Lost`] the session must be dropped.
    pub async fn attempt(
        &mut self,
        sql: &str,
        params: impl Into<Params>,
    ) -> Result<Vec<Row>, Setback> {
        let asking = Box::pin(self.conn.exec::<Row, _, _>(sql, params.into()));
        match timeout(self.answer_within, asking).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(mysql_async::Error::Server(refused))) => Err(Setback::Refused(refused)),
            Ok(Err(error)) => Err(Setback::Lost(format!("{}: {error}", self.place))),
            Err(_) => Err(Setback::Lost(format!(
                "{} did not answer within {:?}",
                self.place, self.answer_within
            ))),
        }
    }

    /// The number that the last statement drew for an `AUTO_INCREMENT` column, where it did.
    pub fn last_insert_id(&self) -> Option<u64> {
        self.conn.last_insert_id()
    }

    /// Ends it in order, so that the server lets go of what it holds at once.
    pub async fn close(self) {
        let ending = Box::pin(self.conn.disconnect());
        // A server that does not hear it finds out by itself.
        drop(timeout(self.answer_within, ending).await);
    }

    /// The first column of the first row as text; `None` for no row or NULL.
    pub async fn text(&mut self, sql: &str) -> Result<Option<String>, Fault> {
        Ok(self.query(sql).await?.first().and_then(|row| at::<String>(row, 0)))
    }

    /// A global variable as text, or `None` where the server does not know it.
    pub async fn variable(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let sql = format!("SHOW GLOBAL VARIABLES LIKE '{name}'");
        let rows = self.query(&sql).await?;
        // LIKE takes an underscore for any letter.
        let exact = rows.iter().find(|row| at::<String>(row, 0).as_deref() == Some(name));
        Ok(exact.and_then(|row| at(row, 1)))
    }

    /// Hands the connection over, to become a binlog stream.
    pub fn into_conn(self) -> Conn {
        self.conn
    }

    async fn set_up(&mut self) -> Result<(), Fault> {
        // Every TIMESTAMP is UTC, every text utf8mb4. A stalled reader is given ten minutes before the server gives up on it.
        self.run("SET NAMES utf8mb4").await?;
        self.run(
            "SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 600, net_read_timeout = 600",
        )
        .await?;
        let version = self.text("SELECT VERSION()").await?.unwrap_or_default();
        self.server = Server::from_version(&version).ok_or_else(|| {
            Fault::Source(format!(
                "{} says it is '{version}', which is no version of MySQL or MariaDB",
                self.place
            ))
        })?;
        Ok(())
    }
}

/// A column of a row by position, `None` when it is NULL, missing or of another type.
pub fn at<T: FromValue>(row: &Row, index: usize) -> Option<T> {
    row.get_opt::<Option<T>, _>(index)?.ok().flatten()
}

/// A column of a row by name, whatever its case: `SHOW` statements gain and lose columns from version to version.
pub fn named<T: FromValue>(row: &Row, name: &str) -> Option<T> {
    let index =
        row.columns_ref().iter().position(|column| column.name_str().eq_ignore_ascii_case(name))?;
    at(row, index)
}

fn is_local(place: &str) -> bool {
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

async fn within<T>(
    asking: impl Future<Output = mysql_async::Result<T>>,
    limit: Duration,
    place: &str,
    sql: &str,
) -> Result<T, Fault> {
    match timeout(limit, asking).await {
        Ok(answer) => answer.map_err(|error| fault_of(&error, place, &shortened(sql))),
        Err(_) => Err(Fault::Transient(format!(
            "{place} did not answer within {limit:?}: {}",
            shortened(sql)
        ))),
    }
}

fn shortened(sql: &str) -> String {
    if sql.chars().count() <= 120 {
        sql.to_owned()
    } else {
        sql.chars().take(117).chain("...".chars()).collect()
    }
}

/// What is being done when a connection is opened.
const CONNECTING: &str = "connecting";

/// What an error means for us: wait, or change something.
pub fn fault_of(error: &mysql_async::Error, place: &str, doing: &str) -> Fault {
    use mysql_async::Error;
    match error {
        Error::Server(refused) => server_fault(refused, place, doing),
        Error::Io(mysql_async::IoError::Tls(tls)) => unencrypted(place, &tls.to_string()),
        // The handshake's verdict on a certificate comes disguised as weather.
        Error::Io(mysql_async::IoError::Io(io)) if is_verdict(io) => {
            unencrypted(place, &io.to_string())
        }
        Error::Io(mysql_async::IoError::Io(io)) if doing == CONNECTING => {
            Fault::Transient(format!(
                "{place} was not reached: {io}; see that the server runs, that mysql.host and mysql.port are its own, and that no firewall stands between"
            ))
        }
        Error::Io(io) => Fault::Transient(format!("{place}: {doing}: {io}")),
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            Fault::Source(format!(
                "{place}: the server offers no encryption; switch it on there, or set tls = \"disabled\" if the way to it is safe"
            ))
        }
        Error::Driver(driver) => Fault::Transient(format!("{place}: {doing}: {driver}")),
        Error::Other(other) => Fault::Transient(format!("{place}: {doing}: {other}")),
        Error::Url(url) => Fault::Configuration(format!("{place}: {url}")),
    }
}

fn is_verdict(io: &std::io::Error) -> bool {
    let Some(inner) = io.get_ref() else { return false };
    inner.is::<rustls::Error>()
}

fn unencrypted(place: &str, why: &str) -> Fault {
    Fault::Source(format!(
        "{place}: no encrypted connection: {why}; check tls and ca_file, or the server's certificate"
    ))
}

fn server_fault(refused: &mysql_async::ServerError, place: &str, doing: &str) -> Fault {
    let said = format!("{} ({})", refused.message, refused.code);
    match refused.code {
        // The server lets go of the elder one of two that follow it under one number: 4052 from MariaDB, 1236 from MySQL.
        1236 | 4052 if refused.message.contains("same server_uuid/server_id") => {
            Fault::AnotherInstance(format!(
                "{place}: another process follows this server under our mysql.server_id: {said}; if it runs on a copy of this data folder, stop one of the two, else give this one another mysql.server_id"
            ))
        }
        // Too many connections, server going down, lock waits, deadlocks, killed, time limits, disk full, gone away.
        1040
        | 1053
        | 1203
        | 1205
        | 1213
        | 1317
        | 1927
        | 3024
        | 1969
        | 1021
        | 2006
        | 2013
        | 1077
        | 1079
        | 1158..=1161 => Fault::Transient(format!("{place}: {doing}: {said}")),
        1045 | 1698 | 1524 | 3118 => Fault::Source(format!(
            "{place} refuses the account: {said}; check user, password and the host it may come from"
        )),
        3159 => Fault::Source(format!(
            "{place} wants encryption: {said}; set tls to \"required\" or better"
        )),
        1142 | 1143 | 1044 | 1227 | 1370 => Fault::Source(format!(
            "{place}: the account may not do this: {doing}: {said}; `check` prints the GRANT it needs"
        )),
        1054 | 1146 | 1049 => Fault::Table(format!("{place}: {said}")),
        1236 => Fault::Source(format!(
            "{place} cannot send the binlog from our position: {}",
            refused.message
        )),
        _ => Fault::Source(format!("{place}: {doing}: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_show_nowhere() {
        let options = ServerOptions::new("db", 3306, "reader", Secret::new("hunter2".to_owned()));
        assert!(!format!("{options:?}").contains("hunter2"));
    }

    #[test]
    fn only_this_machine_is_local() {
        for here in ["localhost:3306", "127.0.0.9:1", "::1:3306", "[::1]:3306"] {
            assert!(is_local(here), "{here}");
        }
        for there in ["db1:3306", "10.0.0.1:3306", "localhost.example:3306", "127.0.0.1.example:1"]
        {
            assert!(!is_local(there), "{there}");
        }
    }

    #[test]
    fn errors_are_told_apart_by_what_to_do() {
        let server = |code: u16| {
            let refused =
                mysql_async::ServerError { code, message: "said".into(), state: "HY000".into() };
            fault_of(&mysql_async::Error::Server(refused), "db:3306", "reading")
        };
        assert!(matches!(server(1213), Fault::Transient(_)));
        assert!(matches!(server(1045), Fault::Source(_)));
        assert!(matches!(server(1146), Fault::Table(_)));
        assert!(matches!(server(1236), Fault::Source(_)));
    }

    #[test]
    fn whoever_follows_under_our_number_is_another_instance() {
        let heard = [
            (
                1236,
                "A replica with the same server_uuid/server_id as this replica has connected to the source",
            ),
            (4052, "A slave with the same server_uuid/server_id is already connected"),
        ];
        for (code, message) in heard {
            let state = "HY000".into();
            let refused = mysql_async::ServerError { code, message: message.into(), state };
            let fault = fault_of(&mysql_async::Error::Server(refused), "db:3306", "reading");
            assert!(matches!(fault, Fault::AnotherInstance(_)), "{fault:?}");
            assert!(fault.to_string().contains("mysql.server_id"), "{fault}");
        }
    }
}
