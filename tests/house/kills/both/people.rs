//! People at work in the tab: words in cells, new rows without a key at the end and in between, rows sorted and dragged about. The
//! script in the spreadsheet rings of most of it, of some twice, of some never.

use std::{
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
    table::{COLUMNS, NAME},
};
use crate::slice::BOOK;

/// Blank rows that stand in the tab at most.
const BLANK_MAX: usize = 3;
/// Rows in the tab beyond which nobody adds one.
const ROWS_MAX: usize = 90;

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

/// What people have done, all of them together, in the order in which the tab saw it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) typed: Vec<Typed>,
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
        let look = |book: &Spreadsheet| {
            let tab = Tab::named(book, NAME, "id")?;
            let grid_rows = book.sheet_titled(NAME)?.rows;
            choose((&tab, grid_rows), rng, &mut word).map(|did| (did.act.clone(), did))
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

/// An act, and the words that it puts into cells.
struct Did {
    act: HumanAct,
    words: Vec<Typed>,
}

fn choose(
    (tab, grid_rows): (&Tab, usize),
    rng: &mut Rng,
    word: &mut impl FnMut() -> String,
) -> Option<Did> {
    let places: Vec<usize> = COLUMNS.iter().map(|name| tab.place(name)).collect::<Option<_>>()?;
    let (rows, keyed) = (tab.end(), tab.keyed());
    if keyed.len() < 4 {
        return None;
    }
    let without_words = |act| Some(Did { act, words: Vec::new() });
    let name = || NAME.to_owned();
    match rng.below(96) {
        0..=71 => {
            let (row, key) = rng.pick(&keyed);
            let which = rng.below(COLUMNS.len());
            let at = places[which];
            let (text, column) = (word(), COLUMNS[which]);
            let over = tab.text(row, at).to_owned();
            let act = HumanAct::Type { tab: name(), cell: cell(at, row), text: text.clone() };
            Some(Did { act, words: vec![Typed { text, row: key, column, over }] })
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
        _ => {
            let from = rng.within(2..=rows - 1);
            let others: Vec<usize> = (2..=rows).filter(|to| *to < from || *to > from + 1).collect();
            let to = (!others.is_empty()).then(|| rng.pick(&others))?;
            without_words(HumanAct::MoveRows { tab: name(), from, count: 1, to })
        }
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
    Did { act: HumanAct::Paste { tab: NAME.to_owned(), at, rows: vec![cells] }, words }
}

/// Address of a cell by 0-based column and row.
fn cell(column: usize, row: usize) -> String {
    format!("{}{}", letter(column), row + 1)
}
