//! I6: a row is removed from the database only if a person removed it, or its key, from the sheet.

use std::collections::BTreeSet;

use super::Verdict;
use crate::{words::of_value, world::World};

pub(super) fn judge(world: &World) -> Verdict {
    for write in &world.db.ours {
        let (Some(before), None) = (&write.before, &write.after) else { continue };
        let deeds = &world.deeds[write.table];
        let rows: BTreeSet<u64> = (before.iter())
            .filter_map(of_value)
            .filter_map(|text| world.words.get(text))
            .map(|word| word.row)
            .collect();
        let as_new = (world.db.ours.iter())
            .filter(|other| other.table == write.table && other.key == write.key)
            .any(|other| {
                let is =
                    |row: &u64| deeds.names.get(row).is_some_and(|all| all.contains(&other.shown));
                deeds.removed.contains(&other.shown) || deeds.removed_rows.iter().any(is)
            });
        let meant = deeds.removed.contains(&write.key)
            || as_new
            || deeds
                .removed_rows
                .iter()
                .any(|row| deeds.names.get(row).is_some_and(|names| names.contains(&write.key)))
            || rows.iter().any(|row| {
                *row != 0 && (deeds.removed_rows.contains(row) || deeds.tampered.contains(row))
            })
            || deeds.everything
            || deeds.copied.contains(&write.key);
        if !meant {
            return Err(format!(
                "I6: row {} of table {} was removed from the database, and nobody removed it",
                write.key.0, write.table
            ));
        }
    }
    Ok(())
}
