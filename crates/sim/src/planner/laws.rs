//! The laws. Each is a sentence about rows, written without looking at how they are planned.

use sheetwire_engine::{
    base::BaseRow,
    cell::Cell,
    merge::{OnRemoved, RowVerdict, Rule, Side, Verdict, Why},
};

use super::case::Case;

type Law = Result<(), String>;

/// Plans that may follow one another before nothing is left to do: a write, and putting it into its usual form.
const ROUNDS_MAX: usize = 3;

pub(super) fn judge(case: &Case) -> Law {
    let verdict = case.verdict();
    presence(case, &verdict)?;
    if let (RowVerdict::Cells(cells), Some(database), Some(sheet)) =
        (&verdict, &case.database, &case.sheet)
    {
        law(cells.len() == case.width(), "each mapped cell has a verdict")?;
        for (column, verdict) in cells.iter().enumerate() {
            let cell = CellCase {
                case,
                column,
                database: &database[column],
                sheet: &sheet[column],
                verdict: *verdict,
            };
            cell.judge().map_err(|law| format!("column {column}: {law} ({verdict:?})"))?;
        }
    }
    comes_to_rest(case).map_err(|law| format!("{law} ({verdict:?})"))?;
    is_even_handed(case, &verdict)
}

fn law(holds: bool, words: &str) -> Law {
    if holds { Ok(()) } else { Err(words.to_owned()) }
}

/// Whether a side of a row is not as it was agreed; what was never agreed counts as touched, since nobody can say that it was not.
fn is_touched(agreed: impl Fn(usize) -> Option<Cell>, row: &[Cell]) -> bool {
    row.iter().enumerate().any(|(column, cell)| agreed(column).as_ref() != Some(cell.look()))
}

fn sheet_is_touched(base: &BaseRow, sheet: &[Cell]) -> bool {
    is_touched(|column| base.sheet(column).map(|cell| cell.look().clone()), sheet)
}

fn database_is_touched(base: &BaseRow, database: &[Cell]) -> bool {
    is_touched(|column| base.database(column).cloned(), database)
}

fn with_time(rule: Rule, newer: Side) -> Rule {
    match (rule, newer) {
        (Rule::Newest, Side::Database) => Rule::Database,
        (Rule::Newest, Side::Sheet) => Rule::Sheet,
        (rule, _) => rule,
    }
}

// ---- rows ------------------------------------------------------------------------------------------

fn presence(case: &Case, verdict: &RowVerdict) -> Law {
    let inbound = case.policy.inbound;
    match (&case.base, &case.database, &case.sheet) {
        (_, None, None) => {
            law(*verdict == RowVerdict::Forget, "what neither side has is forgotten")
        }
        (_, Some(_), Some(_)) => law(
            matches!(verdict, RowVerdict::Cells(_)),
            "a row that both sides have is merged cell by cell",
        ),
        (None, Some(_), None) => law(
            matches!(verdict, RowVerdict::AddToSheet) == case.policy.outbound
                && matches!(verdict, RowVerdict::AddToSheet | RowVerdict::Rest),
            "a new row of the database goes to the sheet, and is never removed",
        ),
        (None, None, Some(_)) => law(
            matches!(verdict, RowVerdict::AddToDatabase { again: false }) == inbound
                && matches!(verdict, RowVerdict::AddToDatabase { .. } | RowVerdict::Rest),
            "a new row of the sheet goes to the database, and is never removed",
        ),
        (Some(base), None, Some(sheet)) => dropped(case, verdict, sheet_is_touched(base, sheet)),
        (Some(base), Some(database), None) => {
            removed(case, verdict, database_is_touched(base, database))
        }
    }
}

