//! Keeps MySQL and MariaDB tables and Google Sheets in step.

pub mod clock;
pub mod config;
pub mod fault;
pub mod ports;
pub mod secret;
pub mod store;
pub mod telemetry;
