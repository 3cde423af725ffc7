//! The stream of changes: opened behind a position, read event by event, watched for silence.

pub mod assemble;
pub mod kinds;
pub mod query;
pub mod start;
pub mod statement;
pub mod tables;

use std::time::Duration;

use futures_util::StreamExt;
use mysql_async::BinlogStream;
use sheetwire_engine::position::Position;
use tokio::time::{Instant, timeout_at};

use self::{assemble::Assembler, tables::Tables};
use super::{
    charsets,
    connect::{ServerOptions, Session, fault_of},
    layout::TableLayout,
    schema,
};
use crate::{
    fault::Fault,
    ports::{Ask, ChangeSource, MappedTable, SourceEvent},
};

/// How the stream is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOptions {
    /// Our number among the server's replicas: no other may have it.
    pub server_id: u32,
    /// How often a silent server says that it is alive.
    pub heartbeat: Duration,
    /// Silence that counts as the connection's death. More than two heartbeats.
    pub silence: Duration,
    /// How long the server may search for the position before its first event.
    pub start_within: Duration,
}

impl StreamOptions {
    /// A heartbeat every 10 seconds, death after 25, ten minutes to find the position.
    pub fn new(server_id: u32) -> Self {
        Self {
            server_id,
            heartbeat: Duration::from_secs(10),
            silence: Duration::from_secs(25),
            start_within: Duration::from_mins(10),
        }
    }
}

/// Changes of mapped tables from one server, from a position on.
#[derive(Debug)]
pub struct BinlogSource {
    options: ServerOptions,
    stream: Stream,
    assembler: Assembler,
    watch: Watch,
    /// A question for a table's layout that is under way.
    asking: Option<Asking>,
}

/// Which table, and what it looks like now.
type Layout = Ask<'static, Result<(usize, Option<TableLayout>), Fault>>;

/// A question under way, which does not print itself.
struct Asking(Layout);

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asking")
    }
}

/// The driver's stream, which does not print itself.
struct Stream(BinlogStream);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BinlogStream")
    }
}

/// How long the server has been silent while somebody listened.
#[derive(Debug)]
struct Watch {
    silence: Duration,
    /// When the caller began to wait for the event that is due; kept when it stops waiting and comes back.
    waiting_since: Option<Instant>,
    /// Set until the first event: the server may have to search for the position.
    start_within: Option<Duration>,
}

impl BinlogSource {
    /// Connects and asks for everything behind `from`.
    ///
    /// # Errors
    /// [`Fault::Source`] when the server cannot serve this position: purged, ahead of the server, of another kind.
    pub async fn open(
        options: &ServerOptions,
        stream: &StreamOptions,
        tables: Vec<MappedTable>,
        from: Position,
    ) -> Result<Self, Fault> {
        let mut session = Session::open(options).await?;
        start::check_position(&mut session, &from).await?;
        let charsets = charsets::ask(&mut session).await?;
        let folds =
            session.variable("lower_case_table_names").await?.is_some_and(|value| value != "0");
        let mut followed = Vec::with_capacity(tables.len());
        for table in tables {
            let layout = schema::layout(&mut session, &table.database, &table.table).await?;
            let missing = || {
                Fault::Table(format!(
                    "table {}.{} does not exist any more",
                    table.database, table.table
                ))
            };
            let layout = layout.ok_or_else(missing)?;
            followed.push((table, layout));
        }
        let tables = Tables::new(followed, charsets, folds);
        let opened = start::request(session, stream, &from).await?;
        let watch = Watch {
            silence: stream.silence,
            waiting_since: None,
            start_within: Some(stream.start_within.max(stream.silence)),
        };
        Ok(Self {
            options: options.clone(),
            stream: Stream(opened),
            assembler: Assembler::new(from, tables),
            watch,
            asking: None,
        })
    }

    async fn read(&mut self) -> Result<SourceEvent, Fault> {
        loop {
            self.read_layouts().await?;
            if let Some(event) = self.assembler.take() {
                return Ok(event);
            }
            let due = self.watch.due(Instant::now());
            let heard = timeout_at(due, self.stream.0.next()).await;
            let event = match heard {
                Err(_) => return Err(self.silent()),
                Ok(None) => return Err(self.lost("the server ended the stream")),
                Ok(Some(Err(error))) => return Err(self.refused(&error)),
                Ok(Some(Ok(event))) => event,
            };
            self.watch.heard();
            self.assembler.absorb(&event)?;
        }
    }

    /// Reads the layouts that DDL made stale. A call that is dropped meanwhile goes on with the same question the next time, so
    /// that a caller with much else to do gets there too.
    async fn read_layouts(&mut self) -> Result<(), Fault> {
        loop {
            if self.asking.is_none() {
                let Some((index, database, table)) = self.assembler.tables().stale() else {
                    return Ok(());
                };
                let options = self.options.clone();
                self.asking = Some(Asking(Box::pin(async move {
                    let mut session = Session::open(&options).await?;
                    let layout = schema::layout(&mut session, &database, &table).await?;
                    Ok((index, layout))
                })));
            }
            let Some(asking) = &mut self.asking else { return Ok(()) };
            let answer = asking.0.as_mut().await;
            self.asking = None;
            let (index, layout) = answer?;
            self.assembler.tables().refresh(index, layout);
        }
    }

    fn silent(&self) -> Fault {
        self.lost(&format!("neither an event nor a heartbeat for {:?}", self.watch.limit()))
    }

    fn lost(&self, what: &str) -> Fault {
        Fault::Transient(format!(
            "{}, binlog {}: {what}",
            self.options.place(),
            self.assembler.place()
        ))
    }

    fn refused(&self, error: &mysql_async::Error) -> Fault {
        let doing = format!("reading the binlog at {}", self.assembler.place());
        fault_of(error, &self.options.place(), &doing)
    }
}

impl ChangeSource for BinlogSource {
    fn next(&mut self) -> Ask<'_, Result<SourceEvent, Fault>> {
        Box::pin(self.read())
    }
}

impl Watch {
    fn limit(&self) -> Duration {
        self.start_within.unwrap_or(self.silence)
    }

    fn due(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.limit()
    }

    fn heard(&mut self) {
        self.waiting_since = None;
        self.start_within = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_from_the_first_wait_and_again_after_every_event() {
        let second = Duration::from_secs(1);
        let mut watch =
            Watch { silence: 3 * second, waiting_since: None, start_within: Some(60 * second) };
        let begin = Instant::now();
        assert_eq!(
            watch.due(begin),
            begin + 60 * second,
            "the search for the position takes its time"
        );
        watch.heard();
        let later = begin + 10 * second;
        assert_eq!(watch.due(later), later + 3 * second, "nobody listened before");
        assert_eq!(
            watch.due(later + second),
            later + 3 * second,
            "a dropped wait goes on where it was"
        );
    }
}
