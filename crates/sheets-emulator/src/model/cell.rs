//! One cell: what was entered, and what else hangs on it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::formula::Formula;

/// What a person or a program put into a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Entered {
    /// A number; dates and times are numbers with a date format.
    Number(f64),
    /// Text.
    Text(Box<str>),
    /// TRUE or FALSE.
    Bool(bool),
    /// A formula.
    Formula(Box<Formula>),
}

impl Entered {
    /// Text as it is.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The formula, if it is one.
    pub fn formula(&self) -> Option<&Formula> {
        match self {
            Self::Formula(formula) => Some(formula),
            _ => None,
        }
    }
}

/// A cell. The default is the empty one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// The entered value.
    pub entered: Option<Entered>,
    /// Format, note, validation: absent in most cells.
    pub extra: Option<Box<Extra>>,
}

/// What a cell carries beside its value. Shared JSON, kept as it came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extra {
    /// The note.
    pub note: Option<Box<str>>,
    /// `userEnteredFormat`.
    pub format: Option<Arc<Value>>,
    /// `dataValidation`.
    pub validation: Option<Arc<Value>>,
    /// `textFormatRuns`.
    pub runs: Option<Arc<Value>>,
}

impl Cell {
    /// Whether nothing is there at all.
    pub fn is_blank(&self) -> bool {
        self.entered.is_none() && self.extra.is_none()
    }

    /// Whether it holds a formula.
    pub fn has_formula(&self) -> bool {
        matches!(self.entered, Some(Entered::Formula(_)))
    }

    /// The note.
    pub fn note(&self) -> Option<&str> {
        self.extra.as_ref()?.note.as_deref()
    }

    /// The entered format.
    pub fn format(&self) -> Option<&Arc<Value>> {
        self.extra.as_ref()?.format.as_ref()
    }

    /// The entered number format, `{type, pattern?}`.
    pub fn number_format(&self) -> Option<&Value> {
        self.format()?.get("numberFormat")
    }

    /// The data validation rule.
    pub fn validation(&self) -> Option<&Arc<Value>> {
        self.extra.as_ref()?.validation.as_ref()
    }

    /// Changes what hangs on the cell; an empty rest is dropped.
    pub fn edit_extra(&mut self, edit: impl FnOnce(&mut Extra)) {
        let mut extra = self.extra.take().unwrap_or_default();
        edit(&mut extra);
        if extra.note.as_deref() == Some("") {
            extra.note = None;
        }
        if *extra != Extra::default() {
            self.extra = Some(extra);
        }
    }

    /// Replaces the number format and keeps the rest of the format.
    pub fn set_number_format(&mut self, kind: &str, pattern: &str) {
        self.edit_extra(|extra| {
            let mut format = extra.format.as_deref().cloned().unwrap_or_else(|| json!({}));
            format["numberFormat"] = json!({"type": kind, "pattern": pattern});
            extra.format = Some(Arc::new(format));
        });
    }
}

/// The kinds of cell errors the model can produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// `#ERROR!`: the formula cannot be read.
    Parse,
    /// `#DIV/0!`.
    DivideByZero,
    /// `#VALUE!`.
    Value,
    /// `#REF!`.
    Ref,
    /// `#NAME?`.
    Name,
    /// `#NUM!`.
    Num,
    /// `#N/A`.
    NotAvailable,
}

impl ErrorKind {
    /// The word in `errorValue.type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parse => "ERROR",
            Self::DivideByZero => "DIVIDE_BY_ZERO",
            Self::Value => "VALUE",
            Self::Ref => "REF",
            Self::Name => "NAME",
            Self::Num => "NUM",
            Self::NotAvailable => "N_A",
        }
    }

    /// What the cell shows.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Parse => "#ERROR!",
            Self::DivideByZero => "#DIV/0!",
            Self::Value => "#VALUE!",
            Self::Ref => "#REF!",
            Self::Name => "#NAME?",
            Self::Num => "#NUM!",
            Self::NotAvailable => "#N/A",
        }
    }
}

/// An error as the value of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// Which.
    pub kind: ErrorKind,
    /// The sentence shown on hover.
    pub message: Arc<str>,
}

impl CellError {
    /// An error with its sentence.
    pub fn new(kind: ErrorKind, message: &str) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The effective value of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Nothing.
    Empty,
    /// A number.
    Number(f64),
    /// Text.
    Text(Arc<str>),
    /// A boolean.
    Bool(bool),
    /// An error.
    Error(CellError),
}

impl Scalar {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The effective value as an `ExtendedValue`; `None` for an empty cell.
    pub fn to_extended(&self) -> Option<Value> {
        Some(match self {
            Self::Empty => return None,
            Self::Number(n) => json!({"numberValue": number_json(*n)}),
            Self::Text(text) => json!({"stringValue": text.as_ref()}),
            Self::Bool(b) => json!({"boolValue": b}),
            Self::Error(error) => json!({
                "errorValue": {"type": error.kind.word(), "message": error.message.as_ref()}
            }),
        })
    }

    /// The value as if it had been entered; an error becomes its text.
    pub fn to_entered(&self) -> Option<Entered> {
        Some(match self {
            Self::Empty => return None,
            Self::Number(n) => Entered::Number(*n),
            Self::Text(text) => Entered::text(text),
            Self::Bool(b) => Entered::Bool(*b),
            Self::Error(error) => Entered::text(error.kind.shown()),
        })
    }
}

/// A number as Google prints it in JSON: whole numbers without a fraction.
pub fn number_json(number: f64) -> Value {
    // 2^53: beyond it the f64 form is the honest one.
    if number.fract() == 0.0
        && number.abs() <= 9_007_199_254_740_992.0
        && let Ok(whole) = format!("{number:.0}").parse::<i64>()
    {
        return Value::from(whole);
    }
    Value::from(number)
}

/// A one-field JSON object.
pub fn object(key: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert(key.to_owned(), value);
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction_in_json() {
        assert_eq!(number_json(3.0).to_string(), "3");
        assert_eq!(number_json(2.5).to_string(), "2.5");
        assert_eq!(number_json(1e300).to_string(), "1e+300");
    }

    #[test]
    fn an_emptied_extra_is_dropped() {
        let mut cell = Cell::default();
        cell.edit_extra(|extra| extra.note = Some("n".into()));
        assert_eq!(cell.note(), Some("n"));
        cell.edit_extra(|extra| extra.note = Some("".into()));
        assert!(cell.is_blank());
    }
}
