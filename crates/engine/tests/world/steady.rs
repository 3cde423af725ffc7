//! What a quiet pipeline costs, and what it leaves behind.

use std::time::Duration;

use sheetwire_engine::{
    change::{RowChange, TableId},
    door::Input,
    value::Value,
};

use crate::{
    people::{Mark, text_of},
    run::World,
};

impl World {
    /// Lets the store have everything that the engine keeps for its next checkpoint.
    pub(crate) fn checkpoint(&mut self) -> Result<(), String> {
        self.now = self.now.after(Duration::from_secs(2));
        self.settle()
    }

    /// Everything is durable: a process that starts from the store finds nothing to write.
    pub(crate) fn restart_is_quiet(&mut self) -> Result<(), String> {
        let image = self.store.image();
        let end = self.db.position(self.db.log.len());
        if image.position.as_ref() != Some(&end) {
            return Err(format!("the stored position is {:?}, not {end}", image.position));
        }
        if !image.in_flight.is_empty() {
            return Err("a settled batch is still stored as in flight".to_owned());
        }
        let writes = self.writes;
        self.crash();
        self.settle()?;
        if self.writes > writes {
            return Err(format!("a restart wrote {} times", self.writes - writes));
        }
        self.judge()
    }

    pub(crate) fn count_in_window(&mut self) {
        let listed = |text: &str| {
            self.store.conflicts.iter().any(|c| c.sheet.as_ref().and_then(text_of) == Some(text))
        };
        let recorded =
            self.marks.iter().flat_map(|marks| &marks.all).any(|(text, mark)| {
                matches!(mark, Mark::Mapped { in_window: true }) && listed(text)
            });
        if recorded {
            self.count("in-window edit recorded");
        }
    }
}

fn change(number: i64, word: &str) -> RowChange {
    let text = |word: &str| Value::Text(word.into());
    let row = vec![Value::Int(number), text(word), text("note")];
    RowChange { key: vec![Value::Int(number)], after: Some(row) }
}

fn quiet(seed: u64) -> World {
    let mut world = World::calm(seed);
    world.settle().unwrap();
    world.now = world.now.after(Duration::from_secs(70));
    world.settle().unwrap();
    world.writes = 0;
    world.reads = 0;
    world
}

#[test]
fn what_is_pending_at_once_is_one_write_and_no_read() {
    for seed in 1..20 {
        let mut world = quiet(seed);
        let changes: Vec<RowChange> = (100..400).map(|n| change(n, "new")).collect();
        world.tell(Input::Rows { table: TableId(0), changes });
        world.settle().unwrap();
        assert_eq!((world.writes, world.reads), (1, 0), "300 new rows");
        let changes: Vec<RowChange> = (150..250).map(|n| change(n, "changed")).collect();
        world.tell(Input::Rows { table: TableId(0), changes });
        world.now = world.now.after(Duration::from_secs(70));
        world.settle().unwrap();
        assert_eq!((world.writes, world.reads), (2, 0), "100 changed rows");
    }
}

#[test]
fn a_row_that_changes_a_thousand_times_is_one_row_in_one_write() {
    let mut world = quiet(3);
    for round in 0..1_000 {
        let changes = vec![change(100, &format!("value {round}"))];
        world.tell(Input::Rows { table: TableId(0), changes });
    }
    world.settle().unwrap();
    assert_eq!((world.writes, world.reads), (1, 0));
    let grid = world.books[0].tabs.iter().find(|tab| tab.title == "Tab0").unwrap();
    let hits = |row: &&Vec<_>| row.iter().any(|cell| text_of(cell) == Some("value 999"));
    assert_eq!(grid.rows.iter().filter(hits).count(), 1);
}

#[test]
fn removing_rows_costs_one_key_read_and_one_write() {
    let mut world = quiet(5);
    world.tell(Input::Rows {
        table: TableId(0),
        changes: (100..110).map(|n| change(n, "x")).collect(),
    });
    world.settle().unwrap();
    world.now = world.now.after(Duration::from_secs(70));
    world.settle().unwrap();
    (world.writes, world.reads) = (0, 0);
    let granted = world.engine.status().writes;
    let gone = |n| RowChange { key: vec![Value::Int(n)], after: None };
    world.tell(Input::Rows { table: TableId(0), changes: (102..108).map(gone).collect() });
    world.settle().unwrap();
    assert_eq!((world.writes, world.reads), (1, 1));
    assert_eq!(world.engine.status().writes - granted, 1, "one write of the budget");
}
