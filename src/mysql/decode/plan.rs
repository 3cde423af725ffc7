//! The reading plan of one mapped table: made once per table map, followed for every row.

use sheetwire_engine::value::{Column, ColumnKind};

use super::{
    table_map::{Metadata, TableMap, WireColumn, wire},
    text::Charsets,
    value::Decode,
    width::Width,
};
use crate::{mysql::layout::TableLayout, ports::MappedTable};

/// How to read the rows of one mapped table as its columns are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlan {
    /// For each column of the table: its width, and which mapped column it is.
    pub steps: Vec<Step>,
    /// For each mapped column: how to read it.
    pub decodes: Vec<Decode>,
    /// Indexes of the key columns among the mapped ones.
    pub key: Vec<usize>,
}

/// One column of the table on the way through a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How far to step.
    pub width: Width,
    /// Which mapped column it is, if any.
    pub mapped: Option<usize>,
    /// Whether it belongs to the key.
    pub in_key: bool,
}

impl RowPlan {
    /// Makes the plan.
    ///
    /// # Errors
    /// A sentence with table, column and cure, when a mapped column is gone, changed its type or cannot be read.
    pub fn new(
        map: &TableMap<'_>,
        table: &MappedTable,
        layout: &TableLayout,
        charsets: &Charsets,
    ) -> Result<Self, String> {
        let metadata = map.metadata().map_err(|why| about(table, &why.to_string()))?;
        let planner = Planner { map, metadata, table, layout, charsets };
        let mut steps = map
            .columns
            .iter()
            .enumerate()
            .map(|(ordinal, column)| planner.step(ordinal, *column))
            .collect::<Result<Vec<_>, _>>()?;
        let mut decodes = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            let ordinal = planner.ordinal(index, column)?;
            decodes.push(planner.decode(ordinal, column)?);
            steps[ordinal].mapped = Some(index);
            steps[ordinal].in_key = table.key.contains(&index);
        }
        Ok(Self { steps, decodes, key: table.key.clone() })
    }
}

struct Planner<'a> {
    map: &'a TableMap<'a>,
    metadata: Metadata<'a>,
    table: &'a MappedTable,
    layout: &'a TableLayout,
    charsets: &'a Charsets,
}

