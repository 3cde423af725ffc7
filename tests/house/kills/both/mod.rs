//! `kill -9` while people type and an application writes into the same table: nothing anybody said is lost, and nothing is done twice.

mod application;
mod judge;
mod killer;
mod outages;
mod people;
mod postman;
mod removals;
mod rings;
mod table;
mod trip;
mod twins;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::Mutex,
    thread,
};

use sheets_emulator::http::Emulator;

use self::{
    judge::Evidence,
    killer::{Killer, Kills},
    people::Done,
    postman::Postman,
    trip::Tail,
};
use super::{
    RATE, SOON, keep, replay,
    rng::Rng,
    seed,
    stage::{is_batch_struck, tail, verdict, wait_idle, weather},
    writer::{Progress, StopAtEnd},
};
use crate::{
    people::peopled,
    slice::{BOOK, Stage},
    support::{
        database::Database,
        script,
        servers::{Flavor, Server},
    },
};

/// Kills at a drawn moment, on each server.
const KILLS: usize = 50;
const KILLS_LONG: usize = 300;
const KILLS_QUICK: usize = 10;
/// Rows at the start.
const ROWS: u32 = 50;
/// People who type.
const PEOPLE: usize = 3;

/// Both far sides.
#[derive(Debug, Clone, Copy)]
struct Side<'a> {
    emulator: &'a Emulator,
    db: &'a Database,
}

#[test]
fn no_kill_loses_or_doubles_what_people_and_application_write_on_mysql() {
    survive(Flavor::MySql);
}

#[test]
fn no_kill_loses_or_doubles_what_people_and_application_write_on_mariadb() {
    survive(Flavor::MariaDb);
}

/// A two-way table with people and a doorbell, in batches and chunks small enough for many of each.
fn stage(db: Database) -> Stage {
    let mut stage = peopled(Stage::on(db, &[table::mapped()], RATE), &table::statements(ROWS));
    stage
        .settings
        .push_str("\nsweep = \"20s\"\n[sheets.flush]\nmax_rows = 20\n[limits]\nchunk_rows = 25\n");
    stage.home.configure(&stage.config());
    stage
}

fn survive(flavor: Flavor) {
    let (seed, name) = (seed(), flavor.name());
    eprintln!("{name}: repeat this draw with SHEETWIRE_KILL_SEED={seed}");
    let mut stage = stage(Server::shared(flavor).database("both"));
    let tape = stage.home.record("tape");
    let mut rng = Rng::new(seed);
    let postman = Postman::between(&mut stage, rng.fork());
    show(&stage);
    let played = catch_unwind(AssertUnwindSafe(|| play(&mut stage, (name, &tape), &postman, rng)));
    if let Err(panic) = played {
        eprintln!("{name}: draw {seed}\n{}\n{}", tail(&stage.home), verdict(&*panic));
        keep(&tape, &format!("both-{name}-{seed}"));
        resume_unwind(panic);
    }
}

/// The first copy, and then nothing runs.
fn show(stage: &Stage) {
    let mut running = stage.home.run();
    stage.wait_equal(&mut running);
    running.kill9();
}

fn play(stage: &mut Stage, (name, tape): (&str, &Path), postman: &Postman, mut rng: Rng) {
    let asked = |name: &str| env::var_os(name).is_some();
    let times = match (asked("SHEETWIRE_LONG"), asked("SHEETWIRE_QUICK")) {
        (true, _) => KILLS_LONG,
        (_, true) => KILLS_QUICK,
        _ => KILLS,
    };
    let Stage { google, db, home, .. } = stage;
    let (side, progress) = (Side { emulator: google.emulator(), db }, Progress::default());
    weather(side.emulator.faults());
    let hands: Vec<Rng> = (0..=PEOPLE).map(|_| rng.fork()).collect();
    let (kills, tail) = (Kills::default(), Tail::of(tape));
    let mut killer = Killer { side, postman, progress: &progress, rng, tape: tail, kills };
    let (done, written) = at_work(side, &progress, hands, || killer.kill(home, times));
    let kills = killer.kills;
    eprintln!("{name}: {kills}; {written:?}");
    come_to_rest(stage, name, &done);
    replay(name, tape, kills.all);
    rings::each_was_heard_once_at_most(name, tape, &postman.carried());
    kills.assert_everywhere();
}

