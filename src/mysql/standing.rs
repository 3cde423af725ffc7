//! Where a server stands: who it is, which positions it speaks, what it has executed and what it has thrown away.

use sheetwire_engine::position::{GtidSet, Position};

use super::{
    connect::{Session, named},
    flavor::Flavor,
};
use crate::fault::Fault;

/// Who a server is. A restored or exchanged server shows here or in its positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// MySQL or MariaDB.
    pub flavor: Flavor,
    /// As it prints it.
    pub version: String,
    /// MySQL's `server_uuid`; MariaDB has none.
    pub uuid: Option<String>,
    /// `server_id`.
    pub server_id: u32,
}

/// Asks a server who it is.
pub async fn server_identity(session: &mut Session) -> Result<ServerIdentity, Fault> {
    let uuid = session.variable("server_uuid").await?;
    let server_id =
        session.variable("server_id").await?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let server = session.server();
    Ok(ServerIdentity { flavor: server.flavor, version: server.text.clone(), uuid, server_id })
}

/// The kind of position this server speaks, and everything it has executed by now.
pub async fn current_position(session: &mut Session) -> Result<Position, Fault> {
    if session.server().is_mariadb() {
        log_end(session).await?;
        let text = session.text("SELECT @@GLOBAL.gtid_binlog_pos").await?.unwrap_or_default();
        return parse(session, &text).map(Position::MariaDb);
    }
    if has_gtids(session).await? {
        return executed(session).await.map(Position::MySql);
    }
    let (name, offset) = log_end(session).await?;
    Ok(Position::File { name, offset })
}

/// Whether a MySQL server numbers its transactions for good.
pub async fn has_gtids(session: &mut Session) -> Result<bool, Fault> {
    Ok(session.variable("gtid_mode").await?.is_some_and(|mode| mode.eq_ignore_ascii_case("ON")))
}

/// Everything a MySQL server has executed.
pub async fn executed(session: &mut Session) -> Result<GtidSet, Fault> {
    let text = session.text("SELECT @@GLOBAL.gtid_executed").await?.unwrap_or_default();
    parse(session, &text)
}

/// What a MySQL server has thrown away of its binlog.
pub async fn purged(session: &mut Session) -> Result<GtidSet, Fault> {
    let text = session.text("SELECT @@GLOBAL.gtid_purged").await?.unwrap_or_default();
    parse(session, &text)
}

/// File and offset where the next transaction will be written.
pub async fn log_end(session: &mut Session) -> Result<(String, u64), Fault> {
    let statement = if session.server().is_mysql_since(8, 2, 0) {
        "SHOW BINARY LOG STATUS"
    } else {
        "SHOW MASTER STATUS"
    };
    let rows = session.query(statement).await?;
    let end = rows.first().and_then(|row| Some((named(row, "File")?, named(row, "Position")?)));
    end.ok_or_else(|| {
        Fault::Source(format!(
            "{} writes no binlog, so there is nothing to follow; start it with log_bin",
            session.place()
        ))
    })
}

/// The binlog files a server still has, oldest first.
pub async fn log_files(session: &mut Session) -> Result<Vec<String>, Fault> {
    let rows = session.query("SHOW BINARY LOGS").await?;
    Ok(rows.iter().filter_map(|row| named(row, "Log_name")).collect())
}

/// Reads a server's own position text.
pub fn parse<T: std::str::FromStr>(session: &Session, text: &str) -> Result<T, Fault>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|why| Fault::Source(format!("{}: {why}", session.place())))
}
