//! The basic filter of a tab: which rows it hides, and how it sorts them.

use serde_json::Value;

use super::Spreadsheet;
use super::area::{Area, Rect};
use super::cell::{Cell, Scalar};
use super::eval::Evaluator;
use super::format;
use super::grid::Sheet;
use super::human::sorted_order;
use crate::api::convert::{index, list, part, text};
use crate::api::error::ApiError;

/// What one column of a filter lets through.
struct Criterion {
    column: usize,
    hidden: Vec<String>,
    condition: Option<Condition>,
}

enum Condition {
    Blank(bool),
    Contains(String, bool),
    Starts(String),
    Ends(String),
    Equals(String, bool),
    Number(fn(f64, f64) -> bool, f64),
}

impl Condition {
    fn read(value: &Value) -> Result<Self, ApiError> {
        let first = list(value, "values").first();
        let operand = first.and_then(|it| text(it, "userEnteredValue")).unwrap_or_default();
        let lower = operand.to_lowercase();
        let number = |test: fn(f64, f64) -> bool| {
            let limit = operand.parse().map_err(|_| {
                ApiError::invalid(format!(
                    "condition.values[0].userEnteredValue {operand:?} is no number."
                ))
            });
            limit.map(|limit| Self::Number(test, limit))
        };
        match text(value, "type").unwrap_or("CONDITION_TYPE_UNSPECIFIED") {
            "BLANK" => Ok(Self::Blank(true)),
            "NOT_BLANK" => Ok(Self::Blank(false)),
            "TEXT_CONTAINS" => Ok(Self::Contains(lower, true)),
            "TEXT_NOT_CONTAINS" => Ok(Self::Contains(lower, false)),
            "TEXT_STARTS_WITH" => Ok(Self::Starts(lower)),
            "TEXT_ENDS_WITH" => Ok(Self::Ends(lower)),
            "TEXT_EQ" => Ok(Self::Equals(lower, true)),
            "TEXT_NOT_EQ" => Ok(Self::Equals(lower, false)),
            "NUMBER_GREATER" => number(|value, limit| value > limit),
            "NUMBER_GREATER_THAN_EQ" => number(|value, limit| value >= limit),
            "NUMBER_LESS" => number(|value, limit| value < limit),
            "NUMBER_LESS_THAN_EQ" => number(|value, limit| value <= limit),
            "NUMBER_EQ" => number(|value, limit| value.total_cmp(&limit).is_eq()),
            "NUMBER_NOT_EQ" => number(|value, limit| value.total_cmp(&limit).is_ne()),
            other => Err(ApiError::invalid(format!(
                "The condition {other} of a filter is not modelled by this emulator."
            ))),
        }
    }

    fn holds(&self, value: &Scalar, shown: &str) -> bool {
        let shown = shown.to_lowercase();
        match self {
            Self::Blank(wanted) => shown.is_empty() == *wanted,
            Self::Contains(part, wanted) => shown.contains(part) == *wanted,
            Self::Starts(part) => shown.starts_with(part),
            Self::Ends(part) => shown.ends_with(part),
            Self::Equals(whole, wanted) => (shown == *whole) == *wanted,
            Self::Number(test, limit) => {
                matches!(value, Scalar::Number(number) if test(*number, *limit))
            }
        }
    }
}

/// The criteria of both forms, the map by column and the newer list.
fn criteria(filter: &Value, columns: Rect) -> Result<Vec<Criterion>, ApiError> {
    let mut found: Vec<(usize, &Value)> = Vec::new();
    if let Some(map) = part(filter, "criteria").as_object() {
        for (column, criteria) in map {
            let column = column.parse().map_err(|_| {
                ApiError::invalid(format!("filter.criteria key {column:?} is no column index."))
            })?;
            found.push((column, criteria));
        }
    }
    for spec in list(filter, "filterSpecs") {
        found.push((index(spec, "columnIndex")?.unwrap_or(0), part(spec, "filterCriteria")));
    }
    let read = |(column, value): (usize, &Value)| {
        inside(column, columns, "filterSpecs.columnIndex")?;
        let hidden = list(value, "hiddenValues").iter().filter_map(Value::as_str);
        let condition = part(value, "condition");
        Ok(Criterion {
            column,
            hidden: hidden.map(str::to_owned).collect(),
            condition: (!condition.is_null()).then(|| Condition::read(condition)).transpose()?,
        })
    };
    found.into_iter().map(read).collect()
}

fn inside(column: usize, columns: Rect, what: &str) -> Result<(), ApiError> {
    if (columns.c0..columns.c1).contains(&column) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{what}[{column}] must be within the range.")))
}

impl Spreadsheet {
    /// Sets the filter of a tab: sorts the rows below its first one, then hides what its criteria do not let through.
    ///
    /// Returns the sorted rectangle and the order of its rows, old offsets in new order, where it sorts.
    pub(crate) fn set_filter(
        &mut self,
        area: Area,
        filter: Value,
    ) -> Result<Option<(Rect, Vec<usize>)>, ApiError> {
        let whole = self.rect_of(&area)?;
        let criteria = criteria(&filter, whole)?;
        let mut specs = Vec::new();
        for spec in list(&filter, "sortSpecs") {
            let column = index(spec, "dimensionIndex")?.unwrap_or(0);
            inside(column, whole, "sortSpecs.dimensionIndex")?;
            specs.push((column, text(spec, "sortOrder") == Some("DESCENDING")));
        }
        let data_end = self.sheet(area.sheet).map_or(0, Sheet::data_end);
        // The first row of the range is its header.
        let r0 = whole.r0 + 1;
        let rows = Rect { r0, r1: whole.r1.min(data_end).max(r0), ..whole };
        let mut sorted = None;
        if !specs.is_empty() && rows.height() > 1 {
            self.check_protection(&rows.on(area.sheet))?;
            let order = sorted_order(self, area.sheet, rows, &specs);
            self.reorder_rows(area.sheet, rows, &order);
            sorted = Some((rows, order));
        }
        let hidden: Vec<usize> = {
            let eval = Evaluator::new(self);
            let blank = Cell::default();
            let tab = self.sheet(area.sheet);
            let passes = |row: usize, criterion: &Criterion| {
                let value = eval.value(area.sheet, row, criterion.column);
                let cell = tab.and_then(|tab| tab.cell(row, criterion.column)).unwrap_or(&blank);
                let shown = format::shown(&value, cell.number_format());
                !criterion.hidden.contains(&shown)
                    && criterion.condition.as_ref().is_none_or(|it| it.holds(&value, &shown))
            };
            (rows.r0..rows.r1).filter(|row| !criteria.iter().all(|it| passes(*row, it))).collect()
        };
        if let Some(tab) = self.sheet_mut(area.sheet) {
            tab.clear_filter();
            for row in hidden {
                tab.row_sizes.entry(row).or_default().filtered = true;
            }
            tab.filter = Some((area, filter));
        }
        Ok(sorted)
    }
}

impl Sheet {
    /// Takes the filter away; what it hid is seen again, and stays sorted.
    pub(crate) fn clear_filter(&mut self) {
        self.filter = None;
        for size in self.row_sizes.values_mut() {
            size.filtered = false;
        }
    }

    /// Whether the filter hides the row.
    pub(crate) fn filtered(&self, row: usize) -> bool {
        self.row_sizes.get(&row).is_some_and(|size| size.filtered)
    }
}
