//! `kill -9` at any moment, while an application writes, a person sorts and Google's answers get lost.
//!
//! Most kills come at a moment drawn to the microsecond, the others are aimed. All are counted by the window they hit, told from what the
//! emulator has seen, and no window may stay at zero.
//! `SHEETWIRE_KILL_SEED=...` repeats a draw, `SHEETWIRE_LONG=1` kills 200 times on each server, `SHEETWIRE_KEEP=FOLDER` keeps the tape of a
//! play that failed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what cannot go on fails the test")]
#![allow(
    clippy::print_stderr,
    reason = "seed and counters are for whoever reads the test's output"
)]

mod both;
mod copies;
mod grid;
mod judge;
mod killer;
mod person;
mod rng;
mod stage;
mod tables;
mod windows;
mod writer;

use std::{
    env, fs,
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    thread,
    time::Duration,
};

use self::{
    killer::Killer,
    person::Done,
    rng::Rng,
    stage::{Stage, Weather, tail, verdict, wait_idle, weather},
    windows::{Window, carries_rows},
    writer::{Progress, StopAtEnd, Writer},
};
use crate::support::{servers::Flavor, sheetwire::Home, wait::wait_until};

/// The spreadsheet of every test here; each has an emulator of its own.
const BOOK: &str = "book";
/// How many times as fast time passes for the product and for Google.
const RATE: u32 = 20;
/// How long a test waits for something that must happen.
const SOON: Duration = Duration::from_mins(5);
/// Kills on each server; both together make thirty.
const KILLS: usize = 15;
const KILLS_LONG: usize = 200;
/// Rows of each table at the start.
const ROWS: usize = 100;

#[test]
fn no_kill_at_any_moment_loses_or_doubles_anything_on_mysql() {
    survive(Flavor::MySql);
}

#[test]
fn no_kill_at_any_moment_loses_or_doubles_anything_on_mariadb() {
    survive(Flavor::MariaDb);
}

fn seed() -> u64 {
    let given = env::var("SHEETWIRE_KILL_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("SHEETWIRE_KILL_SEED is a number"));
    given.unwrap_or_else(|| RandomState::new().hash_one("kills") % 1_000_000)
}

fn survive(flavor: Flavor) {
    let seed = seed();
    let name = flavor.name();
    eprintln!("{name}: repeat this draw with SHEETWIRE_KILL_SEED={seed}");
    let mut rng = Rng::new(seed);
    let stage = Stage::new(flavor, rng.next());
    let progress = Progress::default();
    let mut home = stage.home();
    let tape = home.record("tape");
    let writer = Writer::start(stage.db.session(), rng.fork(), ROWS);
    let hand = rng.fork();
    let mut killer = Killer::new(&stage, &progress, rng.fork());
    let played = catch_unwind(AssertUnwindSafe(|| {
        play(&stage, (&mut home, name, &tape), (writer, hand, &progress), &mut killer);
    }));
    if let Err(panic) = played {
        let story = stage.story(&home);
        eprintln!("{name}: draw {seed}, {killer}\n{story}\n{}", verdict(&*panic));
        keep(&tape, &format!("{name}-{seed}"));
        resume_unwind(panic);
    }
}

/// Keeps the tape of a failed play in the folder `SHEETWIRE_KEEP`, where one is given.
fn keep(tape: &Path, name: &str) {
    let Some(folder) = env::var_os("SHEETWIRE_KEEP") else { return };
    let kept = Path::new(&folder).join(format!("{name}.tape"));
    match fs::copy(tape, &kept) {
        Ok(_) => eprintln!("what was told to the engine: {}", kept.display()),
        Err(error) => eprintln!("{}: {error}", kept.display()),
    }
}

fn play(
    stage: &Stage,
    (home, name, tape): (&mut Home, &str, &Path),
    (writer, mut hand, progress): (Writer, Rng, &Progress),
    killer: &mut Killer<'_>,
) {
    let times = if env::var_os("SHEETWIRE_LONG").is_some() { KILLS_LONG } else { KILLS };
    probe(home);
    weather(stage.emulator.faults());
    let done = thread::scope(|scope| {
        let stop = StopAtEnd(progress);
        let writing = scope.spawn(|| {
            let _stop = StopAtEnd(progress);
            writer.work(progress);
        });
        let (emulator, runtime) = (&stage.emulator, stage.runtime());
        let person = scope.spawn(|| {
            let _stop = StopAtEnd(progress);
            person::work(emulator, runtime, &mut hand, progress)
        });
        killer.kill(home, times);
        drop(stop);
        writing.join().unwrap();
        person.join().unwrap()
    });
    stage.emulator.faults().clear();
    stage.emulator.faults().release_all();
    eprintln!("{killer}, {} transactions", progress.transactions());
    come_to_rest(stage, home, &done);
    replay(name, tape, times);
    let weather = Weather::of(stage, home);
    eprintln!("{weather:?}");
    assert!(weather.was_bad(), "it was too easy: {weather:?}");
    assert!(!home.log().contains("panicked"), "{}", tail(home));
    let (kills, late) = (&killer.kills, &killer.late);
    let at_random = usize::try_from(kills.at_random()).unwrap();
    assert!(at_random > times / 2, "most kills come at any time: {kills}");
    for window in Window::ALL {
        assert!(kills.of(window) > 0, "no kill hit the window '{window}': {kills}");
    }
    assert!(late.refused > 0, "no batch of a dead process came late: {late:?}");
}

/// Lets the product make sure of the spreadsheet, which it does once; kills it when it has. Batches come from now on.
fn probe(home: &Home) {
    let mut running = home.run();
    wait_until(SOON, "the probe", || {
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        home.join("state/probes.json").exists()
    });
    running.kill9();
}

/// Nobody writes, sorts or kills any more: both sides become equal, and nothing of anybody's is lost.
/// Whatever the engine did in all its lives, a fresh one that is told the same does too.
fn replay(name: &str, tape: &Path, kills: usize) {
    let replayed = sheetwire_sim::replay::replay(&fs::read(tape).unwrap());
    let replayed = replayed.unwrap_or_else(|why| panic!("{name}: {why}"));
    eprintln!("{name}: {replayed}");
    // A process that was killed before it had looked at both sides had no engine yet.
    assert!(replayed.processes > kills / 3 && replayed.actions > 200, "{replayed}");
}

fn come_to_rest(stage: &Stage, home: &mut Home, done: &Done) {
    home.set("SHEETWIRE_HOLD", "");
    let mut running = home.run();
    wait_idle(home, &mut running, SOON);
    let (rows, cells) = stage.wait_equal(home, SOON);
    judge::no_word_stands_twice(stage);
    let notes = judge::notes_stand_beside_their_rows(stage, &done.notes);
    assert!(notes > 0 && done.sorts > 0 && done.moves > 0, "the person was lazy: {done:?}");
    assert_eq!(running.terminate(SOON), 0, "{}", tail(home));
    let verify = home.ask(&["verify"], SOON);
    assert_eq!(verify.status.code(), Some(0), "{verify:?}\n{}", tail(home));
    // A start when there is nothing to do writes nothing.
    let mark = stage.emulator.log().count();
    let mut running = home.run();
    wait_idle(home, &mut running, SOON);
    let written = stage.emulator.log().after(mark, usize::MAX);
    assert!(!written.iter().any(carries_rows), "it wrote rows again: {written:#?}");
    running.kill9();
    eprintln!("equal: {rows} rows, {cells} cells, {notes} notes beside their rows");
}
