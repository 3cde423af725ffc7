//! What the store keeps for people: the conflict log and the history.

use sheetwire_engine::{
    conflict::{ConflictRecord, Outcome},
    history::HistoryEntry,
};

use super::{
    codec::{self, Assembler, Draft, Kind, Record},
    sled::{SledStore, read_record},
    trouble::Trouble,
};
use crate::{
    fault::Fault,
    ports::{ConflictsWanted, HistoryWanted, Page, Records},
};

/// So many records are looked at for one page: some tens of milliseconds.
const LOOKED_AT_MAX: u64 = 5_000;
/// A page has no more entries than that, whatever was asked for.
const FOUND_MAX: usize = 200;

impl SledStore {
    /// Every conflict record as it stands now, oldest first.
    pub fn conflicts(&self) -> Result<Vec<ConflictRecord>, Fault> {
        let mut draft = Draft::default();
        self.each(Kind::Outcome, |record| draft.place(record))?;
        let mut conflicts = Vec::new();
        self.each(Kind::Conflict, |record| {
            conflicts.push(draft.conflict(record)?);
            Ok(())
        })?;
        Ok(conflicts)
    }

    /// The changes of rows that are still kept, oldest first.
    pub fn history(&self) -> Result<Vec<HistoryEntry>, Fault> {
        let mut entries = Vec::new();
        self.each(Kind::History, |record| {
            entries.push(record.decode()?);
            Ok(())
        })?;
        Ok(entries)
    }

    /// Reads every record of one kind, in order.
    fn each(
        &self,
        kind: Kind,
        mut take: impl FnMut(&Record) -> Result<(), codec::Damage>,
    ) -> Result<(), Fault> {
        self.look(|db| {
            let mut assembler = Assembler::default();
            for entry in db.scan_prefix(codec::bare(kind)) {
                let (key, value) = entry?;
                if let Some(record) = assembler.take(&key, &value)? {
                    take(&record)?;
                }
            }
            Ok(())
        })
    }

    /// One page of numbered records, from the newest on. `read` gives none for a record that is not there (any more) or not wanted.
    fn page<T>(
        &self,
        (kind, before, limit): (Kind, Option<u64>, usize),
        mut read: impl FnMut(&sled::Db, u64) -> Result<Option<T>, Trouble>,
    ) -> Result<Page<T>, Fault> {
        let [first, last] = self.look(|db| numbers(db, kind))?;
        let limit = limit.clamp(1, FOUND_MAX);
        let mut next = before.map_or(last, |before| last.min(before.saturating_sub(1)));
        let end = first.max(next.saturating_sub(LOOKED_AT_MAX).saturating_add(1));
        let mut found = Vec::new();
        while next >= end && next > 0 && found.len() < limit {
            found.extend(self.look(|db| read(db, next))?);
            next -= 1;
        }
        Ok(Page { found, before: (next >= first && next > 0).then_some(next + 1) })
    }
}

/// Numbers of the oldest and of the newest record of a kind; `[1, 0]` where there is none.
fn numbers(db: &sled::Db, kind: Kind) -> Result<[u64; 2], Trouble> {
    let mut keys = db.scan_prefix(codec::bare(kind)).keys();
    let Some(first) = keys.next().transpose()? else { return Ok([1, 0]) };
    let last = keys.next_back().transpose()?.unwrap_or_else(|| first.clone());
    Ok([&first, &last].map(|key| codec::number_in(key).unwrap_or(0)))
}

fn conflict(db: &sled::Db, id: u64) -> Result<Option<ConflictRecord>, Trouble> {
    let Some(record) = read_record(db, &codec::number_stem(Kind::Conflict, id))? else {
        return Ok(None);
    };
    let conflict: ConflictRecord = record.decode()?;
    let outcome = read_record(db, &codec::number_stem(Kind::Outcome, id))?;
    let outcome: Option<Outcome> = outcome.map(|outcome| outcome.decode()).transpose()?;
    Ok(Some(ConflictRecord { outcome: outcome.unwrap_or(conflict.outcome), ..conflict }))
}

