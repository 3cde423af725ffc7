//! What a row needs, from three values of each cell: what both sides last agreed on, what the database holds, what the sheet holds.
//!
//! Pure and small on purpose: everything that may go wrong between looking and writing is somebody else's. A cell that changed on one
//! side goes to the other; one that changed on both follows the column's rule; what nobody changed is left alone. Unison's two laws, cell
//! by cell: what a person changed is never overwritten silently, and everything else makes progress.

use serde::{Deserialize, Serialize};

use crate::{
    base::BaseRow,
    cell::Cell,
    mutants::{Mutant, on},
};

/// A side of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// The database.
    Database,
    /// The sheet.
    Sheet,
}

/// Who wins where both sides changed a cell. The loser is always kept in the conflict log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rule {
    /// The database's value.
    Database,
    /// The sheet's value.
    Sheet,
    /// The one that was changed later. A sheet edit's time is only as good as its doorbell.
    Newest,
    /// Nobody: a person decides.
    Hold,
}

/// What may happen to a cell of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPolicy {
    /// Who wins.
    pub rule: Rule,
    /// Whether the sheet may change the database here.
    pub inbound: bool,
}

/// What follows when a row that both sides had is gone from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnRemoved {
    /// Removed in the sheet: it is added again. Removed in the database: it stays in the sheet.
    Ignore,
    /// A person decides.
    Hold,
    /// It is removed from the other side too.
    Remove,
}

/// What may happen to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPolicy {
    /// For each mapped column.
    pub columns: Vec<ColumnPolicy>,
    /// Who wins where one side removed the row and the other changed it.
    pub rule: Rule,
    /// Whether the database's changes reach the sheet.
    pub outbound: bool,
    /// Whether the sheet's new and removed rows reach the database.
    pub inbound: bool,
    /// Rows removed in the sheet.
    pub on_removed: OnRemoved,
    /// Rows that the database removed: what happens in the sheet.
    pub on_dropped: OnRemoved,
    /// Whether a formula that a person wrote into a mapped cell may be written over.
    pub overwrite_formulas: bool,
}

impl RowPolicy {
    /// Of a tab that only shows what the database holds.
    pub fn to_sheet(width: usize, on_dropped: OnRemoved) -> Self {
        Self {
            columns: vec![ColumnPolicy { rule: Rule::Database, inbound: false }; width],
            rule: Rule::Database,
            outbound: true,
            inbound: false,
            on_removed: OnRemoved::Ignore,
            on_dropped,
            overwrite_formulas: true,
        }
    }
}

/// Why something is to be written; the same word stands in the log, the conflict record and the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Why {
    /// Only the other side changed it.
    Changed,
    /// Same value, other look.
    Normalised,
    /// Both sides changed it, and the rule says who wins.
    Conflict,
    /// Nothing was ever agreed about it, and the sides differ.
    NeverAgreed,
    /// A person changed what only the database may change.
    ReadOnly,
    /// A formula stands where the database's value should be.
    Formula,
    /// It may be what we wrote there by mistake.
    Suspect,
}

/// What one cell needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Rest,
    /// Both sides hold the same now: agree on it.
    Agree,
    /// The database's value goes into the sheet.
    ToSheet(Why),
    /// The sheet's value goes into the database.
    ToDatabase(Why),
    /// A person decides.
    Held(Why),
}

/// What a row needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowVerdict {
    /// Neither side has it: forget it.
    Forget,
    /// Nothing, although the sides differ: configuration says so.
    Rest,
    /// Both sides have it; a verdict for each cell.
    Cells(Vec<Verdict>),
    /// The sheet gets the row.
    AddToSheet,
    /// The sheet gets the row again, although somebody removed it there; `edited`: the database changed it meanwhile.
    PutBack {
        /// Whether the database's row is another than what was agreed on.
        edited: bool,
    },
    /// The database gets the row; `again`: it had the row before, and lost it while a person changed it in the sheet.
    AddToDatabase {
        /// Whether the database removed the row meanwhile.
        again: bool,
    },
    /// The row goes from the sheet; `edited`: a person changed it meanwhile.
    RemoveFromSheet {
        /// Whether the sheet's row is another than what was agreed on.
        edited: bool,
    },
    /// The row goes from the database.
    RemoveFromDatabase,
    /// One side removed it and a person decides what follows.
    Held,
}

