//! From rows that are due in the database to a transaction, and from what became of it back to what both sides agree on.

use std::collections::BTreeSet;

use crate::{
    base::BaseRow,
    cell::Cell,
    coalescer::Target,
    conflict::{ConflictKind, Outcome},
    history::{Changed, RowEvent},
    intent::{Intent, Readback, RowIntent, RowWork, Stage},
    merge::{RowVerdict, Side, Verdict, Why},
    mutants::{Mutant, on},
    newcomers::marker_in,
    open::WHOLE_ROW,
    planner::{Finding, verdict},
    recognise::incomplete,
    render::row_key,
    state::{Claim, Marker, RowKey, StoreStep},
    tab::Tab,
    typed::value,
    value::{Fill, Value},
};

/// Markers that are remembered for one table.
const CLAIMS_MAX: usize = 10_000;

/// What settling rows of a transaction came to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) steps: Vec<StoreStep>,
    /// Database values that lost by rule.
    pub(crate) overruled: Vec<Finding>,
    pub(crate) closed: Vec<(u64, Outcome)>,
    /// Rows changed, added, removed.
    pub(crate) rows: [usize; 3],
    /// What was changed.
    pub(crate) changed: Vec<Changed>,
}

/// The rows of one transaction, out of those that are due: looked at once more, since they may have changed while they waited.
pub(crate) fn draft(tab: &mut Tab, most: usize) -> Vec<RowIntent> {
    let mut rows = Vec::new();
    let due: Vec<RowKey> = tab.due.iter().cloned().collect();
    for key in due {
        if rows.len() >= most {
            break;
        }
        if tab.busy.contains(&key) || tab.writing.contains(&key) {
            continue;
        }
        tab.due.remove(&key);
        let Some(database) = tab.database_view(&key) else {
            tab.pending.wake(&key);
            continue;
        };
        if let Some(row) = intend(tab, &key, database.as_deref()) {
            tab.writing.insert(key.clone());
            tab.pending.park(&key);
            rows.push(row);
        }
    }
    rows
}

/// What one row is to become in the database; `None` where nothing can be done with it now.
fn intend(tab: &Tab, key: &RowKey, database: Option<&[Cell]>) -> Option<RowIntent> {
    let (work, sheet, overruled) = match verdict(tab, key, database) {
        RowVerdict::Cells(cells) => update(tab, key, database?, &cells)?,
        RowVerdict::AddToDatabase { .. } => insert(tab, key)?,
        RowVerdict::RemoveFromDatabase => (delete(tab, key, database?)?, Vec::new(), Vec::new()),
        RowVerdict::Forget
        | RowVerdict::Rest
        | RowVerdict::AddToSheet
        | RowVerdict::PutBack { .. }
        | RowVerdict::RemoveFromSheet { .. }
        | RowVerdict::Held => return None,
    };
    Some(RowIntent { key: key.clone(), work, sheet, overruled, readback: None, seen: false })
}

type Planned = (RowWork, Vec<(u16, Cell)>, Vec<(u16, Cell)>);

fn update(tab: &Tab, key: &RowKey, database: &[Cell], verdicts: &[Verdict]) -> Option<Planned> {
    let shown = tab.sheet_view(key)?;
    let (mut guard, mut set, mut sheet, mut overruled) = (vec![], vec![], vec![], vec![]);
    for (place, found) in verdicts.iter().enumerate() {
        let Verdict::ToDatabase(why) = found else { continue };
        let column = u16::try_from(place).ok()?;
        // What the column's type refuses stays in the sheet, and the rest of the row goes.
        let Ok(new) = value(tab.reading(), tab.spec.columns.get(place)?, shown.get(place)?) else {
            continue;
        };
        let old = database.get(place)?;
        guard.push((column, old.clone()));
        set.push((column, new));
        sheet.push((column, shown[place].clone()));
        if matches!(why, Why::Conflict | Why::NeverAgreed) {
            overruled.push((column, old.clone()));
        }
    }
    if set.is_empty() {
        return None;
    }
    Some((RowWork::Update { key: key_values(tab, database)?, guard, set }, sheet, overruled))
}

