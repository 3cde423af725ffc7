//! A subset of the Google Sheets API v4, for tests and the demo.
//!
//! ```text
//! HTTP request -> http (quota, faults, tokens) -> api (JSON in, JSON out) -> model (grid, formulas, people)
//!                  `-> people's acts -> script (Apps Script in QuickJS) -> a webhook
//! ```
//!
//! [`model::Spreadsheet`] is the whole state of one spreadsheet and answers every call synchronously; it has no
//! clock, no socket and no randomness, so the same calls always give the same answers.

pub mod api;
pub mod http;
pub mod model;
#[cfg(feature = "apps-script")]
pub mod script;
