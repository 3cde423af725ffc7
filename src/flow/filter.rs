//! Tables with a condition: the server says which changed rows meet it, never we.

use std::collections::BTreeMap;

use sheetwire_engine::{
    change::{Row, RowChange, TableId},
    position::Position,
    value::Value,
};

use super::held::{Held, bytes_of};
use crate::{
    fault::Fault,
    ports::{MappedTable, RowSource, SourceEvent},
};

/// Changed rows of filtered tables, until their transaction is committed. Lives as long as one stream.
///
/// A transaction reaches the log's readers before a `SELECT` can see it. So the server is asked at the commit, whose position the answer must
/// contain: asked any earlier, it may still tell of the row that was. Only keys are kept until then, and the answers are passed on part by
/// part, so that a transaction of any size takes bounded memory.
#[derive(Debug, Default)]
pub struct Filter {
    held: Held,
    /// The event that comes next, behind what is held.
    next: Option<SourceEvent>,
}

impl Filter {
    /// Takes an event. What goes on in its place is asked for with [`Filter::next`], until there is no more.
    pub fn take(&mut self, event: SourceEvent, tables: &[MappedTable]) -> Result<(), Fault> {
        match event {
            SourceEvent::Rows { table, changes, .. } if filtered(tables, table).is_some() => {
                // Only the key is needed: the row is read again.
                changes.iter().try_for_each(|change| self.held.push(table, &change.key))
            }
            other => {
                self.next = Some(other);
                Ok(())
            }
        }
    }

    /// The next event that goes on. The images of a filtered table are replaced by what its changed rows are now: rows that do not meet the
    /// condition count as gone.
    pub async fn next(
        &mut self,
        tables: &[MappedTable],
        rows: &dyn RowSource,
    ) -> Result<Option<SourceEvent>, Fault> {
        if let Some(SourceEvent::Commit { position, committed_at_us }) = &self.next {
            while let Some((id, keys)) = self.held.take()? {
                if let Some(table) = filtered(tables, id) {
                    let commit = (position, *committed_at_us);
                    return evaluated(table, keys, commit, rows).await.map(Some);
                }
            }
        }
        Ok(self.next.take())
    }
}

fn filtered(tables: &[MappedTable], id: TableId) -> Option<&MappedTable> {
    tables.iter().find(|table| table.id == id && table.filter.is_some())
}

