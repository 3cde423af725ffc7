//! The model spreadsheets: plain grids that apply batches as their documentation says.

use sheetwire_engine::{
    batch::{
        Batch, ColumnIndex, Journal, JournalHeader, RowIndex, SpreadsheetImage, TabImage,
        TabImages, TabProperties, TabRead, TabWork, WriteOutcome,
    },
    cell::Cell,
};

/// Rows of cells, all of one width.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub(crate) id: i32,
    pub(crate) title: String,
    pub(crate) rows: Vec<Vec<Cell>>,
}

#[derive(Debug)]
pub(crate) struct Spreadsheet {
    pub(crate) id: String,
    pub(crate) tabs: Vec<Grid>,
    fence: Option<u64>,
    journal: Option<Journal>,
}

fn place(row: RowIndex) -> usize {
    usize::try_from(row.0).unwrap()
}

fn across(column: ColumnIndex) -> usize {
    usize::try_from(column.0).unwrap()
}

fn trimmed(mut cells: Vec<Cell>) -> Vec<Cell> {
    while cells.last().is_some_and(Cell::is_empty) {
        cells.pop();
    }
    cells
}

impl Grid {
    pub(crate) fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    pub(crate) fn insert_rows(&mut self, at: usize, count: usize) {
        let blank = vec![Cell::Empty; self.width()];
        self.rows.splice(at..at, std::iter::repeat_n(blank, count));
    }

    /// One line a row, for traces.
    pub(crate) fn show(&self) -> String {
        let cell = |cell: &Cell| match cell {
            Cell::Empty => "-".to_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) | Cell::Formula(text) => text.to_string(),
            Cell::Bool(value) => value.to_string(),
        };
        let line = |row: &Vec<Cell>| row.iter().map(cell).collect::<Vec<_>>().join(" | ");
        format!(
            "{}\n      {}",
            self.title,
            self.rows.iter().map(line).collect::<Vec<_>>().join("\n      ")
        )
    }

    fn properties(&self) -> TabProperties {
        TabProperties {
            sheet_id: self.id,
            title: self.title.clone(),
            rows: u32::try_from(self.rows.len()).unwrap(),
            columns: u32::try_from(self.width()).unwrap(),
        }
    }

    fn read(&self, read: &TabRead) -> TabImage {
        let header_row = place(read.header_row);
        let header = trimmed(self.rows.get(header_row).cloned().unwrap_or_default());
        let body = self.rows.get(header_row + 1..).unwrap_or_default();
        let column = |column: usize| {
            trimmed(
                body.iter().map(|row| row.get(column).cloned().unwrap_or(Cell::Empty)).collect(),
            )
        };
        let wanted: Vec<ColumnIndex> = read.columns.clone().unwrap_or_else(|| {
            (0..u32::try_from(self.width()).unwrap()).map(ColumnIndex).collect()
        });
        let mut columns: Vec<(ColumnIndex, Vec<Cell>)> =
            wanted.into_iter().map(|index| (index, column(across(index)))).collect();
        if read.columns.is_none() {
            while columns.last().is_some_and(|(_, cells)| cells.is_empty()) {
                columns.pop();
            }
        }
        TabImage { properties: self.properties(), header, columns }
    }

    fn at(&self, row: usize, columns: &[ColumnIndex]) -> Vec<Cell> {
        columns.iter().map(|column| self.rows[row][across(*column)].clone()).collect()
    }

    /// Applies the work of one tab; a sentence where the grid is too small.
    fn apply(&mut self, work: &TabWork) -> Result<TabImages, String> {
        let outside = |what: &str| Err(format!("{what} is outside of the grid"));
        let header_row = place(work.header_row);
        if let Some(create) = &work.create {
            for (column, text) in work.columns.iter().zip(&create.header) {
                self.rows[header_row][across(*column)] = Cell::text(text.clone());
            }
        }
        if work.columns.iter().any(|column| across(*column) >= self.width()) {
            return outside("a column");
        }
        let rows = work.writes.iter().map(|write| write.row).chain(work.deletes.iter().copied());
        if rows.chain([work.header_row]).any(|row| place(row) >= self.rows.len()) {
            return outside("a row");
        }
        let images = TabImages {
            header: self.at(header_row, &work.columns),
            writes: work.writes.iter().map(|w| self.at(place(w.row), &work.columns)).collect(),
            deletes: work.deletes.iter().map(|row| self.rows[place(*row)].clone()).collect(),
        };
        for write in &work.writes {
            for (column, cell) in &write.cells {
                let column = across(work.columns[usize::from(*column)]);
                self.rows[place(write.row)][column] = cell.clone();
            }
        }
        for row in work.deletes.iter().rev() {
            self.rows.remove(place(*row));
        }
        if let Some(insert) = &work.insert {
            let at = place(insert.at);
            if at > self.rows.len() {
                return outside("an insert");
            }
            self.insert_rows(at, insert.rows.len());
            for (offset, cells) in insert.rows.iter().enumerate() {
                for (column, cell) in work.columns.iter().zip(cells) {
                    self.rows[at + offset][across(*column)] = cell.clone();
                }
            }
        }
        Ok(images)
    }
}

