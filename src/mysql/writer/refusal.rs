//! What the server's error means for a row: back to the person, or try again. No sentence carries a value.

use mysql_async::ServerError;
use sheetwire_engine::intent::Refusal;

use crate::ports::MappedTable;

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A key is taken: the row's own, or another unique one, with its name where the server says it.
    Taken(Option<String>),
    /// The row is refused for good.
    Refused(Refusal),
    /// Another time, perhaps.
    NotNow(String),
}

/// Errors that say nothing about the row: deadlocks, waits, servers that are read-only, stopping, full or too slow.
const NOT_NOW: [u16; 26] = [
    1020, // changed since it was read
    1021, // disk full
    1028, // sort aborted
    1037, 1038, 1041, // out of memory
    1053, // server shutdown
    1114, // table full
    1180, 1181, // error during COMMIT, during ROLLBACK
    1205, // lock wait
    1213, // deadlock
    1223, // a global read lock
    1290, // --read-only
    1317, // interrupted
    1399, 1479, // in another transaction's state
    1614, // rolled back: deadlock
    1792, // read-only transaction
    1836, // read-only mode
    1927, // killed
    1969, // time limit of MariaDB
    3024, // time limit of MySQL
    3100, 3101, // group replication
    4031, // idle too long
];

/// Judges an error of a statement about a row.
pub(super) fn judge(error: &ServerError, table: &MappedTable) -> Verdict {
    if NOT_NOW.contains(&error.code) {
        return Verdict::NotNow(format!("the server says {} ({})", words(error), error.code));
    }
    if matches!(error.code, 1022 | 1062 | 1586) {
        return Verdict::Taken(key_in(&error.message));
    }
    let named = column_in(&error.message).filter(|_| names_column(error.code));
    let place = named.and_then(|named| {
        let known =
            |column: &sheetwire_engine::value::Column| column.name.eq_ignore_ascii_case(named);
        u16::try_from(table.columns.iter().position(known)?).ok()
    });
    let quoted = named.map(|named| format!("column '{named}' ")).unwrap_or_default();
    let (message, may_pass) = match error.code {
        1216 | 1452 => (foreign(error, "names a row that does not exist in another table"), true),
        1217 | 1451 => (foreign(error, "is named by rows of another table"), true),
        3819 | 4025 => (format!("check {} does not allow it", constraint(&error.message)), false),
        1048 => (format!("{quoted}may not be empty"), false),
        1364 => (format!("{quoted}has no default and is not filled"), false),
        1406 => (format!("{quoted}takes no text as long as this"), false),
        1264 | 1690 => (format!("{quoted}takes no number as large as this"), false),
        1265 | 1366 | 1292 | 1411 | 3140 | 3141 | 3156 => {
            (format!("{quoted}takes no such value"), false)
        }
        1142 | 1143 | 1044 | 1227 | 1370 | 1471 => {
            ("the account may not write it: `check` prints the GRANT it needs".to_owned(), false)
        }
        // A trigger speaks for itself: its author wrote the sentence for whoever is refused.
        1644 => (error.message.clone(), false),
        code => (format!("the server refuses it with error {code}"), false),
    };
    Verdict::Refused(Refusal { message, column: place, may_pass })
}

/// A word for an error whose own text might tell a value.
fn words(error: &ServerError) -> &str {
    match error.code {
        1205 => "that somebody else holds the row",
        1213 | 1614 => "deadlock",
        1223 | 1290 | 1792 | 1836 => "that it is read-only",
        1053 => "that it is stopping",
        1021 | 1114 => "that it is full",
        1317 | 1927 | 1969 | 3024 => "that it was interrupted",
        _ => "not now",
    }
}

fn names_column(code: u16) -> bool {
    matches!(code, 1048 | 1364 | 1406 | 1264 | 1265 | 1366 | 1292 | 1411 | 1690)
}

/// The column in "Column 'x' cannot be null", "Field 'x' doesn't have", "... for column 'x' at row 1", "... for column `d`.`t`.`x` at row 1".
/// What stands before it may be the value, so the last mention counts.
fn column_in(message: &str) -> Option<&str> {
    for word in ["column ", "Column ", "Field "] {
        let Some(at) = message.rfind(word) else { continue };
        let rest = &message[at + word.len()..];
        let end = [" at row", " cannot", " doesn't"].iter().filter_map(|end| rest.find(end)).min();
        let name = rest[..end.unwrap_or(rest.len())].trim();
        let last = name.rsplit("`.`").next().unwrap_or(name);
        return Some(last.trim_matches(['\'', '`', '"']));
    }
    None
}

