//! Windows on single cells, for people who ask why one is as it is. These do carry values.

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::{
    batch::{ColumnIndex, RowIndex},
    cell::Cell,
    change::TableId,
    conflict::ConflictRecord,
    merge::{RowVerdict, Verdict, Why},
    open::WHOLE_ROW,
    planner::verdict,
    state::RowKey,
    tab::Tab,
};

/// What is known about one cell of a mapped row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which table.
    pub table: TableId,
    /// Which row; `None` where the row is not one of the table's.
    pub key: Option<RowKey>,
    /// Index of the mapped column; `None` where the column is a person's own.
    pub column: Option<u16>,
    /// What the database holds, as far as it was told.
    pub database: Option<Cell>,
    /// What the sheet held when it was last read.
    pub sheet: Option<Cell>,
    /// What both last agreed on.
    pub agreed: Option<Cell>,
    /// What is to happen.
    pub state: CellState,
    /// Number of an open conflict about it.
    pub conflict: Option<u64>,
    /// When the database's value was committed, microseconds since the Unix epoch.
    pub database_at_us: Option<i64>,
}

/// What is to happen with a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellState {
    /// Nothing: both sides are equal.
    InStep,
    /// The database's value is on its way into the sheet.
    ToSheet(Why),
    /// The sheet's value is on its way into the database.
    ToDatabase(Why),
    /// It waits for a person.
    Held,
    /// The whole row is to be added, removed or put back.
    Row,
    /// Several rows of the tab bear the same key.
    Frozen,
    /// The row lacks something before the database can take it: a sentence.
    Draft(String),
    /// The database refuses it: a sentence.
    Refused(String),
    /// It is no cell of the table.
    NotMapped,
}

impl Engine {
    /// What is known about a cell of a tab. `None` where no table is kept in the tab.
    pub fn explain(
        &self,
        spreadsheet: &str,
        sheet_id: i32,
        (row, column): (RowIndex, ColumnIndex),
    ) -> Option<Explanation> {
        let tab = self.tab_in(spreadsheet, sheet_id)?;
        let mapped = tab.geometry.columns.iter().position(|place| *place == column);
        Some(explain(tab, row, mapped))
    }

    /// The table that is kept in a tab.
    pub fn table_in(&self, spreadsheet: &str, sheet_id: i32) -> Option<TableId> {
        self.tab_in(spreadsheet, sheet_id).map(|tab| tab.spec.table)
    }

    fn tab_in(&self, spreadsheet: &str, sheet_id: i32) -> Option<&Tab> {
        self.tabs.iter().find(|tab| {
            tab.spec.spreadsheet == spreadsheet
                && tab.geometry.sheet_id == sheet_id
                && !tab.geometry.missing
        })
    }

    /// Open conflicts of a table, by row.
    pub fn open_conflicts(&self, table: TableId) -> Vec<&ConflictRecord> {
        let tab = self.tabs.iter().find(|tab| tab.spec.table == table);
        tab.map_or(Vec::new(), |tab| tab.open.iter().map(|(_, _, record)| record).collect())
    }

    /// The table and the mapped column at a place of a tab.
    pub fn at(
        &self,
        spreadsheet: &str,
        sheet_id: i32,
        column: ColumnIndex,
    ) -> Option<(TableId, Option<u16>)> {
        let found = self.explain(spreadsheet, sheet_id, (RowIndex(u32::MAX), column))?;
        Some((found.table, found.column))
    }

    /// Rows of a table that wait until a person lets them go or has them put back.
    pub fn held_rows(&self, table: TableId) -> Vec<RowKey> {
        let tab = self.tabs.iter().find(|tab| tab.spec.table == table);
        tab.map(|tab| tab.gone.held().cloned().collect()).unwrap_or_default()
    }

    /// Rows of a table that lack something before the database can take them, and what.
    pub fn drafts(&self, table: TableId) -> &[(RowIndex, String)] {
        let tab = self.tabs.iter().find(|tab| tab.spec.table == table);
        tab.map_or(&[], |tab| tab.newcomers.drafts.as_slice())
    }
}

fn explain(tab: &Tab, row: RowIndex, column: Option<usize>) -> Explanation {
    let key = tab.index.key_at(row).cloned();
    let number = column.and_then(|column| u16::try_from(column).ok());
    let mut found = Explanation {
        table: tab.spec.table,
        column: number,
        database: None,
        sheet: None,
        agreed: None,
        state: CellState::NotMapped,
        conflict: None,
        database_at_us: None,
        key,
    };
    let draft = tab.newcomers.drafts.iter().find(|(place, _)| *place == row);
    if let Some((_, what)) = draft {
        found.state = CellState::Draft(what.clone());
    }
    let (Some(key), Some(place), Some(number)) = (found.key.clone(), column, number) else {
        return found;
    };
    let view = tab.database_view(&key).flatten();
    found.database = view.as_ref().and_then(|cells| cells.get(place)).cloned();
    found.sheet = tab.sheet_view(&key).and_then(|cells| cells.get(place).cloned());
    found.agreed = tab.base.get(&key).and_then(|base| base.database(place)).cloned();
    let at = tab.pending.committed_at(&key);
    found.database_at_us = (at != 0).then_some(at);
    let record = tab.open.get(&key, number).or_else(|| tab.open.get(&key, WHOLE_ROW));
    found.conflict = record.map(|record| record.id);
    found.state = match record.and_then(|record| record.reason.clone()) {
        Some(reason) => CellState::Refused(reason),
        None if tab.frozen.contains(&key) => CellState::Frozen,
        None => state_of(&verdict(tab, &key, view.as_deref()), place),
    };
    found
}

fn state_of(verdict: &RowVerdict, place: usize) -> CellState {
    let RowVerdict::Cells(cells) = verdict else {
        return match verdict {
            RowVerdict::Held => CellState::Held,
            _ => CellState::Row,
        };
    };
    match cells.get(place) {
        None | Some(Verdict::Rest | Verdict::Agree) => CellState::InStep,
        Some(Verdict::ToSheet(why)) => CellState::ToSheet(*why),
        Some(Verdict::ToDatabase(why)) => CellState::ToDatabase(*why),
        Some(Verdict::Held(_)) => CellState::Held,
    }
}