impl Spreadsheet {
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.into(), tabs: Vec::new(), fence: None, journal: None }
    }

    pub(crate) fn open(&self) -> SpreadsheetImage {
        SpreadsheetImage {
            title: self.id.clone(),
            tabs: self.tabs.iter().map(Grid::properties).collect(),
            fence: self.fence,
            journal: self.journal.as_ref().map(|journal| journal.header.clone()),
            journal_tab: self.journal.is_some(),
        }
    }

    pub(crate) fn read(&self, read: &TabRead) -> Option<TabImage> {
        self.tabs.iter().find(|tab| tab.id == read.sheet_id).map(|tab| tab.read(read))
    }

    pub(crate) fn journal(&self) -> Option<Journal> {
        self.journal.clone()
    }

    /// All or nothing.
    pub(crate) fn apply(&mut self, batch: &Batch) -> WriteOutcome {
        assert_eq!(batch.spreadsheet, self.id, "a batch for another spreadsheet");
        assert!(batch.fence.previous < Some(batch.fence.next), "the fence must grow");
        if batch.fence.previous != self.fence {
            return WriteOutcome::Fenced;
        }
        let mut tabs = self.tabs.clone();
        let mut images = Vec::new();
        for (index, work) in batch.tabs.iter().enumerate() {
            match apply_work(&mut tabs, work) {
                Ok(image) => images.push(image),
                Err(message) => return WriteOutcome::Refused { tab: Some(index), message },
            }
        }
        self.tabs = tabs;
        self.fence = Some(batch.fence.next);
        let header = JournalHeader {
            owner: batch.owner.clone(),
            sequence: batch.fence.next,
            batch: batch.id.clone(),
            position: batch.position.clone(),
        };
        let journal = Journal { header, tabs: images };
        self.journal = Some(journal.clone());
        WriteOutcome::Applied(journal)
    }
}

fn apply_work(tabs: &mut Vec<Grid>, work: &TabWork) -> Result<TabImages, String> {
    let wants = work.create.as_ref().and_then(|create| create.add.as_ref());
    if let Some(title) = wants {
        if tabs.iter().any(|tab| tab.id == work.sheet_id || tab.title == *title) {
            return Err(format!("a sheet with the name or id of '{title}' already exists"));
        }
        let width = usize::try_from(work.grid_columns).unwrap();
        let rows = vec![vec![Cell::Empty; width]; place(work.header_row) + 1];
        tabs.push(Grid { id: work.sheet_id, title: title.clone(), rows });
    }
    let Some(tab) = tabs.iter_mut().find(|tab| tab.id == work.sheet_id) else {
        return Err(format!("no sheet with id {}", work.sheet_id));
    };
    tab.apply(work)
}
