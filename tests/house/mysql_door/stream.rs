//! The stream through the accidents of a life: gaps, rotations, rollbacks, cut connections, silence.

use std::time::Duration;

use sheetwire::{
    fault::Fault,
    mysql::binlog::{BinlogSource, StreamOptions},
    ports::{ChangeSource, SourceEvent},
};
use sheetwire_engine::{position::Position, value::Value};

use super::door::{
    PLAIN, changes, folded, gone, hear_until, heard_of, here, listen, next, numbered, options,
    resolve, selected, set_aside, stream_options, there, try_resolve,
};
use crate::support::{
    database::Database,
    servers::{Flavor, Server, ServerOptions},
};

/// Kills every dump connection of the reader's account.
fn kill_dumps(server: &Server, db: &Database) {
    let rows = server.admin_sql(&format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{}' AND COMMAND LIKE 'Binlog Dump%'",
        db.reader.user
    ));
    assert!(!rows.is_empty(), "there is a stream to kill");
    for row in rows {
        server.admin_sql(&format!("KILL {}", row[0].as_deref().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_updates_deletes_and_key_changes_arrive_as_states() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("states");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let sql = "INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c'); UPDATE t SET v = 'B' WHERE id = 2; DELETE FROM t WHERE id = 1; \
                   UPDATE t SET id = 9 WHERE id = 3; REPLACE INTO t VALUES (2, 'z'); \
                   INSERT INTO t VALUES (9, 'x') ON DUPLICATE KEY UPDATE v = 'dup'";
        let events = heard_of(&db, std::slice::from_ref(&table), sql).await;
        let heard = changes(&events);
        let expected = [
            there(1, "a"),
            there(2, "b"),
            there(3, "c"),
            there(2, "B"),
            gone(1),
            gone(3),
            there(9, "c"),
            there(2, "z"),
            there(9, "dup"),
        ];
        assert_eq!(heard, expected, "{flavor:?}");
        assert_eq!(folded(&heard), selected(&db, &table, 10).await);
        let commits = events.iter().filter_map(|event| match event {
            SourceEvent::Commit { committed_at_us, .. } => Some(*committed_at_us),
            _ => None,
        });
        let now = jiff::Timestamp::now().as_microsecond();
        for committed in commits {
            assert!(
                (now - committed).abs() < 120_000_000,
                "a commit time near now, not {committed}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_transactions_move_the_position() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("foreign");
        db.sql(&format!("{PLAIN}; CREATE TABLE other (id INT PRIMARY KEY)"));
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let mut source = listen(&db, &[table], &from).await;
        db.sql("INSERT INTO other VALUES (1); CREATE TABLE more (id INT PRIMARY KEY)");
        let (events, reached) = hear_until(&mut source, &here(&db).await).await;
        assert!(changes(&events).is_empty());
        assert_ne!(reached, from);
        assert!(reached.contains(&from).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_with_gaps_brings_exactly_what_is_missing() {
    let db = Server::shared(Flavor::MySql).database("gaps");
    db.sql(PLAIN);
    let table = resolve(&db, "t").await;
    let mut positions = vec![here(&db).await];
    for id in 0..6 {
        db.sql(&format!("INSERT INTO t VALUES ({id}, 'x')"));
        positions.push(here(&db).await);
    }
    let end = positions[6].clone();
    // Everything before, and the second, third and sixth transaction: as a replica with parallel appliers leaves it.
    let set = |at: usize| match &positions[at] {
        Position::MySql(set) => set.clone(),
        other => panic!("{other}"),
    };
    let mut known = set(0);
    known.union(&set(3).subtract(&set(1)));
    known.union(&set(6).subtract(&set(5)));
    let mut source = listen(&db, &[table], &Position::MySql(known)).await;
    let (events, reached) = hear_until(&mut source, &end).await;
    let ids: Vec<Value> =
        changes(&events).into_iter().map(|change| change.key[0].clone()).collect();
    assert!([0, 3, 4].iter().all(|id| ids.contains(&Value::Int(*id))), "{ids:?}");
    assert!(![1, 2, 5].iter().any(|id| ids.contains(&Value::Int(*id))), "{ids:?}");
    assert!(reached.contains(&end).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_in_the_middle_loses_nothing() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = server.database("rotation");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let mut source = listen(&db, &[table], &from).await;
        db.sql("INSERT INTO t VALUES (1, 'before')");
        server.flush_binlogs();
        db.sql("INSERT INTO t VALUES (2, 'after')");
        server.flush_binlogs();
        db.sql("UPDATE t SET v = 'late'");
        let (events, _) = hear_until(&mut source, &here(&db).await).await;
        let expected = [there(1, "before"), there(2, "after"), there(1, "late"), there(2, "late")];
        assert_eq!(changes(&events), expected, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_is_never_seen() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("rollback");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let sql = "BEGIN; INSERT INTO t VALUES (1, 'never'); ROLLBACK; \
                   BEGIN; INSERT INTO t VALUES (2, 'kept'); SAVEPOINT a; INSERT INTO t VALUES (3, 'never'); \
                   UPDATE t SET v = 'never' WHERE id = 2; ROLLBACK TO a; SAVEPOINT b; INSERT INTO t VALUES (4, 'kept'); COMMIT";
        let events = heard_of(&db, &[table], sql).await;
        assert_eq!(changes(&events), [there(2, "kept"), there(4, "kept")], "{flavor:?}");
        assert!(set_aside(&events).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_cut_inside_a_transaction_starts_that_transaction_again() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = server.database("cut");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(600))");
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        // More than the buffers between server and reader hold, in one transaction.
        let many = numbers(flavor, 60_000);
        db.sql(&format!("INSERT INTO t SELECT n, REPEAT('x', 600) FROM ({many}) AS numbers"));
        let end = here(&db).await;
        let mut source = listen(&db, std::slice::from_ref(&table), &from).await;
        let first = next(&mut source).await.unwrap();
        assert!(
            matches!(&first, SourceEvent::Rows { changes, .. } if changes.len() < 60_000),
            "{flavor:?}: a part"
        );
        kill_dumps(&server, &db);
        let fault = loop {
            match next(&mut source).await {
                Ok(event) => assert!(
                    matches!(event, SourceEvent::Rows { .. }),
                    "no commit before the cut: {event:?}"
                ),
                Err(fault) => break fault,
            }
        };
        assert!(matches!(fault, Fault::Transient(_)), "{fault}");
        let mut again = listen(&db, &[table], &from).await;
        let (events, _) = hear_until(&mut again, &end).await;
        assert_eq!(folded(&changes(&events)).len(), 60_000);
    }
}

/// A query with the numbers from 0 on.
fn numbers(flavor: Flavor, count: u32) -> String {
    match flavor {
        Flavor::MariaDb => format!("SELECT seq AS n FROM seq_0_to_{}", count - 1),
        Flavor::MySql => {
            let digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
            format!(
                "SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d + 100000*g.d AS n FROM {digits} a, {digits} b, {digits} c, {digits} e, {digits} f, {digits} g HAVING n < {count}"
            )
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_transaction_comes_in_parts_and_moves_the_position_once() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("large");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let sql =
            format!("INSERT INTO t SELECT n, 'x' FROM ({}) AS numbers", numbers(flavor, 35_000));
        let events = heard_of(&db, &[table], &sql).await;
        let parts: Vec<usize> = events
            .iter()
            .filter_map(|event| match event {
                SourceEvent::Rows { changes, .. } => Some(changes.len()),
                _ => None,
            })
            .collect();
        assert_eq!(parts.iter().sum::<usize>(), 35_000);
        assert!(
            parts.len() >= 3 && parts.iter().all(|part| *part < 12_000),
            "{flavor:?}: {parts:?}"
        );
        // Other tests commit on this server too, before and behind.
        let is_part = |event: &SourceEvent| matches!(event, SourceEvent::Rows { .. });
        let first = events.iter().position(is_part).unwrap();
        let between = &events[first..first + parts.len()];
        assert!(between.iter().all(is_part), "the position waits for the last part");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_noticed_and_a_quiet_one_is_not() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = server.database("frozen");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let silent = StreamOptions {
            heartbeat: Duration::from_millis(300),
            silence: Duration::from_millis(1500),
            ..stream_options()
        };
        let mut source =
            BinlogSource::open(&options(&db), &silent, vec![table], from).await.unwrap();
        for _ in 0..8 {
            assert_eq!(
                source.next().await.unwrap(),
                SourceEvent::Heartbeat,
                "{flavor:?}: quiet is not dead"
            );
        }
        server.freeze();
        let fault = loop {
            match source.next().await {
                Ok(event) => assert_eq!(event, SourceEvent::Heartbeat),
                Err(fault) => break fault,
            }
        };
        server.thaw();
        assert!(matches!(&fault, Fault::Transient(why) if why.contains("heartbeat")), "{fault}");
    }
}

/// The next event if it can be had at once; the wait for it is given up
/// otherwise.
async fn at_hand(source: &mut BinlogSource) -> Option<SourceEvent> {
    tokio::select! {
        biased;
        event = source.next() => Some(event.unwrap()),
        () = tokio::task::yield_now() => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_may_be_given_up_and_taken_up_again_without_loss() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("giving_up");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let mut source = listen(&db, std::slice::from_ref(&table), &from).await;
        let (mut heard, mut given_up) = (Vec::new(), 0);
        // The first rows each meet a wait that was given up while there was
        // nothing to hear; the others are there before anybody waits again.
        for id in 0..40 {
            while id < 20 && given_up <= id {
                match at_hand(&mut source).await {
                    Some(event) => heard.push(event),
                    None => given_up += 1,
                }
            }
            db.sql(&format!("INSERT INTO t (id, v) VALUES ({id}, 'x')"));
            if id == 20 {
                db.sql("ALTER TABLE t ADD COLUMN extra INT");
            }
        }
        assert_eq!(given_up, 20);
        let end = here(&db).await;
        let is_end = |event: &SourceEvent| matches!(event, SourceEvent::Commit { position, .. } if position.contains(&end).unwrap());
        while !heard.last().is_some_and(is_end) {
            heard.extend(at_hand(&mut source).await);
        }
        assert_eq!(folded(&changes(&heard)).len(), 40, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_larger_than_a_packet_arrives_whole() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("packet");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)");
        let table = resolve(&db, "t").await;
        let sql =
            "INSERT INTO t VALUES (1, REPEAT(x'a5', 20000000)); UPDATE t SET b = CONCAT(b, x'5a')";
        let events = heard_of(&db, std::slice::from_ref(&table), sql).await;
        let heard = folded(&changes(&events));
        assert!(
            matches!(&heard[0][1], Value::Bytes(bytes) if bytes.len() == 20_000_001 && bytes.ends_with(&[0xa5, 0x5a]))
        );
        assert!(heard == selected(&db, &table, 5).await, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_table_may_be_mapped_twice() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("twice");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)");
        let one = try_resolve(&db, "t", Some(&["id", "a"])).await.unwrap().table;
        let two = try_resolve(&db, "t", Some(&["B", "id"])).await.unwrap().table;
        assert_eq!(two.columns[0].name, "b", "column names are found whatever their case");
        let events =
            heard_of(&db, &[one, numbered(two, 1)], "INSERT INTO t VALUES (1, 2, 3)").await;
        let ints =
            |values: &[i64]| values.iter().map(|value| Value::Int(*value)).collect::<Vec<_>>();
        let rows: Vec<_> = changes(&events).into_iter().filter_map(|change| change.after).collect();
        assert_eq!(rows, [ints(&[1, 2]), ints(&[3, 1])], "{flavor:?}");
    }
}
