//! Where in the binlog we are: a set of executed transactions, never a high-water mark alone.
//!
//! Positions are stored, printed and typed as text, in one form: `mysql:<GTID set>`, `mariadb:<GTID list>` or
//! `file:<name>:<offset>`. The prefix may be left out where the rest says what it is.

mod gtid_list;
mod gtid_set;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use gtid_list::GtidList;
pub use gtid_set::{GtidSet, Interval, Source};

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

impl Position {
    /// Whether everything before `other` is also before this position.
    ///
    /// # Errors
    /// Positions of different kinds, or of binlogs with different base names, have no order.
    pub fn contains(&self, other: &Self) -> Result<bool, DifferentKinds> {
        match (self, other) {
            (Self::MySql(ours), Self::MySql(theirs)) => Ok(ours.contains(theirs)),
            (Self::MariaDb(ours), Self::MariaDb(theirs)) => Ok(ours.contains(theirs)),
            (Self::File { name, offset }, Self::File { name: their_name, offset: theirs }) => {
                if name == their_name {
                    return Ok(offset >= theirs);
                }
                match (file_number(name), file_number(their_name)) {
                    (Some((base, ours)), Some((their_base, theirs))) if base == their_base => {
                        Ok(ours > theirs)
                    }
                    _ => Err(DifferentKinds { left: name.clone(), right: their_name.clone() }),
                }
            }
            _ => Err(DifferentKinds { left: self.kind().into(), right: other.kind().into() }),
        }
    }

    /// What kind of position this is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MySql(_) => "MySQL GTID set",
            Self::MariaDb(_) => "MariaDB GTID list",
            Self::File { .. } => "binlog file and offset",
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql(set) => write!(f, "mysql:{set}"),
            Self::MariaDb(list) => write!(f, "mariadb:{list}"),
            Self::File { name, offset } => write!(f, "file:{name}:{offset}"),
        }
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(set) = text.strip_prefix("mysql:") {
            return set.parse().map(Self::MySql);
        }
        if let Some(list) = text.strip_prefix("mariadb:") {
            return list.parse().map(Self::MariaDb);
        }
        if let Some(file) = text.strip_prefix("file:") {
            return parse_file(file);
        }
        if text.is_empty() {
            return Err(ParsePositionError::new(
                text,
                "an empty position says not which kind it is",
            ));
        }
        text.parse()
            .map(Self::MySql)
            .or_else(|_| text.parse().map(Self::MariaDb))
            .or_else(|_: ParsePositionError| parse_file(text))
    }
}

/// Two positions that have no order: of different kinds, or of different logs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot compare positions of different kinds or logs: {left} and {right}")]
pub struct DifferentKinds {
    /// One side: kind, or file name.
    pub left: String,
    /// The other side.
    pub right: String,
}

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not a binlog position: {reason}")]
pub struct ParsePositionError {
    /// The text, or the part of it that is wrong.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ParsePositionError {
    fn new(text: &str, reason: &'static str) -> Self {
        Self { text: text.to_owned(), reason }
    }
}

fn parse_file(text: &str) -> Result<Position, ParsePositionError> {
    let wrong = |reason| ParsePositionError::new(text, reason);
    let (name, offset) = text.rsplit_once(':').ok_or_else(|| {
        wrong("a GTID set, a GTID list, or a file name, a colon and an offset is wanted")
    })?;
    let offset =
        offset.parse().map_err(|_| wrong("the offset behind the last colon is no number"))?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(wrong("the file name is empty or has blanks"));
    }
    Ok(Position::File { name: name.to_owned(), offset })
}

/// Splits `binlog.000012` into base name and number: names stop being sortable as text behind 999999.
fn file_number(name: &str) -> Option<(&str, u64)> {
    let (base, number) = name.rsplit_once('.')?;
    Some((base, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Position {
        text.parse().unwrap()
    }

    #[test]
    fn a_position_prints_as_it_parses() {
        for text in [
            "mysql:",
            "mysql:24bc7850-2c16-11e6-a073-0242ac110001:1-66:mytag:1",
            "mariadb:",
            "mariadb:0-1-42,7-2-9",
            "file:binlog.000012:4",
        ] {
            assert_eq!(position(text).to_string(), text);
        }
    }

    #[test]
    fn the_kind_is_seen_where_the_prefix_is_left_out() {
        assert!(matches!(position("24bc7850-2c16-11e6-a073-0242ac110001:1"), Position::MySql(_)));
        assert!(matches!(position("0-1-42"), Position::MariaDb(_)));
        assert!(matches!(position("mysql-bin.000003:1234"), Position::File { .. }));
        assert!("".parse::<Position>().is_err());
        assert!("nonsense".parse::<Position>().is_err());
        assert!("binlog.000001:x".parse::<Position>().is_err());
    }

    #[test]
    fn files_are_ordered_by_number_then_offset() {
        let early = position("file:binlog.000009:500");
        let late = position("file:binlog.1000000:4");
        assert_eq!(late.contains(&early), Ok(true));
        assert_eq!(early.contains(&late), Ok(false));
        assert_eq!(early.contains(&position("file:binlog.000009:500")), Ok(true));
        assert_eq!(early.contains(&position("file:binlog.000009:501")), Ok(false));
    }

    #[test]
    fn different_kinds_and_different_logs_are_an_error_and_never_false() {
        assert!(position("mysql:").contains(&position("mariadb:")).is_err());
        assert!(position("mariadb:0-1-1").contains(&position("file:a.000001:4")).is_err());
        assert!(position("file:b.000001:4").contains(&position("file:a.000001:4")).is_err());
    }
}
