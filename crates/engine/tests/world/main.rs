//! The real engine in a model world, driven through its two doors only.
//!
//! `SHEETWIRE_SEEDS=N` runs more worlds, `SHEETWIRE_SEED=S` runs one and shows its trace.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing world must stop the test at once")]

mod check;
mod database;
mod jobs;
mod people;
mod rng;
mod run;
mod sheets;
mod steady;
mod store;

use std::{
    collections::BTreeMap,
    env,
    hash::{DefaultHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
};

use run::{Counters, World};
use sheetwire_engine::door::Input;

const TICKS: u64 = 300;
const SEEDS: u64 = 1_500;
/// Each of these must have happened somewhere in the default run, or the worlds have grown harmless.
const SOMETIMES: [&str; 13] = [
    "applied",
    "misdirected",
    "in-window edit recorded",
    "fence refused",
    "burn accepted",
    "burn refused",
    "late batch refused",
    "late batch applied",
    "crash while opening",
    "crash while reading",
    "crash while ready",
    "crash while writing",
    "crash while resolving",
];
/// Seeds beyond the default run that once failed.
const LESSONS: [(u64, &str); 3] = [
    (20_560, "frozen rows must not stall a copy"),
    (20_645, "a removed row is laid out whole, whatever headers moved meanwhile"),
    (20_414, "a duplicate key is in the log once the store has it"),
];
/// Requests that a world may cost after people and faults have stopped.
const CALLS_MAX: usize = 400;

fn live(world: &mut World) -> Result<(), String> {
    for _ in 0..number("SHEETWIRE_TICKS").unwrap_or(TICKS) {
        world.step();
        if let Some(failure) = &world.failure {
            return Err(failure.clone());
        }
    }
    world.calm_down();
    let before = world.writes + world.reads;
    world.settle()?;
    for round in 0.. {
        let writes = world.writes;
        world.tell(Input::Sweep);
        world.settle()?;
        if world.writes == writes {
            break;
        }
        if round > 8 {
            return Err("it never stops writing".to_owned());
        }
    }
    let calls = world.writes + world.reads - before;
    if calls > CALLS_MAX {
        return Err(format!("{calls} requests after everything was calm"));
    }
    world.checkpoint()?;
    world.judge()?;
    world.count_in_window();
    world.restart_is_quiet()
}

/// Lives one world. Panics inside of the engine are failures like any other.
fn outcome(world: &mut World) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| live(world))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_default())
    })
}

fn show(seed: u64) -> String {
    let mut world = World::new(seed);
    world.trace = Some(Vec::new());
    let outcome = outcome(&mut world);
    let trace = world.trace.take().unwrap_or_default().join("\n");
    format!("{trace}\n{:?}\nseed {seed}: {outcome:?}", world.knobs)
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn every_world_comes_to_rest_with_both_sides_equal_and_no_word_lost() {
    if let Some(seed) = number("SHEETWIRE_SEED") {
        panic!("{}", show(seed));
    }
    let from = number("SHEETWIRE_FROM").unwrap_or(1);
    let mut counters = Counters::new();
    let mut failures: BTreeMap<u64, String> = BTreeMap::new();
    for seed in from..from + number("SHEETWIRE_SEEDS").unwrap_or(SEEDS) {
        let mut world = World::new(seed);
        if let Err(why) = outcome(&mut world) {
            failures.insert(seed, why);
        }
        for (what, times) in &world.counters {
            *counters.entry(what).or_default() += times;
        }
    }
    if let Some((seed, _)) = failures.first_key_value() {
        let list: Vec<String> =
            failures.iter().map(|(s, why)| format!("seed {s}: {why}")).collect();
        panic!("{}\n{} failed:\n{}", show(*seed), failures.len(), list.join("\n"));
    }
    for what in SOMETIMES {
        assert!(counters.contains_key(what), "'{what}' never happened: {counters:?}");
    }
}

#[test]
fn worlds_that_once_failed_come_to_rest() {
    for (seed, lesson) in LESSONS {
        let mut world = World::new(seed);
        assert_eq!(outcome(&mut world), Ok(()), "seed {seed}: {lesson}\n{}", show(seed));
    }
}

#[test]
fn the_same_seed_gives_the_same_actions() {
    for seed in 1..=40 {
        let hash = || {
            let mut world = World::new(seed);
            world.hash = Some(DefaultHasher::new());
            let _ = outcome(&mut world);
            world.hash.map(|hash| hash.finish())
        };
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}
