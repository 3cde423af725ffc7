//! Developer metadata: small notes of programs that stay with a row, a column, a tab or the document.

use std::sync::Arc;

use super::Spreadsheet;
use crate::api::error::ApiError;

/// Characters of keys and values on the document, and again on each tab.
pub const CHARS_MAX: usize = 30_000;

/// Where an entry hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The document.
    Spreadsheet,
    /// A tab.
    Sheet(i64),
    /// A row of a tab.
    Row(i64, usize),
    /// A column of a tab.
    Column(i64, usize),
}

impl Place {
    /// The tab, unless it is the document.
    pub fn sheet(self) -> Option<i64> {
        match self {
            Self::Spreadsheet => None,
            Self::Sheet(sheet) | Self::Row(sheet, _) | Self::Column(sheet, _) => Some(sheet),
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// `metadataId`, unique in the spreadsheet.
    pub id: i64,
    /// `metadataKey`.
    pub key: String,
    /// `metadataValue`.
    pub value: Option<String>,
    /// `DOCUMENT` or `PROJECT`.
    pub visibility: String,
    /// Where it hangs.
    pub place: Place,
}

impl Metadata {
    fn chars(&self) -> usize {
        self.key.chars().count() + self.value.as_deref().map_or(0, |value| value.chars().count())
    }
}

impl Spreadsheet {
    /// Adds an entry; `id` 0 asks for a fresh one.
    pub(crate) fn add_metadata(&mut self, mut entry: Metadata) -> Result<Metadata, ApiError> {
        let taken = |book: &Self, id: i64| book.metadata.iter().any(|m| m.id == id);
        if entry.id == 0 {
            entry.id = self.fresh_id(taken);
        } else if taken(self, entry.id) {
            return Err(ApiError::invalid(format!(
                "Developer metadata with ID {} already exists.",
                entry.id
            )));
        }
        self.admit_metadata(entry.place, 0, entry.chars())?;
        Arc::make_mut(&mut self.metadata).push(entry.clone());
        Ok(entry)
    }

    /// Refuses more characters than the document or the tab may hold.
    pub(crate) fn admit_metadata(
        &self,
        place: Place,
        freed: usize,
        added: usize,
    ) -> Result<(), ApiError> {
        let used: usize = self
            .metadata
            .iter()
            .filter(|m| m.place.sheet() == place.sheet())
            .map(Metadata::chars)
            .sum();
        if used.saturating_sub(freed) + added > CHARS_MAX {
            return Err(ApiError::invalid(
                "Adding the requested developer metadata would exceed the allowed storage limit.",
            ));
        }
        Ok(())
    }

    /// Replaces an entry that is there.
    pub(crate) fn replace_metadata(&mut self, entry: &Metadata) -> Result<(), ApiError> {
        let Some(index) = self.metadata.iter().position(|m| m.id == entry.id) else {
            return Err(ApiError::not_found());
        };
        let old = &self.metadata[index];
        let freed = if old.place.sheet() == entry.place.sheet() { old.chars() } else { 0 };
        self.admit_metadata(entry.place, freed, entry.chars())?;
        Arc::make_mut(&mut self.metadata)[index] = entry.clone();
        Ok(())
    }

    /// Removes the entries `gone` says yes to and returns them.
    pub(crate) fn remove_metadata(&mut self, gone: impl Fn(&Metadata) -> bool) -> Vec<Metadata> {
        if !self.metadata.iter().any(&gone) {
            return Vec::new();
        }
        let (removed, kept) = self.metadata.iter().cloned().partition(gone);
        self.metadata = Arc::new(kept);
        removed
    }
}
