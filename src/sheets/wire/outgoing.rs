//! A `batchUpdate` ready to be sent, as the crate's types where they fit and as text where they do not.
//!
//! In `google-sheets4` one `Request` takes 29,808 bytes and one `CellData` 2,960, whatever is in them; to send them, the crate
//! writes a tree with a null for every absent field, and takes the nulls out again. So a call is measured before it is built.
//! Measured with an unoptimised build and the emulator in the same process, as growth of the resident set during one batch of
//! scattered rows with three requests each:
//!
//! | rows | requests | through the crate | as text |
//! |---|---|---|---|
//! | 100 | 304 | 17 MB, 0.1 s | 1.5 MB, 0.02 s |
//! | 200 | 604 | 32 MB, 0.2 s | 2.5 MB, 0.05 s |
//! | 5,000 | 15,004 | 750 MB, 6 to 8 s | 62 MB, 0.8 to 1 s |

use google_sheets4::api::{self, BatchUpdateSpreadsheetRequest};
use serde::Deserialize as _;
use serde_json::Value;
use sheetwire_engine::cell::Cell;

use super::requests::{Body, CellData, Request};

/// The most memory, in bytes, that one call may take in the crate's types. Larger ones travel as text.
///
/// It lets through batches of about 120 scattered rows with three requests each, or of about 2,000 neighbouring cells.
pub(crate) const CRATE_BYTES: usize = 24 * 1024 * 1024;

/// A request: the type, and the tree with its nulls.
const REQUEST_BYTES: usize = 48 * 1024;

/// A cell: the type and its tree on the way out, or the type and the spare room of its row on the way back.
const CELL_BYTES: usize = 6 * 1024;

/// Copies of a text between ours and the wire.
const TEXT_COPIES: usize = 6;

/// A body on its way.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// For the crate: a tree and not a text, since `serde_json` does not read every number back from a text as it was.
    Typed(Value),
    /// For the client of our own.
    Text(String),
}

impl Outgoing {
    /// Writes a body down, for the crate where that takes no more than `bytes` with so many cells in the answer.
    pub(crate) fn of(body: &Body<'_>, cells_answered: usize, bytes: usize) -> Self {
        let written = if weight(body.requests, cells_answered) < bytes {
            serde_json::to_value(body).map(Self::Typed)
        } else {
            serde_json::to_string(body).map(Self::Text)
        };
        written.expect("requests hold nothing that JSON cannot say")
    }
}

/// Whether an answer with so many cells may be taken in the crate's types.
pub(crate) fn is_light(cells_answered: usize, bytes: usize) -> bool {
    cells_answered.saturating_mul(CELL_BYTES) < bytes
}

/// The memory that a call takes in the crate's types, at most.
fn weight(requests: &[Request<'_>], cells_answered: usize) -> usize {
    let mut cells = cells_answered;
    let mut text = 0_usize;
    for request in requests {
        match request {
            Request::UpdateCells(update) => {
                for cell in update.rows.iter().flat_map(|row| &row.values) {
                    cells = cells.saturating_add(1);
                    text = text.saturating_add(text_bytes(cell));
                }
            }
            Request::RepeatCell { .. } => cells = cells.saturating_add(1),
            Request::SetDataValidation { rule, .. } => {
                cells = cells.saturating_add(rule.condition.values.len());
            }
            _ => {}
        }
    }
    let fixed = requests.len().saturating_mul(REQUEST_BYTES);
    fixed
        .saturating_add(cells.saturating_mul(CELL_BYTES))
        .saturating_add(text.saturating_mul(TEXT_COPIES))
}

fn text_bytes(cell: &CellData<'_>) -> usize {
    match cell {
        CellData::Cell(Cell::Text(text) | Cell::Formula { text, .. }) => text.len(),
        CellData::Text(text) | CellData::Note(Some(text)) => text.len(),
        CellData::Cell(_) | CellData::Note(None) => 0,
    }
}

/// The same body in the crate's types. The vector of requests is as long as it must be: growing it would double its memory.
pub(crate) fn typed(body: &Value) -> Result<BatchUpdateSpreadsheetRequest, serde_json::Error> {
    let none = Vec::new();
    let ours = body.get("requests").and_then(Value::as_array).unwrap_or(&none);
    let mut requests = Vec::with_capacity(ours.len());
    for request in ours {
        requests.push(api::Request::deserialize(request)?);
    }
    let ranges = body.get("responseRanges").map(Vec::<String>::deserialize).transpose()?;
    Ok(BatchUpdateSpreadsheetRequest {
        requests: Some(requests),
        include_spreadsheet_in_response: body
            .get("includeSpreadsheetInResponse")
            .and_then(Value::as_bool),
        response_ranges: ranges,
        response_include_grid_data: None,
    })
}
