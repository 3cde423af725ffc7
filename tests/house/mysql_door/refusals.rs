//! What cannot be followed sets its table aside with a sentence, and nothing else: the others go on.

use sheetwire::ports::SourceEvent;
use sheetwire_engine::{change::TableId, value::Value};

use super::door::{
    changes, hear_until, heard_of, here, listen, numbered, resolve, selected, set_aside,
    try_resolve,
};
use crate::support::{
    database::Database,
    servers::{Flavor, Server, ServerOptions},
};

/// Runs `sql` with `t` and `calm` mapped, and expects that `t` alone is set aside with these words.
async fn sets_aside(db: &Database, sql: &str, words: &[&str]) {
    let tables = [resolve(db, "t").await, numbered(resolve(db, "calm").await, 1)];
    let sql = format!("{sql}; INSERT INTO calm VALUES (77)");
    let events = heard_of(db, &tables, &sql).await;
    let reasons = set_aside(&events);
    assert_eq!(reasons.len(), 1, "{:?} {sql}: {events:?}", db.flavor);
    for word in words {
        assert!(reasons[0].contains(word), "{:?} {sql}: '{word}' in {}", db.flavor, reasons[0]);
    }
    assert!(reasons[0].contains(&format!("{}.t", db.name)), "{}", reasons[0]);
    let at =
        events.iter().position(|event| matches!(event, SourceEvent::TableSetAside { .. })).unwrap();
    let later = &events[at..];
    let about_t =
        |event: &SourceEvent| matches!(event, SourceEvent::Rows { table: TableId(0), .. });
    assert!(!later.iter().any(about_t), "nothing of a table that was set aside: {later:?}");
    let calm = |event: &SourceEvent| matches!(event, SourceEvent::Rows { table: TableId(1), .. });
    assert!(later.iter().any(calm), "the other table goes on: {later:?}");
}

fn prepared(server: &Server, name: &str, columns: &str) -> Database {
    let db = server.database(name);
    db.sql(&format!("CREATE TABLE t ({columns}); CREATE TABLE calm (id INT PRIMARY KEY)"));
    db
}

