//! The emulator as a server: tokens, quota, faults and people around the grid.
//!
//! ```text
//! connection -> server -> routes -> auth -> quota -> faults -> calls -> model
//!                  `----> human (loopback only): web grid, people, log, switches, scripts
//! ```
//!
//! Tests start an [`Emulator`] inside their process and look at it directly; the binary
//! `sheets-emulator` is the same thing for everybody else.

mod auth;
mod calls;
mod clock;
mod create;
mod drive;
mod faults;
mod guard;
mod human;
mod log;
mod quota;
mod routes;
#[cfg(feature = "apps-script")]
mod script;
mod server;
mod state;
mod view;
mod wire;

pub use auth::{ServiceAccountError, service_account, write_service_account};
pub use clock::Clock;
pub use faults::{Fault, FaultFilter, FaultKind, Faults};
pub use log::{Call, CallLog, NoSuchCall};
pub use quota::{CallKind, MINUTE, QuotaLimits, QuotaUse, QuotaWindow};
#[cfg(feature = "apps-script")]
pub use script::ScriptDoorError;
pub use server::{Emulator, Options, StartError};
#[cfg(feature = "apps-script")]
pub(crate) use state::locked;
pub use state::{DocumentError, Role};
