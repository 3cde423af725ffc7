//! Google Sheets: the door through which spreadsheets are read and written.
//!
//! ```text
//! SheetSink -> client -> wire (requests, A1, journal layout) -> transport -+-> hub (google-sheets4) ----+-> Google
//!                 ^                                                        '-> text (large calls) ------'
//!                 '---- failure (what an answer proves) <---- reply <---------- either way
//! ```

mod auth;
mod client;
mod failure;
mod hub;
mod known;
mod probe;
pub mod probes;
mod reply;
mod transport;
mod wire;

pub use auth::Credentials;
pub use client::SheetsClient;
pub use probe::{PROBE_COST_MAX, ProbeReport};
pub use transport::{CallLimits, ClientOptions, GOOGLE};
pub use wire::fence::FenceKind;
