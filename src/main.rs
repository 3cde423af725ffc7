//! The `sheetwire` binary.
fn main() {}
