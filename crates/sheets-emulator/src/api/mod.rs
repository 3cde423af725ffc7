//! The JSON side of the Sheets API v4: what a request may say and what the answer looks like.

pub(crate) mod batch;
pub(crate) mod convert;
pub mod error;
pub mod fields;
pub(crate) mod get;
pub(crate) mod metadata;
pub mod query;
pub(crate) mod ranges;
mod requests;
pub mod schema;
pub mod strict;
pub(crate) mod values;
pub(crate) mod values_write;