/// The database removed a row that both had.
fn dropped(case: &Case, verdict: &RowVerdict, touched: bool) -> Law {
    let policy = &case.policy;
    let rule = with_time(policy.rule, case.newer);
    match verdict {
        RowVerdict::RemoveFromSheet { edited } => {
            law(
                policy.on_dropped == OnRemoved::Remove,
                "a row is removed only where that follows",
            )?;
            law(*edited == touched, "a touched row is not removed without saying so")?;
            law(
                !touched || !policy.inbound || rule == Rule::Database,
                "a touched row is removed only where the database wins",
            )
        }
        RowVerdict::AddToDatabase { again: true } => law(
            touched && policy.inbound && rule == Rule::Sheet,
            "a row is added again only where it was touched and the sheet wins",
        ),
        RowVerdict::Held => law(
            (touched && policy.inbound && rule == Rule::Hold)
                || policy.on_dropped == OnRemoved::Hold,
            "a person is asked only where that is configured",
        ),
        RowVerdict::Rest => law(
            policy.on_dropped == OnRemoved::Ignore || !policy.outbound,
            "a row stays only where that is configured",
        ),
        _ => law(false, "the database removed the row: it goes, stays, or comes back"),
    }
}

/// A person removed a row that both had.
fn removed(case: &Case, verdict: &RowVerdict, touched: bool) -> Law {
    let policy = &case.policy;
    match verdict {
        RowVerdict::RemoveFromDatabase => law(
            !touched && policy.inbound && policy.on_removed == OnRemoved::Remove,
            "the database loses a row only untouched, known in every cell, and where that follows",
        ),
        RowVerdict::PutBack { edited } => {
            law(policy.outbound, "the sheet is written only where changes reach it")?;
            law(*edited == touched, "a row that comes back says whether it was touched")?;
            law(
                touched || !policy.inbound || policy.on_removed == OnRemoved::Ignore,
                "an untouched row comes back only where its removal is ignored",
            )
        }
        RowVerdict::Held => law(
            !touched && policy.inbound && policy.on_removed == OnRemoved::Hold,
            "a person is asked only where that is configured",
        ),
        RowVerdict::Rest => law(!policy.outbound, "nothing follows only where nothing may"),
        _ => law(false, "a person removed the row: the database loses it, or it comes back"),
    }
}

// ---- cells -----------------------------------------------------------------------------------------

struct CellCase<'a> {
    case: &'a Case,
    column: usize,
    database: &'a Cell,
    sheet: &'a Cell,
    verdict: Verdict,
}

