//! The model spreadsheet: the emulator's own grid, with fence and journal, and batches applied to it whole or not at all.

use std::{collections::VecDeque, sync::Arc};

use sheets_emulator::model::{
    cell::{Cell as GridCell, Entered},
    formula::{Expr, Formula},
    grid::Sheet,
    shift::{Axis, Move},
};
use sheetwire_engine::{
    batch::{
        Batch, CellNote, ColumnIndex, Journal, JournalHeader, RowIndex, SpreadsheetImage, TabImage,
        TabImages, TabProperties, TabRead, TabWork, TabsImage, WriteOutcome,
    },
    cell::Cell,
    mutants::{Mutant, on},
};

use crate::words::{Words, of_cell};

/// Rows and columns of a new tab.
const NEW_TAB: (usize, usize) = (24, 6);

/// One tab.
#[derive(Debug, Clone)]
pub struct Tab {
    /// The emulator's grid.
    pub grid: Sheet,
    /// Columns that are marked as ours.
    pub bound: Vec<(usize, String)>,
    /// What each row is, through all its moves; 0 for one that never held anything.
    pub rows: Vec<u64>,
    /// The title that it was made with, whatever people call it.
    pub made_as: String,
    /// Why Google refuses what is written here.
    pub barred: Option<Bar>,
    /// The mapped column that somebody has taken away.
    pub cut: Option<Cut>,
}

/// Why Google refuses a write, until somebody mends that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// The tab is protected.
    Protected,
    /// The spreadsheet is full: nothing can be added.
    Full,
}

/// A column that somebody has taken away and may bring back.
#[derive(Debug, Clone)]
pub struct Cut {
    at: usize,
    header: Cell,
    /// Whose column it is, where it is marked as ours.
    bound: Option<String>,
    /// Cells, by what their rows are.
    cells: Vec<(u64, Cell)>,
}

/// A spreadsheet at one moment; cheap to copy.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// Its tabs.
    pub tabs: Vec<Arc<Tab>>,
    /// The fence.
    pub fence: Option<u64>,
    /// The journal.
    pub journal: Option<Arc<Journal>>,
}

/// A spreadsheet with its version history.
#[derive(Debug, Clone)]
pub struct Spreadsheet {
    /// Its id.
    pub id: String,
    /// As it is.
    pub now: Moment,
    /// Some earlier versions.
    pub history: Vec<Moment>,
    /// As it was before the last changes; kept only where a read may tell of it.
    pub before: VecDeque<Moment>,
}

/// A cell of ours as one of the emulator's.
pub fn to_grid(cell: &Cell) -> GridCell {
    let entered = match cell {
        Cell::Empty => None,
        Cell::Number(number) => Some(Entered::Number(*number)),
        Cell::Text(text) => Some(Entered::Text(text.clone())),
        Cell::Bool(value) => Some(Entered::Bool(*value)),
        Cell::Formula { text, .. } => {
            Some(Entered::Formula(Box::new(Formula::parse(text, &|_| None))))
        }
    };
    GridCell { entered, extra: None }
}

/// A cell of the emulator's as one of ours.
pub fn of_grid(cell: &GridCell) -> Cell {
    match &cell.entered {
        None => Cell::Empty,
        Some(Entered::Number(number)) => Cell::Number(*number),
        Some(Entered::Text(text)) => Cell::Text(text.clone()),
        Some(Entered::Bool(value)) => Cell::Bool(*value),
        Some(Entered::Formula(formula)) => Cell::Formula {
            text: formula.text(&|_| None).into(),
            // People write only formulas that are a text by themselves: what one comes to does not hang on where it stands.
            value: Box::new(match formula.expr() {
                Expr::Text(text) => Cell::text(text.as_str()),
                _ => Cell::Empty,
            }),
        },
    }
}

/// Number of the word in a cell, where there is one.
pub fn word_of_grid(cell: &GridCell) -> Option<usize> {
    match &cell.entered {
        Some(Entered::Text(text)) => Words::number(text),
        Some(Entered::Formula(_)) => of_cell(&of_grid(cell)).and_then(Words::number),
        _ => None,
    }
}

fn place(row: RowIndex) -> usize {
    usize::try_from(row.0).unwrap_or(usize::MAX)
}

fn across(column: ColumnIndex) -> usize {
    usize::try_from(column.0).unwrap_or(usize::MAX)
}

fn trimmed(mut cells: Vec<Cell>) -> Vec<Cell> {
    while cells.last().is_some_and(Cell::is_empty) {
        cells.pop();
    }
    cells
}

