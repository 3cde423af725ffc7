//! What became of every word, when everything has come to rest: told from the server's own account, the tab and the conflict log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    iter,
};

use serde_json::Value;
use sheets_emulator::http::Emulator;

use super::{
    super::grid::Tab,
    people::{Done, Typed},
    removals::{Ends, Removals},
    table::{Act, Line, NAME},
};
use crate::slice::BOOK;

/// An entry of `sheetwire conflicts list --all --json`.
#[derive(Debug)]
struct Conflict {
    kind: String,
    key: Option<String>,
    column: Option<String>,
    database: String,
    sheet: String,
    /// All of it, as it is listed.
    text: String,
}

/// Everything there is to judge by.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    done: &'a Done,
    account: &'a [Line],
    log: Vec<Conflict>,
    /// Lines of the account in which a cell became this.
    became: BTreeMap<&'a str, Vec<&'a Line>>,
    by_text: BTreeMap<&'a str, &'a Typed>,
    typed_over: BTreeSet<&'a str>,
    /// What stood in rows that people removed.
    removed: BTreeSet<&'a str>,
}

/// How many words came to which end.
#[derive(Debug, Default)]
pub(super) struct Fates {
    pub(super) committed: usize,
    pub(super) in_the_log: usize,
    pub(super) typed_over: usize,
    /// Words that went with the row that somebody removed.
    pub(super) removed: usize,
    /// Rows that people added and the database has, or had.
    pub(super) rows: usize,
    /// Words of the application.
    pub(super) application: usize,
    /// Words of the application that a person's word took the place of.
    pub(super) replaced: usize,
    /// Words that were typed over one, or beside a key, that stood in a wrong row just then: a batch had hit it while somebody sorted.
    pub(super) astray: usize,
    /// The rows that people removed.
    pub(super) removals: Ends,
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { committed, in_the_log, typed_over, removed, rows, .. } = self;
        let Self { application, replaced, astray, removals, .. } = self;
        write!(
            f,
            "words of people: {committed} committed, {in_the_log} in the conflict log, {typed_over} typed over, {removed} gone with their \
             row; {rows} new rows; words of the application: {application}, of which {replaced} were replaced by people; {astray} words \
             met a word or a key astray; {removals}"
        )
    }
}

