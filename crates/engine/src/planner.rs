//! From pending rows to the work of one batch, and to what is due in the database.

mod draft;
use draft::{Draft, charge};

mod verdict;

pub(crate) use verdict::verdict;
use verdict::{is_suspect, writes_to_sheet};

use serde::{Deserialize, Serialize};

use crate::{
    batch::{RowExpectation, RowIndex, RowWrite, TabExpectation, TabWork},
    cell::Cell,
    coalescer::Target,
    conflict::{ConflictKind, Outcome},
    key_index::Place,
    merge::{RowVerdict, Side, Verdict, Why},
    mutants::{Mutant, on},
    newcomers::{Newcomer, marker},
    open::WHOLE_ROW,
    recognise::incomplete,
    state::{Claim, Marker, RowContent, RowIdentity, RowKey, StoreStep},
    tab::Tab,
};

/// How large one batch may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLimits {
    /// Rows written, added and removed.
    pub rows_max: usize,
    /// Estimated payload in bytes. Google advises 2 MB.
    pub bytes_max: usize,
}

/// Something that waits for a person, found while planning.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) key: RowKey,
    /// Index of the mapped column, or [`WHOLE_ROW`].
    pub(crate) column: u16,
    pub(crate) kind: ConflictKind,
    pub(crate) base: Option<Cell>,
    pub(crate) database: Option<Cell>,
    pub(crate) sheet: Option<Cell>,
    pub(crate) reason: Option<String>,
    pub(crate) outcome: Outcome,
}

/// What planning one tab came to.
#[derive(Debug, Default)]
pub(crate) struct TabPlan {
    pub(crate) work: Option<(TabWork, TabExpectation)>,
    /// Rows that turned out to need nothing, and claims.
    pub(crate) steps: Vec<StoreStep>,
    /// Rows are to be removed, and the key column was not read in this pass.
    pub(crate) needs_keys: bool,
    /// What waits for a person.
    pub(crate) findings: Vec<Finding>,
    /// Open conflicts that are over.
    pub(crate) over: Vec<u64>,
    /// Rows that the brake holds since just now.
    pub(crate) braked: usize,
}

/// What numbers the markers of new rows.
#[derive(Debug)]
pub(crate) struct MarkerSource<'a> {
    pub(crate) run: u64,
    pub(crate) last: &'a mut u64,
}

/// Plans what is pending in one tab, oldest first, within what is left of the batch.
pub(crate) fn plan_tab(
    tab: &mut Tab,
    left: &mut BatchLimits,
    markers: &mut MarkerSource<'_>,
) -> TabPlan {
    let mut draft = Draft::new(tab);
    let mut plan = TabPlan::default();
    let keys: Vec<RowKey> = tab.pending.by_age().take(horizon(*left)).cloned().collect();
    for key in keys {
        if left.rows_max == 0 || left.bytes_max == 0 {
            break;
        }
        let Some(target) = tab.pending.get(&key) else { continue };
        // Loaded before planning; one that came in meanwhile waits for the next batch.
        let Target::Known(database) = target.clone() else { continue };
        visit(tab, &mut draft, &mut plan, left, (key, database));
    }
    if !tab.newcomers.wait() {
        plan.work = draft.finish(tab);
        return plan;
    }
    for newcomer in tab.newcomers.take(left.rows_max) {
        claim(tab, &mut draft, &mut plan, (left, markers), newcomer);
    }
    plan.work = draft.finish(tab);
    plan
}

/// Looks at the rows that were touched: what needs nothing in the sheet is settled, sent to the database or left to a person; the others keep
/// their turn.
pub(crate) fn triage(tab: &mut Tab) -> TabPlan {
    let mut plan = TabPlan::default();
    let mut draft = Draft::new(tab);
    let mut left = BatchLimits { rows_max: usize::MAX, bytes_max: usize::MAX };
    for key in std::mem::take(&mut tab.touched) {
        let Some(Target::Known(database)) = tab.pending.get(&key) else { continue };
        let database = database.clone();
        if tab.claimed_by(&key).is_some() {
            continue;
        }
        let verdict = verdict(tab, &key, database.as_deref());
        if !writes_to_sheet(&verdict) && !tab.gone.is_rejected(&key) {
            visit(tab, &mut draft, &mut plan, &mut left, (key, database));
        }
    }
    plan
}

