//! I13: a note of ours stands on every row with an open conflict, and on nothing else but what a rule has decided or a row that lacks something.

use sheetwire_engine::{batch::RowIndex, change::TableId};

use super::{Side, Verdict};
use crate::world::World;

/// The number of the conflict that a note tells of.
fn conflict_in(note: &str) -> Option<u64> {
    note.strip_prefix("Conflict ")?.split(':').next()?.parse().ok()
}

pub(super) fn judge(world: &World, side: &Side<'_>) -> Verdict {
    if !world.options.notes || !side.table.spec.policy.inbound {
        return Ok(());
    }
    let engine = &world.processes[0].engine;
    let open = engine.open_conflicts(TableId(u16::try_from(side.number).unwrap_or(u16::MAX)));
    let header = usize::try_from(side.table.spec.header_row.0).unwrap_or(0);
    let notes = side.tab.notes_below(header);
    for note in &notes {
        let RowIndex(row) = note.row;
        let over = "This note goes when the cell changes";
        match conflict_in(&note.text) {
            Some(id) if note.text.contains(over) || open.iter().any(|record| record.id == id) => {}
            Some(id) => {
                return Err(format!(
                    "I13: a note in row {row} tells of conflict {id}, which is over"
                ));
            }
            None if note.text.starts_with("Not in the database yet") => {}
            None => return Err(format!("I13: a strange note in row {row}: {}", note.text)),
        }
    }
    let rows = side.rows();
    for record in open {
        let shown = rows.iter().filter(|(_, key)| key.is_some() && *key == record.key);
        let shown: Vec<usize> = shown.map(|(row, _)| *row).collect();
        let told = |row: usize| {
            notes.iter().any(|note| {
                usize::try_from(note.row.0).is_ok_and(|at| at == row)
                    && conflict_in(&note.text) == Some(record.id)
            })
        };
        // The note of the cell stands for that of the row where both are in the key's cell.
        let other = |row: usize| notes.iter().any(|note| usize::try_from(note.row.0) == Ok(row));
        if let [row] = shown.as_slice()
            && !told(*row)
            && !other(*row)
        {
            return Err(format!("I13: no note in row {row} tells of conflict {}", record.id));
        }
    }
    Ok(())
}
