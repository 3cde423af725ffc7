//! The usual set-up of a DBA: the log is read beside a replica, what people type is written to the primary.

use serde_json::json;

use super::{BOOK, LONG, Mapped, RATE, Stage};
use crate::support::{
    database::Database,
    servers::{Flavor, Server, ServerOptions},
    wait::wait_until,
};

on_both! {
    what_is_typed_goes_to_the_primary_and_comes_back_by_way_of_the_replica,
}

/// A replica of a primary, and a database that both have.
struct Pair {
    primary: Server,
    replica: Server,
    db: Database,
}

impl Pair {
    fn new(flavor: Flavor) -> Self {
        let primary = Server::private(flavor, ServerOptions::default());
        // A replica whose log does not tell what it applied is of no use to anybody behind it.
        let extra = match flavor {
            Flavor::MySql => &[][..],
            Flavor::MariaDb => &["log_slave_updates=ON"],
        };
        let replica = Server::private(flavor, ServerOptions::with_extra(extra));
        primary.admin_sql(
            "CREATE USER 'repl'@'%' IDENTIFIED BY 'repl-secret-1'; GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%';",
        );
        let db = primary.database("slice");
        let port = primary.port();
        replica.admin_sql(&match flavor {
            Flavor::MySql => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='repl', \
                 SOURCE_PASSWORD='repl-secret-1', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA;"
            ),
            Flavor::MariaDb => format!(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', \
                 MASTER_PASSWORD='repl-secret-1', MASTER_USE_GTID=slave_pos; START SLAVE;"
            ),
        });
        let pair = Self { primary, replica, db };
        let found = format!("SHOW DATABASES LIKE '{}'", pair.db.name);
        wait_until(LONG, "the replica to follow", || !pair.replica.admin_sql(&found).is_empty());
        pair.replica.admin_sql("SET GLOBAL read_only = ON");
        pair
    }

    /// Lets the replica apply nothing for a while, or again.
    fn applies(&self, goes_on: bool) {
        let thread = match self.primary.flavor() {
            Flavor::MySql => "REPLICA",
            Flavor::MariaDb => "SLAVE",
        };
        let word = if goes_on { "START" } else { "STOP" };
        self.replica.admin_sql(&format!("{word} {thread} SQL_THREAD"));
    }

    /// The same database as the replica has it.
    fn on_replica(&self) -> Database {
        Database { port: self.replica.port(), ..self.db.clone() }
    }
}

fn what_is_typed_goes_to_the_primary_and_comes_back_by_way_of_the_replica(flavor: Flavor) {
    let pair = Pair::new(flavor);
    pair.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20), amount DECIMAL(8,2));
         CREATE TRIGGER t_upper BEFORE UPDATE ON t FOR EACH ROW SET NEW.name = UPPER(NEW.name);
         INSERT INTO t VALUES (1,'ONE',10.50),(2,'TWO',20),(3,'THREE',30)",
    );
    let mapped = Mapped::new("t", &["id", "name", "amount"]).both_ways("");
    let mut stage = Stage::on(pair.db.clone(), &[mapped], RATE);
    stage.port = pair.replica.port();
    stage.home.secret("writer", &stage.db.writer.password);
    stage.settings = format!(
        "[mysql.writer]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\npassword_file = \"{}\"",
        pair.primary.port(),
        stage.db.writer.user,
        stage.home.join("writer").display()
    );
    let said = {
        stage.home.configure(&stage.config());
        stage.home.ask(&["check"], LONG)
    };
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let mut running = stage.run();
    stage.wait_equal(&mut running);

    // The trigger changes on top what was written; only that is news to the sheet.
    stage.types("B2", "uno");
    stage.wait_answer("SELECT name FROM t WHERE id = 1", "UNO");
    stage.wait_equal(&mut running);
    assert_eq!(stage.grid(BOOK, "'Tab t'!B2"), [[json!("UNO")]]);

    // While the replica lags, what it tells is older than what was written: it takes nobody's word back.
    pair.applies(false);
    stage.types("C3", "21.5");
    stage.wait_answer("SELECT amount FROM t WHERE id = 2", "21.50");
    pair.db.sql("UPDATE t SET amount = amount + 1 WHERE id = 3; INSERT INTO t VALUES (9,'NINE',9)");
    let behind = pair.on_replica().query("SELECT amount FROM t WHERE id = 2");
    assert_eq!(behind, [[Some("20.00".to_owned())]]);
    stage.types("B4", "tre");
    stage.wait_answer("SELECT name, amount FROM t WHERE id = 3", "TRE 31.00");
    assert_eq!(stage.grid(BOOK, "'Tab t'!C3"), [[json!(21.5)]]);
    pair.applies(true);
    stage.wait_answer("SELECT COUNT(*) FROM t", "4");
    stage.wait_equal(&mut running);
    let all = "SELECT * FROM t ORDER BY id";
    assert_eq!(pair.db.query(all), pair.on_replica().query(all));
    let status = stage.wait_status("rest", |status| status["idle"] == true);
    assert_eq!(status["conflicts"], 0, "{status:#}");
    assert_eq!(running.terminate(LONG), 0);
}
