//! Everything that opens sockets, in one binary.

mod containers;
mod kills;
mod mysql_door;
mod servers;
mod sheets_door;
mod slice;
mod store;
mod support;
mod support_claims;
