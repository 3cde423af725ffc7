//! The file as keys and values: every key known, every value of its kind. What is not is noted, and left out.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use toml::{Table, Value};

use super::{
    Remark,
    keys::{self, Kind},
};

/// A value of one of the kinds.
#[derive(Debug, Clone, PartialEq)]
enum Leaf {
    Text(String),
    Integer(i64),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
}

/// Keys and values, and the problems found so far.
#[derive(Debug, Default)]
pub(super) struct Raw {
    leaves: BTreeMap<String, Leaf>,
    sections: BTreeSet<String>,
    tables: usize,
    problems: RefCell<Vec<Remark>>,
    findings: RefCell<Vec<Remark>>,
}

impl Raw {
    /// Takes a parsed file apart.
    pub(super) fn read(file: &Table) -> Self {
        let mut raw = Self::default();
        raw.section("", "", file);
        raw
    }

    /// Notes a problem.
    pub(super) fn problem(&self, key: impl Into<String>, text: impl Into<String>) {
        self.problems.borrow_mut().push(Remark::new(key, text));
    }

    /// Notes something doubtful that does not stop us.
    pub(super) fn finding(&self, key: impl Into<String>, text: impl Into<String>) {
        self.findings.borrow_mut().push(Remark::new(key, text));
    }

    /// All problems and findings.
    pub(super) fn remarks(self) -> (Vec<Remark>, Vec<Remark>) {
        (self.problems.into_inner(), self.findings.into_inner())
    }

    /// The top of the file.
    pub(super) fn top(&self) -> Section<'_> {
        Section { raw: self, shown: String::new(), known: String::new() }
    }

    /// Each `[[table]]`, in order.
    pub(super) fn tables(&self) -> impl Iterator<Item = Section<'_>> {
        (1..=self.tables).map(|number| Section {
            raw: self,
            shown: table_path(number),
            known: "table[]".into(),
        })
    }

    fn section(&mut self, known: &str, shown: &str, content: &Table) {
        self.sections.insert(shown.to_owned());
        for (name, value) in content {
            let (known_path, shown_path) = (join(known, name), join(shown, name));
            if let Some(kind) = keys::kind(&known_path) {
                self.leaf(&shown_path, kind, value);
            } else if known_path == "table" {
                self.table_list(value);
            } else if !keys::is_section(&known_path) {
                self.problem(shown_path, keys::advice(known, name));
            } else if let Value::Table(content) = value {
                self.section(&known_path, &shown_path, content);
            } else {
                self.problem(shown_path, "must be a section, with keys of its own");
            }
        }
    }

    fn table_list(&mut self, value: &Value) {
        let Value::Array(tables) = value else {
            return self.problem(
                "table",
                "must be written [[table]], with two brackets, once for each table",
            );
        };
        for value in tables {
            self.tables += 1;
            let shown = table_path(self.tables);
            match value {
                Value::Table(content) => self.section("table[]", &shown, content),
                _ => self.problem(shown, "must be a section, with keys of its own"),
            }
        }
    }

    fn leaf(&mut self, path: &str, kind: Kind, value: &Value) {
        let texts = |values: &[Value]| -> Option<Vec<String>> {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        };
        let leaf = match (kind, value) {
            (Kind::Text, Value::String(text)) => Some(Leaf::Text(text.clone())),
            (Kind::Integer, Value::Integer(number)) => Some(Leaf::Integer(*number)),
            (Kind::List, Value::Array(values)) => texts(values).map(Leaf::List),
            (Kind::Map, Value::Table(content)) => {
                let pair = |(name, value): (&String, &Value)| {
                    Some((name.clone(), value.as_str()?.to_owned()))
                };
                content.iter().map(pair).collect::<Option<_>>().map(Leaf::Map)
            }
            _ => None,
        };
        match leaf {
            Some(leaf) => drop(self.leaves.insert(path.to_owned(), leaf)),
            None => self.problem(path, format!("must be {}", kind.name())),
        }
    }
}

/// A section to read keys from. A key that is missing or was refused gives `None`.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    raw: &'a Raw,
    shown: String,
    known: String,
}

impl<'a> Section<'a> {
    /// A section within this one.
    pub(super) fn within(&self, name: &str) -> Self {
        Self { raw: self.raw, shown: join(&self.shown, name), known: join(&self.known, name) }
    }

    /// Whether the file has this section.
    pub(super) fn is_there(&self) -> bool {
        self.raw.sections.contains(&self.shown)
    }

    /// Path of a key, as the operator knows it.
    pub(super) fn path(&self, name: &str) -> String {
        join(&self.shown, name)
    }

    /// Notes a problem with a key.
    pub(super) fn problem(&self, name: &str, text: impl Into<String>) {
        self.raw.problem(self.path(name), text);
    }

    /// Notes something doubtful about a key.
    pub(super) fn finding(&self, name: &str, text: impl Into<String>) {
        self.raw.finding(self.path(name), text);
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.leaf(name, Kind::Text)? {
            Leaf::Text(text) => Some(text),
            Leaf::Integer(_) | Leaf::List(_) | Leaf::Map(_) => None,
        }
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.leaf(name, Kind::Integer)? {
            Leaf::Integer(number) => Some(*number),
            Leaf::Text(_) | Leaf::List(_) | Leaf::Map(_) => None,
        }
    }

    /// A list of texts.
    pub(super) fn list(&self, name: &str) -> Option<&'a [String]> {
        match self.leaf(name, Kind::List)? {
            Leaf::List(texts) => Some(texts),
            Leaf::Text(_) | Leaf::Integer(_) | Leaf::Map(_) => None,
        }
    }

    /// Texts under names.
    pub(super) fn map(&self, name: &str) -> Option<&'a BTreeMap<String, String>> {
        match self.leaf(name, Kind::Map)? {
            Leaf::Map(texts) => Some(texts),
            Leaf::Text(_) | Leaf::Integer(_) | Leaf::List(_) => None,
        }
    }

    /// Notes that a key or section is missing, unless something else was wrong with it.
    pub(super) fn missing(&self, name: &str, cure: &str) {
        let path = self.path(name);
        let noted = self.raw.problems.borrow().iter().any(|problem| problem.key == path);
        if !noted {
            self.raw.problem(path, format!("is missing: {cure}"));
        }
    }

    fn leaf(&self, name: &str, kind: Kind) -> Option<&'a Leaf> {
        let known = join(&self.known, name);
        assert!(
            keys::kind(&known) == Some(kind),
            "{known} is read as it stands in the list of keys"
        );
        self.raw.leaves.get(&self.path(name))
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Tables are counted from 1, as people do.
fn table_path(number: usize) -> String {
    format!("table[{number}]")
}
