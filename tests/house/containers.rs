//! The demo in containers, as far as it can be tried without a container engine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken set-up fails the test that needs it"
)]

use std::{fs, path::Path, time::Duration};

use serde_json::json;
use sheets_emulator::model::{HumanAct, Query};

use crate::support::{
    google::Google,
    installed::repository,
    script,
    servers::{Flavor, Server, ServerOptions, free_port},
    sheetwire::Home,
    wait::wait_until,
};

const LONG: Duration = Duration::from_mins(2);

/// A file of the demo.
fn file(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

#[test]
fn the_demo_of_the_containers_is_two_way_as_it_is_configured() {
    let server = Server::private(Flavor::MySql, ServerOptions::default());
    server.admin_sql(&file("docker/initdb/shop.sql"));
    let ask = |sql: &str| server.admin_sql(sql)[0][0].clone().unwrap_or_default();
    assert_eq!(ask("SELECT note FROM shop.orders WHERE id = 2"), "=1+1 is text here");

    let google = Google::start(&["demo-shop", "demo-stock"], 20.0);
    let bell = format!("127.0.0.1:{}", free_port());
    let home = Home::new();
    google.write_key(&home.join("google.json"));
    let mut text = file("docker/sheetwire.toml");
    for (there, here) in [
        ("host = \"mysql\"", format!("host = \"127.0.0.1\"\nport = {}", server.port())),
        ("http://127.0.0.1:8090/", google.url()),
        ("127.0.0.1:8091", bell.clone()),
        ("/run/service-account/google.json", home.join("google.json").display().to_string()),
        ("/run/secrets/db-password", home.secret("reader", &file("docker/db-password"))),
        ("/run/secrets/writer-password", home.secret("writer", &file("docker/writer-password"))),
        ("/run/secrets/bell-secret", home.secret("bell", &file("docker/bell-secret"))),
        ("/var/lib/sheetwire/demo", home.join("state").display().to_string()),
    ] {
        assert!(text.contains(there), "{there} is not in docker/sheetwire.toml");
        text = text.replace(there, &here);
    }
    home.configure(&text);
    let answer = home.ask(&["check"], LONG);
    assert_eq!(answer.status.code(), Some(0), "{answer:?}");

    let mut running = home.run();
    let secret = file("docker/bell-secret");
    for book in ["demo-shop", "demo-stock"] {
        script::install(google.emulator(), book, &format!("http://{bell}/"), secret.trim());
    }
    let query = Query(Vec::new());
    let shown = || {
        let range = "Orders!F3";
        let answer = google.emulator().edit("demo-shop", |book| book.values_get(range, &query));
        answer.ok().and_then(Result::ok).map(|answer| answer["values"][0][0].clone())
    };
    wait_until(LONG, "the first copy", || {
        running.is_alive() && shown() == Some(json!("=1+1 is text here"))
    });
    let (tab, cell) = ("Orders".to_owned(), "F3".to_owned());
    let act = HumanAct::Type { tab, cell, text: "ring twice".to_owned() };
    google.emulator().human("demo-shop", &act).unwrap();
    wait_until(LONG, "what was typed in the database", || {
        running.is_alive() && ask("SELECT note FROM shop.orders WHERE id = 2") == "ring twice"
    });
    assert_eq!(running.terminate(LONG), 0);
}

#[test]
fn what_the_sources_take_in_is_part_of_an_image_build() {
    let allowed = file(".dockerignore");
    let mut looked_at = 0;
    let mut folders = vec![repository().join("src"), repository().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                looked_at +=
                    included(&path).iter().filter(|name| is_allowed(&allowed, name)).count();
            }
        }
    }
    assert!(
        looked_at > 5,
        "only {looked_at} files are taken in: this test looks for the wrong thing"
    );
}

/// Files that a source takes in, from the top of the repository.
fn included(source: &Path) -> Vec<String> {
    let text = fs::read_to_string(source).unwrap();
    let ends = |part: &str| part.split_once('"').map(|(name, _)| name.to_owned());
    let names = text.split("include_str!(\"").skip(1).filter_map(ends);
    names
        .map(|name| {
            let path = source.parent().unwrap().join(name).canonicalize().unwrap();
            path.strip_prefix(repository().canonicalize().unwrap()).unwrap().display().to_string()
        })
        .collect()
}

#[track_caller]
fn is_allowed(allowed: &str, name: &str) -> bool {
    let top = name.split('/').next().unwrap();
    assert!(
        allowed.lines().any(|line| line == format!("!{top}")),
        "{name} is not in .dockerignore"
    );
    true
}
