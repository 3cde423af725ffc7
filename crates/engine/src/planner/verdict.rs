//! What a row needs, by the merge, by what may be our own mistake, and by what people have decided.

use crate::{
    cell::Cell,
    merge::{RowVerdict, Rule, Side, Sides, Verdict, Why, plan},
    open::WHOLE_ROW,
    state::RowKey,
    tab::Tab,
};

pub(super) fn writes_to_sheet(verdict: &RowVerdict) -> bool {
    match verdict {
        RowVerdict::AddToSheet
        | RowVerdict::PutBack { .. }
        | RowVerdict::RemoveFromSheet { .. } => true,
        RowVerdict::Cells(cells) => cells.iter().any(|cell| matches!(cell, Verdict::ToSheet(_))),
        RowVerdict::Forget
        | RowVerdict::Rest
        | RowVerdict::AddToDatabase { .. }
        | RowVerdict::RemoveFromDatabase
        | RowVerdict::Held => false,
    }
}

/// What a row needs, as far as is known now.
pub(crate) fn verdict(tab: &Tab, key: &RowKey, database: Option<&[Cell]>) -> RowVerdict {
    let sheet = tab.sheet_view(key);
    let sides = Sides {
        base: tab.base.get(key),
        database,
        sheet: sheet.as_deref(),
        newer: newer(tab, key),
        never_agreed: tab.adopts().map(|side| match side {
            Side::Database => Rule::Database,
            Side::Sheet => Rule::Sheet,
        }),
    };
    let mut verdict = plan(sides, &tab.spec.policy, &|column, cell| tab.canonical(column, cell));
    if let (Some(side), true) = (tab.adopts(), sides.base.is_some()) {
        // The database lost the row; whose word is that of the whole row, too.
        match (side, &verdict) {
            (Side::Database, RowVerdict::AddToDatabase { .. } | RowVerdict::Held)
                if database.is_none() =>
            {
                verdict = RowVerdict::RemoveFromSheet { edited: true };
            }
            (Side::Sheet, RowVerdict::Held) if database.is_none() => {
                verdict = RowVerdict::AddToDatabase { again: true };
            }
            _ => {}
        }
    }
    suspect(tab, (key, sheet.as_deref()), &mut verdict);
    apply_decisions(tab, key, &mut verdict);
    verdict
}

/// Which side of a row was changed later, as far as anybody can tell.
pub(super) fn newer(tab: &Tab, key: &RowKey) -> Side {
    let sheet = tab.edits.get(key).map_or(tab.read_at_us, |mark| mark.at_us);
    if sheet >= tab.pending.committed_at(key) { Side::Sheet } else { Side::Database }
}

/// What may be our own mistake does not go into the database.
pub(super) fn suspect(
    tab: &Tab,
    (key, sheet): (&RowKey, Option<&[Cell]>),
    verdict: &mut RowVerdict,
) {
    if tab.strays.is_empty() {
        return;
    }
    match (verdict, sheet) {
        (RowVerdict::Cells(cells), Some(sheet)) => {
            let row = tab.strays.may_have_named(&tab.spec.key, sheet);
            for (column, cell) in cells.iter_mut().enumerate() {
                let ours = sheet.get(column).is_some_and(|cell| tab.strays.may_be(column, cell));
                if (ours || row) && matches!(*cell, Verdict::ToDatabase(_) | Verdict::Held(_)) {
                    *cell = Verdict::Held(Why::Suspect);
                }
            }
        }
        (verdict, _) if is_suspect(tab, key, verdict) => *verdict = RowVerdict::Held,
        _ => {}
    }
}

/// Whether a row that would be added or removed may be so because of us.
pub(super) fn is_suspect(tab: &Tab, key: &RowKey, verdict: &RowVerdict) -> bool {
    match (verdict, tab.sheet_view(key)) {
        (RowVerdict::AddToDatabase { .. } | RowVerdict::Held, Some(sheet)) => {
            tab.strays.may_be_in(&sheet)
        }
        (RowVerdict::RemoveFromDatabase | RowVerdict::Held, None) => {
            let Some(base) = tab.base.get(key) else { return false };
            let parts = tab.spec.key.iter().flat_map(|column| {
                let bore = [base.database(*column), base.sheet(*column)].into_iter().flatten();
                bore.map(|cell| (*column, cell.clone()))
            });
            tab.strays.may_have_taken(parts)
        }
        _ => false,
    }
}

/// What a person has decided stands above the rules.
pub(super) fn apply_decisions(tab: &Tab, key: &RowKey, verdict: &mut RowVerdict) {
    match verdict {
        RowVerdict::Cells(cells) => {
            for (column, cell) in (0..).zip(cells) {
                match (tab.open.decision(key, column), *cell) {
                    (None, _) | (_, Verdict::Rest | Verdict::Agree) => {}
                    // A formula stays where the sheet may not change the database, and so does the record that says so.
                    (Some(Side::Sheet), Verdict::Held(Why::Formula))
                        if !tab.spec.policy.columns[usize::from(column)].inbound => {}
                    (Some(Side::Database), _) => *cell = Verdict::ToSheet(Why::Conflict),
                    (Some(Side::Sheet), _) => *cell = Verdict::ToDatabase(Why::Conflict),
                }
                let reverted = tab.reverts.wants(key, column);
                if (reverted || tab.gone.is_rejected(key))
                    && matches!(*cell, Verdict::ToDatabase(_) | Verdict::Held(_))
                {
                    *cell = Verdict::ToSheet(Why::Conflict);
                }
            }
        }
        RowVerdict::Held | RowVerdict::AddToDatabase { .. } | RowVerdict::RemoveFromDatabase => {
            let there = tab.sheet_view(key).is_some();
            if !there && tab.gone.is_rejected(key) {
                *verdict = RowVerdict::PutBack { edited: false };
            } else if !there && tab.gone.is_approved(key) {
                *verdict = RowVerdict::RemoveFromDatabase;
            }
            match (tab.open.decision(key, WHOLE_ROW), there) {
                (None, _) => {}
                (Some(Side::Database), true) => {
                    *verdict = RowVerdict::RemoveFromSheet { edited: true }
                }
                (Some(Side::Database), false) => *verdict = RowVerdict::PutBack { edited: false },
                (Some(Side::Sheet), true) => *verdict = RowVerdict::AddToDatabase { again: true },
                (Some(Side::Sheet), false) => *verdict = RowVerdict::RemoveFromDatabase,
            }
        }
        RowVerdict::Forget
        | RowVerdict::Rest
        | RowVerdict::AddToSheet
        | RowVerdict::PutBack { .. }
        | RowVerdict::RemoveFromSheet { .. } => {}
    }
}
