//! Everything that opens sockets, in one binary.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod store;
