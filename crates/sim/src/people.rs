//! People at the sheet: they type, sort, move, insert, remove, copy and take back, whenever they like, and are never asked by the engine.

mod rows;
mod tabs;

use std::collections::{BTreeMap, BTreeSet};

use sheets_emulator::model::shift::Move;
use sheetwire_engine::{TabSpec, batch::RowIndex, cell::Cell, render::row_key, state::RowKey};

use crate::{
    database::{KeyKind, Table},
    sheet::Tab,
    tape::Tape,
    words::{Author, Word, Words, of_cell},
};

/// What people did to one tab, as far as the checkers have to know.
#[derive(Debug, Clone, Default)]
pub struct Deeds {
    /// Keys of rows that people removed, or whose key they changed or cleared.
    pub removed: BTreeSet<RowKey>,
    /// Keys of rows that people copied.
    pub copied: BTreeSet<RowKey>,
    /// Rows (through all their moves) of which people made copies, cleared a marker, or brought back.
    pub tampered: BTreeSet<u64>,
    /// Rows (through all their moves) whose key people typed.
    pub typed_rows: BTreeSet<u64>,
    /// Keys that people typed themselves.
    pub typed_keys: BTreeSet<RowKey>,
    /// Keys that each row (through all its moves) has shown.
    pub names: BTreeMap<u64, BTreeSet<RowKey>>,
    /// Rows (through all their moves) that people removed.
    pub removed_rows: BTreeSet<u64>,
    /// Cells that people emptied: the row (through all its moves), and the column.
    pub cleared: BTreeSet<(u64, usize)>,
    /// Cells in which people wanted the database's value back: the row (through all its moves), and the column.
    pub wanted: BTreeSet<(u64, usize)>,
    /// Numbers that people typed, by column.
    pub numbers: BTreeSet<(usize, u64)>,
    /// Somebody wrote another header over a mapped column, inserted a column or moved one.
    pub recast: bool,
    /// An operator has had the sheet's values stand, whatever they were.
    pub repaired: bool,
    /// An older version of everything was put back: anything may be anywhere.
    pub everything: bool,
    /// Rows removed last, whole, for those who take it back: number, header of the tab, cells.
    bin: Vec<(u64, Vec<Cell>, Vec<Cell>)>,
    next_row: u64,
}

/// What a doorbell would say about an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// Nothing: a program would have to look.
    Silent,
    /// These rows changed.
    Rows(RowIndex, u32),
    /// Something changed, nobody knows where.
    Structure,
    /// The database's value is wanted in this cell: row, and index of the mapped column.
    Revert(RowIndex, u16),
    /// The whole tab is gone.
    TabGone,
}

/// A person at one tab.
#[derive(Debug)]
pub struct Person<'a> {
    /// Chance.
    pub tape: &'a mut Tape,
    /// The tab.
    pub tab: &'a mut Tab,
    /// Number of the table.
    pub table: usize,
    /// Its table.
    pub of: &'a Table,
    /// All values.
    pub words: &'a mut Words,
    /// What people did here.
    pub deeds: &'a mut Deeds,
    /// Whether they do odd things with keys and copies.
    pub wild: bool,
    /// Whether they do things to the tab as a whole that an operator has to mend.
    pub bold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Edit,
    Clear,
    Sort,
    MoveRow,
    InsertBlank,
    NewRow,
    GoOn,
    Delete,
    TypeOwn,
    Block,
    InsertColumn,
    MoveColumn,
    RenameHeader,
    EditKey,
    ClearKey,
    Duplicate,
    TakeBack,
    Resolve,
    Formula,
    Revert,
    RenameTab,
    DeleteColumn,
    DeleteTab,
    Bar,
    CutAndPaste,
    PasteOver,
}

