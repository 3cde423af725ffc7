//! A deterministic simulator that drives the real engine through everything that users, servers and Google can do to it.
//!
//! ```text
//!  tape (a seed, or choices) -> options -> world --step--> people, applications, faults
//!                                            |  ^
//!                                     Action |  | Input         sheet (the emulator's grid), database, store
//!                                            v  |
//!                                        the real Engine  --calm--> check (I1 to I12)
//! ```
//!
//! A world lives through a phase of trouble, then everything calms down, and then it is judged. The engine cannot see the world: it is another
//! crate.

pub mod check;
pub mod database;
#[cfg(feature = "mutants")]
mod doorbell;
pub mod jobs;
pub mod life;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod options;
pub mod people;
pub mod planner;
pub mod replay;
pub mod run;
pub mod script;
pub mod sheet;
pub mod shrink;
pub mod sometimes;
pub mod store;
pub mod tape;
pub mod tapes;
pub mod trace;
pub mod words;
pub mod world;
