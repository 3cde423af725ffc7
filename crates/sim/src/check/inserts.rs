//! I3: a row of the sheet is inserted into the database at most once, unless a person copied it, took it back, or cleared its marker or key; and
//! what an application has removed comes back only with something new in it.
//!
//! Where a second process has started on a copy of the data folder, nobody can promise that: the copy does not know what the original has
//! committed since. That one of the two is sent away in time is judged elsewhere. Nor where somebody has deleted the journal while a batch was
//! under way: what it hit by mistake nobody knows then.

use std::collections::{BTreeMap, BTreeSet};

use sheetwire_engine::{
    cell::Cell,
    change::Row,
    conflict::{ConflictKind, Outcome},
    merge::Side,
    render::row_key,
    state::RowKey,
    value::Value,
};

use super::Verdict;
use crate::{
    database::OurWrite,
    words::{Author, Words, of_value},
    world::World,
};

pub(super) fn judge(world: &World) -> Verdict {
    let mut known: BTreeMap<(usize, u64), RowKey> = BTreeMap::new();
    for write in &world.db.ours {
        let (None, Some(after)) = (&write.before, &write.after) else { continue };
        let deeds = &world.deeds[write.table];
        if deeds.everything {
            continue;
        }
        let rows = after.iter().filter_map(of_value).filter_map(|text| world.words.get(text));
        let rows = rows.filter(|word| word.author == Author::Person && !word.copied);
        for row in rows.map(|word| word.row) {
            if deeds.tampered.contains(&row) {
                continue;
            }
            if let Some(first) = known.insert((write.table, row), write.key.clone())
                && first != write.key
                && !is_owned_up(world, write.table, &first)
                && !is_decided(world, write.table, &first)
                && !world.forked
                && !world.amnesia
            {
                return Err(format!(
                    "I3: row {row} of table {} was inserted as {} and as {}",
                    write.table, first.0, write.key.0
                ));
            }
        }
    }
    came_back(world)
}

/// Words that a row has held, and numbers that people had typed into it, with their column.
type Known = (BTreeSet<usize>, BTreeSet<(usize, u64)>);

/// A row that we inserted, that an application removed and that we inserted again must hold something new, or somebody must have said so.
fn came_back(world: &World) -> Verdict {
    if world.amnesia || world.forked {
        return Ok(());
    }
    let mut known: BTreeMap<(usize, &RowKey), Known> = BTreeMap::new();
    for write in &world.db.ours {
        let address = (write.table, &write.key);
        let Some(after) = &write.after else {
            known.remove(&address);
            continue;
        };
        let words: BTreeSet<usize> =
            after.iter().filter_map(of_value).filter_map(Words::number).collect();
        let numbers = typed_numbers(world, write.table, after);
        let old = known.get(&address);
        let is_new = words.iter().any(|word| old.is_none_or(|(words, _)| !words.contains(word)))
            || numbers.iter().any(|typed| old.is_none_or(|(_, numbers)| !numbers.contains(typed)));
        // What a late read shows looks as if somebody had typed it again.
        let again = write.before.is_none() && old.is_some() && !world.was_read_late(write.table);
        if again && !words.is_empty() && !is_new && !is_meant(world, write) {
            return Err(format!(
                "I3: row {} of table {} was inserted again after an application had removed it, with nothing new in it",
                write.key.0, write.table
            ));
        }
        let all = known.entry(address).or_default();
        all.0.extend(words);
        all.1.extend(numbers);
    }
    Ok(())
}

/// Numbers of a row that people have typed in their column.
fn typed_numbers(world: &World, table: usize, row: &Row) -> BTreeSet<(usize, u64)> {
    let number = |(column, value): (usize, &Value)| match value {
        Value::Int(number) => Some((column, number.unsigned_abs())),
        _ => None,
    };
    let typed = |number: &(usize, u64)| world.deeds[table].numbers.contains(number);
    row.iter().enumerate().filter_map(number).filter(typed).collect()
}

/// Whether a person may have wanted the row again: it was copied, taken back, partly emptied, or decided about.
fn is_meant(world: &World, write: &OurWrite) -> bool {
    let deeds = &world.deeds[write.table];
    // A marker that the row bore before is a name of it, too.
    let ours = world.db.ours.iter();
    let bore = ours.filter(|other| other.table == write.table && other.key == write.key);
    let keys: BTreeSet<&RowKey> =
        bore.map(|other| &other.shown).chain([&write.key, &write.shown]).collect();
    let words = write.after.iter().flatten().filter_map(of_value);
    let mut words = words.filter_map(|text| world.words.get(text));
    let of_row = |row: &u64| {
        deeds.names.get(row).is_some_and(|names| keys.iter().any(|key| names.contains(*key)))
    };
    deeds.everything
        || deeds.repaired
        || keys.iter().any(|key| deeds.copied.contains(*key) || deeds.typed_keys.contains(*key))
        || words.any(|word| {
            let is_cleared = deeds.cleared.iter().any(|(row, _)| *row == word.row);
            word.copied || is_cleared || deeds.tampered.contains(&word.row)
        })
        || deeds.cleared.iter().any(|(row, _)| of_row(row))
        || world.processes[0].store.conflicts.iter().any(|record| {
            record.table == world.db.tables[write.table].spec.table
                && record.key.as_ref().is_some_and(|key| keys.contains(&key))
                && super::is_for_people(record.kind)
        })
}

/// Whether a person was asked about the row, since nobody could tell what it is, and wanted it.
fn is_decided(world: &World, table: usize, key: &RowKey) -> bool {
    world.processes[0].store.conflicts.iter().any(|record| {
        record.table == world.db.tables[table].spec.table
            && record.kind == ConflictKind::UnknownRow
            && record.key.as_ref() == Some(key)
            && record.outcome == Outcome::Kept(Side::Sheet)
    })
}

/// Whether the log says that the engine took the row's key by mistake and could not put it back: a person may have given it another.
fn is_owned_up(world: &World, table: usize, key: &RowKey) -> bool {
    let spec = &world.db.tables[table].spec;
    let part =
        |cell: &Cell| row_key([cell].into_iter()).is_some_and(|part| key.0.contains(&*part.0));
    world.processes[0].store.conflicts.iter().any(|record| {
        record.table == spec.table
            && record.kind == ConflictKind::NotPutBack
            && record.sheet.as_ref().is_some_and(part)
    })
}
