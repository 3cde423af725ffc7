//! Opens streams of one server, for whoever reconnects.

use sheetwire_engine::position::Position;

use super::{
    binlog::{BinlogSource, StreamOptions},
    connect::ServerOptions,
    snapshot::SqlRows,
};
use crate::{
    fault::Fault,
    ports::{Ask, ChangeSource, MappedTable, SourceDoor},
};

/// A server whose log is followed.
#[derive(Debug)]
pub struct BinlogDoor {
    server: ServerOptions,
    stream: StreamOptions,
    tables: Vec<MappedTable>,
}

impl BinlogDoor {
    /// A door to this server for these tables.
    pub fn new(server: ServerOptions, stream: StreamOptions, tables: Vec<MappedTable>) -> Self {
        Self { server, stream, tables }
    }
}

impl SourceDoor for BinlogDoor {
    fn open<'a>(&'a self, from: &'a Position) -> Ask<'a, Result<Box<dyn ChangeSource>, Fault>> {
        Box::pin(async move {
            let tables = self.tables.clone();
            let stream =
                BinlogSource::open(&self.server, &self.stream, tables, from.clone()).await?;
            Ok(Box::new(stream) as Box<dyn ChangeSource>)
        })
    }

    fn here(&self) -> Ask<'_, Result<Position, Fault>> {
        Box::pin(async move { SqlRows::new(self.server.clone()).current_position().await })
    }
}
