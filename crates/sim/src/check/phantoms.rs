//! I5: nothing is written to the database that a person did not enter in that row and column.

use std::collections::BTreeMap;

use sheetwire_engine::{state::RowKey, value::Value};

use super::{Side, Verdict};
use crate::{
    database::OurWrite,
    words::{Author, of_value},
    world::World,
};

/// Which rows of the sheet became which rows of the database.
type Names = BTreeMap<(usize, u64), Vec<RowKey>>;

pub(super) fn judge(world: &World, sides: &[Side<'_>]) -> Verdict {
    let mut names = Names::new();
    for side in sides {
        // What a row shows now it may not have shown when somebody typed there: its key may have been hit by mistake just then.
        for (row, key) in side.rows() {
            if let (Some(key), number) = (key, side.tab.rows[row])
                && number != 0
            {
                names.entry((side.number, number)).or_default().push(key);
            }
        }
    }
    for write in &world.db.ours {
        if world.deeds[write.table].everything {
            continue;
        }
        let Some(after) = &write.after else { continue };
        let shown = (write.table, &write.shown);
        for (row, known) in &world.deeds[write.table].names {
            if known.contains(shown.1) {
                names.entry((write.table, *row)).or_default().push(write.key.clone());
            }
        }
        if write.before.is_none() {
            for word in after.iter().filter_map(of_value).filter_map(|text| world.words.get(text)) {
                names.entry((write.table, word.row)).or_default().push(write.key.clone());
            }
        }
        for (column, value) in after.iter().enumerate() {
            let old = write.before.as_ref().map(|row| &row[column]);
            if old != Some(value) {
                judge_value(world, write, (column, value), &names)?;
            }
        }
    }
    Ok(())
}

fn judge_value(
    world: &World,
    write: &OurWrite,
    (column, value): (usize, &Value),
    names: &Names,
) -> Verdict {
    let table = &world.db.tables[write.table];
    let deeds = &world.deeds[write.table];
    if table.spec.key.contains(&column) {
        return Ok(());
    }
    let complain = |what: &str| {
        let name = &table.spec.columns[column].name;
        Err(format!(
            "I5: {value:?} went to row {} column {name} of table {}: {what}",
            write.key.0, write.table
        ))
    };
    // Whether a row of the sheet is the one that was written, by the key that it shows now.
    let shows =
        |row: u64| names.get(&(write.table, row)).is_some_and(|known| known.contains(&write.key));
    // Whether it is by any key that it has shown.
    let is_row = |row: u64| {
        shows(row) || deeds.names.get(&row).is_some_and(|known| known.contains(&write.key))
    };
    let Some(word) = of_value(value).and_then(|text| world.words.get(text)) else {
        return match wordless(world, write, (column, value), (&is_row, &shows)) {
            Some(what) => complain(what),
            None => Ok(()),
        };
    };
    // What was misplaced when somebody deleted the journal nobody knows to put back; what a person copied or took back while it was misplaced is
    // that person's word.
    let misplaced = word.table != write.table || word.column != Some(column);
    if misplaced && !world.amnesia && !word.copied {
        return complain("it was written elsewhere");
    }
    let here = word.key.as_deref() == Some(&*write.key.0) || is_row(word.row);
    let free = word.copied
        || world.amnesia
        || deeds.repaired
        || deeds.tampered.contains(&word.row)
        || deeds.copied.contains(&write.key);
    // A second row with the same key, taken away again, gives the first one its old values back.
    let doubled = here && deeds.typed_keys.contains(&write.key);
    // A read that came late showed what had stood there before: to everybody it looks as if somebody had typed that again.
    let shown_late = here && world.was_read_late(write.table);
    let known = free || doubled || shown_late || world.forked;
    if word.author == Author::App && write.before.is_some() && !known {
        return complain("an application wrote it, and nobody typed it");
    }
    // A row that comes back as a whole brings its old values along.
    let again = write.before.is_none() && word.author == Author::App;
    if here || free || again { Ok(()) } else { complain("it was written in another row") }
}

/// What is wrong with a value that is nobody's word: emptiness, or a number.
fn wordless(
    world: &World,
    write: &OurWrite,
    (column, value): (usize, &Value),
    (is_row, shows): (&dyn Fn(u64) -> bool, &dyn Fn(u64) -> bool),
) -> Option<&'static str> {
    let deeds = &world.deeds[write.table];
    let shown_late = world.was_read_late(write.table);
    if write.before.is_none() || world.amnesia || deeds.repaired || shown_late {
        return None;
    }
    let copied = deeds.copied.contains(&write.key) || deeds.typed_keys.contains(&write.key);
    match value {
        Value::Null => {
            let emptied = deeds.cleared.iter().any(|(row, at)| *at == column && is_row(*row));
            let meddled = deeds.typed_rows.iter().chain(&deeds.tampered).any(|row| is_row(*row));
            (!(emptied || meddled || copied)).then_some("nobody emptied it")
        }
        Value::Int(number) => {
            let typed = deeds.numbers.contains(&(column, number.unsigned_abs()));
            let meddled = deeds.tampered.iter().any(|row| shows(*row));
            (!(typed || meddled || copied)).then_some("nobody typed it")
        }
        _ => None,
    }
}
