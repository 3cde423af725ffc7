//! Whether the checkers notice plausible but wrong designs of the engine: each is lived with, seed after seed, until a world fails.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use sheetwire_engine::mutants::Mutant;

use crate::{
    life::{Keep, Plan, live},
    tape::Tape,
};

/// What became of a bad design.
#[derive(Debug)]
pub struct Fate {
    /// Which.
    pub mutant: Mutant,
    /// The first seed that fails, and how.
    pub killed: Option<(u64, String)>,
}

/// The name of a bad design on the command line: `NoBase` is `no-base`.
pub fn name(mutant: Mutant) -> String {
    let mut name = String::new();
    for letter in format!("{mutant:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The bad design of this name.
pub fn of_name(wanted: &str) -> Option<Mutant> {
    Mutant::ALL.into_iter().find(|mutant| name(*mutant) == wanted)
}

/// Lives with one bad design until a world fails, for so many seeds at most.
pub fn fate(mutant: Mutant, seeds: u64) -> Fate {
    let plan = Plan { mutant: Some(mutant), ..Plan::default() };
    let failure = |seed| Some((seed, live(Tape::of_seed(seed), plan, Keep::default()).failure?));
    let killed = (1..=seeds).find_map(failure);
    Fate { mutant, killed }
}

/// Lives with all of these, several at a time, and tells of each as soon as its fate is known.
pub fn run(
    mutants: &[Mutant],
    seeds: u64,
    threads: usize,
    tell: &(dyn Fn(&Fate) + Sync),
) -> Vec<Fate> {
    let waiting = Mutex::new(mutants.iter().rev().copied().collect::<Vec<_>>());
    let fates = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let Some(mutant) = next else { break };
                    let fate = fate(mutant, seeds);
                    tell(&fate);
                    fates.lock().unwrap_or_else(PoisonError::into_inner).push(fate);
                }
            });
        }
    });
    fates.into_inner().unwrap_or_else(PoisonError::into_inner)
}
