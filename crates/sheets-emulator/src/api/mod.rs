//! The JSON side of the Sheets API v4: what a request may say and what the answer looks like.

pub mod error;
pub mod query;
