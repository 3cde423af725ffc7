//! I4: no false conflict. Both sides changed a cell only if an application really wrote the database's value after the sides had agreed, and a
//! person the sheet's.

use sheetwire_engine::{
    cell::Cell,
    conflict::{ConflictKind, ConflictRecord},
};

use super::Verdict;
use crate::{
    words::{Author, Words, of_cell},
    world::World,
};

pub(super) fn judge(world: &World) -> Verdict {
    if world.amnesia || world.forked {
        return Ok(());
    }
    for record in &world.processes[0].store.conflicts {
        if !matches!(record.kind, ConflictKind::EditEdit | ConflictKind::RemovedRowEdited) {
            continue;
        }
        let deeds = &world.deeds[usize::from(record.table.0)];
        let database = record.database.as_ref().and_then(of_cell);
        let Some(word) = database.and_then(|text| world.words.get(text)) else { continue };
        let odd = word.copied
            || deeds.tampered.contains(&word.row)
            || record.key.as_ref().is_some_and(|key| deeds.copied.contains(key));
        // Somebody gave a row the very key that another row without one was being given.
        let taken = word.author == Author::Person
            && word.key.is_none()
            && record.key.as_ref().is_some_and(|key| deeds.typed_keys.contains(key));
        // What was wanted back is kept on record where the process that was asked is gone.
        let sheet = record.sheet.as_ref().and_then(of_cell);
        let given_up =
            sheet.and_then(|text| world.words.get(text)).is_some_and(|word| word.excused)
                || (sheet.is_none() && is_wanted_back(world, record));
        if odd || taken || given_up || follows_a_decision(world, record) {
            continue;
        }
        untouched(world, record)?;
        if word.author == Author::Person && !is_put_back(world, record) {
            return Err(format!(
                "I4: conflict {} ({}) at row {:?}: the database's value {:?} was written by a person, in the sheet",
                record.id,
                record.kind.word(),
                record.key,
                record.database
            ));
        }
    }
    Ok(())
}

/// Somebody wanted the database's value back in this cell.
fn is_wanted_back(world: &World, record: &ConflictRecord) -> bool {
    let table = usize::from(record.table.0);
    let deeds = &world.deeds[table];
    let columns = &world.db.tables[table].spec.columns;
    let shows = |row: &u64| {
        let names = deeds.names.get(row);
        names.zip(record.key.as_ref()).is_some_and(|(names, key)| names.contains(key))
    };
    deeds.wanted.iter().any(|(row, at)| columns[*at].name == record.column && shows(row))
}

/// A person decided a conflict about this cell before: what was typed there after the conflict gives way to that decision, and is kept on record.
fn follows_a_decision(world: &World, record: &ConflictRecord) -> bool {
    let same = |earlier: &&ConflictRecord| {
        world.decided.contains(&earlier.id)
            && (earlier.table, &earlier.key, &earlier.column)
                == (record.table, &record.key, &record.column)
    };
    let mut earlier = world.processes[0].store.conflicts.iter();
    earlier.by_ref().take_while(|other| other.id < record.id).any(|other| same(&other))
}

/// What a person had emptied or begun anew is filled from the database again: somebody did not let go what was held back, or the row's removal was
/// refused.
fn is_put_back(world: &World, record: &ConflictRecord) -> bool {
    let deeds = &world.deeds[usize::from(record.table.0)];
    let begun = |key| deeds.typed_keys.contains(key) && deeds.removed.contains(key);
    let emptied = record.sheet.as_ref().is_none_or(Cell::is_empty);
    (world.rejected.contains(&record.table.0) && emptied) || record.key.as_ref().is_some_and(begun)
}

/// A side that holds what was agreed on, or something older, has not changed anything. Values are numbered in the order in which they were written
/// first, and an application writes each of its own just once.
fn untouched(world: &World, record: &ConflictRecord) -> Verdict {
    let number = |cell: &Option<Cell>| cell.as_ref().and_then(of_cell).and_then(Words::number);
    let by_hand = |cell: &Option<Cell>| {
        let word = cell.as_ref().and_then(of_cell).and_then(|text| world.words.get(text));
        word.is_some_and(|word| word.copied)
    };
    let (Some(base), Some(database)) = (number(&record.base), number(&record.database)) else {
        return Ok(());
    };
    if by_hand(&record.base) || by_hand(&record.sheet) {
        return Ok(());
    }
    let complain = |side: &str| {
        Err(format!(
            "I4: conflict {} ({}) at row {:?}: the {side} had not changed (base {:?}, database {:?}, sheet {:?})",
            record.id,
            record.kind.word(),
            record.key,
            record.base,
            record.database,
            record.sheet
        ))
    };
    // What an application wrote the log may tell again, after a restart and behind a first copy, while the base is newer already: then the conflict is
    // false, too, but the value that stands in the end is the database's.
    let is_ours = world.words.at(base).is_some_and(|word| word.author == Author::Person);
    let put_back = is_put_back(world, record);
    if (database == base && !put_back) || (database < base && is_ours) {
        return complain("database");
    }
    if number(&record.sheet) == Some(base) {
        return complain("sheet");
    }
    Ok(())
}
