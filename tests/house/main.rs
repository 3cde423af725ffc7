//! Everything that opens sockets, in one binary.

#![expect(clippy::too_many_lines, reason = "a scenario is read from top to bottom")]

mod containers;
mod kills;
mod mysql_door;
mod people;
mod servers;
mod sheets_door;
#[macro_use]
mod slice;
mod store;
mod support;
mod support_claims;
mod web_grid;
mod webhook;
