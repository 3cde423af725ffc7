//! Where the pre-images of a batch stand in the journal tab.
//!
//! A pure function of the batch, so that a journal can be read by whoever holds the batch, also after a crash. Changing it means
//! a new [`super::journal::MAGIC`].

use sheetwire_engine::batch::{Batch, TabWork};

use super::shift::Distance;

/// First journal row that holds pre-images.
///
/// Copying a formula moves its relative references, and those that would leave the grid at its top are lost as `#REF!`. Copying
/// downwards keeps them: a formula in row 800 that sums rows 2 to 799 comes back whole, since it is copied to row 1001 or below.
/// In longer tabs references of up to a thousand rows upwards survive.
pub(crate) const FIRST_IMAGE_ROW: u32 = 1000;

/// Rows of two runs with no more than this many rows between them are copied as one.
const GAP_MAX: u32 = 8;

/// Up to this last column a copy keeps its columns, so that no reference falls off the left edge; a run further to the right is
/// copied to the left edge instead, since the journal would grow as wide as the tab.
const KEPT_COLUMNS_MAX: u32 = 104;

/// Where everything stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JournalLayout {
    /// One for each tab of the batch, in order.
    pub(crate) tabs: Vec<TabLayout>,
    /// Row behind the last pre-image.
    pub(crate) end_row: u32,
    /// Column behind the last one used.
    pub(crate) end_column: u32,
}

/// The pre-images of one tab.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TabLayout {
    /// The mapped span of the header row; `None` where nothing is mapped.
    pub(crate) header: Option<Copied>,
    /// Runs of written rows, ascending.
    pub(crate) writes: Vec<Copied>,
    /// Runs of deleted rows, ascending.
    pub(crate) deletes: Vec<Copied>,
}

/// A rectangle of a tab and where it is copied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Top left corner in the tab: row, column.
    pub(crate) from: (u32, u32),
    /// Top left corner in the journal: row, column.
    pub(crate) to: (u32, u32),
    /// Rows and columns.
    pub(crate) size: (u32, u32),
}

impl Copied {
    /// Whether it holds this row of the tab.
    pub(crate) fn holds(&self, row: u32) -> bool {
        (self.from.0..self.from.0 + self.size.0).contains(&row)
    }

    /// How far a formula was moved by the copy.
    pub(crate) fn distance(&self) -> Distance {
        Distance {
            rows: i64::from(self.to.0) - i64::from(self.from.0),
            columns: i64::from(self.to.1) - i64::from(self.from.1),
        }
    }
}

impl JournalLayout {
    /// Lays out the pre-images of a batch.
    pub(crate) fn of(batch: &Batch) -> Self {
        let mut cursor = Cursor { row: FIRST_IMAGE_ROW, column: 0 };
        let tabs = batch.tabs.iter().map(|tab| TabLayout::of(tab, &mut cursor)).collect();
        Self { tabs, end_row: cursor.row, end_column: cursor.column }
    }

    /// Cells of the rectangle that holds the pre-images.
    pub(crate) fn cells(&self) -> usize {
        let cells = u64::from(self.end_row - FIRST_IMAGE_ROW) * u64::from(self.end_column);
        usize::try_from(cells).unwrap_or(usize::MAX)
    }

    /// Whether there is any pre-image.
    pub(crate) fn is_empty(&self) -> bool {
        self.end_row == FIRST_IMAGE_ROW
    }
}

impl TabLayout {
    fn of(tab: &TabWork, cursor: &mut Cursor) -> Self {
        let first = tab.columns.iter().map(|column| column.0).min();
        let end = tab.columns.iter().map(|column| column.0 + 1).max();
        let span = first.zip(end);
        let whole = (0, tab.grid_columns.max(end.unwrap_or(0)));
        let deletes: Vec<u32> = tab.deletes.iter().map(|row| row.0).collect();
        let Some(span) = span else {
            return Self {
                header: None,
                writes: Vec::new(),
                deletes: cursor.place(&runs(deletes), whole),
            };
        };
        let header = cursor.place(&[(tab.header_row.0, 1)], span).first().copied();
        let written = tab.writes.iter().map(|write| write.row.0).collect();
        let writes = cursor.place(&runs(written), span);
        Self { header, writes, deletes: cursor.place(&runs(deletes), whole) }
    }
}

