//! Everything that opens sockets, in one binary.

mod sheets_door;
mod store;
