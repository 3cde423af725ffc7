//! The door to MySQL and MariaDB: reads what changed from the binlog, and rows with `SELECT`.

pub mod binlog;
pub mod calendar;
pub mod charsets;
pub mod columns;
pub mod connect;
pub mod decode;
pub mod door;
pub mod flavor;
pub mod grants;
pub mod jsonb;
pub mod layout;
pub mod mariadb;
pub mod preflight;
pub mod schema;
pub mod select_value;
pub mod snapshot;
pub mod sql;
pub mod standing;
pub mod writer;
