//! The writer: what it writes is what was planned or nothing, and what the server says about a row comes back as what to do.

use std::time::Duration;

use sheetwire::{
    clock::Clock,
    mysql::{
        connect::{ServerOptions, Session, Tls},
        preflight::Level,
        writer::{
            SqlWriter, WrittenTable,
            preflight::{WritePlan, WriterRequest, preflight},
        },
    },
    ports::{DatabaseWriter, MappedTable},
    secret::Secret,
};
use sheetwire_engine::{
    cell::Cell,
    intent::{
        CommitOutcome, Intent, PrepareOutcome, ReadbackRow, RowIntent, RowWork, Stage,
        WriterFailure,
    },
    render::Rendering,
    state::RowKey,
    value::Value,
};
use tokio::time::timeout;

use super::door::{PATIENCE, changes, folded, hear_until, here, listen, resolve, selected};
use crate::support::{
    database::{Account, Database},
    servers::{Flavor, Server},
};

fn options(db: &Database, account: &Account) -> ServerOptions {
    let password = Secret::new(account.password.clone());
    let options = ServerOptions::new("127.0.0.1", db.port, account.user.clone(), password);
    ServerOptions { tls: Tls::Disabled, ..options }
}

/// A writer of one table, under the database's own lock.
fn writer(db: &Database, table: &MappedTable) -> SqlWriter {
    let written = WrittenTable { table: table.clone(), rendering: Rendering::default() };
    SqlWriter::new(options(db, &db.writer), &db.name, vec![written], Clock::start())
}

fn intent(id: u64, table: &MappedTable, works: Vec<RowWork>) -> Intent {
    let row = |work| RowIntent {
        key: RowKey("a row".into()),
        work,
        sheet: Vec::new(),
        overruled: Vec::new(),
        readback: None,
        seen: false,
    };
    let rows = works.into_iter().map(row).collect();
    Intent { id, table: table.id, rows, stage: Stage::Drafted }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn update(id: i64, guard: &str, set: &str) -> RowWork {
    RowWork::Update {
        key: vec![Value::Int(id)],
        guard: vec![(1, Cell::text(guard))],
        set: vec![(1, text(set))],
    }
}

fn add(set: &[(u16, Value)]) -> RowWork {
    RowWork::Insert { set: set.to_vec() }
}

fn back(id: i64, v: &str) -> ReadbackRow {
    let row = vec![Value::Int(id), text(v)];
    ReadbackRow { row: Some(row), key: Some(vec![Value::Int(id)]) }
}

async fn committed(writer: &SqlWriter, intent: &Intent) -> Vec<ReadbackRow> {
    let rows = match writer.prepare(intent).await {
        PrepareOutcome::Ready(rows) => rows,
        other => panic!("{other:?}"),
    };
    match writer.commit(intent.id).await {
        CommitOutcome::Done { executed: Some(_) } => rows,
        other => panic!("{other:?}"),
    }
}

/// A table of a counted number and a text, with a row.
async fn plain(flavor: Flavor) -> (Database, MappedTable) {
    let db = Server::shared(flavor).database("writing");
    db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(40) UNIQUE);
         INSERT INTO t VALUES (1,'one'),(2,'two')",
    );
    let table = resolve(&db, "t").await;
    (db, table)
}

#[tokio::test]
async fn rows_are_changed_added_and_removed_and_the_executed_set_contains_it() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let from = here(&db).await;
        let writer = writer(&db, &table);
        assert!(writer.open().await.unwrap().contains(&from).unwrap());
        let remove = RowWork::Delete {
            key: vec![Value::Int(2)],
            guard: vec![(0, Cell::Number(2.0)), (1, Cell::text("two"))],
        };
        let intent =
            intent(1, &table, vec![update(1, "one", "uno"), add(&[(1, text("new"))]), remove]);
        let rows = match writer.prepare(&intent).await {
            PrepareOutcome::Ready(rows) => rows,
            other => panic!("{other:?}"),
        };
        let gone = ReadbackRow { row: None, key: Some(vec![Value::Int(2)]) };
        assert_eq!(rows, [back(1, "uno"), back(3, "new"), gone]);
        assert_eq!(db.query("SELECT v FROM t WHERE id = 1")[0][0].as_deref(), Some("one"));
        let CommitOutcome::Done { executed: Some(executed) } = writer.commit(1).await else {
            panic!("not committed")
        };
        // The log up to there tells all of it, and nothing of it comes later.
        let mut source = listen(&db, std::slice::from_ref(&table), &from).await;
        let (events, _) = hear_until(&mut source, &executed).await;
        let heard = folded(&changes(&events));
        assert_eq!(heard, [vec![Value::Int(1), text("uno")], vec![Value::Int(3), text("new")]]);
        assert_eq!(selected(&db, &table, 10).await, heard);
    }
}

