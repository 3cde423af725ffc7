//! Two processes on copies of one data folder, one spreadsheet, one table, and everybody at work: one of them is thrown out and says so.

use std::{fs, time::Duration};

use serde_json::Value;

use super::{
    super::{
        RATE, SOON,
        copies::{ANOTHER_INSTANCE, another_server_id, fenced_out},
        rng::Rng,
        seed,
        stage::{tail, wait_idle, weather},
        writer::Progress,
    },
    PEOPLE, Side, at_work, calm, judge,
    judge::Evidence,
    people::Done,
    show, stage, table,
};
use crate::{
    slice::Stage,
    support::{
        installed::copy_tree,
        oracle::Verdict,
        servers::{Flavor, Server, free_port},
        sheetwire::{Home, Running},
        wait::wait_until,
    },
};

#[test]
fn the_second_of_two_processes_on_copies_is_out_and_nothing_is_lost_or_doubled_on_mysql() {
    the_second_is_out(Flavor::MySql);
}

#[test]
fn the_second_of_two_processes_on_copies_is_out_and_nothing_is_lost_or_doubled_on_mariadb() {
    the_second_is_out(Flavor::MariaDb);
}

#[test]
fn of_two_processes_on_copies_that_start_at_once_one_is_out_and_nothing_is_lost_or_doubled_on_mysql()
 {
    one_of_both_is_out(Flavor::MySql);
}

#[test]
fn of_two_processes_on_copies_that_start_at_once_one_is_out_and_nothing_is_lost_or_doubled_on_mariadb()
 {
    one_of_both_is_out(Flavor::MariaDb);
}

#[test]
fn a_process_that_was_paused_while_its_copy_took_over_is_out_and_nothing_is_lost_or_doubled_on_mysql()
 {
    the_paused_one_is_out(Flavor::MySql);
}

#[test]
fn a_process_that_was_paused_while_its_copy_took_over_is_out_and_nothing_is_lost_or_doubled_on_mariadb()
 {
    the_paused_one_is_out(Flavor::MariaDb);
}

/// The same pipeline in another folder, as a restored backup would be: with a number among the replicas and a port of its own.
fn twin(stage: &Stage) -> Home {
    let mut twin = Home::new();
    let config = stage.config();
    let (here, there) =
        (stage.home.path().display().to_string(), twin.path().display().to_string());
    let port = config.split("listen = \"127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
    let config = config.replace(&here, &there);
    twin.configure(&config.replace(&format!(":{port}\""), &format!(":{}\"", free_port())));
    for file in ["google.json", "password", "writer", "webhook", "state"] {
        copy_tree(&stage.home.join(file), &twin.join(file));
    }
    twin.set("SHEETWIRE_CLOCK_RATE", &RATE.to_string());
    another_server_id(&mut twin);
    twin
}

fn ready(flavor: Flavor) -> (Stage, Home, Rng) {
    let seed = seed();
    eprintln!("{}: repeat this draw with SHEETWIRE_KILL_SEED={seed}", flavor.name());
    let stage = stage(Server::shared(flavor).database("twins"));
    show(&stage);
    let twin = twin(&stage);
    weather(stage.emulator().faults());
    (stage, twin, Rng::new(seed))
}

/// Waits until so many transactions more were carried out for people.
fn wait_works(stage: &Stage, home: &Home, running: &mut Running<'_>, more: usize) {
    let count = || {
        let rows = stage.db.query("SELECT COUNT(*) FROM audit WHERE by_whom LIKE 'writer%'");
        rows[0][0].as_deref().unwrap().parse::<usize>().unwrap()
    };
    let before = count();
    wait_until(SOON, "edits in the database", || {
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        count() >= before + more
    });
}

/// Waits until it ends, and checks that it says who has the lock on the database and what to do.
fn locked_out(home: &Home, mut running: Running<'_>) {
    assert_eq!(running.wait_exit(SOON), ANOTHER_INSTANCE, "{}", tail(home));
    let log = home.log();
    let words = log.lines().rfind(|line| line.starts_with("sheetwire: ")).unwrap_or("");
    assert!(words.contains("holds the lock of pipeline"), "{words:?} in\n{log}");
    assert!(words.contains("stop that sheetwire"), "{words:?}");
}

/// Ends the session that has the pipeline's lock.
fn drop_lock(stage: &Stage) {
    let server = Server::shared(stage.db.flavor);
    let of_the_writer = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{}'",
        stage.db.writer.user
    );
    for session in server.admin_sql(&of_the_writer) {
        // It may have ended by itself.
        let _ = server.admin().try_query(&format!("KILL {}", session[0].as_deref().unwrap()));
    }
    let lock = format!("SELECT IS_FREE_LOCK('sheetwire/{}')", stage.db.name);
    wait_until(SOON, "the lock to be free", || {
        server.admin_sql(&lock)[0][0].as_deref() == Some("1")
    });
}

fn hands(rng: &mut Rng) -> Vec<Rng> {
    (0..=PEOPLE).map(|_| rng.fork()).collect()
}

