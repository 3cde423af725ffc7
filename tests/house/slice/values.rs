//! Every supported type with odd values: equal by the oracle from a first copy and from the stream.

use super::{LONG, Mapped, Stage};
use crate::support::{servers::Flavor, wait::wait_until};

on_both! { every_type_with_odd_values_is_equal_from_the_copy_and_from_the_stream }

/// Name, type, and values as SQL; each list is padded with NULL.
const COMMON: &[(&str, &str, &[&str])] = &[
    ("i8", "TINYINT", &["-128", "127", "0"]),
    ("u8", "TINYINT UNSIGNED", &["255", "0", "1"]),
    ("i16", "SMALLINT", &["-32768", "32767", "0"]),
    ("u16", "SMALLINT UNSIGNED", &["65535", "1", "0"]),
    ("i24", "MEDIUMINT", &["-8388608", "8388607", "-1"]),
    ("u24", "MEDIUMINT UNSIGNED", &["16777215", "8388608", "0"]),
    ("i32", "INT", &["-2147483648", "2147483647", "0"]),
    ("u32", "INT UNSIGNED", &["4294967295", "2147483648", "0"]),
    ("i64", "BIGINT", &["-9223372036854775808", "9223372036854775807", "9007199254740993"]),
    ("u64", "BIGINT UNSIGNED", &["18446744073709551615", "9223372036854775808", "0"]),
    ("dec_s", "DECIMAL(10,2)", &["-99999999.99", "0.01", "0"]),
    (
        "dec_l",
        "DECIMAL(65,30)",
        &[
            "-12345678901234567890123456789012345.123456789012345678901234567890",
            "0.000000000000000000000000000001",
            "0",
        ],
    ),
    ("dec_i", "DECIMAL(15,0)", &["999999999999999", "-1", "0"]),
    ("f32", "FLOAT", &["0.1", "-3.40282e38", "1.17549e-38"]),
    ("f64", "DOUBLE", &["0.1", "-1.7976931348623157e308", "5e-300"]),
    ("bits", "BIT(9)", &["b'111111111'", "b'0'", "b'101'"]),
    ("bits64", "BIT(64)", &["0xFFFFFFFFFFFFFFFF", "0", "1"]),
    ("y", "YEAR", &["1901", "2155", "2024"]),
    ("d", "DATE", &["'1000-01-01'", "'9999-12-31'", "'2024-02-29'"]),
    (
        "dt",
        "DATETIME",
        &["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-29 12:34:56'"],
    ),
    (
        "dt6",
        "DATETIME(6)",
        &["'2024-02-29 12:34:56.000001'", "'1999-12-31 23:59:59.999999'", "'2024-01-01 00:00:00'"],
    ),
    (
        "ts",
        "TIMESTAMP NULL",
        &["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2024-03-31 02:30:00'"],
    ),
    (
        "ts3",
        "TIMESTAMP(3) NULL",
        &["'2024-02-29 12:34:56.007'", "'1999-12-31 23:59:59.999'", "'2024-01-01 00:00:00'"],
    ),
    ("t", "TIME", &["'-838:59:59'", "'838:59:59'", "'00:00:00'"]),
    ("t2", "TIME(2)", &["'-00:00:00.01'", "'23:59:59.99'", "'-12:00:00'"]),
    ("c", "CHAR(12)", &["'trailing   '", "''", "'żółw 🐢'"]),
    ("v", "VARCHAR(300)", &["'=1+1'", "''", "'\\'+1 007 '"]),
    ("quote", "VARCHAR(40)", &["'\"\"'", "'\\\\\\\\\"\"'", "'\"x\"'"]),
    ("lat", "VARCHAR(20) CHARACTER SET latin1", &["'Grüße €'", "''", "'plain'"]),
    ("txt", "TEXT", &["'two\\nlines\\tand a tab'", "'007'", "'TRUE'"]),
    ("long_one", "MEDIUMTEXT", &["REPEAT('ä', 20000)", "''", "' lead'"]),
    ("en", "ENUM('a','b,c','ümlaut','')", &["'a'", "'ümlaut'", "'b,c'"]),
    ("se", "SET('x','y','z')", &["'x,z'", "''", "'y'"]),
    ("fix", "BINARY(4)", &["0x00FF", "''", "0x61626364"]),
    ("bin", "VARBINARY(20)", &["0x00FF00", "''", "'text'"]),
    ("blo", "BLOB", &["0xDEADBEEF", "''", "REPEAT(0xAB, 3000)"]),
];

const OF_MYSQL: &[(&str, &str, &[&str])] = &[(
    "js",
    "JSON",
    &[
        r#"'{"b": [1, 2.50, null, true], "a": "żółw \\"q\\"", "": {}}'"#,
        "'\"text\"'",
        "CAST('[18446744073709551615, -1, 1e100, \"2024\"]' AS JSON)",
    ],
)];

const OF_MARIADB: &[(&str, &str, &[&str])] =
    &[("js", "JSON", &[r#"'{"b":  [1, 2.50]}'"#, "'\"text\"'", "'[]'"])];

fn every_type_with_odd_values_is_equal_from_the_copy_and_from_the_stream(flavor: Flavor) {
    let of_flavor = match flavor {
        Flavor::MySql => OF_MYSQL,
        Flavor::MariaDb => OF_MARIADB,
    };
    let columns: Vec<_> = COMMON.iter().chain(of_flavor).collect();
    let mut names = vec!["id"];
    names.extend(columns.iter().map(|(name, ..)| *name));
    let stage = Stage::new(flavor, &[Mapped::new("v", &names)]);
    let declared: Vec<String> =
        columns.iter().map(|(name, kind, _)| format!("`{name}` {kind}")).collect();
    let zeroes = "SET SESSION sql_mode = ''";
    stage.db.sql(&format!(
        "CREATE TABLE v (id INT PRIMARY KEY, {}) CHARACTER SET utf8mb4",
        declared.join(", ")
    ));
    let insert = |base: usize| {
        let rows: Vec<String> = (0..4)
            .map(|at| {
                let cells: Vec<&str> = columns
                    .iter()
                    .map(|(.., values)| values.get(at).copied().unwrap_or("NULL"))
                    .collect();
                format!("({}, {})", base + at, cells.join(", "))
            })
            .collect();
        stage.db.sql(&format!(
            "{zeroes}; INSERT INTO v VALUES {};
             INSERT INTO v (id, d, dt, dt6) VALUES ({}, '0000-00-00', '2024-00-15 10:00:00', '0000-00-00 00:00:00')",
            rows.join(", "),
            base + 9
        ));
    };
    insert(0);
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    insert(100);
    wait_until(LONG, "the rows of the stream", || stage.grid("book", "Tab v!A2:A20").len() == 10);
    stage.wait_equal(&mut running);
    // Every value takes the place of another one of its column.
    let turn: Vec<String> = columns
        .iter()
        .map(|(name, _, values)| format!("`{name}` = {}", values[values.len() - 1]))
        .collect();
    stage.db.sql(&format!("{zeroes}; UPDATE v SET {} WHERE id IN (1, 3, 100)", turn.join(", ")));
    let nulls: Vec<String> = columns.iter().map(|(name, ..)| format!("`{name}` = NULL")).collect();
    stage.db.sql(&format!("{zeroes}; UPDATE v SET {} WHERE id IN (2, 101)", nulls.join(", ")));
    stage.wait_equal(&mut running);
    let status = stage.status().unwrap();
    assert_eq!(status["tables"][0]["set_aside"], false, "{status:#?}");
}
