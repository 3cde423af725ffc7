//! What must be true at the end.

use std::collections::BTreeMap;

use sheetwire_engine::{
    cell::Cell,
    state::{ConflictKind, ConflictRecord, RowKey},
};

use crate::{
    database::Table,
    people::{Mark, Marks, key_at, mapped, text_of},
    sheets::Grid,
};

/// One tab and everything it is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) table: &'a Table,
    pub(crate) grid: &'a Grid,
    pub(crate) marks: &'a Marks,
    pub(crate) conflicts: &'a [ConflictRecord],
}

type Verdict = Result<(), String>;

impl Judge<'_> {
    pub(crate) fn judge(&self) -> Verdict {
        let spec = &self.table.spec;
        let title = &spec.title;
        let Some(columns) = mapped(self.grid, spec) else {
            return Err(format!("{title}: the header is not whole"));
        };
        let first = usize::try_from(spec.header_row.0).unwrap() + 1;
        let mut rows: BTreeMap<RowKey, Vec<usize>> = BTreeMap::new();
        for row in first..self.grid.rows.len() {
            if let Some(key) = key_at(self.grid, spec, &columns, row) {
                rows.entry(key).or_default().push(row);
            }
        }
        self.same_rows(&columns, &rows).map_err(|why| format!("{title}: {why}"))?;
        self.words(&columns).map_err(|why| format!("{title}: {why}"))
    }

    fn same_rows(&self, columns: &[usize], rows: &BTreeMap<RowKey, Vec<usize>>) -> Verdict {
        let mut wanted: BTreeMap<RowKey, Vec<Cell>> = (self.table.rows.iter())
            .map(|(number, row)| (self.table.row_key(*number), self.table.cells(row)))
            .collect();
        for (key, places) in rows {
            let expected = wanted.remove(key);
            if places.len() > 1 {
                let known = |c: &ConflictRecord| {
                    c.kind == ConflictKind::DuplicateKey && c.key.as_ref() == Some(key)
                };
                if !self.conflicts.iter().any(known) {
                    return Err(format!("row {} stands twice, unrecorded", key.0));
                }
                continue;
            }
            let row = &self.grid.rows[places[0]];
            let found: Vec<Cell> = columns.iter().map(|column| row[*column].clone()).collect();
            match expected {
                None if self.marks.copied.contains(key) => {}
                None => return Err(format!("row {} should be gone", key.0)),
                Some(cells) if cells != found => {
                    return Err(format!("row {}: sheet {found:?}, database {cells:?}", key.0));
                }
                Some(_) => {}
            }
        }
        match wanted.keys().next() {
            Some(key) => Err(format!("row {} is missing", key.0)),
            None => Ok(()),
        }
    }

    fn listed(&self, text: &str) -> bool {
        self.conflicts.iter().any(|c| c.sheet.as_ref().and_then(text_of) == Some(text))
    }

    fn words(&self, columns: &[usize]) -> Verdict {
        let mut places: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
        for (row, cells) in self.grid.rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                if let Some(text) = text_of(cell) {
                    places.entry(text).or_default().push((row, column));
                }
            }
        }
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (text, mark) in &self.marks.all {
            let found = places.get(text.as_str()).map_or(&[][..], Vec::as_slice);
            match mark {
                Mark::Mapped { .. } if found.is_empty() && !self.listed(text) => {
                    return Err(format!("'{text}' was overwritten and is in no record"));
                }
                Mark::Mapped { .. } => {}
                Mark::Own { key, row_removed } => {
                    self.own(columns, text, found, (key, *row_removed))?;
                }
                Mark::Unkeyed { .. } if found.is_empty() && !self.listed(text) => {
                    return Err(format!("'{text}' of a row without a key is gone"));
                }
                Mark::Unkeyed { group } => {
                    groups.entry(*group).or_default().extend(found.iter().map(|(row, _)| *row));
                }
            }
        }
        for (group, mut rows) in groups {
            rows.dedup();
            if rows.len() > 1 {
                return Err(format!("the row without a key of group {group} was torn"));
            }
            for row in rows {
                self.unharmed(columns, group, row)?;
            }
        }
        Ok(())
    }

    fn own(
        &self,
        columns: &[usize],
        text: &str,
        found: &[(usize, usize)],
        (key, row_removed): (&RowKey, bool),
    ) -> Verdict {
        if found.is_empty() && !row_removed && !self.listed(text) {
            return Err(format!("own cell '{text}' of row {} is gone", key.0));
        }
        for (row, column) in found {
            let beside = key_at(self.grid, &self.table.spec, columns, *row);
            if beside.as_ref() != Some(key) && self.table.may_have(key) {
                return Err(format!("own cell '{text}' of row {} stands beside {beside:?}", key.0));
            }
            if columns.contains(column) {
                return Err(format!("own cell '{text}' stands in a mapped column"));
            }
        }
        Ok(())
    }

    /// Nothing of ours may be left in a row without a key.
    fn unharmed(&self, columns: &[usize], group: u64, row: usize) -> Verdict {
        let lost = self.conflicts.iter().any(|c| c.kind == ConflictKind::NotPutBack);
        for column in columns {
            let cell = &self.grid.rows[row][*column];
            let theirs = text_of(cell)
                .is_some_and(|text| self.marks.all.get(text) == Some(&Mark::Unkeyed { group }));
            if !cell.is_empty() && !theirs && !lost {
                return Err(format!("a row without a key (group {group}) now holds {cell:?}"));
            }
        }
        Ok(())
    }
}
