//! What must be true when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BOOK,
    grid::Tab,
    person::Note,
    stage::Stage,
    tables::{TABLES, Table},
};

/// No word that is used once stands anywhere twice.
pub(super) fn no_word_stands_twice(stage: &Stage) {
    let book = stage.emulator.spreadsheet(BOOK).unwrap();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in &TABLES {
        let tab = Tab::of(&book, table).unwrap();
        for (row, column, text) in tab.texts() {
            if text.starts_with("word ") || text.starts_with("note ") {
                let place = format!("{} row {} column {column}", table.name, row + 1);
                places.entry(text.to_owned()).or_default().push(place);
            }
        }
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "words that stand more than once: {places:#?}");
}

/// What the person typed beside a row that is still there stands beside it. Returns how many that were.
pub(super) fn notes_stand_beside_their_rows(stage: &Stage, notes: &[Note]) -> usize {
    let book = stage.emulator.spreadsheet(BOOK).unwrap();
    let mut found = 0;
    let mut wrong = Vec::new();
    for (index, table) in TABLES.iter().enumerate() {
        let tab = Tab::of(&book, table).unwrap();
        let own = tab.own().unwrap();
        let rows: BTreeMap<String, usize> =
            tab.keyed().into_iter().map(|(row, key)| (key, row)).collect();
        let alive = keys(stage, table);
        for note in notes.iter().filter(|note| note.table == index && alive.contains(&note.key)) {
            found += 1;
            let beside = rows.get(&note.key).map(|row| tab.text(*row, own));
            if beside != Some(note.text.as_str()) {
                let place = tab.texts().find(|(_, _, text)| *text == note.text.as_str());
                wrong.push(format!(
                    "{note:?}: beside its row stands {beside:?}, it stands at {place:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "of {found} notes: {wrong:#?}");
    found
}

/// Keys of the table, as shown.
fn keys(stage: &Stage, table: &Table) -> BTreeSet<String> {
    let rows = stage.db.query(&format!("SELECT {} FROM {}", table.key, table.name));
    rows.into_iter().filter_map(|mut row| row.remove(0)).collect()
}
