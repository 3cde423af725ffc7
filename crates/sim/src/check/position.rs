//! I8: the stored position never runs ahead of what is agreed on or pending in the same store.

use sheetwire_engine::{change::TableId, state::TableState};

use crate::world::World;

impl World {
    /// Looks at a store that was just written: every row of the database, as of the stored position, must be agreed on, pending, or in a window.
    pub fn check_position(&mut self, process: usize) {
        // Looking at every store would cost more than the rest of the world.
        if !self.tape.percent(4) {
            return;
        }
        let store = &self.processes[process].store;
        let Some(position) = &store.position else { return };
        let consumed = self.db.consumed(position);
        if consumed != self.db.log.len() {
            return;
        }
        for (number, table) in self.db.tables.iter().enumerate() {
            let id = TableId(u16::try_from(number).unwrap_or(0));
            if !matches!(store.tables.get(&id), Some(TableState::Live { .. })) {
                continue;
            }
            for (key, row) in &self.db.rows[number] {
                let address = (id, key.clone());
                let cells = table.cells(row);
                let agreed = store.base.get(&address).and_then(|base| base.whole_database());
                let known = agreed == Some(&cells[..])
                    || store.pending.contains_key(&address)
                    || store.windows.contains_key(&address);
                if !known {
                    self.failure = Some(format!(
                        "I8: the store is at {position} and knows nothing of row {} of table {number}",
                        key.0
                    ));
                    return;
                }
            }
        }
    }
}