impl Records for SledStore {
    fn conflict_page(&self, wanted: &ConflictsWanted) -> Result<Page<ConflictRecord>, Fault> {
        self.page((Kind::Conflict, wanted.before, wanted.limit), |db, number| {
            Ok(conflict(db, number)?.filter(|record| {
                wanted.table.is_none_or(|table| table == record.table)
                    && (wanted.settled || record.outcome.is_open())
            }))
        })
    }

    fn conflict(&self, id: u64) -> Result<Option<ConflictRecord>, Fault> {
        self.look(|db| conflict(db, id))
    }

    fn history_page(&self, wanted: &HistoryWanted) -> Result<Page<HistoryEntry>, Fault> {
        self.page((Kind::History, wanted.before, wanted.limit), |db, number| {
            let Some(record) = read_record(db, &codec::number_stem(Kind::History, number))? else {
                return Ok(None);
            };
            let entry: HistoryEntry = record.decode()?;
            Ok(Some(entry)
                .filter(|entry| entry.table == wanted.table && entry.key.parts() == wanted.key))
        })
    }
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::{change::TableId, merge::Side, state::StoreStep};

    use super::*;
    use crate::{
        ports::StateStore,
        store::contract::{Scratch, change, conflict, key},
    };

    #[tokio::test]
    async fn conflicts_are_paged_newest_first_as_they_stand_now() {
        let scratch = Scratch::new("conflict-pages");
        let store = SledStore::open(&scratch.path("s"), "crm").unwrap();
        let nothing = ConflictsWanted { settled: true, limit: 9, ..ConflictsWanted::default() };
        assert_eq!(store.conflict_page(&nothing).unwrap(), Page { found: vec![], before: None });
        let steps = (1..=5).map(|id| StoreStep::Conflict(conflict(id)));
        let settled = StoreStep::Outcome(4, Outcome::Kept(Side::Sheet));
        store.apply(steps.chain([settled]).collect()).await.unwrap();
        let ids = |wanted: &ConflictsWanted| {
            let page = store.conflict_page(wanted).unwrap();
            (page.found.iter().map(|record| record.id).collect::<Vec<_>>(), page.before)
        };
        let open = ConflictsWanted { limit: 2, ..ConflictsWanted::default() };
        assert_eq!(ids(&open), (vec![5, 3], Some(3)));
        assert_eq!(ids(&ConflictsWanted { before: Some(3), ..open.clone() }), (vec![2, 1], None));
        assert_eq!(ids(&ConflictsWanted { settled: true, ..open.clone() }), (vec![5, 4], Some(4)));
        let elsewhere = ConflictsWanted { table: Some(TableId(9)), ..open };
        assert_eq!(ids(&elsewhere), (vec![], None));
        assert_eq!(store.conflict(4).unwrap().unwrap().outcome, Outcome::Kept(Side::Sheet));
        assert_eq!(store.conflict(6).unwrap(), None);
    }

    #[tokio::test]
    async fn the_history_of_one_row_is_found_among_many_a_page_at_a_time() {
        let scratch = Scratch::new("history-pages");
        let store = SledStore::open(&scratch.path("s"), "crm").unwrap();
        let many = i64::try_from(LOOKED_AT_MAX).unwrap() + 10;
        let other = |at_us| HistoryEntry { key: key("8"), ..change(at_us) };
        let entries = (1..=many).map(|at| if at % many < 3 { change(at) } else { other(at) });
        store.apply(entries.map(StoreStep::History).collect()).await.unwrap();
        let mut wanted = HistoryWanted {
            table: TableId(1),
            key: vec!["7".to_owned()],
            before: None,
            limit: usize::MAX,
        };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = store.history_page(&wanted).unwrap();
            found.extend(page.found.iter().map(|entry| entry.at_us));
            pages += 1;
            wanted.before = page.before;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!((found, pages), (vec![many, 2, 1], 2));
    }
}
