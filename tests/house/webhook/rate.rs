//! Slow senders, many senders, a database that does not answer: the doorbell is heard, and everything else goes on.

use std::{collections::BTreeMap, thread, time::Duration};

use super::{
    House,
    client::{Request, connect, dribble},
};
use crate::{
    slice::LONG,
    support::{proxy::Proxy, servers::Flavor, wait::wait_until},
};

#[test]
fn who_sends_slowly_is_cut_off_while_others_are_answered() {
    const SLOW: usize = 50;
    let house = House::new(Flavor::MySql);
    let running = house.run();
    let ring = house.request("ring", "B2");
    let head = ring.head();
    // Bytes go on coming, so that silence is not what ends it.
    let within_head = head[..head.len() - 4].to_owned();
    let within_body = head.replace(&format!("Length: {}", ring.body.len()), "Length: 9000");
    let (heads, bodies): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let slow = |begin: &str| {
            let (begin, port) = (begin.to_owned(), house.port);
            scope.spawn(move || dribble(connect(port).unwrap(), &begin))
        };
        let heads: Vec<_> = (0..SLOW).map(|_| slow(&within_head)).collect();
        let bodies: Vec<_> = (0..SLOW).map(|_| slow(&within_body)).collect();
        for _ in 0..20 {
            assert_eq!(house.send(&house.request("ring", "B2")).0, 200);
            assert_eq!(house.send(&house.request("status", "B2")).0, 200);
        }
        let end = |all: Vec<thread::ScopedJoinHandle<'_, _>>| {
            all.into_iter().map(|one| one.join().unwrap()).collect()
        };
        (end(heads), end(bodies))
    });
    // Sooner than the whole exchange is given up, after 18 s.
    let soon = Duration::from_secs(4)..Duration::from_secs(15);
    for (said, after) in heads {
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
        assert!(soon.contains(&after), "{after:?}");
    }
    for (said, after) in bodies {
        assert!(said.contains("the request took too long to arrive"), "{said}");
        assert!(soon.contains(&after), "{after:?}");
    }
    assert_eq!(running.terminate(LONG), 0);
}

/// Two thousand requests as fast as eight senders get rid of them: more than a thousand a second on an idle machine.
#[test]
fn a_flood_is_refused_in_a_few_lines_and_nothing_else_is_held_up() {
    const SENDERS: usize = 8;
    const EACH: usize = 250;
    let house = House::new(Flavor::MySql);
    let mut running = house.run();
    let body = house.request("ring", "B2").body;
    let flood = || {
        let mut codes = BTreeMap::<u16, usize>::new();
        for number in 0..EACH {
            let request = Request::new(super::SECRET, &body);
            let request = match number % 3 {
                0 => Request { unsigned: true, ..request },
                1 => Request { secret: "some other secret".to_owned(), ..request },
                _ => request,
            };
            *codes.entry(request.send(house.port).unwrap().0).or_default() += 1;
        }
        codes
    };
    let start = std::time::Instant::now();
    let codes = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(flood)).collect();
        let mut asked = 0;
        while senders.iter().any(|sender| !sender.is_finished()) || asked == 0 {
            assert!(house.stage.status().is_some(), "{}", house.stage.home.log());
            asked += 1;
        }
        let mut codes = BTreeMap::<u16, usize>::new();
        for (code, times) in senders.into_iter().flat_map(|sender| sender.join().unwrap()) {
            *codes.entry(code).or_default() += times;
        }
        codes
    });
    let took = start.elapsed();
    house.stage.types("B2", "after");
    let mut late = 0;
    wait_until(LONG, "a ring to be taken", || {
        let (code, _) = house.send(&house.request("ring", "B2"));
        late += usize::from(code == 429);
        code == 200
    });
    house.stage.wait_answer("SELECT name FROM t WHERE id = 1", "after");
    house.stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
    let log = house.stage.home.log();
    let all = SENDERS * EACH;
    assert_eq!(codes.values().sum::<usize>(), all, "{codes:?}");
    assert_eq!(codes.keys().copied().collect::<Vec<_>>(), [200, 401, 429], "{codes:?}");
    assert!(
        codes[&200] < 60 + 20 * usize::try_from(took.as_secs() + 2).unwrap(),
        "{codes:?} {took:?}"
    );
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("doorbells refused")).collect();
    assert!(lines.len() <= 3 + usize::try_from(took.as_secs() / 10).unwrap(), "{lines:#?}");
    let of_remainder =
        |rest: usize| SENDERS * (0..EACH).filter(|number| number % 3 == rest).count();
    assert_eq!(house.refused("unsigned"), of_remainder(0), "{lines:#?}");
    assert_eq!(house.refused("wrong signature"), of_remainder(1), "{lines:#?}");
    assert_eq!(house.refused("too many"), codes[&429] + late, "{lines:#?}");
}

#[test]
fn a_ring_is_answered_while_the_database_does_not() {
    let mut house = House::new(Flavor::MySql);
    let proxy = Proxy::start(house.stage.port);
    house.stage.port = proxy.port();
    let mut running = house.run();
    proxy.swallow(true);
    house.stage.types("B2", "frozen");
    for _ in 0..5 {
        assert_eq!(house.send(&house.request("ring", "B2")).0, 200);
        let (code, sentence) = house.send(&house.request("status", "B2"));
        assert_eq!(code, 200, "{sentence}");
    }
    house.stage.wait_status("the edit to wait for the database", |status| {
        status["writer"]["phase"] == "writing"
    });
    let standing = house.send(&house.request("status", "B2"));
    assert_eq!(standing, (200, "3 rows. 1 row is on its way.".to_owned()));
    let (code, sentence) = house.send(&house.request("explain", "B2"));
    let waits = "Column name of row 1: your value is on its way into the database.\nDatabase: “one”\nSheet: “frozen”";
    assert_eq!((code, sentence.as_str()), (200, waits));
    proxy.swallow(false);
    proxy.cut();
    house.stage.wait_answer("SELECT name FROM t WHERE id = 1", "frozen");
    house.stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
}
