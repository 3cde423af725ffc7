//! The session that writes: how it is set, the lock on it, and what its server has executed.

use sheetwire_engine::{intent::WriterFailure, position::Position};

use crate::{
    fault::Fault,
    mysql::{
        connect::{ServerOptions, Session, at},
        standing,
    },
};

/// What the engine plans is what is written, or it is refused; a row that somebody else holds is not waited for long.
const MODES: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
     innodb_lock_wait_timeout = 5, lock_wait_timeout = 5, foreign_key_checks = 1, unique_checks = 1, wait_timeout = 28800";

/// Locks are of rows that are there, and reads are of what is committed now.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// Name of a pipeline's lock.
pub(super) fn lock_name(pipeline: &str) -> String {
    format!("sheetwire/{pipeline}")
}

/// Opens a session and takes the lock on it.
pub(super) async fn open(
    options: &ServerOptions,
    lock: &str,
) -> Result<(Session, Position), WriterFailure> {
    let mut session = Session::open(options).await.map_err(failure)?;
    session.run(MODES).await.map_err(failure)?;
    session.run(ISOLATION).await.map_err(failure)?;
    if !take(&mut session, lock).await.map_err(failure)? {
        let holder = holder(&mut session, lock).await.map_err(failure)?;
        return Err(WriterFailure::Locked { holder });
    }
    let executed = executed(&mut session).await.map_err(failure)?;
    Ok((session, executed))
}

async fn take(session: &mut Session, lock: &str) -> Result<bool, Fault> {
    let rows = session.exec("SELECT GET_LOCK(?, 0)", (lock,)).await?;
    Ok(rows.first().and_then(|row| at::<i64>(row, 0)) == Some(1))
}

/// Who has the lock, as far as the server says.
async fn holder(session: &mut Session, lock: &str) -> Result<String, Fault> {
    let rows = session.exec("SELECT IS_USED_LOCK(?)", (lock,)).await?;
    let Some(id) = rows.first().and_then(|row| at::<u64>(row, 0)) else {
        return Ok("a connection that has just ended".to_owned());
    };
    let question =
        "SELECT CONCAT(USER, '@', HOST) FROM information_schema.PROCESSLIST WHERE ID = ?";
    let rows = session.exec(question, (id,)).await?;
    let who: Option<String> = rows.first().and_then(|row| at(row, 0));
    Ok(who.map_or(format!("connection {id}"), |who| format!("connection {id} of {who}")))
}

/// Whether the session is there and has the lock still.
pub(super) async fn is_held(session: &mut Session, lock: &str) -> Result<bool, Fault> {
    let rows = session.exec("SELECT IS_USED_LOCK(?) = CONNECTION_ID()", (lock,)).await?;
    Ok(rows.first().and_then(|row| at::<i64>(row, 0)) == Some(1))
}

/// Everything the server has executed by now, in the kind of position that it speaks.
pub(super) async fn executed(session: &mut Session) -> Result<Position, Fault> {
    if session.server().is_mariadb() {
        // No right is needed for that, unlike for asking where the log ends.
        let text = session.text("SELECT @@GLOBAL.gtid_binlog_pos").await?.unwrap_or_default();
        return standing::parse(session, &text).map(Position::MariaDb);
    }
    standing::current_position(session).await
}

fn failure(fault: Fault) -> WriterFailure {
    match fault {
        Fault::Transient(reason) => WriterFailure::Transient { reason },
        other => WriterFailure::Denied { message: other.to_string() },
    }
}
