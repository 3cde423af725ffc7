//! The port: none without the section, and what `check` says about it before anybody rings.

use std::net::TcpListener;

use super::{House, SECRET};
use crate::{slice::LONG, support::servers::Flavor};

/// The house without the section.
fn quiet() -> House {
    let mut house = House::new(Flavor::MySql);
    let section = house.stage.settings.find("[webhook]").unwrap();
    house.stage.settings.truncate(section);
    house
}

#[test]
fn without_the_section_nothing_listens() {
    let house = quiet();
    let running = house.run();
    assert_eq!(running.listening_ports(), [0_u16; 0]);
    assert_eq!(running.terminate(LONG), 0);
    let house = House::new(Flavor::MySql);
    let running = house.run();
    assert_eq!(running.listening_ports(), [house.port]);
}

impl House {
    /// What `check` says of the webhook, level and all, and its exit code.
    #[track_caller]
    fn check(&self) -> (Vec<String>, i32) {
        self.stage.home.configure(&self.stage.config());
        let output = self.stage.home.ask(&["check"], LONG);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains("canary"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let about = |line: &str| line.contains("webhook") && !line.contains("-> ");
        let mut said = Vec::new();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| about(line)) {
            said.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
            let cure = lines.get(at + 1).and_then(|next| next.trim().strip_prefix("-> "));
            said.extend(cure.map(str::to_owned));
        }
        (said, output.status.code().unwrap())
    }
}

#[test]
fn check_says_where_it_listens_and_what_stands_in_the_way() {
    let mut house = House::new(Flavor::MySql);
    let port = house.port;
    let free = format!("ok webhook 127.0.0.1:{port} free; doorbells are signed with 1 secret");
    assert_eq!(house.check(), (vec![free], 0));
    let other = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (said, code) = house.check();
    assert_eq!(code, 1, "{said:?}");
    let taken =
        format!("FAIL webhook 127.0.0.1:{port} nobody can listen there: Address already in use");
    assert!(said[0].starts_with(&taken), "{said:?}");
    let cure = format!(
        "choose a free port (webhook.listen), or stop what listens there: `ss -ltnp 'sport = :{port}'` names it"
    );
    assert_eq!(said[1..], [cure]);
    // The running pipeline is no stranger; a port that it does not have is.
    drop(other);
    let running = house.run();
    assert_eq!(
        house.check(),
        (vec![format!("ok webhook 127.0.0.1:{port} the pipeline listens there")], 0)
    );
    assert_eq!(running.terminate(LONG), 0);
    house.stage.settings = house.stage.settings.replace("127.0.0.1:", "0.0.0.0:");
    let (said, code) = house.check();
    let open = format!("warn webhook 0.0.0.0:{port} other machines reach it, without TLS");
    assert_eq!((said[0].as_str(), code), (open.as_str(), 0));
    assert!(said[1].contains("127.0.0.1") && said[1].contains("reverse proxy"), "{said:?}");
    house.stage.home.secret("bell", &format!("{SECRET}\nshort\n"));
    let (said, code) = house.check();
    assert_eq!(code, 2, "{said:?}");
    assert!(
        said[0].contains("webhook.secret_file: ") && said[0].contains("less than 16"),
        "{said:?}"
    );
    let house = quiet();
    let none = "ok webhook none: edits are found when the sheet is looked through, every 60s";
    assert_eq!(house.check(), (vec![none.to_owned()], 0));
}
