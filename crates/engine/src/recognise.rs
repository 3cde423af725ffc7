//! Which row of the sheet is which: by its key, by the marker that claims it, by another look of the same key, or by everything beside
//! a key that a person changed or cleared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    batch::RowIndex,
    cell::Cell,
    mutants::{Mutant, on},
    newcomers::{Newcomer, is_made_up, marker_in},
    render::row_key,
    state::RowKey,
    tab::Tab,
    typed::value,
};

/// What the rows of a whole read are.
pub(crate) struct Recognised {
    /// The key of each row.
    pub(crate) keys: Vec<Option<RowKey>>,
    /// Known rows that stand there without a key.
    pub(crate) restoring: BTreeSet<RowKey>,
    /// Rows without a key that can be claimed or get their key back.
    pub(crate) ready: Vec<Newcomer>,
    /// Rows without a key that lack something, and what.
    pub(crate) drafts: Vec<(RowIndex, String)>,
}

/// Looks at every row below the header.
pub(crate) fn recognise(tab: &mut Tab, rows: &[Vec<Cell>]) -> Recognised {
    let shown: Vec<Option<RowKey>> = rows.iter().map(|cells| tab.shown_key(cells)).collect();
    let several = shown_twice(&shown);
    tab.aliases.retain(|name, _| !several.contains(name));
    unname(tab, &shown, rows);
    let mut keys = Vec::with_capacity(rows.len());
    for (shown, cells) in shown.iter().zip(rows) {
        keys.push(shown.clone().map(|shown| understand(tab, shown, cells)));
    }
    tab.doubled = if tab.repairs.is_empty() { BTreeSet::new() } else { doubled(tab, &keys, rows) };
    leave_second_names(tab, &shown, &mut keys);
    find_renamed(tab, &several, &mut keys);
    let lost = lost_rows(tab, &keys);
    let mut restoring = BTreeSet::new();
    let mut restores = BTreeMap::new();
    for (place, lost) in find_lost(tab, &keys, rows, &lost) {
        if let Some(other) = &shown[place] {
            if !several.contains(other) {
                tab.aliases.insert(other.clone(), lost.clone());
            }
            keys[place] = Some(lost);
        } else {
            restoring.insert(lost.clone());
            restores.insert(place, lost);
        }
    }
    let seen: BTreeSet<&RowKey> = shown.iter().flatten().collect();
    let base = &tab.base;
    tab.aliases.retain(|shown, _| seen.contains(shown) && !base.contains_key(shown));
    let (ready, drafts) = newcomers(tab, &keys, rows, restores);
    Recognised { keys, restoring, ready, drafts }
}

/// What several rows show stands for nothing but itself: each of them is known by its content, if at all.
fn shown_twice(shown: &[Option<RowKey>]) -> BTreeSet<RowKey> {
    let mut once = BTreeSet::new();
    shown.iter().flatten().filter(|key| !once.insert(*key)).cloned().collect()
}

/// A key that stood for another one no longer does where its row is, beside the key, not what the other one was, and just what a third row was
/// agreed to be: somebody gave that row the name, too, before they took it from the first. Nor does it where the database has no row with the
/// other key any more: what a person gave another key and other content is a row of its own then, as it would be after a restart.
fn unname(tab: &mut Tab, shown: &[Option<RowKey>], rows: &[Vec<Cell>]) {
    if tab.aliases.is_empty() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, cells) in shown.iter().zip(rows) {
        let Some((name, of)) = name.as_ref().and_then(|name| tab.aliases.get_key_value(name))
        else {
            continue;
        };
        let agreed = |key: &RowKey| tab.base.get(key)?.whole_sheet();
        let content = beside(tab, cells);
        let is = |base: &[Cell]| content.is_some() && beside(tab, base) == content;
        if agreed(of).is_none_or(|base| is(&base)) {
            continue;
        }
        let is_gone = matches!(tab.database_view(of), Some(None)) && !tab.writing.contains(of);
        let is_own = is_gone
            && marker_in(key_cells(tab, cells)).is_none()
            && usual(tab, cells).as_ref() != Some(of);
        let mut others = tab.base.iter().filter(|(key, _)| *key != of);
        if is_own || others.any(|(_, base)| base.whole_sheet().is_some_and(|base| is(&base))) {
            wrong.push(name.clone());
        }
    }
    for name in wrong {
        tab.aliases.remove(&name);
    }
}

fn key_cells<'a>(tab: &Tab, cells: &'a [Cell]) -> impl Iterator<Item = &'a Cell> {
    let key: Vec<usize> = tab.spec.key.clone();
    key.into_iter().filter_map(|column| cells.get(column))
}

