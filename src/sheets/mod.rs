//! Google Sheets: the door through which spreadsheets are read and written.
//!
//! ```text
//! SheetSink -> client -> wire (requests, A1, journal layout) -> transport (HTTP, tokens, limits) -> Google
//!                 ^                                                |
//!                 '---- failure (what an answer proves) <----------'
//! ```

mod auth;
mod client;
mod failure;
mod known;
mod probe;
pub mod probes;
mod transport;
mod wire;

pub use auth::{Credentials, SILENCED_TARGETS};
pub use client::SheetsClient;
pub use probe::{PROBE_COST_MAX, ProbeReport};
pub use transport::{CallLimits, ClientOptions, GOOGLE};
pub use wire::fence::FenceKind;
