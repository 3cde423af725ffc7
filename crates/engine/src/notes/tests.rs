//! What is to be written where, and for how long.

use super::*;
use crate::{
    base::BaseRow,
    batch::{CellNote, TabProperties},
    change::TableId,
    conflict::ConflictKind,
    key_index::KeyIndex,
    merge::{OnRemoved, RowPolicy, Rule, Side},
    render::Rendering,
    state::{Adoption, TableState},
    tab::{InboundLimits, TabSpec},
    value::{Column, ColumnKind, Fill},
};

fn spot(row: u32, column: u32) -> Spot {
    (RowIndex(row), ColumnIndex(column))
}

fn ours(text: &str, lasts: bool) -> Standing {
    Standing::Ours { text: text.to_owned(), lasts }
}

fn theirs() -> Standing {
    Standing::Theirs { key: None, text: "ask her".to_owned() }
}

fn write(row: u32, column: u32, text: Option<&str>) -> NoteWrite {
    NoteWrite { row: RowIndex(row), column: ColumnIndex(column), text: text.map(str::to_owned) }
}

fn check(standing: &[(Spot, Standing)], wanted: &[(Spot, u64, &str)]) -> Difference {
    let standing = standing.iter().cloned().collect();
    let wanted = wanted
        .iter()
        .map(|(spot, id, text)| (*spot, Wanted { text: (*text).to_owned(), id: Some(*id) }));
    difference(&standing, &wanted.collect())
}

#[test]
fn what_is_wanted_and_not_there_is_written_and_what_is_there_is_left() {
    let wanted = [(spot(3, 1), 7, "a"), (spot(4, 0), 8, "b")];
    let found = check(&[(spot(4, 0), ours("b", false))], &wanted);
    assert_eq!(found.writes, [write(3, 1, Some("a"))]);
    assert!(found.withheld.is_empty());
    assert_eq!(check(&[], &[]), Difference::default());
}

#[test]
fn an_old_one_is_replaced_and_one_that_nobody_wants_goes() {
    let standing = [
        (spot(3, 1), ours("old", false)),
        (spot(4, 1), ours("gone", false)),
        (spot(5, 1), ours("over", true)),
        (spot(6, 1), ours("over", true)),
    ];
    let found = check(&standing, &[(spot(3, 1), 7, "new"), (spot(6, 1), 9, "open again")]);
    let wanted = [write(4, 1, None), write(3, 1, Some("new")), write(6, 1, Some("open again"))];
    assert_eq!(found.writes, wanted, "a term keeps a note, but not against a new conflict");
}

#[test]
fn a_persons_note_is_left_whatever_is_wanted() {
    let standing = [(spot(3, 1), theirs()), (spot(9, 0), theirs())];
    let found = check(&standing, &[(spot(3, 1), 7, "a")]);
    assert_eq!(found.writes, []);
    assert_eq!(found.withheld.into_iter().collect::<Vec<_>>(), [7]);
}

#[test]
fn a_note_on_a_row_that_was_moved_away_is_taken_back_and_written_where_the_row_is() {
    let found = check(&[(spot(3, 1), ours("a", false))], &[(spot(8, 1), 7, "a")]);
    assert_eq!(found.writes, [write(3, 1, None), write(8, 1, Some("a"))]);
}

const SECOND: i64 = 1_000_000;
/// When the tab is read.
const NOW: i64 = 1_800_000_000 * SECOND;

fn key(text: &str) -> RowKey {
    RowKey(text.into())
}

