//! Everything that opens sockets, in one binary.

mod mysql_door;
mod servers;
mod sheets_door;
mod support;