impl Tab {
    fn new(id: i32, title: &str) -> Self {
        let grid = Sheet::new(i64::from(id), title, NEW_TAB.0, NEW_TAB.1);
        Self {
            grid,
            bound: Vec::new(),
            rows: vec![0; NEW_TAB.0],
            made_as: title.into(),
            barred: None,
            cut: None,
        }
    }

    /// A column is taken away with all it holds. Each row must be known.
    pub fn cut(&mut self, header_row: usize, at: usize) {
        let bound = self.bound.iter().find(|(column, _)| *column == at);
        let cells =
            (header_row + 1..self.grid.stored_rows()).map(|row| (self.rows[row], self.at(row, at)));
        self.cut = Some(Cut {
            at,
            header: self.at(header_row, at),
            bound: bound.map(|(_, name)| name.clone()),
            cells: cells.collect(),
        });
        self.shift_columns(&Move::Delete { at, count: 1 });
    }

    /// It is brought back; gives the cells whose rows are gone.
    pub fn bring_back(&mut self, header_row: usize) -> Vec<Cell> {
        let Some(cut) = self.cut.take() else { return Vec::new() };
        let at = cut.at.min(self.grid.cols);
        self.shift_columns(&Move::Insert { at, count: 1 });
        self.set(header_row, at, &cut.header);
        self.bound.extend(cut.bound.map(|name| (at, name)));
        let mut lost = Vec::new();
        for (number, cell) in cut.cells {
            match self.rows.iter().position(|row| *row == number && number != 0) {
                Some(row) => self.set(row, at, &cell),
                None => lost.push(cell),
            }
        }
        lost
    }

    /// A cell.
    pub fn at(&self, row: usize, column: usize) -> Cell {
        self.grid.cell(row, column).map_or(Cell::Empty, of_grid)
    }

    /// Writes a cell.
    pub fn set(&mut self, row: usize, column: usize, cell: &Cell) {
        // A note stays where a cell is written.
        let extra = self.grid.cell(row, column).and_then(|cell| cell.extra.clone());
        self.grid.put(row, column, GridCell { extra, ..to_grid(cell) });
    }

    /// Rows move: cells, and what they are.
    pub fn shift_rows(&mut self, by: &Move) {
        self.grid.shift(Axis::Rows, by);
        match *by {
            Move::Insert { at, count } => {
                self.rows.splice(at..at, std::iter::repeat_n(0, count));
            }
            Move::Delete { at, count } => drop(self.rows.drain(at..at + count)),
            Move::Block { from, count, to } if to > from + count => {
                self.rows[from..to].rotate_left(count);
            }
            Move::Block { from, count, to } if to < from => {
                self.rows[to..from + count].rotate_right(count);
            }
            Move::Block { .. } => {}
            Move::Permute { start, ref order } => {
                let old: Vec<u64> = self.rows[start..start + order.len()].to_vec();
                for (new, offset) in order.iter().enumerate() {
                    self.rows[start + new] = old[*offset];
                }
            }
        }
        self.grid.rows = self.rows.len();
    }

    /// Columns move, and our marks with them.
    pub fn shift_columns(&mut self, by: &Move) {
        self.grid.shift(Axis::Cols, by);
        match *by {
            Move::Insert { count, .. } => self.grid.cols += count,
            Move::Delete { count, .. } => self.grid.cols -= count,
            Move::Block { .. } | Move::Permute { .. } => {}
        }
        self.bound = std::mem::take(&mut self.bound)
            .into_iter()
            .filter_map(|(column, name)| Some((by.index(column)?, name)))
            .collect();
    }

    /// Where the mapped columns stand, by our mark, else by name; `None` where one is missing.
    pub fn mapped(&self, header_row: RowIndex, names: &[String]) -> Option<Vec<usize>> {
        (names.iter())
            .map(|name| {
                let bound = self.bound.iter().find(|(_, of)| of == name).map(|(column, _)| *column);
                bound.or_else(|| {
                    (0..self.grid.cols).find(|column| {
                        matches!(self.grid.cell(place(header_row), *column).map(of_grid), Some(Cell::Text(text)) if *text == **name)
                    })
                })
            })
            .collect()
    }

    fn properties(&self) -> TabProperties {
        TabProperties {
            sheet_id: i32::try_from(self.grid.id).unwrap_or(0),
            title: self.grid.title.clone(),
            rows: u32::try_from(self.grid.rows).unwrap_or(u32::MAX),
            columns: u32::try_from(self.grid.cols).unwrap_or(u32::MAX),
        }
    }

