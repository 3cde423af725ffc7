//! What a real process was told, told again to a fresh engine: it must want the same, action by action.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    path::Path,
};

use sheetwire_engine::{
    cell::Cell,
    door::{Action, Input},
    engine::Engine,
    recording::{Entry, Tape, same},
    time::Moment,
};

use crate::trace;

/// How much was replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Processes.
    pub processes: usize,
    /// Inputs that were told.
    pub inputs: usize,
    /// Actions that were the same.
    pub actions: usize,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processes, inputs, actions } = self;
        write!(f, "{processes} processes, {inputs} inputs, {actions} actions, 0 differences")
    }
}

/// Replays a tape up to its end. `Err` says where the engine wanted something else, or why the tape cannot be read.
pub fn replay(bytes: &[u8]) -> Result<Replayed, String> {
    retell(bytes, |_| {})
}

/// Replays a tape, and gives a line for each process, input and action, those of the tape.
fn retell(bytes: &[u8], mut tell: impl FnMut(&dyn fmt::Display)) -> Result<Replayed, String> {
    let (mut tape, mut done) = (Tape::new(bytes), Replayed::default());
    let mut heard = String::new();
    let Some(Entry::Began(first)) = tape.next_entry()? else {
        return Err("the tape does not begin with the beginning of a process".into());
    };
    let mut engine = first.engine();
    done.processes += 1;
    tell(&"process 1");
    while let Some(entry) = tape.next_entry()? {
        match entry {
            Entry::Began(beginning) => {
                engine = beginning.engine();
                done.processes += 1;
                tell(&format_args!("process {}", done.processes));
            }
            Entry::Spent(calls) => engine.spend(calls),
            Entry::Hurried => engine.hurry(),
            Entry::Told { at, input } => {
                heard = trace::input(&input);
                tell(&format_args!("{at} -> {heard}{}", seen(&input)));
                engine.handle(input.into_owned(), at);
                done.inputs += 1;
            }
            Entry::Polled { at, actions, dry } => {
                for action in actions.iter() {
                    tell(&format_args!("{at} <- {}", trace::action(action)));
                }
                let ours = polled(&mut engine, at, actions.len() + usize::from(dry));
                if !same(&ours, &actions) {
                    return Err(difference((&done, at, &heard), &ours, &actions));
                }
                done.actions += actions.len();
            }
        }
    }
    Ok(done)
}

/// The rows of all tabs that were read, those that are not empty, each with its number from 1.
fn seen(input: &Input) -> String {
    let Input::TabsRead { answer: Ok(image), .. } = input else { return String::new() };
    let mut rows = String::new();
    for tab in &image.tabs {
        let depth = tab.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        for row in 0..depth {
            let cells = tab.columns.iter().map(|(_, cells)| cells.get(row).unwrap_or(&Cell::Empty));
            if cells.clone().any(|cell| !cell.is_empty()) {
                let _ = write!(rows, "\n    {}:", row + 2);
                for cell in cells {
                    let _ = write!(rows, " {}", trace::cell(cell));
                }
            }
        }
    }
    rows
}

/// As often as the recorded engine was asked.
fn polled(engine: &mut Engine, at: Moment, most: usize) -> Vec<Action> {
    (0..most).map_while(|_| engine.poll(at)).collect()
}

fn difference(
    (done, at, heard): (&Replayed, Moment, &str),
    ours: &[Action],
    theirs: &[Action],
) -> String {
    let pairs = || ours.chunks(1).zip(theirs.chunks(1));
    let place = pairs().position(|(a, b)| !same(a, b)).unwrap_or(ours.len().min(theirs.len()));
    let name = |actions: &[Action]| match actions.get(place) {
        Some(action) => format!("{action:?}"),
        None => "nothing more".to_owned(),
    };
    format!(
        "process {}, behind {} inputs and {} actions, at {at}: the recorded engine wanted\n  {}\nand this one wants\n  {}\nThe last input was {heard}",
        done.processes,
        done.inputs,
        done.actions + place,
        name(theirs),
        name(ours),
    )
}

/// Replays a file, and says how it went; with `story`, tells all that is on it.
pub fn told(file: &Path, story: bool) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let mut wrong = Ok(());
    let verdict = retell(&std::fs::read(file)?, |line| {
        if story && wrong.is_ok() {
            wrong = writeln!(out, "{line}");
        }
    });
    wrong?;
    match &verdict {
        Ok(done) => writeln!(out, "{done}")?,
        Err(why) => writeln!(out, "{}: {why}", file.display())?,
    }
    Ok(verdict.is_ok())
}
