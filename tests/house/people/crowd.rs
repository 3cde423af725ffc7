//! Twenty people type into the rows that an application updates: nothing anybody wrote is lost in silence, and nothing is applied twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    sync::Mutex,
    thread,
    time::Duration,
};

use serde_json::Value;
use sheets_emulator::model::HumanAct;
use tokio::runtime::Builder;

use super::{TAB, stage};
use crate::{
    slice::{BOOK, Mapped, Stage, numbers, on_both},
    support::servers::Flavor,
};

on_both! { twenty_people_and_an_application }

const PEOPLE: u64 = 20;
const ROWS: u64 = 200;
/// Rows that everybody wants: the only ones that the application updates.
const HOT: u64 = 30;
const COLUMNS: [&str; 3] = ["a", "b", "c"];

/// The audit is the server's own: a trigger writes down every value that a cell of the table ever became.
fn table() -> String {
    let mut sql = format!(
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(40), b VARCHAR(40), c VARCHAR(40));
         CREATE TABLE audit (n INT PRIMARY KEY AUTO_INCREMENT, id INT, col CHAR(1), became VARCHAR(40), by_whom VARCHAR(80));
         INSERT INTO t SELECT n, 'start', 'start', 'start' FROM {};",
        numbers(200)
    );
    for column in COLUMNS {
        let _ = write!(
            sql,
            "CREATE TRIGGER audit_{column} AFTER UPDATE ON t FOR EACH ROW
             INSERT INTO audit (id, col, became, by_whom)
             SELECT NEW.id, '{column}', NEW.{column}, USER() FROM DUAL WHERE NOT (NEW.{column} <=> OLD.{column});"
        );
    }
    sql
}

/// A word somebody typed, and where.
#[derive(Debug, Clone)]
struct Word {
    text: String,
    id: u64,
    column: usize,
}

/// Draws numbers; the same seed, the same numbers.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// A cell of one of the first rows of the table.
    fn cell(&mut self, rows: u64) -> (u64, usize) {
        (1 + self.below(rows), usize::try_from(self.below(3)).unwrap())
    }
}

fn twenty_people_and_an_application(flavor: Flavor) {
    let each = if env::var_os("SHEETWIRE_LONG").is_some() { 150 } else { 15 };
    let mapped = Mapped::new("t", &["id", "a", "b", "c"]).both_ways("");
    let stage = stage(flavor, &[mapped], &table());
    let mut running = stage.started();
    let rows = rows_of(&stage);
    let typed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|person| {
                let (stage, rows, typed) = (&stage, &rows, &typed);
                scope.spawn(move || type_words((stage, rows), person, each, typed))
            })
            .collect();
        let mut session = stage.db.session();
        let (mut draw, mut n) = (Draw(0x9E37_79B9_7F4A_7C15), 0);
        // On a busy machine the people may be done before it has said enough.
        while n <= 100 || people.iter().any(|person| !person.is_finished()) {
            let (id, column) = draw.cell(HOT);
            let column = COLUMNS[column];
            session.query(&format!("UPDATE t SET {column} = 'app {n}' WHERE id = {id}"));
            n += 1;
        }
    });
    stage.wait_equal(&mut running);
    let typed = typed.into_inner().unwrap();
    let fates = fates(&stage, &typed);
    // Nothing that the application wrote came back from the sheet as if a person had typed it.
    let echoes = "SELECT COUNT(*), COALESCE(SUM(became NOT LIKE 'person %'), 0) FROM audit WHERE by_whom LIKE 'writer%'";
    assert_eq!(
        stage.db.query(echoes),
        [[Some(fates["committed"].to_string()), Some("0".to_owned())]]
    );
    let rings = stage.rings(BOOK, 200);
    eprintln!("{}: {} words, {fates:?}, {rings} rings heard", flavor.name(), typed.len());
    assert!(fates["committed"] > 50 && fates["in the conflict log"] > 10 && rings > 5, "{fates:?}");
    let status = stage.wait_status("rest", |status| status["idle"] == true);
    assert_eq!(status["tables"][0]["open"], 0, "{status:#}");
}

/// The row of the tab, as people count them, in which each key stands. Nobody moves rows here.
fn rows_of(stage: &Stage) -> BTreeMap<u64, usize> {
    let keys = stage.grid(BOOK, "'Tab t'!A2:A500");
    let rows: BTreeMap<u64, usize> =
        (2..).zip(&keys).map(|(row, key)| (key[0].as_u64().unwrap(), row)).collect();
    assert_eq!(rows.len(), usize::try_from(ROWS).unwrap());
    rows
}

/// One of the people: a word after each call that the emulator answers, or after a while without one.
fn type_words(
    (stage, rows): (&Stage, &BTreeMap<u64, usize>),
    person: u64,
    each: u64,
    typed: &Mutex<Vec<Word>>,
) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut draw = Draw(0xD1B5_4A32_D192_ED03 + person * 7_919);
    for n in 0..each {
        let (patience, seen) = (Duration::from_millis(50 + draw.below(300)), stage.mark());
        let next = stage.emulator().log().wait_for(patience, |call| call.ordinal > seen);
        // Without a call she types all the same.
        let _ = runtime.block_on(next);
        let (id, column) = draw.cell(if n % 3 == 0 { HOT } else { ROWS });
        let word = Word { text: format!("person {person} word {n}"), id, column };
        // Their order in the list is the order in which they came into the cells.
        let mut typed = typed.lock().unwrap();
        stage.does_by_hand(&HumanAct::Type {
            tab: TAB.to_owned(),
            cell: format!("{}{}", ["B", "C", "D"][column], rows[&id]),
            text: word.text.clone(),
        });
        typed.push(word);
    }
}

/// What became of each word, counted. Fails for one that is nowhere, and for one that was applied twice.
fn fates(stage: &Stage, typed: &[Word]) -> BTreeMap<&'static str, usize> {
    let mut audit: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in stage.db.query("SELECT became, id, col FROM audit ORDER BY n") {
        let mut row = row.into_iter().map(Option::unwrap);
        let (became, id, column) = (row.next().unwrap(), row.next().unwrap(), row.next().unwrap());
        audit.entry(became).or_default().push((id, column));
    }
    let all = stage.say(&["conflicts", "list", "--all", "--limit", "100000", "--json"]).json();
    assert_eq!(all["more"], false);
    let logged: BTreeSet<(String, String, String)> = all["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            Some((text(&one["key"][0])?, text(&one["column"])?, text(&one["sheet"])?))
        })
        .collect();
    let mut fates =
        BTreeMap::from([("committed", 0), ("in the conflict log", 0), ("overtyped", 0)]);
    for (at, word) in typed.iter().enumerate() {
        let place = (word.id.to_string(), COLUMNS[word.column].to_owned());
        let became = audit.get(&word.text).map_or(&[][..], Vec::as_slice);
        assert!(became.len() <= 1, "{word:?} was applied more than once: {became:?}");
        let same = |later: &&Word| (later.id, later.column) == (word.id, word.column);
        let fate = if became.first().is_some_and(|cell| *cell == place) {
            "committed"
        } else if logged.contains(&(place.0.clone(), place.1.clone(), word.text.clone())) {
            "in the conflict log"
        } else if typed[at + 1..].iter().any(|later| same(&later)) {
            "overtyped"
        } else {
            panic!("{word:?} is lost; it became {became:?}\n{}", stage.home.log())
        };
        assert!(became.is_empty() || fate == "committed", "{word:?} came into {became:?}");
        *fates.get_mut(fate).unwrap() += 1;
    }
    fates
}