fn the_second_is_out(flavor: Flavor) {
    let (stage, twin, mut rng) = ready(flavor);
    let side = Side { emulator: stage.emulator(), db: &stage.db };
    let progress = Progress::default();
    let hands = hands(&mut rng);
    let mut first = stage.home.run();
    let (done, _) = at_work(side, &progress, hands, || {
        wait_works(&stage, &stage.home, &mut first, 20);
        locked_out(&twin, twin.run());
        wait_works(&stage, &stage.home, &mut first, 20);
        // A pause of the first machine, long enough for the server to drop its lock: the fence is left.
        first.freeze();
        drop_lock(&stage);
        fenced_out(&twin, twin.run());
        first.thaw();
        wait_works(&stage, &stage.home, &mut first, 20);
        locked_out(&twin, twin.run());
    });
    come_to_rest((&stage, &stage.home, first), &twin, &done);
}

fn one_of_both_is_out(flavor: Flavor) {
    let (stage, twin, mut rng) = ready(flavor);
    let side = Side { emulator: stage.emulator(), db: &stage.db };
    let progress = Progress::default();
    let hands = hands(&mut rng);
    let (mut one, mut other) = (Some(stage.home.run()), Some(twin.run()));
    let mut first_is_out = false;
    let (done, _) = at_work(side, &progress, hands, || {
        wait_until(SOON, "one of them to end", || {
            first_is_out = !one.as_mut().unwrap().is_alive();
            first_is_out || !other.as_mut().unwrap().is_alive()
        });
        let (out, winner) =
            if first_is_out { (&mut one, &mut other) } else { (&mut other, &mut one) };
        let (lost, won) = if first_is_out { (&stage.home, &twin) } else { (&twin, &stage.home) };
        locked_out(lost, out.take().unwrap());
        wait_works(&stage, won, winner.as_mut().unwrap(), 20);
        locked_out(lost, lost.run());
        wait_works(&stage, won, winner.as_mut().unwrap(), 20);
    });
    eprintln!("{}: the {} is out", flavor.name(), if first_is_out { "first" } else { "second" });
    let (won, lost) = if first_is_out { (&twin, &stage.home) } else { (&stage.home, &twin) };
    come_to_rest((&stage, won, one.or(other).unwrap()), lost, &done);
}

/// Paused at any moment of its work, as a machine that is moved, and copied as it stands; its copy goes on from there.
fn the_paused_one_is_out(flavor: Flavor) {
    let (stage, twin, mut rng) = ready(flavor);
    let side = Side { emulator: stage.emulator(), db: &stage.db };
    let progress = Progress::default();
    let hands = hands(&mut rng);
    let mut first = Some(stage.home.run());
    let mut taken_over = None;
    let (done, _) = at_work(side, &progress, hands, || {
        let mut paused = first.take().unwrap();
        wait_works(&stage, &stage.home, &mut paused, 20);
        let moment = Duration::from_micros(u64::try_from(rng.below(500_000)).unwrap());
        assert!(!progress.stopped_within(moment), "somebody has stopped");
        paused.freeze();
        drop_lock(&stage);
        fs::remove_dir_all(twin.join("state")).unwrap();
        copy_tree(&stage.home.join("state"), &twin.join("state"));
        let mut copy = twin.run();
        wait_works(&stage, &twin, &mut copy, 20);
        paused.thaw();
        assert_eq!(paused.wait_exit(SOON), ANOTHER_INSTANCE, "{}", tail(&stage.home));
        wait_works(&stage, &twin, &mut copy, 20);
        taken_over = Some(copy);
    });
    come_to_rest((&stage, &twin, taken_over.unwrap()), &stage.home, &done);
}

/// Both sides become equal, and every word is accounted for: in the conflict log of whoever saw it.
fn come_to_rest((stage, won, mut running): (&Stage, &Home, Running<'_>), lost: &Home, done: &Done) {
    calm(stage);
    wait_idle(won, &mut running, SOON);
    wait_until(SOON, "both sides to be equal", || {
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(won));
        matches!(stage.compare(&stage.tables[0]), Ok(Verdict::Equal { .. }))
    });
    wait_idle(won, &mut running, SOON);
    judge::nothing_stands_twice(stage.emulator());
    let account = table::account(&stage.db);
    let fates = Evidence::new(done, &account, &[conflicts(won), conflicts(lost)]).judge();
    eprintln!("{}: {fates}", stage.db.flavor.name());
    assert!(fates.committed > 0 && fates.rows > 0, "it was too easy: {fates}");
    assert_eq!(running.terminate(SOON), 0, "{}", tail(won));
}

fn conflicts(home: &Home) -> Value {
    let words = ["conflicts", "list", "--all", "--limit", "1000000", "--json"];
    let said = home.ask(&words, SOON);
    serde_json::from_slice(&said.stdout).unwrap_or_else(|why| panic!("{why}: {said:?}"))
}
