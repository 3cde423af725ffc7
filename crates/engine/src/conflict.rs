//! What a person should know: two sides that both changed something, values that were refused, rows that could not be put back.

use serde::{Deserialize, Serialize};

use crate::{
    cell::Cell,
    change::TableId,
    merge::{Rule, Side},
    state::RowKey,
};

/// One entry of the conflict log. Written once and kept; only its outcome changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictRecord {
    /// Number, from 1, in order of appearance.
    pub id: u64,
    /// Which table.
    pub table: TableId,
    /// Which row, where it has a key.
    pub key: Option<RowKey>,
    /// Column name; empty where it is about the whole row.
    pub column: String,
    /// What kind.
    pub kind: ConflictKind,
    /// Last agreed value of the database, where there was one.
    pub base: Option<Cell>,
    /// The database's value.
    pub database: Option<Cell>,
    /// The sheet's value.
    pub sheet: Option<Cell>,
    /// When it was seen, microseconds since the Unix epoch.
    pub seen_at_us: i64,
    /// When the database's value was committed, where that is known.
    pub database_at_us: Option<i64>,
    /// When the sheet's value was entered: the doorbell's time, where one rang.
    pub sheet_at_us: Option<i64>,
    /// Who entered it, where a doorbell said so.
    pub who: Option<String>,
    /// The rule that decided, where one did.
    pub rule: Option<Rule>,
    /// What came of it.
    pub outcome: Outcome,
    /// The refusal's sentence, where something was refused.
    pub reason: Option<String>,
}

/// Kinds of conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConflictKind {
    /// Both sides changed a cell.
    EditEdit,
    /// A person typed into a cell that only the database may change; the database's value was written over it.
    TypedOver,
    /// Both sides had a row of their own with the same key.
    InsertInsert,
    /// A person edited a row that the database removed.
    EditedRowRemoved,
    /// A person removed a row that the database changed.
    RemovedRowEdited,
    /// A person changed a key; it was put back.
    KeyChanged,
    /// The database refused the row: a constraint, a trigger, a right.
    ConstraintRefused,
    /// The cell is no value of the column's type.
    TypeRefused,
    /// Several rows bear the same key.
    DuplicateKey,
    /// A formula stands where the database's value should be.
    FormulaKept,
    /// A row was hit by mistake and could not be found again to put its content back. `sheet` is what was there, `database` what was written.
    NotPutBack,
    /// A value or a missing row that may be our own mistake: see the open entries of kind "not put back".
    Suspect,
    /// A row of the sheet that nobody can tell from a removed one: the memory of what was agreed on was lost.
    UnknownRow,
}

impl ConflictKind {
    /// The word for log, status and note.
    pub fn word(self) -> &'static str {
        match self {
            Self::EditEdit => "edit/edit",
            Self::TypedOver => "typed over",
            Self::InsertInsert => "insert/insert",
            Self::EditedRowRemoved => "edit/delete",
            Self::RemovedRowEdited => "delete/edit",
            Self::KeyChanged => "key changed",
            Self::ConstraintRefused => "constraint refused",
            Self::TypeRefused => "type refused",
            Self::DuplicateKey => "duplicate key",
            Self::FormulaKept => "formula kept",
            Self::NotPutBack => "not put back",
            Self::Suspect => "may be our mistake",
            Self::UnknownRow => "unknown row",
        }
    }
}

/// What came of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Waits: for a person, for another value, or for the other side.
    Open,
    /// A person has decided; it is being carried out.
    Decided(Side),
    /// This side's value was kept.
    Kept(Side),
    /// It went away by itself: the values met, or one side took its change back.
    GoneByItself,
}

impl Outcome {
    /// Whether something is still to come.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Decided(_))
    }
}
