//! Rows, columns and blocks that move, and everything that points at them and must follow.

use std::sync::Arc;

use super::Spreadsheet;
use super::area::{Area, Rect};
use super::cell::{Cell, Entered};
use super::metadata::Place;
use super::shift::{Axis, Move, Shift};

impl Spreadsheet {
    /// Inserts, deletes or moves whole rows or columns. The caller has checked bounds, limits and protections.
    pub(crate) fn move_dimension(&mut self, sheet: i64, axis: Axis, by: Move) {
        let shift = Shift { sheet, axis, by, cross: None };
        if let Some(tab) = self.sheet_mut(sheet) {
            tab.shift(axis, &shift.by);
            let size = match axis {
                Axis::Rows => &mut tab.rows,
                Axis::Cols => &mut tab.cols,
            };
            match shift.by {
                Move::Insert { count, .. } => *size += count,
                Move::Delete { count, .. } => *size -= count,
                Move::Block { .. } | Move::Permute { .. } => {}
            }
        }
        self.follow(&shift);
    }

    /// Reorders the rows of a rectangle; `order[new]` is the old offset. Formulas move like copies.
    ///
    /// Row metadata follows where the rectangle holds every stored column of its rows, which is what a person
    /// calls sorting rows; a narrower sort moves cells only.
    pub(crate) fn reorder_rows(&mut self, sheet: i64, rect: Rect, order: &[usize]) {
        let Some(tab) = self.sheet_mut(sheet) else { return };
        let whole = rect.c0 == 0 && rect.c1 >= tab.width_used(rect.r0, rect.r1);
        let by = Move::Permute { start: rect.r0, order: order.to_vec() };
        if whole {
            tab.shift(Axis::Rows, &by);
        } else {
            let old: Vec<Vec<Cell>> = (rect.r0..rect.r1)
                .map(|row| (rect.c0..rect.c1).map(|col| tab.copy(row, col)).collect())
                .collect();
            for (new, from) in order.iter().enumerate() {
                for (offset, cell) in old[*from].iter().enumerate() {
                    tab.put(rect.r0 + new, rect.c0 + offset, cell.clone());
                }
            }
        }
        if tab.has_formulas() {
            let cells: Vec<_> = tab
                .stored_in(rect)
                .filter(|(_, _, cell)| cell.has_formula())
                .map(|(row, col, _)| (row, col))
                .collect();
            for (row, col) in cells {
                let down = distance(rect.r0 + order[row - rect.r0], row);
                tab.edit(row, col, |cell| {
                    if let Some(Entered::Formula(formula)) = &mut cell.entered {
                        **formula = formula.copied(down, 0);
                    }
                });
            }
        }
        let cross = (!whole).then_some((rect.c0, rect.c1));
        self.follow(&Shift { sheet, axis: Axis::Rows, by, cross });
    }

    /// Pushes the cells of a rectangle, and what is behind it, down or right by the rectangle's size.
    pub(crate) fn push_block(&mut self, sheet: i64, rect: Rect, axis: Axis) {
        let (at, count, cross) = along(rect, axis);
        self.slide_block(&Shift {
            sheet,
            axis,
            by: Move::Insert { at, count },
            cross: Some(cross),
        });
    }

    /// Deletes the cells of a rectangle and pulls what is behind it up or left.
    pub(crate) fn pull_block(&mut self, sheet: i64, rect: Rect, axis: Axis) {
        let (at, count, cross) = along(rect, axis);
        self.slide_block(&Shift {
            sheet,
            axis,
            by: Move::Delete { at, count },
            cross: Some(cross),
        });
    }

    fn slide_block(&mut self, shift: &Shift) {
        let Some((start, end)) = shift.cross else { return };
        let Some(tab) = self.sheet_mut(shift.sheet) else { return };
        let band = match shift.axis {
            Axis::Rows => Rect { r0: 0, r1: tab.rows, c0: start, c1: end },
            Axis::Cols => Rect { r0: start, r1: end, c0: 0, c1: tab.cols },
        };
        let old: Vec<(usize, usize, Cell)> =
            tab.stored_in(band).map(|(row, col, cell)| (row, col, cell.clone())).collect();
        tab.blank(band);
        for (row, col, cell) in old {
            if let Some((row, col)) = shift.cell(row, col) {
                tab.rows = tab.rows.max(row + 1);
                tab.cols = tab.cols.max(col + 1);
                tab.put(row, col, cell);
            }
        }
        self.follow(shift);
    }

