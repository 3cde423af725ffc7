//! The life of a world, from a tape to a verdict.

use std::{
    hash::{DefaultHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use sheetwire_engine::{door::Input, mutants::Mutant, time::Moment};

use crate::{
    options::PolicyChoice,
    tape::Tape,
    world::{Counters, World},
};

/// How a world is lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Which policies its tables may have.
    pub policy: PolicyChoice,
    /// How long the trouble lasts, in steps.
    pub ticks: u64,
    /// The bad design that the engine is, in a build that has them.
    pub mutant: Option<Mutant>,
    /// Whether cells get notes.
    pub notes: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { policy: PolicyChoice::Any, ticks: 200, mutant: None, notes: false }
    }
}

/// What became of a world.
#[derive(Debug)]
pub struct Story {
    /// What went wrong, if anything.
    pub failure: Option<String>,
    /// How often things happened.
    pub counters: Counters,
    /// The choices that were made.
    pub choices: Vec<u32>,
    /// What happened, in words, where that was asked for.
    pub trace: Vec<String>,
    /// Everything that the engine wanted, as a number, where that was asked for.
    pub hash: Option<u64>,
}

/// What to keep of a life.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// The trace.
    pub trace: bool,
    /// The hash.
    pub hash: bool,
}

/// Lives a world. A panic of the engine (I12) is a failure like any other.
pub fn live(tape: Tape, plan: Plan, keep: Keep) -> Story {
    #[cfg(feature = "mutants")]
    sheetwire_engine::mutants::set(plan.mutant);
    let mut world = World::noted(tape, plan.policy, plan.notes);
    world.trace = keep.trace.then(Vec::new);
    world.hash = keep.hash.then(DefaultHasher::new);
    let outcome = catch_unwind(AssertUnwindSafe(|| through(&mut world, plan.ticks)));
    let failure = match outcome {
        Ok(verdict) => verdict.err(),
        Err(panic) => Some(words_of(&*panic)),
    };
    if failure.is_some() {
        let status = world.processes.first().map(|one| one.engine.status());
        world.note(|| format!("   status: {status:?}"));
    }
    Story {
        failure,
        counters: world.counters,
        choices: world.tape.choices().to_vec(),
        trace: world.trace.unwrap_or_default(),
        hash: world.hash.map(|hash| hash.finish()),
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("I12: the engine panicked: {}", text.unwrap_or_default())
}

fn through(world: &mut World, ticks: u64) -> Result<(), String> {
    for _ in 0..ticks {
        world.step();
        if let Some(failure) = &world.failure {
            return Err(failure.clone());
        }
    }
    world.calm_down();
    if world.options.notes {
        // A tab that a batch with notes was refused for gets none for an hour.
        world.settle()?;
        world.now = world.now.after(Duration::from_hours(2));
    }
    world.calls = 0;
    for round in 0.. {
        rest(world)?;
        // Lets the store have what the engine keeps for its next checkpoint.
        world.now = world.now.after(Duration::from_secs(2));
        world.settle()?;
        if !world.people_decide() {
            break;
        }
        if round > 12 {
            return Err("I9: people are asked for ever".into());
        }
    }
    world.judge()?;
    restart_is_quiet(world)
}

/// Looks again and again, until looking changes nothing.
fn rest(world: &mut World) -> Result<(), String> {
    world.settle()?;
    for round in 0.. {
        let applied = world.counters.get("applied").copied();
        let saved = world.db.ours.len();
        world.now = Moment(world.now.0 + 700_000_000);
        world.tell(0, Input::Sweep);
        world.settle()?;
        if world.counters.get("applied").copied() == applied && world.db.ours.len() == saved {
            return Ok(());
        }
        if round > 10 {
            return Err("I9: it never stops writing".into());
        }
    }
    Ok(())
}

/// Everything is durable: a process that starts from the store finds nothing to write.
fn restart_is_quiet(world: &mut World) -> Result<(), String> {
    let end = world.db.position(world.db.log.len());
    let store = &world.processes[0].store;
    if store.position.as_ref() != Some(&end) {
        return Err(format!("I8: the stored position is {:?}, not {end}", store.position));
    }
    if !store.in_flight.is_empty() || !store.intents.is_empty() || !store.windows.is_empty() {
        return Err("I8: something settled is still stored as under way".into());
    }
    let (applied, saved) = (world.counters.get("applied").copied(), world.db.ours.len());
    // Without its journal nothing is known of a spreadsheet for sure, and a process that starts compares everything.
    let compares = world.books.iter().any(|book| book.now.journal.is_none());
    world.crash(0, "last restart");
    world.settle()?;
    world.now = world.now.after(Duration::from_secs(2));
    world.settle()?;
    if compares {
        return world.judge();
    }
    if world.counters.get("applied").copied() != applied || world.db.ours.len() != saved {
        return Err("I8: a restart wrote something".into());
    }
    world.judge()
}
