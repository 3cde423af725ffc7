//! Puts back what was written into rows or columns that had moved.
//!
//! Repairs come before anything else in a tab. A repair is itself a positional write with a pre-image, so it may hit a wrong place too; then
//! the two compose: what the first one has to put back survives. Columns are found again by their header, rows by their key or content.

mod recognition;
mod removed;

use recognition::{NOWHERE, agreement, column_of, is_explained, is_of_key, restored, rightly};
pub(crate) use recognition::{Seen, bears_key_of, is_likely, is_row, key_astray, owner, slot};
use removed::{emptied, fill_unknown, know_removed, laid_out};

use std::cmp::Reverse;

use crate::{
    batch::{
        ColumnIndex, RowExpectation, RowIndex, RowWrite, RowsInsert, TabExpectation, TabImage,
        TabWork,
    },
    cell::Cell,
    conflict::ConflictKind,
    render::row_key,
    state::{Repair, RepairCell, RowContent, RowIdentity, RowKey},
    survey::cell_at,
    tab::Tab,
};

/// Remembers that cells of a row were hit, `seen` being the row just before, `meant` what we took it for. Composes with what is already to
/// be put back there; not with the last `fresh` repairs, which come from other rows of the same batch. Gives what a person had put over an
/// earlier hit's place, in which case the earlier content cannot come back.
pub(crate) fn remember(
    tab: &mut Tab,
    (seen, meant): (Seen<'_>, Option<&RowExpectation>),
    hits: Vec<RepairCell>,
    fresh: &mut usize,
) -> Vec<Lost> {
    let row = match meant.filter(|meant| has_only_lost_its_key(tab, seen, meant)) {
        Some(meant) => meant.row.clone(),
        None => seen.identity(tab),
    };
    let older = &tab.repairs[..tab.repairs.len().saturating_sub(*fresh)];
    let known = owner(tab, older, seen)
        .or_else(|| older.iter().position(|repair| is_likely(tab, repair, seen)));
    let mut repair = match known {
        Some(known) => tab.repairs.remove(known),
        None => Repair { row, cells: Vec::new(), readd: None },
    };
    let mut now = seen.cells.to_vec();
    for hit in &hits {
        if let Some(slot) = slot(&mut now, hit.column) {
            slot.clone_from(&hit.wrong);
        }
    }
    let lost = compose(tab, &mut repair, seen, hits);
    if !repair.cells.is_empty() {
        renew(tab, &mut repair, Seen { header: seen.header, cells: &now });
        tab.repairs.push(repair);
        *fresh += 1;
    }
    lost
}

/// Whether the row is the one we meant as far as can be seen, its key out of sight because columns have moved.
fn has_only_lost_its_key(tab: &Tab, seen: Seen<'_>, meant: &RowExpectation) -> bool {
    let mapped = seen.mapped(tab);
    let unseen = tab.spec.key.iter().any(|key| mapped.get(*key).is_some_and(Option::is_none));
    // A part of a key stands in other rows, too.
    let same = |(column, (cell, before)): (usize, (&Option<Cell>, &Cell))| {
        let alike = cell.as_ref().is_some_and(|cell| cell == before && !cell.is_empty());
        alike && !tab.spec.key.contains(&column)
    };
    let by_key = matches!(meant.row, RowIdentity::Key(_));
    unseen && by_key && mapped.iter().zip(&meant.before).enumerate().any(same)
}

/// Whatever else a person has put into the row meanwhile helps to find it again, `now` being the row with all that we wrote.
fn renew(tab: &Tab, repair: &mut Repair, now: Seen<'_>) {
    let before = restored(tab, repair, now).cells;
    let RowIdentity::Content(known) = &mut repair.row else { return };
    let seen = Seen { header: now.header, cells: &before }.content(tab);
    for (known, seen) in known.mapped.iter_mut().zip(seen.mapped) {
        *known = seen.or_else(|| known.take());
    }
    known.own.retain(|(name, _)| !now.header.contains(name));
    known.own.extend(seen.own);
}

/// Adds hits to what is to be put back in a row already. A row whose key was hit is found by its content from then on.
pub(crate) fn compose(
    tab: &Tab,
    repair: &mut Repair,
    seen: Seen<'_>,
    hits: Vec<RepairCell>,
) -> Vec<Lost> {
    if hits.iter().any(|cell| is_of_key(tab, cell)) && matches!(repair.row, RowIdentity::Key(_)) {
        let cells = restored(tab, repair, seen).cells;
        let before = Seen { header: seen.header, cells: &cells };
        repair.row = RowIdentity::Content(before.content(tab));
    }
    let mut lost = Vec::new();
    // Found before any of them is changed: a column may be known by what we wrote there.
    let places: Vec<_> = repair.cells.iter().map(|cell| column_of(tab, seen, cell)).collect();
    for hit in hits {
        let known = places.iter().position(|place| *place == Some(hit.column));
        match known.map(|known| &mut repair.cells[known]) {
            Some(first) if first.wrong == hit.right => {
                first.wrong = hit.wrong;
                first.column = hit.column;
            }
            Some(first) => {
                let first = std::mem::replace(first, hit);
                lost.extend(lost_value(tab, &repair.row, &first));
            }
            None => repair.cells.push(hit),
        }
    }
    repair.cells.retain(|cell| cell.wrong != cell.right);
    lost
}

/// A value that could not be put back: for the conflict log.
pub(crate) struct Lost {
    pub(crate) key: Option<RowKey>,
    pub(crate) column: String,
    pub(crate) value: Cell,
    /// What we wrote there, where it may still stand.
    pub(crate) stray: Option<Cell>,
}

/// What is lost when a cell cannot be put back: nothing where the database has it.
pub(crate) fn lost_value(tab: &Tab, row: &RowIdentity, cell: &RepairCell) -> Option<Lost> {
    let key = shown_by(tab, row);
    let place = tab.column_under(&cell.header);
    let base = key.as_ref().and_then(|key| tab.base.get(key));
    let agreed = base.zip(place).and_then(|(base, place)| base.sheet(place));
    let unknown = !cell.right.is_empty() && agreed != Some(&cell.right);
    unknown.then(|| lost(tab, key, cell, None))
}

/// What a person typed into a row that we had given the `key` of another one by mistake: it was meant for that one.
pub(crate) fn meant_for(tab: &Tab, key: &RowKey, cell: &RepairCell, typed: &Cell) -> Option<Lost> {
    let lost = || lost(tab, Some(key.clone()), cell, None);
    (!typed.is_empty()).then(|| Lost { value: typed.clone(), ..lost() })
}

/// The row that a shown key stands for.
fn shown_by(tab: &Tab, row: &RowIdentity) -> Option<RowKey> {
    match row {
        RowIdentity::Key(key) => Some(tab.meant(key.clone())),
        RowIdentity::Content(_) => None,
    }
}

fn lost(tab: &Tab, key: Option<RowKey>, cell: &RepairCell, stray: Option<&Cell>) -> Lost {
    let known = tab.column_under(&cell.header).is_some();
    // Under a header that nobody knows it is likely to be what we took it for, under another name.
    let meant = cell.meant.filter(|_| !known).and_then(|c| tab.spec.columns.get(usize::from(c)));
    let column = match (meant, &cell.header) {
        (Some(meant), _) => meant.name.clone(),
        (None, Cell::Text(name)) => name.to_string(),
        (None, _) => format!("column {}", cell.column.0 + 1),
    };
    Lost { key, column, value: cell.right.clone(), stray: stray.cloned() }
}

/// What may stand somewhere in the tab because of a repair whose row cannot be found.
fn strays(tab: &Tab, repair: &Repair, (image, header): (&TabImage, &[Cell])) -> Vec<Lost> {
    let stands = |cell: &RepairCell| {
        // Where its column cannot be told, anywhere.
        let column = column_of(tab, Seen { header, cells: &[] }, cell);
        let mut columns = image.columns.iter().filter(|(c, _)| column.is_none_or(|it| it == *c));
        let mut others = tab.repairs.iter().flat_map(|other| &other.cells);
        cell.wrong.is_empty()
            || columns.any(|(_, cells)| cells.contains(&cell.wrong))
            || others.any(|other| other.header == cell.header && other.right == cell.wrong)
    };
    let (standing, gone): (Vec<&RepairCell>, Vec<&RepairCell>) =
        repair.cells.iter().partition(|cell| stands(cell));
    let key = shown_by(tab, &repair.row);
    let there = standing.into_iter().map(|cell| lost(tab, key.clone(), cell, Some(&cell.wrong)));
    let gone = gone.into_iter().filter_map(|cell| lost_value(tab, &repair.row, cell));
    there.chain(gone).collect()
}

/// The tab is gone: nothing can be put back any more. Gives what is lost with it.
pub(crate) fn give_up_all(tab: &mut Tab) -> Vec<Lost> {
    let mut lost = Vec::new();
    for repair in std::mem::take(&mut tab.repairs) {
        lost.extend(repair.cells.iter().filter_map(|cell| lost_value(tab, &repair.row, cell)));
        let Some(removed) = repair.readd else { continue };
        for (column, cell) in (0..).map(ColumnIndex).zip(removed.cells) {
            let header = cell_at(&removed.header, column);
            let cell = RepairCell { column, header, meant: None, wrong: Cell::Empty, right: cell };
            lost.extend(lost_value(tab, &repair.row, &cell));
        }
    }
    lost
}

/// Whether a planned write puts back what this repair asks for.
pub(crate) fn is_planned_for(repair: &Repair, write: &RowWrite, expected: &RowExpectation) -> bool {
    repair.readd.is_none()
        && repair.row == expected.row
        && write.cells.iter().all(|(_, right)| repair.cells.iter().any(|c| c.right == *right))
        && write.cells.iter().all(|(column, _)| {
            let found = expected.before.get(usize::from(*column));
            repair.cells.iter().any(|cell| found == Some(&cell.wrong))
        })
}

/// What planning the repairs of one tab came to.
#[derive(Default)]
pub(crate) struct RepairPlan {
    pub(crate) work: Option<(TabWork, TabExpectation)>,
    pub(crate) lost: Vec<Lost>,
}

/// Plans all repairs of a tab from a whole read of it. Repairs that turn out done or impossible are dropped.
pub(crate) fn plan_repairs(tab: &mut Tab, image: &TabImage) -> RepairPlan {
    let mut plan = RepairPlan::default();
    let found = padded(&image.header, image.properties.columns);
    let header = tab.names(&found);
    let mut writes: Vec<(RowWrite, RowExpectation)> = Vec::new();
    let mut inserts = Vec::new();
    let repairs = exact_first(tab, image, &header);
    let named: Vec<Repair> =
        repairs.iter().filter(|it| matches!(it.row, RowIdentity::Key(_))).cloned().collect();
    for repair in repairs {
        if let Some(removed) = &repair.readd {
            let (mut cells, strays) = laid_out(tab, removed, &header);
            plan.lost.extend(fill_unknown(tab, &repair, removed, (&mut cells, &strays), &header));
            inserts.push((cells, repair.row.clone()));
            tab.repairs.push(repair);
            continue;
        }
        let rows = find_rows(tab, (image, &header), (&repair, &named), &writes);
        if let (true, Some(removed)) = (rows.is_empty(), emptied(tab, &repair)) {
            // An empty row at the end of a tab cannot be told from none.
            inserts.push((laid_out(tab, &removed, &header).0, repair.row.clone()));
            tab.repairs.push(Repair { row: repair.row, cells: Vec::new(), readd: Some(removed) });
            continue;
        }
        if rows.is_empty() {
            plan.lost.extend(strays(tab, &repair, (image, &header)));
            continue;
        }
        let unseen = |(_, cells): &(RowIndex, Vec<Cell>)| {
            let seen = Seen { header: &header, cells };
            repair.cells.iter().any(|cell| column_of(tab, seen, cell).is_none())
        };
        if is_addition(&repair) && rows.iter().any(unseen) {
            // Part of it taken away would look as if a person had emptied the row that bears the key.
            plan.lost.extend(strays(tab, &repair, (image, &header)));
            continue;
        }
        for (row, cells) in rows {
            let seen = Seen { header: &header, cells: &cells };
            let holds = |cell: &RepairCell, what: &Cell| {
                let column = column_of(tab, seen, cell);
                column.is_some_and(|column| cell_at(&cells, column) == *what)
            };
            let hit = with_words_astray(tab, &repair, seen, &mut plan.lost);
            let (back, gone): (Vec<RepairCell>, Vec<RepairCell>) =
                hit.into_iter().partition(|cell| holds(cell, &cell.wrong));
            let gone = gone.iter().filter(|cell| !holds(cell, &cell.right));
            plan.lost.extend(gone.filter_map(|cell| lost_value(tab, &repair.row, cell)));
            if back.is_empty() {
                continue;
            }
            let known = Repair { cells: back.clone(), ..repair.clone() };
            let identity = identity_of(tab, &known, seen);
            if is_addition(&known) {
                plan.lost.extend(only_here(tab, &known, (image, row)));
            }
            writes.push(put_back(tab, row, (&identity, &back), cells, &header));
            tab.repairs.push(Repair { row: identity, ..known });
        }
    }
    plan.work = assemble(tab, found, writes, inserts);
    plan
}

/// The cells of a repair, where the row still shows the key of another one: what people have typed over ours meanwhile was meant for that one,
/// and is taken away with ours.
fn with_words_astray(
    tab: &Tab,
    repair: &Repair,
    seen: Seen<'_>,
    lost: &mut Vec<Lost>,
) -> Vec<RepairCell> {
    let Some(key) = key_astray(tab, repair, seen) else { return repair.cells.clone() };
    let taken = |cell: &RepairCell| {
        let mut cell = cell.clone();
        // Under another header stands what may be anybody's.
        let place = column_of(tab, seen, &cell)
            .filter(|column| cell_at(seen.header, *column) == cell.header);
        let there = place.map(|column| cell_at(seen.cells, column));
        let typed = there.filter(|there| *there != cell.wrong && *there != cell.right);
        if let Some(typed) = typed {
            lost.extend(meant_for(tab, &key, &cell, &typed));
            cell.wrong = typed;
        }
        cell
    };
    repair.cells.iter().map(taken).collect()
}

/// How to find a row again that was found whole: by its key where that was not hit, else by what it is to be.
pub(crate) fn identity_of(tab: &Tab, repair: &Repair, seen: Seen<'_>) -> RowIdentity {
    let before = restored(tab, repair, seen).cells;
    let before = Seen { header: seen.header, cells: &before };
    match seen.identity(tab) {
        RowIdentity::Key(key) if !repair.cells.iter().any(|cell| is_of_key(tab, cell)) => {
            RowIdentity::Key(key)
        }
        _ => RowIdentity::Content(before.content(tab)),
    }
}

/// Whether the row is to be blank: we had added it under wrong columns.
fn is_addition(repair: &Repair) -> bool {
    let blank = |cell: &Option<Cell>| cell.as_ref().is_none_or(Cell::is_empty);
    matches!(&repair.row, RowIdentity::Content(content) if content.mapped.iter().all(blank))
        && repair.cells.iter().all(|cell| cell.right.is_empty())
}

/// What a row that we had added holds of people's words that stand in no other row: somebody may have removed or changed the row that was added
/// again, and taken this one for the true one.
fn only_here(tab: &Tab, repair: &Repair, (image, here): (&TabImage, RowIndex)) -> Vec<Lost> {
    let first = tab.spec.header_row.0 + 1;
    let elsewhere = |word: &Cell| {
        let rows = |cells: &[Cell]| {
            (first..).map(RowIndex).zip(cells).any(|(row, cell)| row != here && cell == word)
        };
        image.columns.iter().any(|(_, cells)| rows(cells))
    };
    let meant = |column: usize| {
        let cell = repair.cells.iter().find(|cell| cell.meant.map(usize::from) == Some(column));
        cell.map(|cell| &cell.wrong)
    };
    let key: Option<Vec<&Cell>> = tab.spec.key.iter().map(|column| meant(*column)).collect();
    let key = key.and_then(|key| row_key(key.into_iter()));
    let base = key.as_ref().and_then(|key| tab.base.get(key));
    let database = key.as_ref().map_or(Some(None), |key| tab.database_view(key));
    let Some(database) = database else { return Vec::new() };
    // Neither the database's, nor a key.
    let theirs = |cell: &RepairCell| {
        cell.meant.map(usize::from).is_none_or(|column| {
            let agreed = base.and_then(|base| base.sheet(column));
            let told = database.as_ref().and_then(|row| row.get(column));
            !tab.spec.key.contains(&column)
                && [agreed, told].iter().all(|known| *known != Some(&cell.wrong))
        })
    };
    let cells = repair.cells.iter().filter(|cell| theirs(cell) && !elsewhere(&cell.wrong));
    cells
        .map(|cell| Lost { value: cell.wrong.clone(), ..lost(tab, key.clone(), cell, None) })
        .collect()
}

/// All repairs: those whose row is beyond doubt before those that may take what is left, and rows that still hold all that we wrote before
/// rows that only bear the key.
fn exact_first(tab: &mut Tab, image: &TabImage, header: &[Cell]) -> Vec<Repair> {
    let mut repairs = std::mem::take(&mut tab.repairs);
    for repair in &mut repairs {
        know_columns(tab, repair, header);
    }
    let rows: Vec<Vec<Cell>> = (0..depth(image)).map(|row| whole_row(image, row)).collect();
    let exact =
        |repair: &Repair| rows.iter().any(|cells| is_row(tab, repair, Seen { header, cells }));
    let (mut sure, unsure): (Vec<Repair>, Vec<Repair>) = repairs.into_iter().partition(exact);
    sure.sort_by_key(|repair| matches!(repair.row, RowIdentity::Key(_)));
    sure.extend(unsure);
    sure
}

/// Columns whose headers nobody knew when they were hit may be known now: somebody had just renamed them.
fn know_columns(tab: &Tab, repair: &mut Repair, header: &[Cell]) {
    for cell in &mut repair.cells {
        cell.header = tab.naming(NOWHERE, &cell.header);
    }
    if let Some(removed) = &mut repair.readd {
        know_removed(tab, removed, header);
    }
    if let Some(content) = key_was_hit(tab, repair) {
        repair.row = RowIdentity::Content(content);
    }
    let RowIdentity::Content(content) = &mut repair.row else { return };
    let mapped = &mut content.mapped;
    content.own.retain(|(name, cell)| {
        let slot = tab
            .column_under(name)
            .and_then(|column| mapped.get_mut(column))
            .filter(|slot| slot.is_none());
        slot.map(|slot| *slot = Some(cell.clone())).is_none()
    });
}

/// The row was to be found by its key, but it turns out that the key was hit: what is known of it by what it was.
fn key_was_hit(tab: &Tab, repair: &Repair) -> Option<RowContent> {
    let by_key = matches!(repair.row, RowIdentity::Key(_));
    if !by_key || !repair.cells.iter().any(|cell| is_of_key(tab, cell)) {
        return None;
    }
    let was = |column| {
        let hit = repair.cells.iter().find(|cell| tab.is_header_of(&cell.header, column));
        hit.map(|cell| cell.right.clone())
    };
    Some(RowContent { mapped: (0..tab.width()).map(was).collect(), own: Vec::new() })
}

fn depth(image: &TabImage) -> usize {
    image.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0)
}

