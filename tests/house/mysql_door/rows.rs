//! Rows by `SELECT`: keys of every kind, conditions, and snapshots that contain what they must.

use std::time::Duration;

use sheetwire::{
    fault::Fault,
    mysql::snapshot::SqlRows,
    ports::{MappedTable, RowSource},
};
use sheetwire_engine::{
    position::Position,
    value::{ColumnKind, Value},
};

use super::door::{changes, heard_of, here, key_of, options, resolve, selected};
use crate::support::{
    database::Database,
    servers::{Flavor, Server, ServerOptions},
};

/// Key columns, and literals for them in the server's own order of that key.
const KEYS: &[(&str, &[&str])] = &[
    ("k BIGINT UNSIGNED PRIMARY KEY", &["0", "9223372036854775808", "18446744073709551615"]),
    (
        "k BIGINT PRIMARY KEY",
        &["-9223372036854775808", "-1", "9223372036854775806", "9223372036854775807"],
    ),
    (
        "k DECIMAL(40,20) PRIMARY KEY",
        &[
            "-0.00000000000000000001",
            "0",
            "12345678901234567890.00000000000000000001",
            "12345678901234567890.00000000000000000002",
        ],
    ),
    ("k VARCHAR(20) CHARACTER SET utf8mb4 PRIMARY KEY", &["''", "'a'", "'b%_'", "'é'", "'o''x'"]),
    (
        "k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin PRIMARY KEY",
        &["'A'", "'a'", "'é'", "'ÿ'"],
    ),
    ("k VARCHAR(20) CHARACTER SET utf16 COLLATE utf16_bin PRIMARY KEY", &["'A'", "'a'", "'é'"]),
    ("k VARBINARY(20) PRIMARY KEY", &["x''", "x'00'", "x'7f'", "x'80ff'", "x'c3'"]),
    ("k BINARY(4) PRIMARY KEY", &["x'00000000'", "x'0a'", "x'ff000001'"]),
    ("k DATE PRIMARY KEY", &["'0000-00-00'", "'2024-00-15'", "'2024-02-29'"]),
    (
        "k DATETIME(6) PRIMARY KEY",
        &["'0000-00-00'", "'2024-02-29 00:00:00.000001'", "'2024-02-29 00:00:00.000002'"],
    ),
    (
        "k TIMESTAMP(3) PRIMARY KEY DEFAULT '2000-01-01 00:00:00'",
        &["0", "'1999-12-31 23:59:59.999'", "'2038-01-19 03:14:07'"],
    ),
    ("k TIME(2) PRIMARY KEY", &["'-838:59:59'", "'-00:00:00.01'", "'00:00:00'", "'100:00:00.5'"]),
    ("k YEAR PRIMARY KEY", &["0", "1901", "2155"]),
    ("k BIT(40) PRIMARY KEY", &["0", "1", "1099511627775"]),
    ("k ENUM('z','a','m') PRIMARY KEY", &["'z'", "'a'", "'m'"]),
    ("k SET('z','a','m') PRIMARY KEY", &["''", "'z'", "'a'", "'z,a'", "'m'"]),
    ("k DOUBLE PRIMARY KEY", &["-1e300", "0.1", "0.30000000000000004"]),
    ("k FLOAT PRIMARY KEY", &["-1.5", "0.1", "16777216"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_are_walked_in_order_and_found_again() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("keys");
        for (number, (column, literals)) in KEYS.iter().enumerate() {
            let name = format!("t{number}");
            db.sql(&format!("SET sql_mode = ''; CREATE TABLE {name} ({column}, n INT)"));
            let table = resolve(&db, &name).await;
            let values: Vec<String> = literals
                .iter()
                .enumerate()
                .map(|(n, literal)| format!("({literal}, {n})"))
                .collect();
            let insert = format!(
                "SET sql_mode = ''; SET time_zone = '+00:00'; INSERT INTO {name} VALUES {}",
                values.join(",")
            );
            let heard = changes(&heard_of(&db, std::slice::from_ref(&table), &insert).await);
            walk(&db, &table, literals.len(), column).await;
            let keys: Vec<Vec<Value>> = heard.iter().map(|change| change.key.clone()).collect();
            let found = SqlRows::new(options(&db)).rows(&table, &keys, None).await.unwrap();
            assert_eq!(found.len(), literals.len(), "{flavor:?} {column}: {keys:?}");
            for change in heard {
                assert!(found.contains(&change.after.unwrap()), "{flavor:?} {column}");
            }
        }
    }
}

/// Chunks of one row each give every row once, in the order of the literals.
async fn walk(db: &Database, table: &MappedTable, count: usize, column: &str) {
    let source = SqlRows::new(options(db));
    let mut after: Option<Vec<Value>> = None;
    for number in 0..count {
        let chunk = source.chunk(table, after.as_deref(), 1, None).await.unwrap();
        assert_eq!(
            chunk.rows[0][1],
            Value::Int(i64::try_from(number).unwrap()),
            "{:?} {column}: {after:?}",
            db.flavor
        );
        assert!(!chunk.last);
        after = Some(key_of(table, &chunk.rows[0]));
    }
    let end = source.chunk(table, after.as_deref(), 1, None).await.unwrap();
    assert!(end.rows.is_empty() && end.last, "{:?} {column}", db.flavor);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_a_composite_key_walk_the_index() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("composite");
        db.sql("CREATE TABLE t (v INT, a INT, b VARCHAR(9), c INT, PRIMARY KEY (a, b, c)); \
                INSERT INTO t VALUES (0,1,'x',1),(1,1,'x',2),(2,1,'y',0),(3,2,'a',9),(4,2,'b',1),(5,2,'b',2)");
        let table = resolve(&db, "t").await;
        let source = SqlRows::new(options(&db));
        for limit in 1..8 {
            let mut seen = Vec::new();
            let mut after: Option<Vec<Value>> = None;
            loop {
                let chunk = source.chunk(&table, after.as_deref(), limit, None).await.unwrap();
                after = chunk.rows.last().map(|row| key_of(&table, row)).or(after);
                seen.extend(chunk.rows.into_iter().map(|row| row[0].clone()));
                if chunk.last {
                    break;
                }
            }
            assert_eq!(seen, (0..6).map(Value::Int).collect::<Vec<_>>(), "{flavor:?} {limit}");
        }
        let key = [Value::Int(1), Value::Text("x".into()), Value::Int(2)];
        let (condition, _) = sheetwire::mysql::sql::behind(&table, &key);
        let mut literals = ["1", "1", "1", "'x'", "1", "'x'", "2"].iter();
        let filled = condition
            .split('?')
            .fold(String::new(), |text, part| text + part + literals.next().unwrap_or(&""));
        let plan =
            db.query(&format!("EXPLAIN SELECT * FROM t WHERE {filled} ORDER BY a, b, c LIMIT 2"));
        let plan = format!("{plan:?}");
        assert!(plan.contains("PRIMARY") && !plan.contains("filesort"), "{flavor:?}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_the_servers_own() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("condition");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9)); INSERT INTO t VALUES (1,'on'),(2,'off'),(3,'ON'),(4,NULL)");
        let table = MappedTable {
            filter: Some("s <> 'off' OR s IS NULL".into()),
            ..resolve(&db, "t").await
        };
        let source = SqlRows::new(options(&db));
        let keys: Vec<Vec<Value>> = (1..6).map(|id| vec![Value::Int(id)]).collect();
        let ids =
            |rows: Vec<Vec<Value>>| rows.into_iter().map(|row| row[0].clone()).collect::<Vec<_>>();
        let expected = [1, 3, 4].map(Value::Int);
        assert_eq!(ids(source.rows(&table, &keys, None).await.unwrap()), expected, "{flavor:?}");
        assert_eq!(ids(selected(&db, &table, 2).await), expected, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_contains_the_position_it_was_asked_for() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("contains");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY)");
        let table = resolve(&db, "t").await;
        let source = SqlRows::new(options(&db));
        for id in 0..30 {
            db.sql(&format!("INSERT INTO t VALUES ({id})"));
            let position = here(&db).await;
            let chunk = source.chunk(&table, None, 100, Some(&position)).await.unwrap();
            assert_eq!(chunk.rows.len(), id + 1, "{flavor:?}");
        }
        let other: Position = "file:binlog.000001:4".parse().unwrap();
        if flavor == Flavor::MariaDb {
            assert!(
                source.chunk(&table, None, 1, Some(&other)).await.is_ok(),
                "the end of the log is behind it"
            );
        }
    }
}