    fn read(&self, read: &TabRead) -> TabImage {
        let header_row = place(read.header_row);
        let header = (0..self.grid.cols).map(|column| self.at(header_row, column)).collect();
        let (first, end) = match read.rows {
            Some((from, count)) => {
                let from = place(from).min(self.grid.rows);
                (from, (from + usize::try_from(count).unwrap_or(0)).min(self.grid.rows))
            }
            None => (header_row + 1, self.grid.stored_rows()),
        };
        let column =
            |column: usize| trimmed((first..end).map(|row| self.at(row, column)).collect());
        let columns = if let Some(wanted) = &read.columns {
            wanted.iter().map(|index| (*index, column(across(*index)))).collect()
        } else {
            let mut all: Vec<(ColumnIndex, Vec<Cell>)> = (0..self.grid.cols)
                .map(|index| (ColumnIndex(u32::try_from(index).unwrap_or(0)), column(index)))
                .collect();
            while all.last().is_some_and(|(_, cells)| cells.is_empty()) {
                all.pop();
            }
            all
        };
        let whole = read.columns.is_none() && read.rows.is_none();
        let notes = if whole { self.notes_below(header_row) } else { Vec::new() };
        let bound = (self.bound.iter())
            .map(|(column, name)| (ColumnIndex(u32::try_from(*column).unwrap_or(0)), name.clone()))
            .collect();
        TabImage {
            header_notes: Vec::new(),
            properties: self.properties(),
            header: trimmed(header),
            columns,
            bound,
            notes,
        }
    }

    /// Notes on cells below the header.
    pub fn notes_below(&self, header_row: usize) -> Vec<CellNote> {
        let index = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let rows = header_row + 1..self.grid.stored_rows();
        let cells = rows.flat_map(|row| (0..self.grid.cols).map(move |column| (row, column)));
        let noted = cells.filter_map(|(row, column)| {
            let text = self.grid.cell(row, column)?.note()?.to_owned();
            Some(CellNote { row: RowIndex(index(row)), column: ColumnIndex(index(column)), text })
        });
        noted.collect()
    }

    fn cells(&self, row: usize, columns: &[ColumnIndex]) -> Vec<Cell> {
        columns.iter().map(|column| self.at(row, across(*column))).collect()
    }

    /// Applies the work of one tab; a sentence where the grid is too small.
    fn apply(&mut self, work: &TabWork) -> Result<TabImages, String> {
        let header_row = place(work.header_row);
        let noted = work.notes.iter().map(|note| &note.column);
        if work.columns.iter().chain(noted).any(|column| across(*column) >= self.grid.cols) {
            return Err("a column is outside of the grid".into());
        }
        if let Some(create) = &work.create {
            for (column, text) in work.columns.iter().zip(&create.header) {
                self.set(header_row, across(*column), &Cell::text(text.clone()));
            }
        }
        let rows = work.writes.iter().map(|write| write.row).chain(work.deletes.iter().copied());
        let rows = rows.chain(work.notes.iter().map(|note| note.row));
        if rows.chain([work.header_row]).any(|row| place(row) >= self.grid.rows) {
            return Err("a row is outside of the grid".into());
        }
        for bind in &work.bind {
            let column = across(work.columns[usize::from(bind.column)]);
            self.bound.push((column, bind.name.clone()));
        }
        let images = TabImages {
            header: self.cells(header_row, &work.columns),
            writes: work.writes.iter().map(|w| self.cells(place(w.row), &work.columns)).collect(),
            deletes: (work.deletes.iter())
                .map(|row| (0..self.grid.cols).map(|column| self.at(place(*row), column)).collect())
                .collect(),
        };
        for write in &work.writes {
            for (column, cell) in &write.cells {
                let column = across(work.columns[usize::from(*column)]);
                self.set(place(write.row), column, cell);
            }
        }
        for note in &work.notes {
            let column = across(note.column);
            let text = note.text.as_deref().map(Into::into);
            let write = |cell: &mut GridCell| cell.edit_extra(|extra| extra.note = text);
            self.grid.edit(place(note.row), column, write);
        }
        for row in work.deletes.iter().rev() {
            self.shift_rows(&Move::Delete { at: place(*row), count: 1 });
        }
        if let Some(insert) = &work.insert {
            let at = place(insert.at);
            if at > self.grid.rows {
                return Err("an insert is outside of the grid".into());
            }
            self.shift_rows(&Move::Insert { at, count: insert.rows.len() });
            for (offset, cells) in insert.rows.iter().enumerate() {
                for (column, cell) in work.columns.iter().zip(cells) {
                    self.set(at + offset, across(*column), cell);
                }
            }
        }
        Ok(images)
    }
}

