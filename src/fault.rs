//! What can go wrong, named by what to do about it.

use thiserror::Error;

/// A fault: its kind says what to do, its sentence says what, where and how to cure it.
#[derive(Debug, Error)]
pub enum Fault {
    /// Weather: try again with backoff.
    #[error("{0}")]
    Transient(String),
    /// About one table: it is set aside, the others go on.
    #[error("{0}")]
    Table(String),
    /// Stop: the operator must change something about the configuration (exit code 2).
    #[error("{0}")]
    Configuration(String),
    /// Stop: the operator must change something about the source server (exit code 3).
    #[error("{0}")]
    Source(String),
    /// Stop: the operator must change something at Google (exit code 4).
    #[error("{0}")]
    Google(String),
    /// Stop: another instance owns the spreadsheet or the data folder (exit code 5).
    #[error("{0}")]
    AnotherInstance(String),
}
