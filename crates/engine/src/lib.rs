//! The rules of sheetwire: a state machine without clock, socket, file, task or chance.
pub mod backoff;
pub mod batch;
mod book;
pub mod cell;
pub mod change;
pub mod coalescer;
pub mod compare;
mod confirm;
pub mod door;
pub mod engine;
pub mod key_index;
pub mod ledger;
pub mod pacer;
pub mod planner;
pub mod position;
pub mod render;
mod repair;
pub mod state;
mod survey;
mod tab;
pub mod time;
pub mod value;

pub use tab::TabSpec;
