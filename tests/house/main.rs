//! Everything that opens sockets, in one binary.
