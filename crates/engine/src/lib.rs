//! The rules of sheetwire: a state machine without clock, IO or chance.
pub mod batch;
pub mod cell;
pub mod change;
pub mod position;
pub mod state;
pub mod value;
