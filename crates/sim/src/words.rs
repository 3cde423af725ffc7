//! Every value in a world is unique and says who wrote it, where and when, so that loss, doubling and misplacement can be decided without
//! doing the engine's work again.

use sheetwire_engine::{cell::Cell, value::Value};

/// Who wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// An application, into the database.
    App,
    /// A person, into the sheet.
    Person,
}

/// Where a value was written first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the word")]
pub struct Word {
    /// Who.
    pub author: Author,
    /// Table, by number.
    pub table: usize,
    /// Index of the mapped column; `None` for an own column of a person.
    pub column: Option<usize>,
    /// The row's key then, as the database or the sheet had it; `None` for a row without one.
    pub key: Option<String>,
    /// Which row of the sheet, through all its moves; 0 for an application's.
    pub row: u64,
    /// Whether the author took it back: typed over it, removed its row, wrote something else.
    pub withdrawn: bool,
    /// Whether a person made a copy of it elsewhere.
    pub copied: bool,
    /// Whether only the journal knew of it when somebody deleted the journal.
    pub excused: bool,
    /// Whether it stood in a cell of its tab at any time, or in the database.
    pub arrived: bool,
}

/// All values of a world, by number.
#[derive(Debug, Clone, Default)]
pub struct Words {
    all: Vec<Word>,
}

impl Words {
    /// A new value, in the form of its author: `a12` of an application, `u12` of a person.
    pub fn coin(&mut self, word: Word) -> String {
        let letter = match word.author {
            Author::App => 'a',
            Author::Person => 'u',
        };
        self.all.push(word);
        format!("{letter}{}", self.all.len() - 1)
    }

    /// The number of a value, however the database spells it.
    pub fn number(text: &str) -> Option<usize> {
        let mut letters = text.chars();
        if !matches!(letters.next(), Some('a' | 'A' | 'u' | 'U')) {
            return None;
        }
        letters.as_str().parse().ok()
    }

    /// The value.
    pub fn get(&self, text: &str) -> Option<&Word> {
        self.all.get(Self::number(text)?)
    }

    /// The value of this number.
    pub fn at(&self, number: usize) -> Option<&Word> {
        self.all.get(number)
    }

    /// The value of this number, to note something about it.
    pub fn at_mut(&mut self, number: usize) -> Option<&mut Word> {
        self.all.get_mut(number)
    }

    /// The value, to note something about it.
    pub fn get_mut(&mut self, text: &str) -> Option<&mut Word> {
        self.all.get_mut(Self::number(text)?)
    }

    /// Nobody has to answer for the value in this cell any more.
    pub fn excuse(&mut self, cell: &Cell) {
        if let Some(word) = of_cell(cell).and_then(|text| self.get_mut(text)) {
            word.excused = true;
        }
    }

    /// Every value with its number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Word)> {
        self.all.iter().enumerate()
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// The value in a cell, where there is one.
pub fn of_cell(cell: &Cell) -> Option<&str> {
    match cell.look() {
        Cell::Text(text) if Words::number(text).is_some() => Some(text),
        _ => None,
    }
}

/// The value in a column of a row of the database.
pub fn of_value(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) if Words::number(text).is_some() => Some(text),
        _ => None,
    }
}
