//! The rules of sheetwire.