#[tokio::test]
async fn a_row_that_is_not_as_planned_stops_the_whole_transaction() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let writer = writer(&db, &table);
        writer.open().await.unwrap();
        let works = vec![update(2, "two", "due"), update(1, "another", "uno")];
        match writer.prepare(&intent(1, &table, works)).await {
            PrepareOutcome::Missed { row: 1, current, executed } => {
                assert_eq!(current, Some(vec![Value::Int(1), text("one")]));
                assert!(executed.contains(&here(&db).await).unwrap());
            }
            other => panic!("{other:?}"),
        }
        match writer.prepare(&intent(2, &table, vec![update(9, "x", "y")])).await {
            PrepareOutcome::Missed { row: 0, current: None, .. } => {}
            other => panic!("{other:?}"),
        }
        assert!(matches!(writer.commit(2).await, CommitOutcome::RolledBack { .. }));
        assert_eq!(db.query("SELECT v FROM t WHERE id = 2")[0][0].as_deref(), Some("two"));
    }
}

#[tokio::test]
async fn a_row_outside_of_the_condition_is_no_row() {
    for flavor in Flavor::BOTH {
        let (db, mut table) = plain(flavor).await;
        table.filter = Some("v <> 'hidden' -- mine".into());
        let writer = writer(&db, &table);
        writer.open().await.unwrap();
        let rows = committed(&writer, &intent(1, &table, vec![update(1, "one", "hidden")])).await;
        assert_eq!(rows, [ReadbackRow { row: None, key: Some(vec![Value::Int(1)]) }]);
        match writer.prepare(&intent(2, &table, vec![update(1, "hidden", "x")])).await {
            PrepareOutcome::Missed { current: None, .. } => {}
            other => panic!("{other:?}"),
        }
        match writer.prepare(&intent(3, &table, vec![add(&[(0, Value::Int(1))])])).await {
            PrepareOutcome::Exists { row: 0, current: None, .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_taken_key_is_told_from_another_unique_value() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let writer = writer(&db, &table);
        writer.open().await.unwrap();
        let own = add(&[(0, Value::Int(2)), (1, text("x"))]);
        match writer.prepare(&intent(1, &table, vec![own])).await {
            PrepareOutcome::Exists { row: 0, current, .. } => {
                assert_eq!(current, Some(vec![Value::Int(2), text("two")]));
            }
            other => panic!("{other:?}"),
        }
        for work in [add(&[(1, text("two"))]), update(1, "one", "two")] {
            match writer.prepare(&intent(2, &table, vec![work])).await {
                PrepareOutcome::Refused { row: 0, refusal } => {
                    assert!(refusal.may_pass);
                    assert_eq!(
                        refusal.message,
                        "another row has this value already: unique key 'v'"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_constraints_and_triggers_refuse_comes_back_as_a_sentence() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("writing");
        db.sql(
            "CREATE TABLE p (id INT PRIMARY KEY);
             CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(4) NOT NULL, n TINYINT, p INT,
                CONSTRAINT small CHECK (n < 10), CONSTRAINT parent FOREIGN KEY (p) REFERENCES p (id));
             DELIMITER $$
             CREATE TRIGGER no BEFORE UPDATE ON t FOR EACH ROW IF NEW.v = 'stop' THEN
                SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'stop is not a word here'; END IF$$
             DELIMITER ;
             INSERT INTO t VALUES (1, 'one', 1, NULL)",
        );
        let table = resolve(&db, "t").await;
        let writer = writer(&db, &table);
        writer.open().await.unwrap();
        let set = |column, value| RowWork::Update {
            key: vec![Value::Int(1)],
            guard: Vec::new(),
            set: vec![(column, value)],
        };
        for (work, message, column, may_pass) in [
            (set(1, Value::Null), "column 'v' may not be empty", Some(1), false),
            (set(1, text("secret")), "column 'v' takes no text as long as this", Some(1), false),
            (
                set(2, Value::Int(1000)),
                "column 'n' takes no number as large as this",
                Some(2),
                false,
            ),
            (set(2, Value::Int(11)), "check 'small' does not allow it", None, false),
            (
                set(3, Value::Int(7)),
                "it names a row that does not exist in another table: foreign key 'parent'",
                None,
                true,
            ),
            (set(1, text("stop")), "stop is not a word here", None, false),
            (
                add(&[(0, Value::Int(2))]),
                "column 'v' has no default and is not filled",
                Some(1),
                false,
            ),
        ] {
            match writer.prepare(&intent(1, &table, vec![work.clone()])).await {
                PrepareOutcome::Refused { row: 0, refusal } => {
                    let said = (&*refusal.message, refusal.column, refusal.may_pass);
                    assert_eq!(said, (message, column, may_pass), "{flavor:?} {work:?}");
                }
                other => panic!("{flavor:?} {work:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_tried_another_time() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let writer = writer(&db, &table);
        writer.open().await.unwrap();
        let mut somebody = db.session();
        somebody.query("BEGIN; UPDATE t SET v = 'mine' WHERE id = 1");
        match writer.prepare(&intent(1, &table, vec![update(1, "one", "uno")])).await {
            PrepareOutcome::NotNow { lost: false, reason } => {
                assert!(reason.contains("somebody else holds the row"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        somebody.query("ROLLBACK");
        let rows = committed(&writer, &intent(2, &table, vec![update(1, "one", "uno")])).await;
        assert_eq!(rows, [back(1, "uno")]);
    }
}

/// Opens as soon as the server has let the lock of a session go that is gone: it takes its time.
async fn open_soon(writer: &SqlWriter) {
    let open = async {
        while let Err(failure) = writer.open().await {
            assert!(matches!(failure, WriterFailure::Locked { .. }), "{failure:?}");
        }
    };
    timeout(PATIENCE, open).await.unwrap();
}

#[tokio::test]
async fn one_pipeline_has_one_writer_and_a_session_that_is_gone_is_noticed() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let (first, second) = (writer(&db, &table), writer(&db, &table));
        first.open().await.unwrap();
        match second.open().await {
            Err(WriterFailure::Locked { holder }) => {
                assert!(holder.contains(&db.writer.user), "{holder}");
            }
            other => panic!("{other:?}"),
        }
        // The same one may open again: its older session is given up.
        open_soon(&first).await;
        match first.prepare(&intent(1, &table, vec![update(1, "one", "uno")])).await {
            PrepareOutcome::Ready(_) => {}
            other => panic!("{other:?}"),
        }
        let lock = format!("SELECT IS_USED_LOCK('sheetwire/{}')", db.name);
        let id = db.query(&lock)[0][0].clone().unwrap();
        Server::shared(flavor).admin_sql(&format!("KILL {id}"));
        let lost = timeout(PATIENCE, first.commit(1)).await.unwrap();
        assert!(
            matches!(lost, CommitOutcome::Unknown { .. } | CommitOutcome::RolledBack { .. }),
            "{lost:?}"
        );
        match first.prepare(&intent(2, &table, vec![update(1, "one", "uno")])).await {
            PrepareOutcome::NotNow { lost: true, .. } => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(db.query("SELECT v FROM t WHERE id = 1")[0][0].as_deref(), Some("one"));
        open_soon(&second).await;
        let rows = committed(&second, &intent(3, &table, vec![update(1, "one", "uno")])).await;
        assert_eq!(rows, [back(1, "uno")]);
    }
}

#[tokio::test]
async fn an_idle_session_that_is_killed_is_missed_by_its_watch() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let written = WrittenTable { table: table.clone(), rendering: Rendering::default() };
        let clock = Clock::start();
        let writer = SqlWriter::new(options(&db, &db.writer), &db.name, vec![written], clock);
        writer.open().await.unwrap();
        let lock = format!("SELECT IS_USED_LOCK('sheetwire/{}')", db.name);
        let id = db.query(&lock)[0][0].clone().unwrap();
        Server::shared(flavor).admin_sql(&format!("KILL {id}"));
        let missed = timeout(Duration::from_mins(2), writer.lost()).await.unwrap();
        assert!(missed.is_some());
        match writer.prepare(&intent(1, &table, vec![update(1, "one", "uno")])).await {
            PrepareOutcome::NotNow { lost: true, .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Every value that is read is written again as it was.
#[tokio::test]
async fn values_of_every_type_survive_their_way_back() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("writing");
        db.sql(
            "CREATE TABLE t (id INT PRIMARY KEY, a BIGINT UNSIGNED, b DECIMAL(30,10), c DOUBLE, d FLOAT, e BIT(12),
                f YEAR, g VARCHAR(40) CHARACTER SET latin1, h TEXT CHARACTER SET utf8mb4, i VARBINARY(20), j BLOB, k BINARY(4),
                l DATE, m DATETIME(6), n TIMESTAMP(3) NULL, o TIME(6), p ENUM('','a','b'), q SET('x','y','z'), r JSON);
             SET sql_mode = '';
             INSERT INTO t VALUES (1, 18446744073709551615, '12345678901234567890.0123456789', 0.1, 0.1, 4095,
                2155, 'é''\\\\%', '🦀\\n\"', x'00FFC328', x'80', x'0A', '2024-00-15', '9999-12-31 23:59:59.999999',
                '2038-01-19 03:14:07.999', '-838:59:59.000001', 'b', 'x,z', '{\"a\": [1, null]}'),
              (2, 0, '-0.0000000001', -1e300, -0.5, 0, 0, '', '', '', '', '', '0000-00-00', '0000-00-00', 0, 0, '', '', '\"\"')",
        );
        let table = resolve(&db, "t").await;
        let before = selected(&db, &table, 10).await;
        let writer = writer(&db, &table);
        writer.open().await.unwrap();
        let works = before.iter().zip([11, 12]).map(|(row, id)| {
            let mut set: Vec<(u16, Value)> = (0..).zip(row.iter().cloned()).collect();
            set[0].1 = Value::Int(id);
            add(&set)
        });
        let rows = committed(&writer, &intent(1, &table, works.collect())).await;
        for (row, before) in rows.iter().zip(&before) {
            assert_eq!(row.row.as_ref().unwrap()[1..], before[1..], "{flavor:?}");
        }
        let works = before.iter().zip([11, 12]).map(|(row, id)| RowWork::Update {
            key: vec![Value::Int(id)],
            guard: (0..).zip(Rendering::default().row(&table.columns, row)).skip(1).collect(),
            set: (0..).zip(row.iter().cloned()).skip(1).collect(),
        });
        committed(&writer, &intent(2, &table, works.collect())).await;
        let mut after = selected(&db, &table, 10).await;
        after.retain(|row| matches!(row[0], Value::Int(11 | 12)));
        for (row, before) in after.iter().zip(&before) {
            assert_eq!(row[1..], before[1..], "{flavor:?}");
        }
    }
}

#[tokio::test]
async fn the_grant_that_is_missing_is_printed_column_by_column_and_is_enough() {
    for flavor in Flavor::BOTH {
        let (db, table) = plain(flavor).await;
        let plan = WritePlan { table: table.clone(), columns: vec![1], removes: false };
        let plans = [plan];
        let request = WriterRequest { plans: &plans, apart: false };
        let mut session = Session::open(&options(&db, &db.reader)).await.unwrap();
        let found = preflight(&mut session, &request).await.unwrap();
        assert_eq!(found[0].level, Level::Fail, "{found:#?}");
        let grant = found[0].cure.clone();
        assert!(grant.starts_with("GRANT SELECT, INSERT (`id`, `v`), UPDATE (`v`) ON"), "{grant}");
        Server::shared(flavor).admin_sql(&grant);
        let mut session = Session::open(&options(&db, &db.reader)).await.unwrap();
        let found = preflight(&mut session, &request).await.unwrap();
        assert!(found.iter().all(|one| one.level == Level::Info), "{found:#?}");
        let written = WrittenTable { table: table.clone(), rendering: Rendering::default() };
        let options = options(&db, &db.reader);
        let writer = SqlWriter::new(options, &db.name, vec![written], Clock::start());
        writer.open().await.unwrap();
        let works = vec![update(1, "one", "uno"), add(&[(1, text("new"))])];
        assert_eq!(
            committed(&writer, &intent(1, &table, works)).await,
            [back(1, "uno"), back(3, "new")]
        );
    }
}
