//! Every type, at its edges: the decoder's value, the value of `SELECT` and the client's own text are one.

use std::fmt::Write as _;

use sheetwire_engine::value::{Column, ColumnKind, Date, Value};

use super::door::{changes, folded, heard_of, resolve, selected, set_aside};
use crate::support::servers::{Flavor, Server, ServerOptions};

/// Columns both flavours have.
pub(super) const COLUMNS: &str = "
    id INT PRIMARY KEY,
    i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, u16 SMALLINT UNSIGNED, i24 MEDIUMINT, u24 MEDIUMINT UNSIGNED,
    i32 INT, u32 INT UNSIGNED, i64 BIGINT, u64 BIGINT UNSIGNED, zf INT(8) UNSIGNED ZEROFILL, b BOOLEAN,
    d1 DECIMAL(65,30), d2 DECIMAL(18,18), d3 DECIMAL(10,0), d4 DECIMAL(9,2) UNSIGNED ZEROFILL,
    f FLOAT, f2 FLOAT(7,3), dbl DOUBLE,
    bit1 BIT(1), bit12 BIT(12), bit64 BIT(64), y YEAR,
    da DATE, dt0 DATETIME, dt3 DATETIME(3), dt6 DATETIME(6), ts0 TIMESTAMP NULL, ts1 TIMESTAMP(1) NULL, ts6 TIMESTAMP(6) NULL,
    t0 TIME, t2 TIME(2), t3 TIME(3), t6 TIME(6),
    c CHAR(20) CHARACTER SET utf8mb4, vc VARCHAR(300) CHARACTER SET utf8mb4, tx TEXT CHARACTER SET utf8mb4, mt MEDIUMTEXT CHARACTER SET utf8mb4,
    l1 VARCHAR(40) CHARACTER SET latin1, lt TEXT CHARACTER SET latin1, u2 VARCHAR(40) CHARACTER SET ucs2, u16t VARCHAR(40) CHARACTER SET utf16,
    u16c CHAR(10) CHARACTER SET utf16, u32t TEXT CHARACTER SET utf32, asc1 VARCHAR(10) CHARACTER SET ascii, k8 VARCHAR(20) CHARACTER SET koi8r,
    w1250 VARCHAR(20) CHARACTER SET cp1250, gr CHAR(9) CHARACTER SET greek,
    bin BINARY(8), vb VARBINARY(300), bl BLOB, tb TINYBLOB, lb LONGBLOB,
    en ENUM('a','b''c','d,e','') CHARACTER SET utf8mb4, se SET('x','y','z w') CHARACTER SET utf8mb4,
    enl ENUM('é','ü') CHARACTER SET latin1, sel SET('ä','ö') CHARACTER SET latin1,
    gen INT GENERATED ALWAYS AS (id + 1) VIRTUAL, gens VARCHAR(20) GENERATED ALWAYS AS (CONCAT('g', id)) STORED,
    js JSON";

