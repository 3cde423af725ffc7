//! Tables whose tab reaches the database: what a person types is there, and comes to rest; what the database refuses changes nothing.

use serde_json::{Value, json};
use sheets_emulator::model::{HumanAct, Query};

use super::{BOOK, LONG, Mapped, Stage};
use crate::support::{servers::Flavor, wait::wait_until};

on_both! {
    an_edit_in_the_tab_reaches_the_database_and_comes_to_rest,
    a_new_row_gets_its_key_and_a_removed_one_goes,
    what_the_database_refuses_stays_in_the_tab_with_a_sentence,
    a_tab_that_differs_is_taken_in_only_by_order,
    check_names_the_grant_of_the_writer,
    a_kill_within_a_transaction_neither_loses_nor_doubles_it,
}

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(8), amount DECIMAL(8,2), due DATE, CONSTRAINT small CHECK (amount < 1000));
     INSERT INTO t VALUES (1,'one',10.50,'2024-02-29'),(2,'two',20,NULL),(3,'three',30,NULL)";

fn stage(flavor: Flavor, keys: &str) -> Stage {
    let mapped = Mapped::new("t", &["id", "name", "amount", "due"]).both_ways(keys);
    let mut stage = Stage::new(flavor, &[mapped]);
    stage.db.sql(TABLE);
    stage.home.secret("writer", &stage.db.writer.password);
    stage.settings = format!(
        "[mysql.writer]\nuser = \"{}\"\npassword_file = \"{}\"",
        stage.db.writer.user,
        stage.home.join("writer").display()
    );
    stage
}

impl Stage {
    pub(crate) fn types(&self, cell: &str, text: &str) {
        let tab = "Tab t".to_owned();
        let act = HumanAct::Type { tab, cell: cell.to_owned(), text: text.to_owned() };
        self.emulator().human(BOOK, &act).unwrap();
    }

    /// Waits until a question to the database has this answer.
    #[track_caller]
    pub(crate) fn wait_answer(&self, question: &str, wanted: &str) {
        let answer = || {
            let rows = self.db.query(question);
            let words = rows.iter().flatten().map(|word| word.as_deref().unwrap_or("NULL"));
            words.collect::<Vec<_>>().join(" ")
        };
        let start = std::time::Instant::now();
        wait_until(LONG * 2, question, || {
            let answer = answer();
            assert!(
                start.elapsed() < LONG || answer == wanted,
                "{question}: '{answer}', not '{wanted}'\n{:#?}\n{}",
                self.status(),
                self.home.log()
            );
            answer == wanted
        });
    }
}

fn an_edit_in_the_tab_reaches_the_database_and_comes_to_rest(flavor: Flavor) {
    let stage = stage(flavor, "");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.types("B2", "uno");
    stage.types("C3", "21.5");
    stage.types("D4", "2024-03-01");
    // The application changes another cell of the same row meanwhile.
    stage.db.sql("UPDATE t SET amount = 11 WHERE id = 1");
    let all = "SELECT * FROM t ORDER BY id";
    stage.wait_answer(all, "1 uno 11.00 2024-02-29 2 two 21.50 NULL 3 three 30.00 2024-03-01");
    stage.wait_equal(&mut running);
    let status = stage.wait_status("rest", |status| status["idle"] == true);
    assert_eq!(status["writer"]["phase"], "ready", "{status:#}");
    assert_eq!(status["conflicts"], 0, "{status:#}");
    // What was asked of people is seen in the tab: a note on each header.
    let note = stage.emulator().edit(BOOK, |book| {
        let query = Query(vec![
            ("ranges".to_owned(), "'Tab t'!B1".to_owned()),
            ("fields".to_owned(), "sheets(data(rowData(values(note))))".to_owned()),
        ]);
        book.get(&query)
    });
    let note = note.unwrap().unwrap();
    let text = note["sheets"][0]["data"][0]["rowData"][0]["values"][0]["note"].clone();
    assert!(text.as_str().is_some_and(|text| text.contains("Both ways")), "{note:#}");
    // A restart finds nothing to write on either side.
    assert_eq!(running.terminate(LONG), 0);
    let (mark, log) = (stage.mark(), stage.home.log().len());
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert!(!stage.home.log()[log..].contains("in the database"));
    assert!(!stage.home.log()[log..].contains("in the sheet"), "{mark}");
}

fn a_new_row_gets_its_key_and_a_removed_one_goes(flavor: Flavor) {
    let stage =
        stage(flavor, "on_delete = { in_sheet = \"remove\" }\nbrake = { rows = 2, percent = 100 }");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.types("B5", "four");
    stage.wait_answer("SELECT id, name FROM t WHERE id > 3", "4 four");
    stage.wait_equal(&mut running);
    assert_eq!(stage.grid(BOOK, "'Tab t'!A5:B5"), [[json!(4), json!("four")]]);
    let act = HumanAct::DeleteRows { tab: "Tab t".to_owned(), at: 3, count: 1 };
    stage.emulator().human(BOOK, &act).unwrap();
    stage.wait_answer("SELECT GROUP_CONCAT(id ORDER BY id) FROM t", "1,3,4");
    stage.wait_equal(&mut running);
}

