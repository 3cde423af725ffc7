//! Tables with a condition: the server says which changed rows meet it, never we.

use crate::{
    fault::Fault,
    ports::{MappedTable, RowSource, SourceEvent},
};

/// Replaces the images of a filtered table by what its changed rows are now: rows that do not meet the condition count as gone. One
/// query per event.
pub async fn evaluate(
    event: SourceEvent,
    tables: &[MappedTable],
    rows: &dyn RowSource,
) -> Result<SourceEvent, Fault> {
    let SourceEvent::Rows { table: id, mut changes } = event else { return Ok(event) };
    let Some(table) = tables.iter().find(|table| table.id == id && table.filter.is_some()) else {
        return Ok(SourceEvent::Rows { table: id, changes });
    };
    let keys: Vec<_> = changes.iter().map(|change| change.key.clone()).collect();
    let found = match rows.rows(table, &keys).await {
        Ok(found) => found,
        Err(Fault::Table(reason)) => return Ok(SourceEvent::TableSetAside { table: id, reason }),
        Err(fault) => return Err(fault),
    };
    for change in &mut changes {
        change.after = found.iter().find(|row| table.key_of(row) == change.key).cloned();
    }
    Ok(SourceEvent::Rows { table: id, changes })
}
