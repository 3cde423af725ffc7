//! What a DBA does by hand: every verb of the command line against a running pipeline, and against one that does not run.

use std::process::Output;

use serde_json::{Value, json};
use sheets_emulator::model::HumanAct;

use super::{BOOK, LONG, Mapped, Stage};
use crate::support::{
    servers::Flavor,
    wait::{wait_for, wait_until},
};

/// Waits of the verbs run by the hurried clock, too.
pub(crate) const PATIENT: &str = "3000";

/// What a verb said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap();
        Self { code, out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The last line of the answer.
    pub(crate) fn last(&self) -> &str {
        self.out.trim_end().lines().last().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Stage {
    pub(crate) fn say(&self, words: &[&str]) -> Said {
        Said::of(&self.home.ask(words, LONG))
    }

    /// A verb that must end with this code.
    #[track_caller]
    pub(crate) fn does(&self, words: &[&str], code: i32) -> Said {
        let said = self.say(words);
        assert_eq!(said.code, code, "{words:?}: {said:#?}\n{}", self.home.log());
        said
    }

    /// A verb that must be refused with these words.
    #[track_caller]
    fn refuses(&self, words: &[&str], wanted: &[&str]) {
        let said = self.does(words, 2);
        for wanted in wanted {
            assert!(said.err.contains(wanted), "{wanted:?} is not in {said:#?}");
        }
        assert!(said.err.lines().any(|line| line.starts_with("sheetwire: ")), "{said:#?}");
    }

    fn removes(&self, tab: &str, at: usize, count: usize) {
        let act = HumanAct::DeleteRows { tab: tab.to_owned(), at, count };
        self.emulator().human(BOOK, &act).unwrap();
    }

    fn enters(&self, tab: &str, cell: &str, text: &str) {
        let (tab, cell, text) = (tab.to_owned(), cell.to_owned(), text.to_owned());
        self.emulator().human(BOOK, &HumanAct::Type { tab, cell, text }).unwrap();
    }

    /// The one value that a question to the database has for an answer.
    pub(crate) fn value(&self, question: &str) -> String {
        self.db.query(question)[0][0].clone().unwrap_or_else(|| "NULL".to_owned())
    }
}

/// A two-way table whose removed rows are held and whose conflicts wait, and a table that is only shown.
fn stage() -> Stage {
    let keys = "conflict = \"hold\"\non_delete = { in_sheet = \"hold\" }";
    let both = Mapped::new("t", &["id", "name", "due"]).both_ways(keys);
    let mut stage = Stage::new(Flavor::MySql, &[both, Mapped::new("shown", &["a", "b", "what"])]);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), due DATE, CONSTRAINT tame CHECK (name <> 'wild'));
         INSERT INTO t VALUES (1,'one','2024-02-29'),(2,'two',NULL),(3,'three',NULL),(4,'four',NULL),(5,'five',NULL);
         CREATE TABLE shown (a INT, b VARCHAR(8), what VARCHAR(20), PRIMARY KEY (a, b));
         INSERT INTO shown VALUES (7,'x','seven'),(8,'y','eight')",
    );
    stage.home.secret("writer", &stage.db.writer.password);
    stage.settings = format!(
        "[mysql.writer]\nuser = \"{}\"\npassword_file = \"{}\"",
        stage.db.writer.user,
        stage.home.join("writer").display()
    );
    stage
}

fn name(stage: &Stage, table: &str) -> String {
    format!("{}.{table}", stage.db.name)
}

#[test]
fn a_sync_returns_when_what_was_typed_has_arrived() {
    let stage = stage();
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.enters("Tab t", "B2", "uno");
    let said = stage.does(&["sync", "--timeout", PATIENT], 0);
    assert_eq!(said.last(), "in step", "{said:#?}");
    assert_eq!(stage.value("SELECT name FROM t WHERE id = 1"), "uno");
    let said = stage.does(&["sync", "--no-wait", "--json"], 0);
    assert_eq!(said.json(), json!({"asked": true}));
    // What the database refuses is told, with where to look.
    stage.enters("Tab t", "B3", "wild");
    let said = stage.does(&["sync", "--timeout", PATIENT], 1);
    assert!(said.out.contains("1 open conflict: see `sheetwire conflicts list`"), "{said:#?}");
    let said = stage.does(&["sync", "--timeout", PATIENT, "--json"], 1).json();
    assert_eq!((&said["in_step"], &said["at_rest"]), (&json!(false), &json!(true)), "{said:#}");
    let said = stage.does(&["conflicts", "list"], 1);
    assert!(said.out.contains("constraint refused") && said.out.contains("'tame'"), "{said:#?}");
}