/// A database whose application may choose how its session logs.
fn with_rights(flavor: Flavor, name: &str) -> Database {
    let server = Server::shared(flavor);
    let db = prepared(server, name, "id INT PRIMARY KEY, a INT, b TEXT");
    let right = if flavor == Flavor::MySql { "SYSTEM_VARIABLES_ADMIN" } else { "BINLOG ADMIN" };
    server.admin_sql(&format!("GRANT {right} ON *.* TO '{}'@'%'", db.app.user));
    db
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_their_columns_are_refused() {
    for flavor in Flavor::BOTH {
        let db = with_rights(flavor, "minimal");
        db.sql("INSERT INTO t VALUES (1, 1, 'x')");
        let sql = "SET SESSION binlog_row_image = MINIMAL; UPDATE t SET a = 2";
        sets_aside(&db, sql, &["without column", "binlog_row_image"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_columns_that_nobody_mapped_are_fine() {
    for flavor in Flavor::BOTH {
        let db = with_rights(flavor, "noblob");
        db.sql("INSERT INTO t VALUES (1, 1, 'x')");
        let table = try_resolve(&db, "t", Some(&["id", "a"])).await.unwrap().table;
        let sql = "SET SESSION binlog_row_image = NOBLOB; UPDATE t SET a = 2; DELETE FROM t";
        let events = heard_of(&db, &[table], sql).await;
        assert!(set_aside(&events).is_empty(), "{events:?}");
        let rows: Vec<_> = changes(&events).into_iter().map(|change| change.after).collect();
        assert_eq!(rows, [Some(vec![Value::Int(1), Value::Int(2)]), None], "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_logged_as_statements_are_refused() {
    for flavor in Flavor::BOTH {
        for sql in [
            "INSERT INTO t VALUES (1, 1, 'x')",
            "UPDATE (SELECT 1 AS one) AS x JOIN t SET t.a = x.one",
            "/* hint */ DELETE FROM `t`",
        ] {
            let db = with_rights(flavor, "statement");
            db.sql("INSERT INTO t VALUES (5, 1, 'x')");
            let sql = format!(
                "SET SESSION binlog_format = STATEMENT; {sql}; SET SESSION binlog_format = ROW"
            );
            sets_aside(&db, &sql, &["binlog_format=ROW"]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn xa_transactions_that_are_only_prepared_are_refused_and_settled_ones_are_not() {
    for flavor in Flavor::BOTH {
        let db = prepared(Server::shared(flavor), "xa", "id INT PRIMARY KEY, a INT");
        let sql = "XA START 'one'; INSERT INTO t VALUES (1, 1); XA END 'one'; XA PREPARE 'one'; XA ROLLBACK 'one'";
        sets_aside(&db, sql, &["XA"]).await;
        let table = resolve(&db, "t").await;
        let sql = "XA START 'two'; INSERT INTO t VALUES (2, 2); XA END 'two'; XA COMMIT 'two' ONE PHASE; INSERT INTO t VALUES (3, 3)";
        let events = heard_of(&db, &[table], sql).await;
        assert!(set_aside(&events).is_empty(), "{flavor:?}: {events:?}");
        assert_eq!(changes(&events).len(), 2, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_json_is_refused() {
    let db = with_rights(Flavor::MySql, "partial");
    db.sql("ALTER TABLE t ADD COLUMN js JSON; INSERT INTO t VALUES (1, 1, 'x', JSON_OBJECT('a', REPEAT('x', 200), 'b', 1))");
    let sql = "SET SESSION binlog_row_value_options = PARTIAL_JSON; UPDATE t SET js = JSON_SET(js, '$.b', 2)";
    sets_aside(&db, sql, &["binlog_row_value_options"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_go_away_are_set_aside_and_emptied_ones_are_empty() {
    for flavor in Flavor::BOTH {
        let shape = "id INT PRIMARY KEY, a INT";
        for (sql, word) in [
            ("DROP TABLE t", "dropped"),
            ("RENAME TABLE t TO elsewhere", "renamed to 'elsewhere'"),
            ("ALTER TABLE t RENAME elsewhere", "renamed"),
            ("ALTER TABLE t DROP COLUMN a; INSERT INTO t VALUES (9)", "column 'a' is gone"),
            ("ALTER TABLE t CHANGE a b INT; INSERT INTO t VALUES (9, 1)", "column 'a' is gone"),
            ("ALTER TABLE t MODIFY a BIGINT; INSERT INTO t VALUES (9, 1)", "another type"),
            ("ALTER TABLE t MODIFY a INT UNSIGNED; INSERT INTO t VALUES (9, 1)", "another type"),
        ] {
            let db = prepared(Server::shared(flavor), "away", shape);
            sets_aside(&db, sql, &[word]).await;
        }
        let db = prepared(Server::shared(flavor), "emptied", shape);
        let table = resolve(&db, "t").await;
        let events = heard_of(
            &db,
            &[table],
            "INSERT INTO t VALUES (1, 1); TRUNCATE TABLE t; INSERT INTO t VALUES (2, 2)",
        )
        .await;
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|event| match event {
                SourceEvent::Rows { .. } => Some("rows"),
                SourceEvent::TableEmptied { .. } => Some("emptied"),
                SourceEvent::TableSetAside { .. } => Some("aside"),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, ["rows", "emptied", "rows"], "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_partitions_take_away_are_not_passed_over() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("partitions");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE); CREATE TABLE calm (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (11)");
        sets_aside(
            &db,
            "ALTER TABLE t TRUNCATE PARTITION p0",
            &["partition"].map(|_| "ALTER TABLE"),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_tables_are_followed_by_name() {
    for flavor in Flavor::BOTH {
        for metadata in ["FULL", "MINIMAL"] {
            let options = ServerOptions::with_extra(&[&format!("binlog_row_metadata={metadata}")]);
            let server = Server::private(flavor, options);
            let db = prepared(&server, "altered", "id INT PRIMARY KEY, a INT, e ENUM('x','y')");
            let table = resolve(&db, "t").await;
            let from = here(&db).await;
            let mut source = listen(&db, &[table.clone()], &from).await;
            let steps = [
                "INSERT INTO t VALUES (1, 10, 'x')",
                "ALTER TABLE t ADD COLUMN zero INT FIRST; INSERT INTO t VALUES (0, 2, 20, 'y')",
                "ALTER TABLE t MODIFY a INT FIRST; INSERT INTO t VALUES (30, 0, 3, 'x')",
                "ALTER TABLE t MODIFY e ENUM('x','y','z'); INSERT INTO t VALUES (40, 0, 4, 'z')",
                "CREATE TABLE _t_gho LIKE t; INSERT INTO _t_gho SELECT * FROM t; ALTER TABLE _t_gho ADD COLUMN late INT AFTER a; \
                 RENAME TABLE t TO _t_del, _t_gho TO t; INSERT INTO t VALUES (50, 1, 0, 5, 'y')",
            ];
            let mut heard = Vec::new();
            for step in steps {
                db.sql(step);
                let (events, _) = hear_until(&mut source, &here(&db).await).await;
                assert!(set_aside(&events).is_empty(), "{flavor:?} {metadata} {step}: {events:?}");
                heard.extend(changes(&events));
            }
            let rows: Vec<_> = heard.into_iter().filter_map(|change| change.after).collect();
            assert_eq!(rows, selected(&db, &table, 2).await, "{flavor:?} {metadata}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_cannot_be_carried_are_refused_with_a_sentence() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("schema");
        db.sql("CREATE TABLE nokey (a INT); CREATE TABLE nullkey (a INT, UNIQUE (a)); CREATE TABLE odd (id INT PRIMARY KEY, p POINT); \
                CREATE TABLE uniq (a INT NOT NULL, b INT NOT NULL, c INT, UNIQUE two (a, b)); CREATE VIEW v AS SELECT 1 AS a; \
                CREATE TABLE isam (id INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE both_ (id INT PRIMARY KEY, u INT NOT NULL UNIQUE)");
        let refused = async |table: &str, columns: Option<&[&str]>| {
            try_resolve(&db, table, columns).await.unwrap_err()
        };
        assert!(refused("missing", None).await.contains("GRANT SELECT ON"));
        assert!(refused("nokey", None).await.contains("neither a primary key nor"));
        assert!(refused("nullkey", None).await.contains("neither a primary key nor"));
        assert!(refused("odd", None).await.contains("column 'p' has the type"));
        assert!(
            refused("odd", Some(&["id", "q"])).await.contains("no column 'q'; there are: id, p")
        );
        assert!(refused("odd", Some(&["id", "ID"])).await.contains("mapped twice"));
        assert!(refused("uniq", Some(&["a", "c"])).await.contains("key (a, b) is not among"));
        assert!(refused("v", None).await.contains("view"));
        assert_eq!(try_resolve(&db, "odd", Some(&["id"])).await.unwrap().table.key, [0]);
        assert_eq!(
            try_resolve(&db, "uniq", Some(&["c", "b", "a"])).await.unwrap().table.key,
            [2, 1]
        );
        assert_eq!(
            try_resolve(&db, "both_", Some(&["u"])).await.unwrap().table.key,
            [0],
            "a unique key stands in"
        );
        assert!(try_resolve(&db, "isam", None).await.unwrap().warnings[0].contains("MyISAM"));
        if flavor == Flavor::MySql {
            assert!(
                refused("NOKEY", None).await.contains("no such table"),
                "names are as exact as on the server"
            );
        } else {
            db.sql("CREATE TABLE maria (id INT PRIMARY KEY, u UUID, c VARCHAR(9) COMPRESSED); CREATE TABLE ver (id INT PRIMARY KEY) WITH SYSTEM VERSIONING");
            assert!(refused("maria", Some(&["id", "u"])).await.contains("uuid"));
            assert!(refused("maria", Some(&["id", "c"])).await.contains("compressed"));
            assert!(refused("ver", None).await.contains("system versioned"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_character_set_is_refused_by_its_name() {
    for flavor in Flavor::BOTH {
        let db = prepared(
            Server::shared(flavor),
            "gbk",
            "id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET gbk",
        );
        sets_aside(&db, "INSERT INTO t VALUES (1, 'x')", &["gbk", "column 'v'"]).await;
    }
}
