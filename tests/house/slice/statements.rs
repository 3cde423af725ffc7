//! Statements that are no row changes: the layout changes under a running pipeline, or all rows go at once.

use super::{LONG, Mapped, Stage};
use crate::support::{servers::Flavor, wait::wait_until};

on_both! {
    columns_come_and_go_beside_the_mapped_ones_while_rows_change,
    a_truncated_table_empties_its_tab_and_fills_again,
}

fn columns_come_and_go_beside_the_mapped_ones_while_rows_change(flavor: Flavor) {
    let stage = Stage::new(flavor, &[Mapped::new("t", &["id", "name", "n"])]);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY, extra INT, name VARCHAR(40), n INT); INSERT INTO t VALUES (1,0,'one',1),(2,0,'two',2)");
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // All of it stands in the log before sheetwire sees the first of it, with rows of every layout between.
    stage.db.sql(
        "ALTER TABLE t ADD COLUMN front DATETIME FIRST; UPDATE t SET name = 'a' WHERE id = 1; INSERT INTO t (id,name,n) VALUES (3,'three',3);
         ALTER TABLE t DROP COLUMN extra; UPDATE t SET n = 20 WHERE id = 2;
         ALTER TABLE t MODIFY name VARCHAR(400) AFTER n, ADD COLUMN last_one JSON; INSERT INTO t (id,name,n) VALUES (4,REPEAT('wide ',60),4);
         ALTER TABLE t MODIFY n BIGINT FIRST; ALTER TABLE t MODIFY n INT; DELETE FROM t WHERE id = 1; UPDATE t SET name = 'last' WHERE id = 3",
    );
    wait_until(LONG, "the last change", || {
        stage
            .grid("book", "Tab t!B2:B9")
            .iter()
            .any(|row| row.first().is_some_and(|cell| cell == "last"))
    });
    stage.wait_equal(&mut running);
}

fn a_truncated_table_empties_its_tab_and_fills_again(flavor: Flavor) {
    let stage =
        Stage::new(flavor, &[Mapped::new("t", &["id", "name"]), Mapped::new("u", &["id", "name"])]);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one'),(2,'two');
         CREATE TABLE u (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO u VALUES (1,'one')",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1; TRUNCATE t");
    wait_until(LONG, "the tab to be empty", || stage.grid("book", "Tab t!A2:B9").is_empty());
    stage.wait_equal(&mut running);
    stage.db.sql("INSERT INTO t VALUES (2,'again'),(3,'three'); TRUNCATE TABLE t; INSERT INTO t VALUES (3,'at last')");
    wait_until(LONG, "the last row", || {
        stage.grid("book", "Tab t!A2:B9").iter().any(|row| row[1] == "at last")
    });
    stage.wait_equal(&mut running);
    // And while it was down, beside rows of another table.
    running.kill9();
    stage.db.sql("INSERT INTO t VALUES (9,'gone'); TRUNCATE t; INSERT INTO u VALUES (2,'two'); INSERT INTO t VALUES (10,'ten')");
    let mut running = stage.run();
    wait_until(LONG, "the row behind it", || {
        stage.grid("book", "Tab t!A2:B9").iter().any(|row| row[1] == "ten")
    });
    stage.wait_equal(&mut running);
}
