//! Keeps MySQL and MariaDB tables and Google Sheets in step.
//!
//! ```text
//!  MySQL / MariaDB                                                             Google Sheets
//!    | binlog                                                                       ^
//!    v                                                                              | one batchUpdate
//!  mysql -> flow::source -> flow::control -> sheetwire_engine -> flow::asks -> sheets
//!    ^                         ^     |                              |    ^
//!    | SELECT by key           |     v                              v    |
//!    |---------------------- flow::asks <------ answers -------- store (sled)
//!    | one transaction            |
//!    `-- mysql::writer <----------'
//! ```
//!
//! A changed row goes from left to right: [`mysql::binlog`] reads and decodes it, [`flow::source`] hands it on,
//! [`flow::control`] tells the engine, the engine decides, [`store`] makes it durable, [`sheets`] writes it and brings back what was
//! there before. An edit in the sheet goes back the same way round: a doorbell tells of it ([`webhook`]) or a sweep comes by, what is there is read, the engine decides, [`mysql::writer`] writes it. What is wrong with a row is found in the engine; what is wrong with bytes, in a door.

pub mod app;
pub mod cli;
pub mod flow;
pub mod mysql;
pub mod sheets;
pub mod store;
pub mod webhook;

pub mod ports;

pub mod config;
mod policy;

pub mod clock;
pub mod fault;
pub mod hold;
pub mod secret;
pub mod telemetry;
