//! People at work in the tab: words in cells, new rows without a key at the end and in between, rows removed, sorted and dragged about.
//! The script in the spreadsheet rings of most of it, of some twice, of some never.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sheets_emulator::{
    http::{Call, Emulator},
    model::{HumanAct, Spreadsheet},
    script::{FiringSwitch, NextFiring},
};
use tokio::runtime::Builder;

use super::{
    super::{
        grid::{Tab, letter},
        rng::Rng,
        writer::Progress,
    },
    table::{COLUMNS, NAME, is_left_to_people},
};
use crate::slice::BOOK;

/// Blank rows that stand in the tab at most.
const BLANK_MAX: usize = 3;
/// Rows in the tab beyond which nobody adds one.
const ROWS_MAX: usize = 90;
/// Rows with a key below which nobody removes one.
const ROWS_MIN: usize = 25;

/// A word that somebody typed.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) text: String,
    /// What stood in the key cell of its row: a key, the product's marker, or nothing yet.
    pub(super) row: String,
    pub(super) column: &'static str,
    /// What stood in the cell before.
    pub(super) over: String,
}

/// A row that somebody removed, as it stood there just then.
#[derive(Debug, Clone)]
pub(super) struct Removed {
    /// What stood in its key cell: a key, or the product's marker.
    pub(super) row: String,
    /// What stood in its cells.
    pub(super) cells: [String; COLUMNS.len()],
    /// Whether somebody saw the key in the tab later.
    pub(super) back: bool,
}

/// What people have done, all of them together, in the order in which the tab saw it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) typed: Vec<Typed>,
    pub(super) removed: Vec<Removed>,
    pub(super) rows: u32,
    pub(super) sorts: u32,
    pub(super) moves: u32,
    pub(super) lost_bells: u32,
    pub(super) doubled_bells: u32,
}

/// Acts now and then, often just behind a call that the emulator answers, until told to stop.
pub(super) fn work(
    emulator: &Emulator,
    (person, rng): (usize, &mut Rng),
    done: &Mutex<Done>,
    progress: &Progress,
) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut words = 0;
    loop {
        let pause = Duration::from_millis(u64::try_from(rng.within(50..=500)).unwrap());
        if progress.stopped_within(pause) {
            return;
        }
        if rng.percent(50) {
            // Best between a read and the write that believes it; without a call she acts all the same.
            let seen = emulator.log().count();
            let next = |call: &Call| call.ordinal > seen;
            let _ = runtime.block_on(emulator.log().wait_for(pause, next));
        }
        let mut word = || {
            words += 1;
            format!("person {person} word {words}")
        };
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        ring_badly(emulator, rng, &mut done);
        let last = done.typed.last().map(|word| word.row.clone());
        let removed = &mut done.removed;
        let look = |book: &Spreadsheet| {
            let tab = Tab::named(book, NAME, "id")?;
            see(&tab, removed);
            let grid_rows = book.sheet_titled(NAME)?.rows;
            choose((&tab, grid_rows, last.as_deref()), rng, &mut word)
                .map(|did| (did.act.clone(), did))
        };
        let did = emulator.human_who_looks(BOOK, look);
        let Some(did) = did.unwrap_or_else(|why| panic!("person {person}: {why}")) else {
            continue;
        };
        match did.act {
            HumanAct::Sort { .. } => done.sorts += 1,
            HumanAct::MoveRows { .. } => done.moves += 1,
            _ => {}
        }
        done.rows += u32::from(did.words.iter().any(|word| word.row.is_empty()));
        done.typed.extend(did.words);
        done.removed.extend(did.removed);
    }
}

/// Of the next firing Google may know nothing, or tell of it twice.
fn ring_badly(emulator: &Emulator, rng: &mut Rng, done: &mut Done) {
    let next = match rng.below(100) {
        0..=14 => {
            done.lost_bells += 1;
            NextFiring::Drop
        }
        15..=29 => {
            done.doubled_bells += 1;
            NextFiring::Double
        }
        _ => return,
    };
    emulator
        .set_firing(BOOK, &FiringSwitch { next: Some(next), ..FiringSwitch::default() })
        .unwrap();
}

/// Which of the removed rows stand in the tab again.
fn see(tab: &Tab, removed: &mut [Removed]) {
    let keys: BTreeSet<String> = tab.keyed().into_iter().map(|(_, key)| key).collect();
    for row in removed.iter_mut().filter(|row| keys.contains(&row.row)) {
        row.back = true;
    }
}

/// An act, the words that it puts into cells, and the rows that it removes.
struct Did {
    act: HumanAct,
    words: Vec<Typed>,
    removed: Vec<Removed>,
}

