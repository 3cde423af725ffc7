//! What is asked over the control socket, and what is answered: one JSON object each.

use serde::{Deserialize, Serialize};
use sheetwire_engine::{
    batch::RowIndex, change::TableId, conflict::ConflictRecord, engine::Status,
    history::HistoryEntry, merge::Side, state::RowKey, value::Column,
};

use crate::ports::{ConflictsWanted, HistoryWanted, Page};

/// A question or an order. Tables go by their number: whoever asks has compared its configuration with the data folder's list of tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How is it?
    Status {},
    /// Read every tab again now.
    Sweep {},
    /// Stop a table, or let it go on.
    Pause {
        /// Which table.
        table: TableId,
        /// Whether it rests.
        paused: bool,
    },
    /// Which rows wait until a person lets them go or has them put back?
    Held {},
    /// Let rows go that are held, or put them back.
    Release {
        /// Which table.
        table: TableId,
        /// Which rows; all that are held where there is no list.
        keys: Option<Vec<RowKey>>,
        /// Whether they go from the database too.
        approved: bool,
    },
    /// Entries of the conflict log.
    Conflicts(ConflictsWanted),
    /// One entry of the conflict log.
    Conflict {
        /// Its number.
        id: u64,
    },
    /// Decide a conflict.
    Decide {
        /// Its number.
        id: u64,
        /// Whose value is to stand.
        keep: Side,
    },
    /// Changes of a row.
    History(HistoryWanted),
    /// Have one side's values stand wherever the sides differ.
    Repair {
        /// Which table.
        table: TableId,
        /// Whose values.
        from: Side,
    },
    /// The mapped columns of a table.
    Columns {
        /// Which table.
        table: TableId,
    },
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It has not begun to follow the database yet: what it waits for.
    Starting(String),
    /// How it is; after an order, how it is since.
    Status(Box<Status>),
    /// What waits in each table.
    Held(Vec<Held>),
    /// A page of the conflict log.
    Conflicts(Page<ConflictRecord>),
    /// One conflict; none where no such number was given out yet.
    Conflict(Option<Box<ConflictRecord>>),
    /// A page of a row's history.
    History(Page<HistoryEntry>),
    /// The mapped columns of a table.
    Columns(Layout),
    /// It was not done: a sentence that says why, and what would help.
    Refused(String),
}

/// How the rows of a table are laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Mapped columns in the order of their indexes.
    pub columns: Vec<Column>,
    /// Indexes of those that make up the key.
    pub key: Vec<usize>,
}

/// Rows of one table that wait for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which table.
    pub table: TableId,
    /// How many are held.
    pub count: usize,
    /// Their keys, the first ones where they are many.
    pub keys: Vec<RowKey>,
    /// Rows of the tab that lack something before the database can take them, and what: the first ones where they are many.
    pub drafts: Vec<(RowIndex, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_strict_json_object() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#"{"ask":"status"}"#).unwrap(), Request::Status {});
        let pause = read(r#"{"ask":"pause","table":1,"paused":true}"#).unwrap();
        assert_eq!(pause, Request::Pause { table: TableId(1), paused: true });
        for wrong in [
            "status",
            r#""status""#,
            r#"{"ask":"status","more":1}"#,
            r#"{"ask":"nothing"}"#,
            r#"{"ask":"pause","table":1}"#,
            r#"{"ask":"conflicts","settled":true,"limit":1,"more":1}"#,
        ] {
            read(wrong).unwrap_err();
        }
    }

    #[test]
    fn every_request_comes_back_from_json_as_it_went() {
        let key = RowKey("'a\u{1f}7".into());
        let history =
            HistoryWanted { table: TableId(1), key: key.parts(), before: Some(7), limit: 3 };
        for request in [
            Request::Status {},
            Request::Held {},
            Request::Release { table: TableId(0), keys: Some(vec![key]), approved: true },
            Request::Conflicts(ConflictsWanted { limit: 9, ..ConflictsWanted::default() }),
            Request::Decide { id: u64::MAX, keep: Side::Sheet },
            Request::History(history),
        ] {
            let text = serde_json::to_string(&request).unwrap();
            assert!(text.starts_with("{\"ask\":") && !text.contains('\n'), "{text}");
            assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
        }
    }
}
