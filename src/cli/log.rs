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
        wanted: ConflictsWanted,
    ) -> Result<(Vec<ConflictRecord>, bool), Fault> {
        let read = async |before, limit| {
            let wanted = ConflictsWanted { before, limit, ..wanted.clone() };
            if let Some(store) = &self.store {
                return store.conflict_page(&wanted);
            }
            match self.ask(Request::Conflicts(wanted)).await? {
                Answer::Conflicts(page) => Ok(page),
                other => Err(unexpected(&other)),
            }
        };
        pages(wanted.limit, read).await
    }

    /// Changes of a row, newest first, and whether there are more.
    pub(super) async fn history(
        &self,
        wanted: HistoryWanted,
    ) -> Result<(Vec<HistoryEntry>, bool), Fault> {
        let read = async |before, limit| {
            let wanted = HistoryWanted { before, limit, ..wanted.clone() };
            if let Some(store) = &self.store {
                return store.history_page(&wanted);
            }
            match self.ask(Request::History(wanted)).await? {
                Answer::History(page) => Ok(page),
                other => Err(unexpected(&other)),
            }
        };
        pages(wanted.limit, read).await
    }

    async fn ask(&self, request: Request) -> Result<Answer, Fault> {
        self.pipeline.ask(&request).await?.ok_or_else(|| self.pipeline.does_not_run())
    }
}

/// Page after page, until there are `limit` entries or no more.
async fn pages<T>(
    limit: usize,
    read: impl AsyncFn(Option<u64>, usize) -> Result<Page<T>, Fault>,
) -> Result<(Vec<T>, bool), Fault> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        // One more than wanted tells whether there are more.
        let page = read(before, limit.saturating_add(1) - found.len()).await?;
        found.extend(page.found);
        before = page.before;
        let more = found.len() > limit;
        if before.is_none() || more {
            found.truncate(limit);
            return Ok((found, more));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_are_read_until_there_is_enough() {
        // Numbers from 9 down, three to a page, the even ones only.
        let read = async |before: Option<u64>, limit: usize| {
            let top = before.unwrap_or(10);
            let low = top.saturating_sub(3).max(1);
            let found = (low..top).rev().filter(|number| number % 2 == 0).take(limit).collect();
            Ok(Page { found, before: (low > 1).then_some(low) })
        };
        assert_eq!(pages(2, read).await.unwrap(), (vec![8, 6], true));
        assert_eq!(pages(9, read).await.unwrap(), (vec![8, 6, 4, 2], false));
        assert_eq!(pages(4, read).await.unwrap(), (vec![8, 6, 4, 2], false));
    }
}
