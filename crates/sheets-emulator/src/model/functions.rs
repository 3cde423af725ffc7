//! The functions formulas may call.

use super::cell::{CellError, ErrorKind, Scalar};
use super::eval::{Deferred, Evaluator, Frame, Operand, error, number, text};
use super::formula::Expr;

/// Calls a function by its upper-case name.
pub(crate) fn call(
    eval: &Evaluator<'_>,
    name: &str,
    arguments: &[Expr],
    frame: Frame<'_>,
) -> Result<Scalar, Deferred> {
    let wrong = |expected: &str| {
        let message = format!(
            "Wrong number of arguments to {name}. Expected {expected} arguments, but got {} arguments.",
            arguments.len()
        );
        Ok(error(ErrorKind::NotAvailable, &message))
    };
    match (name, arguments) {
        ("SUM" | "COUNT" | "COUNTA" | "AVERAGE" | "MIN" | "MAX", [_, ..]) => {
            aggregate(eval, name, arguments, frame)
        }
        ("AND" | "OR", [_, ..]) => logic(eval, name, arguments, frame),
        ("CONCATENATE", [_, ..]) => concatenate(eval, arguments, frame),
        ("IF", [condition, branches @ ..]) if (1..=2).contains(&branches.len()) => {
            choose(eval, condition, branches, frame)
        }
        ("IFERROR", [value, rest @ ..]) if rest.len() <= 1 => match eval.scalar(value, frame)? {
            Scalar::Error(_) => match rest.first() {
                Some(other) => eval.scalar(other, frame),
                None => Ok(Scalar::text("")),
            },
            value => Ok(value),
        },
        ("NOT", [value]) => Ok(match truth(&eval.scalar(value, frame)?) {
            Ok(value) => Scalar::Bool(!value),
            Err(problem) => Scalar::Error(problem),
        }),
        ("ISBLANK", [value]) => Ok(Scalar::Bool(eval.scalar(value, frame)? == Scalar::Empty)),
        ("LEN", [value]) => Ok(match text(&eval.scalar(value, frame)?) {
            Ok(text) => count(text.chars().count()),
            Err(problem) => Scalar::Error(problem),
        }),
        ("ABS", [value]) => Ok(match number(&eval.scalar(value, frame)?) {
            Ok(value) => Scalar::Number(value.abs()),
            Err(problem) => Scalar::Error(problem),
        }),
        ("ROUND", [value, rest @ ..]) if rest.len() <= 1 => round(eval, value, rest.first(), frame),
        ("ROW" | "COLUMN", []) => {
            Ok(count(if name == "ROW" { frame.home.1 } else { frame.home.2 } + 1))
        }
        ("ROW" | "COLUMN", [place]) => Ok(match eval.operand(place, frame)? {
            Operand::Block(_, rect) => count(if name == "ROW" { rect.r0 } else { rect.c0 } + 1),
            Operand::One(Scalar::Error(problem)) => Scalar::Error(problem),
            Operand::One(_) => error(ErrorKind::NotAvailable, "Argument must be a range."),
        }),
        ("IF", _) => wrong("between 2 and 3"),
        ("IFERROR" | "ROUND", _) => wrong("between 1 and 2"),
        ("NOT" | "ISBLANK" | "LEN" | "ABS" | "ROW" | "COLUMN", _) => wrong("1"),
        (
            "SUM" | "COUNT" | "COUNTA" | "AVERAGE" | "MIN" | "MAX" | "AND" | "OR" | "CONCATENATE",
            [],
        ) => wrong("at least 1"),
        _ => Ok(error(ErrorKind::Name, &format!("Unknown function: '{name}'."))),
    }
}

fn choose(
    eval: &Evaluator<'_>,
    condition: &Expr,
    branches: &[Expr],
    frame: Frame<'_>,
) -> Result<Scalar, Deferred> {
    match truth(&eval.scalar(condition, frame)?) {
        Err(problem) => Ok(Scalar::Error(problem)),
        Ok(true) => eval.scalar(&branches[0], frame),
        Ok(false) => match branches.get(1) {
            Some(other) => eval.scalar(other, frame),
            None => Ok(Scalar::Bool(false)),
        },
    }
}

#[derive(Default)]
struct Tally {
    numbers: usize,
    values: usize,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
    problem: Option<CellError>,
}