/// What a shown key stands for.
fn understand(tab: &mut Tab, shown: RowKey, cells: &[Cell]) -> RowKey {
    if tab.base.contains_key(&shown) {
        return shown;
    }
    if let Some(known) = tab.aliases.get(&shown) {
        return known.clone();
    }
    if let Some(marker) = marker_in(key_cells(tab, cells)) {
        let key = tab.claims.get(&marker).and_then(|claim| claim.key.clone());
        if let Some(key) = &key {
            tab.aliases.insert(shown.clone(), key.clone());
        }
        return key.unwrap_or(shown);
    }
    match usual(tab, cells) {
        Some(usual) if usual != shown => {
            tab.aliases.insert(shown, usual.clone());
            usual
        }
        _ => shown,
    }
}

/// The key of a row as the database spells it.
fn usual(tab: &Tab, cells: &[Cell]) -> Option<RowKey> {
    let usual: Option<Vec<Cell>> =
        (tab.spec.key.iter()).map(|column| tab.canonical(*column, cells.get(*column)?)).collect();
    row_key(usual?.iter())
}

/// Keys that several rows stand for, one of them beyond doubt: the others bear that key by mistake.
fn doubled(tab: &Tab, keys: &[Option<RowKey>], rows: &[Vec<Cell>]) -> BTreeSet<RowKey> {
    let mut seen: BTreeMap<&RowKey, (usize, bool)> = BTreeMap::new();
    for (key, cells) in keys.iter().zip(rows) {
        let Some(key) = key else { continue };
        let (count, agreed) = seen.entry(key).or_default();
        *count += 1;
        // A marker stands nowhere but in its own row.
        *agreed |= marker_in(key_cells(tab, cells)).is_some()
            || tab.base.get(key).is_some_and(|base| base.is_sheet(cells));
    }
    let several = seen.into_iter().filter(|(_, (count, agreed))| *count > 1 && *agreed);
    several.map(|(key, _)| key.clone()).collect()
}

/// A row that shows another key than the one it stands for keeps its own name while another row shows that one: people then see that there
/// are two, and neither stands in the other's way.
fn leave_second_names(tab: &mut Tab, shown: &[Option<RowKey>], keys: &mut [Option<RowKey>]) {
    let renamed = |key: &Option<RowKey>, shown: &Option<RowKey>| key != shown;
    if !keys.iter().zip(shown).any(|(key, shown)| renamed(key, shown)) {
        return;
    }
    let open: BTreeSet<RowKey> = (keys.iter().zip(shown))
        .filter(|(key, shown)| !renamed(key, shown))
        .filter_map(|(key, _)| key.clone())
        .collect();
    for (key, shown) in keys.iter_mut().zip(shown) {
        if renamed(key, shown)
            && let (Some(of), Some(name)) = (key.as_ref(), shown)
            && open.contains(of)
        {
            tab.aliases.remove(name);
            *key = Some(name.clone());
        }
    }
}

/// Known rows that nobody shows by their key are looked for by the key that they were last agreed to show instead.
fn find_renamed(tab: &mut Tab, several: &BTreeSet<RowKey>, keys: &mut [Option<RowKey>]) {
    let there: BTreeSet<&RowKey> = keys.iter().flatten().collect();
    let mut renamed: BTreeMap<RowKey, RowKey> = BTreeMap::new();
    for (key, base) in tab.base.iter().filter(|(_, base)| !base.is_plain()) {
        let cells: Option<Vec<&Cell>> =
            tab.spec.key.iter().map(|column| base.sheet(*column)).collect();
        let shown = cells.and_then(|cells| row_key(cells.into_iter()));
        if let Some(shown) = shown.filter(|shown| shown != key && !there.contains(key)) {
            renamed.insert(shown, key.clone());
        }
    }
    for slot in keys {
        let known = slot.as_ref().and_then(|shown| {
            let free = !tab.base.contains_key(shown) && !several.contains(shown);
            renamed.get(shown).filter(|_| free)
        });
        if let (Some(known), Some(shown)) = (known, slot.clone()) {
            tab.aliases.insert(shown, known.clone());
            *slot = Some(known.clone());
        }
    }
}

/// What stands beside the key, by which a row that lost it is known again: nothing where all of it is empty.
fn beside(tab: &Tab, cells: &[Cell]) -> Option<String> {
    let mut text = String::new();
    let mut any = false;
    for (column, cell) in cells.iter().enumerate() {
        if !tab.spec.key.contains(&column) {
            any |= !cell.is_empty();
            let _ = write!(text, "{:?}\u{1f}", cell.look());
        }
    }
    any.then_some(text)
}