fn insert(tab: &Tab, key: &RowKey) -> Option<Planned> {
    let shown = tab.sheet_view(key)?;
    if incomplete(tab, &shown).is_some() {
        return None;
    }
    let (mut set, mut sheet) = (Vec::new(), Vec::new());
    for (place, (column, cell)) in tab.spec.columns.iter().zip(&shown).enumerate() {
        let number = u16::try_from(place).ok()?;
        sheet.push((number, cell.clone()));
        // A row that the database had keeps its key, whatever a person made of it.
        let known = tab.base.get(key).filter(|_| tab.spec.key.contains(&place));
        let cell = known.and_then(|base| base.database(place)).unwrap_or(cell);
        let made_up = tab.spec.key.contains(&place) && marker_in([cell].into_iter()).is_some();
        if cell.is_empty() || made_up || column.fill == Fill::Generated {
            continue;
        }
        set.push((number, value(tab.reading(), column, cell).ok()?));
    }
    Some((RowWork::Insert { set }, sheet, Vec::new()))
}

/// A row is removed only as it was agreed on, whole.
fn delete(tab: &Tab, key: &RowKey, database: &[Cell]) -> Option<RowWork> {
    let sure = tab.gone.is_sure(key) || tab.open.decision(key, WHOLE_ROW) == Some(Side::Sheet);
    if !sure {
        return None;
    }
    let guard = (0..).zip(database.iter().cloned()).collect();
    Some(RowWork::Delete { key: key_values(tab, database)?, guard })
}

/// The key's values, from the look of the database's row.
pub(crate) fn key_values(tab: &Tab, database: &[Cell]) -> Option<Vec<Value>> {
    (tab.spec.key.iter())
        .map(|column| {
            let spec = tab.spec.columns.get(*column)?;
            value(tab.reading(), spec, database.get(*column)?).ok()
        })
        .collect()
}

/// The transaction was committed: both sides agree on what it wrote and what the database made of it.
pub(crate) fn settle(
    tab: &mut Tab,
    rows: Vec<RowIntent>,
    (sequence, now_us): (u64, i64),
) -> Settled {
    let mut out = Settled::default();
    for row in rows {
        tab.writing.remove(&row.key);
        match (&row.work, row.readback.clone()) {
            (RowWork::Delete { .. }, _) => removed(tab, &mut out, &row.key, sequence),
            (RowWork::Insert { .. }, Some(readback)) => {
                inserted(tab, &mut out, &row, readback, (sequence, now_us));
            }
            (RowWork::Update { .. }, Some(readback)) => {
                updated(tab, &mut out, &row, readback, (sequence, now_us));
            }
            (_, None) => {}
        }
    }
    out
}

fn removed(tab: &mut Tab, out: &mut Settled, key: &RowKey, sequence: u64) {
    out.rows[2] += 1;
    change(tab, out, key, (RowEvent::Removed, Vec::new()));
    close_all(tab, out, key, Outcome::Kept(Side::Sheet));
    let back = tab.sheet_view(key);
    out.steps.extend(tab.forget(key));
    if let Some(cells) = back {
        // Somebody brought it back meanwhile: it is a new row now.
        tab.drift.insert(key.clone(), cells);
        tab.touch(key, sequence);
    }
}

/// For the history: who entered it is known as long as the sheet's edit is.
fn change(
    tab: &Tab,
    out: &mut Settled,
    key: &RowKey,
    (what, cells): (RowEvent, Vec<(u16, Option<Cell>, Cell)>),
) {
    let who = tab.edits.get(key).and_then(|mark| mark.who.clone());
    out.changed.push(Changed { key: key.clone(), what, cells, who });
}

fn close_all(tab: &mut Tab, out: &mut Settled, key: &RowKey, outcome: Outcome) {
    for column in tab.open.columns(key) {
        out.closed.extend(tab.open.close(key, column).map(|id| (id, outcome)));
    }
    tab.open.accept(key);
}

/// What a row became: as the database says, and not as was meant.
fn became(tab: &Tab, row: &RowIntent, mut cells: Vec<Cell>) -> Vec<Cell> {
    if on(Mutant::NoReadBack) || on(Mutant::SkipOwn) {
        for (column, typed) in &row.sheet {
            let place = usize::from(*column);
            if !tab.spec.key.contains(&place)
                && let Some(slot) = cells.get_mut(place)
            {
                slot.clone_from(typed.look());
            }
        }
    }
    cells
}

