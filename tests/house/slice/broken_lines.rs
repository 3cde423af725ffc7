//! The server goes away in every way, at every moment: nothing is lost, nothing is there twice.

use super::{LONG, Mapped, RATE, Stage, numbers};
use crate::support::{
    proxy::Proxy,
    servers::{Flavor, Server, ServerOptions},
    wait::wait_until,
};

on_both! {
    a_connection_cut_anywhere_in_a_transaction_loses_and_doubles_nothing,
    a_server_killed_while_it_is_written_to_is_followed_when_it_is_back,
    a_frozen_server_is_left_and_found_again,
}

fn a_connection_cut_anywhere_in_a_transaction_loses_and_doubles_nothing(flavor: Flavor) {
    let mut stage = Stage::new(flavor, &[Mapped::new("t", &["id", "name"])]);
    let proxy = Proxy::start(stage.db.port);
    stage.port = proxy.port();
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200)); INSERT INTO t VALUES (0,'zero')",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    // Events of about 8 kB each: cut in the header of a transaction, in the middle of a row, between two events, close to the end.
    for (round, bytes) in [1_u64, 40, 97, 1_500, 8_300, 30_000, 61_000].into_iter().enumerate() {
        let before = proxy.connections();
        proxy.cut_after_down(bytes);
        stage.db.sql(&format!(
            "BEGIN; INSERT INTO t SELECT {round} * 1000 + n, REPEAT('text ', 30) FROM {};
             UPDATE t SET name = CONCAT(name, {round}) WHERE id % 10 = 0; DELETE FROM t WHERE id % 1000 = 7; COMMIT",
            numbers(400)
        ));
        wait_until(LONG, "sheetwire to connect again", || proxy.connections() > before);
        stage.wait_equal(&mut running);
    }
    let status = stage.status().unwrap();
    assert_eq!(status["tables"][0]["frozen"], 0, "{status:#?}");
    assert_eq!(status["tables"][0]["strangers"], 0, "{status:#?}");
}

fn a_server_killed_while_it_is_written_to_is_followed_when_it_is_back(flavor: Flavor) {
    // Commits reach the disk before they are acknowledged: what a killed server forgets, nobody can follow.
    let options = ServerOptions { durable: true, ..ServerOptions::default() };
    let server = Server::private(flavor, options);
    let stage = Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE);
    stage.db.sql("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40))");
    let mut running = stage.run();
    stage.db.sql("INSERT INTO t (name) VALUES ('first')");
    stage.wait_equal(&mut running);
    for round in 0..2 {
        let mut session = stage.db.session();
        let insert = format!("INSERT INTO t (name) VALUES ('of round {round}');").repeat(40);
        session.query(&insert);
        // The server dies while these are on their way to it.
        session.send(&insert.repeat(20)).unwrap();
        server.kill9();
        session.answer().unwrap_err();
        running.wait_log("reconnecting", LONG);
        server.restart();
        stage.db.sql(&format!("INSERT INTO t (name) VALUES ('after {round}'); UPDATE t SET name = 'x' WHERE id % 5 = 0"));
        stage.wait_equal(&mut running);
    }
}

fn a_frozen_server_is_left_and_found_again(flavor: Flavor) {
    let server = Server::private(flavor, ServerOptions::default());
    let stage = Stage::on(server.database("slice"), &[Mapped::new("t", &["id", "name"])], RATE);
    stage.db.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'one')",
    );
    let mut running = stage.run();
    stage.wait_equal(&mut running);
    server.freeze();
    // Only the missing heartbeat tells.
    running.wait_log("reconnecting", LONG);
    server.thaw();
    stage.db.sql("UPDATE t SET name = 'uno' WHERE id = 1; INSERT INTO t VALUES (2,'two')");
    stage.wait_equal(&mut running);
}
