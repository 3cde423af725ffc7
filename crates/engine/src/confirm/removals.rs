//! What a batch has really removed.

use super::{Confirmation, Overruled, guess::removed_row, header::Header, key_of};
use crate::{
    batch::{ColumnIndex, RowExpectation},
    cell::Cell,
    conflict::{ConflictKind, Outcome},
    history::{Changed, RowEvent},
    merge::{Rule, Side},
    repair::Seen,
    state::{Repair, RowKey, StoreStep},
    survey::cell_at,
    tab::Tab,
};

pub(super) fn confirm_delete(
    tab: &mut Tab,
    out: &mut Confirmation,
    header: &Header,
    (expected, whole): (&RowExpectation, &[Cell]),
) {
    let seen = Seen { header: &header.now, cells: whole };
    let Some(key) = key_of(expected) else { return };
    let mapped = seen.mapped(tab);
    let found_key = seen.key(tab);
    let changed = |(found, before): (&Option<Cell>, &Cell)| {
        found.as_ref().is_some_and(|found| !found.is_entered_as(before))
    };
    let typed_over = mapped.iter().zip(&expected.before).any(changed);
    let kept = typed_over && tab.is_inbound() && tab.spec.policy.rule != Rule::Database;
    // A row that several others share its shown key with was known by its content.
    let by_content = tab.shown_key(&expected.before).as_ref() != Some(&key)
        && mapped
            .iter()
            .zip(&expected.before)
            .all(|(found, before)| found.as_ref() == Some(before));
    if (found_key.as_ref() != Some(&key) && !by_content) || kept {
        if whole.iter().any(|cell| !cell.is_empty()) {
            let row = seen.identity(tab);
            let agreed = found_key.as_ref().and_then(|key| tab.base.get(key)?.whole_sheet());
            let removed =
                removed_row(tab, header, (agreed.as_deref().unwrap_or(&expected.before), whole));
            tab.repairs.push(Repair { row, cells: Vec::new(), readd: Some(removed) });
        }
        out.moved += 1;
        return;
    }
    edited_and_removed(tab, out, &key, &mapped);
    if header.moved.contains(&true) {
        let agreed = tab
            .base
            .get(&key)
            .and_then(super::super::base::BaseRow::whole_sheet)
            .unwrap_or_default();
        let words = unseen_words(tab, header, (&key, &agreed), whole);
        out.overruled.extend(words);
    }
    out.rows[2] += 1;
    out.changed.push(Changed {
        key: key.clone(),
        what: RowEvent::Removed,
        cells: Vec::new(),
        who: None,
    });
    for column in tab.open.columns(&key) {
        let number = tab.open.close(&key, column);
        out.closed.extend(number.map(|number| (number, Outcome::Kept(Side::Database))));
    }
    tab.drift.remove(&key);
    if tab.base.remove(&key).is_some() {
        out.steps.push(StoreStep::BaseGone(tab.spec.table, key));
    }
}

/// Words of people in a removed row.
fn edited_and_removed(tab: &Tab, out: &mut Confirmation, key: &RowKey, mapped: &[Option<Cell>]) {
    for (place, found) in mapped.iter().enumerate() {
        let (Some(found), Some(column)) = (found, tab.spec.columns.get(place)) else { continue };
        let agreed = tab.base.get(key).and_then(|base| base.sheet(place));
        let known = tab.spec.key.contains(&place) || found.is_empty();
        if agreed
            .map_or(!known, |agreed| agreed.look() != found.look() && !agreed.is_entered_as(found))
        {
            out.overruled.push(Overruled {
                kind: ConflictKind::EditedRowRemoved,
                key: Some(key.clone()),
                column: column.name.clone(),
                base: tab.base.get(key).and_then(|base| base.database(place)).cloned(),
                database: None,
                sheet: found.clone(),
                astray: false,
            });
        }
    }
}

/// What stood in a removed row's columns that the batch did not know, where mapped columns may have gone.
pub(super) fn unseen_words(
    tab: &Tab,
    header: &Header,
    (key, base): (&RowKey, &[Cell]),
    whole: &[Cell],
) -> Vec<Overruled> {
    let unseen = |column: &ColumnIndex| {
        let name = cell_at(&header.now, *column);
        tab.column_under(&name).is_none()
    };
    let columns = (0..).map(ColumnIndex).zip(whole).filter(|(column, _)| unseen(column));
    columns
        .filter(|(_, cell)| !cell.is_empty() && !base.contains(cell))
        .map(|(column, cell)| Overruled {
            kind: ConflictKind::EditedRowRemoved,
            key: Some(key.clone()),
            column: format!("column {}", column.0 + 1),
            base: None,
            database: None,
            sheet: cell.clone(),
            astray: false,
        })
        .collect()
}
