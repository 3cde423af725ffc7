//! The corridor: carries inputs and actions between the engine and the doors, and decides nothing.

pub mod answers;
pub mod asks;
pub mod bells;
pub mod bootstrap;
pub mod control;
mod desk;
pub mod filter;
mod from_sheet;
pub mod front;
mod held;
mod herald;
pub mod recorder;
pub mod request;
pub mod socket;
pub mod source;
pub mod supervisor;
