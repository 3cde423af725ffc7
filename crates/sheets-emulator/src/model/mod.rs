//! One spreadsheet: its tabs, cells, names, protections and metadata, and the calls on it.

mod act;
pub mod area;
mod calendar;
pub mod cell;
pub mod eval;
pub mod event;
pub(crate) mod filter;
pub mod format;
pub mod formula;
mod functions;
pub mod grid;
pub(crate) mod human;
mod looks;
pub mod metadata;
pub mod parse;
pub mod protect;
pub mod refs;
pub mod shift;
pub(crate) mod structure;
mod undo;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::{batch, get, metadata as metadata_calls, values, values_write};
pub use crate::api::{error::ApiError, query::Query};
pub use act::{HumanAct, HumanError};
use area::{Area, COLUMNS_MAX, Span};
use grid::Sheet;
use metadata::Metadata;
use protect::Protection;
use undo::Undo;

/// Cells of all tabs together, empty ones included.
pub const CELLS_MAX: usize = 10_000_000;
/// Characters in one cell.
pub const CELL_CHARS_MAX: usize = 50_000;
/// Rows and columns of a new tab.
pub const NEW_TAB: (usize, usize) = (1000, 26);

/// A named range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRange {
    /// `namedRangeId`.
    pub id: String,
    /// The name, unique without regard to case.
    pub name: String,
    /// What it names.
    pub area: Area,
}

/// The state of one spreadsheet. Cloning is cheap: tabs and rows are shared until written.
#[derive(Debug, Clone)]
pub struct Spreadsheet {
    id: String,
    title: String,
    /// `properties.locale`.
    pub(crate) locale: String,
    /// `properties.timeZone`.
    pub(crate) time_zone: String,
    /// Other document properties as JSON.
    pub(crate) properties: Map<String, Value>,
    pub(crate) sheets: Vec<Arc<Sheet>>,
    pub(crate) names: Arc<Vec<NamedRange>>,
    pub(crate) metadata: Arc<Vec<Metadata>>,
    pub(crate) protections: Arc<Vec<Protection>>,
    undo: Arc<Vec<Undo>>,
    revision: u64,
    counter: u64,
    /// The e-mail address on whose behalf API calls come, for protected ranges; `None` may edit everything.
    pub caller: Option<String>,
    /// The owner of the document, who may edit everything.
    pub owner: Option<String>,
    /// Models a Google that ignores `deleteNamedRange` with an id it does not know.
    pub lenient_named_range_delete: bool,
}

