//! What cells are worth: formulas evaluated on read, each cell once, cycles and long chains included.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::Spreadsheet;
use super::area::{Rect, Span};
use super::cell::{CellError, Entered, ErrorKind, Scalar};
use super::formula::{Expr, Formula, Operator};
use super::functions;
use super::refs::Reference;

/// A cell: `sheetId`, row, column.
pub type Place = (i64, usize, usize);

/// Depth of the recursion after which a cell is put on the list of cells to do first.
const DEPTH_MAX: usize = 200;

/// The evaluation must stop until this cell is known.
#[derive(Debug)]
pub struct Deferred(Place);

/// Evaluates cells of one spreadsheet and remembers what it found.
#[derive(Debug)]
pub struct Evaluator<'a> {
    book: &'a Spreadsheet,
    known: RefCell<HashMap<Place, Scalar>>,
    running: RefCell<HashSet<Place>>,
}

/// The formula being evaluated and how deep the walk is.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'f> {
    /// The cell the formula stands in.
    pub home: Place,
    formula: &'f Formula,
    depth: usize,
}

/// A value or a block of cells, as an argument of a function.
#[derive(Debug, Clone)]
pub enum Operand {
    /// One value.
    One(Scalar),
    /// A block on a tab.
    Block(i64, Rect),
}

impl<'a> Evaluator<'a> {
    /// An evaluator with an empty memory; valid while the spreadsheet does not change.
    pub fn new(book: &'a Spreadsheet) -> Self {
        Self { book, known: RefCell::default(), running: RefCell::default() }
    }

    /// The effective value of a cell.
    pub fn value(&self, sheet: i64, row: usize, col: usize) -> Scalar {
        let first = (sheet, row, col);
        let mut todo = vec![first];
        while let Some(place) = todo.last().copied() {
            self.running.borrow_mut().remove(&place);
            match self.cell(place, 0) {
                Ok(value) => {
                    todo.pop();
                    if todo.is_empty() {
                        return value;
                    }
                }
                Err(Deferred(next)) => {
                    self.running.borrow_mut().insert(place);
                    todo.push(next);
                }
            }
        }
        Scalar::Empty
    }

    fn cell(&self, place: Place, depth: usize) -> Result<Scalar, Deferred> {
        let (sheet, row, col) = place;
        let Some(cell) = self.book.sheet(sheet).and_then(|s| s.cell(row, col)) else {
            return Ok(Scalar::Empty);
        };
        let formula = match &cell.entered {
            None => return Ok(Scalar::Empty),
            Some(Entered::Number(number)) => return Ok(Scalar::Number(*number)),
            Some(Entered::Text(text)) => return Ok(Scalar::text(text)),
            Some(Entered::Bool(value)) => return Ok(Scalar::Bool(*value)),
            Some(Entered::Formula(formula)) => formula,
        };
        if let Some(known) = self.known.borrow().get(&place) {
            return Ok(known.clone());
        }
        if self.running.borrow().contains(&place) {
            return Ok(error(ErrorKind::Ref, "Circular dependency detected."));
        }
        if depth > DEPTH_MAX {
            return Err(Deferred(place));
        }
        self.running.borrow_mut().insert(place);
        let result = self.scalar(formula.expr(), Frame { home: place, formula, depth });
        self.running.borrow_mut().remove(&place);
        let value = match result? {
            // A formula that yields an empty cell shows 0.
            Scalar::Empty => Scalar::Number(0.0),
            value => value,
        };
        self.known.borrow_mut().insert(place, value.clone());
        Ok(value)
    }

