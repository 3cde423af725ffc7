//! What came back with success, as the types of the product, whichever way it came.

use google_sheets4::api::Spreadsheet;
use serde::de::DeserializeOwned;

use super::{
    failure::CallFailure,
    wire::answer::{BatchAnswer, SheetsAnswer},
};

/// Answers above this size are decoded outside the event loop.
const LARGE_ANSWER_BYTES: usize = 256 * 1024;

/// Success of a `batchUpdate`.
#[derive(Debug)]
pub(super) enum BatchReply {
    /// As the crate decoded it.
    Typed(Option<Box<Spreadsheet>>),
    /// The bytes of its JSON.
    Bytes(Vec<u8>),
}

impl BatchReply {
    /// The spreadsheet after the batch. Where it is missing, nobody knows what success was meant.
    pub(super) async fn sheets(self) -> Result<SheetsAnswer, CallFailure> {
        match self {
            Self::Typed(answer) => of_typed(answer.map(|answer| *answer)),
            Self::Bytes(bytes) => {
                decode::<BatchAnswer>(bytes).await.map(|answer| answer.updated_spreadsheet)
            }
        }
    }
}

/// What the crate decoded.
pub(super) fn of_typed(answer: Option<Spreadsheet>) -> Result<SheetsAnswer, CallFailure> {
    let unusable = || CallFailure::cut(serde_json::error::Category::Data);
    answer.and_then(SheetsAnswer::of).ok_or_else(unusable)
}

/// What our own client received.
pub(super) async fn decode<T: DeserializeOwned + Send + 'static>(
    bytes: Vec<u8>,
) -> Result<T, CallFailure> {
    let parsed = if bytes.len() < LARGE_ANSWER_BYTES {
        serde_json::from_slice(&bytes)
    } else {
        let parse = tokio::task::spawn_blocking(move || serde_json::from_slice(&bytes));
        parse.await.map_err(|error| CallFailure::Ambiguous(error.to_string()))?
    };
    parsed.map_err(|error| CallFailure::cut(error.classify()))
}
