//! What our notes say: why, what the database holds, and what to do, in sentences that need no manual. Nothing of them is more than the tab
//! and the conflict log show anyway.

use crate::{
    cell::Cell,
    conflict::{ConflictKind, ConflictRecord, Outcome},
    merge::{Rule, Side},
    tab::Tab,
    typed::clock_text,
};

/// Letters of a value.
const VALUE_MAX: usize = 60;
/// Letters of a refusal's sentence.
const REASON_MAX: usize = 300;

/// What the sentences about a conflict are made of.
struct Parts {
    id: u64,
    /// The database's value, and the sheet's.
    database: String,
    sheet: String,
    reason: String,
    rule: &'static str,
}

impl Parts {
    fn of(tab: &Tab, place: Option<usize>, record: &ConflictRecord) -> Self {
        let reason = record.reason.as_deref().unwrap_or("no reason was given");
        Self {
            id: record.id,
            database: value(tab, place, record.database.as_ref()),
            sheet: value(tab, place, record.sheet.as_ref()),
            reason: line(reason, REASON_MAX),
            rule: record.rule.map_or("none", rule),
        }
    }

    fn holds(&self) -> String {
        format!("The database holds {}.", self.database)
    }

    fn both(&self) -> String {
        format!("{} The sheet says {}.", self.holds(), self.sheet)
    }

    fn decide(&self) -> String {
        format!("Or decide: sheetwire conflicts show {}", self.id)
    }
}

/// Of a conflict that is open.
pub(crate) fn open(tab: &Tab, place: Option<usize>, record: &ConflictRecord) -> String {
    let parts = Parts::of(tab, place, record);
    let what = match record.kind {
        ConflictKind::ConstraintRefused | ConflictKind::TypeRefused => {
            refused(&parts, record.database.is_some())
        }
        ConflictKind::EditEdit | ConflictKind::InsertInsert | ConflictKind::FormulaKept => {
            held_cell(&parts, record.kind)
        }
        _ => held_row(&parts, record.kind),
    };
    let decided = match record.outcome {
        Outcome::Decided(of) => {
            format!("\nDecided for the {}; that is being carried out.", side(of))
        }
        Outcome::Open | Outcome::Kept(_) | Outcome::GoneByItself => String::new(),
    };
    format!("Conflict {}: {what}{decided}", parts.id)
}

fn refused(parts: &Parts, is_there: bool) -> String {
    let Parts { id, reason, .. } = parts;
    if is_there {
        format!("not saved: {reason}.\n{}\nType again. {}", parts.both(), parts.decide())
    } else {
        format!(
            "not in the database: {reason}.\nMend the row here, and it is tried again. More: sheetwire conflicts show {id}"
        )
    }
}

fn held_cell(parts: &Parts, kind: ConflictKind) -> String {
    let (rule, decide) = (parts.rule, parts.decide());
    if kind == ConflictKind::FormulaKept {
        return format!(
            "a formula stands where the database's value should be.\n{}\nDelete the formula to have that value. {decide}",
            parts.holds()
        );
    }
    format!(
        "both sides changed this cell (rule: {rule}).\n{}\nType the database's value to let it stand. {decide}",
        parts.both()
    )
}

fn held_row(parts: &Parts, kind: ConflictKind) -> String {
    let (rule, decide) = (parts.rule, parts.decide());
    match kind {
        ConflictKind::DuplicateKey => "this key stands in several rows, and none of them is kept in step.\nChange or delete the surplus rows, and it goes on by itself.".to_owned(),
        ConflictKind::EditedRowRemoved => format!(
            "the database removed this row, and it was edited here (rule: {rule}).\n{decide}"
        ),
        ConflictKind::UnknownRow => format!(
            "the database does not hold this row, and nobody can tell whether it is a new one.\n{decide}"
        ),
        ConflictKind::Suspect => format!(
            "this may have been written here by mistake, and is not saved before somebody has looked.\n{decide}"
        ),
        other => format!("{}.\n{}\n{decide}", other.word(), parts.both()),
    }
}

/// Of a conflict that a rule has decided already; `None` where nobody lost anything.
pub(crate) fn settled(tab: &Tab, place: Option<usize>, record: &ConflictRecord) -> Option<String> {
    let Outcome::Kept(kept) = record.outcome else { return None };
    let parts = Parts::of(tab, place, record);
    let Parts { id, database, sheet, reason, rule } = &parts;
    let values = match kept {
        Side::Database => {
            format!("The database's {database} stands, {sheet} of the sheet gave way.")
        }
        Side::Sheet => format!("{sheet} of the sheet stands, the database's {database} gave way."),
    };
    let again = "Type again to change that.";
    let what = match record.kind {
        ConflictKind::TypedOver => {
            format!("only the database may change this cell (rule: owner).\n{values}")
        }
        ConflictKind::KeyChanged => {
            format!("the key names the row, and was put back (rule: key).\n{values}")
        }
        ConflictKind::EditEdit | ConflictKind::InsertInsert => {
            format!("both sides changed this cell (rule: {rule}).\n{values}\n{again}")
        }
        ConflictKind::RemovedRowEdited => format!(
            "the row was removed here while the database changed this cell to {database} (rule: {rule}), and is back."
        ),
        ConflictKind::ConstraintRefused => {
            format!("the database refused to let this row go: {reason}.")
        }
        ConflictKind::EditedRowRemoved
        | ConflictKind::TypeRefused
        | ConflictKind::DuplicateKey
        | ConflictKind::FormulaKept
        | ConflictKind::NotPutBack
        | ConflictKind::Suspect
        | ConflictKind::UnknownRow => return None,
    };
    Some(format!(
        "Conflict {id}: {what}\nThis note goes when the cell changes, or in a day; the log keeps it: sheetwire conflicts show {id}"
    ))
}

/// Of a row that lacks something.
pub(crate) fn draft(what: &str) -> String {
    format!(
        "Not in the database yet: {}.\nComplete the row, and it is added.",
        line(what, REASON_MAX)
    )
}

/// A value as people see it in the cell.
fn value(tab: &Tab, place: Option<usize>, cell: Option<&Cell>) -> String {
    let Some(cell) = cell.map(Cell::look) else { return "nothing".to_owned() };
    let column = place.and_then(|place| tab.spec.columns.get(place));
    let time = column.and_then(|column| clock_text(tab.reading(), column, cell));
    let text = match cell {
        Cell::Empty => return "nothing".to_owned(),
        Cell::Number(number) => time.unwrap_or_else(|| number.to_string()),
        Cell::Bool(value) => value.to_string().to_uppercase(),
        Cell::Text(text) | Cell::Formula { text, .. } => text.to_string(),
    };
    format!("“{}”", line(&text, VALUE_MAX))
}

/// One line, not too long: nothing of a value may look like a line of ours.
fn line(text: &str, letters_max: usize) -> String {
    let tame = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = text.chars().map(tame).take(letters_max).collect();
    if text.chars().nth(letters_max).is_some() {
        short.push('…');
    }
    short.trim_end_matches('.').to_owned()
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Database => "database",
        Side::Sheet => "sheet",
    }
}

fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Database => "database",
        Rule::Sheet => "sheet",
        Rule::Newest => "newest",
        Rule::Hold => "hold",
    }
}