    /// One value; a block is cut at the row or column of the formula.
    pub fn scalar(&self, expr: &Expr, frame: Frame<'_>) -> Result<Scalar, Deferred> {
        match self.operand(expr, frame)? {
            Operand::One(value) => Ok(value),
            Operand::Block(sheet, rect) => {
                let (_, row, col) = frame.home;
                let place = if rect.height() == 1 && rect.width() == 1 {
                    (sheet, rect.r0, rect.c0)
                } else if rect.width() == 1 && (rect.r0..rect.r1).contains(&row) {
                    (sheet, row, rect.c0)
                } else if rect.height() == 1 && (rect.c0..rect.c1).contains(&col) {
                    (sheet, rect.r0, col)
                } else {
                    return Ok(error(ErrorKind::Value, "An array value could not be found."));
                };
                self.cell(place, frame.depth + 1)
            }
        }
    }

    /// A value or a block.
    pub fn operand(&self, expr: &Expr, frame: Frame<'_>) -> Result<Operand, Deferred> {
        let frame = Frame { depth: frame.depth + 1, ..frame };
        Ok(Operand::One(match expr {
            Expr::Number(number) => Scalar::Number(*number),
            Expr::Text(text) => Scalar::text(text),
            Expr::Bool(value) => Scalar::Bool(*value),
            Expr::Error(ErrorKind::Ref) => error(ErrorKind::Ref, "Reference does not exist"),
            Expr::Error(kind) => error(*kind, "Error literal."),
            Expr::Unreadable => error(ErrorKind::Parse, "Formula parse error."),
            Expr::Ref(index) => {
                return Ok(self.reference(frame.formula.reference(*index), frame.home.0));
            }
            Expr::Name(name) => match self.book.named_area(name) {
                Some(area) => return Ok(self.block(area.sheet, area.rows, area.cols)),
                None => error(
                    ErrorKind::Name,
                    &format!("Unknown range name: '{}'.", name.to_uppercase()),
                ),
            },
            Expr::Sign(minus, inner) => match number(&self.scalar(inner, frame)?) {
                Ok(value) => Scalar::Number(if *minus { -value } else { value }),
                Err(problem) => Scalar::Error(problem),
            },
            Expr::Percent(inner) => match number(&self.scalar(inner, frame)?) {
                Ok(value) => Scalar::Number(value / 100.0),
                Err(problem) => Scalar::Error(problem),
            },
            Expr::Binary(op, left, right) => {
                binary(*op, &self.scalar(left, frame)?, &self.scalar(right, frame)?)
            }
            Expr::Call(name, arguments) => functions::call(self, name, arguments, frame)?,
        }))
    }

