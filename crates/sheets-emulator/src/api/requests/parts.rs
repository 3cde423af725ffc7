//! The parts of a cell that a field mask selects, read from `CellData` and written into cells.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::Value;

use crate::api::convert::{entered, part, text};
use crate::api::error::ApiError;
use crate::api::fields::Mask;
use crate::model::Spreadsheet;
use crate::model::cell::{Cell, Entered, object};

type Format = Option<Arc<Value>>;

/// Which parts of a cell a request writes. Worked out once for all its cells.
#[expect(clippy::struct_excessive_bools, reason = "one per part of a cell that a mask may name")]
pub(super) struct Parts {
    value: bool,
    note: bool,
    validation: bool,
    runs: bool,
    format: Option<Mask>,
    /// Old format, new format, result: the same overlay is asked for cell after cell.
    last: RefCell<Option<(Format, Format, Format)>>,
}

impl Parts {
    /// The parts named by a mask over `CellData`.
    pub(super) fn of(mask: &Mask) -> Self {
        Self {
            value: mask.wants("userEnteredValue"),
            note: mask.wants("note"),
            validation: mask.wants("dataValidation"),
            runs: mask.wants("textFormatRuns"),
            format: mask.below("userEnteredFormat"),
            last: RefCell::new(None),
        }
    }

    /// Reads a `CellData` as a pattern cell for [`Self::put`].
    pub(super) fn read(
        &self,
        book: &mut Spreadsheet,
        sheet: i64,
        data: &Value,
    ) -> Result<Cell, ApiError> {
        let mut pattern = Cell::default();
        if self.value {
            pattern.entered = entered(book, part(data, "userEnteredValue"))?;
        }
        let given =
            |key: &str, wanted: bool| data.get(key).filter(|value| wanted && !value.is_null());
        let validation =
            given("dataValidation", self.validation).map(|rule| Arc::new(rule.clone()));
        let runs = given("textFormatRuns", self.runs).map(|runs| Arc::new(runs.clone()));
        let note = text(data, "note").filter(|_| self.note);
        let format = match given("userEnteredFormat", self.format.is_some()) {
            Some(format) if format.as_object().is_some_and(|map| !map.is_empty()) => {
                check_format(format)?;
                book.sheet_mut(sheet).map(|tab| tab.share_format(format))
            }
            _ => None,
        };
        if note.is_some() || format.is_some() || validation.is_some() || runs.is_some() {
            pattern.edit_extra(|extra| {
                extra.note = note.map(Into::into);
                extra.format = format;
                extra.validation = validation;
                extra.runs = runs;
            });
        }
        Ok(pattern)
    }

    /// Writes the parts of `pattern` into a cell `down` and `right` of the one it was read for.
    pub(super) fn put(&self, pattern: &Cell, cell: &mut Cell, down: usize, right: usize) {
        if self.value {
            cell.entered.clone_from(&pattern.entered);
            let by = |steps: usize| isize::try_from(steps).unwrap_or(isize::MAX);
            if let (Some(Entered::Formula(formula)), true) = (&mut cell.entered, down + right > 0) {
                **formula = formula.copied(by(down), by(right));
            }
        }
        if cell.extra.is_none() && pattern.extra.is_none() {
            return;
        }
        let new = pattern.extra.as_deref().cloned().unwrap_or_default();
        cell.edit_extra(|extra| {
            if self.note {
                extra.note = new.note;
            }
            if self.validation {
                extra.validation = new.validation;
            }
            if self.runs {
                extra.runs = new.runs;
            }
            match &self.format {
                Some(mask) if mask.is_everything() => extra.format = new.format,
                Some(mask) => extra.format = self.overlaid(extra.format.take(), new.format, mask),
                None => {}
            }
        });
    }

    fn overlaid(&self, old: Format, new: Format, mask: &Mask) -> Format {
        let same = |a: &Format, b: &Format| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let mut last = self.last.borrow_mut();
        if let Some((known_old, known_new, result)) = last.as_ref()
            && same(known_old, &old)
            && same(known_new, &new)
        {
            return result.clone();
        }
        let result = overlay(old.as_deref(), new.as_deref(), mask);
        *last = Some((old, new, result.clone()));
        result
    }
}

fn check_format(format: &Value) -> Result<(), ApiError> {
    let number = part(format, "numberFormat");
    let untyped = text(number, "type").is_none_or(|kind| kind.ends_with("UNSPECIFIED"));
    if !number.is_null() && untyped {
        return Err(ApiError::invalid(
            "Invalid value for userEnteredFormat.numberFormat: type must be set.",
        ));
    }
    Ok(())
}

/// The old format with the fields of the mask taken from the new one; what the new one lacks is removed.
fn overlay(old: Option<&Value>, new: Option<&Value>, mask: &Mask) -> Format {
    let mut merged = old.cloned().unwrap_or(Value::Null);
    merge(&mut merged, new.unwrap_or(&Value::Null), mask);
    let empty = merged.as_object().is_none_or(serde_json::Map::is_empty);
    (!empty).then(|| Arc::new(merged))
}

/// Copies the selected fields of `new` over `old`; a selected field that `new` lacks is removed.
pub(super) fn merge(old: &mut Value, new: &Value, mask: &Mask) {
    if mask.is_everything() || mask.names().any(|name| name == "*") {
        *old = new.clone();
        return;
    }
    for name in mask.names() {
        let Some(below) = mask.below(name) else { continue };
        let mut inner = old.get(name).cloned().unwrap_or(Value::Null);
        merge(&mut inner, new.get(name).unwrap_or(&Value::Null), &below);
        let gone = inner.is_null() || inner.as_object().is_some_and(serde_json::Map::is_empty);
        match (old.as_object_mut(), gone) {
            (Some(map), true) => {
                map.shift_remove(name);
            }
            (Some(map), false) => {
                map.insert(name.to_owned(), inner);
            }
            (None, true) => {}
            (None, false) => *old = object(name, inner),
        }
    }
}