/// The three sides of a row.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// What was agreed on; `None` where there was no row.
    pub base: Option<&'a BaseRow>,
    /// The database's row as it looks in cells.
    pub database: Option<&'a [Cell]>,
    /// The sheet's row.
    pub sheet: Option<&'a [Cell]>,
    /// Which side was changed later, for [`Rule::Newest`].
    pub newer: Side,
    /// Who wins in cells about which nothing was ever agreed, where that is not for the columns to say.
    pub never_agreed: Option<Rule>,
}

/// How a sheet's cell looks when the database has taken it; `None` where the column's type refuses it.
pub type Canonical<'a> = dyn Fn(usize, &Cell) -> Option<Cell> + 'a;

/// What the row needs.
pub fn plan(sides: Sides<'_>, policy: &RowPolicy, canonical: &Canonical<'_>) -> RowVerdict {
    match (sides.base, sides.database, sides.sheet) {
        (_, None, None) => RowVerdict::Forget,
        (base, Some(database), Some(sheet)) => {
            let base = base.filter(|base| {
                let is_one = on(Mutant::RowBase) && both_changed(base, (database, sheet));
                !is_one && !on(Mutant::NoBase)
            });
            RowVerdict::Cells(
                (0..policy.columns.len())
                    .map(|column| {
                        let cell = CellSides {
                            base: base.and_then(|base| {
                                Some((base.database(column)?, base.sheet(column)?))
                            }),
                            database: database.get(column).unwrap_or(&Cell::Empty),
                            sheet: sheet.get(column).unwrap_or(&Cell::Empty),
                            newer: sides.newer,
                            never_agreed: sides.never_agreed,
                        };
                        plan_cell(cell, column, policy, canonical)
                    })
                    .collect(),
            )
        }
        (None, Some(_), None) if policy.outbound => RowVerdict::AddToSheet,
        (None, None, Some(_)) if policy.inbound => RowVerdict::AddToDatabase { again: false },
        (None, Some(_), None) | (None, None, Some(_)) => RowVerdict::Rest,
        (Some(base), None, Some(sheet)) => removed_by_database(base, sheet, sides.newer, policy),
        (Some(base), Some(database), None) => removed_by_person(base, database, policy),
    }
}

/// Whether both sides of a row are not as agreed, in whatever columns.
fn both_changed(base: &BaseRow, (database, sheet): (&[Cell], &[Cell])) -> bool {
    base.whole_database().is_some_and(|agreed| agreed != database) && !looks_agreed(base, sheet)
}

fn removed_by_database(
    base: &BaseRow,
    sheet: &[Cell],
    newer: Side,
    policy: &RowPolicy,
) -> RowVerdict {
    let edited = !looks_agreed(base, sheet);
    let rule = if edited && policy.inbound { settled(policy.rule, newer) } else { Rule::Database };
    match rule {
        Rule::Sheet | Rule::Newest => RowVerdict::AddToDatabase { again: true },
        Rule::Hold => RowVerdict::Held,
        Rule::Database if !policy.outbound => RowVerdict::Rest,
        Rule::Database => match policy.on_dropped {
            OnRemoved::Remove => RowVerdict::RemoveFromSheet { edited },
            OnRemoved::Hold => RowVerdict::Held,
            OnRemoved::Ignore => RowVerdict::Rest,
        },
    }
}

fn removed_by_person(base: &BaseRow, database: &[Cell], policy: &RowPolicy) -> RowVerdict {
    // A row about which something was never agreed was never shown whole, so nobody can have meant to remove it.
    let edited = base.whole_database().is_none_or(|agreed| agreed != database);
    if !policy.inbound || edited {
        return if policy.outbound { RowVerdict::PutBack { edited } } else { RowVerdict::Rest };
    }
    match policy.on_removed {
        OnRemoved::Ignore if policy.outbound => RowVerdict::PutBack { edited },
        OnRemoved::Ignore => RowVerdict::Rest,
        OnRemoved::Hold => RowVerdict::Held,
        OnRemoved::Remove => RowVerdict::RemoveFromDatabase,
    }
}