/// A transaction whose GTID is known before it can be seen: the chunk waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_waits_for_what_is_not_visible_yet() {
    let server = Server::private(Flavor::MySql, ServerOptions::default());
    let db = server.database("waits");
    db.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    let table = resolve(&db, "t").await;
    let Position::MySql(now) = here(&db).await else { panic!("GTIDs are on") };
    // The next transaction of this server.
    let (source, intervals) = now.sources().next().unwrap();
    let mut wanted = now.clone();
    wanted.insert(source.uuid, "", intervals.last().unwrap().last + 1);
    let wanted = Position::MySql(wanted);
    let rows = SqlRows::new(options(&db));
    let asking = rows.chunk(&table, None, 10, Some(&wanted));
    let mut asking = std::pin::pin!(asking);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut asking).await;
    assert!(early.is_err(), "nothing is answered before the transaction is there");
    db.sql("INSERT INTO t VALUES (1)");
    assert_eq!(asking.await.unwrap().rows, [[Value::Int(1)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_question_does_not_spoil_the_next_one() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("dropped");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
        let table =
            MappedTable { filter: Some("SLEEP(0.2) = 0".into()), ..resolve(&db, "t").await };
        let source = SqlRows::new(options(&db));
        for _ in 0..3 {
            let asking = source.chunk(&table, None, 10, None);
            assert!(tokio::time::timeout(Duration::from_millis(40), asking).await.is_err());
        }
        assert_eq!(source.chunk(&table, None, 10, None).await.unwrap().rows.len(), 1, "{flavor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_column_is_about_its_table() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("column");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT)");
        let table = resolve(&db, "t").await;
        assert_eq!(table.columns[1].kind, ColumnKind::Int { bits: 32, unsigned: false });
        db.sql("ALTER TABLE t DROP COLUMN a");
        let refused = SqlRows::new(options(&db)).chunk(&table, None, 1, None).await.unwrap_err();
        assert!(matches!(refused, Fault::Table(_)), "{refused}");
    }
}