impl Moment {
    /// A tab by the title that it was made with.
    pub fn tab(&self, title: &str) -> Option<&Tab> {
        self.tabs.iter().find(|tab| tab.made_as == title).map(AsRef::as_ref)
    }

    /// Parts of tabs; `None` where one is gone.
    pub fn read(&self, reads: &[TabRead]) -> Option<TabsImage> {
        let tab = |read: &TabRead| {
            let id = i64::from(read.sheet_id);
            self.tabs.iter().find(|tab| tab.grid.id == id).map(|tab| tab.read(read))
        };
        let tabs: Option<Vec<TabImage>> = reads.iter().map(tab).collect();
        Some(TabsImage { fence: self.fence, tabs: tabs? })
    }
}

impl Spreadsheet {
    /// An empty one.
    pub fn new(id: &str) -> Self {
        Self { id: id.into(), now: Moment::default(), history: Vec::new(), before: VecDeque::new() }
    }

    /// A tab by the title that it was made with.
    pub fn tab(&self, title: &str) -> Option<&Tab> {
        self.now.tab(title)
    }

    /// A tab by the title that it was made with, to be changed.
    pub fn tab_mut(&mut self, title: &str) -> Option<&mut Tab> {
        self.now.tabs.iter_mut().find(|tab| tab.made_as == title).map(Arc::make_mut)
    }

    /// Keeps the present for a read that comes too late.
    pub fn is_about_to_change(&mut self) {
        const KEPT: usize = 3;
        if self.before.len() == KEPT {
            self.before.pop_front();
        }
        self.before.push_back(self.now.clone());
    }

    /// Keeps the present for the version history.
    pub fn remember(&mut self) {
        const KEPT: usize = 6;
        if self.history.len() == KEPT {
            self.history.remove(0);
        }
        self.history.push(self.now.clone());
    }

    /// As `spreadsheets.get` finds it.
    pub fn open(&self) -> SpreadsheetImage {
        let now = &self.now;
        SpreadsheetImage {
            title: self.id.clone(),
            locale: "en_US".into(),
            tabs: now.tabs.iter().map(|tab| tab.properties()).collect(),
            fence: now.fence,
            journal: now.journal.as_ref().map(|journal| journal.header.clone()),
            journal_tab: now.journal.is_some(),
        }
    }

    /// Parts of tabs; `None` where one is gone.
    pub fn read(&self, reads: &[TabRead]) -> Option<TabsImage> {
        self.now.read(reads)
    }

    /// The journal.
    pub fn journal(&self) -> Option<Journal> {
        self.now.journal.as_deref().cloned()
    }

    /// All or nothing.
    pub fn apply(&mut self, batch: &Batch) -> WriteOutcome {
        if batch.fence.previous != self.now.fence && !on(Mutant::NoFence) {
            return WriteOutcome::Fenced;
        }
        let mut tabs = self.now.tabs.clone();
        let mut images = Vec::new();
        for (index, work) in batch.tabs.iter().enumerate() {
            match apply_work(&mut tabs, work) {
                Ok(image) => images.push(image),
                Err(message) => return WriteOutcome::Refused { tab: Some(index), message },
            }
        }
        self.now.tabs = tabs;
        self.now.fence = Some(batch.fence.next);
        let header = JournalHeader {
            owner: batch.owner.clone(),
            sequence: batch.fence.next,
            batch: batch.id.clone(),
            position: batch.position.clone(),
        };
        let journal = Journal { header, tabs: images };
        self.now.journal = Some(Arc::new(journal.clone()));
        WriteOutcome::Applied(journal)
    }
}

fn apply_work(tabs: &mut Vec<Arc<Tab>>, work: &TabWork) -> Result<TabImages, String> {
    let wants = work.create.as_ref().and_then(|create| create.add.as_ref());
    if let Some(title) = wants {
        let id = i64::from(work.sheet_id);
        if tabs.iter().any(|tab| tab.grid.id == id || tab.grid.title == *title) {
            return Err(format!("a sheet with the name or id of '{title}' already exists"));
        }
        tabs.push(Arc::new(Tab::new(work.sheet_id, title)));
    }
    let id = i64::from(work.sheet_id);
    let Some(tab) = tabs.iter_mut().find(|tab| tab.grid.id == id) else {
        return Err(format!("no sheet with id {}", work.sheet_id));
    };
    match tab.barred {
        Some(Bar::Protected) => return Err("the tab is protected".into()),
        Some(Bar::Full) if work.insert.is_some() => return Err("the spreadsheet is full".into()),
        _ => {}
    }
    Arc::make_mut(tab).apply(work)
}
