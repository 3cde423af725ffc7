//! The rules of sheetwire: a state machine without clock, socket, file, task or chance.
mod adopt;
pub mod backoff;
pub mod base;
pub mod batch;
mod book;
mod brake;
pub mod cell;
pub mod change;
pub mod coalescer;
pub mod compare;
mod confirm;
pub mod conflict;
pub mod door;
mod dress;
pub mod engine;
pub mod history;
#[cfg(feature = "mutants")]
mod hope;
mod inbound;
pub mod intent;
pub mod key_index;
pub mod ledger;
pub mod merge;
pub mod mutants;
mod newcomers;
mod notes;
mod open;
pub mod pacer;
pub mod planner;
pub mod position;
mod recognise;
#[cfg(feature = "record")]
pub mod recording;
pub mod render;
mod repair;
mod reverts;
pub mod state;
mod strays;
mod survey;
mod tab;
pub mod time;
pub mod typed;
pub mod value;
mod window;

pub use tab::{InboundLimits, TabSpec};
