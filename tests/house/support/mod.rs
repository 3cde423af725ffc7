//! What the tests of this binary stand on: real servers, a proxy, the product as a process, and an oracle.
//!
//! Nothing here shares code with the product. Everything that waits has a deadline and waits for a condition.

#![allow(dead_code, reason = "each test takes what it needs; the set is a small library")]
#![allow(unreachable_pub, reason = "a library in all but name; `pub` marks its doors")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "support code of tests stops by panicking, with a sentence"
)]

pub mod browser;
pub mod certificates;
pub mod client;
pub mod database;
pub mod google;
pub mod guard;
pub mod http;
pub mod installed;
pub mod mariadb;
pub mod mysql;
pub mod oracle;
pub mod proxy;
pub mod scratch;
pub mod script;
pub mod servers;
pub mod session;
pub mod sheetwire;
pub mod wait;
