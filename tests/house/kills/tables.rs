//! The tables that are written to while the product is killed. A row is known by a number that is never used twice.

use std::fmt::Write as _;

use crate::support::database::Database;

/// How a table looks.
#[derive(Debug)]
pub(super) struct Table {
    /// Name of the table, and of its tab.
    pub(super) name: &'static str,
    /// The column that alone tells rows apart.
    pub(super) key: &'static str,
    /// Columns as they are configured.
    pub(super) columns: &'static [&'static str],
    definition: &'static str,
}

/// A number key, a text key, and a key of two columns.
pub(super) const TABLES: [Table; 3] = [
    Table {
        name: "orders",
        key: "id",
        columns: &["id", "word", "amount", "due"],
        definition: "id INT PRIMARY KEY, word VARCHAR(40), amount DECIMAL(10,2), due DATE",
    },
    Table {
        name: "stock",
        key: "sku",
        columns: &["sku", "word", "pieces"],
        definition: "sku VARCHAR(20) PRIMARY KEY, word VARCHAR(40), pieces BIGINT",
    },
    Table {
        name: "pairs",
        key: "b",
        columns: &["word", "a", "b", "note"],
        definition: "a INT, b VARCHAR(12), word VARCHAR(40), note VARCHAR(40), PRIMARY KEY (a, b)",
    },
];

impl Table {
    /// What stands in the cell of the key column of row `number`.
    pub(super) fn shown_key(&self, number: u64) -> String {
        match self.key {
            "id" => number.to_string(),
            "sku" => format!("S-{number}"),
            _ => format!("b{number}"),
        }
    }

    /// A condition that holds for row `number` alone.
    pub(super) fn is(&self, number: u64) -> String {
        match self.key {
            "b" => format!("a = {} AND b = 'b{number}'", number % 7),
            key => format!("{key} = '{}'", self.shown_key(number)),
        }
    }

    /// Makes row `number`; `words` are used nowhere else.
    pub(super) fn insert(&self, number: u64, words: [&str; 2]) -> String {
        let [word, note] = words;
        let values = match self.key {
            "id" => format!("{number}, '{word}', {}.{:02}, NULL", number % 900, number % 100),
            "sku" => format!("'S-{number}', '{word}', {}", number << 40),
            _ => format!("{}, 'b{number}', '{word}', '{note}'", number % 7),
        };
        format!("INSERT INTO {} VALUES ({values});", self.name)
    }

    /// Changes row `number`.
    pub(super) fn update(&self, number: u64, words: [&str; 2]) -> String {
        let [word, note] = words;
        let more = match self.key {
            "id" => format!("amount = amount + 1, due = '2026-0{}-11'", 1 + number % 9),
            "sku" => "pieces = -pieces".to_owned(),
            _ => format!("note = IF(note IS NULL, '{note}', NULL)"),
        };
        let name = self.name;
        format!("UPDATE {name} SET word = '{word}', {more} WHERE {};", self.is(number))
    }

    /// Gives row `number` the key of `other`, which is new.
    pub(super) fn rename(&self, number: u64, other: u64) -> String {
        let set = match self.key {
            "b" => format!("a = {}, b = 'b{other}'", other % 7),
            key => format!("{key} = '{}'", self.shown_key(other)),
        };
        format!("UPDATE {} SET {set} WHERE {};", self.name, self.is(number))
    }

    /// Removes row `number`.
    pub(super) fn delete(&self, number: u64) -> String {
        format!("DELETE FROM {} WHERE {};", self.name, self.is(number))
    }
}

/// Makes all of them, empty.
pub(super) fn create(db: &Database) {
    let mut sql = String::new();
    for table in &TABLES {
        let _ = write!(sql, "CREATE TABLE {} ({});", table.name, table.definition);
    }
    db.sql(&sql);
}
