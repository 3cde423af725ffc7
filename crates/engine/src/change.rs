//! Rows and what happened to them: state, not history.

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Number of a configured `[[table]]`, in the order of the configuration file.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TableId(pub u16);

/// The mapped columns of one row, in the order of the mapping (`columns` of the configuration).
pub type Row = Vec<Value>;

/// "The row with this key is now this", or "is gone". Insert and update are the same fact.
///
/// A primary-key update is two changes: the old key gone, the new key there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowChange {
    /// Values of the key columns, in the order of the mapping's key columns.
    pub key: Vec<Value>,
    /// The row as it is after the change, or `None` when it is gone.
    pub after: Option<Row>,
}
