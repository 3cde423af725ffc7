//! What must be true. One file a claim; none of them does the engine's work again: each value of a world is unique and says where it comes from.

mod calls;
mod conflicts;
mod convergence;
mod inserts;
mod notes;
mod phantoms;
mod position;
mod removals;
mod words;

use sheetwire_engine::{conflict::ConflictKind, state::RowKey};

use crate::{
    database::Table,
    people::{Deeds, names, shown_key},
    sheet::Tab,
    world::World,
};

/// A sentence where something is not as it must be.
pub type Verdict = Result<(), String>;

/// Whether a person has to decide a conflict of this kind.
pub fn is_for_people(kind: ConflictKind) -> bool {
    matches!(
        kind,
        ConflictKind::EditEdit
            | ConflictKind::InsertInsert
            | ConflictKind::EditedRowRemoved
            | ConflictKind::UnknownRow
            | ConflictKind::Suspect
            | ConflictKind::FormulaKept
    )
}

/// One table, its tab, and what people did there.
struct Side<'a> {
    number: usize,
    table: &'a Table,
    tab: &'a Tab,
    deeds: &'a Deeds,
    columns: Vec<usize>,
}

impl Side<'_> {
    /// Rows below the header that hold anything, with the key that each shows.
    fn rows(&self) -> Vec<(usize, Option<RowKey>)> {
        let first = usize::try_from(self.table.spec.header_row.0).unwrap_or(0) + 1;
        (first..self.tab.grid.stored_rows())
            .filter(|row| self.columns.iter().any(|column| !self.tab.at(*row, *column).is_empty()))
            .map(|row| (row, self.key(row)))
            .collect()
    }

    /// The key that a row shows.
    fn key(&self, row: usize) -> Option<RowKey> {
        shown_key(self.tab, &self.table.spec, &self.columns, row)
    }
}

impl World {
    fn sides(&self) -> Result<Vec<Side<'_>>, String> {
        (self.db.tables.iter().enumerate())
            .map(|(number, table)| {
                let spec = &table.spec;
                let book = self.books.iter().find(|book| book.id == spec.spreadsheet);
                let tab = book.and_then(|book| book.tab(&spec.title));
                let tab = tab.ok_or_else(|| format!("{} is missing", spec.title))?;
                let columns = tab.mapped(spec.header_row, &names(spec));
                let columns =
                    columns.ok_or_else(|| format!("{}: the header is not whole", spec.title))?;
                Ok(Side { number, table, tab, deeds: &self.deeds[number], columns })
            })
            .collect()
    }

    /// Everything that must hold once all is calm.
    pub fn judge(&self) -> Verdict {
        let sides = self.sides()?;
        for side in &sides {
            let title = side.table.spec.title.clone();
            let of = |why: String| format!("{title}: {why}");
            convergence::judge(self, side).map_err(of)?;
            words::judge(self, side).map_err(of)?;
            notes::judge(self, side).map_err(of)?;
        }
        inserts::judge(self)?;
        phantoms::judge(self, &sides)?;
        removals::judge(self)?;
        conflicts::judge(self)?;
        calls::judge(self)
    }
}