    /// Calls `visit` with every value of the operand; in blocks only stored cells are visited.
    pub fn each(
        &self,
        operand: &Operand,
        frame: Frame<'_>,
        visit: &mut dyn FnMut(Scalar),
    ) -> Result<(), Deferred> {
        match operand {
            Operand::One(value) => visit(value.clone()),
            Operand::Block(id, rect) => {
                let Some(sheet) = self.book.sheet(*id) else { return Ok(()) };
                for (row, col, cell) in sheet.stored_in(*rect) {
                    if cell.entered.is_some() {
                        visit(self.cell((*id, row, col), frame.depth + 1)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn reference(&self, reference: Option<&Reference>, home: i64) -> Operand {
        let gone = |message: &str| Operand::One(error(ErrorKind::Ref, message));
        let Some(reference) = reference else { return gone("Reference does not exist") };
        let Some((rows, cols)) = reference.spans() else { return gone("Reference does not exist") };
        match reference.sheet(home) {
            Some(sheet) if self.book.sheet(sheet).is_some() => self.block(sheet, rows, cols),
            _ => gone("Unresolved sheet name."),
        }
    }

    fn block(&self, sheet: i64, rows: Span, cols: Span) -> Operand {
        let Some(found) = self.book.sheet(sheet) else {
            return Operand::One(error(ErrorKind::Ref, "Unresolved sheet name."));
        };
        let (r0, r1) = rows.within(found.rows);
        let (c0, c1) = cols.within(found.cols);
        let rect = Rect { r0, r1, c0, c1 };
        if rect.is_empty() {
            return Operand::One(error(ErrorKind::Ref, "Reference does not exist"));
        }
        Operand::Block(sheet, rect)
    }
}

/// An error value.
pub fn error(kind: ErrorKind, message: &str) -> Scalar {
    Scalar::Error(CellError::new(kind, message))
}

/// The value as a number, the way `+` reads it.
pub fn number(value: &Scalar) -> Result<f64, CellError> {
    match value {
        Scalar::Empty => Ok(0.0),
        Scalar::Number(number) => Ok(*number),
        Scalar::Bool(value) => Ok(f64::from(u8::from(*value))),
        Scalar::Error(problem) => Err(problem.clone()),
        Scalar::Text(text) => match super::parse::typed(text) {
            super::parse::Typed::Number(number, _) => Ok(number),
            _ => Err(CellError::new(
                ErrorKind::Value,
                &format!("Text '{text}' cannot be coerced to a number."),
            )),
        },
    }
}

/// The value as text, the way `&` reads it.
pub fn text(value: &Scalar) -> Result<String, CellError> {
    match value {
        Scalar::Empty => Ok(String::new()),
        Scalar::Number(number) => Ok(super::format::general(*number)),
        Scalar::Bool(value) => Ok(if *value { "TRUE" } else { "FALSE" }.to_owned()),
        Scalar::Text(text) => Ok(text.to_string()),
        Scalar::Error(problem) => Err(problem.clone()),
    }
}

fn binary(op: Operator, left: &Scalar, right: &Scalar) -> Scalar {
    let result = match op {
        Operator::Join => {
            text(left).and_then(|l| Ok(Scalar::text(&format!("{l}{}", text(right)?))))
        }
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Power => {
            number(left).and_then(|l| arithmetic(op, l, number(right)?).map(Scalar::Number))
        }
        _ => match (left, right) {
            (Scalar::Error(problem), _) | (_, Scalar::Error(problem)) => Err(problem.clone()),
            _ => Ok(Scalar::Bool(holds(op, compare_equalised(left, right)))),
        },
    };
    result.unwrap_or_else(Scalar::Error)
}

fn arithmetic(op: Operator, left: f64, right: f64) -> Result<f64, CellError> {
    let result = match op {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right == 0.0 => {
            let message = "Function DIVIDE parameter 2 cannot be zero.";
            return Err(CellError::new(ErrorKind::DivideByZero, message));
        }
        Operator::Divide => left / right,
        _ => left.powf(right),
    };
    if result.is_finite() {
        return Ok(result);
    }
    Err(CellError::new(ErrorKind::Num, "Result is not a number or is out of range."))
}

fn holds(op: Operator, order: Ordering) -> bool {
    match op {
        Operator::Equal => order.is_eq(),
        Operator::Unequal => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// Order of two values where an empty cell counts as 0, "" or FALSE, whatever it meets.
fn compare_equalised(left: &Scalar, right: &Scalar) -> Ordering {
    let fill = |other: &Scalar| match other {
        Scalar::Text(_) => Scalar::text(""),
        Scalar::Bool(_) => Scalar::Bool(false),
        _ => Scalar::Number(0.0),
    };
    match (left, right) {
        (Scalar::Empty, other) => compare(&fill(other), other),
        (other, Scalar::Empty) => compare(other, &fill(other)),
        _ => compare(left, right),
    }
}

/// Order for sorting: numbers, texts without regard to case, booleans, errors, empty cells.
pub fn compare(left: &Scalar, right: &Scalar) -> Ordering {
    let rank = |value: &Scalar| match value {
        Scalar::Number(_) => 0,
        Scalar::Text(_) => 1,
        Scalar::Bool(_) => 2,
        Scalar::Error(_) => 3,
        Scalar::Empty => 4,
    };
    match (left, right) {
        (Scalar::Number(a), Scalar::Number(b)) => a.total_cmp(b),
        (Scalar::Text(a), Scalar::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        _ => rank(left).cmp(&rank(right)),
    }
}
