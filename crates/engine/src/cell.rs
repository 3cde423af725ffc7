//! What a cell of a sheet holds.

use serde::{Deserialize, Serialize};

/// The content of one cell, as entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// Nothing: how `NULL` looks.
    Empty,
    /// A number; dates and times without a fraction are serial numbers. Always finite.
    Number(f64),
    /// Literal text, never read as a formula.
    Text(Box<str>),
    /// A check box or TRUE/FALSE. Never written by us, may be typed by a person.
    Bool(bool),
    /// A formula typed by a person. Never written by us but to put it back.
    Formula {
        /// With its leading `=`.
        text: Box<str>,
        /// What it came to when it was read; empty where that is not known.
        value: Box<Self>,
    },
}

impl Cell {
    /// Literal text.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// What it shows: a formula counts as what it comes to.
    pub fn look(&self) -> &Self {
        match self {
            Self::Formula { value, .. } => value,
            plain => plain,
        }
    }

    /// Whether the same was entered, whatever a formula comes to just now.
    pub fn is_entered_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Formula { text, .. }, Self::Formula { text: theirs, .. }) => text == theirs,
            _ => self == other,
        }
    }

    /// Whether the cell holds nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// A rough size on the wire in bytes, for keeping a batch under the payload limit.
    pub fn wire_bytes(&self) -> usize {
        const OVERHEAD: usize = 44;
        OVERHEAD
            + match self {
                Self::Empty | Self::Bool(_) => 5,
                Self::Number(_) => 18,
                Self::Text(text) | Self::Formula { text, .. } => text.len() + text.len() / 8,
            }
    }
}
