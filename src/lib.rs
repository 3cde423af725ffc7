//! Keeps MySQL and MariaDB tables and Google Sheets in step.

pub mod clock;
pub mod fault;
pub mod flow;
pub mod mysql;
pub mod ports;
pub mod sheets;
pub mod store;
