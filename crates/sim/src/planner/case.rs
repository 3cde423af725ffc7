//! One drawn row: what was agreed, what both sides hold, and what may follow.

use sheetwire_engine::{
    base::BaseRow,
    cell::Cell,
    merge::{ColumnPolicy, OnRemoved, RowPolicy, RowVerdict, Rule, Side, Sides, plan},
};

use crate::tape::Tape;

/// The text that the model database refuses.
const REFUSED: &str = "!";

/// A row to be planned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) base: Option<BaseRow>,
    pub(super) database: Option<Vec<Cell>>,
    pub(super) sheet: Option<Vec<Cell>>,
    pub(super) newer: Side,
    pub(super) never_agreed: Option<Rule>,
    pub(super) policy: RowPolicy,
    /// Whether the database spells texts its own way.
    pub(super) loud: bool,
}

impl Case {
    pub(super) fn draw(tape: &mut Tape) -> Self {
        let width = 1 + tape.below(3);
        let loud = tape.percent(60);
        let row: Vec<Drawn> = (0..width).map(|_| Drawn::draw(tape, loud)).collect();
        let mut base = BaseRow::unknown(width, 1);
        for (column, cell) in row.iter().enumerate() {
            if let Some((database, sheet)) = &cell.base {
                base.agree(column, database.clone(), sheet.clone());
            }
        }
        let agreed = !tape.percent(20);
        let in_database = !tape.percent(20);
        let in_sheet = !tape.percent(20);
        Self {
            base: agreed.then_some(base),
            database: in_database.then(|| row.iter().map(|cell| cell.database.clone()).collect()),
            sheet: in_sheet.then(|| row.iter().map(|cell| cell.sheet.clone()).collect()),
            newer: tape.pick(&[Side::Database, Side::Sheet]),
            never_agreed: tape.pick(&[None, None, None, Some(Rule::Database), Some(Rule::Sheet)]),
            policy: draw_policy(tape, width),
            loud,
        }
    }

    /// What the engine would do.
    pub(super) fn verdict(&self) -> RowVerdict {
        let sides = Sides {
            base: self.base.as_ref(),
            database: self.database.as_deref(),
            sheet: self.sheet.as_deref(),
            newer: self.newer,
            never_agreed: self.never_agreed,
        };
        plan(sides, &self.policy, &|_, cell| self.canonical(cell))
    }

    /// How a cell looks once the database has taken it.
    pub(super) fn canonical(&self, cell: &Cell) -> Option<Cell> {
        canonical(cell, self.loud)
    }

    pub(super) fn width(&self) -> usize {
        self.policy.columns.len()
    }

    /// The row with the sides and what they may do exchanged.
    pub(super) fn mirrored(&self) -> Self {
        let other = |rule| match rule {
            Rule::Database => Rule::Sheet,
            Rule::Sheet => Rule::Database,
            same => same,
        };
        let mut mirror = self.clone();
        std::mem::swap(&mut mirror.database, &mut mirror.sheet);
        mirror.newer = match self.newer {
            Side::Database => Side::Sheet,
            Side::Sheet => Side::Database,
        };
        mirror.never_agreed = self.never_agreed.map(other);
        mirror.policy.rule = other(self.policy.rule);
        for column in &mut mirror.policy.columns {
            column.rule = other(column.rule);
        }
        mirror
    }
}

/// What stands in one column.
struct Drawn {
    base: Option<(Cell, Cell)>,
    database: Cell,
    sheet: Cell,
}

impl Drawn {
    fn draw(tape: &mut Tape, loud: bool) -> Self {
        let typed = draw_cell(tape);
        let agreed = canonical(&typed, loud).unwrap_or(Cell::Empty);
        let shown = if tape.percent(30) { typed } else { agreed.clone() };
        let database = if tape.percent(40) {
            canonical(&draw_cell(tape), loud).unwrap_or(Cell::Empty)
        } else {
            agreed.clone()
        };
        let mut sheet = if tape.percent(40) { draw_cell(tape) } else { shown.clone() };
        if tape.percent(8) {
            sheet = Cell::Formula { text: "=A1".into(), value: Box::new(sheet) };
        }
        let base = (!tape.percent(20)).then_some((agreed, shown));
        Self { base, database, sheet }
    }
}

fn draw_cell(tape: &mut Tape) -> Cell {
    match tape.below(10) {
        0 => Cell::Empty,
        1 => Cell::Number(7.0),
        2 => Cell::Bool(true),
        3 => Cell::text(REFUSED),
        4 | 5 => Cell::text("a"),
        6 | 7 => Cell::text("b"),
        8 => Cell::text("A"),
        _ => Cell::text("B"),
    }
}

fn canonical(cell: &Cell, loud: bool) -> Option<Cell> {
    match cell {
        Cell::Text(text) if **text == *REFUSED => None,
        Cell::Text(text) if loud => Some(Cell::text(text.to_uppercase())),
        Cell::Bool(value) => Some(Cell::Number(f64::from(u8::from(*value)))),
        Cell::Formula { value, .. } => canonical(value, loud),
        other => Some(other.clone()),
    }
}

fn draw_policy(tape: &mut Tape, width: usize) -> RowPolicy {
    let rules = [Rule::Database, Rule::Sheet, Rule::Hold, Rule::Newest];
    let follow = [OnRemoved::Remove, OnRemoved::Ignore, OnRemoved::Hold];
    let inbound = !tape.percent(20);
    let outbound = !inbound || !tape.percent(15);
    // Where the sheet leads, each column is a person's.
    let columns = (0..width)
        .map(|_| ColumnPolicy {
            rule: tape.pick(&rules),
            inbound: inbound && (!outbound || !tape.percent(20)),
        })
        .collect();
    RowPolicy {
        columns,
        rule: tape.pick(&rules),
        outbound,
        inbound,
        on_removed: tape.pick(&follow),
        on_dropped: tape.pick(&follow),
        overwrite_formulas: !inbound,
    }
}
