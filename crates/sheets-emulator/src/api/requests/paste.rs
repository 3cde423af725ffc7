//! `copyPaste` and `cutPaste`.

use serde_json::Value;

use super::Reply;
use super::cells::guard;
use crate::api::convert::{area, index, int, part, text};
use crate::api::error::ApiError;
use crate::model::Spreadsheet;
use crate::model::area::Rect;
use crate::model::cell::{Cell, Entered, Scalar};
use crate::model::eval::Evaluator;
use crate::model::grid::Sheet;
use crate::model::refs::{Reference, Tab};
use crate::model::structure::distance;

/// A copied block: its cells with their effective values, row by row.
struct Clip {
    rows: Vec<Vec<(Cell, Scalar)>>,
    rect: Rect,
}

impl Clip {
    fn take(book: &Spreadsheet, sheet: i64, rect: Rect, values: bool) -> Self {
        let eval = Evaluator::new(book);
        let cell = |row: usize, col: usize| {
            let cell = book.sheet(sheet).map(|tab| tab.copy(row, col)).unwrap_or_default();
            let value = if values { eval.value(sheet, row, col) } else { Scalar::Empty };
            (cell, value)
        };
        let rows =
            (rect.r0..rect.r1).map(|row| (rect.c0..rect.c1).map(|col| cell(row, col)).collect());
        Self { rows: rows.collect(), rect }
    }

    fn turned(mut self) -> Self {
        let width = self.rect.width();
        let rows = self.rows;
        self.rows =
            (0..width).map(|col| rows.iter().map(|row| row[col].clone()).collect()).collect();
        self
    }
}

/// `copyPaste`: a destination that is a multiple of the source is filled, any other takes the source's size.
pub(super) fn copy(book: &mut Spreadsheet, body: &Value) -> Reply {
    let source = area(book, part(body, "source"))?;
    let from = book.rect_of(&source)?;
    let target = area(book, part(body, "destination"))?;
    let to = book.rect_of(&target)?;
    if from.is_empty() || to.is_empty() {
        return Ok(None);
    }
    let kind = text(body, "pasteType").unwrap_or("PASTE_NORMAL");
    let mut clip = Clip::take(book, source.sheet, from, kind == "PASTE_VALUES");
    let turned = text(body, "pasteOrientation") == Some("TRANSPOSE");
    if turned {
        clip = clip.turned();
    }
    let (height, width) =
        if turned { (from.width(), from.height()) } else { (from.height(), from.width()) };
    let fill = |have: usize, unit: usize| if have.is_multiple_of(unit) { have } else { unit };
    let target_rect = Rect::at(to.r0, to.c0, fill(to.height(), height), fill(to.width(), width));
    check_room(book, target.sheet, target_rect)?;
    guard(book, target.sheet, target_rect)?;
    for row in target_rect.r0..target_rect.r1 {
        for col in target_rect.c0..target_rect.c1 {
            let (down, right) = ((row - to.r0) % height, (col - to.c0) % width);
            let (cell, value) = &clip.rows[down][right];
            let origin = if turned {
                (from.r0 + right, from.c0 + down)
            } else {
                (from.r0 + down, from.c0 + right)
            };
            let by = (distance(origin.0, row), distance(origin.1, col));
            let Some(tab) = book.sheet_mut(target.sheet) else { return Ok(None) };
            let mut new = tab.copy(row, col);
            put(&mut new, cell, value, by, kind);
            tab.put(row, col, new);
        }
    }
    if matches!(kind, "PASTE_NORMAL" | "PASTE_NO_BORDERS") && !turned {
        copy_merges(book, (source.sheet, from), (target.sheet, target_rect));
    }
    Ok(None)
}

fn check_room(book: &Spreadsheet, sheet: i64, rect: Rect) -> Result<(), ApiError> {
    let grid = book.sheet(sheet).map_or(rect, Sheet::bounds);
    if rect.r1 > grid.r1 || rect.c1 > grid.c1 {
        return Err(ApiError::invalid(format!(
            "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
            book.print_area(&rect.on(sheet)),
            grid.r1,
            grid.c1
        )));
    }
    Ok(())
}

fn put(new: &mut Cell, cell: &Cell, value: &Scalar, by: (isize, isize), kind: &str) {
    let old = cell.extra.as_deref().cloned().unwrap_or_default();
    match kind {
        "PASTE_VALUES" => new.entered = value.to_entered(),
        "PASTE_FORMULA" => new.entered = moved(cell, by),
        "PASTE_FORMAT" => new.edit_extra(|extra| {
            extra.format = old.format;
            extra.validation = old.validation;
        }),
        "PASTE_DATA_VALIDATION" => new.edit_extra(|extra| extra.validation = old.validation),
        "PASTE_CONDITIONAL_FORMATTING" => {}
        _ => {
            new.entered = moved(cell, by);
            new.extra.clone_from(&cell.extra);
            if kind == "PASTE_NO_BORDERS" {
                new.edit_extra(|extra| {
                    let format = extra.format.as_mut().map(std::sync::Arc::make_mut);
                    if let Some(map) = format.and_then(Value::as_object_mut) {
                        map.remove("borders");
                    }
                });
            }
        }
    }
}

