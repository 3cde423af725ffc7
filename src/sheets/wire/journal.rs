//! The journal tab: what it is called, how large it is and what its first row says.

use sheetwire_engine::{
    batch::{Batch, BatchId, JournalHeader, JournalOwner},
    cell::Cell,
};

use super::{
    a1,
    layout::{FIRST_IMAGE_ROW, JournalLayout},
    requests::GridProperties,
};

/// Title of the journal tab.
pub(crate) const TITLE: &str = "_sheetwire";

/// Numeric id of the journal tab where a named range is the fence.
pub(crate) const SHEET_ID: i32 = 0x5EE7_317E;

/// First cell of the journal: whose it is, and the version of header and layout.
pub(crate) const MAGIC: &str = "sheetwire journal 1";

/// Ids of journal tabs where the tab itself is the fence: this many, counted from [`FIRST_TAB_ID`]. Few, since people's tabs have
/// random ids.
const TAB_IDS: u64 = 0x0001_0000;
const FIRST_TAB_ID: i32 = 0x5E00_0000;

/// Cells of the first row before the position.
const FIXED_CELLS: usize = 6;

/// A cell holds at most 50,000 characters, so a long position is cut into several cells.
const POSITION_CELL_CHARS: usize = 40_000;

const ROW_STEP: u32 = 512;
const COLUMN_STEP: u32 = 8;

/// The journal tab as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalTab {
    /// Numeric id.
    pub(crate) sheet_id: i32,
    /// Title; people can rename hidden tabs too.
    pub(crate) title: String,
    /// Rows of its grid.
    pub(crate) rows: u32,
    /// Columns of its grid.
    pub(crate) columns: u32,
}

/// Numeric id of the journal tab for a sequence number, where the tab itself is the fence.
pub(crate) fn sheet_id_of(sequence: u64) -> i32 {
    let offset = i32::try_from(sequence % TAB_IDS).expect("less than TAB_IDS");
    FIRST_TAB_ID + offset
}

/// Whether a tab with this id is a journal tab that doubles as fence.
pub(crate) fn is_fence_tab(sheet_id: i32) -> bool {
    u64::try_from(i64::from(sheet_id) - i64::from(FIRST_TAB_ID)).is_ok_and(|at| at < TAB_IDS)
}

/// Whether a tab is the journal. The title alone proves nothing: anybody may give it to a tab.
pub(crate) fn is_journal(sheet_id: i32, title: &str, hidden: bool) -> bool {
    sheet_id == SHEET_ID || (is_fence_tab(sheet_id) && (hidden || title == TITLE))
}

/// The grid a batch needs, never smaller than the one there is. Grown in steps, so that most batches leave it alone.
pub(crate) fn grid_for(
    layout: &JournalLayout,
    header_cells: usize,
    found: Option<&JournalTab>,
) -> GridProperties {
    let (rows, columns) = found.map_or((0, 0), |tab| (tab.rows, tab.columns));
    let header_cells = u32::try_from(header_cells).unwrap_or(u32::MAX);
    let wanted_rows = layout.end_row.max(1);
    let wanted_columns = layout.end_column.max(header_cells);
    GridProperties {
        row_count: if rows >= wanted_rows { rows } else { step(wanted_rows, ROW_STEP) },
        column_count: if columns >= wanted_columns {
            columns
        } else {
            step(wanted_columns, COLUMN_STEP)
        },
        frozen_row_count: None,
    }
}

/// The range of the first row's cells before the position; `None` where the tab has no row.
pub(crate) fn first_cells(tab: &JournalTab) -> Option<String> {
    let width = u32::try_from(FIXED_CELLS).unwrap_or(u32::MAX).min(tab.columns);
    (tab.rows > 0 && width > 0).then(|| a1::block(&tab.title, (0, 1), (0, width)))
}

/// Cells of the grid that a batch of so many rows of this width may ask for, never less than there are.
pub(crate) fn cells_max(found: Option<&JournalTab>, rows: u32, columns: u32) -> u64 {
    // The header of each tab is copied too; a few rows do not count.
    let layout = JournalLayout {
        tabs: Vec::new(),
        end_row: FIRST_IMAGE_ROW.saturating_add(rows),
        end_column: columns,
    };
    let grid = grid_for(&layout, FIXED_CELLS + 1, found);
    u64::from(grid.row_count) * u64::from(grid.column_count)
}

fn step(wanted: u32, by: u32) -> u32 {
    wanted.div_ceil(by).saturating_mul(by)
}

/// The first row of the journal after this batch, all literal text.
pub(crate) fn header_row(batch: &Batch) -> Vec<Cell> {
    let mut cells = vec![
        Cell::text(MAGIC),
        Cell::text(batch.owner.instance.as_str()),
        Cell::text(batch.owner.pipeline.as_str()),
        Cell::text(batch.owner.spreadsheet.as_str()),
        Cell::text(batch.fence.next.to_string()),
        Cell::text(batch.id.0.as_str()),
    ];
    let position: Vec<char> = batch.position.chars().collect();
    cells.extend(
        position
            .chunks(POSITION_CELL_CHARS)
            .map(|chunk| Cell::text(chunk.iter().collect::<String>())),
    );
    cells
}