/// Whether the sheet's row is what was agreed on. A formula counts as what it comes to.
fn looks_agreed(base: &BaseRow, sheet: &[Cell]) -> bool {
    let same = |(column, cell): (usize, &Cell)| {
        base.sheet(column).is_some_and(|agreed| agreed.look() == cell.look())
    };
    sheet.iter().enumerate().all(same)
}

#[derive(Clone, Copy)]
struct CellSides<'a> {
    /// Database and sheet, as agreed.
    base: Option<(&'a Cell, &'a Cell)>,
    database: &'a Cell,
    sheet: &'a Cell,
    newer: Side,
    never_agreed: Option<Rule>,
}

fn plan_cell(
    cell: CellSides<'_>,
    column: usize,
    policy: &RowPolicy,
    canonical: &Canonical<'_>,
) -> Verdict {
    let CellSides { base, database, sheet, newer, never_agreed } = cell;
    let of_column = policy.columns[column];
    let formula = matches!(sheet, Cell::Formula { .. });
    let same = sheet.look() == database
        || (sheet != database && canonical(column, sheet.look()).as_ref() == Some(database));
    let to_sheet = |why| {
        if formula && !policy.overwrite_formulas {
            Verdict::Held(Why::Formula)
        } else {
            Verdict::ToSheet(why)
        }
    };
    let Some((base_database, base_sheet)) = base else {
        return match same {
            true if sheet == database => Verdict::Agree,
            true if policy.outbound && !formula => Verdict::ToSheet(Why::Normalised),
            true => Verdict::Agree,
            false if !of_column.inbound => to_sheet(Why::NeverAgreed),
            false => {
                let rule = never_agreed.unwrap_or(of_column.rule);
                by_rule(rule, newer, Why::NeverAgreed, &to_sheet)
            }
        };
    };
    let database_changed = database != base_database;
    let sheet_changed = sheet.look() != base_sheet.look();
    match (database_changed, sheet_changed) {
        _ if same && sheet == database => {
            if database_changed || sheet_changed || base_database != base_sheet {
                Verdict::Agree
            } else {
                Verdict::Rest
            }
        }
        _ if same && formula && (database_changed || sheet != base_sheet) => Verdict::Agree,
        _ if same && formula => Verdict::Rest,
        _ if same => Verdict::ToSheet(Why::Normalised),
        // What the database made of it is not shown: a formula that a person wrote stays.
        (false, false) if formula && sheet != base_sheet => Verdict::Agree,
        (false, false) if formula => Verdict::Rest,
        (false, false) => Verdict::ToSheet(Why::Normalised),
        (true, false) if policy.outbound => to_sheet(Why::Changed),
        (true, false) => Verdict::ToDatabase(Why::Conflict),
        (false, true) if of_column.inbound => Verdict::ToDatabase(Why::Changed),
        (_, true) if !of_column.inbound => to_sheet(Why::ReadOnly),
        (_, true) => by_rule(of_column.rule, newer, Why::Conflict, &to_sheet),
    }
}

fn by_rule(rule: Rule, newer: Side, why: Why, to_sheet: &dyn Fn(Why) -> Verdict) -> Verdict {
    match settled(rule, newer) {
        Rule::Database => to_sheet(why),
        Rule::Sheet | Rule::Newest => Verdict::ToDatabase(why),
        Rule::Hold => Verdict::Held(why),
    }
}

/// The rule with the times put in.
fn settled(rule: Rule, newer: Side) -> Rule {
    match (rule, newer) {
        (Rule::Newest, Side::Database) => Rule::Database,
        (Rule::Newest, Side::Sheet) => Rule::Sheet,
        (other, _) => other,
    }
}
