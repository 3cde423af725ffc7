//! Keeps MySQL and MariaDB tables and Google Sheets in step.

pub mod fault;
pub mod mysql;
pub mod ports;
