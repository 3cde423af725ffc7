//! Plausible but wrong designs of this engine, each of which the simulator must notice.
//!
//! Without the feature `mutants` none of them can be switched on, and the compiler leaves nothing of them. With it, a thread may run one of
//! them at a time, so that many worlds can be lived at once.

/// A bad design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// Rows stay where they were first found: the tab is never read to learn that they moved, and nothing says what a write really hit (I5: values reach
    /// the database in other rows).
    CachedRows,
    /// Keys are read again before each batch, and nothing says what a write really hit (I5, I2: whoever sorts in between has rows written over).
    Unverified,
    /// After a batch only the keys of its rows are read back, and a wrong row gets its last agreed values (I2: what was typed meanwhile is gone).
    KeyReadBack,
    /// Rows are addressed by metadata that does not follow a sort, and trusted (I5: values reach the database in other rows).
    MetadataAddress,
    /// A batch writes whole rows, and whoever typed into a cell that had not changed in the database is not looked for (I2: the word is gone).
    WholeRows,
    /// No fence: a batch without an answer counts as failed and is planned again (I7, I2: it arrives late, into rows that have moved).
    NoFence,
    /// The batch is not durable before it is sent (I2, I5: after a crash nobody knows what was written, or where).
    BatchNotDurable,
    /// There is no base: two sides that differ are in conflict (I4, I5: an old value goes back over a new one).
    NoBase,
    /// The base is one of whole rows: two sides that changed different cells are in conflict (I4).
    RowBase,
    /// What the log says about a row is the row, even while a write of ours is ahead of it (I4, I5).
    AfterImage,
    /// What the log says of our own transactions is skipped, and nothing is read back (I1: what a trigger made of a value is never shown).
    SkipOwn,
    /// Nothing is read back after a write to the database (I4: what a trigger made of it counts as somebody's change).
    NoReadBack,
    /// Updates of the database do not compare (I2: an application's value is written over).
    NoCompare,
    /// The position is stored before what it covers (I8, I1: a crash in between loses changes).
    PositionFirst,
    /// A new row is inserted first, and its key is written by row number (I3, I6: the key lands in another row).
    InsertFirst,
    /// The key of a new row is not durable before the `COMMIT` (I3: it is inserted again).
    KeyNotReserved,
    /// A new row that is absent after a lost answer is inserted again at once (I3: a row that an application removed comes back).
    ReinsertAtOnce,
    /// What a doorbell says is written as it is (I2: a late one covers a newer value).
    DoorbellPayload,
    /// Nothing is durable about an update before its `COMMIT` (I4: after a crash our own value counts as the database's).
    NoIntent,
    /// A tab is read in two parts, and a row that neither shows counts as removed (I6: a row that only moved is deleted).
    TornRead,
}

impl Mutant {
    /// Every one.
    pub const ALL: [Self; 20] = [
        Self::CachedRows,
        Self::Unverified,
        Self::KeyReadBack,
        Self::MetadataAddress,
        Self::WholeRows,
        Self::NoFence,
        Self::BatchNotDurable,
        Self::NoBase,
        Self::RowBase,
        Self::AfterImage,
        Self::SkipOwn,
        Self::NoReadBack,
        Self::NoCompare,
        Self::PositionFirst,
        Self::InsertFirst,
        Self::KeyNotReserved,
        Self::ReinsertAtOnce,
        Self::DoorbellPayload,
        Self::NoIntent,
        Self::TornRead,
    ];
}

/// Whether the engine of this thread is that bad design.
#[cfg(not(feature = "mutants"))]
pub const fn on(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use switch::{on, set};

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CURRENT: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Whether the engine of this thread is that bad design.
    pub fn on(mutant: Mutant) -> bool {
        CURRENT.get() == Some(mutant)
    }

    /// From now on every engine of this thread is that bad design, or none.
    pub fn set(mutant: Option<Mutant>) {
        CURRENT.set(mutant);
    }
}
