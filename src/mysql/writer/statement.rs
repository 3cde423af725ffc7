//! Statements about one row, by its key. Names are quoted, values are parameters.

use std::fmt::Write as _;

use mysql_async::Value as Param;
use sheetwire_engine::value::{Column, Value};

use crate::{mysql::sql, ports::MappedTable};

/// A statement and its parameters.
pub(super) type Statement = (String, Vec<Param>);

/// The row with this key, and whether it meets the table's condition.
pub(super) fn look(table: &MappedTable, key: &[Value], lock: bool) -> Statement {
    let columns: Vec<String> = table.columns.iter().map(|column| sql::name(&column.name)).collect();
    // A condition that ends in a comment cannot swallow what follows.
    let meets = match &table.filter {
        Some(filter) => format!("(({filter}\n) IS TRUE)"),
        None => "1".to_owned(),
    };
    let (condition, params) = exactly(table, key);
    let lock = if lock { " FOR UPDATE" } else { "" };
    let (columns, place) = (columns.join(", "), place(table));
    (format!("SELECT {columns}, {meets} FROM {place} WHERE {condition}{lock}"), params)
}

/// Changes columns of the row with this key.
pub(super) fn update(table: &MappedTable, key: &[Value], set: &[(u16, Value)]) -> Statement {
    let mut params = Vec::with_capacity(set.len() + key.len());
    let mut parts = Vec::with_capacity(set.len());
    for (column, value) in mapped(table, set) {
        let (holder, param) = written(column, value);
        parts.push(format!("{} = {holder}", sql::name(&column.name)));
        params.push(param);
    }
    let (condition, of_key) = exactly(table, key);
    params.extend(of_key);
    (format!("UPDATE {} SET {} WHERE {condition}", place(table), parts.join(", ")), params)
}

/// Adds a row; columns that are left out take their defaults.
pub(super) fn insert(table: &MappedTable, set: &[(u16, Value)]) -> Statement {
    let (mut names, mut holders, mut params) = (Vec::new(), Vec::new(), Vec::new());
    for (column, value) in mapped(table, set) {
        let (holder, param) = written(column, value);
        names.push(sql::name(&column.name));
        holders.push(holder);
        params.push(param);
    }
    let (names, holders) = (names.join(", "), holders.join(", "));
    (format!("INSERT INTO {} ({names}) VALUES ({holders})", place(table)), params)
}

/// Removes the row with this key.
pub(super) fn delete(table: &MappedTable, key: &[Value]) -> Statement {
    let (condition, params) = exactly(table, key);
    (format!("DELETE FROM {} WHERE {condition}", place(table)), params)
}

fn place(table: &MappedTable) -> String {
    sql::table_name(&table.database, &table.table)
}

fn mapped<'a>(
    table: &'a MappedTable,
    set: &'a [(u16, Value)],
) -> impl Iterator<Item = (&'a Column, &'a Value)> {
    set.iter().filter_map(|(place, value)| Some((table.columns.get(usize::from(*place))?, value)))
}

/// Column by column, so that every server walks its index and locks this row alone.
fn exactly(table: &MappedTable, key: &[Value]) -> Statement {
    let (mut condition, mut params) = (String::new(), Vec::with_capacity(key.len()));
    for (column, value) in sql::key_columns(table).into_iter().zip(key) {
        let and = if condition.is_empty() { "" } else { " AND " };
        let holder = sql::place_holder(&column.kind);
        let _ = write!(condition, "{and}{} = {holder}", sql::name(&column.name));
        params.push(sql::param(&column.kind, value));
    }
    (condition, params)
}

/// Bytes travel as digits: as a text they would have to be one.
fn written(column: &Column, value: &Value) -> (String, Param) {
    match value {
        Value::Bytes(bytes) => {
            let mut digits = String::with_capacity(bytes.len() * 2);
            for byte in bytes {
                let _ = write!(digits, "{byte:02X}");
            }
            ("UNHEX(?)".to_owned(), Param::Bytes(digits.into_bytes()))
        }
        value => ("?".to_owned(), sql::param(&column.kind, value)),
    }
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::{
        change::TableId,
        value::{ColumnKind, Fill},
    };

    use super::*;

    fn table() -> MappedTable {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            nullable: true,
            fill: Fill::Nothing,
        };
        MappedTable {
            id: TableId(0),
            database: "shop".into(),
            table: "or`ders".into(),
            columns: vec![
                column("id", ColumnKind::Int { bits: 64, unsigned: false }),
                column("no", ColumnKind::Decimal { precision: 5, scale: 2 }),
                column("raw", ColumnKind::Bytes { fixed: None }),
            ],
            ordinals: vec![0, 1, 2],
            key: vec![0, 1],
            filter: Some("id > 3 -- mine".into()),
        }
    }

    #[test]
    fn a_row_is_named_by_every_column_of_its_key() {
        let key = [Value::Int(7), Value::Decimal("1.50".into())];
        let (statement, params) = look(&table(), &key, true);
        assert_eq!(
            statement,
            "SELECT `id`, `no`, `raw`, ((id > 3 -- mine\n) IS TRUE) FROM `shop`.`or``ders` \
             WHERE `id` = ? AND `no` = CAST(? AS DECIMAL(5,2)) FOR UPDATE"
        );
        assert_eq!(params, [Param::Int(7), Param::Bytes(b"1.50".to_vec())]);
    }

    #[test]
    fn values_are_parameters_and_bytes_are_digits() {
        let set = [(2, Value::Bytes(vec![0xFF, 0x0A])), (0, Value::Null)];
        let (statement, params) = insert(&table(), &set);
        assert_eq!(statement, "INSERT INTO `shop`.`or``ders` (`raw`, `id`) VALUES (UNHEX(?), ?)");
        assert_eq!(params, [Param::Bytes(b"FF0A".to_vec()), Param::NULL]);
        let key = [Value::Int(7), Value::Decimal("1.50".into())];
        let (statement, params) = update(&table(), &key, &set);
        assert_eq!(
            statement,
            "UPDATE `shop`.`or``ders` SET `raw` = UNHEX(?), `id` = ? \
             WHERE `id` = ? AND `no` = CAST(? AS DECIMAL(5,2))"
        );
        assert_eq!(params.len(), 4);
    }
}
