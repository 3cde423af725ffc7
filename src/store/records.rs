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
