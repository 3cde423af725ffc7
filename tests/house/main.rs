//! Everything that opens sockets, in one binary.

mod containers;
mod kills;
mod servers;
mod sheets_door;
mod store;
mod support;
mod support_claims;
