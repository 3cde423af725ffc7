//! What became of the rows that people removed from the tab: told from what they saw when they did, and from the server's own account.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    judge::Evidence,
    people::Removed,
    table::{Act, COLUMNS, Line},
};

/// How many removals came to which end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Rows that the product removed from the database.
    pub(super) followed: usize,
    /// Rows that the application had removed, too, or removed later.
    pub(super) by_both: usize,
    /// Rows that came back: the application had written what nobody had seen, and that is listed.
    pub(super) put_back: usize,
    /// Of these, rows that are still there.
    pub(super) kept: usize,
    /// Rows that never were in the database.
    pub(super) unknown: usize,
    /// Rows that bore nothing of their own just then: a batch had hit them while somebody sorted.
    pub(super) astray: usize,
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { followed, by_both, put_back, kept, unknown, astray } = self;
        write!(
            f,
            "rows that people removed: {followed} followed by the database, {by_both} removed by the application too, {put_back} \
             put back and listed, of which {kept} are still there, {unknown} not in the database yet, {astray} astray"
        )
    }
}

/// A removal, as one of a row.
#[derive(Debug)]
struct Meant<'a> {
    removed: &'a Removed,
    /// Whether it was that row, and no other.
    surely: bool,
}

/// The judge of removed rows.
#[derive(Debug)]
pub(super) struct Removals<'a> {
    evidence: &'a Evidence<'a>,
    removed: &'a [Removed],
    /// Lines of the account by row, in the order in which they were written.
    lines: BTreeMap<&'a str, Vec<&'a Line>>,
}

impl<'a> Removals<'a> {
    pub(super) fn new(
        evidence: &'a Evidence<'a>,
        removed: &'a [Removed],
        account: &'a [Line],
    ) -> Self {
        let mut lines: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in account {
            lines.entry(&line.id).or_default().push(line);
        }
        Self { evidence, removed, lines }
    }

    /// Every row that a person removed is gone, unless the application had changed it; and the product removed no other.
    pub(super) fn judge(&self, wrong: &mut Vec<String>) -> Ends {
        let mut ends = Ends::default();
        let mut meant: BTreeMap<&str, Vec<Meant<'_>>> = BTreeMap::new();
        for removed in self.removed {
            let rows = self.rows_of(removed);
            ends.unknown += usize::from(rows.is_empty());
            ends.astray += usize::from(rows.iter().any(|(_, surely)| !surely));
            for (row, surely) in rows {
                meant.entry(row).or_default().push(Meant { removed, surely });
            }
        }
        for (id, lines) in &self.lines {
            let removals = meant.get(id).map_or(&[][..], Vec::as_slice);
            let end = self.end(lines, removals, &mut ends);
            if let Err(why) = end.and_then(|()| self.came_back((id, lines), removals, &mut ends)) {
                wrong.push(format!("row {id}: {why}\n  {removals:?}\n  {lines:#?}"));
            }
        }
        ends
    }

    fn end(
        &self,
        lines: &[&Line],
        removals: &[Meant<'a>],
        ends: &mut Ends,
    ) -> Result<(), &'static str> {
        let gone = lines.iter().position(|line| line.act == Act::Removed);
        match gone {
            Some(at) if lines[at].by_the_product => {
                if removals.is_empty() {
                    return Err("nobody removed it from the tab");
                }
                let had_seen = |one: &Meant<'a>| self.unseen(one.removed, &lines[..at]).is_none();
                if !removals.iter().any(had_seen) {
                    return Err("removed with a value that nobody who removed it had seen");
                }
                ends.followed += 1;
            }
            Some(_) => ends.by_both += usize::from(!removals.is_empty()),
            None if !removals.iter().any(|one| one.surely) => {}
            None => {
                let had_seen = |one: &Meant<'a>| self.unseen(one.removed, lines).is_none();
                if removals.iter().any(|one| one.surely && had_seen(one)) {
                    return Err("somebody removed it, nobody else changed it, and it is there");
                }
                if self.evidence.delete_edits(&lines[0].id).next().is_none() {
                    return Err("it was removed and is there, and no conflict is listed");
                }
                ends.kept += 1;
            }
        }
        Ok(())
    }

    /// A row that was seen again is listed. Whatever is listed as a reason to put a row back was written by the application, and somebody had
    /// removed the row.
    fn came_back(
        &self,
        (id, lines): (&str, &[&Line]),
        removals: &[Meant<'a>],
        ends: &mut Ends,
    ) -> Result<(), &'static str> {
        let mut listed = self.evidence.delete_edits(id).peekable();
        if listed.peek().is_none() {
            let back = removals.iter().any(|one| one.surely && one.removed.back);
            return if back {
                Err("somebody removed it, it came back, and no conflict is listed")
            } else {
                Ok(())
            };
        }
        ends.put_back += 1;
        if removals.is_empty() {
            return Err("listed as removed by a person, and nobody removed it");
        }
        let by_the_application =
            |text: &str| lines.iter().any(|line| line.became == text && !line.by_the_product);
        if listed.all(by_the_application) {
            Ok(())
        } else {
            Err("listed as changed in the database, and the application did not change it so")
        }
    }

    /// A value that stood in the database at the end of these lines, and that whoever removed the row had not before her: neither in a cell
    /// nor under the words that people had typed into it.
    fn unseen(&self, removed: &Removed, lines: &[&'a Line]) -> Option<&'a Line> {
        COLUMNS.iter().zip(&removed.cells).find_map(|(column, cell)| {
            let last = lines.iter().rfind(|line| line.column == *column)?;
            let ground = self.evidence.ground(cell, &last.became);
            let seen = ground == last.became || self.evidence.is_of_another_row(ground, last);
            (!seen).then_some(*last)
        })
    }

    /// Which rows of the database it was: the one whose key it bore beside one of its values, or the one that its words became. Where a batch
    /// had hit it just then, any whose key or values it bore: nobody knows which of them that person meant.
    fn rows_of(&self, removed: &'a Removed) -> Vec<(&'a str, bool)> {
        let bore = |id: &str, columns: usize| {
            let lines = self.lines.get(id).map_or(&[][..], Vec::as_slice);
            let shown = COLUMNS.iter().zip(&removed.cells).filter(|(column, cell)| {
                let mut layers = self.evidence.layers(cell);
                layers.any(|text| lines.iter().any(|it| it.column == **column && it.became == text))
            });
            shown.count() >= columns
        };
        let known = self.lines.get_key_value(&*removed.row).map(|(id, _)| *id);
        if let Some(id) = known.filter(|id| bore(id, 1)) {
            return vec![(id, true)];
        }
        let layers = removed.cells.iter().flat_map(|cell| self.evidence.layers(cell));
        let became = layers.flat_map(|text| self.evidence.became(text));
        let others: BTreeSet<&str> = became.map(|line| line.id.as_str()).collect();
        match known {
            Some(id) => others.into_iter().chain([id]).map(|id| (id, false)).collect(),
            // All words of a new row go with it.
            None => others.into_iter().map(|id| (id, bore(id, 2))).collect(),
        }
    }
}
