//! The conflict log and the history as verbs read them: from the running pipeline, or from the store of one that does not run.

use sheetwire_engine::{conflict::ConflictRecord, history::HistoryEntry};

use super::pipeline::{Pipeline, unexpected};
use crate::{
    fault::Fault,
    flow::request::{Answer, Request},
    ports::{ConflictsWanted, HistoryWanted, Page, Records},
    store::SledStore,
};

/// Where it is read.
pub(super) struct Log<'a> {
    pipeline: &'a Pipeline,
    /// Open where the pipeline does not run.
    store: Option<SledStore>,
}

impl<'a> Log<'a> {
    /// Finds out whether it runs.
    pub(super) async fn open(pipeline: &'a Pipeline) -> Result<Self, Fault> {
        let runs = pipeline.ask(&Request::Status {}).await?.is_some();
        let store = if runs { None } else { Some(pipeline.store()?) };
        Ok(Self { pipeline, store })
    }

    /// Whether the pipeline does not run.
    pub(super) fn is_closed(&self) -> bool {
        self.store.is_some()
    }

    /// One conflict as it stands now.
    pub(super) async fn conflict(&self, id: u64) -> Result<Option<ConflictRecord>, Fault> {
        if let Some(store) = &self.store {
            return store.conflict(id);
        }
        match self.ask(Request::Conflict { id }).await? {
            Answer::Conflict(found) => Ok(found.map(|found| *found)),
            other => Err(unexpected(&other)),
        }
    }

    /// Conflicts, newest first, and whether there are more.
    pub(super) async fn conflicts(
        &self,
        mut wanted: ConflictsWanted,
    ) -> Result<(Vec<ConflictRecord>, bool), Fault> {
        let mut found = Vec::new();
        let limit = wanted.limit;
        loop {
            // One more than wanted tells whether there are more.
            wanted.limit = limit + 1 - found.len();
            let page: Page<ConflictRecord> = match &self.store {
                Some(store) => store.conflict_page(&wanted)?,
                None => match self.ask(Request::Conflicts(wanted.clone())).await? {
                    Answer::Conflicts(page) => page,
                    other => return Err(unexpected(&other)),
                },
            };
            found.extend(page.found);
            wanted.before = page.before;
            if page.before.is_none() || found.len() > limit {
                let more = found.len() > limit;
                found.truncate(limit);
                return Ok((found, more));
            }
        }
    }

    /// Changes of a row, newest first, and whether there are more.
    pub(super) async fn history(
        &self,
        mut wanted: HistoryWanted,
    ) -> Result<(Vec<HistoryEntry>, bool), Fault> {
        let mut found = Vec::new();
        let limit = wanted.limit;
        loop {
            wanted.limit = limit + 1 - found.len();
            let page: Page<HistoryEntry> = match &self.store {
                Some(store) => store.history_page(&wanted)?,
                None => match self.ask(Request::History(wanted.clone())).await? {
                    Answer::History(page) => page,
                    other => return Err(unexpected(&other)),
                },
            };
            found.extend(page.found);
            wanted.before = page.before;
            if page.before.is_none() || found.len() > limit {
                let more = found.len() > limit;
                found.truncate(limit);
                return Ok((found, more));
            }
        }
    }

    async fn ask(&self, request: Request) -> Result<Answer, Fault> {
        self.pipeline.ask(&request).await?.ok_or_else(|| self.pipeline.does_not_run())
    }
}