/// One question for some keys, each asked once.
async fn evaluated(
    table: &MappedTable,
    keys: Vec<Vec<Value>>,
    (committed, at_us): (&Position, i64),
    rows: &dyn RowSource,
) -> Result<SourceEvent, Fault> {
    let mut wanted: BTreeMap<Vec<u8>, Option<Row>> = BTreeMap::new();
    let mut asked = Vec::with_capacity(keys.len());
    for key in keys {
        if wanted.insert(bytes_of(&key)?, None).is_none() {
            asked.push(key);
        }
    }
    let found = match rows.rows(table, &asked, Some(committed)).await {
        Ok(found) => found,
        Err(Fault::Table(reason)) => {
            return Ok(SourceEvent::TableSetAside { table: table.id, reason });
        }
        Err(fault) => return Err(fault),
    };
    for row in found {
        // The server compares by collation, and may answer with a key that is not one of ours.
        if let Some(place) = wanted.get_mut(&bytes_of(&table.key_of(&row))?) {
            *place = Some(row);
        }
    }
    let mut changes = Vec::with_capacity(asked.len());
    for key in asked {
        let after = wanted.get_mut(&bytes_of(&key)?).and_then(Option::take);
        changes.push(RowChange { key, after });
    }
    Ok(SourceEvent::Rows { table: table.id, changes, at_us })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sheetwire_engine::value::{Column, ColumnKind, Fill};

    use super::*;
    use crate::ports::{Ask, Chunk};

    /// Rows with an even number meet the condition. Keeps what it was asked for.
    #[derive(Default)]
    struct Even(Mutex<Vec<usize>>);

    impl RowSource for Even {
        fn chunk<'a>(
            &'a self,
            _: &'a MappedTable,
            _: Option<&'a [Value]>,
            _: usize,
            _: Option<&'a Position>,
        ) -> Ask<'a, Result<Chunk, Fault>> {
            panic!("a filter asks by key")
        }

        fn rows<'a>(
            &'a self,
            _: &'a MappedTable,
            keys: &'a [Vec<Value>],
            contains: Option<&'a Position>,
        ) -> Ask<'a, Result<Vec<Row>, Fault>> {
            assert_eq!(contains, Some(&committed()));
            self.0.lock().unwrap().push(keys.len());
            let even = |key: &&Vec<Value>| matches!(key[0], Value::Int(number) if number % 2 == 0);
            // In another order than asked for.
            let rows = keys.iter().rev().filter(even).map(|key| row(&key[0])).collect();
            Box::pin(async move { Ok(rows) })
        }
    }

    fn committed() -> Position {
        "file:binlog.000001:4".parse().unwrap()
    }

    fn row(key: &Value) -> Row {
        vec![key.clone(), Value::Text("now".into())]
    }

    fn table(id: u16, filter: Option<&str>) -> MappedTable {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            nullable: false,
            fill: Fill::Nothing,
        };
        let number = ColumnKind::Int { bits: 64, unsigned: false };
        MappedTable {
            id: TableId(id),
            database: "d".into(),
            table: "t".into(),
            columns: vec![column("id", number), column("v", ColumnKind::Text)],
            ordinals: vec![0, 1],
            key: vec![0],
            filter: filter.map(str::to_owned),
        }
    }

    fn changed(table: u16, keys: impl Iterator<Item = i64>) -> SourceEvent {
        let old = Value::Text("then".into());
        let change = |key| RowChange {
            key: vec![Value::Int(key)],
            after: Some(vec![Value::Int(key), old.clone()]),
        };
        SourceEvent::Rows { table: TableId(table), changes: keys.map(change).collect(), at_us: 3 }
    }

    async fn passed(filter: &mut Filter, event: SourceEvent, rows: &Even) -> Vec<SourceEvent> {
        let tables = [table(0, Some("v > 1")), table(1, None)];
        filter.take(event, &tables).unwrap();
        let mut all = Vec::new();
        while let Some(event) = filter.next(&tables, rows).await.unwrap() {
            all.push(event);
        }
        all
    }

    #[tokio::test]
    async fn the_server_is_asked_once_a_key_at_the_commit_and_rows_that_do_not_meet_it_are_gone() {
        let (mut filter, rows) = (Filter::default(), Even::default());
        assert_eq!(passed(&mut filter, changed(0, [3, 2, 3, 2].into_iter()), &rows).await, []);
        let other = changed(1, 0..2);
        assert_eq!(passed(&mut filter, other.clone(), &rows).await, [other]);
        assert_eq!(
            passed(&mut filter, SourceEvent::Heartbeat, &rows).await,
            [SourceEvent::Heartbeat]
        );
        assert!(rows.0.lock().unwrap().is_empty(), "it was asked before the commit");
        let commit = SourceEvent::Commit { position: committed(), committed_at_us: 7 };
        let changes = vec![
            RowChange { key: vec![Value::Int(3)], after: None },
            RowChange { key: vec![Value::Int(2)], after: Some(row(&Value::Int(2))) },
        ];
        let evaluated = SourceEvent::Rows { table: TableId(0), changes, at_us: 7 };
        assert_eq!(passed(&mut filter, commit.clone(), &rows).await, [evaluated, commit.clone()]);
        assert_eq!(*rows.0.lock().unwrap(), [2]);
        assert_eq!(passed(&mut filter, commit.clone(), &rows).await, [commit]);
    }

    #[tokio::test]
    async fn a_transaction_of_any_size_is_asked_about_in_parts() {
        let (mut filter, rows) = (Filter::default(), Even::default());
        for start in (0..100_000).step_by(10_000) {
            let event = changed(0, start..start + 10_000);
            assert_eq!(passed(&mut filter, event, &rows).await, []);
        }
        let commit = SourceEvent::Commit { position: committed(), committed_at_us: 0 };
        let events = passed(&mut filter, commit, &rows).await;
        let all = events.iter().filter_map(|event| match event {
            SourceEvent::Rows { changes, .. } => Some(changes),
            _ => None,
        });
        let (there, gone): (Vec<_>, Vec<_>) = all.flatten().partition(|one| one.after.is_some());
        assert_eq!((there.len(), gone.len()), (50_000, 50_000));
        let asked = rows.0.lock().unwrap();
        assert_eq!((asked.len(), asked.iter().max()), (20, Some(&5_000)));
    }
}