impl<'a> Evidence<'a> {
    /// `logs` are what `conflicts list --all --json` says, of every data folder there is.
    pub(super) fn new(done: &'a Done, account: &'a [Line], logs: &[Value]) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let entry = |one: &Value| Conflict {
            kind: text(&one["kind"]).unwrap_or_default(),
            key: text(&one["key"][0]),
            column: text(&one["column"]),
            database: text(&one["database"]).unwrap_or_default(),
            sheet: text(&one["sheet"]).unwrap_or_default(),
            text: one.to_string(),
        };
        for log in logs {
            assert_eq!(log["more"], false, "there are more conflicts than were asked for");
        }
        let all = logs.iter().flat_map(|log| log["conflicts"].as_array().unwrap());
        let log = all.map(entry).collect();
        let mut became: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in account.iter().filter(|line| !line.became.is_empty()) {
            became.entry(&line.became).or_default().push(line);
        }
        let by_text = done.typed.iter().map(|word| (word.text.as_str(), word)).collect();
        let typed_over = done.typed.iter().map(|word| word.over.as_str()).collect();
        let removed = done.removed.iter().flat_map(|row| &row.cells).map(String::as_str).collect();
        Self { done, account, log, became, by_text, typed_over, removed }
    }

    /// Fails with every word that is lost, doubled, or where it must not be.
    pub(super) fn judge(&self) -> Fates {
        let mut fates = Fates::default();
        let mut wrong = Vec::new();
        for word in &self.done.typed {
            if let Err(why) = self.fate(word, &mut fates) {
                wrong.push(format!("{word:?}: {why}"));
            }
        }
        for line in self.account {
            if let Err(why) = self.is_right(line, &mut fates) {
                wrong.push(format!("{line:?}: {why}\n{}", self.story(&line.id, &line.column)));
            }
        }
        let made = |line: &&Line| line.act == Act::Made && line.by_the_product;
        let rows: BTreeSet<&str> =
            self.account.iter().filter(made).map(|line| line.id.as_str()).collect();
        fates.rows = rows.len();
        fates.removals = Removals::new(self, &self.done.removed, self.account).judge(&mut wrong);
        assert!(
            wrong.is_empty(),
            "{} things are wrong ({fates}):\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        fates
    }

    /// Lines of the account in which a cell became this.
    pub(super) fn became(&self, text: &str) -> &[&'a Line] {
        self.became.get(text).map_or(&[][..], Vec::as_slice)
    }

    /// Values of the database that are listed as the reason why the row, removed by a person, was put back.
    pub(super) fn delete_edits(&self, id: &str) -> impl Iterator<Item = &str> {
        let here =
            move |one: &&Conflict| one.kind == "delete/edit" && one.key.as_deref() == Some(id);
        self.log.iter().filter(here).map(|one| one.database.as_str())
    }

    /// A person's word is in the database once, or in the conflict log, or somebody typed over it, or removed its row.
    fn fate(&self, word: &Typed, fates: &mut Fates) -> Result<(), String> {
        let became = self.became(&word.text);
        if became.len() > 1 {
            return Err(format!("applied {} times: {became:?}", became.len()));
        }
        let logged = |one: &&Conflict| one.sheet == word.text;
        // The key that the person saw, unless it was another row's, astray there: what she typed over tells whose row it was.
        let known = word.row.parse::<u64>().is_ok();
        let right = |id: &str| !known || word.row == id || self.stood_in(word, id);
        if let Some(line) = became.first() {
            if line.column != word.column || !(right(&line.id) || self.was_blank(word, line)) {
                return Err(format!(
                    "applied somewhere else: {line:?}\n{}",
                    self.story(&word.row, word.column)
                ));
            }
            fates.committed += 1;
            fates.astray += usize::from(known && line.id != word.row);
        } else if let Some(one) = self.log.iter().find(logged) {
            if one.column.as_deref() != Some(word.column)
                || !one.key.as_deref().map_or(!known, right)
            {
                return Err(format!(
                    "logged of another cell: {}\n{}",
                    one.text,
                    self.story(&word.row, word.column)
                ));
            }
            fates.in_the_log += 1;
        } else if self.typed_over.contains(word.text.as_str()) {
            fates.typed_over += 1;
        } else if self.removed.contains(word.text.as_str()) {
            fates.removed += 1;
        } else {
            return Err("it is lost".to_owned());
        }
        Ok(())
    }

    /// The product writes what people typed, where the person had seen what it replaces.
    fn is_right(&self, line: &Line, fates: &mut Fates) -> Result<(), String> {
        let twice = self.became(&line.became).len() > 1;
        if !line.by_the_product {
            fates.application += usize::from(line.act != Act::Removed);
            return if twice { Err("written twice".to_owned()) } else { Ok(()) };
        }
        match line.act {
            // Judged by what people removed.
            Act::Removed => return Ok(()),
            Act::Made if line.became.is_empty() => return Ok(()),
            Act::Made | Act::Changed => {}
        }
        let Some(word) = self.by_text.get(line.became.as_str()) else {
            return Err("no person typed that".to_owned());
        };
        if line.act == Act::Changed {
            fates.replaced += usize::from(line.was.starts_with("app word"));
            match self.ground(&word.over, &line.was) {
                under if under == line.was => {}
                under if self.is_of_another_row(under, line) => fates.astray += 1,
                under => {
                    return Err(format!("what it replaced was never under it, but {under:?}"));
                }
            }
        }
        Ok(())
    }

    /// Everything that is known of a cell.
    fn story(&self, id: &str, column: &str) -> String {
        let mut story = String::new();
        for line in self.account.iter().filter(|line| line.id == id && line.column == column) {
            let _ = writeln!(story, "  {line:?}");
        }
        for word in self.done.typed.iter().filter(|word| word.row == id && word.column == column) {
            let _ = writeln!(story, "  {word:?}");
        }
        let here = |one: &&Conflict| {
            one.key.as_deref() == Some(id) && one.column.as_deref().is_none_or(|it| it == column)
        };
        for one in self.log.iter().filter(here) {
            let _ = writeln!(story, "  {}", one.text);
        }
        story
    }

    /// Whether the values that a word was typed over are those of this row: its own, or those of the new row that became it.
    fn stood_in(&self, word: &Typed, id: &str) -> bool {
        let is_its = |text: &str| {
            let lines = self.became(text);
            lines.iter().any(|line| line.id == id && line.column == word.column)
        };
        let made = self
            .account
            .iter()
            .find(|line| line.act == Act::Made && line.id == id && line.column == word.column);
        let mut under = word.over.as_str();
        for _ in 0..self.done.typed.len() {
            if is_its(under) {
                return true;
            }
            let Some(before) = self.by_text.get(under) else { return false };
            if before.row.is_empty() {
                // Nobody else's row: the words that were typed into it with this one went with it.
                return made.is_some_and(|line| line.by_the_product && line.became == word.text);
            }
            under = &before.over;
        }
        false
    }

    /// Whether the word was typed into a blank row that a key had hit on its way back to the row that people had added, and became a row of its own
    /// (the simulator's situation `c15m`): the row with that key never had this cell empty.
    fn was_blank(&self, word: &Typed, line: &Line) -> bool {
        let mut cell = self.account.iter().filter(|line| {
            line.id == word.row && line.column == word.column && line.act != Act::Removed
        });
        let added = cell.next().is_some_and(|line| {
            line.act == Act::Made && line.by_the_product && !line.became.is_empty()
        });
        let new = line.act == Act::Made && line.by_the_product;
        word.over.is_empty() && new && added && cell.all(|line| !line.became.is_empty())
    }

    /// A value that stood in the tab, and those that it was typed over, downwards.
    pub(super) fn layers(&self, top: &'a str) -> impl Iterator<Item = &'a str> {
        let below = |text: &&'a str| self.by_text.get(text).map(|word| word.over.as_str());
        // Each word is typed once, so none comes again.
        iter::successors(Some(top), below)
    }

    /// The layer that is this value, or else the lowest.
    pub(super) fn ground(&self, top: &'a str, wanted: &str) -> &'a str {
        let found = self.layers(top).find(|text| *text == wanted);
        found.or_else(|| self.layers(top).last()).unwrap_or(top)
    }

    /// Whether this is a value of another row.
    pub(super) fn is_of_another_row(&self, text: &str, line: &Line) -> bool {
        let lines = self.became(text);
        !lines.is_empty() && lines.iter().all(|other| other.id != line.id)
    }
}

/// No word and no key stands in the tab twice.
pub(super) fn nothing_stands_twice(emulator: &Emulator) {
    let book = emulator.spreadsheet(BOOK).unwrap();
    let tab = Tab::named(&book, NAME, "id").unwrap();
    let mut places: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for (row, column, text) in tab.texts().filter(|(.., text)| !text.is_empty()) {
        places.entry(text.to_owned()).or_default().push((row + 1, column));
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "what stands more than once: {places:#?}");
}