impl Planner<'_> {
    fn step(&self, ordinal: usize, column: WireColumn) -> Result<Step, String> {
        let width = Width::of(column).ok_or_else(|| {
            let name = self.name(ordinal);
            let kind = column.kind;
            about(
                self.table,
                &format!("column '{name}' is of a type (number {kind}) that cannot even be stepped over; move it to another table"),
            )
        })?;
        Ok(Step { width, mapped: None, in_key: false })
    }

    fn name(&self, ordinal: usize) -> String {
        let logged = self.metadata.names.as_ref().and_then(|names| names.get(ordinal));
        logged.map_or_else(
            || self.layout.columns.get(ordinal).map_or("?", |column| &column.name).to_owned(),
            |name| String::from_utf8_lossy(name).into_owned(),
        )
    }

    /// Where a mapped column stands in the log's rows: by name where the log tells names, else as the server has it.
    fn ordinal(&self, index: usize, column: &Column) -> Result<usize, String> {
        let gone = || {
            let name = &column.name;
            about(
                self.table,
                &format!(
                    "column '{name}' is gone; map another one, or put it back and restart sheetwire, which copies the table again"
                ),
            )
        };
        if let Some(names) = &self.metadata.names {
            let wanted = column.name.to_lowercase();
            return names
                .iter()
                .position(|name| {
                    std::str::from_utf8(name).is_ok_and(|name| name.to_lowercase() == wanted)
                })
                .ok_or_else(gone);
        }
        let (logged, known) = (self.map.columns.len(), self.layout.columns.len());
        if logged != known {
            return Err(about(
                self.table,
                &format!(
                    "the log shows {logged} columns and the server {known}: it was altered in between; restart sheetwire, which copies the table again, and set binlog_row_metadata=FULL so that columns can be followed by name"
                ),
            ));
        }
        let wanted = column.name.to_lowercase();
        let here = |at: usize| {
            self.layout.columns.get(at).is_some_and(|one| one.name.to_lowercase() == wanted)
        };
        let first = self.table.ordinals.get(index).copied().filter(|at| here(*at));
        first.or_else(|| (0..known).find(|at| here(*at))).ok_or_else(gone)
    }

    fn decode(&self, ordinal: usize, column: &Column) -> Result<Decode, String> {
        let wire = self.map.columns[ordinal];
        let changed = || {
            let name = &column.name;
            about(
                self.table,
                &format!(
                    "column '{name}' has another type in the log than the server told at the start; restart sheetwire, so that the table is read anew"
                ),
            )
        };
        let signed = self.metadata.unsigned.get(ordinal).copied().flatten();
        if let (ColumnKind::Int { unsigned, .. }, Some(logged)) = (&column.kind, signed)
            && *unsigned != logged
        {
            return Err(changed());
        }
        let is_blob =
            matches!(wire.kind, wire::BLOB | wire::TINY_BLOB | wire::MEDIUM_BLOB | wire::LONG_BLOB);
        let is_string =
            matches!(wire.kind, wire::STRING | wire::VARCHAR | wire::VAR_STRING) || is_blob;
        match &column.kind {
            ColumnKind::Text if is_string => self.text(ordinal, column),
            ColumnKind::Bytes { fixed } if is_string => {
                if self.charset(ordinal).is_some_and(|charset| charset != "binary") {
                    return Err(changed());
                }
                Ok(Decode::Bytes(fixed.map(usize::from)))
            }
            ColumnKind::Enum(labels) if wire.kind == wire::ENUM => {
                Ok(Decode::Enum(self.labels(ordinal, column, labels)?))
            }
            ColumnKind::Set(labels) if wire.kind == wire::SET => {
                Ok(Decode::Set(self.labels(ordinal, column, labels)?))
            }
            kind => Decode::plain(kind, wire).ok_or_else(changed),
        }
    }

    fn text(&self, ordinal: usize, column: &Column) -> Result<Decode, String> {
        let name = &column.name;
        let charset = self.charset(ordinal).unwrap_or("unknown");
        if charset == "binary" {
            return Err(about(
                self.table,
                &format!(
                    "column '{name}' holds bytes now and held text before; restart sheetwire, so that the table is read anew"
                ),
            ));
        }
        self.charsets.named(charset).map(Decode::Text).ok_or_else(|| {
            about(self.table, &format!("column '{name}' has the character set {charset}, which cannot be read from the log; convert the column to utf8mb4 or leave it out"))
        })
    }

    fn charset(&self, ordinal: usize) -> Option<&str> {
        let logged = self.metadata.collations.get(ordinal).copied().flatten();
        logged
            .and_then(|collation| self.charsets.of_collation(collation))
            .or_else(|| self.layout.columns.get(ordinal)?.charset.as_deref())
    }

    /// Labels as of the event where the log tells them. New ones at the end are followed; anything else may have changed what stored
    /// rows show without a row in the log.
    fn labels(
        &self,
        ordinal: usize,
        column: &Column,
        known: &[String],
    ) -> Result<Vec<String>, String> {
        let Some(logged) = self.metadata.labels.get(ordinal).and_then(Option::as_ref) else {
            let here = self.layout.columns.iter().find(|one| one.name == column.name);
            return Ok(here.map_or(known, |one| &one.labels).to_vec());
        };
        let charset = self.charset(ordinal).and_then(|name| self.charsets.named(name));
        let read = |label: &&[u8]| match &charset {
            Some(charset) => charset.text(label),
            None => std::str::from_utf8(label).ok().map(str::to_owned),
        };
        let name = &column.name;
        let labels: Vec<String> =
            logged.iter().map(read).collect::<Option<_>>().ok_or_else(|| {
                about(
                    self.table,
                    &format!(
                        "column '{name}' has labels that cannot be read from the log; leave it out"
                    ),
                )
            })?;
        let grown = labels.starts_with(known) || known.starts_with(&labels);
        if grown {
            return Ok(labels);
        }
        Err(about(
            self.table,
            &format!(
                "column '{name}' got other labels than it had; restart sheetwire, so that the table is read anew"
            ),
        ))
    }
}

/// A sentence about a mapped table.
pub fn about(table: &MappedTable, what: &str) -> String {
    format!("table {}.{}: {what}", table.database, table.table)
}