/// How many of the oldest pending rows a batch looks at: some may need nothing.
pub(crate) fn horizon(left: BatchLimits) -> usize {
    left.rows_max.saturating_mul(2).saturating_add(64)
}

/// Decides about one pending row.
fn visit(
    tab: &mut Tab,
    draft: &mut Draft,
    plan: &mut TabPlan,
    left: &mut BatchLimits,
    (key, database): (RowKey, Option<Vec<Cell>>),
) {
    let several = tab.index.locate(&key) == Some(Place::Several);
    if several
        || tab.busy.contains(&key)
        || tab.writing.contains(&key)
        || tab.newcomers.restores(&key)
    {
        tab.pending.park(&key);
        return;
    }
    tab.due.remove(&key);
    if let Some(known) = tab.claimed_by(&key) {
        return draft.name(tab, plan, left, (key, known));
    }
    let verdict = verdict(tab, &key, database.as_deref());
    over(tab, plan, &key, &verdict);
    match verdict {
        RowVerdict::Forget => plan.steps.extend(tab.forget(&key)),
        RowVerdict::Rest if tab.is_inbound() => tab.pending.park(&key),
        RowVerdict::Rest => {
            // The sheet keeps what the database has no more.
            let sheet = tab.sheet_view(&key);
            plan.steps.extend(tab.forget(&key));
            if let Some(cells) = sheet {
                tab.drift.insert(key, cells);
            }
        }
        RowVerdict::AddToSheet | RowVerdict::PutBack { .. } => {
            draft.add(left, (key, database.unwrap_or_default()));
        }
        RowVerdict::RemoveFromSheet { .. } => draft.remove(tab, plan, left, key),
        RowVerdict::RemoveFromDatabase => remove_from_database(tab, plan, (key, database)),
        RowVerdict::AddToDatabase { again } => add_to_database(tab, plan, &key, again),
        RowVerdict::Held => {
            held_row(tab, plan, &key, database.as_deref());
            tab.pending.park(&key);
        }
        RowVerdict::Cells(cells) => {
            draft.cells(tab, plan, left, (key, database.unwrap_or_default(), cells));
        }
    }
}

/// Open conflicts of the row that are none any more.
fn over(tab: &mut Tab, plan: &mut TabPlan, key: &RowKey, verdict: &RowVerdict) {
    for column in tab.open.columns(key) {
        let still = match (verdict, column) {
            (RowVerdict::Cells(cells), column) if column != WHOLE_ROW => {
                let cell = cells.get(usize::from(column));
                !matches!(
                    cell,
                    None | Some(Verdict::Rest | Verdict::Agree | Verdict::ToSheet(Why::Normalised))
                )
            }
            (RowVerdict::Cells(_) | RowVerdict::Forget, _) => {
                tab.open.get(key, column).is_some_and(|record| is_refusal(record.kind))
                    && !matches!(verdict, RowVerdict::Forget)
            }
            _ => true,
        };
        if !still {
            plan.over.extend(tab.open.close(key, column));
        }
    }
}

pub(crate) fn is_refusal(kind: ConflictKind) -> bool {
    matches!(kind, ConflictKind::ConstraintRefused | ConflictKind::TypeRefused)
}