/// People and an application work until `deed` is done.
fn at_work(
    side: Side<'_>,
    progress: &Progress,
    hands: Vec<Rng>,
    deed: impl FnOnce(),
) -> (Done, application::Written) {
    let done = Mutex::new(Done::default());
    let written = thread::scope(|scope| {
        let stop = StopAtEnd(progress);
        let mut hands = hands.into_iter();
        let mut rng = hands.next().unwrap();
        let writing = scope.spawn(move || {
            let _stop = StopAtEnd(progress);
            application::work(side.db, &mut rng, progress)
        });
        let people: Vec<_> = hands
            .enumerate()
            .map(|(person, mut rng)| {
                let done = &done;
                scope.spawn(move || {
                    let _stop = StopAtEnd(progress);
                    people::work(side.emulator, (person, &mut rng), done, progress);
                })
            })
            .collect();
        deed();
        drop(stop);
        for person in people {
            person.join().unwrap();
        }
        writing.join().unwrap()
    });
    (done.into_inner().unwrap(), written)
}

/// Nobody types, writes or kills any more: both sides become equal, and every word is accounted for.
fn come_to_rest(stage: &mut Stage, name: &str, done: &Done) {
    stage.home.set("SHEETWIRE_HOLD", "");
    calm(stage);
    let mut running = stage.home.run();
    wait_idle(&stage.home, &mut running, SOON);
    stage.wait_equal(&mut running);
    wait_idle(&stage.home, &mut running, SOON);
    judge::nothing_stands_twice(stage.emulator());
    let account = table::account(&stage.db);
    let all = stage.say(&["conflicts", "list", "--all", "--limit", "1000000", "--json"]).json();
    let fates = Evidence::new(done, &account, &[all]).judge();
    eprintln!("{name}: {fates}");
    assert_eq!(running.terminate(SOON), 0, "{}", tail(&stage.home));
    let open = stage.does(&["conflicts", "list", "--json"], 0).json();
    assert_eq!(open["conflicts"].as_array().map(Vec::len), Some(0), "{open:#}");
    stage.does(&["verify"], 0);
    assert!(!stage.home.log().contains("panicked"), "{}", tail(&stage.home));
    it_was_no_easy_game(stage, name, (done, &fates));
}

/// Google does what it is asked, and rings what it has to ring.
fn calm(stage: &Stage) {
    let faults = stage.emulator().faults();
    faults.clear();
    faults.release_all();
    script::wait_idle(stage.emulator(), BOOK, SOON);
}

fn it_was_no_easy_game(stage: &Stage, name: &str, (done, fates): (&Done, &judge::Fates)) {
    let calls = stage.emulator().log().calls();
    let struck = |name: &str| calls.iter().filter(|call| is_batch_struck(call, name)).count();
    let lost = struck("answer_lost") + struck("truncated_body");
    let weather = [lost, struck("applied_late"), struck("unavailable")];
    let Done { typed, rows, sorts, moves, lost_bells, doubled_bells, .. } = done;
    eprintln!(
        "{name}: {} words typed, {rows} rows added, {sorts} sorts, {moves} moves, {lost_bells} bells lost, {doubled_bells} doubled; \
         answers lost, batches late, 503: {weather:?}",
        typed.len()
    );
    assert!(weather.into_iter().all(|count| count > 0), "it was too easy: {weather:?}");
    let enough = [fates.committed, fates.in_the_log, fates.typed_over, fates.rows, fates.replaced];
    let removals = &fates.removals;
    let removed = [fates.removed, removals.followed, removals.by_both, removals.put_back];
    assert!(removed.into_iter().all(|count| count > 0), "it was too easy: {fates}");
    assert!(enough.into_iter().all(|count| count > 0), "it was too easy: {fates}");
    assert!([rows, sorts, moves, lost_bells, doubled_bells].into_iter().all(|count| *count > 0));
}
