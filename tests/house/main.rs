//! Everything that opens sockets, in one binary.

mod servers;
mod support;
