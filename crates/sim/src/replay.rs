//! What a real process was told, told again to a fresh engine: it must want the same, action by action.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

use sheetwire_engine::{
    door::Action,
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
    let (mut tape, mut done) = (Tape::new(bytes), Replayed::default());
    let mut heard = String::new();
    let Some(Entry::Began(first)) = tape.next_entry()? else {
        return Err("the tape does not begin with the beginning of a process".into());
    };
    let mut engine = first.engine();
    done.processes += 1;
    while let Some(entry) = tape.next_entry()? {
        match entry {
            Entry::Began(beginning) => {
                engine = beginning.engine();
                done.processes += 1;
            }
            Entry::Spent(calls) => engine.spend(calls),
            Entry::Hurried => engine.hurry(),
            Entry::Told { at, input } => {
                heard = trace::input(&input);
                engine.handle(input.into_owned(), at);
                done.inputs += 1;
            }
            Entry::Polled { at, actions, dry } => {
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

/// Replays a file, and says how it went.
pub fn told(file: &Path) -> io::Result<bool> {
    let verdict = replay(&std::fs::read(file)?);
    let mut out = io::stdout();
    match &verdict {
        Ok(done) => writeln!(out, "{done}")?,
        Err(why) => writeln!(out, "{}: {why}", file.display())?,
    }
    Ok(verdict.is_ok())
}
