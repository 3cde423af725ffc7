//! The MySQL door against real servers: what the log says equals what `SELECT` says, whatever happens in between.

mod checks;
mod door;
mod refusals;
mod rows;
mod stream;
mod types;
