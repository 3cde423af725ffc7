//! The doorways: what the control loop asks of the database, the sheets and the store.

use std::{future::Future, pin::Pin};

use sheetwire_engine::{
    change::{Row, RowChange, TableId},
    position::Position,
    value::Column,
};

/// A boxed future: doors are called a few times a second, and boxing keeps their code out of every caller.
pub type Ask<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A mapped table as configuration and server describe it together.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedTable {
    /// Number of the `[[table]]` in the configuration.
    pub id: TableId,
    /// Schema (database) name.
    pub database: String,
    /// Table name.
    pub table: String,
    /// Mapped columns in the order of the configuration.
    pub columns: Vec<Column>,
    /// For each mapped column, its ordinal (0-based) in the table.
    pub ordinals: Vec<usize>,
    /// Indexes into `columns` that make up the key (primary key, or a NOT NULL unique key).
    pub key: Vec<usize>,
    /// A condition evaluated by the server; rows enter and leave the tab as they change.
    pub filter: Option<String>,
}

/// What the stream of changes says, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceEvent {
    /// Changes of one table out of a transaction that is committed on the server. A large transaction comes in several parts.
    Rows {
        /// Which mapped table.
        table: TableId,
        /// What its rows are now, in the order of the log.
        changes: Vec<RowChange>,
    },
    /// A transaction ended, ours or foreign: everything before is consumed up to this position.
    Commit {
        /// The position behind the transaction.
        position: Position,
        /// Commit time on the server in microseconds since the Unix epoch (seconds' precision on old servers); 0 when unknown.
        committed_at_us: i64,
    },
    /// The server is alive and has nothing to say.
    Heartbeat,
    /// This table cannot be followed any more; the others go on.
    TableSetAside {
        /// Which mapped table.
        table: TableId,
        /// A sentence for the operator: what, where, cure.
        reason: String,
    },
    /// `TRUNCATE` or `DROP` emptied the table.
    TableEmptied {
        /// Which mapped table.
        table: TableId,
    },
}

/// A range of rows read by key, that contains at least everything consumed up to a given position.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Rows in key order.
    pub rows: Vec<Row>,
    /// Whether the table ends here.
    pub last: bool,
}
