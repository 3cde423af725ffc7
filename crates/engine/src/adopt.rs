//! A two-way tab that is taken in for the first time: compared whole with its table before anything is written anywhere.

use crate::{
    coalescer::Target,
    conflict::{ConflictKind, Outcome},
    merge::Side,
    open::WHOLE_ROW,
    planner::Finding,
    state::{Adoption, RowKey, TableState},
    tab::Tab,
};

/// What comparing came to.
pub(crate) enum Compared {
    /// It may go on; rows that only the sheet has wait for a person where nobody said whose side stands.
    TakenIn(Vec<Finding>),
    /// The two differ, and nobody said whose side stands: a sentence.
    Refused(String),
}

/// Compares the tab as it was read with the table as it was copied.
pub(crate) fn compare(tab: &mut Tab) -> Compared {
    let adopt = tab.spec.inbound.adopt;
    let differing = tab.pending.keys().filter(|key| differs(tab, key)).count();
    let copy = tab.copy();
    if differing > 0 && adopt.is_none() {
        return Compared::Refused(format!(
            "tab '{}' differs from its table in {differing} rows, and both may be right: run once with --adopt database or --adopt sheet to say whose values stand",
            tab.geometry.title
        ));
    }
    let adoption = match adopt {
        Some(side) if differing > 0 => Adoption::Carry(side),
        _ => Adoption::Done,
    };
    tab.state = TableState::Live { copy, adoption };
    let strangers: Vec<RowKey> = (tab.drift.keys())
        .filter(|key| !tab.base.contains_key(*key) && tab.pending.get(key).is_none())
        .cloned()
        .collect();
    tab.touched.extend(strangers.iter().cloned());
    for key in &strangers {
        tab.touch(key, 0);
    }
    if adopt == Some(Side::Sheet) {
        return Compared::TakenIn(Vec::new());
    }
    Compared::TakenIn(strangers.into_iter().map(unknown).collect())
}

fn differs(tab: &Tab, key: &RowKey) -> bool {
    let (Some(Target::Known(Some(database))), Some(sheet)) =
        (tab.pending.get(key), tab.drift.get(key))
    else {
        return false;
    };
    database.iter().zip(sheet).enumerate().any(|(column, (database, sheet))| {
        sheet.look() != database && tab.canonical(column, sheet.look()).as_ref() != Some(database)
    })
}

fn unknown(key: RowKey) -> Finding {
    Finding {
        key,
        column: WHOLE_ROW,
        kind: ConflictKind::UnknownRow,
        base: None,
        database: None,
        sheet: None,
        reason: None,
        outcome: Outcome::Open,
    }
}
