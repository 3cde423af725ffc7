//! Notes on cells: what waits for a person, or was decided against one, is said where the person looks.
//!
//! They ride in the batches that are fenced anyway, so that none comes late or twice. Where they are to stand is known from a whole read only, and
//! what stands there already from the same one. Which of them are ours the notes say themselves ([`seal`]); nothing of it is remembered.

pub(crate) mod seal;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use self::seal::{Term, plain, sealed, sum_of, term_of};
use crate::{
    batch::{ColumnIndex, NoteWrite, RowIndex, TabImage},
    cell::Cell,
    conflict::{ConflictRecord, Outcome},
    key_index::Place,
    open::WHOLE_ROW,
    state::RowKey,
    tab::Tab,
};

/// Notes that one tab bears at once; whoever has more to mend finds the rest in the conflict log.
const WANTED_MAX: usize = 1_000;
/// Notes of one batch.
const WRITES_MAX: usize = 250;
/// Decided conflicts that wait to be told.
const TOLD_MAX: usize = 250;
/// A read shows what stands in a tab for so long; after that somebody may have written a note there.
const FRESH_US: i64 = 1_000_000;
/// After a refusal no note is written for so long.
const SILENCE_US: i64 = 3_600_000_000;
/// The note of a conflict that a rule has decided goes after so many minutes.
const TERM_MINUTES: u64 = 24 * 60;

/// A cell of a tab.
type Spot = (RowIndex, ColumnIndex);

/// A note that stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// A person's, or one of ours that a person has changed, and the row that bears it.
    Theirs { key: Option<RowKey>, text: String },
    /// Ours. `lasts`: nobody needs to want it for it to stay.
    Ours { text: String, lasts: bool },
}

/// A note that is to stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    text: String,
    /// The conflict that it tells of.
    id: Option<u64>,
}

/// A person's note where a batch writes some of ours: rows may move before it arrives, and it would be written over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Guarded {
    key: RowKey,
    column: ColumnIndex,
    /// Where it stood.
    row: RowIndex,
    text: String,
}

/// The notes of one tab.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// What the last whole read showed, as long as that is fresh.
    standing: Option<BTreeMap<Spot, Standing>>,
    read_at_us: i64,
    /// Rows of keys that stand in several, as of that read.
    several: BTreeMap<RowKey, Vec<RowIndex>>,
    /// What is to be written, by that read.
    due: Vec<NoteWrite>,
    /// Some of ours may stand in the tab.
    ours: bool,
    /// Something was read, opened, decided or closed since the notes were last compared.
    stirred: bool,
    /// No read has shown yet that all is as it should be.
    unsure: bool,
    /// Conflicts that a rule has decided, until their note stands.
    told: BTreeMap<(RowKey, u16), ConflictRecord>,
    /// Open conflicts whose cell bears a person's note.
    withheld: BTreeSet<u64>,
    /// People's notes in the columns that a batch wrote notes to, until a read shows what became of them.
    guarded: Vec<Guarded>,
    /// Google has refused a batch with notes: none is written until then.
    silent_until_us: i64,
}

impl Notes {
    /// Open conflicts whose cell bears a person's note, so that ours is not written.
    pub(crate) fn withheld(&self) -> impl Iterator<Item = u64> {
        self.withheld.iter().copied()
    }

    /// Whether the tab has to be read before anything can be said.
    pub(crate) fn wants_look(&self) -> bool {
        self.unsure && self.due.is_empty()
    }

    /// A batch is on its way: what was read is not true any more, and what it did is to be seen.
    pub(crate) fn sent(&mut self) {
        let wrote = !self.due.is_empty();
        self.guard();
        self.forget();
        self.ours |= wrote;
        self.unsure |= wrote;
        self.stirred |= wrote;
    }

    fn guard(&mut self) {
        let columns: BTreeSet<ColumnIndex> = self.due.iter().map(|note| note.column).collect();
        for ((row, column), note) in self.standing.iter().flatten() {
            if let Standing::Theirs { key: Some(key), text } = note
                && columns.contains(column)
            {
                let (key, text) = (key.clone(), text.clone());
                self.guarded.push(Guarded { key, column: *column, row: *row, text });
            }
        }
    }

    /// Rows may have moved since the read.
    pub(crate) fn forget(&mut self) {
        self.standing = None;
        self.several.clear();
        self.due.clear();
    }

    /// Google has refused a batch that carried some: they are not worth a table.
    pub(crate) fn refused(&mut self, now_us: i64) {
        self.forget();
        self.stirred = true;
        self.silent_until_us = now_us.saturating_add(SILENCE_US);
    }

    /// A rule has decided a conflict.
    pub(crate) fn tell(&mut self, key: RowKey, column: u16, record: ConflictRecord) {
        if self.told.len() < TOLD_MAX {
            self.told.insert((key, column), record);
            self.stirred = true;
        }
    }
}

