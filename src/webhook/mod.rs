//! The doorbell: rung by the script in a spreadsheet, answered in a moment. It opens nothing that the sheet itself does not.
//!
//! ```text
//! connection -> server (method, size, time) -> signature -> payload -> pace -> memory (each request once) -> ports::Frontdesk
//! ```
//!
//! Whoever may edit a spreadsheet can read the secret of its script. So there are four verbs and no other: ring, status, explain a cell, put
//! the database's value back into a cell. Values of record are read from the sheet, never from a request.

mod a1;
mod memory;
mod pace;
mod payload;
mod refusals;
mod secrets;
mod server;
mod signature;

pub use memory::Memory;
pub use secrets::Secrets;
pub use server::{Hall, bind, serve};