fn what_the_database_refuses_stays_in_the_tab_with_a_sentence(flavor: Flavor) {
    let stage = stage(flavor, "");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.types("C2", "5000");
    stage.types("B3", "due");
    let refused = |status: &Value| status["tables"][0]["refused"] == 1;
    let status = stage.wait_status("the refusal", refused);
    assert_eq!(status["tables"][0]["open"], 1, "{status:#}");
    stage.wait_answer(
        "SELECT amount, (SELECT name FROM t WHERE id = 2) FROM t WHERE id = 1",
        "10.50 due",
    );
    assert_eq!(stage.grid(BOOK, "'Tab t'!C2"), [[json!(5000)]]);
    assert!(stage.home.log().contains("check 'small' does not allow it"), "{}", stage.home.log());
    assert!(!stage.home.log().contains("5000"), "a cell's content is in the log");
    stage.types("C2", "500");
    stage.wait_answer("SELECT amount FROM t WHERE id = 1", "500.00");
    stage.wait_equal(&mut running);
    stage.wait_status("nothing open", |status| status["tables"][0]["open"] == 0);
}

fn a_tab_that_differs_is_taken_in_only_by_order(flavor: Flavor) {
    let stage = stage(flavor, "");
    let rows = json!([["id", "name", "amount", "due"], [1, "uno", 10.5, "2024-02-29"]]);
    let tab = json!({"requests": [{"addSheet": {"properties": {"title": "Tab t"}}}]});
    stage
        .emulator()
        .edit(BOOK, |book| book.batch_update(&tab, &Query::default()))
        .unwrap()
        .unwrap();
    stage.fill(BOOK, "'Tab t'!A1", &rows);
    let running = stage.run();
    let aside = |status: &Value| status["tables"][0]["set_aside"] == true;
    let status = stage.wait_status("the refusal", aside);
    let why = status["tables"][0]["state"].as_str().unwrap().to_owned();
    assert!(why.contains("differs from its table in 1 rows") && why.contains("--adopt"), "{why}");
    assert_eq!(running.terminate(LONG), 0);
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2"), [[json!("uno")]]);
    let mut running = stage.home.start(&["run", "--adopt", "sheet"]);
    stage.wait_answer("SELECT name FROM t WHERE id = 1", "uno");
    stage.wait_equal(&mut running);
}

fn check_names_the_grant_of_the_writer(flavor: Flavor) {
    let mut stage = stage(flavor, "on_delete = { in_sheet = \"hold\" }");
    stage.settings = String::new();
    stage.home.configure(&stage.config());
    let said = stage.home.ask(&["check"], LONG);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(1), "{text}");
    let grant = "GRANT SELECT, INSERT (`id`, `name`, `amount`, `due`), UPDATE (`name`, `amount`, `due`), DELETE ON";
    assert!(text.contains(grant), "{text}");
}

/// Killed between any two steps of a transaction, an edit is written once, and a new row is one row.
fn a_kill_within_a_transaction_neither_loses_nor_doubles_it(flavor: Flavor) {
    let mut stage = stage(flavor, "");
    let tape = stage.home.record("tape");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    drop(running);
    for (round, place) in (1_usize..).zip(["prepared", "before_commit", "committed"]) {
        let file = stage.home.join(&format!("hold-{place}"));
        stage.home.set("SHEETWIRE_HOLD", &format!("{place}:1"));
        stage.home.set("SHEETWIRE_HOLD_FILE", file.to_str().unwrap());
        let mut running = stage.run();
        stage.wait_status("the writer", |status| status["writer"]["phase"] == "ready");
        // A person makes room below the last row.
        let tab = "Tab t".to_owned();
        let room = HumanAct::InsertRows { tab, at: 4 + round, count: 1 };
        stage.emulator().human(BOOK, &room).unwrap();
        stage.types(&format!("B{}", 4 + round), &format!("new {round}"));
        stage.types("C2", &round.to_string());
        wait_until(LONG, "the product to come to the place", || {
            assert!(running.is_alive(), "sheetwire ended:\n{}", stage.home.log());
            file.exists()
        });
        running.kill9();
        stage.home.set("SHEETWIRE_HOLD", "");
        let mut running = stage.run();
        let names = "SELECT COUNT(*), SUM(name LIKE 'new %') FROM t";
        stage.wait_answer(names, &format!("{} {round}", 3 + round));
        stage.wait_answer("SELECT amount FROM t WHERE id = 1", &format!("{round}.00"));
        stage.wait_equal(&mut running);
        stage.wait_status("rest", |status| {
            status["idle"] == true && status["writer"]["intents"] == 0
        });
        running.kill9();
    }
    let replayed = sheetwire_sim::replay::replay(&std::fs::read(tape).unwrap()).unwrap();
    assert_eq!(replayed.processes, 7, "{replayed}");
}