/// Whether notes of this tab are written, and taken away, at all just now.
pub(crate) fn takes_notes(tab: &Tab) -> bool {
    tab.spec.notes
        && tab.is_live()
        && !tab.is_being_taken_in()
        && !tab.paused
        && !tab.geometry.missing
        && !tab.geometry.blank
        && tab.repairs.is_empty()
}

/// What the next batch is to write.
pub(crate) fn due(tab: &Tab) -> &[NoteWrite] {
    if takes_notes(tab) { &tab.notes.due } else { &[] }
}

/// Takes over what a whole read shows: notes, the cells that bear them, and where keys stand that stand twice.
pub(crate) fn read(
    tab: &mut Tab,
    image: &TabImage,
    (keys, rows): (&[Option<RowKey>], &[Vec<Cell>]),
    now_us: i64,
) {
    if !tab.spec.notes {
        return;
    }
    let first = tab.spec.header_row.0.saturating_add(1);
    let mut standing = BTreeMap::new();
    for note in &image.notes {
        // One of ours may have come to stand in a column that is not mapped: columns move, too.
        let place = tab.geometry.columns.iter().position(|column| *column == note.column);
        let row = usize::try_from(note.row.0.saturating_sub(first)).unwrap_or(usize::MAX);
        let key = keys.get(row).cloned().flatten();
        let cell = place.and_then(|place| rows.get(row)?.get(place));
        let mapped = place.is_some();
        let found = match term_of(&note.text) {
            None => Standing::Theirs { key, text: note.text.clone() },
            Some(term) => Standing::Ours {
                text: plain(&note.text),
                lasts: term.is_some_and(|term| mapped && is_running(term, cell, now_us)),
            },
        };
        standing.insert((note.row, note.column), found);
    }
    let mut several: BTreeMap<RowKey, Vec<RowIndex>> = BTreeMap::new();
    for (row, key) in (first..).map(RowIndex).zip(keys) {
        if let Some(key) = key.as_ref().filter(|key| tab.index.locate(key) == Some(Place::Several))
        {
            several.entry(key.clone()).or_default().push(row);
        }
    }
    let notes = &mut tab.notes;
    notes.ours = standing.values().any(|note| matches!(note, Standing::Ours { .. }));
    notes.standing = Some(standing);
    notes.several = several;
    notes.due.clear();
    notes.read_at_us = now_us;
    notes.stirred = true;
}

fn is_running(term: Term, cell: Option<&Cell>, now_us: i64) -> bool {
    minutes(now_us) < term.until && sum_of(cell.unwrap_or(&Cell::Empty)) == term.cell
}

fn minutes(at_us: i64) -> u64 {
    u64::try_from(at_us / 60_000_000).unwrap_or(0)
}

/// Compares what stands with what should, where a fresh read tells; otherwise finds out whether one is needed.
pub(crate) fn reckon(tab: &mut Tab, now_us: i64) {
    let changed = tab.open.take_changed();
    let notes = &mut tab.notes;
    notes.stirred |= changed;
    if now_us.saturating_sub(notes.read_at_us) > FRESH_US {
        notes.forget();
    }
    if now_us < notes.silent_until_us {
        notes.forget();
        notes.unsure = false;
        return;
    }
    if !notes.stirred {
        return;
    }
    let nothing_said = tab.open.len() == 0 && tab.newcomers.drafts.is_empty();
    let nothing_done = notes.told.is_empty() && notes.guarded.is_empty();
    if nothing_said && nothing_done && !notes.ours {
        (notes.stirred, notes.unsure) = (false, false);
        notes.withheld.clear();
        notes.due.clear();
        return;
    }
    notes.unsure = true;
    let Some(standing) = notes.standing.take() else { return };
    let wanted = wanted(tab, &standing, now_us);
    let lost = lost(tab, &standing);
    let Difference { mut writes, withheld } = difference(&standing, &wanted);
    writes
        .retain(|note| lost.iter().all(|lost| (lost.row, lost.column) != (note.row, note.column)));
    writes.splice(0..0, lost);
    writes.truncate(WRITES_MAX);
    let notes = &mut tab.notes;
    notes.standing = Some(standing);
    notes.stirred = false;
    notes.unsure = !writes.is_empty();
    notes.due = writes;
    notes.withheld = withheld;
}

