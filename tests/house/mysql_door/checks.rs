//! What `check` finds on servers that are not set as they should be, and that it is content with those that are.

use sheetwire::mysql::{
    connect::{ServerOptions as Door, Session, Tls},
    preflight::{Finding, Level, PreflightRequest, Reader, preflight},
};
use sheetwire_engine::position::Position;

use super::door::{here, options, resolve};
use crate::support::{
    database::Database,
    servers::{Flavor, Server, ServerOptions},
};

async fn look(door: &Door, db: &Database, position: Option<&Position>) -> Vec<Finding> {
    let tables = [resolve(db, "t").await];
    let mut session = Session::open(door).await.unwrap();
    let request = PreflightRequest { position, ..PreflightRequest::new(&tables, 4_000_001) };
    preflight(&mut session, &request).await.unwrap()
}

fn about<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    findings
        .iter()
        .find(|finding| finding.what.contains(what))
        .unwrap_or_else(|| panic!("nothing about {what}: {findings:#?}"))
}

fn prepared(server: &Server) -> Database {
    let db = server.database("checks");
    db.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    db
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_as_it_should_be_on_this_machine_has_nothing_to_cure() {
    for flavor in Flavor::BOTH {
        let server = Server::private(
            flavor,
            ServerOptions::with_extra(&["binlog_expire_logs_seconds=2592000"]),
        );
        let db = prepared(&server);
        let stored = here(&db).await;
        let findings = look(&options(&db), &db, Some(&stored)).await;
        let bad: Vec<_> = findings.iter().filter(|finding| finding.level > Level::Info).collect();
        // Not even the missing encryption: nobody is on the way within one machine.
        assert!(bad.is_empty(), "{flavor:?}: {bad:#?}");
        if flavor == Flavor::MySql {
            let encrypted = Door { tls: Tls::Required, ..options(&db) };
            let findings = look(&encrypted, &db, None).await;
            assert!(findings.iter().all(|finding| finding.level == Level::Info), "{findings:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_found_with_its_cure() {
    for flavor in Flavor::BOTH {
        let server = Server::private(
            flavor,
            ServerOptions::with_extra(&[
                "binlog_format=MIXED",
                "binlog_row_image=MINIMAL",
                "binlog_row_metadata=MINIMAL",
                "binlog_expire_logs_seconds=3600",
                "binlog_ignore_db=checks_0",
            ]),
        );
        let db = prepared(&server);
        let stored: Position = if flavor == Flavor::MySql {
            "mysql:24bc7850-2c16-11e6-a073-0242ac110001:7"
        } else {
            "mariadb:5-5-5"
        }
        .parse()
        .unwrap();
        let findings = look(&options(&db), &db, Some(&stored)).await;
        for (what, level) in [
            ("binlog_format", Level::Fail),
            ("binlog_row_image", Level::Fail),
            ("binlog_row_metadata", Level::Warn),
            ("binlog_expire_logs_seconds", Level::Fail),
            ("binlog_ignore_db", Level::Fail),
            ("stored position", Level::Fail),
        ] {
            let finding = about(&findings, what);
            assert_eq!(finding.level, level, "{flavor:?}: {finding:?}");
            assert!(!finding.cure.is_empty(), "{finding:?}");
        }
        assert!(findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.level)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_grants_are_named_as_the_statement_that_gives_them() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = prepared(&server);
        let right = if flavor == Flavor::MySql { "REPLICATION CLIENT" } else { "BINLOG MONITOR" };
        let everything = look(&options(&db), &db, None).await;
        assert!(
            !everything.iter().any(|finding| finding.cure.contains("GRANT")),
            "{everything:#?}"
        );
        server.admin_sql(&format!(
            "REVOKE REPLICATION SLAVE, {right} ON *.* FROM '{}'@'%'",
            db.reader.user
        ));
        let findings = look(&options(&db), &db, None).await;
        for right in ["REPLICATION SLAVE", right] {
            let cure = &about(&findings, right).cure;
            assert_eq!(
                *cure,
                format!("GRANT {right} ON *.* TO '{}'@'%'", db.reader.user),
                "{flavor:?}"
            );
            server.admin_sql(cure);
        }
        let again = look(&options(&db), &db, None).await;
        assert!(
            !again.iter().any(|finding| finding.cure.contains("GRANT")),
            "the statements cured it: {again:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_use_and_children_of_cascades_are_found() {
    for flavor in Flavor::BOTH {
        let server = Server::private(flavor, ServerOptions::default());
        let db = server.database("cascade");
        db.sql("CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)");
        if flavor == Flavor::MariaDb {
            // Only with this may an account see who else reads.
            server.admin_sql(&format!(
                "GRANT REPLICATION MASTER ADMIN ON *.* TO '{}'@'%'",
                db.reader.user
            ));
        }
        let tables = [resolve(&db, "t").await];
        let stream = super::door::stream_options();
        let from = here(&db).await;
        let mut source = sheetwire::mysql::binlog::BinlogSource::open(
            &options(&db),
            &stream,
            tables.to_vec(),
            from,
        )
        .await
        .unwrap();
        sheetwire::ports::ChangeSource::next(&mut source).await.unwrap();
        let mut session = Session::open(&options(&db)).await.unwrap();
        let request = PreflightRequest::new(&tables, stream.server_id);
        let findings = preflight(&mut session, &request).await.unwrap();
        let taken = about(&findings, "our server_id");
        assert!(taken.found.contains("in use"), "{flavor:?}");
        assert_eq!(taken.level, Level::Warn, "{flavor:?}");
        // Our own reader is nothing to warn about, and one that may be a leftover of our own little.
        let starting = PreflightRequest { reader: Reader::Starts, ..request.clone() };
        let findings_of_a_start = preflight(&mut session, &starting).await.unwrap();
        assert_eq!(about(&findings_of_a_start, "our server_id").level, Level::Info);
        let ours = PreflightRequest { reader: Reader::Ours, ..request };
        let findings_of_our_own = preflight(&mut session, &ours).await.unwrap();
        assert!(
            !findings_of_our_own.iter().any(|finding| finding.what.contains("server_id")),
            "{findings_of_our_own:#?}"
        );
        let cascade = findings.iter().find(|finding| finding.found.contains("FOREIGN KEY"));
        match flavor {
            Flavor::MariaDb => assert_eq!(cascade.unwrap().level, Level::Warn),
            Flavor::MySql => {
                assert!(cascade.is_none(), "this version logs what cascades do: {cascade:?}");
            }
        }
    }
}