fn updated(
    tab: &mut Tab,
    out: &mut Settled,
    row: &RowIntent,
    readback: Readback,
    (sequence, now_us): (u64, i64),
) {
    let key = &row.key;
    out.rows[0] += 1;
    overruled(tab, out, row);
    tab.open.accept(key);
    let Readback::Row(cells) = readback else {
        // The condition does not hold any more: the row leaves the tab.
        tab.pending.absorb(key.clone(), None, sequence, now_us);
        return;
    };
    let cells = became(tab, row, cells);
    let base = tab.base.get(key);
    let typed_in = row.sheet.iter().map(|(column, _)| *column);
    let written = typed_in.filter_map(|column| {
        let place = usize::from(column);
        let old = base.and_then(|base| base.database(place)).cloned();
        Some((column, old, cells.get(place)?.clone()))
    });
    let written = written.collect();
    change(tab, out, key, (RowEvent::Changed, written));
    let view = tab.sheet_view(key);
    let typed = &row.sheet;
    out.steps.push(tab.rebase(key, |base| agree_on(base, &cells, typed)));
    if let Some(view) = view {
        tab.see(key, view);
    }
    tab.pending.absorb(key.clone(), Some(cells), sequence, now_us);
    out.steps.extend(tab.review(key));
}

fn agree_on(base: &mut BaseRow, database: &[Cell], typed: &[(u16, Cell)]) {
    for (column, sheet) in typed {
        let place = usize::from(*column);
        if let Some(cell) = database.get(place) {
            base.agree(place, cell.clone(), sheet.clone());
        }
    }
}

/// Values of the database that a person's stood above.
fn overruled(tab: &mut Tab, out: &mut Settled, row: &RowIntent) {
    for (column, sheet) in &row.sheet {
        let place = usize::from(*column);
        let lost = row.overruled.iter().find(|(lost, _)| lost == column);
        let known = tab.open.get(&row.key, *column).and_then(|known| known.database.clone());
        let closed = tab.open.close(&row.key, *column);
        out.closed.extend(closed.map(|id| (id, Outcome::Kept(Side::Sheet))));
        // A record that has the value already need not be written twice.
        let lost = lost.filter(|(_, database)| known.as_ref() != Some(database));
        let Some((_, database)) = lost else { continue };
        let base = tab.base.get(&row.key);
        out.overruled.push(Finding {
            key: row.key.clone(),
            column: *column,
            kind: if base.is_some() { ConflictKind::EditEdit } else { ConflictKind::InsertInsert },
            base: base.and_then(|base| base.database(place)).cloned(),
            database: Some(database.clone()),
            sheet: Some(sheet.clone()),
            reason: None,
            outcome: Outcome::Kept(Side::Sheet),
        });
    }
}

fn inserted(
    tab: &mut Tab,
    out: &mut Settled,
    row: &RowIntent,
    readback: Readback,
    (sequence, now_us): (u64, i64),
) {
    out.rows[1] += 1;
    close_all(tab, out, &row.key, Outcome::Kept(Side::Sheet));
    let Readback::Row(cells) = readback else {
        // It does not meet the condition, so the tab does not show it. Both sides having agreed on it, it is taken out of the sheet.
        let shown: Vec<Cell> = row.sheet.iter().map(|(_, cell)| cell.clone()).collect();
        out.steps.push(tab.agree(&row.key, shown));
        tab.pending.absorb(row.key.clone(), None, sequence, now_us);
        return;
    };
    let cells = became(tab, row, cells);
    let Some(key) = tab.shown_key(&cells) else { return };
    let added = (0..).zip(&cells).map(|(column, cell)| (column, None, cell.clone())).collect();
    change(tab, out, &row.key, (RowEvent::Added, added));
    if let Some(change) = out.changed.last_mut() {
        change.key.clone_from(&key);
    }
    if key != row.key {
        rename(tab, out, &row.key, &key, row);
    }
    let view = tab.sheet_view(&key);
    out.steps.push(tab.rebase(&key, |base| agree_on(base, &cells, &row.sheet)));
    if let Some(view) = view {
        tab.see(&key, view);
    }
    tab.pending.absorb(key.clone(), Some(cells), sequence, now_us);
    out.steps.extend(tab.review(&key));
}

