//! The requests of a batch, one function each; each changes the spreadsheet and may fill its reply.

mod cells;
mod dimensions;
mod find;
mod layout;
mod metadata;
mod parts;
mod paste;
mod ranges;
mod sheets;

use serde_json::Value;

use super::error::ApiError;
use crate::model::Spreadsheet;

type Reply = Result<Option<Value>, ApiError>;

/// Applies one request by its kind. The body has passed the schema.
pub(super) fn apply(book: &mut Spreadsheet, kind: &str, body: &Value) -> Reply {
    match kind {
        "updateCells" => cells::update(book, body),
        "appendCells" => cells::append(book, body),
        "repeatCell" => cells::repeat(book, body),
        "setDataValidation" => cells::validate(book, body),
        "appendDimension" => dimensions::append(book, body),
        "insertDimension" => dimensions::insert(book, body),
        "deleteDimension" => dimensions::delete(book, body),
        "moveDimension" => dimensions::relocate(book, body),
        "insertRange" => dimensions::insert_range(book, body),
        "deleteRange" => dimensions::delete_range(book, body),
        "updateDimensionProperties" => dimensions::properties(book, body),
        "autoResizeDimensions" => dimensions::auto_resize(book, body),
        "addSheet" => sheets::add(book, body),
        "deleteSheet" => sheets::delete(book, body),
        "duplicateSheet" => sheets::duplicate(book, body),
        "updateSheetProperties" => sheets::properties(book, body),
        "updateSpreadsheetProperties" => sheets::document(book, body),
        "copyPaste" => paste::copy(book, body),
        "cutPaste" => paste::cut(book, body),
        "findReplace" => find::replace(book, body),
        "sortRange" => layout::sort(book, body),
        "setBasicFilter" => layout::set_filter(book, body),
        "clearBasicFilter" => layout::clear_filter(book, body),
        "mergeCells" => layout::merge(book, body),
        "unmergeCells" => layout::unmerge(book, body),
        "addConditionalFormatRule" => layout::add_rule(book, body),
        "deleteConditionalFormatRule" => layout::delete_rule(book, body),
        "addNamedRange" => ranges::add_name(book, body),
        "updateNamedRange" => ranges::update_name(book, body),
        "deleteNamedRange" => ranges::delete_name(book, body),
        "addProtectedRange" => ranges::add_protection(book, body),
        "updateProtectedRange" => ranges::update_protection(book, body),
        "deleteProtectedRange" => ranges::delete_protection(book, body),
        "createDeveloperMetadata" => metadata::create(book, body),
        "updateDeveloperMetadata" => metadata::update(book, body),
        "deleteDeveloperMetadata" => metadata::delete(book, body),
        other => Err(ApiError::invalid(format!("{other} is not modelled by this emulator."))),
    }
}
