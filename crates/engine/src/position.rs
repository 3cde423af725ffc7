//! Where in the binlog we are: a set of executed transactions, never a high-water mark alone.

use serde::{Deserialize, Serialize};

/// Everything up to here has been consumed. Positions of different kinds cannot be compared: that is an error, never `false`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// MySQL with GTIDs: the executed set.
    MySql(GtidSet),
    /// MariaDB: the last transaction of each domain.
    MariaDb(GtidList),
    /// A server without GTIDs: file name and offset of the next event.
    File {
        /// Binlog file, as `SHOW BINARY LOGS` names it.
        name: String,
        /// Offset of the next event in bytes.
        offset: u64,
    },
}

/// A MySQL GTID set: per server UUID and tag, a list of disjoint, sorted, joined intervals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GtidSet {}

/// A MariaDB GTID position: per domain, the server and sequence number of its last transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GtidList {}