impl CellCase<'_> {
    fn judge(&self) -> Law {
        self.permissions()?;
        let meet = self.sheet.look() == self.database
            || self.case.canonical(self.sheet).as_ref() == Some(self.database);
        if meet {
            return self.met();
        }
        let base = self.case.base.as_ref();
        let agreed = base.and_then(|b| Some((b.database(self.column)?, b.sheet(self.column)?)));
        match agreed {
            None => self.never_agreed(),
            Some((database, sheet)) => {
                self.agreed(self.database != database, self.sheet.look() != sheet.look())
            }
        }
    }

    fn is_formula(&self) -> bool {
        matches!(self.sheet, Cell::Formula { .. })
    }

    fn is_inbound(&self) -> bool {
        self.case.policy.columns[self.column].inbound
    }

    /// Whether the database's value goes into the sheet, or would but for a formula that a person wrote there.
    fn goes_to_sheet(&self, why: Why) -> bool {
        if self.is_formula() && !self.case.policy.overwrite_formulas {
            self.verdict == Verdict::Held(Why::Formula)
        } else {
            self.verdict == Verdict::ToSheet(why)
        }
    }

    fn permissions(&self) -> Law {
        let to_database = matches!(self.verdict, Verdict::ToDatabase(_));
        law(!to_database || self.is_inbound(), "a column that is not inbound is never written")?;
        let to_sheet = matches!(self.verdict, Verdict::ToSheet(_));
        law(
            !(to_sheet && self.is_formula()) || self.case.policy.overwrite_formulas,
            "a formula is not written over",
        )
    }

    fn met(&self) -> Law {
        if self.sheet == self.database {
            return law(
                matches!(self.verdict, Verdict::Rest | Verdict::Agree),
                "equal sides write nothing",
            );
        }
        law(
            matches!(
                self.verdict,
                Verdict::Rest | Verdict::Agree | Verdict::ToSheet(Why::Normalised)
            ),
            "sides that mean the same are at most put into their usual form",
        )
    }

    fn never_agreed(&self) -> Law {
        if !self.is_inbound() {
            return law(
                self.goes_to_sheet(Why::NeverAgreed),
                "what only the database may change is shown as it has it, and what it covers is known to be unknown",
            );
        }
        let rule = self.case.never_agreed.unwrap_or(self.case.policy.columns[self.column].rule);
        self.by_rule(rule, Why::NeverAgreed)
    }

    fn agreed(&self, database: bool, sheet: bool) -> Law {
        match (database, sheet) {
            (false, false) => law(
                matches!(
                    self.verdict,
                    Verdict::Rest | Verdict::Agree | Verdict::ToSheet(Why::Normalised)
                ),
                "what nobody touched goes nowhere but into its usual form",
            ),
            (true, false) if self.case.policy.outbound => {
                law(self.goes_to_sheet(Why::Changed), "an untouched cell takes over a touched one")
            }
            (true, false) => law(
                !matches!(self.verdict, Verdict::ToDatabase(why) if why != Why::Conflict),
                "where the sheet leads, a touched value of the database goes into the log first",
            ),
            (_, true) if !self.is_inbound() => law(
                self.goes_to_sheet(Why::ReadOnly),
                "a person's value in a column of the database's is put back, and kept",
            ),
            (false, true) => law(
                self.verdict == Verdict::ToDatabase(Why::Changed),
                "an untouched value of the database takes over a person's",
            ),
            (true, true) => self.by_rule(self.case.policy.columns[self.column].rule, Why::Conflict),
        }
    }

    fn by_rule(&self, rule: Rule, why: Why) -> Law {
        let right = match with_time(rule, self.case.newer) {
            Rule::Database => self.goes_to_sheet(why),
            Rule::Sheet | Rule::Newest => self.verdict == Verdict::ToDatabase(why),
            Rule::Hold => self.verdict == Verdict::Held(why),
        };
        law(right, "where both sides have a say exactly one is written by rule, or a person asked")
    }
}

// ---- what follows ----------------------------------------------------------------------------------

/// What was planned is done; planning again comes to nothing after at most one more write that only changes the look. Sides that nobody has
/// to decide about meet.
fn comes_to_rest(case: &Case) -> Law {
    let mut case = case.clone();
    let mut saved = 0;
    for _ in 0..ROUNDS_MAX {
        let verdict = case.verdict();
        let wrote = done(&mut case, verdict);
        saved += usize::from(wrote.database);
        law(saved <= 1, "the database is written once")?;
        if !wrote.database && !wrote.sheet {
            let quiet = match case.verdict() {
                RowVerdict::Cells(cells) => cells.iter().all(|cell| is_quiet(&case, *cell)),
                RowVerdict::Forget | RowVerdict::Rest | RowVerdict::Held => true,
                _ => false,
            };
            return law(quiet, "a plan that was carried out leaves nothing to do");
        }
    }
    law(false, "planning never comes to rest")
}

/// Whether a verdict that stands again leads to nothing: a person is asked, or the database has refused it.
fn is_quiet(case: &Case, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Held(_) | Verdict::Rest | Verdict::ToDatabase(_) => true,
        // Where the sheet leads, a cell may be agreed on first and put into its usual form afterwards.
        Verdict::ToSheet(Why::Normalised) => !case.policy.outbound,
        Verdict::Agree | Verdict::ToSheet(_) => false,
    }
}

struct Wrote {
    database: bool,
    sheet: bool,
}

