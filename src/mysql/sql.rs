//! Statements as text: quoted names, selects by key, and values as parameters.

use mysql_async::Value as Param;
use sheetwire_engine::value::{Column, ColumnKind, Value};

use crate::ports::MappedTable;

/// A name in backticks.
pub fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `schema`.`table`, quoted.
pub fn table_name(database: &str, table: &str) -> String {
    format!("{}.{}", name(database), name(table))
}

/// `SELECT` of the mapped columns, with the table's own condition and more of them.
pub fn select(table: &MappedTable, conditions: &[String]) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| name(&column.name)).collect();
    let filter = table.filter.iter().map(|filter| format!("({filter}\n)"));
    let all: Vec<String> = conditions.iter().cloned().chain(filter).collect();
    let mut statement =
        format!("SELECT {} FROM {}", columns.join(", "), table_name(&table.database, &table.table));
    if !all.is_empty() {
        statement.push_str(" WHERE ");
        statement.push_str(&all.join(" AND "));
    }
    statement
}

/// The key columns, in the order of the key.
pub fn key_columns(table: &MappedTable) -> Vec<&Column> {
    table.key.iter().map(|index| &table.columns[*index]).collect()
}

/// `ORDER BY` the key.
pub fn order_by_key(table: &MappedTable) -> String {
    let names: Vec<String> = key_columns(table).iter().map(|column| name(&column.name)).collect();
    format!(" ORDER BY {}", names.join(", "))
}

/// A condition for the rows behind a key, written out column by column so that the server walks its index, and its parameters.
pub fn behind(table: &MappedTable, key: &[Value]) -> (String, Vec<Param>) {
    let columns = key_columns(table);
    let mut params = Vec::new();
    let mut ways = Vec::with_capacity(columns.len());
    for last in 0..columns.len() {
        let mut parts = Vec::with_capacity(last + 1);
        for (place, column) in columns[..=last].iter().enumerate() {
            let sign = if place == last { '>' } else { '=' };
            parts.push(format!("{} {sign} {}", name(&column.name), place_holder(&column.kind)));
            params.push(param(&column.kind, &key[place]));
        }
        ways.push(format!("({})", parts.join(" AND ")));
    }
    if columns.len() < 2 {
        return (ways.join(" OR "), params);
    }
    // The first column's own bound gives the server a range to begin with.
    let first = columns[0];
    let bound = format!("{} >= {}", name(&first.name), place_holder(&first.kind));
    params.insert(0, param(&first.kind, &key[0]));
    (format!("{bound} AND ({})", ways.join(" OR ")), params)
}

/// A condition for the rows with one of these keys, and its parameters.
pub fn among(table: &MappedTable, keys: &[Vec<Value>]) -> (String, Vec<Param>) {
    let columns = key_columns(table);
    let names: Vec<String> = columns.iter().map(|column| name(&column.name)).collect();
    let holders: Vec<String> = columns.iter().map(|column| place_holder(&column.kind)).collect();
    let one = format!("({})", holders.join(", "));
    let params = keys
        .iter()
        .flat_map(|key| columns.iter().zip(key).map(|(column, value)| param(&column.kind, value)))
        .collect();
    (format!("({}) IN ({})", names.join(", "), vec![one; keys.len()].join(", ")), params)
}

/// A bare parameter is compared as the column's type, but for decimals, which would be compared as doubles.
pub fn place_holder(kind: &ColumnKind) -> String {
    match kind {
        ColumnKind::Decimal { precision, scale } => {
            format!("CAST(? AS DECIMAL({precision},{scale}))")
        }
        _ => "?".to_owned(),
    }
}

/// A value as a statement's parameter, such that the server compares it with its column exactly.
pub fn param(kind: &ColumnKind, value: &Value) -> Param {
    match value {
        Value::Null => Param::NULL,
        Value::Int(number) => Param::Int(*number),
        Value::UInt(number) => Param::UInt(*number),
        Value::Float(number) => Param::Double(f64::from(*number)),
        Value::Double(number) => Param::Double(*number),
        Value::Decimal(text) => Param::Bytes(text.clone().into_bytes()),
        // Labels compare and sort by their number, so the number is what is sent.
        Value::Text(text) => match kind {
            ColumnKind::Enum(labels) => Param::UInt(enum_number(labels, text)),
            ColumnKind::Set(labels) => Param::UInt(set_bits(labels, text)),
            _ => Param::Bytes(text.clone().into_bytes()),
        },
        Value::Bytes(bytes) => Param::Bytes(bytes.clone()),
        Value::Date(date) => Param::Date(date.year, date.month, date.day, 0, 0, 0, 0),
        Value::DateTime(moment) => {
            let date = moment.date;
            let (hour, minute, second, micros) = clock(moment.micros);
            Param::Date(date.year, date.month, date.day, hour, minute, second, micros)
        }
        Value::Timestamp(moment) => timestamp(*moment),
        Value::Time(micros) => {
            let magnitude = micros.unsigned_abs();
            let (_, minute, second, fraction) = clock(magnitude);
            let hours = magnitude / 3_600_000_000;
            let days = u32::try_from(hours / 24).unwrap_or(u32::MAX);
            let hour = u8::try_from(hours % 24).unwrap_or(0);
            Param::Time(*micros < 0, days, hour, minute, second, fraction)
        }
    }
}