fn put_back(
    tab: &Tab,
    row: RowIndex,
    (identity, back): (&RowIdentity, &[RepairCell]),
    before: Vec<Cell>,
    header: &[Cell],
) -> (RowWrite, RowExpectation) {
    let mut write = RowWrite { row, cells: Vec::new() };
    for cell in back {
        let Some(column) = column_of(tab, Seen { header, cells: &before }, cell) else { continue };
        write.cells.push((u16::try_from(column.0).unwrap_or(u16::MAX), cell.right.clone()));
    }
    write.cells.sort_by_key(|(column, _)| *column);
    (write, RowExpectation::new(identity.clone(), before, Vec::new()))
}

fn padded(row: &[Cell], width: u32) -> Vec<Cell> {
    (0..width).map(|column| cell_at(row, ColumnIndex(column))).collect()
}

/// Finds the row that was hit, wherever it is now, with all its cells from column 0. A row without a key that a person has changed
/// since is taken for it where no other row without a known key holds as much of what we wrote. Several rows where a person has made copies.
fn find_rows(
    tab: &Tab,
    (image, header): (&TabImage, &[Cell]),
    (repair, named): (&Repair, &[Repair]),
    writes: &[(RowWrite, RowExpectation)],
) -> Vec<(RowIndex, Vec<Cell>)> {
    let first = tab.spec.header_row.0 + 1;
    let rows = (first..).map(RowIndex).zip(0..depth(image));
    let rows: Vec<(RowIndex, Vec<Cell>)> = rows
        .filter(|(row, _)| writes.iter().all(|(write, _)| write.row != *row))
        .map(|(row, offset)| (row, whole_row(image, offset)))
        .filter(|(_, cells)| !is_explained(tab, named, repair, Seen { header, cells }))
        .collect();
    let hits = |cells: &[Cell]| {
        let still = |cell: &&RepairCell| {
            let column = column_of(tab, Seen { header, cells }, cell);
            !cell.wrong.is_empty()
                && column.is_some_and(|column| cell_at(cells, column) == cell.wrong)
        };
        repair.cells.iter().filter(still).count()
    };
    let exact = |cells: &[Cell]| is_row(tab, repair, Seen { header, cells });
    let likeness =
        |at: usize| hits(&rows[at].1) + agreement(tab, repair, Seen { header, cells: &rows[at].1 });
    let agrees = |at: usize| {
        let RowIdentity::Content(content) = &repair.row else { return false };
        let before = restored(tab, repair, Seen { header, cells: &rows[at].1 }).cells;
        Seen { header, cells: &before }.agrees_with(tab, content)
    };
    // Of several rows with the same key, those that still hold what we wrote.
    let mut found: Vec<usize> = (0..rows.len()).filter(|at| exact(&rows[*at].1)).collect();
    // A row whose key somebody may have cleared is not asked where another one bears it.
    let bears = |at: &usize| Seen { header, cells: &rows[*at].1 }.shown_key(tab).is_some();
    if matches!(repair.row, RowIdentity::Key(_)) && found.iter().any(bears) {
        found.retain(bears);
    }
    let most = found.iter().map(|at| hits(&rows[*at].1)).max();
    let found: Vec<usize> = match most {
        Some(0) => found.into_iter().take(1).collect(),
        Some(most) => {
            // Rows that bear the same key are copies of one another; rows that only look alike need not be.
            if matches!(repair.row, RowIdentity::Key(_)) {
                found.into_iter().filter(|at| hits(&rows[*at].1) == most).collect()
            } else {
                // What no cell contradicts comes before what holds more of what we wrote: two rows may hold it all. Of those that say the same the one
                // that is least like the row with the key that it shows.
                let rightly = |at: usize| rightly(tab, repair, Seen { header, cells: &rows[at].1 });
                let best = (found.into_iter().rev())
                    .max_by_key(|at| (agrees(*at), likeness(*at), Reverse(rightly(*at))));
                best.into_iter().collect()
            }
        }
        None => {
            let likely = |at: &usize| is_likely(tab, repair, Seen { header, cells: &rows[*at].1 });
            let likely: Vec<usize> = (0..rows.len()).filter(likely).collect();
            let most = likely.iter().map(|at| hits(&rows[*at].1)).max();
            let alike = likely.into_iter().filter(|at| Some(hits(&rows[*at].1)) == most);
            let alike: Vec<usize> = alike.collect();
            if alike.len() == 1 { alike } else { Vec::new() }
        }
    };
    found.into_iter().map(|at| rows[at].clone()).collect()
}