/// The row is known by the key that the database has given it from now on, whatever the sheet still shows.
fn rename(tab: &mut Tab, out: &mut Settled, shown: &RowKey, key: &RowKey, row: &RowIntent) {
    let marker = marker_in(row.sheet.iter().map(|(_, cell)| cell));
    if let Some(marker) = marker {
        let claim = Claim { key: Some(key.clone()) };
        tab.claims.insert(marker.clone(), claim.clone());
        out.steps.push(StoreStep::Claim(tab.spec.table, marker, claim));
        out.steps.extend(forget_old_claims(tab));
    }
    let typed = |place: &usize| row.sheet.iter().find(|(at, _)| usize::from(*at) == *place);
    let typed: Vec<&Cell> = tab.spec.key.iter().filter_map(typed).map(|(_, cell)| cell).collect();
    // A row whose key somebody changed shows its new one: the old one may be another row's by now.
    if row_key(typed.into_iter()).as_ref() == Some(key) {
        tab.aliases.remove(key);
    } else {
        tab.aliases.insert(shown.clone(), key.clone());
    }
    tab.index.rename(shown, key);
    if let Some(cells) = tab.drift.remove(shown) {
        tab.drift.insert(key.clone(), cells);
    }
    if let Some(mark) = tab.edits.remove(shown) {
        tab.edits.insert(key.clone(), mark);
    }
    match tab.pending.get(shown) {
        Some(Target::Known(None)) => {
            tab.pending.forget(shown);
            out.steps.push(StoreStep::Settled(tab.spec.table, shown.clone()));
        }
        // The database has a row with the old key again, which is still to be shown.
        Some(_) => tab.pending.wake(shown),
        None => {}
    }
}

/// Keeps the memory of markers bounded. A marker that is met again after it was forgotten is left to a person.
fn forget_old_claims(tab: &mut Tab) -> Vec<StoreStep> {
    if tab.claims.len() <= CLAIMS_MAX {
        return Vec::new();
    }
    let shown: BTreeSet<&RowKey> = tab.aliases.keys().collect();
    let used = |marker: &Marker| shown.iter().any(|shown| shown.0.contains(&*marker.0));
    let old: Vec<Marker> = (tab.claims.iter())
        .filter(|(marker, claim)| claim.key.is_some() && !used(marker))
        .map(|(marker, _)| marker.clone())
        .take(CLAIMS_MAX / 2)
        .collect();
    for marker in &old {
        tab.claims.remove(marker);
    }
    old.into_iter().map(|marker| StoreStep::ClaimGone(tab.spec.table, marker)).collect()
}

/// The transaction was not committed: its rows are as they were.
pub(crate) fn give_up(tab: &mut Tab, rows: &[RowIntent]) {
    for row in rows {
        tab.writing.remove(&row.key);
        tab.pending.wake(&row.key);
    }
}

/// A new row's key is taken by this row: it is that row, under another look of its key, or a second one beside it. Gives the key.
pub(crate) fn exists(
    tab: &mut Tab,
    shown: &RowKey,
    current: Option<&[Cell]>,
) -> Result<RowKey, Box<Finding>> {
    let Some(key) = current.and_then(|cells| tab.shown_key(cells)) else {
        return Err(taken(shown, "the table has a row with this key that the tab does not show"));
    };
    if key != *shown {
        if tab.index.locate(&key).is_some() {
            return Err(taken(shown, "another row of the tab has this key already"));
        }
        tab.aliases.insert(shown.clone(), key.clone());
        tab.index.rename(shown, &key);
        if let Some(cells) = tab.drift.remove(shown) {
            tab.drift.insert(key.clone(), cells);
        }
    }
    Ok(key)
}

fn taken(key: &RowKey, why: &str) -> Box<Finding> {
    Box::new(Finding {
        key: key.clone(),
        column: WHOLE_ROW,
        kind: ConflictKind::ConstraintRefused,
        base: None,
        database: None,
        sheet: None,
        reason: Some(why.to_owned()),
        outcome: Outcome::Open,
    })
}

/// The intent that a table's due rows make.
pub(crate) fn intent(tab: &mut Tab, id: u64) -> Option<Intent> {
    let rows = draft(tab, tab.spec.inbound.rows_per_transaction.max(1));
    let intent = Intent { id, table: tab.spec.table, rows, stage: Stage::Drafted };
    (!intent.rows.is_empty()).then_some(intent)
}
