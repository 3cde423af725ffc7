//! The demo in containers, as far as it can be tried without a container engine.

use std::{fs, time::Duration};

use crate::support::{
    installed::repository,
    servers::{Flavor, Server, ServerOptions},
    sheetwire::Home,
};

#[test]
fn the_sample_shop_of_the_containers_loads() {
    let server = Server::private(Flavor::MySql, ServerOptions::default());
    let sql = fs::read_to_string(repository().join("docker/initdb/shop.sql")).unwrap();
    server.admin_sql(&sql);
    let password = fs::read_to_string(repository().join("docker/db-password")).unwrap();
    let mut reader = server.admin();
    reader.address = vec![
        "--protocol=TCP".into(),
        "--host=127.0.0.1".into(),
        format!("--port={}", server.port()),
    ];
    reader.user = "sheetwire".into();
    reader.password = password.trim().into();
    let rows = reader.query("SELECT note FROM shop.orders WHERE id = 2");
    assert_eq!(rows, [[Some("=1+1 is text here".to_owned())]]);
    assert!(!reader.query("SHOW BINARY LOGS").is_empty());
}

#[test]
fn the_configuration_of_the_containers_is_one_the_product_takes() {
    let home = Home::new();
    let text = fs::read_to_string(repository().join("docker/sheetwire.toml")).unwrap();
    let account =
        sheets_emulator::http::service_account("a@example.org", "http://127.0.0.1:1/token");
    let key = home.secret("google.json", &account.unwrap().to_string());
    let password = home.secret("password", "secret");
    home.configure(
        &text
            .replace("/run/service-account/google.json", &key)
            .replace("/run/secrets/db-password", &password)
            .replace("/var/lib/sheetwire", &home.join("state").display().to_string()),
    );
    let answer = home.ask(&["check", "--offline"], Duration::from_secs(30));
    assert_eq!(answer.status.code(), Some(0), "{answer:?}");
}