fn whole_row(image: &TabImage, row: usize) -> Vec<Cell> {
    let mut cells = padded(&[], image.properties.columns);
    for (column, content) in &image.columns {
        if let (Some(slot), Some(cell)) = (slot(&mut cells, *column), content.get(row)) {
            *slot = cell.clone();
        }
    }
    cells
}

fn assemble(
    tab: &Tab,
    header: Vec<Cell>,
    mut writes: Vec<(RowWrite, RowExpectation)>,
    inserts: Vec<(Vec<Cell>, RowIdentity)>,
) -> Option<(TabWork, TabExpectation)> {
    if writes.is_empty() && inserts.is_empty() {
        return None;
    }
    let width = u32::try_from(header.len()).unwrap_or(u32::MAX);
    writes.sort_by_key(|(write, _)| write.row);
    let (writes, expected): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    let (rows, identities): (Vec<Vec<Cell>>, Vec<_>) = inserts.into_iter().unzip();
    let added = (identities.into_iter().zip(&rows))
        .map(|(row, cells)| RowExpectation::new(row, Vec::new(), cells.clone()))
        .collect();
    let work = TabWork {
        sheet_id: tab.geometry.sheet_id,
        create: None,
        header_row: tab.spec.header_row,
        columns: (0..width).map(ColumnIndex).collect(),
        grid_columns: width,
        bind: Vec::new(),
        writes,
        deletes: Vec::new(),
        insert: (!rows.is_empty()).then(|| RowsInsert {
            at: tab.index.end(),
            inherit_from_before: tab.index.end().0 > tab.spec.header_row.0 + 1,
            rows,
        }),
        notes: Vec::new(),
    };
    let expectation = TabExpectation {
        table: tab.spec.table,
        repair: true,
        header,
        writes: expected,
        deletes: Vec::new(),
        inserts: added,
    };
    Some((work, expectation))
}

/// The kind under which a lost value is recorded.
pub(crate) const LOST: ConflictKind = ConflictKind::NotPutBack;