/// Rows: the columns to set, for statements of the form `INSERT INTO t SET ...`.
const ROWS: &[&str] = &[
    "id = 1",
    "id = 2, i8 = -128, u8 = 255, i16 = -32768, u16 = 65535, i24 = -8388608, u24 = 16777215, i32 = -2147483648, \
     u32 = 4294967295, i64 = -9223372036854775808, u64 = 18446744073709551615, zf = 42, b = 1",
    "id = 3, i8 = 127, u8 = 0, i16 = 32767, i24 = 8388607, i32 = 2147483647, i64 = 9223372036854775807, u64 = 0",
    "id = 4, i8 = -1, i16 = -1, i24 = -1, i32 = -1, i64 = -1",
    "id = 5, d1 = 99999999999999999999999999999999999.999999999999999999999999999999, d2 = -0.999999999999999999, d3 = -9999999999, d4 = 12.5",
    "id = 6, d1 = -0.000000000000000000000000000001, d2 = 0, d3 = 0, d4 = 0",
    "id = 7, f = 3.402823466e38, f2 = 1234.567, dbl = 1.7976931348623157e308",
    "id = 8, f = -1.175494351e-38, dbl = 2.2250738585072014e-308",
    "id = 9, f = 0.1, f2 = -0.001, dbl = 0.1",
    "id = 10, bit1 = 1, bit12 = b'101010101010', bit64 = 18446744073709551615, y = 1901",
    "id = 11, bit1 = 0, bit12 = 0, bit64 = 1, y = 2155",
    "id = 12, y = 0",
    "id = 13, da = '0000-00-00', dt0 = '0000-00-00', dt6 = '0000-00-00', ts0 = 0, ts6 = 0, t0 = 0",
    "id = 14, da = '2024-00-15', dt0 = '2024-00-00 10:11:12', dt3 = '0000-01-01 00:00:00.001'",
    "id = 15, da = '9999-12-31', dt0 = '9999-12-31 23:59:59', dt3 = '9999-12-31 23:59:59.999', dt6 = '9999-12-31 23:59:59.999999'",
    "id = 16, da = '1000-01-01', dt6 = '1000-01-01 00:00:00.000001', ts0 = '1970-01-01 00:00:01', ts1 = '1970-01-01 00:00:01.1', ts6 = '2038-01-19 03:14:07.999999'",
    "id = 17, t0 = '838:59:59', t2 = '-838:59:58.99', t3 = '00:00:00.001', t6 = '-00:00:00.000001'",
    "id = 18, t0 = '-838:59:59', t2 = '-00:00:00.01', t3 = '-100:00:00.999', t6 = '838:59:58.999999'",
    "id = 19, t0 = '-00:00:01', t2 = '25:00:00', t3 = '-00:00:01', t6 = '-01:00:00.5'",
    "id = 20, c = 'añ😀 ', vc = '', tx = ' leading, trailing ', mt = '=1+1', l1 = 'café €', lt = 'ÿ', u2 = 'żółć', u16t = 'a😀b', \
     u16c = 'x ', u32t = '😀', asc1 = '~', k8 = 'привет', w1250 = 'Łódź', gr = 'αβγ'",
    "id = 21, c = '', vc = REPEAT('é', 300), tx = REPEAT('x', 60000), l1 = '', u2 = '', u16t = '', u32t = ''",
    "id = 22, bin = x'00', vb = x'00ff00', bl = x'', tb = x'0a', lb = REPEAT(x'fe', 70000)",
    "id = 23, bin = x'ff00000000000000', vb = REPEAT(x'80', 300), bl = x'00', lb = x''",
    "id = 24, en = 'a', se = '', enl = 'é', sel = 'ä,ö'",
    "id = 25, en = 'b''c', se = 'x,z w', enl = 'ü', sel = 'ö'",
    "id = 26, en = 'd,e', se = 'y'",
    "id = 27, en = ''",
    "id = 28, l1 = UNHEX('80818D8F909D9EA0')",
];

/// Documents, for the flavour with binary JSON.
const DOCUMENTS: &[&str] = &[
    "'{}'",
    "'[]'",
    "'null'",
    "'\"\"'",
    "'true'",
    "'-1'",
    "'0'",
    "'65535'",
    "'-32769'",
    "'4294967296'",
    "'18446744073709551615'",
    "'1.0'",
    "'1.5'",
    "'1e15'",
    "'1e14'",
    "'-1e300'",
    "'1e-15'",
    "'1e-16'",
    "'0.1'",
    "'123456789012345680.0'",
    "'5e-324'",
    r#"'{"b": 1, "aa": [1, 2, {"c": null}], "a": "x"}'"#,
    r#"'["quote \\" backslash \\\\ slash / tab \\t nl \\n bell \\u0007 é 😀"]'"#,
    "JSON_OBJECT('d', CAST('12345.678900' AS DECIMAL(20,6)), 'n', CAST('-0.5' AS DECIMAL(3,2)))",
    "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('2024-02-29 01:02:03.000004' AS DATETIME(6)), CAST('-12:00:01.5' AS TIME(1)), CAST('100:00:00' AS TIME), TIMESTAMP'2020-01-01 00:00:00')",
    "JSON_ARRAY(CAST(x'00ff10' AS BINARY), b'101', CAST(REPEAT('q', 200) AS BINARY))",
    "JSON_ARRAY(CAST('2024' AS YEAR))",
    "CAST(CONCAT('[', REPEAT('12345,', 20000), '1]') AS JSON)",
    "JSON_OBJECT('big', REPEAT('x', 70000), 'small', 70000, 'neg', -70000, 'list', JSON_ARRAY(1, 2))",
    "JSON_OBJECT('long', REPEAT('y', 200), REPEAT('k', 300), 1)",
    "'[[[[[[[[[[1]]]]]]]]]]'",
];