fn held_row(tab: &mut Tab, plan: &mut TabPlan, key: &RowKey, database: Option<&[Cell]>) {
    let suspect = is_suspect(tab, key, &RowVerdict::Held);
    if database.is_some() && !suspect {
        // Removed in the sheet, and the configuration wants a person to say so.
        plan.braked += usize::from(tab.gone.hold(key));
        return;
    }
    let kind = if suspect { ConflictKind::Suspect } else { ConflictKind::EditedRowRemoved };
    if tab.open.get(key, WHOLE_ROW).is_none() {
        plan.findings.push(Finding {
            key: key.clone(),
            column: WHOLE_ROW,
            kind,
            base: None,
            database: None,
            sheet: None,
            reason: None,
            outcome: Outcome::Open,
        });
    }
}

/// A row is gone from the sheet, and the database is to follow.
fn remove_from_database(
    tab: &mut Tab,
    plan: &mut TabPlan,
    (key, database): (RowKey, Option<Vec<Cell>>),
) {
    let limits = tab.spec.inbound;
    let waits = !tab.gone.is_approved(&key)
        && tab.gone.is_too_much(limits.brake_rows, limits.brake_percent, tab.base.len());
    if waits && tab.open.decision(&key, WHOLE_ROW).is_none() {
        plan.braked += usize::from(tab.gone.hold(&key));
    } else if tab.gone.is_sure(&key) && !tab.open.is_refused(&key, &[], database.as_deref()) {
        tab.due.insert(key.clone());
    }
    tab.pending.park(&key);
}

/// The sheet has a row that the database has not.
fn add_to_database(tab: &mut Tab, plan: &mut TabPlan, key: &RowKey, again: bool) {
    let Some(cells) = tab.sheet_view(key) else { return tab.pending.park(key) };
    let decided = tab.open.decision(key, WHOLE_ROW) == Some(Side::Sheet);
    if tab.is_doubtful_row(key, &cells) && !again && !decided {
        unknown_row(tab, plan, key);
    } else if !tab.open.is_refused(key, &cells, None) {
        match incomplete(tab, &cells) {
            None => drop(tab.due.insert(key.clone())),
            Some(what) => type_refused(tab, plan, (key, &cells), what),
        }
    }
    tab.pending.park(key);
}

fn unknown_row(tab: &Tab, plan: &mut TabPlan, key: &RowKey) {
    if tab.open.get(key, WHOLE_ROW).is_none() {
        plan.findings.push(Finding {
            key: key.clone(),
            column: WHOLE_ROW,
            kind: ConflictKind::UnknownRow,
            base: None,
            database: None,
            sheet: None,
            reason: None,
            outcome: Outcome::Open,
        });
    }
}

fn type_refused(tab: &Tab, plan: &mut TabPlan, (key, cells): (&RowKey, &[Cell]), what: String) {
    let known = tab.open.get(key, WHOLE_ROW);
    if what.is_empty() || known.is_some_and(|known| known.reason.as_ref() == Some(&what)) {
        return;
    }
    plan.findings.push(Finding {
        key: key.clone(),
        column: WHOLE_ROW,
        kind: ConflictKind::TypeRefused,
        base: None,
        database: None,
        sheet: cells.first().cloned(),
        reason: Some(what),
        outcome: Outcome::Open,
    });
}

