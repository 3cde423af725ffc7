//! Servers of many kinds: encrypted, compressed, tagged, without GTIDs, purged, killed.

use std::time::Duration;

use sheetwire::{
    fault::Fault,
    mysql::{
        connect::{ServerOptions as Door, Session, Tls},
        standing::current_position,
    },
    secret::Secret,
};
use sheetwire_engine::position::Position;

use super::door::{
    PLAIN, changes, gone, hear_until, heard_of, here, listen, listen_as, next, options, resolve,
    resolve_as, row, selected, there, try_listen,
};
use crate::support::{
    servers::{Flavor, Server, ServerOptions},
    wait::wait_until,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_must_use_tls_is_served_over_tls_and_refused_without() {
    for flavor in Flavor::BOTH {
        let certified = ServerOptions { certificates: true, ..ServerOptions::default() };
        let server = Server::private(flavor, certified);
        let db = server.database("tls");
        db.sql(PLAIN);
        server.admin_sql(&format!("ALTER USER '{}'@'%' REQUIRE SSL", db.reader.user));
        let plain = options(&db);
        let refused = try_listen(&plain).await.unwrap_err();
        assert!(matches!(refused, Fault::Source(_)), "{refused}");
        for (tls, host) in [
            (Tls::Required, "127.0.0.1"),
            (Tls::VerifyCa, "127.0.0.1"),
            (Tls::VerifyIdentity, "localhost"),
        ] {
            let ca_file = (tls != Tls::Required).then(|| server.authority());
            let door = Door { tls, ca_file, host: host.into(), ..plain.clone() };
            let mut session = Session::open(&door).await.unwrap();
            let from = current_position(&mut session).await.unwrap();
            let table = resolve_as(&door, &db, "t").await;
            let mut source = listen_as(&door, &[table], &from).await.unwrap();
            db.sql(&format!("REPLACE INTO t VALUES (1, '{tls:?}')"));
            let end = current_position(&mut session).await.unwrap();
            let (events, _) = hear_until(&mut source, &end).await;
            assert!(
                changes(&events).contains(&there(1, &format!("{tls:?}"))),
                "{flavor:?} {tls:?}"
            );
        }
        let stranger = Door { tls: Tls::VerifyIdentity, ..plain.clone() };
        let refused = try_listen(&stranger).await.unwrap_err();
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
        let wrong = Door { password: Secret::new("sesame-open".to_owned()), ..options(&db) };
        let refused = try_listen(&wrong).await.unwrap_err();
        assert!(
            matches!(&refused, Fault::Source(why) if !why.contains("sesame-open")),
            "{refused:?}"
        );
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
    let mut source = listen(&db, std::slice::from_ref(&table), &from).await;
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
    let mut source = listen(&db, std::slice::from_ref(&table), &from).await;
    db.sql("INSERT INTO t VALUES (1, 'a')");
    let middle = here(&db).await;
    let (events, reached) = hear_until(&mut source, &middle).await;
    assert_eq!((changes(&events), &reached), (vec![there(1, "a")], &middle));
    server.flush_binlogs();
    db.sql("INSERT INTO t VALUES (2, 'b')");
    let end = here(&db).await;
    let (events, _) = hear_until(&mut source, &end).await;
    assert_eq!(changes(&events), [there(2, "b")]);
    let mut resumed = listen(&db, std::slice::from_ref(&table), &reached).await;
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
        let refused =
            listen_as(&options(&db), std::slice::from_ref(&table), &old).await.unwrap_err();
        let Fault::Source(why) = refused else { panic!("{refused}") };
        assert!(why.contains("thrown away"), "{flavor:?}: {why}");
        let ahead: Position = match flavor {
            Flavor::MySql => "mysql:24bc7850-2c16-11e6-a073-0242ac110001:1-5".parse().unwrap(),
            Flavor::MariaDb => "mariadb:0-77-999999".parse().unwrap(),
        };
        let refused = match (here(&db).await, ahead) {
            (Position::MySql(mut ours), Position::MySql(ahead)) => {
                ours.union(&ahead);
                listen_as(&options(&db), std::slice::from_ref(&table), &Position::MySql(ours))
                    .await
                    .unwrap_err()
            }
            (_, ahead) => {
                listen_as(&options(&db), std::slice::from_ref(&table), &ahead).await.unwrap_err()
            }
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
async fn a_killed_server_that_comes_back_is_taken_up_again() {
    for flavor in Flavor::BOTH {
        let server =
            Server::private(flavor, ServerOptions { durable: true, ..ServerOptions::default() });
        let db = server.database("killed");
        db.sql(PLAIN);
        let table = resolve(&db, "t").await;
        let from = here(&db).await;
        let mut source = listen(&db, std::slice::from_ref(&table), &from).await;
        db.sql("INSERT INTO t VALUES (1, 'a')");
        let (_, reached) = hear_until(&mut source, &here(&db).await).await;
        server.kill9();
        let fault = next(&mut source).await.unwrap_err();
        assert!(matches!(fault, Fault::Transient(_)), "{fault}");
        server.restart();
        db.sql("INSERT INTO t VALUES (2, 'b')");
        wait_until(Duration::from_mins(1), "the server to be back", || {
            db.try_query("SELECT 1").is_ok()
        });
        let mut again = listen(&db, &[table], &reached).await;
        let (events, _) = hear_until(&mut again, &here(&db).await).await;
        assert_eq!(changes(&events), [there(2, "b")], "{flavor:?}");
    }
}
