//! The freedom of the sheet: each file of `tests/cases` tells what people do with rows, columns and names, and what an application does
//! meanwhile. After each act both directions must go on right.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::Deserialize;
use serde_json::json;
use sheets_emulator::model::{HumanAct, Query};

use super::{
    place::{Place, ROWS, letter, table},
    stage,
};
use crate::{
    slice::{BOOK, LONG, Mapped, Stage, on_both},
    support::{servers::Flavor, sheetwire::Running, wait::wait_until},
};

/// A test of each case on each server; a file without one is found by `every_file_is_played`.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(fn $name(flavor: Flavor) { play(flavor, stringify!($name)); })*
        on_both! { $($name),* }
    };
}

cases! {
    columns_inserted_and_deleted,
    columns_moved,
    first_tab_renamed,
    formats_kept,
    header_below_the_top,
    headers_renamed,
    one_table_in_two_spreadsheets,
    rows_deleted,
    rows_enter_and_leave,
    rows_filtered_and_hidden,
    rows_inserted_and_moved,
    rows_sorted,
    several_tables_in_one_spreadsheet,
    spreadsheet_renamed,
    tab_renamed,
    totals_below,
}

#[test]
fn every_file_is_played() {
    let stem = |file: fs::DirEntry| file.path().file_stem().unwrap().to_str().unwrap().to_owned();
    let files: BTreeSet<String> =
        fs::read_dir(folder()).unwrap().map(|file| stem(file.unwrap())).collect();
    assert_eq!(files, NAMES.iter().map(|name| (*name).to_owned()).collect());
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// One file. In its texts `{5 name}` stands for the address of the cell of key 5 under the header `name`, `{0 name}` for that of the header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows: said with every failure.
    about: String,
    /// Where tables are shown; each holds the rows of `place::table`. The first one is where people act if nothing else is said.
    table: Vec<Shown>,
    /// People keep a title above the first table, and remarks and formulas beside it.
    #[serde(default)]
    own_columns: bool,
    /// There are filled rows under the header that are not the table's.
    #[serde(default)]
    other_rows: bool,
    step: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    name: String,
    book: Option<String>,
    tab: Option<String>,
    header_row: Option<u32>,
    r#where: Option<String>,
    /// Further keys of its section in the configuration.
    #[serde(default)]
    keys: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// A person acts, in the tab of the first table where the act names none; then both directions have to go on right.
    Does(toml::Table),
    /// A person acts at the table of this number, and nobody looks yet.
    Quietly { at: usize, act: toml::Table },
    /// An application's statements.
    Sql(String),
    /// What the server answers in the end.
    Answer { to: String, is: String },
    /// In the end the server answers one of these, and the others are in the conflict log, once each.
    OneStands { to: String, of: Vec<String> },
    /// Both directions of the table of this number go on right.
    BothWays(usize),
    /// The table of this number and its tab become equal, seen through a condition.
    Equal { at: usize, r#where: String },
    /// The process is asked to end; acts follow without anybody looking.
    Stop,
    /// It starts again.
    Start,
    /// Columns are added at the right edge, rows at the lower one.
    Grow { columns: u32, rows: u32 },
    /// The number format of a cell, by its pattern.
    Pattern { cell: String, is: String },
    /// A row holds this text, beside it another one that begins so, and the row below begins with a third one.
    Stands { text: String, left: String, below: String },
    /// A tab of the first spreadsheet is empty.
    Empty(String),
}

struct Player<'a> {
    stage: &'a Stage,
    case: &'a Case,
    places: Vec<Place>,
    /// Counts checks, so that every word is new.
    n: u64,
}

