//! I2: no word is lost. Each value that somebody wrote and did not take back stands on one of the sides, has reached the other one, or is
//! in the conflict log. Own columns of people stay beside their row.

use std::collections::BTreeMap;

use sheetwire_engine::{cell::Cell, conflict::ConflictKind, render::row_key, state::RowKey};

use super::{Side, Verdict};
use crate::{
    database::OurWrite,
    words::{Author, Words, of_cell, of_value},
    world::World,
};

/// What stands between the parts of a key.
const PART: char = '\u{1f}';

pub(super) fn judge(world: &World, side: &Side<'_>) -> Verdict {
    let mut in_sheet: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for row in 0..side.tab.grid.stored_rows() {
        for column in 0..side.tab.grid.cols {
            let cell = side.tab.at(row, column);
            if let Some(number) = of_cell(&cell).and_then(Words::number) {
                in_sheet.entry(number).or_default().push((row, column));
            }
        }
    }
    let logged = logged(world, side);
    let in_database = in_database(world, side);
    for (number, word) in world.words.iter().filter(|(_, word)| word.table == side.number) {
        if word.withdrawn || word.excused {
            continue;
        }
        let places = in_sheet.get(&number).map_or(&[][..], Vec::as_slice);
        if word.column.is_none() {
            own(world, side, number, places)?;
            continue;
        }
        let there = !places.is_empty() || logged.contains(&number) || in_database.contains(&number);
        match word.author {
            Author::Person if !there => {
                return Err(format!("I2: u{number}, typed in row {:?}, is nowhere", word.key));
            }
            Author::App if !there && !word.arrived => {
                return Err(format!(
                    "I2: a{number}, written to row {:?}, was never seen",
                    word.key
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn number_of(cell: Option<&Cell>) -> Option<usize> {
    cell.and_then(of_cell).and_then(Words::number)
}

fn logged(world: &World, side: &Side<'_>) -> std::collections::BTreeSet<usize> {
    (world.processes[0].store.conflicts.iter().chain(&world.buried))
        .filter(|record| record.table == side.table.spec.table)
        .flat_map(|record| {
            [&record.base, &record.database, &record.sheet].map(|cell| number_of(cell.as_ref()))
        })
        .flatten()
        .collect()
}

/// Values that are in the database, or were brought there by us.
fn in_database(world: &World, side: &Side<'_>) -> std::collections::BTreeSet<usize> {
    let now = world.db.rows[side.number].values();
    let ours = (world.db.ours.iter())
        .filter(|write| write.table == side.number)
        .filter_map(|write| write.after.as_ref());
    now.chain(ours).flatten().filter_map(of_value).filter_map(Words::number).collect()
}

/// What a person wrote beside a row stays beside it, as long as the row is there.
fn own(world: &World, side: &Side<'_>, number: usize, places: &[(usize, usize)]) -> Verdict {
    let Some(word) = world.words.at(number) else { return Ok(()) };
    let listed = logged(world, side).contains(&number);
    let row_gone = word
        .key
        .as_ref()
        .is_some_and(|key| !world.db.rows[side.number].keys().any(|known| *known.0 == **key));
    let meddled = word.copied || side.deeds.everything || side.deeds.tampered.contains(&word.row);
    // A row that the database removed takes what stood beside it along; the journal has it.
    let mut names = side.deeds.names.get(&word.row).into_iter().flatten();
    // A row that shows a marker may have got its key in the database already.
    let got = |name: &RowKey| {
        let ours = |write: &OurWrite| write.table == side.number && write.shown == *name;
        let mut writes = world.db.ours.iter().filter(|write| ours(write));
        writes.any(|write| was_removed(world, side, Some(&write.key.0)))
    };
    let removed = row_gone
        || was_removed(world, side, word.key.as_deref())
        || removed_as(world, side, word.key.as_deref())
        || names.any(|name| was_removed(world, side, Some(&name.0)) || got(name));
    if places.is_empty() && !listed && !removed && !meddled {
        return Err(format!("I2: own cell u{number} beside row {:?} is gone", word.key));
    }
    for (row, column) in places {
        if side.columns.contains(column) && !meddled {
            return Err(format!("I2: own cell u{number} stands in a mapped column"));
        }
        // A row that was removed by mistake and added again is another one to the sheet, but not to people.
        let same = side.tab.rows[*row] == word.row
            || side.key(*row).is_some_and(|key| word.key.as_deref() == Some(&*key.0));
        // It was typed beside a row that had been added under a header which somebody was just changing or moving: that row is taken back and added
        // anew.
        let alone = side.deeds.recast
            && side.columns.iter().all(|place| side.tab.at(*row, *place).is_empty());
        if !same && !meddled && !removed && !alone {
            return Err(format!(
                "I2: own cell u{number} of row {:?} stands beside another row",
                word.key
            ));
        }
    }
    Ok(())
}

/// Whether the log says that a row which showed this key stood for another one, that the database removed.
fn removed_as(world: &World, side: &Side<'_>, shown: Option<&str>) -> bool {
    let Some(shown) = shown else { return false };
    let spec = &side.table.spec;
    let removals: Vec<_> = (world.processes[0].store.conflicts.iter().chain(&world.buried))
        .filter(|record| {
            record.table == spec.table && record.kind == ConflictKind::EditedRowRemoved
        })
        .collect();
    // The key that stood there: what the log tells of its parts, and the row's own ones.
    let showed = |key: &RowKey| {
        let told = |part: &usize| {
            let mut cells = removals.iter().filter(|record| {
                record.key.as_ref() == Some(key) && record.column == spec.columns[*part].name
            });
            let cell = cells.next_back().and_then(|record| record.sheet.as_ref());
            cell.and_then(|cell| row_key([cell].into_iter()))
        };
        let parts = spec.key.iter().zip(key.0.split(PART)).map(|(part, own)| {
            told(part).map_or_else(|| own.to_owned(), |told| told.0.to_string())
        });
        parts.eq(shown.split(PART).map(str::to_owned))
    };
    let mut rows = removals.iter().filter_map(|record| record.key.as_ref());
    rows.any(|key| *key.0 != *shown && showed(key) && was_removed(world, side, Some(&key.0)))
}

/// Whether the database removed a row with this key at any time.
fn was_removed(world: &World, side: &Side<'_>, key: Option<&str>) -> bool {
    let Some(key) = key else { return true };
    world.db.log.iter().flat_map(|transaction| &transaction.events).any(|event| match event {
        crate::database::Event::Emptied(table) => *table == side.table.spec.table,
        crate::database::Event::Rows(table, changes) => {
            *table == side.table.spec.table
                && changes.iter().any(|change| {
                    change.after.is_none() && *side.table.named(&change.key).0 == *key
                })
        }
    })
}
