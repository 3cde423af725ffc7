//! How rows or columns of a tab move, and where an index, a span or an area is afterwards.

use super::area::{Area, Span};

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Rows.
    Rows,
    /// Columns.
    Cols,
}

/// What happens to the indexes of one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// `count` new indexes appear before `at`.
    Insert {
        /// First new index.
        at: usize,
        /// How many.
        count: usize,
    },
    /// The indexes `at..at + count` vanish.
    Delete {
        /// First index that vanishes.
        at: usize,
        /// How many.
        count: usize,
    },
    /// The block `from..from + count` goes before `to`, counted before the move.
    Block {
        /// First index of the block.
        from: usize,
        /// Its length.
        count: usize,
        /// Where it lands.
        to: usize,
    },
    /// Index `start + new` holds what was at `start + order[new]`.
    Permute {
        /// First index that takes part.
        start: usize,
        /// Old offsets in their new order.
        order: Vec<usize>,
    },
}

/// A [`Move`] on one axis of one tab; with `cross`, only cells in that run of the other axis move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// `sheetId` of the tab.
    pub sheet: i64,
    /// Which axis.
    pub axis: Axis,
    /// What moves.
    pub by: Move,
    /// Limits on the other axis (half-open), or everything.
    pub cross: Option<(usize, usize)>,
}

impl Move {
    /// Where `index` is afterwards; `None` when it is gone.
    pub fn index(&self, index: usize) -> Option<usize> {
        match *self {
            Self::Insert { at, count } => Some(if index >= at { index + count } else { index }),
            Self::Delete { at, .. } if index < at => Some(index),
            Self::Delete { at, count } => (index >= at + count).then(|| index - count),
            Self::Block { from, count, to } => Some(block(index, from, count, to)),
            Self::Permute { start, ref order } => match index.checked_sub(start) {
                Some(offset) if offset < order.len() => {
                    order.iter().position(|old| *old == offset).map(|new| start + new)
                }
                _ => Some(index),
            },
        }
    }

    /// Where the run `start..end` is afterwards; `None` when all of it is gone. A permutation leaves runs alone.
    pub fn run(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        match *self {
            Self::Insert { at, count } => {
                let shift = |i: usize, moves: bool| if moves { i + count } else { i };
                Some((shift(start, start >= at), shift(end, end > at)))
            }
            Self::Delete { at, count } => {
                let cut = |i: usize| if i <= at { i } else { i.saturating_sub(count).max(at) };
                let (start, end) = (cut(start), cut(end));
                (start < end).then_some((start, end))
            }
            Self::Block { from, count, to } => {
                let first = block(start, from, count, to);
                let last = block(end.max(start + 1) - 1, from, count, to);
                Some((first.min(last), first.max(last) + 1))
            }
            Self::Permute { .. } => Some((start, end)),
        }
    }

    /// Where a possibly open span is afterwards.
    pub fn span(&self, span: Span) -> Option<Span> {
        match (span.start, span.end) {
            (None, None) => Some(span),
            (Some(start), Some(end)) => self.run(start, end).map(|(s, e)| Span::new(s, e)),
            (Some(start), None) => {
                let (start, _) = self.run(start, usize::MAX / 2)?;
                Some(Span { start: Some(start), end: None })
            }
            (None, Some(end)) => {
                let (_, end) = self.run(0, end)?;
                Some(Span { start: None, end: Some(end) })
            }
        }
    }
}

fn block(index: usize, from: usize, count: usize, to: usize) -> usize {
    let end = from + count;
    if (from..=end).contains(&to) {
        return index;
    }
    if (from..end).contains(&index) {
        if to > from { index + to - end } else { index - (from - to) }
    } else if to > end && (end..to).contains(&index) {
        index - count
    } else if to < from && (to..from).contains(&index) {
        index + count
    } else {
        index
    }
}

impl Shift {
    /// Where a cell of this tab is afterwards.
    pub fn cell(&self, row: usize, col: usize) -> Option<(usize, usize)> {
        let (along, across) = match self.axis {
            Axis::Rows => (row, col),
            Axis::Cols => (col, row),
        };
        if self.cross.is_some_and(|(start, end)| !(start..end).contains(&across)) {
            return Some((row, col));
        }
        let along = self.by.index(along)?;
        Some(match self.axis {
            Axis::Rows => (along, col),
            Axis::Cols => (row, along),
        })
    }

    /// Where an area is afterwards; areas of other tabs stay, `None` when all of it is gone.
    pub fn area(&self, area: Area) -> Option<Area> {
        if area.sheet != self.sheet {
            return Some(area);
        }
        let across = match self.axis {
            Axis::Rows => area.cols,
            Axis::Cols => area.rows,
        };
        if let Some((start, end)) = self.cross {
            let inside =
                across.start.is_some_and(|s| s >= start) && across.end.is_some_and(|e| e <= end);
            if !inside {
                return Some(area);
            }
        }
        Some(match self.axis {
            Axis::Rows => Area { rows: self.by.span(area.rows)?, ..area },
            Axis::Cols => Area { cols: self.by.span(area.cols)?, ..area },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_moves_up_and_down() {
        let apply = |from, count, to| -> Vec<usize> {
            let by = Move::Block { from, count, to };
            let mut out = vec![0; 6];
            for old in 0..6 {
                out[by.index(old).unwrap()] = old;
            }
            out
        };
        assert_eq!(apply(0, 2, 5), [2, 3, 4, 0, 1, 5]);
        assert_eq!(apply(3, 2, 1), [0, 3, 4, 1, 2, 5]);
        assert_eq!(apply(1, 1, 1), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn deletes_shrink_runs_and_inserts_widen_them() {
        let delete = Move::Delete { at: 2, count: 3 };
        assert_eq!(delete.run(0, 10), Some((0, 7)));
        assert_eq!(delete.run(3, 5), None);
        assert_eq!(delete.run(4, 8), Some((2, 5)));
        assert_eq!(delete.index(1), Some(1));
        assert_eq!(delete.index(4), None);
        let insert = Move::Insert { at: 2, count: 3 };
        assert_eq!(insert.run(0, 2), Some((0, 2)));
        assert_eq!(insert.run(1, 3), Some((1, 6)));
        assert_eq!(insert.run(2, 3), Some((5, 6)));
    }

    #[test]
    fn a_permutation_carries_indexes_but_not_runs() {
        let by = Move::Permute { start: 1, order: vec![2, 0, 1] };
        assert_eq!(by.index(3), Some(1));
        assert_eq!(by.index(1), Some(2));
        assert_eq!(by.index(0), Some(0));
        assert_eq!(by.run(1, 3), Some((1, 3)));
    }
}
