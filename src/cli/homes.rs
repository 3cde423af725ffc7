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
    /// Asks the running pipeline, or looks into the store where none runs. Of a store that cannot be looked into, or is damaged, nothing is known:
    /// both sides can be compared all the same, by the configured titles.
    pub(super) async fn of(config: &Config) -> Self {
        match socket::ask(&config.data_dir, &Request::Status {}).await {
            Ok(Some(Answer::Status(status))) => Self::told(&status),
            Ok(None) => match store::glance(&config.data_dir, config.name.as_str()) {
                Ok(Glance::Store { tabs, .. }) => Self::stored(tabs),
                Ok(Glance::Nothing | Glance::OfAnotherUser) | Err(_) => Self::default(),
            },
            Ok(Some(_)) | Err(_) => Self::default(),
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