const USUAL: [(usize, Act); 21] = [
    (26, Act::Edit),
    (12, Act::Sort),
    (7, Act::MoveRow),
    (4, Act::InsertBlank),
    (13, Act::NewRow),
    (6, Act::GoOn),
    (8, Act::Delete),
    (5, Act::TypeOwn),
    (4, Act::Block),
    (4, Act::Clear),
    (2, Act::InsertColumn),
    (2, Act::MoveColumn),
    (1, Act::RenameHeader),
    (3, Act::Resolve),
    (4, Act::Formula),
    (3, Act::Revert),
    // What only the bold do.
    (1, Act::RenameTab),
    (1, Act::DeleteColumn),
    (1, Act::DeleteTab),
    (1, Act::Bar),
    (3, Act::CutAndPaste),
];
/// So many of them everybody does.
const MEEK: usize = 16;

const WILD: [(usize, Act); 7] = [
    (10, Act::Edit),
    (3, Act::EditKey),
    (2, Act::ClearKey),
    (3, Act::Duplicate),
    (2, Act::TakeBack),
    (3, Act::Resolve),
    (2, Act::PasteOver),
];

/// Names of the mapped columns.
pub fn names(spec: &TabSpec) -> Vec<String> {
    spec.columns.iter().map(|column| column.name.clone()).collect()
}

/// The key that a row shows.
pub fn shown_key(tab: &Tab, spec: &TabSpec, columns: &[usize], row: usize) -> Option<RowKey> {
    let cells: Vec<Cell> = spec.key.iter().map(|key| tab.at(row, columns[*key])).collect();
    row_key(cells.iter())
}

fn first_row(spec: &TabSpec) -> usize {
    usize::try_from(spec.header_row.0).unwrap_or(0) + 1
}

