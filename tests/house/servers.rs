//! The ground the other house tests stand on holds.

use std::{fs, time::Duration};

use crate::support::{
    servers::{Flavor, Server, ServerOptions},
    wait::wait_until,
};

#[test]
fn null_and_the_word_null_and_odd_bytes_come_back_as_they_went_in() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("exact");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY, s TEXT)");
        db.sql(r#"INSERT INTO t VALUES (1, NULL), (2, 'NULL'), (3, ''), (4, 'a\tb\nc\r\\ <&amp;> "q" ]]>'),
                  (5, ' xsi:nil="true" />'), (6, 'żółć 🦀')"#);
        let rows = db.query("SELECT s FROM t ORDER BY id");
        let values: Vec<Option<&str>> = rows.iter().map(|row| row[0].as_deref()).collect();
        let odd = "a\tb\nc\r\\ <&amp;> \"q\" ]]>";
        let nil = " xsi:nil=\"true\" />";
        let wanted = [None, Some("NULL"), Some(""), Some(odd), Some(nil), Some("żółć 🦀")];
        assert_eq!(values, wanted, "{flavor:?}");
    }
}

#[test]
fn the_servers_are_the_ones_the_tests_are_written_for() {
    let version =
        |flavor| Server::shared(flavor).admin_sql("SELECT VERSION()")[0][0].clone().unwrap();
    let mysql = version(Flavor::MySql);
    assert!(mysql.starts_with("9."), "MySQL is {mysql}");
    let mariadb = version(Flavor::MariaDb);
    assert!(mariadb.contains("MariaDB"), "MariaDB is {mariadb}");
    for flavor in Flavor::BOTH {
        let rows = Server::shared(flavor)
            .admin_sql("SELECT @@binlog_format, @@binlog_row_image, @@binlog_row_metadata");
        let words: Vec<_> = rows[0].iter().flatten().map(String::as_str).collect();
        assert_eq!(words, ["ROW", "FULL", "FULL"], "{flavor:?}");
    }
    let gtid = Server::shared(Flavor::MySql).admin_sql("SELECT @@gtid_mode")[0][0].clone();
    assert_eq!(gtid.as_deref(), Some("ON"));
}

#[test]
fn accounts_see_their_own_database_and_no_other() {
    for flavor in Flavor::BOTH {
        let server = Server::shared(flavor);
        let (mine, other) = (server.database("same"), server.database("same"));
        assert_ne!(mine.name, other.name);
        other.sql("CREATE TABLE t (id INT PRIMARY KEY)");
        mine.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (7)");
        for account in [&mine.app, &mine.reader, &mine.writer] {
            let line = mine.line(account, mine.port);
            assert_eq!(line.query("SELECT id FROM t"), [[Some("7".to_owned())]]);
            let refused = line.try_query(&format!("SELECT * FROM {}.t", other.name)).unwrap_err();
            assert!(refused.contains("ERROR 1142"), "{flavor:?}: {refused}");
        }
        let reader = mine.line(&mine.reader, mine.port);
        let refused = reader.try_query("INSERT INTO t VALUES (8)").unwrap_err();
        assert!(refused.contains("ERROR 1142"), "{flavor:?}: {refused}");
        assert!(!reader.query("SHOW BINARY LOGS").is_empty());
    }
}

#[test]
fn a_session_keeps_its_transaction_and_survives_an_error() {
    for flavor in Flavor::BOTH {
        let db = Server::shared(flavor).database("session");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY)");
        let mut session = db.session();
        session.query("BEGIN; INSERT INTO t VALUES (1)");
        assert!(db.query("SELECT * FROM t").is_empty());
        let refused = session.try_query("INSERT INTO t VALUES (1)").unwrap_err();
        assert!(refused.starts_with("ERROR 1062"), "{refused}");
        assert_eq!(session.query("SELECT COUNT(*) FROM t"), [[Some("1".to_owned())]]);
        session.query("COMMIT");
        assert_eq!(db.query("SELECT id FROM t"), [[Some("1".to_owned())]]);
        session.query("BEGIN; INSERT INTO t VALUES (2)");
        drop(session);
        wait_until(Duration::from_mins(2), "the server to roll back", || {
            db.try_query("INSERT INTO t VALUES (2)").is_ok()
        });
    }
}

#[test]
fn what_was_committed_survives_the_death_of_the_server() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = server.database("kept");
        db.sql("CREATE TABLE t (id INT PRIMARY KEY)");
        let mut session = db.session();
        for id in 0..50 {
            session.query(&format!("INSERT INTO t VALUES ({id})"));
        }
        let (port, pid) = (server.port(), server.pid());
        let files = server.binlog_files().len();
        server.kill9();
        assert!(!server.is_alive());
        assert!(session.try_query("SELECT 1").is_err());
        server.restart();
        assert_eq!(server.port(), port);
        assert_ne!(server.pid(), pid);
        assert_eq!(db.query("SELECT COUNT(*) FROM t"), [[Some("50".to_owned())]], "{flavor:?}");
        assert_eq!(server.binlog_files().len(), files + 1, "{flavor:?}");
        server.purge_binlogs();
        assert_eq!(server.binlog_files().len(), 1, "{flavor:?}");
    }
}

#[test]
fn a_frozen_server_holds_its_answer_until_it_is_thawed() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let mut session = server.admin_session();
        session.query("SELECT 1");
        server.freeze();
        assert!(server.is_alive());
        session.send("SELECT 2").unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
        assert!(stat.contains(") T "), "{flavor:?} is not stopped: {stat}");
        server.thaw();
        assert_eq!(session.answer().unwrap(), [[Some("2".to_owned())]]);
    }
}

#[test]
fn a_server_with_our_certificates_proves_its_name() {
    for flavor in Flavor::BOTH {
        let options = ServerOptions { certificates: true, ..ServerOptions::default() };
        let server = Server::private(flavor, options);
        let db = server.database("tls");
        let mut line = db.line(&db.app, db.port);
        line.address.push(format!("--ssl-ca={}", server.authority().display()));
        line.address.push(match flavor {
            Flavor::MySql => "--ssl-mode=VERIFY_IDENTITY".to_owned(),
            Flavor::MariaDb => "--ssl-verify-server-cert".to_owned(),
        });
        let rows = line.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
        assert!(rows[0][1].as_deref().is_some_and(|cipher| !cipher.is_empty()), "{flavor:?}");
    }
}