#[test]
fn a_paused_table_rests_on_both_sides_whether_the_pipeline_runs_or_not() {
    let stage = stage();
    let table = name(&stage, "t");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.refuses(&["pause", "nowhere.t"], &["no [[table]] is called 'nowhere.t'"]);
    stage.refuses(&["pause", &table[..table.len() - 1]], &["did you mean", &table]);
    let said = stage.does(&["pause", &table], 0);
    assert!(said.last().starts_with(&format!("{table}: paused")), "{said:#?}");
    assert!(stage.does(&["pause", &table], 0).last().ends_with("is paused already"));
    stage
        .db
        .sql("UPDATE t SET name = 'uno' WHERE id = 1; UPDATE shown SET what = 'sette' WHERE a = 7");
    wait_until(LONG, "the other table to go on", || {
        stage.grid(BOOK, "'Tab shown'!C2") == [[json!("sette")]]
    });
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2"), [[json!("one")]]);
    let said = stage.does(&["sync", "--timeout", PATIENT], 1);
    assert!(said.out.contains("paused by a person"), "{said:#?}");
    // It stays so over a restart, and can be ended while nothing runs.
    assert_eq!(running.terminate(LONG), 0);
    let said = stage.does(&["resume", "--json"], 0).json();
    assert_eq!((&said["changed"], &said["running"]), (&json!(1), &json!(false)), "{said:#}");
    assert!(stage.does(&["pause", &format!("{table}@Tab t")], 0).last().contains("next `run`"));
    let mut running = stage.run();
    stage.wait_status("it to run", |status| status["tables"][0]["paused"] == true);
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2"), [[json!("one")]]);
    assert!(stage.does(&["resume"], 0).out.contains(": goes on\n"));
    stage.wait_equal(&mut running);
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2"), [[json!("uno")]]);
}