    /// Lets formulas, names, protections, merges, filters, rules, metadata and the undo list follow a shift.
    pub(crate) fn follow(&mut self, shift: &Shift) {
        let permuted = matches!(shift.by, Move::Permute { .. });
        if !permuted {
            self.follow_formulas(shift);
            self.follow_areas(shift);
        }
        if shift.cross.is_none() && !self.metadata.is_empty() {
            Arc::make_mut(&mut self.metadata).retain_mut(|entry| {
                let place = match (entry.place, shift.axis) {
                    (Place::Row(sheet, row), Axis::Rows) if sheet == shift.sheet => {
                        shift.by.index(row).map(|row| Place::Row(sheet, row))
                    }
                    (Place::Column(sheet, col), Axis::Cols) if sheet == shift.sheet => {
                        shift.by.index(col).map(|col| Place::Column(sheet, col))
                    }
                    (place, _) => Some(place),
                };
                place.inspect(|place| entry.place = *place).is_some()
            });
        }
        if !self.undo.is_empty() {
            Arc::make_mut(&mut self.undo).retain_mut(|undo| undo.follow(shift));
        }
    }

    fn follow_formulas(&mut self, shift: &Shift) {
        for sheet in &mut self.sheets {
            let home = sheet.id;
            let changes: Vec<_> = sheet
                .formula_cells()
                .into_iter()
                .filter_map(|(row, col)| {
                    let formula = sheet.cell(row, col)?.entered.as_ref()?.formula()?;
                    Some((row, col, formula.shifted(home, shift)?))
                })
                .collect();
            for (row, col, formula) in changes {
                Arc::make_mut(sheet).edit(row, col, |cell| {
                    cell.entered = Some(Entered::Formula(Box::new(formula)));
                });
            }
        }
    }

    fn follow_areas(&mut self, shift: &Shift) {
        if !self.names.is_empty() {
            Arc::make_mut(&mut self.names).retain_mut(|named| keep(&mut named.area, shift));
        }
        if !self.protections.is_empty() {
            Arc::make_mut(&mut self.protections).retain_mut(|protection| {
                match &mut protection.area {
                    Some(area) => keep(area, shift),
                    None => true,
                }
            });
        }
        let Some(tab) = self.sheet_mut(shift.sheet) else { return };
        let sheet = tab.id;
        tab.merges.retain_mut(|rect| match shift.area(rect.on(sheet)) {
            Some(Area { rows, cols, .. }) => {
                let (r0, r1) = rows.within(usize::MAX);
                let (c0, c1) = cols.within(usize::MAX);
                *rect = Rect { r0, r1, c0, c1 };
                true
            }
            None => false,
        });
        if let Some((area, value)) = tab.filter.take() {
            match shift.area(area) {
                Some(area) => tab.filter = Some((area, value)),
                None => tab.clear_filter(),
            }
        }
        for (areas, _) in &mut tab.rules {
            areas.retain_mut(|area| keep(area, shift));
        }
        tab.rules.retain(|(areas, _)| !areas.is_empty());
    }
}

fn keep(area: &mut Area, shift: &Shift) -> bool {
    match shift.area(*area) {
        Some(after) => {
            *area = after;
            true
        }
        None => false,
    }
}

fn along(rect: Rect, axis: Axis) -> (usize, usize, (usize, usize)) {
    match axis {
        Axis::Rows => (rect.r0, rect.height(), (rect.c0, rect.c1)),
        Axis::Cols => (rect.c0, rect.width(), (rect.r0, rect.r1)),
    }
}

/// How far `to` lies after `from`.
pub(crate) fn distance(from: usize, to: usize) -> isize {
    let signed = |index: usize| isize::try_from(index).unwrap_or(isize::MAX);
    signed(to) - signed(from)
}
