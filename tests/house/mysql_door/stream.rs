//! The stream through the accidents of a life: gaps, rotations, rollbacks, cut connections, silence.

use std::time::Duration;

use sheetwire::{
    fault::Fault,
    mysql::{
        binlog::{BinlogSource, StreamOptions},
        connect::{Secret, ServerOptions as Door, Tls},
    },
    ports::{ChangeSource, SourceEvent},
};
use sheetwire_engine::{change::RowChange, position::Position, value::Value};

use super::door::{
    changes, folded, hear_until, heard_of, here, listen, listen_as, next, numbered, options,
    resolve, selected, set_aside, stream_options,
};
use crate::support::{
    database::Database,
    servers::{Flavor, Server, ServerOptions},
    wait::wait_until,
};

const PLAIN: &str = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40))";

fn row(id: i64, v: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::Text(v.into())]
}

fn there(id: i64, v: &str) -> RowChange {
    RowChange { key: vec![Value::Int(id)], after: Some(row(id, v)) }
}

fn gone(id: i64) -> RowChange {
    RowChange { key: vec![Value::Int(id)], after: None }
}

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
        let events = heard_of(&db, &[table.clone()], sql).await;
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
        let mut source = listen(&db, &[table.clone()], &from).await;
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
        assert!(!events.iter().any(|event| matches!(event, SourceEvent::Commit { .. })));
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

