//! Our row decoder against that of `mysql_common`: the same bytes of the same log, read by both. Where the other one is known to err, the
//! difference is expected by name, so that a new one in either is seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    panic::{self, AssertUnwindSafe},
};

use futures_util::StreamExt as _;
use mysql_async::{
    BinlogStreamRequest, Conn, OptsBuilder, Value as Plain,
    binlog::{events::EventData, value::BinlogValue},
};
use serde_json::Value as Json;
use sheetwire_engine::value::{Column, ColumnKind, Date, DateTime, Value};

use super::{
    door::{changes, heard_of, resolve, set_aside},
    types::{COLUMNS, script},
};
use crate::support::{
    database::Database,
    servers::{Flavor, Server},
};

/// What `mysql_common` is known to read wrongly (0.37.3): the column, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// A signed `MEDIUMINT` below zero comes without its sign.
    MediumintSign,
    /// The year 0000 comes as 1900.
    YearZero,
    /// A decimal inside of a document comes as text.
    DecimalInDocument,
    /// Bytes inside of a document are printed in one line; the server breaks it every 76 letters.
    LongBytesInDocument,
    /// A negative `TIME(1)` or `TIME(2)` with a fraction is subtracted below zero: a panic where that is checked, nonsense where it is not.
    NegativeTimeFraction,
}

/// A row as the other decoder reads it; none where it panics.
type Image = Option<Vec<BinlogValue<'static>>>;

/// What the log holds, as the other decoder reads it: the row as it is after each change, or was before it. Events hold one row each.
async fn their_rows(db: &Database, (file, offset): (String, u64)) -> Vec<Image> {
    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(db.port)
        .user(Some(&db.reader.user))
        .pass(Some(&db.reader.password))
        .prefer_socket(false);
    let conn = Conn::new(options).await.unwrap();
    let request = BinlogStreamRequest::new(3_000_000 + std::process::id())
        .with_filename(file.as_bytes())
        .with_pos(offset)
        .with_non_blocking();
    let mut stream = conn.get_binlog_stream(request).await.unwrap();
    let mut rows = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        // Events of MariaDB's own are not among those it knows; rows and their tables are.
        let Ok(Some(EventData::RowsEvent(data))) = event.read_data() else { continue };
        let Some(map) = stream.get_tme(data.table_id()) else { continue };
        if map.database_name() != db.name {
            continue;
        }
        let read = AssertUnwindSafe(|| data.rows(map).map(Result::unwrap).collect::<Vec<_>>());
        let Ok(read) = panic::catch_unwind(read) else {
            rows.push(None);
            continue;
        };
        rows.extend(read.into_iter().map(|(before, after)| Some(after.or(before)?.unwrap())));
    }
    rows
}

/// Where the next event will stand.
fn log_end(server: &Server) -> (String, u64) {
    let statement = match server.flavor() {
        Flavor::MySql => "SHOW BINARY LOG STATUS",
        Flavor::MariaDb => "SHOW MASTER STATUS",
    };
    let row = server.admin_sql(statement).remove(0);
    (row[0].clone().unwrap(), row[1].as_deref().unwrap().parse().unwrap())
}

/// Character set of each column that has one.
fn charsets(db: &Database) -> BTreeMap<String, String> {
    let rows = db.query(
        "SELECT COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND CHARACTER_SET_NAME IS NOT NULL",
    );
    rows.into_iter().map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap())).collect()
}