impl Spreadsheet {
    /// A new spreadsheet with one tab `Sheet1` of 1000 x 26 cells and `sheetId` 0.
    pub fn new(id: &str, title: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            locale: "en_US".to_owned(),
            time_zone: "Etc/GMT".to_owned(),
            properties: Map::new(),
            sheets: vec![Arc::new(Sheet::new(0, "Sheet1", NEW_TAB.0, NEW_TAB.1))],
            names: Arc::default(),
            metadata: Arc::default(),
            protections: Arc::default(),
            undo: Arc::default(),
            revision: 0,
            counter: 0,
            caller: None,
            owner: None,
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

    /// Changes the title of the document.
    pub fn set_title(&mut self, title: &str) {
        title.clone_into(&mut self.title);
    }

    /// Counts every successful mutation, by API or by hand.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The tabs in their order.
    pub fn tabs(&self) -> impl Iterator<Item = &Sheet> {
        self.sheets.iter().map(AsRef::as_ref)
    }

    /// The tab with this id.
    pub fn sheet(&self, id: i64) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.id == id).map(AsRef::as_ref)
    }

    /// The tab with this title; titles differ by more than case.
    pub fn sheet_titled(&self, title: &str) -> Option<&Sheet> {
        let exact = self.sheets.iter().find(|sheet| sheet.title == title);
        let lower = title.to_lowercase();
        exact
            .or_else(|| self.sheets.iter().find(|s| s.title.to_lowercase() == lower))
            .map(AsRef::as_ref)
    }

    /// `spreadsheets.batchUpdate`: applies every request in order, or none.
    pub fn batch_update(&mut self, body: &Value, query: &Query) -> Result<Value, ApiError> {
        self.atomically(|book| batch::batch_update(book, body, query))
    }

    /// `spreadsheets.get`.
    pub fn get(&self, query: &Query) -> Result<Value, ApiError> {
        get::spreadsheet(self, query)
    }

    /// `spreadsheets.values.get`.
    pub fn values_get(&self, range: &str, query: &Query) -> Result<Value, ApiError> {
        values::get(self, range, query)
    }

    /// `spreadsheets.values.batchGet`.
    pub fn values_batch_get(&self, query: &Query) -> Result<Value, ApiError> {
        values::batch_get(self, query)
    }

    /// `spreadsheets.values.update`.
    pub fn values_update(
        &mut self,
        range: &str,
        body: &Value,
        query: &Query,
    ) -> Result<Value, ApiError> {
        self.atomically(|book| values_write::update(book, range, body, query))
    }

    /// `spreadsheets.values.batchUpdate`.
    pub fn values_batch_update(&mut self, body: &Value, query: &Query) -> Result<Value, ApiError> {
        self.atomically(|book| values_write::batch_update(book, body, query))
    }

    /// `spreadsheets.values.append`.
    pub fn values_append(
        &mut self,
        range: &str,
        body: &Value,
        query: &Query,
    ) -> Result<Value, ApiError> {
        self.atomically(|book| values_write::append(book, range, body, query))
    }

    /// `spreadsheets.values.clear`.
    pub fn values_clear(&mut self, range: &str) -> Result<Value, ApiError> {
        self.atomically(|book| values_write::clear(book, range))
    }

    /// `spreadsheets.values.batchClear`.
    pub fn values_batch_clear(&mut self, body: &Value) -> Result<Value, ApiError> {
        self.atomically(|book| values_write::batch_clear(book, body))
    }

    /// `spreadsheets.developerMetadata.search`.
    pub fn metadata_search(&self, body: &Value) -> Result<Value, ApiError> {
        metadata_calls::search(self, body)
    }

    /// `spreadsheets.developerMetadata.get`.
    pub fn metadata_get(&self, id: i64) -> Result<Value, ApiError> {
        metadata_calls::get(self, id)
    }

    /// Does what a person does in the grid.
    pub fn human(&mut self, act: &HumanAct) -> Result<(), HumanError> {
        let mut work = self.clone();
        human::perform(&mut work, act)?;
        work.revision += 1;
        *self = work;
        Ok(())
    }

    /// Runs a mutation on a copy and keeps the copy only when it succeeds.
    fn atomically<T>(
        &mut self,
        call: impl FnOnce(&mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut work = self.clone();
        let answer = call(&mut work)?;
        work.revision += 1;
        *self = work;
        Ok(answer)
    }

    /// The tab with this id, for writing.
    pub(crate) fn sheet_mut(&mut self, id: i64) -> Option<&mut Sheet> {
        self.sheets.iter_mut().find(|sheet| sheet.id == id).map(Arc::make_mut)
    }

    /// What a named range stands for.
    pub(crate) fn named_area(&self, name: &str) -> Option<Area> {
        self.names
            .iter()
            .find(|named| named.name.eq_ignore_ascii_case(name))
            .map(|named| named.area)
    }

    /// An area in A1 notation as it was asked for.
    pub(crate) fn print_area(&self, area: &Area) -> String {
        let title = self.sheet(area.sheet).map_or("#REF!", |sheet| sheet.title.as_str());
        area::print_area(title, area.rows, area.cols)
    }

    /// Refuses a growth past the limits of a spreadsheet.
    pub(crate) fn admit(&self, sheet: i64, rows: usize, cols: usize) -> Result<(), ApiError> {
        if cols > COLUMNS_MAX {
            return Err(ApiError::invalid(format!(
                "This action would increase the number of columns in the sheet above the limit of {COLUMNS_MAX} columns."
            )));
        }
        let others: usize = self.sheets.iter().filter(|s| s.id != sheet).map(|s| s.size()).sum();
        let before = self.sheet(sheet).map_or(0, Sheet::size);
        let after = rows.saturating_mul(cols);
        if after > before && others.saturating_add(after) > CELLS_MAX {
            return Err(ApiError::invalid(format!(
                "This action would increase the number of cells in the workbook above the limit of {CELLS_MAX} cells."
            )));
        }
        Ok(())
    }

    /// A number nobody chose: positive, 31 bits, never one that `taken` knows.
    pub(crate) fn fresh_id(&mut self, taken: impl Fn(&Self, i64) -> bool) -> i64 {
        loop {
            self.counter += 1;
            // Scrambled, so that nobody can rely on ids being consecutive.
            let mut bits = self.counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let id = i64::try_from((bits >> 33) & 0x7FFF_FFFF).unwrap_or(1).max(1);
            if !taken(self, id) {
                return id;
            }
        }
    }

    /// The text of a formula with the present titles.
    pub(crate) fn formula_text(&self, formula: &formula::Formula) -> String {
        formula.text(&|id| self.sheet(id).map(|sheet| sheet.title.clone()))
    }

    /// Reads a formula typed anywhere in this spreadsheet.
    pub(crate) fn parse_formula(&self, text: &str) -> formula::Formula {
        formula::Formula::parse(text, &|title| self.sheet_titled(title).map(|sheet| sheet.id))
    }

    /// The rectangle of an area, cut at the end of the grid; a start past it is the documented error.
    pub(crate) fn rect_of(&self, area: &Area) -> Result<area::Rect, ApiError> {
        let sheet = self
            .sheet(area.sheet)
            .ok_or_else(|| ApiError::invalid(format!("No grid with id: {}", area.sheet)))?;
        let beyond = |span: Span, size: usize| span.start.is_some_and(|start| start >= size);
        if beyond(area.rows, sheet.rows) || beyond(area.cols, sheet.cols) {
            return Err(ApiError::invalid(format!(
                "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
                self.print_area(area),
                sheet.rows,
                sheet.cols
            )));
        }
        let (r0, r1) = area.rows.within(sheet.rows);
        let (c0, c1) = area.cols.within(sheet.cols);
        Ok(area::Rect { r0, r1, c0, c1 })
    }
}

#[cfg(test)]
mod tests;
