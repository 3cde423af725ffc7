//! What a batch has really removed.

use super::{
    Confirmation, Overruled,
    header::{Header, shift},
    key_of,
};
use crate::{
    batch::{ColumnIndex, RowExpectation},
    cell::Cell,
    conflict::{ConflictKind, Outcome},
    history::{Changed, RowEvent},
    merge::{Rule, Side},
    repair::Seen,
    state::{RemovedRow, Repair, RowKey, StoreStep},
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
        !(0..tab.width()).any(|column| tab.is_header_of(&name, column))
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

/// A row removed by mistake, with the headers it had: those seen in the batch, the others as last read, or as far as they can be guessed.
pub(super) fn removed_row(
    tab: &Tab,
    header: &Header,
    (before, whole): (&[Cell], &[Cell]),
) -> RemovedRow {
    let last = tab.names(&tab.geometry.whole_header);
    let width = last.len().max(header.now.len()).max(whole.len());
    let shift = shift(tab, header);
    // As last read, if all have moved together; what the batch has seen elsewhere does not stand here any more.
    let moved = |place: usize| last.get(usize::try_from(i64::try_from(place).ok()? - shift?).ok()?);
    let mut names: Vec<Cell> = (0..width)
        .map(|place| moved(place).filter(|name| !header.now.contains(*name)).cloned())
        .map(|name| name.unwrap_or(Cell::Empty))
        .collect();
    for column in &header.seen {
        let place = usize::try_from(column.0).unwrap_or(usize::MAX);
        if let Some(name) = names.get_mut(place) {
            *name = cell_at(&header.now, *column);
        }
    }
    let unseen =
        |place: &usize| header.seen.iter().all(|column| usize::try_from(column.0) != Ok(*place));
    for (column, spec) in tab.spec.columns.iter().enumerate() {
        let name = Cell::text(spec.name.clone());
        let guess = names.iter().position(|known| *known == name);
        let right = before.get(column).filter(|cell| !cell.is_empty());
        let holds = |place: usize| right.is_some() && whole.get(place) == right;
        if guess.is_some_and(|place| !unseen(&place) || holds(place)) {
            continue;
        }
        // Its value tells more than how far others have moved.
        let rightly = |place: usize| {
            let named =
                (0..).zip(&tab.spec.columns).find(|(_, c)| names[place] == Cell::text(&*c.name));
            named.is_some_and(|(column, _): (usize, _)| before.get(column) == whole.get(place))
        };
        let mut by_value = (0..whole.len()).filter(|p| unseen(p) && holds(*p) && !rightly(*p));
        let found = by_value.next().filter(|_| by_value.next().is_none());
        let shifted = || {
            let place = i64::from(tab.geometry.columns.get(column)?.0) + shift?;
            usize::try_from(place).ok().filter(unseen)
        };
        if let Some(slot) = found.and_then(|place| names.get_mut(place)) {
            *slot = name;
            if let Some(slot) = guess.filter(|guess| found != Some(*guess)).map(|g| &mut names[g]) {
                *slot = Cell::Empty;
            }
            continue;
        }
        // Where it is guessed to be empty it is rather somewhere else: an empty cell would be taken for a person's deed.
        let doubtful =
            |place: usize| right.is_some() && whole.get(place).is_none_or(Cell::is_empty);
        match guess {
            Some(guess) if doubtful(guess) => names[guess] = Cell::Empty,
            Some(_) => {}
            None => {
                let place = shifted().filter(|place| !doubtful(*place));
                if let Some(slot) = place.and_then(|place| names.get_mut(place))
                    && slot.is_empty()
                {
                    *slot = name;
                }
            }
        }
    }
    RemovedRow { header: names, cells: whole.to_vec() }
}
