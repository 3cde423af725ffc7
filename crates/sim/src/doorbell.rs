//! What a doorbell would say of a row, for the bad design that believes it ([`sheetwire_engine::mutants::Mutant::DoorbellPayload`]).

use sheetwire_engine::{cell::Cell, door::Bell};

use crate::world::World;

/// What a row held when the doorbell rang, from column 0.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    due: u64,
    spreadsheet: String,
    sheet_id: i32,
    cells: Vec<Cell>,
}

impl World {
    /// A doorbell about one row takes along what the row holds.
    pub(crate) fn take_along(&mut self, due: u64, bell: &Bell) {
        let (Some((row, 1)), Some(sheet_id)) = (bell.rows, bell.sheet_id) else { return };
        let book = self.books.iter().find(|book| book.id == bell.spreadsheet);
        let tabs = book.into_iter().flat_map(|book| &book.now.tabs);
        let tab = tabs.into_iter().find(|tab| tab.grid.id == i64::from(sheet_id));
        let (Some(tab), Ok(row)) = (tab, usize::try_from(row.0)) else { return };
        let cells = (0..tab.grid.cols).map(|column| tab.at(row, column)).collect();
        let spreadsheet = bell.spreadsheet.clone();
        self.payloads.push(Payload { due, spreadsheet, sheet_id, cells });
    }

    /// Doorbells that are due say what they have to say.
    pub(crate) fn deliver(&mut self) {
        let tick = self.tick;
        while let Some(place) = self.payloads.iter().position(|payload| payload.due <= tick) {
            let Payload { spreadsheet, sheet_id, cells, .. } = self.payloads.remove(place);
            for process in &mut self.processes {
                process.engine.take_payload(&spreadsheet, sheet_id, &cells);
            }
        }
    }
}