#[test]
fn a_conflict_is_listed_shown_and_decided() {
    let stage = stage();
    let table = name(&stage, "t");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert!(stage.does(&["conflicts", "list"], 0).last().starts_with("no open conflicts"));
    // Both sides change two cells while the table rests.
    stage.does(&["pause", &table], 0);
    stage.db.sql("UPDATE t SET name = 'db 1', due = '2024-03-01' WHERE id IN (1, 2)");
    stage.enters("Tab t", "B2", "\u{1b}[2Jsheet 1");
    stage.enters("Tab t", "C3", "2024-04-01");
    stage.does(&["resume", &table], 0);
    wait_until(LONG, "both conflicts", || {
        stage.say(&["conflicts", "list"]).last().starts_with("2 conflicts")
    });
    let said = stage.does(&["conflicts", "list", &table], 1);
    assert!(said.out.contains("edit/edit  open     hold  "), "{said:#?}");
    assert!(said.out.contains("database: 2024-03-01   sheet: 2024-04-01\n"), "{said:#?}");
    assert!(said.out.contains(r#"sheet: "\u001b[2Jsheet 1""#) && !said.out.contains('\u{1b}'));
    let all = stage.does(&["conflicts", "list", "--json"], 1).json();
    let id = |column: &str| {
        let all = all["conflicts"].as_array().unwrap();
        let found = all.iter().find(|one| one["column"] == column).unwrap();
        found["id"].as_u64().unwrap().to_string()
    };
    let said = stage.does(&["conflicts", "show", &id("name")], 1);
    for words in ["agreed on before", "one", "db 1", "hold", "committed", "Tab t"] {
        assert!(said.out.contains(words), "{words:?} is not in {said:#?}");
    }
    let resolve = |id: &str, side: &str| {
        stage.say(&["conflicts", "resolve", id, "--keep", side, "--timeout", PATIENT])
    };
    let said = resolve(&id("name"), "database");
    assert_eq!(said.code, 0, "{said:#?}\n{}", stage.home.log());
    assert!(said.last().contains("the database's value stands on both sides"), "{said:#?}");
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2"), [[json!("db 1")]]);
    let said = resolve(&id("due"), "sheet");
    assert_eq!(said.code, 0, "{said:#?}\n{}", stage.home.log());
    assert_eq!(stage.value("SELECT due FROM t WHERE id = 2"), "2024-04-01");
    // What the database refuses is not settled by wanting it.
    stage.does(&["pause", &table], 0);
    stage.db.sql("UPDATE t SET name = 'db 3' WHERE id = 3");
    stage.enters("Tab t", "B4", "wild");
    stage.does(&["resume", &table], 0);
    // It is counted a moment before it is durable, and listed from then on.
    let third = wait_for(LONG, "the third", || {
        let all = stage.say(&["conflicts", "list", "--json"]).json();
        Some(all["conflicts"][0]["id"].as_u64()?.to_string())
    });
    let said = resolve(&third, "sheet");
    assert_eq!(said.code, 1, "{said:#?}");
    assert!(said.last().contains("could not be settled like this (check 'tame'"), "{said:#?}");
    let all = stage.does(&["conflicts", "list", "--json"], 1).json();
    assert_eq!(resolve(&all["conflicts"][0]["id"].to_string(), "database").code, 0);
    assert_eq!(stage.grid(BOOK, "'Tab t'!B4"), [[json!("db 3")]]);
    // Settled is settled; who wanted the other side is told by the exit code.
    assert_eq!(resolve(&id("due"), "sheet").code, 0);
    let said = resolve(&id("due"), "database");
    assert_eq!((said.code, said.last().contains("settled already: sheet kept")), (1, true));
    stage.refuses(
        &["conflicts", "resolve", "999", "--keep", "sheet"],
        &["there is no conflict 999"],
    );
    stage.refuses(&["conflicts", "show", "999"], &["conflicts list --all"]);
    // The log can be read while nothing runs, and decided only while it does.
    stage.db.sql("UPDATE t SET name = 'two again' WHERE id = 2");
    stage.wait_equal(&mut running);
    assert_eq!(running.terminate(LONG), 0);
    let said = stage.does(&["conflicts", "list", "--all"], 0);
    assert!(
        said.out.contains("database kept") && said.last().contains(" conflicts; "),
        "{said:#?}"
    );
    let said = stage.does(&["conflicts", "list", "--all", "--limit", "1"], 0);
    assert!(said.last().starts_with("the newest 1"), "{said:#?}");
}

#[test]
fn held_rows_go_or_come_back_as_a_person_says() {
    let stage = stage();
    let table = name(&stage, "t");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    assert_eq!(stage.does(&["held", "list"], 0).last(), "nothing is held");
    stage.removes("Tab t", 3, 3);
    stage.wait_status("three held rows", |status| status["tables"][0]["held"] == 3);
    let said = stage.does(&["held", "list"], 1);
    assert!(
        said.out.contains(": 3 rows are gone from the tab and held\n  2\n  3\n  4\n"),
        "{said:#?}"
    );
    let said = stage.does(&["held", "list", &table, "--json"], 1).json();
    assert_eq!(said["held"][0]["keys"], json!([["2"], ["3"], ["4"]]), "{said:#}");
    stage.refuses(&["held", "approve"], &["say which rows", "--all"]);
    stage.refuses(&["held", "approve", &table], &["say which rows"]);
    stage.refuses(&["held", "approve", &table, "9"], &["this row is not held"]);
    let said = stage.does(&["held", "approve", &table, "2"], 0);
    assert!(said.last().starts_with("1 row let go"), "{said:#?}");
    wait_until(LONG, "the row to go", || stage.value("SELECT COUNT(*) FROM t") == "4");
    let said = stage.does(&["held", "reject", "--all"], 0);
    assert!(said.last().starts_with("2 rows to be put back"), "{said:#?}");
    stage.wait_equal(&mut running);
    assert_eq!(stage.value("SELECT GROUP_CONCAT(id ORDER BY id) FROM t"), "1,3,4,5");
    assert_eq!(stage.does(&["held", "approve", "--all"], 0).last(), "nothing is held");
    assert_eq!(running.terminate(LONG), 0);
    stage.refuses(&["held", "list"], &["does not run", "sheetwire run --config"]);
}

#[test]
fn the_history_of_a_row_names_both_sides_and_what_changed_them() {
    let stage = stage();
    let (table, shown) = (name(&stage, "t"), name(&stage, "shown"));
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.enters("Tab t", "C3", "2024-03-01");
    stage.does(&["sync", "--timeout", PATIENT], 0);
    stage.db.sql("UPDATE t SET name = 'due' WHERE id = 2");
    stage.wait_equal(&mut running);
    let said = stage.does(&["history", &table, "2"], 0);
    for words in [
        "sheet: row changed",
        "(batch ",
        "name: two -> due",
        "database: row changed",
        "transaction 1, in mysql:",
        "due: NULL -> 2024-03-01",
    ] {
        assert!(said.out.contains(words), "{words:?} is not in {said:#?}");
    }
    let newest = stage.does(&["history", &table, "2", "--limit", "1", "--json"], 0).json();
    assert_eq!(
        newest["changes"][0]["cells"],
        json!([{"column": "name", "after": "due", "before": "two"}])
    );
    assert_eq!(newest["more"], true, "{newest:#}");
    assert!(stage.does(&["history", &shown, "7", "x"], 0).out.contains("row added"));
    assert!(
        stage.does(&["history", &shown, "7", "nobody"], 0).last().contains("no change is kept")
    );
    stage.refuses(&["history", &shown, "7"], &["its key is a, b, and 1 value was given"]);
    stage.refuses(&["history", &table, "two"], &["two: "]);
    assert_eq!(running.terminate(LONG), 0);
    let said = stage.does(&["history", &table, "2"], 0);
    assert!(said.out.contains("name: two -> due"), "{said:#?}");
}

#[test]
fn a_watched_status_tells_each_change_and_ends_well() {
    let stage = stage();
    stage.home.configure(&stage.config());
    for words in [&["sync"][..], &["held", "list"], &["conflicts", "list"], &["pause"]] {
        stage.refuses(words, &["sheetwire run --config"]);
    }
    let watching = stage.home.join("watched");
    let mut watch = stage.home.watch(&watching);
    let said = || std::fs::read_to_string(&watching).unwrap_or_default();
    wait_until(LONG, "the watch to begin", || said().contains("does not run"));
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    wait_until(LONG, "the watch to tell", || said().trim_end().ends_with("in step"));
    watch.signal("INT");
    assert_eq!(watch.wait_exit(LONG), 0, "{}", said());
    assert_eq!(said().matches("does not run").count(), 1, "{}", said());
}

#[test]
fn the_script_is_printed_byte_for_byte() {
    let mut stage = Stage::new(Flavor::MySql, &[Mapped::new("t", &["id"])]);
    stage.home.configure(&stage.config());
    let said = stage.does(&["script"], 0);
    assert_eq!(said.out, include_str!("../../../apps-script/Code.gs"));
    assert!(said.err.contains("no [webhook] is configured"), "{said:#?}");
    let said = stage.does(&["script", BOOK, "--manifest"], 0);
    assert_eq!(said.out, include_str!("../../../apps-script/appsscript.json"));
    stage.refuses(&["script", "elsewhere"], &["no [[table]] goes to the spreadsheet 'elsewhere'"]);
    let secret = stage.home.secret("doorbell", "a-secret-of-some-length-0123456789");
    stage.settings =
        format!("[webhook]\nlisten = \"127.0.0.1:8787\"\nsecret_file = \"{secret}\"\n");
    stage.home.configure(&stage.config());
    let said = stage.does(&["script", "--install-help"], 0);
    for words in ["http://127.0.0.1:8787", "SHEETWIRE_URL", "SHEETWIRE_SECRET", &secret, "7. "] {
        assert!(said.out.contains(words), "{words:?} is not in {said:#?}");
    }
    assert!(!said.out.contains("a-secret-of"), "the secret is shown");
}

#[test]
fn a_repair_is_shown_first_and_done_by_order() {
    let stage = stage();
    let (table, shown) = (name(&stage, "t"), name(&stage, "shown"));
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    let said = stage.does(&["repair", "--from", "database"], 0);
    assert!(said.last().starts_with("in step"), "{said:#?}");
    // What a person types into a paused table stays there.
    stage.does(&["pause"], 0);
    stage.enters("Tab t", "B2", "from the sheet");
    stage.enters("Tab shown", "C2", "typed");
    let said = stage.does(&["repair", "--from", "sheet", &table], 1);
    assert!(
        said.out.contains("  key 1: differs in name -> the tab's values go into the database"),
        "{said:#?}"
    );
    assert!(said.last().starts_with("nothing was changed; add --execute"), "{said:#?}");
    let said = stage.does(&["repair", "--from", "database", "--json"], 1).json();
    assert_eq!(said["tables"][1]["differences"][0]["key"], json!(["7", "x"]), "{said:#}");
    stage.refuses(&["repair", "--from", "sheet", &shown], &["is not changed from the sheet"]);
    stage.refuses(
        &["repair", "--from", "sheet", &table, "--execute"],
        &[&table, "is paused", "sheetwire resume"],
    );
    assert_eq!(stage.value("SELECT name FROM t WHERE id = 1"), "one");
    // Both sides change, so that nothing but the order says who is right.
    stage.db.sql("UPDATE t SET name = 'from the database' WHERE id = 1");
    stage.does(&["resume"], 0);
    stage.wait_status("the conflict", |status| status["tables"][0]["open"] == 1);
    let said =
        stage.does(&["repair", "--from", "sheet", &table, "--execute", "--timeout", PATIENT], 0);
    assert!(said.last().starts_with("in step: 1 row repaired from the sheet"), "{said:#?}");
    assert_eq!(stage.value("SELECT name FROM t WHERE id = 1"), "from the sheet");
    assert_eq!(stage.does(&["sync", "--timeout", PATIENT], 0).last(), "in step");
    assert_eq!(running.terminate(LONG), 0);
    stage.enters("Tab shown", "C3", "typed again");
    let said = stage.does(&["repair", "--from", "database", &shown], 1);
    assert!(said.out.contains("key 8,y: differs in what"), "{said:#?}");
    stage.refuses(&["repair", "--from", "database", "--execute"], &["sheetwire run --config"]);
}
