//! Column types: from the server's words to [`ColumnKind`], with a sentence for those that are not carried.

use sheetwire_engine::value::{ColumnKind, Fill};

/// Character sets of several bytes a character other than Unicode's, which we have no tables for.
const MULTI_BYTE: [&str; 9] =
    ["big5", "cp932", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "sjis", "ujis"];

/// A row of `information_schema.COLUMNS`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// As declared.
    pub name: String,
    /// Counted from 0.
    pub ordinal: usize,
    /// Lower-case type name.
    pub data_type: String,
    /// Type with its numbers, labels and signs.
    pub column_type: String,
    /// Whether `NULL` is allowed.
    pub nullable: bool,
    /// Character set.
    pub charset: Option<String>,
    /// Digits, or bits of a `BIT`.
    pub precision: u64,
    /// Digits behind the point.
    pub scale: u64,
    /// Fraction digits of a time.
    pub fsp: u64,
    /// Characters or bytes.
    pub length: u64,
    /// `INVISIBLE`, `STORED GENERATED` and the like.
    pub extra: String,
    /// The default, as the server prints it.
    pub default: Option<String>,
}

impl Described {
    /// Whether `SELECT *` leaves it out.
    pub fn is_invisible(&self) -> bool {
        self.extra.to_uppercase().contains("INVISIBLE")
    }

    /// What the server puts into it when a new row leaves it out.
    pub fn fill(&self, mariadb: bool) -> Fill {
        let extra = self.extra.to_uppercase();
        // `DEFAULT_GENERATED` is a computed default, and writable.
        let computed = |word: &str| matches!(word, "GENERATED" | "PERSISTENT");
        if extra.split_whitespace().any(computed) {
            return Fill::Generated;
        }
        if extra.contains("AUTO_INCREMENT") {
            return Fill::AutoIncrement;
        }
        // MariaDB spells the default of a column that has none, but may be NULL, as a word.
        match self.default.as_deref() {
            Some("NULL") if mariadb => Fill::Nothing,
            Some(_) => Fill::Default,
            None => Fill::Nothing,
        }
    }

    /// Labels of an `ENUM` or `SET`.
    pub fn labels(&self) -> Vec<String> {
        if matches!(self.data_type.as_str(), "enum" | "set") {
            labels(&self.column_type)
        } else {
            Vec::new()
        }
    }
}

/// What kind of column it is.
///
/// # Errors
/// A sentence with the column, its type and what to do.
pub fn column_kind(column: &Described, mariadb: bool) -> Result<ColumnKind, String> {
    let Described { name, column_type, .. } = column;
    if column_type.to_uppercase().contains("COMPRESSED")
        || column.extra.to_uppercase().contains("COMPRESSED")
    {
        return Err(format!(
            "column '{name}' is compressed ({column_type}), and so it is in the log; leave it out, or store it uncompressed"
        ));
    }
    if let Some(charset) = column.charset.as_deref().filter(|name| MULTI_BYTE.contains(name)) {
        return Err(format!(
            "column '{name}' has the character set {charset}, which cannot be read from the log; convert it to utf8mb4, or leave it out"
        ));
    }
    let unsigned = column_type.to_lowercase().contains("unsigned");
    let number = |value: u64| u8::try_from(value).unwrap_or(0);
    let int = |bits| ColumnKind::Int { bits, unsigned };
    let fsp = number(column.fsp);
    Ok(match column.data_type.as_str() {
        "tinyint" => int(8),
        "smallint" => int(16),
        "mediumint" => int(24),
        "int" | "integer" => int(32),
        "bigint" => int(64),
        "decimal" | "numeric" => {
            ColumnKind::Decimal { precision: number(column.precision), scale: number(column.scale) }
        }
        "float" => ColumnKind::Float,
        "double" | "real" => ColumnKind::Double,
        "bit" => ColumnKind::Bit { bits: number(column.precision) },
        "year" => ColumnKind::Year,
        "date" => ColumnKind::Date,
        "datetime" => ColumnKind::DateTime { fsp },
        "timestamp" => ColumnKind::Timestamp { fsp },
        "time" => ColumnKind::Time { fsp },
        "binary" => ColumnKind::Bytes { fixed: u16::try_from(column.length).ok() },
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            ColumnKind::Bytes { fixed: None }
        }
        "enum" => ColumnKind::Enum(column.labels()),
        "set" => ColumnKind::Set(column.labels()),
        "json" if !mariadb => ColumnKind::Json,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "json" => {
            ColumnKind::Text
        }
        _ => {
            return Err(format!(
                "column '{name}' has the type {column_type}, which is not carried; leave it out"
            ));
        }
    })
}

/// The labels of `enum('a','b''c')`. A quote is doubled or has a backslash in front.
fn labels(column_type: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut letters = column_type.chars().peekable();
    while letters.by_ref().any(|letter| letter == '\'') {
        let mut label = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '\'' if letters.next_if_eq(&'\'').is_some() => label.push('\''),
                '\'' => break,
                '\\' => label.extend(letters.next().map(unescaped)),
                other => label.push(other),
            }
        }
        labels.push(label);
    }
    labels
}

fn unescaped(letter: char) -> char {
    match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data_type: &str, column_type: &str) -> Described {
        Described {
            name: "c".into(),
            data_type: data_type.into(),
            column_type: column_type.into(),
            ..Described::default()
        }
    }

    #[test]
    fn labels_keep_quotes_commas_and_backslashes() {
        assert_eq!(labels(r"enum('a','b''c','d,e','','f\\g')"), ["a", "b'c", "d,e", "", r"f\g"]);
    }

    #[test]
    fn a_column_that_is_left_out_is_filled_as_its_description_says() {
        let fill = |extra: &str, default: Option<&str>, mariadb| {
            let column = Described {
                extra: extra.into(),
                default: default.map(Into::into),
                ..column("int", "int")
            };
            column.fill(mariadb)
        };
        assert_eq!(fill("auto_increment", None, false), Fill::AutoIncrement);
        assert_eq!(fill("STORED GENERATED", None, false), Fill::Generated);
        assert_eq!(fill("VIRTUAL GENERATED INVISIBLE", Some("NULL"), true), Fill::Generated);
        assert_eq!(fill("DEFAULT_GENERATED", Some("uuid()"), false), Fill::Default);
        assert_eq!(fill("", Some("NULL"), true), Fill::Nothing);
        assert_eq!(fill("", Some("NULL"), false), Fill::Default);
        assert_eq!(fill("", None, false), Fill::Nothing);
    }

    #[test]
    fn types_become_kinds_or_a_sentence() {
        let kind = |data_type, column_type| column_kind(&column(data_type, column_type), false);
        assert_eq!(
            kind("bigint", "bigint unsigned"),
            Ok(ColumnKind::Int { bits: 64, unsigned: true })
        );
        assert_eq!(kind("json", "json"), Ok(ColumnKind::Json));
        assert_eq!(column_kind(&column("json", "json"), true), Ok(ColumnKind::Text));
        assert!(kind("point", "point").unwrap_err().contains("'c' has the type point"));
        assert!(kind("inet6", "inet6").is_err());
        assert!(
            kind("varchar", "varchar(9) /*M!100301 COMPRESSED*/")
                .unwrap_err()
                .contains("compressed")
        );
    }
}