fn play(flavor: Flavor, name: &str) {
    let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    let case: Case = toml::from_str(&text).unwrap_or_else(|why| panic!("{name}.toml: {why}"));
    let mapped: Vec<Mapped> = case.table.iter().map(mapped).collect();
    let names: BTreeSet<&str> = case.table.iter().map(|shown| &*shown.name).collect();
    let sql: String = names.into_iter().map(table).collect();
    let stage = stage(flavor, &mapped, &sql);
    let place = |mapped| Place { rows_only: !case.other_rows, ..Place::of(mapped) };
    let places = stage.tables.iter().map(place).collect();
    let mut player = Player { stage: &stage, case: &case, places, n: 0 };
    let mut running = Some(stage.started());
    if case.own_columns {
        player.own_columns();
    }
    for step in &case.step {
        player.step(&mut running, step);
    }
    for (place, shown) in player.places.iter().zip(&case.table) {
        place.wait_equal(&stage, &case.about, shown.r#where.as_deref().unwrap_or("TRUE"));
    }
}

fn mapped(shown: &Shown) -> Mapped {
    let plain = Mapped::new(&shown.name, &["id", "name", "amount"]).both_ways(&shown.keys);
    let book = shown.book.clone().unwrap_or_else(|| plain.book.clone());
    let tab = shown.tab.clone().unwrap_or_else(|| plain.tab.clone());
    Mapped {
        header_row: shown.header_row.unwrap_or(1),
        filter: shown.r#where.clone(),
        ..plain.into_tab(&book, &tab)
    }
}

impl<'a> Player<'a> {
    fn step(&mut self, running: &mut Option<Running<'a>>, step: &Step) {
        let stage = self.stage;
        match step {
            Step::Does(act) => {
                self.does(0, act);
                if running.is_some() {
                    self.works(running, 0, act);
                }
            }
            Step::Quietly { at, act } => self.does(*at, act),
            Step::Sql(sql) => stage.db.sql(sql),
            Step::Answer { to, is } => stage.wait_answer(to, is),
            Step::OneStands { to, of } => {
                wait_until(LONG, "one of them", || of.contains(&stage.value(to)));
                stage.wait_equal(running.as_mut().unwrap());
                let all = stage.say(&["conflicts", "list", "--all", "--json"]).json();
                let stands = stage.value(to);
                for lost in of.iter().filter(|word| **word != stands) {
                    let logged = all["conflicts"].as_array().unwrap().iter();
                    let count = logged.filter(|one| one["sheet"] == **lost).count();
                    assert_eq!(count, 1, "{}: {lost}: {all:#}", self.case.about);
                }
            }
            Step::BothWays(at) => self.works(running, *at, step),
            Step::Equal { at, r#where } => self.places[*at].wait_equal(stage, step, r#where),
            Step::Stop => assert_eq!(running.take().unwrap().terminate(LONG), 0),
            Step::Start => {
                *running = Some(stage.run());
                stage.wait_status("the writer", |status| status["writer"]["phase"] == "ready");
                self.works(running, 0, step);
            }
            Step::Grow { columns, rows } => self.places[0].grows(stage, *columns, *rows),
            Step::Pattern { cell, is } => assert_eq!(self.pattern(cell), **is, "{step:?}"),
            Step::Stands { text, left, below } => {
                let grid = self.places[0].grid(stage, "FORMULA");
                let find = |row: &Vec<serde_json::Value>| row.iter().position(|c| c == text);
                let (row, column) =
                    (0..).zip(&grid).find_map(|(at, row)| Some((at, find(row)?))).unwrap();
                let beside = grid[row][column - 1].as_str().unwrap_or_default();
                assert!(beside.starts_with(left), "{step:?}: {grid:#?}");
                assert_eq!(grid[row + 1][column], **below, "{step:?}: {grid:#?}");
            }
            Step::Empty(tab) => assert!(stage.grid(BOOK, &format!("'{tab}'!A1:Z9")).is_empty()),
        }
    }

    fn works(&mut self, running: &mut Option<Running<'a>>, at: usize, what: &dyn std::fmt::Debug) {
        self.n += 1;
        let what = (&self.case.about, what);
        let running = running.as_mut().unwrap();
        self.places[at].works_both_ways(self.stage, running, (self.n, &what));
        if self.case.own_columns {
            self.own_columns_are_right(&what);
        }
    }

    /// Somebody acts; whoever gives another name to the tab or to a header knows it by that from then on.
    fn does(&mut self, at: usize, act: &toml::Table) {
        let place = &self.places[at];
        let mut given = act.clone();
        for (_, value) in &mut given {
            if let toml::Value::String(text) = value {
                *text = self.filled(place, text);
            }
        }
        let mut in_tab = given.clone();
        in_tab.entry("tab").or_insert_with(|| place.tab.clone().into());
        let act_of = |table: toml::Table| table.try_into::<HumanAct>();
        let done = act_of(in_tab).or_else(|_| act_of(given)).unwrap_or_else(|why| {
            panic!("{}: {act:?}: {why}", self.case.about);
        });
        let header = |(_, name): &(usize, &String)| {
            act.get("cell").and_then(toml::Value::as_str) == Some(&*format!("{{0 {name}}}"))
        };
        let renamed = (0..).zip(&place.headers).find(header).map(|(column, _)| column);
        place.does(self.stage, &done);
        let place = &mut self.places[at];
        match (done, renamed) {
            (HumanAct::RenameTab { tab, to }, _) if tab == place.tab => place.tab = to,
            (HumanAct::Type { text, .. }, Some(column)) => place.headers[column] = text,
            _ => {}
        }
    }

    /// Puts the addresses of cells in place of their names.
    fn filled(&self, place: &Place, text: &str) -> String {
        let mut parts = text.split('{');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("{text:?}: no end"));
            let (key, header) = name.split_once(' ').unwrap_or_else(|| panic!("{text:?}: {name}"));
            if key == "0" {
                out.push(letter(place.column(self.stage, header)));
                out.push_str(&place.header_row.to_string());
            } else {
                out.push_str(&place.cell(self.stage, key.parse().unwrap(), header));
            }
            out += rest;
        }
        out
    }

    fn pattern(&self, cell: &str) -> serde_json::Value {
        let place = &self.places[0];
        let query = Query(vec![
            ("ranges".to_owned(), format!("'{}'!{}", place.tab, self.filled(place, cell))),
            (
                "fields".to_owned(),
                "sheets(data(rowData(values(userEnteredFormat(numberFormat)))))".to_owned(),
            ),
        ]);
        let looks = self.stage.emulator().edit(BOOK, |book| book.get(&query)).unwrap().unwrap();
        let cell = &looks["sheets"][0]["data"][0]["rowData"][0]["values"][0];
        cell["userEnteredFormat"]["numberFormat"]["pattern"].clone()
    }

    /// Somebody writes a title, and beside the data a remark and a formula for each row.
    fn own_columns(&self) {
        let (stage, place) = (self.stage, &self.places[0]);
        let top = place.header_row;
        if top > 1 {
            place.types(stage, "A1", "Our list");
        }
        let width = place.grid(stage, "FORMULA")[top - 1].len();
        let mut rows = vec![vec!["remark".to_owned(), "double".to_owned()]];
        let amount = letter(place.column(stage, "amount"));
        let key = place.column(stage, "id");
        for (at, row) in (top + 1..).zip(&place.grid(stage, "FORMULA")[top..]) {
            rows.push(vec![format!("about {}", row[key]), format!("={amount}{at}*2")]);
        }
        place.grows(stage, 2, 0);
        let at = format!("{}{top}", letter(width));
        place.does(stage, &HumanAct::Paste { tab: place.tab.clone(), at, rows });
    }

    /// Remarks and formulas still stand beside the rows that they are about.
    #[track_caller]
    fn own_columns_are_right(&self, what: &dyn std::fmt::Debug) {
        let (stage, place) = (self.stage, &self.places[0]);
        let wanted = ["remark", "double", &*place.headers[2]];
        let found = place.by_key(stage, &wanted).unwrap_or_else(|| panic!("after {what:?}"));
        for id in 1..=ROWS {
            // Rows that somebody deleted took their remarks along.
            let Some([remark, double, amount]) = found.get(&id).map(Vec::as_slice) else {
                assert_eq!(stage.value(&format!("SELECT COUNT(*) FROM t WHERE id = {id}")), "0");
                continue;
            };
            assert_eq!(*remark, format!("about {id}"), "after {what:?}: {found:#?}");
            let twice = amount.as_f64().map(|amount| amount * 2.0);
            assert_eq!(double.as_f64(), twice, "after {what:?}: {found:#?}");
        }
        if place.header_row > 1 {
            let title = &place.grid(stage, "FORMULA")[0];
            assert!(title.contains(&json!("Our list")), "after {what:?}: {title:?}");
        }
    }
}
