//! The door to MySQL and MariaDB: reads what changed from the binlog, and rows with `SELECT`.

pub mod decode;
pub mod jsonb;
pub mod layout;
