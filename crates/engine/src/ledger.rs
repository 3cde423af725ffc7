//! Says which position may be stored: one behind whole transactions, with everything before it confirmed or pending in the same store.

use crate::{position::Position, state::StoreStep};

/// The only one who may say that a position is safe.
#[derive(Debug, Default)]
pub struct Ledger {
    consumed: Option<Position>,
    saved: Option<Position>,
}

impl Ledger {
    /// A ledger that goes on from a stored position.
    pub fn resume(saved: Option<Position>) -> Self {
        Self { consumed: saved.clone(), saved }
    }

    /// Everything up to here has been absorbed.
    pub fn on_commit(&mut self, position: Position) {
        self.consumed = Some(position);
    }

    /// Consumed up to here.
    pub fn consumed(&self) -> Option<&Position> {
        self.consumed.as_ref()
    }

    /// Whether there is something new to save.
    pub fn is_ahead(&self) -> bool {
        self.consumed != self.saved
    }

    /// The step that saves the position. Must go into the same atomic batch as every pending row absorbed so far.
    pub fn save(&mut self) -> Option<StoreStep> {
        if !self.is_ahead() {
            return None;
        }
        self.saved.clone_from(&self.consumed);
        self.saved.clone().map(StoreStep::Position)
    }
}
