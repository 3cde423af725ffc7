//! What was last seen of each spreadsheet, so that a steady state needs one call per flush.
//!
//! Everything here may be out of date: people rename tabs and add rows at any time. It serves to word requests; Google checks
//! them, and a refusal leads to a new look.

use std::{collections::BTreeMap, sync::Mutex};

use google_sheets4::api::Spreadsheet;
use sheetwire_engine::batch::{Batch, TabCreate, TabProperties};

use super::wire::{
    Compiled,
    fence::{self, FenceKind},
    journal::{self, JournalTab},
};

/// One spreadsheet as last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Title of the document.
    pub(super) title: String,
    /// Its locale.
    pub(super) locale: String,
    /// Every tab but the journal.
    pub(super) tabs: Vec<TabProperties>,
    /// The journal tab.
    pub(super) journal: Option<JournalTab>,
    /// The sequence number that the named range carries.
    pub(super) fence: Option<u64>,
    /// How the fence is built here, where that can be seen.
    pub(super) kind: Option<FenceKind>,
}

impl Known {
    /// What an answer under [`super::wire::LOOK_FIELDS`] says.
    pub(super) fn of(answer: Spreadsheet) -> Self {
        let mut tabs = Vec::new();
        let mut journal: Option<JournalTab> = None;
        for sheet in answer.sheets.unwrap_or_default() {
            let Some(properties) = sheet.properties else { continue };
            let size = properties.grid_properties.as_ref();
            let count = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok());
            let tab = TabProperties {
                sheet_id: properties.sheet_id.unwrap_or_default(),
                title: properties.title.unwrap_or_default(),
                rows: size.and_then(|size| count(size.row_count)).unwrap_or_default(),
                columns: size.and_then(|size| count(size.column_count)).unwrap_or_default(),
            };
            let hidden = properties.hidden.unwrap_or_default();
            if journal::is_journal(tab.sheet_id, &tab.title, hidden) && journal.is_none() {
                let TabProperties { sheet_id, title, rows, columns } = tab;
                journal = Some(JournalTab { sheet_id, title, rows, columns });
            } else {
                tabs.push(tab);
            }
        }
        let fence = answer
            .named_ranges
            .unwrap_or_default()
            .iter()
            .filter_map(|range| range.named_range_id.as_deref().and_then(fence::sequence_of))
            .max();
        let kind = match (&fence, &journal) {
            (Some(_), _) => Some(FenceKind::NamedRange),
            (None, Some(tab)) if journal::is_fence_tab(tab.sheet_id) => Some(FenceKind::JournalTab),
            (None, _) => None,
        };
        let (title, locale) = answer.properties.map(|of| (of.title, of.locale)).unwrap_or_default();
        let (title, locale) = (title.unwrap_or_default(), locale.unwrap_or_default());
        Self { title, locale, tabs, journal, fence, kind }
    }

    /// Whether a tab that is not ours bears the title of the journal, so that the journal cannot be added.
    pub(super) fn title_is_taken(&self) -> bool {
        self.journal.is_none() && self.tabs.iter().any(|tab| tab.title == journal::TITLE)
    }

    /// A tab by its id.
    pub(super) fn tab(&self, sheet_id: i32) -> Option<&TabProperties> {
        self.tabs.iter().find(|tab| tab.sheet_id == sheet_id)
    }

    /// Takes over what an applied batch has changed.
    fn absorb(&mut self, batch: &Batch, compiled: &Compiled) {
        self.journal = Some(compiled.journal.clone());
        for work in &batch.tabs {
            if let Some(TabCreate { add: Some(title), .. }) = &work.create {
                self.tabs.push(TabProperties {
                    sheet_id: work.sheet_id,
                    title: title.clone(),
                    rows: work.header_row.0 + 2,
                    columns: work.columns.iter().map(|column| column.0 + 1).max().unwrap_or(1),
                });
            }
            let inserted = work.insert.as_ref().map_or(0, |insert| insert.rows.len());
            let Some(tab) = self.tabs.iter_mut().find(|tab| tab.sheet_id == work.sheet_id) else {
                continue;
            };
            let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
            tab.rows = tab.rows.saturating_sub(count(work.deletes.len()));
            tab.rows = tab.rows.saturating_add(count(inserted));
        }
    }
}

/// All spreadsheets.
#[derive(Debug, Default)]
pub(super) struct Atlas {
    seen: Mutex<BTreeMap<String, Known>>,
    kinds: Mutex<BTreeMap<String, FenceKind>>,
}

impl Atlas {
    /// What was last seen, unless that is known to be out of date.
    pub(super) fn recall(&self, spreadsheet: &str) -> Option<Known> {
        self.seen.lock().expect("no holder of this lock panics").get(spreadsheet).cloned()
    }

    /// Keeps a look.
    pub(super) fn keep(&self, spreadsheet: &str, known: Known) {
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        seen.insert(spreadsheet.to_owned(), known);
    }

    /// Keeps what a read has shown of one tab.
    pub(super) fn keep_tab(&self, spreadsheet: &str, properties: &TabProperties) {
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        let known = seen.get_mut(spreadsheet).map(|known| &mut known.tabs);
        let tab =
            known.and_then(|tabs| tabs.iter_mut().find(|tab| tab.sheet_id == properties.sheet_id));
        if let Some(tab) = tab {
            tab.clone_from(properties);
        }
    }

    /// Keeps what an applied batch has changed.
    pub(super) fn applied(&self, batch: &Batch, compiled: &Compiled) {
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        if let Some(known) = seen.get_mut(&batch.spreadsheet) {
            known.absorb(batch, compiled);
        }
    }

    /// What was seen is no longer believed.
    pub(super) fn forget(&self, spreadsheet: &str) {
        self.seen.lock().expect("no holder of this lock panics").remove(spreadsheet);
    }

    /// How the fence is built in this spreadsheet: as found there, else as the probe said.
    pub(super) fn kind(&self, spreadsheet: &str, known: &Known) -> FenceKind {
        let kinds = self.kinds.lock().expect("no holder of this lock panics");
        known.kind.or_else(|| kinds.get(spreadsheet).copied()).unwrap_or_default()
    }

    /// What the probe said about this spreadsheet.
    pub(super) fn set_kind(&self, spreadsheet: &str, kind: FenceKind) {
        let mut kinds = self.kinds.lock().expect("no holder of this lock panics");
        kinds.insert(spreadsheet.to_owned(), kind);
    }
}
