//! What must happen sometimes in so many worlds, so that no fault and no answer to it silently vanishes; and what of it only a batch tells.

use sheetwire_engine::{
    batch::{Batch, Journal, RowExpectation, TabExpectation, TabImages, TabWork},
    cell::Cell,
    state::RowIdentity,
};

use crate::{
    options::PolicyChoice,
    people::names,
    world::{Counters, World},
};

/// What ought to happen in any [`SEEDS`] worlds.
pub const SOMETIMES: [&str; 22] = [
    "misdirected",
    "in-window edit",
    "fence refused",
    "burn accepted",
    "burn refused",
    "compare-and-set missed",
    "commit unknown, done",
    "commit unknown, done late",
    "commit unknown, not done",
    "re-append",
    "key fix",
    "held",
    "split brain",
    "revert",
    "stale read",
    "store lost",
    "tab renamed",
    "tab deleted",
    "column deleted",
    "tab barred",
    "operator mends",
    "denied",
];

/// In fewer worlds something may be missing by chance.
pub const SEEDS: u64 = 20_000;

/// What never happened although it ought to have.
pub fn never(counters: &Counters) -> Vec<&'static str> {
    SOMETIMES.into_iter().filter(|what| !counters.contains_key(what)).collect()
}

/// Whether so many worlds of these policies must come by all of it.
pub fn is_due(seeds: u64, policy: PolicyChoice) -> bool {
    seeds >= SEEDS && policy == PolicyChoice::Any
}

impl World {
    /// A batch was applied: what stood there just before tells what people did since it was planned, and what it puts back.
    pub(crate) fn notice(&mut self, batch: &Batch, journal: &Journal) {
        let flights =
            self.processes.iter().filter_map(|one| one.store.in_flight.get(&batch.spreadsheet));
        let Some(flight) = flights.into_iter().find(|flight| flight.batch.id == batch.id) else {
            return;
        };
        let parts = flight.batch.tabs.iter().zip(&flight.expectations).zip(&journal.tabs);
        let seen: Vec<&'static str> =
            parts.flat_map(|((work, part), images)| self.seen_in(work, part, images)).collect();
        for what in seen {
            self.count(what);
        }
    }

    fn seen_in(
        &self,
        work: &TabWork,
        part: &TabExpectation,
        images: &TabImages,
    ) -> Vec<&'static str> {
        let mut seen = Vec::new();
        if part.repair {
            if !part.inserts.is_empty() {
                seen.push("re-append");
            }
            if self.fixes_key(work, part, images) {
                seen.push("key fix");
            }
            return seen;
        }
        let writes = work.writes.iter().zip(&part.writes).zip(&images.writes);
        for ((write, expected), image) in writes {
            let columns = write.cells.iter().map(|(column, _)| usize::from(*column));
            if is_same_row(&self.db.tables[usize::from(part.table.0)].spec.key, expected, image)
                && columns.into_iter().any(|place| image.get(place) != expected.before.get(place))
            {
                seen.push("in-window edit");
            }
        }
        seen
    }

    /// Whether a repair writes into a column of the key.
    fn fixes_key(&self, work: &TabWork, part: &TabExpectation, images: &TabImages) -> bool {
        let spec = &self.db.tables[usize::from(part.table.0)].spec;
        let names = names(spec);
        let is_key = |column: u16| {
            let header = images.header.get(usize::from(column));
            spec.key.iter().any(|key| header == Some(&Cell::text(names[*key].clone())))
        };
        work.writes.iter().flat_map(|write| &write.cells).any(|(column, _)| is_key(*column))
    }
}

/// Whether the row that was hit is the one that was meant: it bears the same key as when the batch was planned.
fn is_same_row(key: &[usize], expected: &RowExpectation, image: &[Cell]) -> bool {
    matches!(expected.row, RowIdentity::Key(_))
        && key.iter().all(|column| {
            image.get(*column).is_some_and(|cell| !cell.is_empty())
                && image.get(*column) == expected.before.get(*column)
        })
}