/// Carries a plan out as if nothing could go wrong.
fn done(case: &mut Case, verdict: RowVerdict) -> Wrote {
    let mut wrote = Wrote { database: false, sheet: false };
    match verdict {
        RowVerdict::Forget | RowVerdict::Rest | RowVerdict::Held => {}
        RowVerdict::AddToSheet | RowVerdict::PutBack { .. } => {
            wrote.sheet = true;
            case.sheet.clone_from(&case.database);
            case.base = case.database.clone().map(|cells| BaseRow::agreed(cells, 1));
        }
        RowVerdict::RemoveFromSheet { .. } => {
            wrote.sheet = true;
            case.sheet = None;
            case.base = None;
        }
        RowVerdict::RemoveFromDatabase => {
            wrote.database = true;
            case.database = None;
            case.base = None;
        }
        RowVerdict::AddToDatabase { .. } => wrote.database = added(case),
        RowVerdict::Cells(cells) => {
            for (column, verdict) in cells.into_iter().enumerate() {
                done_cell(case, column, verdict, &mut wrote);
            }
        }
    }
    wrote
}

/// The database takes a row, unless it refuses it.
fn added(case: &mut Case) -> bool {
    let Some(sheet) = case.sheet.clone() else { return false };
    let taken: Option<Vec<Cell>> = sheet.iter().map(|cell| case.canonical(cell)).collect();
    let Some(taken) = taken else {
        // It stays a stranger.
        case.policy.inbound = false;
        case.base = None;
        return false;
    };
    let mut base = BaseRow::unknown(case.width(), 1);
    for (column, (database, sheet)) in taken.iter().zip(sheet).enumerate() {
        base.agree(column, database.clone(), sheet);
    }
    case.base = Some(base);
    case.database = Some(taken);
    true
}

fn done_cell(case: &mut Case, column: usize, verdict: Verdict, wrote: &mut Wrote) {
    let (Some(database), Some(sheet)) = (&mut case.database, &mut case.sheet) else { return };
    match verdict {
        Verdict::Rest | Verdict::Held(_) => return,
        Verdict::Agree => {}
        Verdict::ToSheet(_) => {
            wrote.sheet = true;
            sheet[column] = database[column].clone();
        }
        Verdict::ToDatabase(_) => {
            let typed = sheet[column].clone();
            let Some(taken) = case.canonical(&typed) else { return };
            wrote.database = true;
            if let Some(database) = &mut case.database {
                database[column] = taken;
            }
        }
    }
    let (Some(database), Some(sheet)) = (&case.database, &case.sheet) else { return };
    let (database, sheet) = (database[column].clone(), sheet[column].clone());
    let width = case.width();
    case.base.get_or_insert_with(|| BaseRow::unknown(width, 1)).agree(column, database, sheet);
}

/// Where both sides may do the same and values look alike on both, exchanging the sides exchanges what follows.
fn is_even_handed(case: &Case, verdict: &RowVerdict) -> Law {
    let policy = &case.policy;
    let alike = !case.loud
        && policy.inbound
        && policy.outbound
        && policy.columns.iter().all(|column| column.inbound)
        && case.base.as_ref().is_none_or(BaseRow::is_plain);
    let plain = |row: &Option<Vec<Cell>>| {
        row.iter().flatten().all(|cell| case.canonical(cell).as_ref() == Some(cell))
    };
    let RowVerdict::Cells(cells) = verdict else { return Ok(()) };
    if !alike || !plain(&case.sheet) {
        return Ok(());
    }
    let RowVerdict::Cells(mirrored) = case.mirrored().verdict() else {
        return law(false, "exchanged sides are merged cell by cell, too");
    };
    let exchanged = cells.iter().zip(&mirrored).all(|(one, other)| match (one, other) {
        (Verdict::ToSheet(why), Verdict::ToDatabase(same))
        | (Verdict::ToDatabase(why), Verdict::ToSheet(same)) => why == same,
        (one, other) => one == other,
    });
    law(exchanged, "exchanging the sides exchanges what follows")
}