/// Known rows whose key is nowhere in the sheet, by what stood beside it. Two rows with the same beside it are not told apart.
fn lost_rows(tab: &Tab, keys: &[Option<RowKey>]) -> BTreeMap<String, Option<RowKey>> {
    let there: BTreeSet<&RowKey> = keys.iter().flatten().collect();
    let mut lost = BTreeMap::new();
    for (key, base) in tab.base.iter().filter(|(key, _)| !there.contains(*key)) {
        let Some(content) = base.whole_sheet().and_then(|cells| beside(tab, &cells)) else {
            continue;
        };
        lost.entry(content).and_modify(|known| *known = None).or_insert(Some(key.clone()));
    }
    lost
}

/// Rows with an unknown key, or none, that hold what a lost row held beside its key.
fn find_lost(
    tab: &Tab,
    keys: &[Option<RowKey>],
    rows: &[Vec<Cell>],
    lost: &BTreeMap<String, Option<RowKey>>,
) -> Vec<(usize, RowKey)> {
    if lost.is_empty() || on(Mutant::InsertFirst) {
        return Vec::new();
    }
    let mut found: BTreeMap<RowKey, Option<usize>> = BTreeMap::new();
    for (place, (key, cells)) in keys.iter().zip(rows).enumerate() {
        let known = key.as_ref().is_some_and(|key| {
            tab.base.contains_key(key) || tab.database_view(key).is_none_or(|view| view.is_some())
        });
        if known || marker_in(key_cells(tab, cells)).is_some() {
            continue;
        }
        let content = beside(tab, cells);
        if let Some(Some(row)) = content.and_then(|content| lost.get(&content)) {
            found.entry(row.clone()).and_modify(|place| *place = None).or_insert(Some(place));
        }
    }
    found.into_iter().filter_map(|(key, place)| Some((place?, key))).collect()
}

/// Rows without a key: ready to be claimed, or drafts.
fn newcomers(
    tab: &Tab,
    keys: &[Option<RowKey>],
    rows: &[Vec<Cell>],
    mut restores: BTreeMap<usize, RowKey>,
) -> (Vec<Newcomer>, Vec<(RowIndex, String)>) {
    let (mut ready, mut drafts) = (Vec::new(), Vec::new());
    let first = tab.spec.header_row.0 + 1;
    for (place, (key, cells)) in keys.iter().zip(rows).enumerate() {
        if key.is_some() || cells.iter().all(Cell::is_empty) {
            continue;
        }
        let row = RowIndex(first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX)));
        if let Some(lost) = restores.remove(&place) {
            ready.push(Newcomer { row, cells: cells.clone(), restores: Some(lost) });
        } else if tab.is_inbound() && tab.is_live() {
            match incomplete(tab, cells) {
                None => ready.push(Newcomer { row, cells: cells.clone(), restores: None }),
                Some(what) if !what.is_empty() => drafts.push((row, what)),
                Some(_) => {}
            }
        }
    }
    (ready, drafts)
}

/// What a row lacks before the database can take it; an empty sentence where it is no row of the table at all (a row of totals).
pub(crate) fn incomplete(tab: &Tab, cells: &[Cell]) -> Option<String> {
    let is_formula = |cell: &Cell| matches!(cell, Cell::Formula { .. });
    if cells.iter().any(is_formula) && tab.shown_key(cells).is_none() {
        return Some(String::new());
    }
    if tab.shown_key(cells).is_none() && tab.strays.may_be_in(cells) {
        return Some("it may hold what was written there by mistake".to_owned());
    }
    if tab.shown_key(cells).is_none() && tab.strays.took_a_key(&tab.spec.key) {
        return Some("it may be the row whose key was overwritten by mistake".to_owned());
    }
    let marked = marker_in(key_cells(tab, cells)).is_some();
    for (place, (column, cell)) in tab.spec.columns.iter().zip(cells).enumerate() {
        let is_key = tab.spec.key.contains(&place);
        if is_key && (cell.is_empty() || (marked && marker_in([cell].into_iter()).is_some())) {
            if !is_made_up(column.fill) {
                return Some(format!("'{}' is missing", column.name));
            }
        } else if cell.is_empty() {
            if !column.may_be_left_out() {
                return Some(format!("'{}' is missing", column.name));
            }
        } else if let Err(why) = value(tab.reading(), column, cell) {
            return Some(why);
        }
    }
    None
}
