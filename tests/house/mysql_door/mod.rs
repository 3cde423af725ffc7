//! The MySQL door against real servers: what the log says equals what `SELECT` says, whatever happens in between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stop by panicking; clippy.toml reaches the tests only"
)]

mod checks;
mod differential;
mod door;
mod kinds;
mod refusals;
mod rows;
mod stream;
mod types;
mod writing;