/// Bytes as text, by the server's own conversion. Hexadecimal, since its client cannot print every character.
fn converted(db: &Database, charset: &str, bytes: &[u8]) -> String {
    if ["utf8mb4", "utf8mb3", "ascii"].contains(&charset) {
        return String::from_utf8(bytes.to_vec()).unwrap();
    }
    let hex = hexadecimal(bytes);
    let sql = format!("SELECT HEX(CONVERT(CONVERT(UNHEX('{hex}') USING {charset}) USING utf8mb4))");
    let hex = db.query(&sql)[0][0].clone().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    String::from_utf8((0..hex.len()).step_by(2).map(byte).collect()).unwrap()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// One value of theirs as ours would be, if they agreed.
fn translated(db: &Database, column: &Column, charset: Option<&String>, theirs: &Plain) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let bits = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let day = |year: u16, month: u8, day: u8| Date { year, month, day };
    let clock = |hour: u8, minute: u8, second: u8, micros: u32| {
        let seconds = u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second);
        seconds * 1_000_000 + u64::from(micros)
    };
    match (&column.kind, theirs) {
        (_, Plain::NULL) => Value::Null,
        (ColumnKind::Int { unsigned: true, .. }, Plain::Int(number)) => {
            Value::UInt(u64::try_from(*number).unwrap())
        }
        (ColumnKind::Int { .. }, Plain::Int(number)) => Value::Int(*number),
        (ColumnKind::Int { .. }, Plain::UInt(number)) => Value::UInt(*number),
        (ColumnKind::Decimal { .. }, Plain::Bytes(bytes)) => Value::Decimal(text(bytes)),
        (ColumnKind::Float, Plain::Float(number)) => Value::Float(*number),
        (ColumnKind::Double, Plain::Double(number)) => Value::Double(*number),
        (ColumnKind::Bit { .. }, Plain::Bytes(bytes)) => Value::UInt(bits(bytes)),
        (ColumnKind::Year, Plain::Bytes(bytes)) => Value::Int(text(bytes).parse().unwrap()),
        (ColumnKind::Text, Plain::Bytes(bytes)) => {
            Value::Text(converted(db, charset.map_or("utf8mb4", String::as_str), bytes))
        }
        (ColumnKind::Bytes { fixed }, Plain::Bytes(bytes)) => {
            let mut bytes = bytes.clone();
            // The log leaves out the zeros at the end of a BINARY.
            bytes.resize(fixed.map_or(bytes.len(), usize::from), 0);
            Value::Bytes(bytes)
        }
        (ColumnKind::Date, Plain::Date(y, m, d, ..)) => Value::Date(day(*y, *m, *d)),
        (ColumnKind::DateTime { .. }, Plain::Date(y, m, d, hour, minute, second, micros)) => {
            let micros = clock(*hour, *minute, *second, *micros);
            Value::DateTime(DateTime { date: day(*y, *m, *d), micros })
        }
        (ColumnKind::Timestamp { .. }, Plain::Bytes(bytes)) => {
            let text = text(bytes);
            let (seconds, fraction) = text.split_once('.').unwrap_or((&text, "0"));
            let (seconds, micros): (i64, i64) =
                (seconds.parse().unwrap(), fraction.parse().unwrap());
            let at = seconds * 1_000_000 + micros;
            Value::Timestamp((at != 0).then_some(at))
        }
        (ColumnKind::Time { .. }, Plain::Time(negative, days, hour, minute, second, micros)) => {
            let within = i64::try_from(clock(*hour, *minute, *second, *micros)).unwrap();
            let magnitude = i64::from(*days) * 86_400_000_000 + within;
            Value::Time(if *negative { -magnitude } else { magnitude })
        }
        (ColumnKind::Enum(labels), Plain::Int(number)) => {
            let label = usize::try_from(*number).unwrap().checked_sub(1).map(|at| &labels[at]);
            Value::Text(label.cloned().unwrap_or_default())
        }
        (ColumnKind::Set(labels), Plain::Bytes(bytes)) => {
            let bits = bits(&bytes.iter().rev().copied().collect::<Vec<_>>());
            let chosen = labels.iter().zip(0..).filter(|(_, bit)| bits >> bit & 1 == 1);
            let chosen: Vec<&str> = chosen.map(|(label, _)| label.as_str()).collect();
            Value::Text(chosen.join(","))
        }
        (kind, value) => panic!("{}: {kind:?} from {value:?}", column.name),
    }
}

/// What sets the two apart, where it is known; the values themselves where it is not.
fn difference(column: &Column, ours: &Value, theirs: &Value) -> Result<Known, String> {
    match (&column.kind, ours, theirs) {
        (ColumnKind::Int { bits: 24, unsigned: false }, Value::Int(ours), Value::Int(theirs))
            if *ours < 0 && *theirs == ours + (1 << 24) =>
        {
            Ok(Known::MediumintSign)
        }
        (ColumnKind::Year, Value::Int(0), Value::Int(1900)) => Ok(Known::YearZero),
        _ => Err(format!("{}: {ours:?}, and they read {theirs:?}", column.name)),
    }
}

/// Whether two documents are the same, but for what is known.
fn same_document(ours: &Json, theirs: &Json, known: &mut BTreeSet<Known>) -> bool {
    match (ours, theirs) {
        (Json::Array(ours), Json::Array(theirs)) => {
            let mut pairs = ours.iter().zip(theirs);
            ours.len() == theirs.len() && pairs.all(|(a, b)| same_document(a, b, known))
        }
        (Json::Object(ours), Json::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| {
                    theirs.get(key).is_some_and(|other| same_document(value, other, known))
                })
        }
        (Json::Number(ours), Json::String(theirs)) => {
            known.insert(Known::DecimalInDocument);
            ours.as_f64() == theirs.parse().ok()
        }
        (Json::String(ours), Json::String(theirs)) if ours != theirs => {
            known.insert(Known::LongBytesInDocument);
            ours.starts_with("base64:") && ours.replace('\n', "") == *theirs
        }
        (Json::Number(ours), Json::Number(theirs)) => {
            // 1.0 is a double, and printed as one, on both sides.
            ours == theirs || ours.as_f64() == theirs.as_f64()
        }
        (ours, theirs) => ours == theirs,
    }
}