/// The key in "Duplicate entry '...' for key 't.PRIMARY'". The entry may hold anything, so the last mention counts.
fn key_in(message: &str) -> Option<String> {
    let (_, name) = message.rsplit_once("for key ")?;
    let name = name.trim().trim_matches(['\'', '`', '"']);
    Some(name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// The constraint's name in "... CONSTRAINT `x` FOREIGN KEY ...", "Check constraint 'x' is violated.", "CONSTRAINT `x` failed for ...".
fn constraint(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let name = lower.find("constraint ").and_then(|at| {
        let rest = message.get(at + "constraint ".len()..)?.trim_start();
        let quote = rest.chars().next().filter(|quote| "`'\"".contains(*quote))?;
        rest.get(1..)?.split(quote).next()
    });
    name.map(|name| format!("'{}'", name.rsplit('.').next().unwrap_or(name))).unwrap_or_default()
}

fn foreign(error: &ServerError, what: &str) -> String {
    // "a foreign key constraint fails (`db`.`t`, CONSTRAINT `x` FOREIGN KEY ...)": the first word is not the name.
    let named = error.message.rsplit_once("CONSTRAINT ").map(|(_, rest)| rest);
    let name = named.and_then(|rest| rest.split('`').nth(1));
    match name {
        Some(name) => format!("it {what}: foreign key '{name}'"),
        None => format!("it {what}"),
    }
}

/// The sentence for a key of another unique index that is taken.
pub(super) fn taken(key: Option<&str>) -> Refusal {
    let message = match key {
        Some(key) => format!("another row has this value already: unique key '{key}'"),
        None => "another row has this value already".to_owned(),
    };
    Refusal { message, column: None, may_pass: true }
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::{
        change::TableId,
        value::{Column, ColumnKind, Fill},
    };

    use super::*;

    fn judged(code: u16, message: &str) -> Verdict {
        let column = |name: &str| Column {
            name: name.into(),
            kind: ColumnKind::Text,
            nullable: true,
            fill: Fill::Nothing,
        };
        let table = MappedTable {
            id: TableId(0),
            database: "d".into(),
            table: "t".into(),
            columns: vec![column("id"), column("name")],
            ordinals: vec![0, 1],
            key: vec![0],
            filter: None,
        };
        let state = "HY000".into();
        judge(&ServerError { code, message: message.into(), state }, &table)
    }

    fn refused(code: u16, message: &str) -> (String, Option<u16>, bool) {
        match judged(code, message) {
            Verdict::Refused(refusal) => (refusal.message, refusal.column, refusal.may_pass),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_names_its_column_and_never_a_value() {
        for (code, message, wanted, column) in [
            (1048, "Column 'name' cannot be null", "column 'name' may not be empty", Some(1)),
            (
                1364,
                "Field 'x' doesn't have a default value",
                "column 'x' has no default and is not filled",
                None,
            ),
            (
                1406,
                "Data too long for column 'name' at row 1",
                "column 'name' takes no text as long as this",
                Some(1),
            ),
            (
                1366,
                "Incorrect integer value: 'for column 'id' at' for column `d`.`t`.`name` at row 1",
                "column 'name' takes no such value",
                Some(1),
            ),
        ] {
            assert_eq!(refused(code, message), (wanted.to_owned(), column, false), "{message}");
        }
    }

    #[test]
    fn a_refusal_names_its_constraint() {
        let child = "Cannot add or update a child row: a foreign key constraint fails (`d`.`t`, CONSTRAINT `fk_1` FOREIGN KEY (`p`) REFERENCES `p` (`id`))";
        let names = "it names a row that does not exist in another table: foreign key 'fk_1'";
        let parent = "Cannot delete or update a parent row: a foreign key constraint fails";
        let final_ = "orders of a closed year are final";
        for (code, message, wanted, may_pass) in [
            (
                3819,
                "Check constraint 'positive' is violated.",
                "check 'positive' does not allow it",
                false,
            ),
            (
                4025,
                "CONSTRAINT `t.positive` failed for `d`.`t`",
                "check 'positive' does not allow it",
                false,
            ),
            (1452, child, names, true),
            (1451, parent, "it is named by rows of another table", true),
            (1644, final_, final_, false),
            (9999, "who knows 'secret'", "the server refuses it with error 9999", false),
        ] {
            assert_eq!(refused(code, message), (wanted.to_owned(), None, may_pass), "{message}");
        }
    }

    #[test]
    fn a_taken_key_is_told_by_its_name_whatever_the_value_says() {
        for message in [
            "Duplicate entry 'x' for key 'y' for key 't.PRIMARY'",
            "Duplicate entry 'x' for key 'PRIMARY'",
        ] {
            assert_eq!(judged(1062, message), Verdict::Taken(Some("PRIMARY".into())));
        }
    }

    #[test]
    fn what_says_nothing_about_the_row_is_tried_again() {
        for code in [1205, 1213, 1290, 1317, 1836, 3101] {
            assert!(matches!(judged(code, "x"), Verdict::NotNow(_)), "{code}");
        }
    }
}