/// The next free row of the journal and its width so far.
struct Cursor {
    row: u32,
    column: u32,
}

impl Cursor {
    fn place(&mut self, runs: &[(u32, u32)], columns: (u32, u32)) -> Vec<Copied> {
        let (first, end) = columns;
        let to_column = if end <= KEPT_COLUMNS_MAX { first } else { 0 };
        let width = end - first;
        let mut copies = Vec::with_capacity(runs.len());
        for &(row, rows) in runs {
            copies.push(Copied {
                from: (row, first),
                to: (self.row, to_column),
                size: (rows, width),
            });
            self.row += rows;
            self.column = self.column.max(to_column + width);
        }
        copies
    }
}

/// Rows as runs (first row, number of rows), ascending, near neighbours joined.
fn runs(mut rows: Vec<u32>) -> Vec<(u32, u32)> {
    rows.sort_unstable();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some((first, count)) if row <= *first + *count + GAP_MAX => {
                *count = (*count).max(row - *first + 1);
            }
            _ => runs.push((row, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::{
        batch::{BatchId, ColumnIndex, FenceStep, JournalOwner, RowIndex, RowWrite},
        cell::Cell,
    };

    use super::*;

    fn batch(columns: &[u32], writes: &[u32], deletes: &[u32]) -> Batch {
        let write = |row: &u32| RowWrite { row: RowIndex(*row), cells: vec![(0, Cell::Empty)] };
        Batch {
            id: BatchId("b".into()),
            spreadsheet: "s".into(),
            fence: FenceStep { previous: Some(1), next: 2 },
            owner: JournalOwner {
                instance: "i".into(),
                pipeline: "p".into(),
                spreadsheet: "s".into(),
            },
            position: String::new(),
            tabs: vec![TabWork {
                sheet_id: 7,
                create: None,
                header_row: RowIndex(0),
                columns: columns.iter().map(|column| ColumnIndex(*column)).collect(),
                grid_columns: 26,
                bind: Vec::new(),
                writes: writes.iter().map(write).collect(),
                deletes: deletes.iter().map(|row| RowIndex(*row)).collect(),
                insert: None,
                notes: Vec::new(),
            }],
        }
    }

    #[test]
    fn rows_up_to_eight_apart_are_one_run() {
        assert_eq!(runs(vec![14, 5, 4, 23, 33, 33]), [(4, 20), (33, 1)]);
        assert_eq!(runs(vec![0, 10]), [(0, 1), (10, 1)]);
        assert_eq!(runs(vec![0, 9]), [(0, 10)]);
        assert_eq!(runs(vec![]), []);
    }

    #[test]
    fn header_writes_and_deletes_stand_one_below_the_other() {
        let layout = JournalLayout::of(&batch(&[4, 2], &[5, 6, 40], &[8]));
        let tab = &layout.tabs[0];
        assert_eq!(tab.header, Some(Copied { from: (0, 2), to: (1000, 2), size: (1, 3) }));
        assert_eq!(
            tab.writes,
            [
                Copied { from: (5, 2), to: (1001, 2), size: (2, 3) },
                Copied { from: (40, 2), to: (1003, 2), size: (1, 3) },
            ]
        );
        assert_eq!(tab.deletes, [Copied { from: (8, 0), to: (1004, 0), size: (1, 26) }]);
        assert_eq!((layout.end_row, layout.end_column), (1005, 26));
        assert!(tab.writes[0].holds(6) && !tab.writes[0].holds(7));
    }

    #[test]
    fn columns_far_to_the_right_do_not_make_the_journal_wide() {
        let layout = JournalLayout::of(&batch(&[900, 902], &[5], &[]));
        assert_eq!(layout.tabs[0].writes[0].to, (1001, 0));
        assert_eq!(layout.tabs[0].writes[0].distance(), Distance { rows: 996, columns: -900 });
        assert_eq!(layout.end_column, 3);
    }

    #[test]
    fn a_burn_has_no_pre_images() {
        let mut burn = batch(&[0], &[], &[]);
        burn.tabs.clear();
        assert!(JournalLayout::of(&burn).is_empty());
    }
}
