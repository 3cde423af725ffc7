//! How a stream begins: checks that the server can serve the position, then asks for everything behind it.

use mysql_async::{BinlogStream, BinlogStreamRequest, Sid};
use sheetwire_engine::position::{GtidList, GtidSet, Position};
use thiserror::Error;

use super::StreamOptions;
use crate::{
    fault::Fault,
    mysql::{
        connect::{Session, fault_of, named},
        mariadb, standing,
    },
};

/// Why a server cannot serve a position.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{found}; {cure}")]
pub struct Lost {
    /// Whether it has thrown away what comes behind; else it lacks what was read, or speaks of positions in another way.
    pub purged: bool,
    /// The exact range.
    pub found: String,
    /// What to do.
    pub cure: String,
}

impl Lost {
    fn purged(found: String, cure: &str) -> Self {
        let cure =
            format!("set mysql.snapshot = \"when_needed\" to have the tables copied again{cure}");
        Self { purged: true, found, cure }
    }

    fn foreign(found: String, cure: &str) -> Self {
        let cure = format!(
            "{cure}, or move the data folder away and run with --takeover: then everything is compared again"
        );
        Self { purged: false, found, cure }
    }
}

/// Refuses a position that this server cannot serve, with the exact range that is missing.
pub async fn check_position(session: &mut Session, from: &Position) -> Result<(), Fault> {
    match trouble(session, from).await? {
        None => Ok(()),
        Some(lost) => Err(Fault::Source(lost.to_string())),
    }
}

/// Why this server cannot serve a position, if so.
pub async fn trouble(session: &mut Session, from: &Position) -> Result<Option<Lost>, Fault> {
    let place = session.place().to_owned();
    if session.server().is_mariadb() {
        mariadb::supported()
            .map_err(|why| Fault::Configuration(format!("{place} is MariaDB: {why}")))?;
    }
    let mariadb = session.server().is_mariadb();
    let gtids = mariadb || standing::has_gtids(session).await?;
    match from {
        Position::MySql(ours) if gtids && !mariadb => trouble_with_set(session, ours).await,
        Position::MariaDb(ours) if mariadb => trouble_with_list(session, ours).await,
        Position::File { name, .. } if !gtids => {
            let files = standing::log_files(session).await?;
            if files.contains(name) {
                return Ok(None);
            }
            let oldest = files.first().map_or("none", String::as_str);
            let found = format!("{place} has thrown {name} away (its oldest binlog is {oldest})");
            Ok(Some(Lost::purged(found, "")))
        }
        _ => {
            let found = format!(
                "{place} does not speak the stored position's kind ({}): another server, or its GTID mode was changed",
                from.kind()
            );
            Ok(Some(Lost::foreign(found, "point mysql.host at a server that does")))
        }
    }
}

async fn trouble_with_set(session: &mut Session, ours: &GtidSet) -> Result<Option<Lost>, Fault> {
    let purged = standing::purged(session).await?.subtract(ours);
    if !purged.is_empty() {
        return Ok(Some(thrown_away(session, &purged.to_string())));
    }
    let ahead = ours.subtract(&standing::executed(session).await?);
    if ahead.is_empty() {
        return Ok(None);
    }
    Ok(Some(lacks(session, "", &ahead)))
}

async fn trouble_with_list(session: &mut Session, ours: &GtidList) -> Result<Option<Lost>, Fault> {
    let text = session.text("SELECT @@GLOBAL.gtid_binlog_pos").await?.unwrap_or_default();
    let end: GtidList = standing::parse(session, &text)?;
    let ahead = ours.ahead_of(&end);
    if ahead.is_empty() {
        return trouble_with_oldest(session, ours).await;
    }
    Ok(Some(lacks(session, &format!("ends at {end} and "), &ahead)))
}

fn thrown_away(session: &Session, what: &str) -> Lost {
    let place = session.place();
    Lost::purged(
        format!("{place} has thrown away transactions that were never read: {what}"),
        ", and keep the binlog longer (binlog_expire_logs_seconds)",
    )
}

fn lacks(session: &Session, end: &str, ahead: &impl std::fmt::Display) -> Lost {
    let place = session.place();
    Lost::foreign(
        format!(
            "{place} {end}lacks transactions that were already read: {ahead}; it is a replica that lags, or was restored"
        ),
        "wait for it, or point mysql.host at a server that has them",
    )
}

/// MariaDB's oldest file begins with a list of everything that was thrown away before it.
async fn trouble_with_oldest(
    session: &mut Session,
    ours: &GtidList,
) -> Result<Option<Lost>, Fault> {
    let Some(oldest) = standing::log_files(session).await?.into_iter().next() else {
        return Ok(None);
    };
    let name = oldest.replace('\'', "''");
    let rows = match session.query(&format!("SHOW BINLOG EVENTS IN '{name}' LIMIT 4")).await {
        Ok(rows) => rows,
        Err(weather @ Fault::Transient(_)) => return Err(weather),
        // Without the right to look, the server itself is the first to know.
        Err(_) => return Ok(None),
    };
    let list = rows.iter().find_map(|row| {
        let kind: String = named(row, "Event_type")?;
        kind.eq_ignore_ascii_case("Gtid_list").then(|| named::<String>(row, "Info"))?
    });
    let list = list.unwrap_or_default();
    let mut before = GtidList::default();
    for part in list.trim_matches(['[', ']']).split(',').filter(|part| !part.trim().is_empty()) {
        let one: GtidList = standing::parse(session, part)?;
        before.extend(&one);
    }
    let purged = before.ahead_of(ours);
    if purged.is_empty() {
        return Ok(None);
    }
    Ok(Some(thrown_away(session, &format!("those behind {ours} up to {purged}"))))
}

/// Turns the session into a stream of everything behind `from`.
pub async fn request(
    mut session: Session,
    options: &StreamOptions,
    from: &Position,
) -> Result<BinlogStream, Fault> {
    let beat = options.heartbeat.as_nanos();
    // The names changed with 8.4; a name that a server does not know is just a variable.
    session
        .run(&format!("SET @master_heartbeat_period = {beat}, @source_heartbeat_period = {beat}"))
        .await?;
    let place = session.place().to_owned();
    let request = BinlogStreamRequest::new(options.server_id);
    let request = match from {
        Position::MySql(set) => request.with_gtid().with_gtid_set(wire_set(set)?),
        Position::MariaDb(list) => {
            session
                .run(&format!(
                    "SET @mariadb_slave_capability = 4, @slave_connect_state = '{list}', @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0"
                ))
                .await?;
            request
        }
        Position::File { name, offset } => request.with_filename(name.as_bytes()).with_pos(*offset),
    };
    let asking = Box::pin(session.into_conn().get_binlog_stream(request));
    asking.await.map_err(|error| fault_of(&error, &place, "asking for the binlog"))
}

/// The set as the driver wants it: one part a UUID and tag.
fn wire_set(set: &GtidSet) -> Result<Vec<Sid<'static>>, Fault> {
    set.sources()
        .map(|(source, _)| {
            let text = set.text_of(source);
            text.parse()
                .map_err(|why| Fault::Source(format!("the position {text} cannot be sent: {why}")))
        })
        .collect()
}
