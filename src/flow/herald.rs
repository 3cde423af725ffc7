//! Says in the log what the engine wants people to know.

use sheetwire_engine::{change::TableId, door::Notice};

/// Knows the tables by the names that people gave them.
#[derive(Debug)]
pub(super) struct Herald {
    tables: Vec<String>,
}

impl Herald {
    /// With the configured names.
    pub(super) fn new(tables: &[String]) -> Self {
        Self { tables: tables.to_vec() }
    }

    /// Tells one thing.
    pub(super) fn tell(&self, notice: &Notice) {
        match notice {
            Notice::Flushed { spreadsheet, sequence, tables } => {
                for (table, [written, added, removed]) in tables {
                    let table = self.name(*table);
                    if [written, added, removed] == [&0; 3] {
                        // Nothing but notes, or the mark of a column.
                        tracing::debug!(table, spreadsheet, sequence, "notes in the sheet");
                        continue;
                    }
                    tracing::info!(
                        table,
                        written,
                        added,
                        removed,
                        spreadsheet,
                        sequence,
                        "in the sheet"
                    );
                }
            }
            Notice::AnswerLost { spreadsheet, reason } => {
                tracing::warn!(spreadsheet, reason, "answer lost; finding out");
            }
            Notice::AnswerFound { spreadsheet, applied } => {
                tracing::info!(spreadsheet, applied, "found out what became of the batch");
            }
            Notice::Throttled { spreadsheet } => {
                tracing::warn!(spreadsheet, "Google says 429; holding back");
            }
            Notice::Denied { spreadsheet, message } => tracing::error!(spreadsheet, message),
            Notice::JournalGone { spreadsheet } => {
                tracing::error!(spreadsheet, "journal gone or old; holding writes, then comparing");
            }
            Notice::WriterWaits { reason } => {
                tracing::warn!(reason, "nothing can be written to the database; trying again");
            }
            Notice::Copied { table }
            | Notice::SetAside { table, .. }
            | Notice::RowsMoved { table, .. }
            | Notice::Conflicts { table, .. }
            | Notice::Saved { table, .. }
            | Notice::Refused { table, .. }
            | Notice::Braked { table, .. } => of_table(self.name(*table), notice),
        }
    }

    fn name(&self, table: TableId) -> &str {
        self.tables.get(usize::from(table.0)).map_or("?", String::as_str)
    }
}

fn of_table(table: &str, notice: &Notice) {
    match notice {
        Notice::Copied { .. } => tracing::info!(table, "copy complete"),
        Notice::SetAside { reason, .. } => {
            let then = "mend that, then restart: the table is copied again";
            tracing::error!(table, reason, "table set aside; {then}");
        }
        Notice::RowsMoved { rows, .. } => {
            tracing::warn!(table, rows, "rows had moved; putting them back");
        }
        Notice::Conflicts { cells, .. } => {
            tracing::warn!(table, cells, "values kept in the conflict log");
        }
        Notice::Saved { rows: [changed, added, removed], .. } => {
            tracing::info!(table, changed, added, removed, "in the database");
        }
        Notice::Refused { reason, .. } => {
            tracing::warn!(table, reason, "the database refuses a row");
        }
        Notice::Braked { rows, .. } => {
            tracing::warn!(table, rows, "rows are gone from the tab and wait for a person");
        }
        _ => {}
    }
}