/// Every note that should stand in the tab.
fn wanted(
    tab: &mut Tab,
    standing: &BTreeMap<Spot, Standing>,
    now_us: i64,
) -> BTreeMap<Spot, Wanted> {
    let mut wanted = BTreeMap::new();
    let key_place = tab.spec.key.first().copied().unwrap_or(0);
    let spot_of = |tab: &Tab, row: RowIndex, place: Option<usize>| -> Option<Spot> {
        Some((row, *tab.geometry.columns.get(place.unwrap_or(key_place))?))
    };
    for (row, what) in tab.newcomers.drafts.iter().take(WANTED_MAX) {
        let text = sealed(&text::draft(what), None);
        wanted.extend(spot_of(tab, *row, None).map(|spot| (spot, Wanted { text, id: None })));
    }
    for (key, column, record) in tab.open.iter().take(WANTED_MAX) {
        let place = (column != WHOLE_ROW).then_some(usize::from(column));
        let text = sealed(&text::open(tab, place, record), None);
        for spot in rows_of(tab, key).into_iter().filter_map(|row| spot_of(tab, row, place)) {
            wanted.insert(spot, Wanted { text: text.clone(), id: Some(record.id) });
        }
    }
    let mut told = std::mem::take(&mut tab.notes.told);
    told.retain(|(key, column), record| {
        let until = minutes(record.seen_at_us) + TERM_MINUTES;
        if minutes(now_us) >= until {
            return false;
        }
        let place = (*column != WHOLE_ROW).then_some(usize::from(*column));
        let (Some(Place::Row(row)), Some(cells)) = (tab.index.locate(key), tab.sheet_view(key))
        else {
            // It may be on its way back.
            return true;
        };
        let cell = cells.get(place.unwrap_or(key_place)).unwrap_or(&Cell::Empty);
        let stands = match (place, record.outcome) {
            (None, _) => true,
            (Some(_), Outcome::Kept(crate::merge::Side::Sheet)) => {
                // The database may have made another spelling of it.
                record.sheet.as_ref().is_some_and(|sheet| sheet.is_entered_as(cell))
                    || record
                        .sheet
                        .as_ref()
                        .and_then(|sheet| tab.canonical(usize::from(*column), sheet))
                        .as_ref()
                        == Some(cell)
            }
            (Some(_), _) => {
                record.database.as_ref().is_none_or(|database| database.is_entered_as(cell))
            }
        };
        let Some(body) = text::settled(tab, place, record).filter(|_| stands) else { return false };
        let Some(spot) = spot_of(tab, row, place) else { return false };
        if wanted.contains_key(&spot) {
            return false;
        }
        let text = sealed(&body, Some(Term { until, cell: sum_of(cell) }));
        match standing.get(&spot) {
            Some(Standing::Theirs { .. }) => return false,
            Some(Standing::Ours { text: there, .. }) if *there == plain(&text) => return false,
            Some(Standing::Ours { .. }) | None => {}
        }
        wanted.insert(spot, Wanted { text, id: None });
        true
    });
    tab.notes.told = told;
    wanted
}

/// People's notes that we have written over, since their rows moved while a batch was on its way: they are put back.
fn lost(tab: &mut Tab, standing: &BTreeMap<Spot, Standing>) -> Vec<NoteWrite> {
    let mut lost = Vec::new();
    let mut guarded = std::mem::take(&mut tab.notes.guarded);
    guarded.retain(|note| {
        let Some(Place::Row(row)) = tab.index.locate(&note.key) else { return false };
        let there = standing.get(&(row, note.column));
        if row == note.row || matches!(there, Some(Standing::Theirs { .. })) {
            return false;
        }
        lost.push(NoteWrite { row, column: note.column, text: Some(note.text.clone()) });
        true
    });
    tab.notes.guarded = guarded;
    lost
}

/// The rows that bear a key.
fn rows_of(tab: &Tab, key: &RowKey) -> Vec<RowIndex> {
    match tab.index.locate(key) {
        Some(Place::Row(row)) => vec![row],
        Some(Place::Several) => tab.notes.several.get(key).cloned().unwrap_or_default(),
        None => Vec::new(),
    }
}

/// What is to be written, and which conflicts are not told of since their cell bears a person's note.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    writes: Vec<NoteWrite>,
    withheld: BTreeSet<u64>,
}

fn difference(standing: &BTreeMap<Spot, Standing>, wanted: &BTreeMap<Spot, Wanted>) -> Difference {
    let mut found = Difference::default();
    let write = |(row, column): Spot, text| NoteWrite { row, column, text };
    for (spot, note) in standing {
        match note {
            Standing::Ours { lasts: false, .. } if !wanted.contains_key(spot) => {
                found.writes.push(write(*spot, None));
            }
            Standing::Ours { .. } | Standing::Theirs { .. } => {}
        }
    }
    for (spot, note) in wanted {
        match standing.get(spot) {
            Some(Standing::Theirs { .. }) => found.withheld.extend(note.id),
            Some(Standing::Ours { text, .. }) if *text == plain(&note.text) => {}
            Some(Standing::Ours { .. }) | None => {
                found.writes.push(write(*spot, Some(note.text.clone())));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