/// The rows that the other decoder panics at, without what makes it panic.
const MORE_ROWS: &str = "
    INSERT INTO t SET id = 1017, t0 = '838:59:59', t2 = '838:59:58.99', t3 = '00:00:00.001', t6 = '-00:00:00.000001';
    INSERT INTO t SET id = 1018, t0 = '-838:59:59', t2 = '-00:00:01', t3 = '-100:00:00.999', t6 = '838:59:58.999999';";

#[tokio::test(flavor = "multi_thread")]
async fn both_decoders_read_the_same_out_of_one_log_but_for_the_faults_that_are_known() {
    for flavor in Flavor::BOTH {
        let server = Server::shared(flavor);
        let db = server.database("differential");
        db.sql(&format!("SET sql_mode = ''; CREATE TABLE t ({COLUMNS})"));
        let (table, charsets) = (resolve(&db, "t").await, charsets(&db));
        let begin = log_end(server);
        // Every row is written, changed and removed, one by one, so that images of all kinds are read.
        let mut sql = script(flavor) + MORE_ROWS;
        for id in (1..=28).chain(1017..=1018) {
            let _ = write!(sql, "UPDATE t SET zf = COALESCE(zf, 0) + 1 WHERE id = {id};");
        }
        for id in 1..=28 {
            let _ = write!(sql, "DELETE FROM t WHERE id = {id};");
        }
        let events = heard_of(&db, std::slice::from_ref(&table), &sql).await;
        assert_eq!(set_aside(&events), Vec::<String>::new());
        let (ours, theirs) = (changes(&events), their_rows(&db, begin).await);
        assert_eq!(ours.len(), theirs.len(), "{flavor:?}");
        assert!(ours.len() > 50, "{flavor:?}: {} images", ours.len());
        let (mut known, mut unknown, mut values) = (BTreeSet::new(), Vec::new(), 0);
        for (change, image) in ours.iter().zip(&theirs) {
            let Some(image) = image else {
                let broken = [Value::Int(17), Value::Int(18)];
                assert!(broken.contains(&change.key[0]), "they panic at {:?}", change.key);
                known.insert(Known::NegativeTimeFraction);
                continue;
            };
            // Of a row that is gone only its key is told.
            let Some(after) = &change.after else {
                let BinlogValue::Value(key) = &image[0] else { panic!("{:?}", image[0]) };
                assert_eq!(change.key, [translated(&db, &table.columns[0], None, key)]);
                continue;
            };
            for ((column, ordinal), ours) in table.columns.iter().zip(&table.ordinals).zip(after) {
                values += 1;
                match &image[*ordinal] {
                    BinlogValue::Value(theirs) => {
                        let charset = charsets.get(&column.name);
                        let theirs = translated(&db, column, charset, theirs);
                        if *ours != theirs {
                            match difference(column, ours, &theirs) {
                                Ok(fault) => drop(known.insert(fault)),
                                Err(words) => unknown.push(words),
                            }
                        }
                    }
                    BinlogValue::Jsonb(document) => {
                        let theirs = Json::from(document.clone().parse().unwrap());
                        let Value::Text(text) = ours else { panic!("{ours:?}") };
                        let ours: Json = serde_json::from_str(text).unwrap();
                        if !same_document(&ours, &theirs, &mut known) {
                            unknown.push(format!("{}: {ours} and {theirs}", column.name));
                        }
                    }
                    other @ BinlogValue::JsonDiff(_) => panic!("{}: {other:?}", column.name),
                }
            }
        }
        assert!(unknown.is_empty(), "{flavor:?}: of {values} values differ {unknown:#?}");
        let mut wanted =
            BTreeSet::from([Known::MediumintSign, Known::YearZero, Known::NegativeTimeFraction]);
        if flavor == Flavor::MySql {
            // MariaDB's documents are text.
            wanted.extend([Known::DecimalInDocument, Known::LongBytesInDocument]);
        }
        assert_eq!(known, wanted, "{flavor:?}: a known fault is mended, and can be struck off");
    }
}