fn moved(cell: &Cell, (down, right): (isize, isize)) -> Option<Entered> {
    match &cell.entered {
        Some(Entered::Formula(formula)) => {
            Some(Entered::Formula(Box::new(formula.copied(down, right))))
        }
        other => other.clone(),
    }
}

fn copy_merges(book: &mut Spreadsheet, (source, from): (i64, Rect), (target, to): (i64, Rect)) {
    let inside = |rect: &&Rect| {
        rect.r0 >= from.r0 && rect.r1 <= from.r1 && rect.c0 >= from.c0 && rect.c1 <= from.c1
    };
    let merges: Vec<Rect> = book
        .sheet(source)
        .map(|tab| tab.merges.iter().filter(inside).copied().collect())
        .unwrap_or_default();
    if merges.is_empty() {
        return;
    }
    let Some(tab) = book.sheet_mut(target) else { return };
    let down_steps = (0..to.height()).step_by(from.height());
    for down in down_steps {
        for right in (0..to.width()).step_by(from.width()) {
            for rect in &merges {
                let row = to.r0 + down + rect.r0 - from.r0;
                let col = to.c0 + right + rect.c0 - from.c0;
                let copy = Rect::at(row, col, rect.height(), rect.width());
                if !tab.merges.contains(&copy) {
                    tab.merges.push(copy);
                }
            }
        }
    }
}

/// `cutPaste`: cells move, and references to them follow.
pub(super) fn cut(book: &mut Spreadsheet, body: &Value) -> Reply {
    let source = area(book, part(body, "source"))?;
    let from = book.rect_of(&source)?;
    let corner = part(body, "destination");
    let target = int(corner, "sheetId").unwrap_or(0);
    let row = index(corner, "rowIndex")?.unwrap_or(0);
    let col = index(corner, "columnIndex")?.unwrap_or(0);
    book.rect_of(&Rect::at(row, col, 1, 1).on(target))?;
    let to = Rect::at(row, col, from.height(), from.width());
    check_room(book, target, to)?;
    guard(book, source.sheet, from)?;
    guard(book, target, to)?;
    let clip = Clip::take(book, source.sheet, from, false);
    if let Some(tab) = book.sheet_mut(source.sheet) {
        tab.blank(from);
    }
    let kind = text(body, "pasteType").unwrap_or("PASTE_NORMAL");
    let Some(tab) = book.sheet_mut(target) else { return Ok(None) };
    for (down, line) in clip.rows.iter().enumerate() {
        for (right, (cell, _)) in line.iter().enumerate() {
            let mut new = tab.copy(row + down, col + right);
            put(
                &mut new,
                cell,
                &Scalar::Empty,
                (0, 0),
                if kind == "PASTE_VALUES" { "PASTE_FORMULA" } else { kind },
            );
            tab.put(row + down, col + right, new);
        }
    }
    let by = (distance(from.r0, row), distance(from.c0, col));
    redirect(book, (source.sheet, from), target, by);
    Ok(None)
}

/// Points references into the cut block at its new place.
fn redirect(book: &mut Spreadsheet, (source, from): (i64, Rect), target: i64, by: (isize, isize)) {
    let homes: Vec<i64> = book.tabs().filter(|tab| tab.has_formulas()).map(|tab| tab.id).collect();
    for home in homes {
        let Some(tab) = book.sheet_mut(home) else { continue };
        for (row, col) in tab.formula_cells() {
            tab.edit(row, col, |cell| {
                if let Some(Entered::Formula(formula)) = &mut cell.entered {
                    let change =
                        |reference: &Reference| follow(reference, home, (source, from), target, by);
                    if let Some(new) = formula.mapped(change) {
                        **formula = new;
                    }
                }
            });
        }
    }
}

fn follow(
    reference: &Reference,
    home: i64,
    (source, from): (i64, Rect),
    target: i64,
    by: (isize, isize),
) -> Option<Reference> {
    let (rows, cols) = reference.spans()?;
    let inside = rows.start? >= from.r0
        && rows.end? <= from.r1
        && cols.start? >= from.c0
        && cols.end? <= from.c1;
    if reference.sheet(home) != Some(source) || !inside {
        return None;
    }
    let slide = |pin: crate::model::refs::Pin, steps: isize| {
        pin.index.checked_add_signed(steps).map(|index| crate::model::refs::Pin { index, ..pin })
    };
    let corner = |corner: crate::model::refs::Corner| crate::model::refs::Corner {
        row: corner.row.and_then(|pin| slide(pin, by.0)),
        col: corner.col.and_then(|pin| slide(pin, by.1)),
    };
    let (first, last) = reference.corners?;
    let tab = if home == target { Tab::Own } else { Tab::Known(target) };
    Some(Reference { tab, corners: Some((corner(first), last.map(corner))) })
}