#[tokio::test(flavor = "multi_thread")]
async fn waiting_may_be_given_up_and_taken_up_again_without_loss() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("giving_up");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let mut source = listen(&db, &[table.clone()], &from).await;
        for id in 0..40 {
            db.sql(&format!("INSERT INTO t (id, v) VALUES ({id}, 'x')"));
            if id == 20 {
                db.sql("ALTER TABLE t ADD COLUMN extra INT");
            }
        }
        let end = here(&db).await;
        let (mut heard, mut given_up) = (Vec::new(), 0);
        loop {
            let event = tokio::select! {
                biased;
                event = source.next() => event.unwrap(),
                () = tokio::task::yield_now() => { given_up += 1; continue }
            };
            let done = matches!(&event, SourceEvent::Commit { position, .. } if position.contains(&end).unwrap());
            heard.push(event);
            if done {
                break;
            }
        }
        assert_eq!(folded(&changes(&heard)).len(), 40, "{flavor:?}");
        assert!(given_up > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_must_use_tls_is_served_over_tls_and_refused_without() {
    for flavor in Flavor::BOTH {
        let certified = ServerOptions { certificates: true, ..ServerOptions::default() };
        let server = Server::private(flavor, certified);
        let db = server.database("tls");
        db.sql(PLAIN);
        server.admin_sql(&format!("ALTER USER '{}'@'%' REQUIRE SSL", db.reader.user));
        let plain = options(&db);
        let refused = super::door::try_listen(&plain).await.unwrap_err();
        assert!(matches!(refused, Fault::Source(_)), "{refused}");
        for (tls, host) in [
            (Tls::Required, "127.0.0.1"),
            (Tls::VerifyCa, "127.0.0.1"),
            (Tls::VerifyIdentity, "localhost"),
        ] {
            let ca_file = (tls != Tls::Required).then(|| server.authority());
            let door = Door { tls, ca_file, host: host.into(), ..plain.clone() };
            let mut session = sheetwire::mysql::connect::Session::open(&door).await.unwrap();
            let from = sheetwire::mysql::standing::current_position(&mut session).await.unwrap();
            let table = super::door::resolve_as(&door, &db, "t").await;
            let mut source = listen_as(&door, &[table], &from).await.unwrap();
            db.sql(&format!("REPLACE INTO t VALUES (1, '{tls:?}')"));
            let end = sheetwire::mysql::standing::current_position(&mut session).await.unwrap();
            let (events, _) = hear_until(&mut source, &end).await;
            assert!(
                changes(&events).contains(&there(1, &format!("{tls:?}"))),
                "{flavor:?} {tls:?}"
            );
        }
        let stranger = Door { tls: Tls::VerifyIdentity, ..plain.clone() };
        let refused = super::door::try_listen(&stranger).await.unwrap_err();
        assert!(
            matches!(refused, Fault::Source(_)),
            "an unknown authority is no weather: {refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_no_weather_and_is_not_repeated_in_the_error() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("password");
        let wrong = Door { password: Secret::new("sesame-open"), ..options(&db) };
        let refused = super::door::try_listen(&wrong).await.unwrap_err();
        assert!(
            matches!(&refused, Fault::Source(why) if !why.contains("sesame-open")),
            "{refused:?}"
        );
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
        let events = heard_of(&db, &[table.clone()], sql).await;
        let heard = folded(&changes(&events));
        assert!(
            matches!(&heard[0][1], Value::Bytes(bytes) if bytes.len() == 20_000_001 && bytes.ends_with(&[0xa5, 0x5a]))
        );
        assert!(heard == selected(&db, &table, 5).await, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_transactions_are_read_like_any_other() {
    let db = Server::shared(Flavor::MySql).database("zstd");
    db.sql(PLAIN);
    let table = resolve(&db, "t").await;
    let sql = "SET SESSION binlog_transaction_compression = ON; BEGIN; INSERT INTO t VALUES (1, REPEAT('a', 40)); \
               INSERT INTO t VALUES (2, REPEAT('b', 40)); COMMIT; DELETE FROM t WHERE id = 1; SET SESSION binlog_transaction_compression = OFF; UPDATE t SET v = 'c'";
    let server = Server::shared(Flavor::MySql);
    server.admin_sql(&format!("GRANT SESSION_VARIABLES_ADMIN ON *.* TO '{}'@'%'", db.app.user));
    let events = heard_of(&db, &[table], sql).await;
    assert_eq!(
        changes(&events),
        [there(1, &"a".repeat(40)), there(2, &"b".repeat(40)), gone(1), there(2, "c")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_events_of_mariadb_are_read_like_any_other() {
    let server = Server::private(
        Flavor::MariaDb,
        ServerOptions::with_extra(&["log_bin_compress=ON", "log_bin_compress_min_len=10"]),
    );
    let db = server.database("zlib");
    db.sql(PLAIN);
    let table = resolve(&db, "t").await;
    let long = "x".repeat(40);
    let sql = format!(
        "INSERT INTO t VALUES (1, '{long}'), (2, '{long}'); UPDATE t SET v = CONCAT('u', RIGHT(v, 39)); DELETE FROM t WHERE id = 1; \
                       ALTER TABLE t ADD COLUMN more VARCHAR(90) DEFAULT 'a default that is long enough to be compressed'; UPDATE t SET v = 'last'"
    );
    let events = heard_of(&db, &[table], &sql).await;
    let u = format!("u{}", "x".repeat(39));
    assert_eq!(
        changes(&events),
        [there(1, &long), there(2, &long), there(1, &u), there(2, &u), gone(1), there(2, "last")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tagged_transactions_are_followed_and_resumed() {
    let server = Server::private(Flavor::MySql, ServerOptions::default());
    let db = server.database("tags");
    db.sql(PLAIN);
    let table = resolve(&db, "t").await;
    let from = here(&db).await;
    let mut source = listen(&db, &[table.clone()], &from).await;
    server.admin_sql(&format!(
        "SET SESSION gtid_next = 'AUTOMATIC:sheets'; INSERT INTO {name}.t VALUES (1, 'tagged'); INSERT INTO {name}.t VALUES (2, 'tagged'); SET SESSION gtid_next = 'AUTOMATIC'; INSERT INTO {name}.t VALUES (3, 'plain')",
        name = db.name
    ));
    let end = here(&db).await;
    assert!(end.to_string().contains(":sheets:1-2"), "{end}");
    let (events, reached) = hear_until(&mut source, &end).await;
    assert_eq!(changes(&events), [there(1, "tagged"), there(2, "tagged"), there(3, "plain")]);
    assert_eq!(reached, end);
    server.flush_binlogs();
    server.admin_sql(&format!(
        "SET SESSION gtid_next = 'AUTOMATIC:sheets'; INSERT INTO {}.t VALUES (4, 'again')",
        db.name
    ));
    let mut resumed = listen(&db, &[table], &reached).await;
    let (events, _) = hear_until(&mut resumed, &here(&db).await).await;
    assert_eq!(changes(&events), [there(4, "again")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_without_gtids_are_followed_by_file_and_offset() {
    let server = Server::private(
        Flavor::MySql,
        ServerOptions {
            gtid: false,
            ..ServerOptions::with_extra(&["gtid_mode=OFF", "enforce_gtid_consistency=OFF"])
        },
    );
    let db = server.database("offsets");
    db.sql(PLAIN);
    let table = resolve(&db, "t").await;
    let from = here(&db).await;
    assert!(matches!(from, Position::File { .. }), "{from}");
    let mut source = listen(&db, &[table.clone()], &from).await;
    db.sql("INSERT INTO t VALUES (1, 'a')");
    let middle = here(&db).await;
    let (events, reached) = hear_until(&mut source, &middle).await;
    assert_eq!((changes(&events), &reached), (vec![there(1, "a")], &middle));
    server.flush_binlogs();
    db.sql("INSERT INTO t VALUES (2, 'b')");
    let end = here(&db).await;
    let (events, _) = hear_until(&mut source, &end).await;
    assert_eq!(changes(&events), [there(2, "b")]);
    let mut resumed = listen(&db, &[table.clone()], &reached).await;
    let (events, _) = hear_until(&mut resumed, &end).await;
    assert_eq!(changes(&events), [there(2, "b")]);
    assert_eq!(selected(&db, &table, 1).await, [row(1, "a"), row(2, "b")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn purged_and_foreign_positions_are_refused_with_the_missing_range() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = server.database("purged");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let old = here(&db).await;
        db.sql("INSERT INTO t VALUES (1, 'lost')");
        server.purge_binlogs();
        db.sql("INSERT INTO t VALUES (2, 'kept')");
        let refused = listen_as(&options(&db), &[table.clone()], &old).await.unwrap_err();
        let Fault::Source(why) = refused else { panic!("{refused}") };
        assert!(why.contains("thrown away"), "{flavor:?}: {why}");
        let ahead: Position = match flavor {
            Flavor::MySql => "mysql:24bc7850-2c16-11e6-a073-0242ac110001:1-5".parse().unwrap(),
            Flavor::MariaDb => "mariadb:0-77-999999".parse().unwrap(),
        };
        let refused = match (here(&db).await, ahead) {
            (Position::MySql(mut ours), Position::MySql(ahead)) => {
                ours.union(&ahead);
                listen_as(&options(&db), &[table.clone()], &Position::MySql(ours))
                    .await
                    .unwrap_err()
            }
            (_, ahead) => listen_as(&options(&db), &[table.clone()], &ahead).await.unwrap_err(),
        };
        let missing = if flavor == Flavor::MySql {
            "24bc7850-2c16-11e6-a073-0242ac110001:1-5"
        } else {
            "0-77-999999"
        };
        assert!(refused.to_string().contains(missing), "{refused}");
        let other: Position = "file:binlog.000001:4".parse().unwrap();
        assert!(listen_as(&options(&db), &[table], &other).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_table_may_be_mapped_twice() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("twice");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)");
        let one = super::door::try_resolve(&db, "t", Some(&["id", "a"])).await.unwrap().table;
        let two = super::door::try_resolve(&db, "t", Some(&["B", "id"])).await.unwrap().table;
        assert_eq!(two.columns[0].name, "b", "column names are found whatever their case");
        let events =
            heard_of(&db, &[one, numbered(two, 1)], "INSERT INTO t VALUES (1, 2, 3)").await;
        let ints =
            |values: &[i64]| values.iter().map(|value| Value::Int(*value)).collect::<Vec<_>>();
        let rows: Vec<_> = changes(&events).into_iter().filter_map(|change| change.after).collect();
        assert_eq!(rows, [ints(&[1, 2]), ints(&[3, 1])], "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_that_comes_back_is_taken_up_again() {
    for flavor in Flavor::BOTH {
        let server =
            Server::private(flavor, ServerOptions { durable: true, ..ServerOptions::default() });
        let db = server.database("killed");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let mut source = listen(&db, &[table.clone()], &from).await;
        db.sql("INSERT INTO t VALUES (1, 'a')");
        let (_, reached) = hear_until(&mut source, &here(&db).await).await;
        server.kill9();
        let fault = next(&mut source).await.unwrap_err();
        assert!(matches!(fault, Fault::Transient(_)), "{fault}");
        server.restart();
        db.sql("INSERT INTO t VALUES (2, 'b')");
        wait_until(Duration::from_secs(60), "the server to be back", || {
            db.try_query("SELECT 1").is_ok()
        });
        let mut again = listen(&db, &[table], &reached).await;
        let (events, _) = hear_until(&mut again, &here(&db).await).await;
        assert_eq!(changes(&events), [there(2, "b")], "{flavor:?}");
    }
}
