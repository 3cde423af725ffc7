//! The database's server is killed and comes back, again and again, while everybody works; the product is left alone.

use std::{collections::BTreeMap, path::Path, time::Duration};

use super::{
    super::{
        SOON, replay,
        rng::Rng,
        seed,
        stage::{tail, weather},
        writer::Progress,
    },
    PEOPLE, Side, at_work, come_to_rest, show, stage,
    trip::{Doing, Step, Tail},
};
use crate::{
    slice::Stage,
    support::{
        servers::{Flavor, Server, ServerOptions},
        session::Session,
        sheetwire::Running,
        wait::wait_until,
    },
};

/// How often the server dies.
const KILLS: usize = 10;
/// A drawn moment lies within this time from the first transaction on after the server was back.
const MOMENTS: Duration = Duration::from_millis(1_500);
/// Transactions of the application before the next death, so that much goes on between two.
const BETWEEN_DEATHS: u64 = 200;
/// How long a transaction that was on its way gets to come to its `COMMIT`, or to its end.
const PATIENCE: Duration = Duration::from_millis(100);
/// Times that the server is stopped in vain, with no `COMMIT` under way.
const TRIES_MAX: usize = 300;

#[test]
fn no_death_of_the_server_loses_or_doubles_what_people_and_application_write_on_mysql() {
    survive(Flavor::MySql);
}

#[test]
fn no_death_of_the_server_loses_or_doubles_what_people_and_application_write_on_mariadb() {
    survive(Flavor::MariaDb);
}

fn survive(flavor: Flavor) {
    let (seed, name) = (seed(), flavor.name());
    eprintln!("{name}: repeat this draw with SHEETWIRE_KILL_SEED={seed}");
    let server = Server::private(flavor, ServerOptions::default());
    let mut stage = stage(server.database("outages"));
    let tape = stage.home.record("tape");
    show(&stage);
    play(&server, &mut stage, (name, &tape), Rng::new(seed));
}

fn play(server: &Server, stage: &mut Stage, (name, tape): (&str, &Path), mut rng: Rng) {
    let Stage { google, db, home, .. } = stage;
    let (side, progress) = (Side { emulator: google.emulator(), db }, Progress::default());
    weather(side.emulator.faults());
    let hands: Vec<Rng> = (0..=PEOPLE).map(|_| rng.fork()).collect();
    let mut tape_tail = Tail::of(tape);
    tape_tail.begin();
    let mut running = home.run();
    let outages = Outages { server, side, progress: &progress, rng, tape: tape_tail };
    let mut hits = BTreeMap::new();
    let (done, written) = at_work(side, &progress, hands, || hits = outages.strike(&mut running));
    let named: Vec<_> = hits.iter().map(|(step, times)| format!("{times} {step}")).collect();
    eprintln!("{name}: {KILLS} deaths of the server: {}; {written:?}", named.join(", "));
    assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
    assert_eq!(running.terminate(SOON), 0, "{}", tail(home));
    come_to_rest(stage, name, &done);
    replay(name, tape, 0);
    for step in [Step::Open.name(), Step::Commit.name(), BETWEEN] {
        assert!(hits.contains_key(step), "the server never died with '{step}': {named:?}");
    }
}

const BETWEEN: &str = "no transaction";

struct Outages<'a> {
    server: &'a Server,
    side: Side<'a>,
    progress: &'a Progress,
    rng: Rng,
    tape: Tail,
}

impl Outages<'_> {
    /// Kills the server so often; returns what the product was doing each time.
    fn strike(mut self, running: &mut Running<'_>) -> BTreeMap<&'static str, usize> {
        let mut hits = BTreeMap::new();
        let mut committed = 0;
        for round in 0..KILLS {
            wait_until(SOON, "a transaction after the server was back", || {
                assert!(running.is_alive(), "sheetwire ended by itself");
                self.tape.doing().committed > committed
            });
            let _stopped = match round % 3 {
                0 => {
                    self.any_time();
                    None
                }
                1 => Some(self.in_a_transaction()),
                _ => Some(self.in_a_commit()),
            };
            // Before it learns that its lines are dead.
            let doing = self.tape.doing().clone();
            self.server.kill9();
            // The application does what it can meanwhile: it finds nobody.
            self.progress.wait_transactions(3, SOON);
            self.server.restart();
            committed = self.tape.doing().committed;
            let hit = self.step(&doing);
            eprintln!("death {}: {hit}", round + 1);
            *hits.entry(hit).or_default() += 1;
            self.progress.wait_transactions(BETWEEN_DEATHS, SOON);
        }
        hits
    }

    /// Lets a time pass that is drawn to the microsecond. Here the time itself is the claim, so nothing is waited for.
    fn any_time(&mut self) {
        let drawn = self.rng.below(usize::try_from(MOMENTS.as_micros()).unwrap());
        let span = Duration::from_micros(u64::try_from(drawn).unwrap());
        assert!(!self.progress.stopped_within(span), "the application or somebody has stopped");
    }

    /// Returns when the product waits in a transaction for rows that somebody else has locked.
    fn in_a_transaction(&mut self) -> Session {
        let mut session = self.server.admin_session();
        session.query(&format!("USE `{}`", self.side.db.name));
        // Of a deadlock with the application, whoever has written nothing is the victim.
        wait_until(SOON, "all rows to be locked", || {
            session.try_query("BEGIN; SELECT COUNT(*) FROM t FOR UPDATE").is_ok()
        });
        wait_until(SOON, "a transaction", || self.tape.doing().preparing);
        session
    }

    /// Returns when the product waits for a `COMMIT` that the server does not carry out.
    fn in_a_commit(&mut self) -> Session {
        let mut session = self.server.admin_session();
        let (stop, go_on, looks) = match self.server.flavor() {
            // Stops nothing but commits.
            Flavor::MariaDb => {
                ("BACKUP STAGE START; BACKUP STAGE BLOCK_COMMIT", "BACKUP STAGE END", 20)
            }
            Flavor::MySql => ("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES", 1),
        };
        for _ in 0..TRIES_MAX {
            // One that is about to come to its `COMMIT`.
            wait_until(SOON, "a transaction", || self.tape.doing().preparing);
            session.query(stop);
            // What was written and read back before comes to its `COMMIT` now; how long that takes is told by nothing. None comes where the
            // application, stopped in its own, holds the row that the product wants.
            for _ in 0..looks {
                assert!(!self.progress.stopped_within(PATIENCE), "somebody has stopped");
                if self.tape.doing().committing.is_some() {
                    return session;
                }
            }
            session.query(go_on);
        }
        panic!("no COMMIT was under way in {TRIES_MAX} tries");
    }

    fn step(&self, doing: &Doing) -> &'static str {
        let steps = doing.steps(self.side.db);
        let of_the_server = [Step::Open, Step::Commit, Step::Committed];
        let hit = of_the_server.into_iter().find(|step| steps.contains(step));
        hit.map_or(BETWEEN, Step::name)
    }
}