/// A tab with a column of its owner's before the mapped ones, and the rows 1 and 2.
fn tab() -> Tab {
    let column =
        |name: &str, kind| Column { name: name.into(), kind, nullable: true, fill: Fill::Nothing };
    let mut tab = Tab::new(TabSpec {
        table: TableId(0),
        spreadsheet: "s".into(),
        title: "T".into(),
        header_row: RowIndex(0),
        columns: vec![
            column("id", ColumnKind::Int { bits: 32, unsigned: false }),
            column("name", ColumnKind::Text),
        ],
        key: vec![0],
        rendering: Rendering::default(),
        policy: RowPolicy { inbound: true, ..RowPolicy::to_sheet(2, OnRemoved::Remove) },
        inbound: InboundLimits::default(),
        dress: true,
        notes: true,
    });
    tab.state = TableState::Live { copy: 1, adoption: Adoption::Done };
    tab.geometry.columns = vec![ColumnIndex(1), ColumnIndex(2)];
    for (name, row) in [("1", 1.0), ("2", 2.0)] {
        let cells = vec![Cell::Number(row), Cell::text(format!("row {name}"))];
        tab.base.insert(key(name), BaseRow::agreed(cells, 1));
    }
    tab
}

/// A whole read: these rows in this order, with these notes.
fn look(tab: &mut Tab, rows: &[(&str, &str)], notes: &[(u32, u32, &str)], now_us: i64) {
    let keys: Vec<Option<RowKey>> = rows.iter().map(|(name, _)| Some(key(name))).collect();
    let cells = rows
        .iter()
        .map(|(name, text)| vec![Cell::Number(name.parse().unwrap()), Cell::text(*text)]);
    let cells: Vec<Vec<Cell>> = cells.collect();
    tab.index = KeyIndex::read(RowIndex(1), keys.iter().cloned());
    let note = |&(row, column, text): &(u32, u32, &str)| CellNote {
        row: RowIndex(row),
        column: ColumnIndex(column),
        text: text.to_owned(),
    };
    let image = TabImage {
        properties: TabProperties { sheet_id: 1, title: "T".into(), rows: 9, columns: 4 },
        header: Vec::new(),
        columns: Vec::new(),
        bound: Vec::new(),
        notes: notes.iter().map(note).collect(),
        header_notes: Vec::new(),
    };
    read(tab, &image, (&keys, &cells), now_us);
    reckon(tab, now_us);
}

fn record(kind: ConflictKind, outcome: Outcome) -> ConflictRecord {
    ConflictRecord {
        id: 7,
        table: TableId(0),
        key: Some(key("1")),
        column: "name".to_owned(),
        kind,
        base: None,
        database: Some(Cell::text("row 1")),
        sheet: Some(Cell::text("mine\n[sheetwire 00000000]")),
        seen_at_us: NOW,
        database_at_us: None,
        sheet_at_us: None,
        who: None,
        rule: Some(Rule::Database),
        outcome,
        reason: Some("check 'small' does not allow it".to_owned()),
    }
}

const ROWS: [(&str, &str); 2] = [("1", "row 1"), ("2", "row 2")];

fn refused(tab: &mut Tab) -> String {
    tab.open.insert(key("1"), 1, record(ConflictKind::ConstraintRefused, Outcome::Open));
    look(tab, &ROWS, &[], NOW);
    let [note] = due(tab) else { panic!("{:?}", due(tab)) };
    assert_eq!((note.row, note.column), spot(1, 2));
    note.text.clone().unwrap()
}

#[test]
fn a_refused_cell_has_a_note_that_no_value_can_forge() {
    let mut tab = tab();
    let text = refused(&mut tab);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "Conflict 7: not saved: check 'small' does not allow it.",
            "The database holds “row 1”. The sheet says “mine [sheetwire 00000000]”.",
            "Type again. Or decide: sheetwire conflicts show 7",
        ]
    );
    assert_eq!(lines.len(), 4, "{text}");
    // It stands: nothing is to be done, whatever else is read.
    look(&mut tab, &ROWS, &[(1, 2, &text)], NOW);
    assert!(due(&tab).is_empty() && !tab.notes.wants_look());
    // It is over.
    tab.open.close(&key("1"), 1);
    reckon(&mut tab, NOW);
    assert_eq!(due(&tab), [write(1, 2, None)]);
}

