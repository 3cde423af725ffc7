//! One spreadsheet: its tabs, cells, names, protections and metadata, and the calls on it.

mod human;

pub use crate::api::{error::ApiError, query::Query};
pub use human::{HumanAct, HumanError};
use serde_json::Value;

/// The state of one spreadsheet. Cloning is cheap: tabs and rows are shared until written.
#[derive(Debug, Clone)]
pub struct Spreadsheet {
    id: String,
    title: String,
    revision: u64,
    /// The e-mail address on whose behalf API calls come, for protected ranges.
    pub caller: Option<String>,
    /// Models a Google that ignores `deleteNamedRange` with an id it does not know.
    pub lenient_named_range_delete: bool,
}

impl Spreadsheet {
    /// A new spreadsheet with one tab `Sheet1` of 1000 x 26 cells and `sheetId` 0.
    pub fn new(id: &str, title: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            revision: 0,
            caller: None,
            lenient_named_range_delete: false,
        }
    }

    /// The spreadsheet id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The title of the document.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Counts every successful mutation, by API or by hand.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// `spreadsheets.batchUpdate`: applies every request in order, or none.
    pub fn batch_update(&mut self, body: &Value, query: &Query) -> Result<Value, ApiError> {
        let _ = (body, query);
        Err(pending())
    }

    /// `spreadsheets.get`.
    pub fn get(&self, query: &Query) -> Result<Value, ApiError> {
        let _ = query;
        Err(pending())
    }

    /// `spreadsheets.values.get`.
    pub fn values_get(&self, range: &str, query: &Query) -> Result<Value, ApiError> {
        let _ = (range, query);
        Err(pending())
    }

    /// `spreadsheets.values.batchGet`.
    pub fn values_batch_get(&self, query: &Query) -> Result<Value, ApiError> {
        let _ = query;
        Err(pending())
    }

    /// `spreadsheets.values.update`.
    pub fn values_update(
        &mut self,
        range: &str,
        body: &Value,
        query: &Query,
    ) -> Result<Value, ApiError> {
        let _ = (range, body, query);
        Err(pending())
    }

    /// `spreadsheets.values.batchUpdate`.
    pub fn values_batch_update(&mut self, body: &Value, query: &Query) -> Result<Value, ApiError> {
        let _ = (body, query);
        Err(pending())
    }

    /// `spreadsheets.values.append`.
    pub fn values_append(
        &mut self,
        range: &str,
        body: &Value,
        query: &Query,
    ) -> Result<Value, ApiError> {
        let _ = (range, body, query);
        Err(pending())
    }

    /// `spreadsheets.values.clear`.
    pub fn values_clear(&mut self, range: &str) -> Result<Value, ApiError> {
        let _ = range;
        Err(pending())
    }

    /// `spreadsheets.values.batchClear`.
    pub fn values_batch_clear(&mut self, body: &Value) -> Result<Value, ApiError> {
        let _ = body;
        Err(pending())
    }

    /// `spreadsheets.developerMetadata.search`.
    pub fn metadata_search(&self, body: &Value) -> Result<Value, ApiError> {
        let _ = body;
        Err(pending())
    }

    /// `spreadsheets.developerMetadata.get`.
    pub fn metadata_get(&self, id: i64) -> Result<Value, ApiError> {
        let _ = id;
        Err(pending())
    }

    /// Does what a person does in the grid.
    pub fn human(&mut self, act: &HumanAct) -> Result<(), HumanError> {
        human::perform(self, act)
    }
}

fn pending() -> ApiError {
    ApiError::invalid("This call is not modelled yet.")
}