/// The first row read back; `None` for anything that is not a whole first row of this version.
pub(crate) fn parse_header(cells: &[Cell]) -> Option<JournalHeader> {
    let mut texts = Vec::with_capacity(cells.len());
    for cell in cells {
        match cell {
            Cell::Text(text) => texts.push(text.as_ref()),
            // An empty literal may come back as an empty cell.
            Cell::Empty => texts.push(""),
            Cell::Number(_) | Cell::Bool(_) | Cell::Formula { .. } => return None,
        }
    }
    let [magic, instance, pipeline, spreadsheet, sequence, batch] =
        *texts.first_chunk::<FIXED_CELLS>()?;
    if magic != MAGIC || batch.is_empty() {
        return None;
    }
    Some(JournalHeader {
        owner: JournalOwner {
            instance: instance.to_owned(),
            pipeline: pipeline.to_owned(),
            spreadsheet: spreadsheet.to_owned(),
        },
        sequence: sequence.parse().ok()?,
        batch: BatchId(batch.to_owned()),
        position: texts[FIXED_CELLS..].concat(),
    })
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::batch::FenceStep;

    use super::*;

    fn batch(position: String) -> Batch {
        Batch {
            id: BatchId("b-1".into()),
            spreadsheet: "s1".into(),
            fence: FenceStep { previous: None, next: 41 },
            owner: JournalOwner {
                instance: "i".into(),
                pipeline: String::new(),
                spreadsheet: "s1".into(),
            },
            position,
            tabs: Vec::new(),
        }
    }

    #[test]
    fn a_first_row_reads_as_it_was_written() {
        for position in [String::new(), "uuid:1-7".to_owned(), "ü".repeat(95_000)] {
            let batch = batch(position);
            let row = header_row(&batch);
            for cell in &row {
                assert!(matches!(cell, Cell::Text(text) if text.chars().count() <= 50_000));
            }
            let header = parse_header(&row).unwrap();
            assert_eq!(header.owner, batch.owner);
            assert_eq!((header.sequence, &header.batch), (41, &batch.id));
            assert_eq!(header.position, batch.position);
        }
    }

    #[test]
    fn a_foreign_or_torn_first_row_is_not_a_header() {
        let good = header_row(&batch("p".into()));
        assert_eq!(parse_header(&[]), None);
        assert_eq!(parse_header(&good[..5]), None);
        for (at, cell) in [
            (0, Cell::text("sheetwire journal 2")),
            (4, Cell::text("4x")),
            (4, Cell::Number(41.0)),
            (5, Cell::Empty),
            (6, Cell::Formula { text: "=A1".into(), value: Box::new(Cell::Empty) }),
        ] {
            let mut row = good.clone();
            row[at] = cell;
            assert_eq!(parse_header(&row), None, "cell {at}");
        }
    }

    #[test]
    fn the_grid_grows_in_steps_and_never_shrinks() {
        let layout = |end_row, end_column| JournalLayout { tabs: Vec::new(), end_row, end_column };
        let found =
            |rows, columns| JournalTab { sheet_id: SHEET_ID, title: TITLE.into(), rows, columns };
        let size = |grid: GridProperties| (grid.row_count, grid.column_count);
        assert_eq!(size(grid_for(&layout(1000, 0), 7, None)), (1024, 8));
        assert_eq!(size(grid_for(&layout(1024, 8), 7, Some(&found(1024, 8)))), (1024, 8));
        assert_eq!(size(grid_for(&layout(1025, 9), 7, Some(&found(1024, 8)))), (1536, 16));
        assert_eq!(size(grid_for(&layout(1001, 3), 7, Some(&found(9000, 40)))), (9000, 40));
    }

    #[test]
    fn the_most_cells_are_those_of_a_full_batch_or_those_there_are() {
        let found = |rows, columns| JournalTab { sheet_id: 1, title: TITLE.into(), rows, columns };
        assert_eq!(cells_max(None, 5000, 26), 6144 * 32);
        assert_eq!(cells_max(Some(&found(1024, 8)), 5000, 26), 6144 * 32);
        assert_eq!(cells_max(Some(&found(9000, 40)), 5000, 26), 9000 * 40);
    }

    #[test]
    fn fence_tabs_are_recognised_by_their_id() {
        assert!(is_fence_tab(sheet_id_of(0)) && is_fence_tab(sheet_id_of(u64::MAX)));
        assert!(!is_fence_tab(SHEET_ID) && !is_fence_tab(0) && !is_fence_tab(-1));
        assert!(is_journal(SHEET_ID, "renamed", false) && !is_journal(3, TITLE, true));
        assert!(is_journal(sheet_id_of(5), "renamed", true));
        assert!(!is_journal(sheet_id_of(5), "a person's tab with an unlucky id", false));
    }
}