impl Did {
    fn only(act: HumanAct) -> Self {
        Self { act, words: Vec::new(), removed: Vec::new() }
    }
}

fn choose(
    (tab, grid_rows, last): (&Tab, usize, Option<&str>),
    rng: &mut Rng,
    word: &mut impl FnMut() -> String,
) -> Option<Did> {
    let places: Vec<usize> = COLUMNS.iter().map(|name| tab.place(name)).collect::<Option<_>>()?;
    let (rows, keyed) = (tab.end(), tab.keyed());
    if keyed.len() < 4 {
        return None;
    }
    let without_words = |act| Some(Did::only(act));
    let name = || NAME.to_owned();
    match rng.below(102) {
        0..=71 => {
            let (row, key) = rng.pick(&keyed);
            let which = rng.below(COLUMNS.len());
            let at = places[which];
            let (text, column) = (word(), COLUMNS[which]);
            let over = tab.text(row, at).to_owned();
            let act = HumanAct::Type { tab: name(), cell: cell(at, row), text: text.clone() };
            let words = vec![Typed { text, row: key, column, over }];
            Some(Did { words, ..Did::only(act) })
        }
        72..=86 if rows > ROWS_MAX => None,
        // Behind the last row, where the tab must have one for it.
        72..=79 if rows < grid_rows => Some(new_row(tab, (rows, &places), word)),
        72..=79 => without_words(HumanAct::InsertRows { tab: name(), at: rows + 1, count: 1 }),
        80..=86 => {
            let blank =
                (1..rows).find(|row| (0..tab.width()).all(|at| tab.text(*row, at).is_empty()));
            match blank {
                Some(row) => Some(new_row(tab, (row, &places), word)),
                None if rows - keyed.len() < BLANK_MAX => without_words(HumanAct::InsertRows {
                    tab: name(),
                    at: rng.within(2..=rows),
                    count: 1,
                }),
                None => None,
            }
        }
        87..=91 => {
            let (column, descending) = (letter(rng.below(tab.width())), rng.percent(50));
            without_words(HumanAct::Sort { tab: name(), first_row: 2, column, descending })
        }
        92..=95 => {
            let from = rng.within(2..=rows - 1);
            let others: Vec<usize> = (2..=rows).filter(|to| *to < from || *to > from + 1).collect();
            let to = (!others.is_empty()).then(|| rng.pick(&others))?;
            without_words(HumanAct::MoveRows { tab: name(), from, count: 1, to })
        }
        _ if keyed.len() < ROWS_MIN => None,
        _ => Some(remove((tab, last), (&keyed, &places), rng)),
    }
}

/// A row without a key, in one go.
fn new_row(tab: &Tab, (row, places): (usize, &[usize]), word: &mut impl FnMut() -> String) -> Did {
    let mut cells = vec![String::new(); tab.width()];
    let mut words = Vec::new();
    for (column, at) in COLUMNS.into_iter().zip(places) {
        let text = word();
        cells[*at].clone_from(&text);
        words.push(Typed { text, row: String::new(), column, over: String::new() });
    }
    let at = cell(0, row);
    let act = HumanAct::Paste { tab: NAME.to_owned(), at, rows: vec![cells] };
    Did { words, ..Did::only(act) }
}

/// One row is removed, or two; rather often one that the application leaves alone, or the `last` that somebody typed into.
fn remove(
    (tab, last): (&Tab, Option<&str>),
    (keyed, places): (&[(usize, String)], &[usize]),
    rng: &mut Rng,
) -> Did {
    let wanted: &dyn Fn(&str) -> bool = match rng.below(100) {
        0..=49 => &|key| key.parse().is_ok_and(is_left_to_people),
        50..=79 => &|key| Some(key) == last,
        _ => &|_| true,
    };
    let mut choice: Vec<usize> =
        keyed.iter().filter(|(_, key)| wanted(key)).map(|(row, _)| *row).collect();
    if choice.is_empty() {
        choice.extend(keyed.iter().map(|(row, _)| *row));
    }
    let first = rng.pick(&choice);
    let count = if first + 1 < tab.end() && rng.percent(20) { 2 } else { 1 };
    let seen = |row| {
        let mut cells = places.iter().map(|at| tab.text(row, *at).to_owned());
        let cells = std::array::from_fn(|_| cells.next().unwrap());
        Removed { row: tab.text(row, tab.key).to_owned(), cells, back: false }
    };
    let removed = (first..first + count).map(seen).collect();
    let act = HumanAct::DeleteRows { tab: NAME.to_owned(), at: first + 1, count };
    Did { removed, ..Did::only(act) }
}

/// Address of a cell by 0-based column and row.
fn cell(column: usize, row: usize) -> String {
    format!("{}{}", letter(column), row + 1)
}