impl Tally {
    fn number(&mut self, number: f64) {
        self.numbers += 1;
        self.sum += number;
        self.min = Some(self.min.map_or(number, |min| min.min(number)));
        self.max = Some(self.max.map_or(number, |max| max.max(number)));
    }
}

/// In blocks only numbers count; a text written as an argument is read as a number.
fn aggregate(
    eval: &Evaluator<'_>,
    name: &str,
    arguments: &[Expr],
    frame: Frame<'_>,
) -> Result<Scalar, Deferred> {
    let mut tally = Tally::default();
    for argument in arguments {
        let operand = eval.operand(argument, frame)?;
        let direct = matches!(operand, Operand::One(_));
        eval.each(&operand, frame, &mut |value| {
            tally.values += usize::from(value != Scalar::Empty);
            match &value {
                Scalar::Number(number) => tally.number(*number),
                Scalar::Error(problem) => {
                    tally.problem.get_or_insert_with(|| problem.clone());
                }
                _ if direct => match number(&value) {
                    Ok(number) => tally.number(number),
                    Err(problem) => {
                        tally.problem.get_or_insert(problem);
                    }
                },
                _ => {}
            }
        })?;
    }
    Ok(match (name, tally.problem) {
        ("COUNT", _) => count(tally.numbers),
        ("COUNTA", _) => count(tally.values),
        (_, Some(problem)) => Scalar::Error(problem),
        ("SUM", None) => Scalar::Number(tally.sum),
        ("MIN", None) => Scalar::Number(tally.min.unwrap_or(0.0)),
        ("MAX", None) => Scalar::Number(tally.max.unwrap_or(0.0)),
        (_, None) if tally.numbers == 0 => error(
            ErrorKind::DivideByZero,
            "Evaluation of function AVERAGE caused a divide by zero error.",
        ),
        (_, None) => match count(tally.numbers) {
            Scalar::Number(numbers) => Scalar::Number(tally.sum / numbers),
            other => other,
        },
    })
}

fn logic(
    eval: &Evaluator<'_>,
    name: &str,
    arguments: &[Expr],
    frame: Frame<'_>,
) -> Result<Scalar, Deferred> {
    let (mut all, mut any, mut problem) = (true, false, None);
    for argument in arguments {
        let operand = eval.operand(argument, frame)?;
        eval.each(&operand, frame, &mut |value| match truth(&value) {
            Ok(value) => {
                all &= value;
                any |= value;
            }
            Err(found) => {
                problem.get_or_insert(found);
            }
        })?;
    }
    Ok(match problem {
        Some(problem) => Scalar::Error(problem),
        None => Scalar::Bool(if name == "AND" { all } else { any }),
    })
}

fn concatenate(
    eval: &Evaluator<'_>,
    arguments: &[Expr],
    frame: Frame<'_>,
) -> Result<Scalar, Deferred> {
    let mut out = String::new();
    let mut problem = None;
    for argument in arguments {
        let operand = eval.operand(argument, frame)?;
        eval.each(&operand, frame, &mut |value| match text(&value) {
            Ok(part) => out.push_str(&part),
            Err(found) => {
                problem.get_or_insert(found);
            }
        })?;
    }
    Ok(problem.map_or_else(|| Scalar::text(&out), Scalar::Error))
}

fn round(
    eval: &Evaluator<'_>,
    value: &Expr,
    places: Option<&Expr>,
    frame: Frame<'_>,
) -> Result<Scalar, Deferred> {
    let places = match places {
        Some(places) => number(&eval.scalar(places, frame)?),
        None => Ok(0.0),
    };
    let value = number(&eval.scalar(value, frame)?);
    Ok(match (value, places) {
        (Ok(value), Ok(places)) => {
            let scale = 10f64.powf(places.trunc());
            Scalar::Number((value * scale).round() / scale)
        }
        (Err(problem), _) | (_, Err(problem)) => Scalar::Error(problem),
    })
}

fn truth(value: &Scalar) -> Result<bool, CellError> {
    match value {
        Scalar::Bool(value) => Ok(*value),
        Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        other => number(other).map(|number| number != 0.0),
    }
}

fn count(number: usize) -> Scalar {
    Scalar::Number(u32::try_from(number).map_or(f64::INFINITY, f64::from))
}
