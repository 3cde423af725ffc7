//! Tables with a condition: the server says which changed rows meet it, never we.

use sheetwire_engine::{
    change::{RowChange, TableId},
    position::Position,
};

use crate::{
    fault::Fault,
    ports::{MappedTable, RowSource, SourceEvent},
};

/// Changed rows of filtered tables, until their transaction is committed. Lives as long as one stream.
///
/// A transaction reaches the log's readers before a `SELECT` can see it. So the server is asked at the commit, whose position the answer must
/// contain: asked any earlier, it may still tell of the row that was.
#[derive(Debug, Default)]
pub struct Filter {
    held: Vec<(TableId, Vec<RowChange>)>,
}

impl Filter {
    /// Takes an event, and gives what may go on, in order. The images of a filtered table are replaced by what its changed rows are now: rows
    /// that do not meet the condition count as gone.
    pub async fn pass(
        &mut self,
        event: SourceEvent,
        tables: &[MappedTable],
        rows: &dyn RowSource,
    ) -> Result<Vec<SourceEvent>, Fault> {
        match event {
            SourceEvent::Rows { table, mut changes } if filtered(tables, table).is_some() => {
                for change in &mut changes {
                    // Only the key is needed: the row is read again.
                    change.after = None;
                }
                self.held.push((table, changes));
                Ok(Vec::new())
            }
            SourceEvent::Commit { ref position, .. } => {
                let mut events = Vec::with_capacity(self.held.len() + 1);
                for (id, changes) in self.held.drain(..) {
                    if let Some(table) = filtered(tables, id) {
                        events.push(evaluated(table, changes, position, rows).await?);
                    }
                }
                events.push(event);
                Ok(events)
            }
            other => Ok(vec![other]),
        }
    }
}

fn filtered(tables: &[MappedTable], id: TableId) -> Option<&MappedTable> {
    tables.iter().find(|table| table.id == id && table.filter.is_some())
}

/// One question per event.
async fn evaluated(
    table: &MappedTable,
    mut changes: Vec<RowChange>,
    committed: &Position,
    rows: &dyn RowSource,
) -> Result<SourceEvent, Fault> {
    let keys: Vec<_> = changes.iter().map(|change| change.key.clone()).collect();
    let found = match rows.rows(table, &keys, Some(committed)).await {
        Ok(found) => found,
        Err(Fault::Table(reason)) => {
            return Ok(SourceEvent::TableSetAside { table: table.id, reason });
        }
        Err(fault) => return Err(fault),
    };
    for change in &mut changes {
        change.after = found.iter().find(|row| table.key_of(row) == change.key).cloned();
    }
    Ok(SourceEvent::Rows { table: table.id, changes })
}
