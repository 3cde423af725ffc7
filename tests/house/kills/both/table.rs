//! The table that both sides write to, and the server's own account of what its cells became.

use std::fmt::Write as _;

use crate::{
    slice::{BOOK, Mapped, numbers},
    support::database::Database,
};

/// Name of the table, and title of its tab.
pub(super) const NAME: &str = "t";
pub(super) const COLUMNS: [&str; 3] = ["a", "b", "c"];

/// What follows when a person removes rows from the tab: the database follows, and no brake holds the few that anybody removes here.
const REMOVED_ROWS: &str =
    "on_delete = { in_sheet = \"remove\" }\nbrake = { rows = 50, percent = 90 }";

/// The table as it is configured.
pub(super) fn mapped() -> Mapped {
    Mapped::new(NAME, &["id", "a", "b", "c"]).both_ways(REMOVED_ROWS).into_tab(BOOK, NAME)
}

/// Whether the application never updates this row. Of the others hardly one stays as a person saw it until her removal of it is believed.
pub(super) fn is_left_to_people(id: u64) -> bool {
    id.is_multiple_of(4)
}

/// Makes the table with so many rows, and triggers that write down every value that a cell becomes and who did it. No cell is ever empty:
/// what stands in a wrong row for a moment is known by its word.
pub(super) fn statements(rows: u32) -> String {
    let mut sql = format!(
        "CREATE TABLE {NAME} (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(40), b VARCHAR(40), c VARCHAR(40));
         CREATE TABLE audit (n INT PRIMARY KEY AUTO_INCREMENT, act CHAR(1), id INT, col CHAR(1), was VARCHAR(40),
             became VARCHAR(40), by_whom VARCHAR(80), KEY (became));
         CREATE TRIGGER gone AFTER DELETE ON {NAME} FOR EACH ROW
             INSERT INTO audit (act, id, by_whom) VALUES ('D', OLD.id, USER());"
    );
    for column in COLUMNS {
        let _ = write!(
            sql,
            "CREATE TRIGGER changed_{column} AFTER UPDATE ON {NAME} FOR EACH ROW
                 INSERT INTO audit (act, id, col, was, became, by_whom)
                 SELECT 'U', NEW.id, '{column}', OLD.{column}, NEW.{column}, USER() FROM DUAL WHERE NOT (NEW.{column} <=> OLD.{column});
             CREATE TRIGGER made_{column} AFTER INSERT ON {NAME} FOR EACH ROW
                 INSERT INTO audit (act, id, col, became, by_whom) VALUES ('I', NEW.id, '{column}', NEW.{column}, USER());"
        );
    }
    let numbers = numbers(rows);
    let _ = write!(
        sql,
        "INSERT INTO {NAME} SELECT n, CONCAT('start a', n), CONCAT('start b', n), CONCAT('start c', n) FROM {numbers};"
    );
    sql
}

/// What was done to a cell, or to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Made,
    Changed,
    Removed,
}

/// One line of the account.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) act: Act,
    pub(super) id: String,
    /// Empty for a removed row.
    pub(super) column: String,
    /// `NULL` is empty here, as in a sheet.
    pub(super) was: String,
    pub(super) became: String,
    /// Whether the product did it, and not the application.
    pub(super) by_the_product: bool,
}

/// Every line, in the order in which the server wrote them.
pub(super) fn account(db: &Database) -> Vec<Line> {
    let rows = db.query("SELECT act, id, col, was, became, by_whom FROM audit ORDER BY n");
    let line = |row: Vec<Option<String>>| {
        let mut words = row.into_iter().map(Option::unwrap_or_default);
        let mut word = || words.next().unwrap();
        let act = match word().as_str() {
            "I" => Act::Made,
            "U" => Act::Changed,
            _ => Act::Removed,
        };
        let (id, column, was, became) = (word(), word(), word(), word());
        Line { act, id, column, was, became, by_the_product: word().starts_with("writer") }
    };
    rows.into_iter().map(line).collect()
}

/// Which of these texts a cell of the table ever became, for good.
pub(super) fn ever(db: &Database, texts: &[String]) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let list = texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(",");
    let rows = db.query(&format!("SELECT DISTINCT became FROM audit WHERE became IN ({list})"));
    rows.into_iter().filter_map(|mut row| row.remove(0)).collect()
}

/// Whether the product ever removed one of these rows, for good.
pub(super) fn ever_removed(db: &Database, ids: &[String]) -> bool {
    if ids.is_empty() {
        return false;
    }
    let removed = format!(
        "SELECT id FROM audit WHERE act = 'D' AND by_whom LIKE 'writer%' AND id IN ({}) LIMIT 1",
        ids.join(",")
    );
    !db.query(&removed).is_empty()
}
