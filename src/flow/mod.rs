//! The corridor: carries inputs and actions between the engine and the doors, and decides nothing.

pub mod asks;
pub mod bootstrap;
pub mod control;
pub mod filter;
mod held;
mod herald;
pub mod hold;
pub mod recorder;
pub mod socket;
pub mod source;
pub mod supervisor;