/// A row without a key gets a marker, or its own key back.
fn claim(
    tab: &mut Tab,
    draft: &mut Draft,
    plan: &mut TabPlan,
    (left, markers): (&mut BatchLimits, &mut MarkerSource<'_>),
    newcomer: Newcomer,
) {
    let Newcomer { row, cells, restores } = newcomer;
    let key_column = |column: &usize| u16::try_from(*column).unwrap_or(u16::MAX);
    let (written, database): (Vec<(u16, Cell)>, Vec<Cell>) = if let Some(key) = &restores {
        let Some(known) = tab.base.get(key).and_then(|base| base.whole_database()) else {
            return;
        };
        let written =
            tab.spec.key.iter().filter(|column| cells.get(**column) != known.get(**column));
        (
            written.map(|column| (key_column(column), known[*column].clone())).collect(),
            known.to_vec(),
        )
    } else {
        let empty =
            tab.spec.key.iter().find(|column| cells.get(**column).is_none_or(Cell::is_empty));
        let Some(column) = empty else { return };
        *markers.last += 1;
        let marker = marker(markers.run, *markers.last);
        if on(Mutant::InsertFirst) {
            return insert_first(tab, (row, cells), (*column, marker));
        }
        let claim = Claim { key: None };
        tab.claims.insert(marker.clone(), claim.clone());
        plan.steps.push(StoreStep::Claim(tab.spec.table, marker.clone(), claim));
        (vec![(key_column(column), Cell::Text(marker.0))], Vec::new())
    };
    charge(left, written.iter().map(|(_, cell)| cell));
    let mapped = cells.iter().cloned().map(Some).collect();
    let identity = RowIdentity::Content(RowContent { mapped, own: Vec::new() });
    let expectation = RowExpectation::new(identity, cells, database);
    draft.writes.push((RowWrite { row, cells: written }, expectation));
}

/// The row is new, wherever it may be by the time it has a key.
fn insert_first(
    tab: &mut Tab,
    (row, cells): (RowIndex, Vec<Cell>),
    (column, marker): (usize, Marker),
) {
    let mut named = cells.clone();
    if let Some(slot) = named.get_mut(column) {
        *slot = Cell::Text(marker.0);
    }
    let Some(key) = tab.shown_key(&named) else { return };
    tab.index.put(row, &key);
    tab.drift.insert(key.clone(), cells);
    tab.touch(&key, 0);
}

/// Something of the row is for the database, unless it was refused already as it is.
fn send(
    tab: &mut Tab,
    plan: &mut TabPlan,
    (key, sheet, database): (&RowKey, &[Cell], &[Cell]),
    verdicts: &[Verdict],
) {
    if tab.open.is_refused(key, sheet, Some(database)) {
        return;
    }
    let limits = tab.spec.inbound;
    if tab.gone.is_emptied(key) && !tab.gone.is_approved(key) {
        if tab.gone.is_rejected(key) {
            return;
        }
        if tab.gone.is_too_much(limits.brake_rows, limits.brake_percent, tab.base.len()) {
            plan.braked += usize::from(tab.gone.hold(key));
            return;
        }
    }
    for (place, verdict) in verdicts.iter().enumerate() {
        let (Verdict::ToDatabase(_), Some(column)) = (verdict, tab.spec.columns.get(place)) else {
            continue;
        };
        let Err(why) = crate::typed::value(tab.reading(), column, &sheet[place]) else { continue };
        let Ok(column) = u16::try_from(place) else { continue };
        let sides = (Some(&database[place]), Some(&sheet[place]));
        if !tab.open.knows((key, column), ConflictKind::TypeRefused, sides) {
            plan.findings.push(Finding {
                key: key.clone(),
                column,
                kind: ConflictKind::TypeRefused,
                base: tab.base.get(key).and_then(|base| base.database(place)).cloned(),
                database: Some(database[place].clone()),
                sheet: Some(sheet[place].clone()),
                reason: Some(why),
                outcome: Outcome::Open,
            });
        }
    }
    tab.due.insert(key.clone());
}

fn held_cell(
    tab: &Tab,
    plan: &mut TabPlan,
    key: &RowKey,
    column: u16,
    (why, database, sheet): (Why, &Cell, &Cell),
) {
    let kind = match why {
        Why::Formula => ConflictKind::FormulaKept,
        Why::Suspect => ConflictKind::Suspect,
        _ if tab.base.contains_key(key) => ConflictKind::EditEdit,
        _ => ConflictKind::InsertInsert,
    };
    if tab.open.knows((key, column), kind, (Some(database), Some(sheet))) {
        return;
    }
    let base = tab.base.get(key).and_then(|base| base.database(usize::from(column)));
    plan.findings.push(Finding {
        key: key.clone(),
        column,
        kind,
        base: base.cloned(),
        database: Some(database.clone()),
        sheet: Some(sheet.clone()),
        reason: None,
        outcome: Outcome::Open,
    });
}
