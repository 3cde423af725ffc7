//! I9 and I10: coming to rest costs a bounded number of requests, and nothing the engine keeps grows beyond what there is to keep.

use super::Verdict;
use crate::world::World;

/// Requests that a world may cost after people and faults have stopped.
const CALLS_MAX: usize = 500;

pub(super) fn judge(world: &World) -> Verdict {
    if world.calls > CALLS_MAX {
        return Err(format!("I9: {} requests after everything was calm", world.calls));
    }
    let status = world.processes[0].engine.status();
    if status.writer.intents > 0 {
        return Err(format!("I10: {} transactions are remembered for ever", status.writer.intents));
    }
    for tab in &status.tables {
        let rows = tab.rows
            + tab.drafts
            + tab.refused
            + tab.open
            + tab.frozen
            + tab.strangers
            + tab.strays
            + 8;
        if tab.pending > rows || tab.windows > 0 || tab.repairs > 0 {
            return Err(format!("I10: too much is remembered: {tab:?}"));
        }
    }
    Ok(())
}
