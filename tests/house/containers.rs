//! The demo in containers, as far as it can be tried without a container engine.

use std::{fs, time::Duration};

use crate::support::{
    installed::repository,
    servers::{Flavor, Server},
    sheetwire::Home,
};

#[test]
fn the_sample_shop_of_the_containers_loads() {
    let server = Server::shared(Flavor::MySql);
    let sql = fs::read_to_string(repository().join("docker/initdb/shop.sql")).unwrap();
    server.admin_sql(&sql);
    let rows = server.admin_sql("SELECT note FROM shop.orders WHERE id = 2");
    assert_eq!(rows, [[Some("=1+1 is text here".to_owned())]]);
    let tables = server.admin_sql("SHOW TABLES FROM shop");
    assert_eq!(tables.len(), 3);
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
            .replace("/var/lib/sheetwire/demo", &home.join("state").display().to_string()),
    );
    let answer = home.ask(&["check", "--offline"], Duration::from_mins(2));
    assert_eq!(answer.status.code(), Some(0), "{answer:?}");
}