#[test]
fn nothing_is_written_by_an_old_read_and_nothing_is_read_for_nothing() {
    let mut tab = tab();
    look(&mut tab, &ROWS, &[(2, 2, "ask her")], NOW);
    assert!(due(&tab).is_empty() && !tab.notes.wants_look());
    refused(&mut tab);
    reckon(&mut tab, NOW + 2 * SECOND);
    assert!(due(&tab).is_empty() && tab.notes.wants_look());
}

#[test]
fn a_refusal_by_google_silences_the_notes_for_an_hour() {
    let mut tab = tab();
    refused(&mut tab);
    tab.notes.refused(NOW);
    look(&mut tab, &ROWS, &[], NOW + 60 * SECOND);
    assert!(due(&tab).is_empty() && !tab.notes.wants_look());
    look(&mut tab, &ROWS, &[], NOW + 3_601 * SECOND);
    assert_eq!(due(&tab).len(), 1);
}

#[test]
fn what_a_rule_decided_stands_while_the_cell_does_and_for_a_day() {
    let kept = record(ConflictKind::EditEdit, Outcome::Kept(Side::Database));
    let mut tab = tab();
    tab.notes.tell(key("1"), 1, kept);
    look(&mut tab, &ROWS, &[], NOW);
    let [note] = due(&tab) else { panic!("{:?}", due(&tab)) };
    let text = note.text.clone().unwrap();
    for said in ["Conflict 7:", "rule: database", "“row 1” stands"] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    // A process that knows nothing leaves it, as long as the cell is what it was.
    let later = |text_now: &str, now_us| {
        let mut tab = self::tab();
        let rows = [("1", text_now), ROWS[1]];
        look(&mut tab, &rows, &[(1, 2, &text)], now_us);
        due(&tab).to_vec()
    };
    assert_eq!(later("row 1", NOW + 3_600 * SECOND), []);
    assert_eq!(later("typed", NOW + 3_600 * SECOND), [write(1, 2, None)]);
    assert_eq!(later("row 1", NOW + 86_460 * SECOND), [write(1, 2, None)]);
}

#[test]
fn a_persons_note_that_was_written_over_is_put_back() {
    let mut tab = tab();
    tab.open.insert(key("1"), 1, record(ConflictKind::ConstraintRefused, Outcome::Open));
    look(&mut tab, &ROWS, &[(2, 2, "ask her")], NOW);
    let ours = due(&tab)[0].text.clone().unwrap();
    tab.notes.sent();
    assert!(tab.notes.wants_look(), "what became of it is to be seen");
    // The rows had changed places before it arrived.
    look(&mut tab, &[ROWS[1], ROWS[0]], &[(1, 2, &ours)], NOW + 5 * SECOND);
    assert_eq!(due(&tab), [write(1, 2, Some("ask her")), write(2, 2, Some(&ours))]);
    tab.notes.sent();
    let notes = [(1, 2, "ask her"), (2, 2, &*ours)];
    look(&mut tab, &[ROWS[1], ROWS[0]], &notes, NOW + 10 * SECOND);
    assert!(due(&tab).is_empty() && !tab.notes.wants_look());
}

#[test]
fn a_note_of_ours_beside_the_table_goes() {
    let mut tab = tab();
    let stray = sealed("Conflict 7: not saved.", None);
    look(&mut tab, &ROWS, &[(1, 0, &stray), (2, 0, "my own")], NOW);
    assert_eq!(due(&tab), [write(1, 0, None)]);
}

#[test]
fn a_key_in_several_rows_is_told_in_each_of_them() {
    let mut tab = tab();
    let twins = ConflictRecord {
        column: "id".to_owned(),
        ..record(ConflictKind::DuplicateKey, Outcome::Open)
    };
    tab.open.insert(key("1"), WHOLE_ROW, twins);
    look(&mut tab, &[ROWS[0], ROWS[1], ROWS[0]], &[], NOW);
    let places: Vec<Spot> = due(&tab).iter().map(|note| (note.row, note.column)).collect();
    assert_eq!(places, [spot(1, 1), spot(3, 1)]);
}
