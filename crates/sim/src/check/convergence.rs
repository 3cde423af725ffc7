//! I1 and I7: when edits stop, both sides are equal, cell by cell, or a listed conflict, a draft or a held row says why not; and no row stands
//! twice but where a person put it twice.

use std::collections::BTreeMap;

use sheetwire_engine::{
    cell::Cell,
    conflict::{ConflictKind, ConflictRecord},
    state::RowKey,
};

use super::{Side, Verdict};
use crate::{database::KeyKind, world::World};

pub(super) fn judge(world: &World, side: &Side<'_>) -> Verdict {
    let table = side.table;
    let mut wanted: BTreeMap<RowKey, Vec<Cell>> = (world.db.rows[side.number].iter())
        .map(|(key, row)| (key.clone(), table.cells(row)))
        .collect();
    let mut seen: BTreeMap<RowKey, usize> = BTreeMap::new();
    for (row, key) in side.rows() {
        let cells: Vec<Cell> =
            side.columns.iter().map(|column| side.tab.at(row, *column)).collect();
        let Some(key) = key else {
            without_key(world, side, &cells)?;
            continue;
        };
        if let Some(other) = seen.insert(key.clone(), row) {
            let known = side.deeds.copied.contains(&key) || side.deeds.typed_keys.contains(&key);
            if !known {
                return Err(format!(
                    "I7: row {} stands in {other} and {row}, and nobody copied it",
                    key.0
                ));
            }
        }
        match wanted.remove(&key) {
            Some(expected) => same(world, side, (&key, &expected, &cells))?,
            None => stranger(world, side, (&key, &cells, side.tab.rows[row]))?,
        }
    }
    // The database may have refused to let a row go that a person removed.
    let missing = |key: &&RowKey| open_records(world, side, key).next().is_none();
    match wanted.keys().find(missing) {
        Some(key) => Err(format!("I1: row {} is missing in the sheet", key.0)),
        None => Ok(()),
    }
}

fn open_records<'a>(
    world: &'a World,
    side: &'a Side<'_>,
    key: &'a RowKey,
) -> impl Iterator<Item = &'a ConflictRecord> {
    world.processes[0].store.conflicts.iter().filter(move |record| {
        record.table == side.table.spec.table
            && record.key.as_ref() == Some(key)
            && record.outcome.is_open()
    })
}

fn same(
    world: &World,
    side: &Side<'_>,
    (key, expected, found): (&RowKey, &[Cell], &[Cell]),
) -> Verdict {
    for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
        if expected == found.look() || is_spelt(expected, found) {
            continue;
        }
        let name = &side.table.spec.columns[place].name;
        let listed = open_records(world, side, key)
            .any(|record| record.column == *name || record.column.is_empty());
        if !listed {
            return Err(format!(
                "I1: row {} column {name}: sheet {found:?}, database {expected:?}, and nothing says why",
                key.0
            ));
        }
    }
    Ok(())
}

/// Whether a formula stays that has fed the database, which spells its value in its own way.
fn is_spelt(expected: &Cell, found: &Cell) -> bool {
    match (expected, found) {
        (Cell::Text(expected), Cell::Formula { value, .. }) => {
            matches!(&**value, Cell::Text(value) if value.eq_ignore_ascii_case(expected))
        }
        _ => false,
    }
}

/// A row with a key that the database does not have.
fn stranger(world: &World, side: &Side<'_>, (key, cells, row): (&RowKey, &[Cell], u64)) -> Verdict {
    let is_refusal = |record: &ConflictRecord| {
        matches!(
            record.kind,
            ConflictKind::ConstraintRefused
                | ConflictKind::TypeRefused
                | ConflictKind::UnknownRow
                | ConflictKind::Suspect
        )
    };
    // A row whose key a person changed is listed under the key that it had.
    let renamed = side.deeds.typed_keys.contains(key)
        && world.processes[0].store.conflicts.iter().any(|record| {
            record.table == side.table.spec.table && record.outcome.is_open() && is_refusal(record)
        });
    // A row that has got its key is listed under it, even while it still shows its marker.
    let got =
        world.db.ours.iter().filter(|write| write.table == side.number && write.shown == *key);
    let mut names = got.map(|write| &write.key).chain([key]);
    let refused = renamed || names.any(|key| open_records(world, side, key).any(is_refusal));
    let shown_only = !side.table.spec.policy.inbound;
    let excused =
        is_own(side, key, row) || is_left_over(world, side) || is_owned_up(world, side, cells);
    if refused || (shown_only && excused) {
        return Ok(());
    }
    Err(format!("I1: row {} is in the sheet and not in the database: {cells:?}", key.0))
}

/// Whether another process may have written the row, or a batch that nobody knows of any more since somebody deleted the journal, or somebody
/// brought it back with an older version of everything: in a tab that only shows, nobody can tell it from a person's own, and the status counts
/// it.
fn is_left_over(world: &World, side: &Side<'_>) -> bool {
    let status = world.processes[0].engine.status();
    let tab = status.tables.iter().find(|tab| tab.table == side.table.spec.table);
    (world.forked || world.amnesia || side.deeds.everything)
        && tab.is_some_and(|tab| tab.strangers > 0)
}

/// Whether the log says that the engine wrote something of the row by mistake and could not find it again.
fn is_owned_up(world: &World, side: &Side<'_>, cells: &[Cell]) -> bool {
    world.processes[0].store.conflicts.iter().any(|record| {
        record.table == side.table.spec.table
            && record.kind == ConflictKind::NotPutBack
            && record.database.as_ref().is_some_and(|wrong| cells.contains(wrong))
    })
}

/// Whether the row is a person's own business in a tab that only shows.
fn is_own(side: &Side<'_>, key: &RowKey, row: u64) -> bool {
    let deeds = side.deeds;
    deeds.copied.contains(key) || deeds.typed_keys.contains(key) || deeds.typed_rows.contains(&row)
}

/// A row without a key is a draft: something that the database wants is missing.
fn without_key(world: &World, side: &Side<'_>, cells: &[Cell]) -> Verdict {
    // What may be the engine's own mistake waits for a person, who is told so: also any row where one has lost its key and nobody knows which.
    let spec = &side.table.spec;
    let of_key = |name: &str| spec.key.iter().any(|key| spec.columns[*key].name == name);
    let ours = |record: &ConflictRecord| {
        record.table == spec.table
            && record.kind == ConflictKind::NotPutBack
            && record.outcome.is_open()
            && (record.database.as_ref().is_some_and(|wrong| cells.contains(wrong))
                || (of_key(&record.column) && record.sheet.as_ref().is_some_and(|s| !s.is_empty())))
    };
    if !side.table.spec.policy.inbound || world.processes[0].store.conflicts.iter().any(ours) {
        return Ok(());
    }
    let complete = match side.table.key {
        // A row of totals.
        _ if cells.iter().any(|cell| matches!(cell, Cell::Formula { .. })) => false,
        KeyKind::Texts => false,
        // Its parent is a number, or nobody can tell what it is to be.
        KeyKind::Counted if side.number == 2 => {
            !cells[0].is_empty() && matches!(cells[2], Cell::Empty | Cell::Number(_))
        }
        KeyKind::Counted => true,
    };
    if complete {
        return Err(format!("I1: a complete row without a key was left alone: {cells:?}"));
    }
    Ok(())
}
