//! The MySQL door against real servers: what the log says equals what `SELECT` says, whatever happens in between.

mod door;
mod refusals;
mod stream;
mod types;