/// As a date and time in UTC, the zone of every session of ours.
fn timestamp(moment: Option<i64>) -> Param {
    let Some(micros) = moment else { return Param::Date(0, 0, 0, 0, 0, 0, 0) };
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = super::calendar::from_days(days);
    let (hour, minute, second, fraction) = clock(rest.unsigned_abs());
    Param::Date(year, month, day, hour, minute, second, fraction)
}

/// Hour (within a day), minute, second and microsecond.
fn clock(micros: u64) -> (u8, u8, u8, u32) {
    let part = |value: u64| u8::try_from(value).unwrap_or(0);
    let seconds = micros / 1_000_000;
    let fraction = u32::try_from(micros % 1_000_000).unwrap_or(0);
    (part(seconds / 3600 % 24), part(seconds / 60 % 60), part(seconds % 60), fraction)
}

fn enum_number(labels: &[String], label: &str) -> u64 {
    labels.iter().position(|one| one == label).map_or(0, |at| at as u64 + 1)
}

fn set_bits(labels: &[String], members: &str) -> u64 {
    let chosen = |label: &String| members.split(',').any(|member| member == label);
    labels
        .iter()
        .enumerate()
        .filter(|(_, label)| chosen(label))
        .map(|(bit, _)| 1_u64 << (bit % 64))
        .sum()
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::change::TableId;

    use super::*;

    fn table() -> MappedTable {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            nullable: false,
            fill: sheetwire_engine::value::Fill::Nothing,
        };
        MappedTable {
            id: TableId(0),
            database: "shop".into(),
            table: "or`ders".into(),
            columns: vec![
                column("a", ColumnKind::Decimal { precision: 5, scale: 2 }),
                column("b", ColumnKind::Text),
                column("c", ColumnKind::Double),
            ],
            ordinals: vec![0, 1, 2],
            key: vec![0, 1],
            filter: Some("c > 1 -- mine".into()),
        }
    }

    #[test]
    fn rows_behind_a_key_are_asked_for_column_by_column() {
        let key = [Value::Decimal("1.50".into()), Value::Text("x".into())];
        let (condition, params) = behind(&table(), &key);
        assert_eq!(
            condition,
            "`a` >= CAST(? AS DECIMAL(5,2)) AND ((`a` > CAST(? AS DECIMAL(5,2))) OR (`a` = CAST(? AS DECIMAL(5,2)) AND `b` > ?))"
        );
        assert_eq!(params.len(), 4);
    }

    #[test]
    fn names_are_quoted_and_a_condition_cannot_swallow_what_follows() {
        let statement = select(&table(), &["1 = 1".to_owned()]);
        assert_eq!(
            statement,
            "SELECT `a`, `b`, `c` FROM `shop`.`or``ders` WHERE 1 = 1 AND (c > 1 -- mine\n)"
        );
    }

    #[test]
    fn labels_are_sent_as_numbers_and_timestamps_as_utc() {
        let labels = vec!["x".to_owned(), "y".to_owned(), "z".to_owned()];
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(param(&ColumnKind::Enum(labels.clone()), &text("y")), Param::UInt(2));
        assert_eq!(param(&ColumnKind::Set(labels), &text("x,z")), Param::UInt(5));
        let second = Value::Timestamp(Some(1_000_001));
        assert_eq!(
            param(&ColumnKind::Timestamp { fsp: 6 }, &second),
            Param::Date(1970, 1, 1, 0, 0, 1, 1)
        );
        let back = Value::Time(-90_000_000_000);
        assert_eq!(param(&ColumnKind::Time { fsp: 0 }, &back), Param::Time(true, 1, 1, 0, 0, 0));
    }
}
