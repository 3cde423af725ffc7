//! Which tab is which table's, whatever people call it by now.

use std::collections::BTreeMap;

use sheetwire_engine::{
    TabSpec,
    batch::{SpreadsheetImage, TabProperties},
    change::TableId,
    engine::{Status, TabStatus},
};

use crate::{
    config::Config,
    fault::Fault,
    flow::{
        request::{Answer, Request},
        socket,
    },
    store::{self, Glance},
};

/// Numeric ids of tabs, as far as the pipeline has seen them.
#[derive(Debug, Clone, Default)]
pub(super) struct Homes(BTreeMap<TableId, i32>);

impl Homes {
    /// Asks the running pipeline, or looks into the store where none runs. Of a folder that cannot be looked into nothing is known.
    ///
    /// # Errors
    /// As [`store::glance`].
    pub(super) async fn of(config: &Config) -> Result<Self, Fault> {
        match socket::ask(&config.data_dir, &Request::Status {}).await {
            Ok(Some(Answer::Status(status))) => Ok(Self::told(&status)),
            Ok(None) => match store::glance(&config.data_dir, config.name.as_str()) {
                Ok(Glance::Store { tabs, .. }) => Ok(Self::stored(tabs)),
                // One that is starting has it, and does not answer yet.
                Ok(Glance::Nothing | Glance::OfAnotherUser) | Err(Fault::AnotherInstance(_)) => {
                    Ok(Self::default())
                }
                Err(fault) => Err(fault),
            },
            Ok(Some(_)) | Err(_) => Ok(Self::default()),
        }
    }

    /// As the running pipeline tells.
    pub(super) fn told(status: &Status) -> Self {
        let known = |tab: &TabStatus| Some((tab.table, tab.sheet_id?));
        Self(status.tables.iter().filter_map(known).collect())
    }

    /// As the store has them.
    pub(super) fn stored(tabs: Vec<(TableId, i32)>) -> Self {
        Self(tabs.into_iter().collect())
    }

    /// The tab of a table: by its id, else by the configured title.
    pub(super) fn find<'a>(
        &self,
        spec: &TabSpec,
        image: &'a SpreadsheetImage,
    ) -> Option<&'a TabProperties> {
        let id = self.0.get(&spec.table);
        let by_id = image.tabs.iter().find(|tab| Some(&tab.sheet_id) == id);
        by_id.or_else(|| image.tabs.iter().find(|tab| tab.title == spec.title))
    }
}
