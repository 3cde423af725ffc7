//! What the operator decides, from a TOML file and the environment.
//!
//! ```text
//! load.rs   file, environment, secret files  (the only place that reads the environment)
//! keys.rs   every key there is, and its kind
//! raw.rs    the file as keys and values: unknown keys and wrong kinds are found here
//! parse.rs  keys and values as a Config that cannot be wrong, or every problem at once
//! tables.rs the same for the [[table]] sections
//! types.rs  that Config, and the defaults with their reasons
//! quotes.rs texts without their quotes
//! units.rs  durations and sizes as people write them
//! ```
//!
//! No serde here: it stops at the first problem, and an operator wants all of them.

#[cfg(test)]
mod claims;
mod keys;
mod load;
mod parse;
mod quotes;
mod raw;
mod tables;
#[cfg(feature = "testing")]
pub mod testing;
mod types;
mod units;

use std::fmt;

pub use self::{
    keys::{all as all_keys, nearest},
    load::{Loaded, SecretFile, Surroundings, load, parse},
    parse::doorbell_secrets,
    types::*,
};
use crate::fault::Fault;

/// Something in the configuration that is wrong (a problem) or doubtful (a finding).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Path of the key, or name of the variable.
    pub key: String,
    /// What about it, and the cure.
    pub text: String,
}

impl Remark {
    fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Everything that is wrong with a configuration, in the order of the file's sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// Where the configuration came from.
    pub source: String,
    /// At least one.
    pub problems: Vec<Remark>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{count} {noun} in {}:", self.source)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Fault {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems.to_string())
    }
}
