//! What must survive a restart, and the steps in which it changes.
//!
//! Each [`StoreStep`] list is applied by the store as one atomic batch and awaited until it is durable, before the engine
//! does anything that depends on it.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{
    base::BaseRow,
    batch::{ColumnIndex, InFlight},
    cell::Cell,
    change::TableId,
    conflict::{ConflictRecord, Outcome},
    history::HistoryEntry,
    intent::{Intent, Window},
    merge::Side,
    position::Position,
};

/// A row's key as it looks in the sheet: the rendered key cells, joined; the same text from database and sheet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowKey(pub Box<str>);

impl Ord for RowKey {
    /// The order of the database for whole numbers, so that new rows stand in the tab as people expect: 2 before 10. Other parts by their letters.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (&*self.0, &*other.0);
        // Most keys that are compared are numbers, or the same.
        if ours == theirs {
            return Ordering::Equal;
        }
        loop {
            let ((our, after), (their, after_theirs)) = (first_part(ours), first_part(theirs));
            let order = by_value(our, their);
            if order != Ordering::Equal {
                return order;
            }
            match (after, after_theirs) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(after), Some(after_theirs)) => (ours, theirs) = (after, after_theirs),
            }
        }
    }
}

/// What stands before the first separator, and what comes after it.
fn first_part(key: &str) -> (&str, Option<&str>) {
    // By bytes: keys are short, and a search in letters costs more than it saves.
    match key.bytes().position(|byte| byte == 0x1f) {
        Some(end) => (&key[..end], Some(&key[end + 1..])),
        None => (key, None),
    }
}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whole numbers by value and before everything else. Parts that are spelt differently are never equal.
fn by_value(a: &str, b: &str) -> Ordering {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => by_number(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

fn by_number((a_below, a): (bool, &str), (b_below, b): (bool, &str)) -> Ordering {
    let size = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    match (a_below, b_below) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Sign and digits of a whole number.
fn whole(part: &str) -> Option<(bool, &str)> {
    let digits = part.strip_prefix('-').unwrap_or(part);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((digits.len() < part.len(), digits))
}

impl RowKey {
    /// Its key cells as people see them, in key order.
    pub fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut letters = self.0.chars().peekable();
        while let Some(letter) = letters.next() {
            // Within a text the separator stands twice, and no part begins with it.
            let ends = letter == '\u{1f}' && letters.next_if_eq(&'\u{1f}').is_none();
            if ends { parts.push(std::mem::take(&mut part)) } else { part.push(letter) }
        }
        parts.push(part);
        let shown = |part: String| part.strip_prefix('\'').map(str::to_owned).unwrap_or(part);
        parts.into_iter().map(shown).collect()
    }
}

/// One change of the durable state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StoreStep {
    /// Consumed up to here; everything before is confirmed in the sheet or pending in this store.
    Position(Position),
    /// The row must become this (rendered cells), or go (`None`).
    Pending(TableId, RowKey, PendingRow),
    /// Nothing is pending for the row any more.
    Settled(TableId, RowKey),
    /// What both sides last agreed on.
    Base(TableId, RowKey, BaseRow),
    /// Both sides agreed that the row is gone.
    BaseGone(TableId, RowKey),
    /// The batch about to be sent to this spreadsheet, or `None` when it is settled.
    InFlight(String, Option<InFlight>),
    /// The fence's sequence number in this spreadsheet.
    Fence(String, u64),
    /// Where the table is: copying, live, set aside.
    Table(TableId, TableState),
    /// Cells we overwrote in a wrong row and must put back; the whole list of a table.
    Repairs(TableId, Vec<Repair>),
    /// Something a person should know; kept for good.
    Conflict(ConflictRecord),
    /// What came of an open conflict.
    Outcome(u64, Outcome),
    /// A transaction on the writer, from before it is sent until its windows are closed.
    Intent(Intent),
    /// Nothing is left to know about it.
    IntentGone(u64),
    /// What the log says about a row while a write of ours may be ahead of it.
    Window(TableId, RowKey, Window),
    /// The log has caught up with the row.
    WindowGone(TableId, RowKey),
    /// A marker that claims, or claimed, a row without a key.
    Claim(TableId, Marker, Claim),
    /// The marker means nothing any more.
    ClaimGone(TableId, Marker),
    /// Something that people may ask for later; kept for as long as the store cares to.
    History(HistoryEntry),
    /// A person stopped the table, or let it go on.
    Paused(TableId, bool),
    /// Numeric id of the table's tab: people may give it another title, and it is found all the same.
    Tab(TableId, i32),
}

/// The text that stands in the key cell of a new row until it has its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Marker(pub Box<str>);

/// What a marker means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The row's key, once the database has given it one.
    pub key: Option<RowKey>,
}