/// All the rows as one script.
pub(super) fn script(flavor: Flavor) -> String {
    let mut sql = String::from("SET sql_mode = ''; SET time_zone = '+03:00';");
    for row in ROWS {
        let _ = write!(sql, "INSERT INTO t SET {row};");
    }
    if flavor == Flavor::MariaDb {
        sql.push_str(r#"INSERT INTO t SET id = 100, js = '{ "b":1,"a": [1 ,2]}';"#);
        return sql;
    }
    for (number, document) in DOCUMENTS.iter().enumerate() {
        let _ = write!(sql, "INSERT INTO t SET id = {}, js = {document};", 100 + number);
    }
    sql
}

async fn compare(server: &Server, what: &str) {
    let db = server.database("types");
    db.sql(&format!("SET sql_mode = ''; CREATE TABLE t ({COLUMNS})"));
    let table = resolve(&db, "t").await;
    let events = heard_of(&db, std::slice::from_ref(&table), &script(server.flavor())).await;
    assert_eq!(set_aside(&events), Vec::<String>::new(), "{what}");
    let heard = folded(&changes(&events));
    let read = selected(&db, &table, 7).await;
    assert_eq!(heard.len(), read.len(), "{what}");
    for (heard, read) in heard.iter().zip(&read) {
        for (column, (heard, read)) in table.columns.iter().zip(heard.iter().zip(read)) {
            assert_eq!(heard, read, "{what}: column {}", column.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_the_same_in_the_log_and_in_select() {
    for flavor in Flavor::BOTH {
        compare(Server::shared(flavor), flavor.name()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_need_no_full_metadata() {
    for flavor in Flavor::BOTH {
        let options = ServerOptions::with_extra(&["binlog_row_metadata=MINIMAL"]);
        compare(&Server::private(flavor, options), flavor.name()).await;
    }
}

/// The value as the server's own client prints it, in UTC; bytes in hexadecimal.
fn printed(kind: &ColumnKind, value: &Value) -> Option<String> {
    let fraction = |fsp: u8, micros: u64| match fsp {
        0 => String::new(),
        places => format!(".{:06}", micros % 1_000_000)[..=usize::from(places)].to_owned(),
    };
    let clock = |micros: u64| {
        let seconds = micros / 1_000_000;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    let day = |date: &Date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    Some(match (kind, value) {
        (_, Value::Null) => return None,
        (ColumnKind::Year, Value::Int(year)) => format!("{year:04}"),
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::UInt(number)) => number.to_string(),
        (_, Value::Decimal(text) | Value::Text(text)) => text.clone(),
        (_, Value::Bytes(bytes)) => hexadecimal(bytes),
        (_, Value::Date(date)) => day(date),
        (ColumnKind::DateTime { fsp }, Value::DateTime(at)) => {
            format!("{} {}{}", day(&at.date), clock(at.micros), fraction(*fsp, at.micros))
        }
        (ColumnKind::Timestamp { fsp }, Value::Timestamp(None)) => {
            format!("0000-00-00 00:00:00{}", fraction(*fsp, 0))
        }
        (ColumnKind::Timestamp { fsp }, Value::Timestamp(Some(micros))) => {
            let at = jiff::Timestamp::from_microsecond(*micros).unwrap();
            let text = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            format!("{text}{}", fraction(*fsp, micros.unsigned_abs()))
        }
        (ColumnKind::Time { fsp }, Value::Time(micros)) => {
            let sign = if *micros < 0 { "-" } else { "" };
            format!(
                "{sign}{}{}",
                clock(micros.unsigned_abs()),
                fraction(*fsp, micros.unsigned_abs())
            )
        }
        (kind, value) => panic!("{kind:?} {value:?}"),
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// How to ask the client for a column so that its answer can be compared: bits as numbers, bytes in hexadecimal, the sums of
/// `ZEROFILL` without their zeros.
fn asked(column: &Column) -> String {
    let name = &column.name;
    match &column.kind {
        ColumnKind::Bit { .. } => format!("CAST({name} + 0 AS CHAR)"),
        ColumnKind::Bytes { .. } => format!("HEX({name})"),
        ColumnKind::Int { unsigned: true, .. } => format!("CAST({name} AS UNSIGNED)"),
        ColumnKind::Decimal { precision, scale } => {
            format!("CAST({name} AS DECIMAL({precision},{scale}))")
        }
        _ => name.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_print_as_the_servers_own_client_prints_them() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("printed");
        db.sql(&format!("SET sql_mode = ''; CREATE TABLE t ({COLUMNS})"));
        let table = resolve(&db, "t").await;
        let events = heard_of(&db, std::slice::from_ref(&table), &script(flavor)).await;
        for (index, column) in table.columns.iter().enumerate() {
            // Floating numbers are printed rounded; that they are exact is claimed bit by bit above.
            if matches!(column.kind, ColumnKind::Float | ColumnKind::Double) {
                continue;
            }
            let statement = format!(
                "SET time_zone = '+00:00'; SELECT id, {} FROM t ORDER BY id",
                asked(column)
            );
            for row in db.query(&statement) {
                let id = Value::Int(row[0].as_deref().unwrap().parse().unwrap());
                let heard =
                    changes(&events).into_iter().find(|change| change.key[0] == id).unwrap();
                let value = &heard.after.unwrap()[index];
                assert_eq!(
                    printed(&column.kind, value),
                    row[1],
                    "{flavor:?}: {} of row {id:?}",
                    column.name
                );
            }
        }
    }
}
