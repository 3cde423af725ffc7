//! Rows out of the binlog's bytes, without a detour: columns that are not mapped are stepped over by their length alone.
//!
//! `table_map` says what the columns are, `plan` decides once how to read them, `rows` follows the plan. Every value is the same (`==`)
//! as the one [`crate::mysql::snapshot`] reads with `SELECT`.

pub mod bytes;
pub mod number;
pub mod plan;
pub mod rows;
pub mod table_map;
pub mod text;
pub mod time;
pub mod value;
pub mod width;

#[cfg(test)]
mod tests;