/// A pending change of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingRow {
    /// The rendered row, or `None` when it is gone.
    pub after: Option<Vec<Cell>>,
    /// Order of arrival of the oldest change not yet in the sheet.
    pub since: u64,
    /// When the newest change was committed, microseconds since the Unix epoch; 0 where that is not known.
    pub at_us: i64,
}

/// Where a table is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TableState {
    /// A copy runs; rows up to `after` (key values as the database holds them) are done.
    Copying {
        /// Number of this copy run, from 1.
        copy: u32,
        /// Key behind which the next chunk starts; `None` at the beginning.
        after: Option<Vec<crate::value::Value>>,
        /// Whose values stand where the sides differ: a person has asked for a repair.
        carry: Option<Side>,
    },
    /// Copied; the stream keeps it in step.
    Live {
        /// Number of the last copy run.
        copy: u32,
        /// How far a two-way tab has been taken in.
        adoption: Adoption,
    },
    /// Set aside with a reason; copied again after its cure.
    SetAside {
        /// Number of the last copy run.
        copy: u32,
        /// A sentence for the operator.
        reason: String,
    },
}

impl TableState {
    /// Number of the last copy run.
    pub fn copy(&self) -> u32 {
        match self {
            Self::Copying { copy, .. } | Self::Live { copy, .. } | Self::SetAside { copy, .. } => {
                *copy
            }
        }
    }
}

/// How far a two-way tab has been taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adoption {
    /// Its table was copied, and nothing is written before both were compared whole.
    Compare,
    /// They differed, and this side's values stand.
    Carry(Side),
    /// It is.
    Done,
}

/// Cells we wrote into a row that was not the one we meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repair {
    /// How to find the row again.
    pub row: RowIdentity,
    /// What to put back.
    pub cells: Vec<RepairCell>,
    /// The whole row, where we removed it by mistake and must add it again.
    pub readd: Option<RemovedRow>,
}

/// A row removed by mistake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemovedRow {
    /// The headers from column 0 as far as they are known, so that cells find their columns again.
    pub header: Vec<Cell>,
    /// The row's cells from column 0.
    pub cells: Vec<Cell>,
}

/// One cell to put back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairCell {
    /// Physical column at the time of the write.
    pub column: ColumnIndex,
    /// The column's header then, by which it is found again.
    pub header: Cell,
    /// Which mapped column we took it for, where the header was none that we knew: it may just have been given another name.
    pub meant: Option<u16>,
    /// What we wrote.
    pub wrong: Cell,
    /// What was there.
    pub right: Cell,
}

/// How a row hit by mistake is found again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RowIdentity {
    /// It bears a key.
    Key(RowKey),
    /// It bears none: what was in it before the hit.
    Content(RowContent),
}

/// What is known of a row without a key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RowContent {
    /// Its mapped cells, `None` where they were not seen.
    pub mapped: Vec<Option<Cell>>,
    /// Header and content of other cells that were seen and are not empty.
    pub own: Vec<(Cell, Cell)>,
}

/// Everything a restart needs, as the store gives it back.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Image {
    /// Last saved position.
    pub position: Option<Position>,
    /// Pending rows.
    pub pending: Vec<(TableId, RowKey, PendingRow)>,
    /// Base rows.
    pub base: Vec<(TableId, RowKey, BaseRow)>,
    /// Batches in flight, by spreadsheet.
    pub in_flight: Vec<(String, InFlight)>,
    /// Fences, by spreadsheet.
    pub fences: Vec<(String, u64)>,
    /// Table states.
    pub tables: Vec<(TableId, TableState)>,
    /// Repairs.
    pub repairs: Vec<(TableId, Vec<Repair>)>,
    /// Number of the last conflict record.
    pub last_conflict: u64,
    /// Conflicts that are still open, with their outcomes so far.
    pub open_conflicts: Vec<ConflictRecord>,
    /// Transactions on the writer.
    pub intents: Vec<Intent>,
    /// Number of the last intent.
    pub last_intent: u64,
    /// Windows.
    pub windows: Vec<(TableId, RowKey, Window)>,
    /// Claims.
    pub claims: Vec<(TableId, Marker, Claim)>,
    /// Tables that a person stopped.
    pub paused: Vec<TableId>,
    /// Numeric ids of the tables' tabs.
    #[serde(default)]
    pub tabs: Vec<(TableId, i32)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_their_numbers() {
        let key = |text: &str| RowKey(text.into());
        let sorted = [
            "-10",
            "-9",
            "-1",
            "0",
            "2",
            "10",
            "10\u{1f}'a",
            "10\u{1f}'b",
            "11\u{1f}2",
            "11\u{1f}10",
            "100",
            "18446744073709551615",
            "'",
            "'10",
            "'2",
            "'B",
            "'a",
            "1.5",
        ];
        let mut keys: Vec<RowKey> = sorted.iter().rev().map(|text| key(text)).collect();
        keys.sort();
        assert_eq!(keys, sorted.map(key));
        assert_ne!(key("07").cmp(&key("7")), Ordering::Equal);
    }
}
