//! `findReplace`.

use serde_json::{Map, Value};

use super::Reply;
use super::cells::guard;
use crate::api::convert::{area, check_length, flag, int, part, text};
use crate::api::error::ApiError;
use crate::model::Spreadsheet;
use crate::model::area::{Area, Rect};
use crate::model::cell::{Cell, Entered};
use crate::model::eval::Evaluator;
use crate::model::format;

struct Search<'b> {
    find: &'b str,
    lower: String,
    replacement: &'b str,
    case: bool,
    entire: bool,
    formulas: bool,
}

/// `findReplace`: plain text in what cells show, or in formulas too; regular expressions are not modelled.
pub(super) fn replace(book: &mut Spreadsheet, body: &Value) -> Reply {
    let find = text(body, "find").unwrap_or("");
    if find.is_empty() {
        return Err(ApiError::invalid("find must be set."));
    }
    if flag(body, "searchByRegex") {
        return Err(ApiError::invalid("searchByRegex is not modelled by this emulator."));
    }
    let search = Search {
        find,
        lower: find.to_lowercase(),
        replacement: text(body, "replacement").unwrap_or(""),
        case: flag(body, "matchCase"),
        entire: flag(body, "matchEntireCell"),
        formulas: flag(body, "includeFormulas"),
    };
    let mut counts = Counts::default();
    for (sheet, rect) in scope(book, body)? {
        let before = counts.occurrences;
        run(book, sheet, rect, &search, &mut counts)?;
        counts.sheets += usize::from(counts.occurrences > before);
    }
    Ok(Some(counts.to_json()))
}

fn scope(book: &Spreadsheet, body: &Value) -> Result<Vec<(i64, Rect)>, ApiError> {
    let range = part(body, "range");
    match (range.is_null(), int(body, "sheetId"), flag(body, "allSheets")) {
        (true, None, true) => Ok(book.tabs().map(|tab| (tab.id, tab.bounds())).collect()),
        (true, Some(id), false) => Ok(vec![(id, book.rect_of(&Area::whole(id))?)]),
        (false, None, false) => {
            let area = area(book, range)?;
            Ok(vec![(area.sheet, book.rect_of(&area)?)])
        }
        _ => Err(ApiError::invalid("Must specify exactly one of: range, sheetId, allSheets")),
    }
}

#[derive(Default)]
struct Counts {
    values: usize,
    formulas: usize,
    rows: usize,
    sheets: usize,
    occurrences: usize,
}

impl Counts {
    fn to_json(&self) -> Value {
        let mut out = Map::new();
        for (key, count) in [
            ("valuesChanged", self.values),
            ("formulasChanged", self.formulas),
            ("rowsChanged", self.rows),
            ("sheetsChanged", self.sheets),
            ("occurrencesChanged", self.occurrences),
        ] {
            if count > 0 {
                out.insert(key.into(), count.into());
            }
        }
        Value::Object(out)
    }
}

fn run(
    book: &mut Spreadsheet,
    sheet: i64,
    rect: Rect,
    search: &Search<'_>,
    counts: &mut Counts,
) -> Result<(), ApiError> {
    let mut changes: Vec<(usize, usize, String, usize, bool)> = Vec::new();
    {
        let eval = Evaluator::new(book);
        let Some(tab) = book.sheet(sheet) else { return Ok(()) };
        for (row, col, cell) in tab.stored_in(rect) {
            let (shown, formula) = match &cell.entered {
                None => continue,
                Some(Entered::Formula(_)) if !search.formulas => continue,
                Some(Entered::Formula(formula)) => (book.formula_text(formula), true),
                Some(_) => {
                    (format::shown(&eval.value(sheet, row, col), cell.number_format()), false)
                }
            };
            if let Some((new, count)) = search.apply(&shown) {
                changes.push((row, col, new, count, formula));
            }
        }
    }
    let mut last_row = None;
    for (row, col, new, count, formula) in changes {
        check_length(&new)?;
        guard(book, sheet, Rect::at(row, col, 1, 1))?;
        let mut cell: Cell = book.sheet(sheet).map(|tab| tab.copy(row, col)).unwrap_or_default();
        book.type_into(&mut cell, &new);
        if let Some(tab) = book.sheet_mut(sheet) {
            tab.put(row, col, cell);
        }
        counts.occurrences += count;
        counts.values += usize::from(!formula);
        counts.formulas += usize::from(formula);
        counts.rows += usize::from(last_row != Some(row));
        last_row = Some(row);
    }
    Ok(())
}

impl Search<'_> {
    /// The text after replacing, and how often; `None` when nothing matches.
    fn apply(&self, shown: &str) -> Option<(String, usize)> {
        if self.entire {
            let same =
                if self.case { shown == self.find } else { shown.to_lowercase() == self.lower };
            return same.then(|| (self.replacement.to_owned(), 1));
        }
        let mut out = String::new();
        let mut count = 0;
        let mut rest = shown;
        while let Some(first) = rest.chars().next() {
            if let Some(length) = self.matched(rest) {
                out.push_str(self.replacement);
                rest = &rest[length..];
                count += 1;
            } else {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        (count > 0).then_some((out, count))
    }

    /// Length in bytes of the match at the start of the text.
    fn matched(&self, rest: &str) -> Option<usize> {
        if self.case {
            return rest.starts_with(self.find).then_some(self.find.len());
        }
        let wanted = self.find.chars().count();
        let length = rest.char_indices().nth(wanted).map_or(rest.len(), |(at, _)| at);
        (rest[..length].to_lowercase() == self.lower).then_some(length)
    }
}