impl Person<'_> {
    /// Does something. Says what, and what a doorbell would say.
    pub fn act(&mut self) -> (String, Ring) {
        let Some(columns) = self.columns() else {
            return ("looks at a broken header".into(), Ring::Silent);
        };
        let before = self.present();
        self.note_names();
        let act = if self.wild && self.tape.percent(35) {
            self.tape.weighted(&WILD)
        } else {
            self.tape.weighted(if self.bold { &USUAL } else { &USUAL[..MEEK] })
        };
        let ring = self.do_it(act, &columns);
        self.withdraw(before);
        self.note_names();
        (format!("{act:?}"), ring.unwrap_or(Ring::Silent))
    }

    /// Removes all but one row of each key; where the log has `noted` two that stand for one and nobody sees them, the one that shows a marker.
    /// Says whether there was anything to do.
    pub fn resolve_duplicates(&mut self, noted: bool) -> bool {
        let Some(columns) = self.columns() else { return false };
        let before = self.present();
        let shown = self.resolve(&columns).is_some();
        let any = shown || (noted && self.remove_marked(&columns));
        self.withdraw(before);
        any
    }

    fn note_names(&mut self) {
        let Some(columns) = self.columns() else { return };
        for row in self.rows() {
            if let Some(key) = self.key(&columns, row) {
                let number = self.row_number(row);
                self.deeds.names.entry(number).or_default().insert(key);
            }
        }
    }

    fn columns(&self) -> Option<Vec<usize>> {
        self.tab.mapped(self.of.spec.header_row, &names(&self.of.spec))
    }

    fn do_it(&mut self, act: Act, columns: &[usize]) -> Option<Ring> {
        match act {
            Act::Edit => self.edit(columns, 1),
            Act::Block => self.edit(columns, 3),
            Act::Clear => self.clear(columns),
            Act::Sort => self.sort(),
            Act::MoveRow => self.move_row(),
            Act::InsertBlank => self.insert_blank(),
            Act::NewRow => self.new_row(columns),
            Act::GoOn => self.go_on(columns),
            Act::Delete => self.delete(columns),
            Act::TypeOwn => self.type_own(columns),
            Act::InsertColumn => {
                self.deeds.recast = true;
                self.insert_column()
            }
            Act::MoveColumn => {
                self.deeds.recast = true;
                self.move_column()
            }
            Act::RenameHeader => self.rename_header(columns),
            Act::EditKey => self.edit_key(columns),
            Act::ClearKey => self.clear_key(columns),
            Act::Duplicate => self.duplicate(columns),
            Act::TakeBack => self.take_back(columns),
            Act::Resolve => self.resolve(columns),
            Act::Formula => self.type_formula(columns),
            Act::Revert => self.revert(columns),
            Act::RenameTab => self.rename_tab(),
            Act::DeleteColumn => self.delete_column(columns),
            Act::DeleteTab => self.delete_tab(),
            Act::Bar => self.bar(),
            Act::CutAndPaste => self.cut_and_paste(),
            Act::PasteOver => self.paste_over(columns),
        }
    }

    // ---- what stands there ---------------------------------------------------------------------

    /// Words in the tab, and whether they stand where they were written: in that very row, or under their key and their header in a row that
    /// we have added again.
    fn present(&self) -> BTreeMap<usize, bool> {
        let columns = self.columns();
        let mut words = BTreeMap::new();
        for row in 0..self.tab.grid.stored_rows() {
            let key = columns.as_ref().and_then(|columns| self.key(columns, row));
            for (place, cell) in self.tab.grid.row(row).iter().enumerate() {
                if let Some(number) = crate::sheet::word_of_grid(cell) {
                    let home = self.words.at(number).is_some_and(|word| {
                        let column = word.column.zip(columns.as_ref());
                        word.row == self.tab.rows[row]
                            || (column.is_some_and(|(at, columns)| columns.get(at) == Some(&place))
                                && key.as_ref().is_some_and(|k| word.key.as_deref() == Some(&*k.0)))
                    });
                    *words.entry(number).or_insert(false) |= home;
                }
            }
        }
        words
    }

    /// What a person removed or typed over is the person's own business from then on, wherever else we have put it.
    fn withdraw(&mut self, before: BTreeMap<usize, bool>) {
        let after = self.present();
        for (number, home) in before {
            let still = after.get(&number);
            if (still.is_none() || (home && still == Some(&false)))
                && let Some(word) = self.words.at_mut(number)
            {
                word.withdrawn |= word.author == Author::Person;
            }
        }
    }

    fn rows(&self) -> std::ops::Range<usize> {
        first_row(&self.of.spec)..self.tab.grid.stored_rows()
    }

    fn some_row(&mut self) -> Option<usize> {
        let rows = self.rows();
        (!rows.is_empty()).then(|| rows.start + self.tape.below(rows.len()))
    }

    fn key(&self, columns: &[usize], row: usize) -> Option<RowKey> {
        shown_key(self.tab, &self.of.spec, columns, row)
    }

    fn keyed_rows(&self, columns: &[usize]) -> Vec<usize> {
        self.rows().filter(|row| self.key(columns, *row).is_some()).collect()
    }

    fn some_keyed(&mut self, columns: &[usize]) -> Option<usize> {
        let rows = self.keyed_rows(columns);
        (!rows.is_empty()).then(|| rows[self.tape.below(rows.len())])
    }

    fn is_blank(&self, row: usize) -> bool {
        self.tab.grid.row(row).iter().all(|cell| cell.entered.is_none())
    }

    /// The row's own number through all its moves.
    fn row_number(&mut self, row: usize) -> u64 {
        if self.tab.rows[row] == 0 {
            self.deeds.next_row += 1;
            self.tab.rows[row] = self.deeds.next_row;
        }
        self.tab.rows[row]
    }

    fn say(&mut self, columns: &[usize], row: usize, column: Option<usize>) -> Cell {
        let word = Word {
            author: Author::Person,
            table: self.table,
            column,
            key: self.key(columns, row).map(|key| key.0.to_string()),
            row: self.row_number(row),
            withdrawn: false,
            copied: false,
            excused: false,
            arrived: false,
        };
        Cell::text(self.words.coin(word))
    }

    #[expect(clippy::unnecessary_wraps, reason = "all acts have this shape")]
    fn ring(row: usize, count: usize) -> Option<Ring> {
        let row = RowIndex(u32::try_from(row).unwrap_or(0));
        Some(Ring::Rows(row, u32::try_from(count).unwrap_or(1)))
    }

    // ---- typing --------------------------------------------------------------------------------

    /// Columns that hold words.
    fn wordy(&self) -> Vec<usize> {
        let parent = (self.table == 2).then_some(2);
        (0..self.of.spec.columns.len())
            .filter(|column| !self.of.spec.key.contains(column) && Some(*column) != parent)
            .collect()
    }

    fn edit(&mut self, columns: &[usize], most: usize) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        let wordy = self.wordy();
        let column = wordy[self.tape.below(wordy.len())];
        let count = most.min(self.tab.grid.stored_rows() - row);
        for row in row..row + count {
            if self.key(columns, row).is_some() {
                let cell = self.say(columns, row, Some(column));
                self.tab.set(row, columns[column], &cell);
            }
        }
        if self.table == 2 && self.tape.percent(25) {
            let parent = self.tape.below(8) + 1;
            self.deeds.numbers.insert((2, parent as u64));
            self.tab.set(row, columns[2], &number(parent));
        }
        Self::ring(row, count)
    }

    /// Types a formula that comes to a word.
    fn type_formula(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        let wordy = self.wordy();
        let column = wordy[self.tape.below(wordy.len())];
        let word = self.say(columns, row, Some(column));
        if let Some(text) = of_cell(&word) {
            let formula = Cell::Formula { text: format!("=\"{text}\"").into(), value: word.into() };
            self.tab.set(row, columns[column], &formula);
        }
        Self::ring(row, 1)
    }

    /// Wants the database's value in a cell, as the menu offers it.
    fn revert(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        let wordy = self.wordy();
        let column = wordy[self.tape.below(wordy.len())];
        if self.tape.percent(70) {
            let cell = self.say(columns, row, Some(column));
            self.tab.set(row, columns[column], &cell);
        }
        let (row, column) = (u32::try_from(row).ok()?, u16::try_from(column).ok()?);
        Some(Ring::Revert(RowIndex(row), column))
    }

    fn clear(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        let wordy = self.wordy();
        let column = wordy[self.tape.below(wordy.len())];
        self.tab.set(row, columns[column], &Cell::Empty);
        let number = self.row_number(row);
        self.deeds.cleared.insert((number, column));
        Self::ring(row, 1)
    }

    fn new_row(&mut self, columns: &[usize]) -> Option<Ring> {
        if self.tab.grid.stored_rows() > 20 {
            return None;
        }
        let end = self.tab.grid.stored_rows().max(first_row(&self.of.spec));
        let row = match self.some_row() {
            Some(row) if self.tape.percent(30) => {
                self.tab.shift_rows(&Move::Insert { at: row, count: 1 });
                row
            }
            _ => end,
        };
        if row >= self.tab.grid.rows {
            self.tab.shift_rows(&Move::Insert { at: self.tab.grid.rows, count: 2 });
        }
        self.deeds.next_row += 1;
        self.tab.rows[row] = self.deeds.next_row;
        self.type_key(columns, row);
        for column in self.wordy() {
            if self.tape.percent(70) {
                let cell = self.say(columns, row, Some(column));
                self.tab.set(row, columns[column], &cell);
            }
        }
        Self::ring(row, 1)
    }

    fn type_key(&mut self, columns: &[usize], row: usize) {
        match self.of.key {
            KeyKind::Texts => {
                let (code, region) = (self.tape.below(5), self.tape.below(3));
                self.tab.set(row, columns[2], &Cell::text(format!("k{code}")));
                if !self.tape.percent(20) {
                    self.tab.set(row, columns[0], &Cell::text(format!("s{region}")));
                }
            }
            KeyKind::Counted if self.tape.percent(12) => {
                let id = 1 + self.tape.below(14);
                self.tab.set(row, columns[self.of.spec.key[0]], &number(id));
            }
            KeyKind::Counted => {}
        }
        if let Some(key) = self.key(columns, row) {
            self.deeds.typed_keys.insert(key);
            let number = self.row_number(row);
            self.deeds.typed_rows.insert(number);
        }
    }

    /// Types on in a row that has no key yet.
    fn go_on(&mut self, columns: &[usize]) -> Option<Ring> {
        let open: Vec<usize> = (self.rows())
            .filter(|row| self.key(columns, *row).is_none() && !self.is_blank(*row))
            .collect();
        if open.is_empty() {
            return None;
        }
        let row = open[self.tape.below(open.len())];
        let wordy = self.wordy();
        let column = wordy[self.tape.below(wordy.len())];
        let cell = self.say(columns, row, Some(column));
        self.tab.set(row, columns[column], &cell);
        if self.of.key == KeyKind::Texts {
            self.type_key(columns, row);
        }
        Self::ring(row, 1)
    }

    fn type_own(&mut self, columns: &[usize]) -> Option<Ring> {
        let row = self.some_keyed(columns)?;
        let own: Vec<usize> = (0..self.tab.grid.cols).filter(|c| !columns.contains(c)).collect();
        if own.is_empty() {
            return None;
        }
        let column = own[self.tape.below(own.len())];
        let cell = self.say(columns, row, None);
        self.tab.set(row, column, &cell);
        Some(Ring::Silent)
    }

    // ---- moving --------------------------------------------------------------------------------

    #[expect(clippy::unnecessary_wraps, reason = "all acts have this shape")]
    fn sort(&mut self) -> Option<Ring> {
        let rows = self.rows();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        for low in (1..order.len()).rev() {
            order.swap(low, self.tape.below(low + 1));
        }
        self.tab.shift_rows(&Move::Permute { start: rows.start, order });
        Some(if self.tape.percent(50) { Ring::Structure } else { Ring::Silent })
    }

    fn move_row(&mut self) -> Option<Ring> {
        let (from, to) = (self.some_row()?, self.some_row()?);
        self.tab.shift_rows(&Move::Block { from, count: 1, to });
        Some(Ring::Structure)
    }

    fn insert_blank(&mut self) -> Option<Ring> {
        if self.tab.grid.stored_rows() > 18 {
            return None;
        }
        let at = self.some_row()?;
        let count = 1 + self.tape.below(2);
        self.tab.shift_rows(&Move::Insert { at, count });
        Some(Ring::Structure)
    }

    fn insert_column(&mut self) -> Option<Ring> {
        if self.tab.grid.cols > 7 {
            return None;
        }
        let at = self.tape.below(self.tab.grid.cols + 1);
        self.tab.shift_columns(&Move::Insert { at, count: 1 });
        if self.tape.percent(80) {
            self.deeds.next_row += 1;
            let header = Cell::text(format!("mine {}", self.deeds.next_row));
            self.tab.set(first_row(&self.of.spec) - 1, at, &header);
        }
        Some(Ring::Structure)
    }

    #[expect(clippy::unnecessary_wraps, reason = "all acts have this shape")]
    fn move_column(&mut self) -> Option<Ring> {
        let (from, to) = (self.tape.below(self.tab.grid.cols), self.tape.below(self.tab.grid.cols));
        self.tab.shift_columns(&Move::Block { from, count: 1, to });
        Some(Ring::Structure)
    }

    fn rename_header(&mut self, columns: &[usize]) -> Option<Ring> {
        // Only what is marked as ours can be known under another name.
        let bound: Vec<usize> = columns
            .iter()
            .copied()
            .filter(|c| self.tab.bound.iter().any(|(b, _)| b == c))
            .collect();
        if bound.is_empty() {
            return None;
        }
        let column = bound[self.tape.below(bound.len())];
        self.deeds.next_row += 1;
        let header = Cell::text(format!("called {}", self.deeds.next_row));
        self.tab.set(first_row(&self.of.spec) - 1, column, &header);
        self.deeds.recast = true;
        Some(Ring::Silent)
    }
}

fn number(number: usize) -> Cell {
    Cell::Number(f64::from(u32::try_from(number).unwrap_or(0)))
}
