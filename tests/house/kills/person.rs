//! Somebody who works in the sheet while it is written to: sorts, drags rows, inserts blank ones, and keeps a column of her own.

use std::time::Duration;

use sheets_emulator::{
    http::{Call, Emulator},
    model::{HumanAct, Spreadsheet},
};
use tokio::runtime::Handle;

use super::{
    BOOK,
    grid::{OWN, Tab, letter},
    rng::Rng,
    tables::{TABLES, Table},
    writer::Progress,
};

/// Blank rows she leaves standing in a tab at most.
const BLANK_MAX: usize = 12;

/// A cell that she typed beside a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// Table of the row.
    pub(super) table: usize,
    /// The row's key, as shown.
    pub(super) key: String,
    /// What she typed.
    pub(super) text: String,
}

/// What she has done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Everything in her own column.
    pub(super) notes: Vec<Note>,
    /// Times she sorted a tab.
    pub(super) sorts: u32,
    /// Times she moved or inserted rows.
    pub(super) moves: u32,
}

/// Acts between two calls until told to stop.
pub(super) fn work(
    emulator: &Emulator,
    runtime: &Handle,
    rng: &mut Rng,
    progress: &Progress,
) -> Done {
    let mut done = Done::default();
    let mut seen = 0;
    while !progress.stopped_within(Duration::ZERO) {
        // Between two calls, best between a read and the write that believes it; or when there was no call for a while.
        let patience = Duration::from_millis(60);
        let wanted = |call: &Call| call.ordinal > seen && call.applied;
        if let Ok(call) = runtime.block_on(emulator.log().wait_for(patience, wanted)) {
            seen = call.ordinal;
        }
        if rng.percent(50) {
            let table = rng.below(TABLES.len());
            emulator.edit(BOOK, |book| act(book, rng, table, &mut done)).unwrap();
        }
    }
    done
}

fn act(book: &mut Spreadsheet, rng: &mut Rng, index: usize, done: &mut Done) {
    let table = &TABLES[index];
    let Some(tab) = Tab::of(book, table) else { return };
    let Some(own) = tab.own() else {
        // The product makes tabs that are as wide as it needs.
        let at = letter(rng.below(tab.width()));
        let tab = table.name.to_owned();
        perform(book, &HumanAct::InsertColumns { tab, at: at.clone(), count: 1 });
        return perform(book, &type_in(table, format!("{at}1"), OWN.to_owned()));
    };
    if tab.end() < 4 {
        return;
    }
    let rows = tab.end();
    let act = match rng.below(100) {
        0..=29 => {
            done.sorts += 1;
            let column = letter(rng.below(tab.width()));
            let descending = rng.percent(50);
            HumanAct::Sort { tab: table.name.to_owned(), first_row: 2, column, descending }
        }
        30..=49 => {
            done.moves += 1;
            let count = rng.within(1..=2);
            // Rows as people count them: from 1, and the header is the first.
            let from = rng.within(2..=rows - count);
            let others: Vec<usize> =
                (2..=rows).filter(|to| *to < from || *to > from + count).collect();
            let Some(to) = (!others.is_empty()).then(|| rng.pick(&others)) else { return };
            HumanAct::MoveRows { tab: table.name.to_owned(), from, count, to }
        }
        50..=59 if rows - tab.keyed().len() < BLANK_MAX => {
            done.moves += 1;
            let at = rng.within(2..=rows);
            HumanAct::InsertRows { tab: table.name.to_owned(), at, count: rng.within(1..=2) }
        }
        _ => {
            let keyed = tab.keyed();
            let free = keyed.into_iter().filter(|(row, _)| tab.text(*row, own).is_empty());
            let free: Vec<(usize, String)> = free.collect();
            let Some((row, key)) = (!free.is_empty()).then(|| rng.pick(&free)) else { return };
            let text = format!("note {}", done.notes.len());
            done.notes.push(Note { table: index, key, text: text.clone() });
            type_in(table, format!("{}{}", letter(own), row + 1), text)
        }
    };
    perform(book, &act);
}

fn type_in(table: &Table, cell: String, text: String) -> HumanAct {
    HumanAct::Type { tab: table.name.to_owned(), cell, text }
}

fn perform(book: &mut Spreadsheet, act: &HumanAct) {
    book.human(act).unwrap_or_else(|why| panic!("she could not do {act:?}: {why}"));
}
