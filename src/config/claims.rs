//! What a configuration promises its operator.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use super::*;
use crate::secret::Secret;

const EXAMPLE: &str = include_str!("../../config/sheetwire.example.toml");

/// The example of the design, as it is shown there.
const DESIGN: &str = r#"
name = "crm"
data_dir = "/var/lib/sheetwire/crm"

[mysql]                                  # read from here: a replica is best
host = "replica1.internal"
user = "sheetwire"
password_file = "/run/credentials/db"
server_id = 60421
# tls = "verify_identity"  position = "auto"  snapshot = "when_needed"

[mysql.writer]                         # two-way tables: the primary; default is the same server
host = "primary.internal"

[sheets]
credentials_file = "/run/credentials/google.json"
budget = { writes_per_minute = 54, reads_per_minute = 54 }
flush = { max_bytes = "2MB" }

[webhook]                                # omit the section: sweep only, no listening port
listen = "127.0.0.1:8787"
secret_file = "/run/credentials/webhook"
sweep = "60s"

[status]
listen = "127.0.0.1:8788"

[[table]]
from = "shop.orders"
to = { spreadsheet = "1AbC...", tab = "Orders", header_row = 1 }
direction = "both"                       # to_sheet | to_database | both
columns = ["id", "customer", "status", "total", "due_on", "note"]
where = "status <> 'archived'"           # rows enter and leave the tab as they change
conflict = "database"                    # database | sheet | newest | hold
owner = { note = "sheet", total = "database" }
on_delete = { in_database = "remove", in_sheet = "ignore" }   # remove | hold | ignore
empty_text = '""'                       # how an empty string looks; NULL is an empty cell
brake = { rows = 50, percent = 10 }
timezone = "Europe/Berlin"
"#;

const SMALL: &str = r#"
name = "crm"
data_dir = "data"
[mysql]
host = "db1"
user = "sheetwire"
[sheets]
credentials_file = "google.json"
[[table]]
from = "shop.orders"
to = { spreadsheet = "1AbC", tab = "Orders" }
columns = ["id"]
"#;

/// Wrong in many ways.
const WRONG: &str = r#"
nmae = "crm"
data_dir = 7
[mysql]
host = "db1"
prot = 3306
password = "hunter2"
tls = "verify"
heartbeat = "5"
server_id = 0
[sheets]
credentials_file = "/nowhere.json"
budget = { writes_per_minute = 0 }
flush = { max_bytes = "2GB", every = "1d" }
[webhook]
listen = "8787"
[[table]]
from = "orders"
to = { spreadsheet = "https://example.com/x", tab = "" }
columns = []
conflict = "shet"
timezone = "Europe/Berlni"
[[table]]
from = "shop.orders"
to = { spreadsheet = "1AbC", tab = "_Sheetwire", header_row = 0 }
columns = ["id", "ID", ""]
owner = { note = "sheet" }
"#;

/// How what is said about it begins.
const WRONG_SAYS: &[&str] = &[
    "nmae: is not a key; did you mean name?",
    "data_dir: must be text in quotes",
    "mysql.prot: is not a key; did you mean port?",
    "mysql.password: is not a key: secrets do not stand in the configuration",
    "name: is missing",
    "mysql.user: is missing",
    "mysql.tls: \"verify\" is not known; use one of verify_identity, verify_ca",
    "mysql.heartbeat: \"5\" is not a duration; write it as 250ms",
    "mysql.server_id: is 0, and must be 1 to 4294967295",
    "sheets.credentials_file: /nowhere.json does not exist; put the file there",
    "sheets.budget.writes_per_minute: is 0, and must be 1",
    "sheets.flush.max_bytes: is 2GB, and must be",
    "sheets.flush.every: \"1d\" is not a duration",
    "webhook.secret_file: is missing",
    "webhook.listen: \"8787\" is not an address with a port",
    "table[1].from: \"orders\" is not a schema and a table",
    "table[1].to.spreadsheet: \"https://example.com/x\" is neither an id nor a link",
    "table[1].to.tab: is empty",
    "table[1].columns: is empty",
    "table[1].conflict: \"shet\" is not known; use one of database, sheet, newest, hold",
    "table[1].timezone: \"Europe/Berlni\" is not a zone",
    "table[2].to.tab: _sheetwire is the tab of sheetwire itself",
    "table[2].to.header_row: is 0, and must be 1",
    "table[2].columns: names \"ID\" twice",
    "table[2].columns: \"\" is not a column name",
    "table[2].owner.note: is not in columns",
];

/// Every file there is, and what is in it.
fn read(path: &Path) -> io::Result<SecretFile> {
    let text = match path.to_str().unwrap() {
        "/run/credentials/db" => "s3cret-of-db\n",
        "/run/credentials/webhook" => "s3cret-of-the-bell",
        "/run/credentials/google.json" | "/etc/sheetwire/google.json" => {
            r#"{"type": "service_account", "client_email": "bot@x.iam", "private_key": "-----BEGIN\nline-of-key\n-----END\n"}"#
        }
        "/run/open" => {
            return Ok(SecretFile { text: "s3cret-for-all".into(), others_may_read: true });
        }
        "/run/empty" => "\n",
        "/run/user.json" => r#"{"type": "authorized_user"}"#,
        _ => return Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    Ok(SecretFile { text: text.into(), others_may_read: false })
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    parse(
        text,
        &Surroundings {
            source: "crm.toml".into(),
            folder: "/etc/sheetwire".into(),
            variables: variables.collect(),
            read: &read,
        },
    )
}

fn config(text: &str) -> Config {
    load_with(text, &[]).unwrap_or_else(|problems| panic!("{problems}")).config
}

fn problems(text: &str) -> Vec<String> {
    let problems = load_with(text, &[]).unwrap_err().problems;
    problems.iter().map(ToString::to_string).collect()
}

/// Replaces a part that must be there.
fn with(text: &str, part: &str, other: &str) -> String {
    assert!(text.contains(part), "{part}");
    text.replacen(part, other, 1)
}

#[test]
fn a_direction_that_is_not_carried_is_refused_with_those_that_are() {
    let problems = problems(&with(DESIGN, "\"both\"", "\"to_database\""));
    assert_eq!(problems.len(), 1, "{problems:?}");
    let wanted = "table[1].direction: must be \"to_sheet\" or \"both\"";
    assert!(problems[0].starts_with(wanted), "{problems:?}");
    // The one place that a later version changes.
    for (direction, is) in
        [(Direction::ToSheet, true), (Direction::ToDatabase, false), (Direction::Both, true)]
    {
        assert_eq!(tables::served(direction).is_ok(), is);
    }
}

#[test]
fn the_example_of_the_design_means_what_it_says() {
    let config = config(DESIGN);
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(config.name.as_str(), "crm");
    assert_eq!(config.data_dir, Path::new("/var/lib/sheetwire/crm"));
    let server = Server {
        host: "replica1.internal".into(),
        port: 3306,
        user: "sheetwire".into(),
        password: Some(Secret::new("s3cret-of-db".into())),
        tls: Tls::VerifyIdentity,
        ca_file: None,
    };
    let writer = Server { host: "primary.internal".into(), ..server.clone() };
    assert_eq!((config.mysql.server, config.mysql.writer), (server, Some(writer)));
    assert_eq!(config.mysql.server_id.get(), 60421);
    assert_eq!(config.sheets.flush.max_bytes, 2_000_000);
    assert_eq!(config.sheets.credentials.unwrap().email, "bot@x.iam");
    let webhook = config.webhook.unwrap();
    assert_eq!(webhook.secrets[0].reveal(), "s3cret-of-the-bell");
    assert_eq!(
        (webhook.listen, webhook.sweep),
        (address("127.0.0.1:8787"), Duration::from_mins(1))
    );
    assert_eq!(config.status.unwrap().listen, address("127.0.0.1:8788"));
    let [table] = &config.tables[..] else { panic!("{:?}", config.tables) };
    assert_eq!((&*table.database, &*table.table), ("shop", "orders"));
    assert_eq!((table.to.spreadsheet.as_str(), table.to.tab.as_str()), ("1AbC...", "Orders"));
    assert_eq!(table.columns, ["id", "customer", "status", "total", "due_on", "note"]);
    assert_eq!(table.filter.as_deref(), Some("status <> 'archived'"));
    assert_eq!(table.owner["note"], ConflictPolicy::Sheet);
    assert_eq!(table.owner["total"], ConflictPolicy::Database);
    assert_eq!(table.on_delete.in_sheet, DeletePolicy::Ignore);
    assert_eq!(table.empty_text, "\"\"");
    assert_eq!((table.brake.rows.get(), table.brake.percent.get()), (50, 10));
    assert_eq!(table.timezone.iana_name(), Some("Europe/Berlin"));
}

#[test]
fn every_default_that_the_example_shows_is_the_default() {
    let uncomment = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_lowercase()) => rest,
        _ => line,
    };
    let shown = EXAMPLE.lines().map(uncomment).collect::<Vec<_>>().join("\n");
    assert!(shown.lines().count() == EXAMPLE.lines().count() && shown.len() < EXAMPLE.len());
    assert_eq!(config(&shown), config(EXAMPLE));
}

#[test]
fn a_small_file_is_enough() {
    let config = config(SMALL);
    assert_eq!(config.data_dir, Path::new("/etc/sheetwire/data"));
    assert_eq!((config.webhook, config.status, config.mysql.writer), (None, None, None));
    assert_eq!(config.mysql.server.password, None);
    assert_eq!(config.sheets.timeout, Duration::from_secs(200));
}

#[test]
fn all_problems_come_at_once_each_with_its_key_and_its_cure() {
    let problems = problems(WRONG);
    for wanted in WRONG_SAYS {
        assert!(
            problems.iter().any(|problem| problem.starts_with(wanted)),
            "{wanted}\n{problems:#?}"
        );
    }
    assert_eq!(problems.len(), WRONG_SAYS.len(), "{problems:#?}");
    assert!(!problems.concat().contains("hunter2"));
}

#[test]
fn the_report_counts_and_names_the_file() {
    let report = load_with(&with(SMALL, "\"crm\"", "\"c r m\""), &[]).unwrap_err().to_string();
    assert_eq!(report, "1 problem in crm.toml:\n  name: must be 1 to 40 letters, digits, - and _");
}

#[test]
fn a_file_that_is_not_toml_is_named_by_its_line_without_its_text() {
    let problems = problems("name = \"crm\"\npassword = \"hunter2\n");
    assert!(problems.len() == 1 && problems[0].starts_with("line 2: is not TOML"), "{problems:?}");
    assert!(!problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn a_text_without_quotes_is_told_from_a_number_that_is_wrong() {
    let with_line = |line: &str| with(SMALL, "columns = [\"id\"]", line);
    for (line, wanted) in [
        ("columns = [id]", "every text needs quotes: columns = [\"id\", \"status\"]"),
        ("columns = [\"id\", name] # \"x\"", "every text needs quotes: columns"),
        ("columns = [\n  \"id\",\n  name,\n]", "a text needs quotes, as in \"id\""),
        ("timezone = Europe/Berlin", "a text needs quotes: timezone = \"...\""),
        ("owner = { note = sheet }", "a text needs quotes, as in \"id\""),
    ] {
        let problems = problems(&with_line(line));
        assert!(problems.len() == 1 && problems[0].contains(wanted), "{line}: {problems:?}");
    }
    // The parser's own words where quotes are not what is missing, and no secret of the line.
    for line in ["columns = [\"id\"", "brake = { rows = 1x }", "where = \"hunter2"] {
        let problems = problems(&with_line(line));
        assert!(
            !problems[0].contains("quotes") || line.contains("hunter2"),
            "{line}: {problems:?}"
        );
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn a_copied_example_is_complete_once_host_credentials_and_table_are_filled_in() {
    // Exactly two files exist: those that the example asks for.
    let needed = |path: &Path| match path.to_str().unwrap() {
        "/run/credentials/db" | "/run/credentials/google.json" => read(path),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let around = Surroundings {
        source: "crm.toml".into(),
        folder: "/etc/sheetwire".into(),
        variables: Vec::new(),
        read: &needed,
    };
    let loaded = parse(EXAMPLE, &around).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    let config = loaded.config;
    assert_eq!((config.webhook, config.status, config.mysql.writer), (None, None, None));
}

#[test]
fn words_of_choices_that_no_longer_mean_anything_are_refused() {
    for (key, word, known) in
        [("snapshot", "never", "initial, when_needed"), ("position", "file", "auto, gtid")]
    {
        let line = format!("host = \"db1\"\n{key} = \"{word}\"");
        let problems = problems(&with(SMALL, "host = \"db1\"", &line));
        let wanted = format!("mysql.{key}: \"{word}\" is not known; use one of {known}");
        assert_eq!(problems, [wanted]);
    }
    let text = with(SMALL, "host = \"db1\"", "host = \"db1\"\nsnapshot = \"when_needed\"");
    assert_eq!(config(&text).mysql.snapshot, Snapshot::WhenNeeded);
    assert_eq!(config(SMALL).mysql.snapshot, Snapshot::Initial);
}

#[test]
fn sections_and_tables_of_the_wrong_shape_are_named() {
    let text = with(SMALL, "[[table]]", "[table]");
    assert!(problems(&text)[0].starts_with("table: must be written [[table]]"));
    let text = with(SMALL, "[sheets]\ncredentials_file = \"google.json\"", "");
    let text = format!("sheets = 3\n{text}");
    assert_eq!(problems(&text)[0], "sheets: must be a section, with keys of its own");
    let text = SMALL.split("[[table]]").next().unwrap();
    assert!(problems(text)[0].starts_with("table: is missing: describe at least one"));
}

#[test]
fn two_tables_never_share_a_tab() {
    let second = "\n[[table]]\nfrom = \"shop.orders\"\ncolumns = [\"id\"]\nto = ";
    let link = "https://docs.google.com/spreadsheets/d/1AbC/edit?usp=sharing#gid=0";
    for to in [
        "{ spreadsheet = \"1AbC\", tab = \"ORDERS\" }".into(),
        format!("{{ spreadsheet = \"{link}\", tab = \"Orders\" }}"),
    ] {
        let problems = problems(&format!("{SMALL}{second}{to}"));
        let wanted = "table[2].to.tab: names the same tab as table[1].to.tab; every table needs a tab of its own";
        assert_eq!(problems, [wanted]);
    }
    let other = config(&format!("{SMALL}{second}{{ spreadsheet = \"1AbC\", tab = \"Others\" }}"));
    assert_eq!(other.tables.len(), 2);
}

#[test]
fn the_environment_stands_above_the_file() {
    let variables = [
        ("SHEETWIRE__MYSQL__HOST", "db2"),
        ("SHEETWIRE__MYSQL__PORT", "3307"),
        ("SHEETWIRE__NAME", "42"),
        ("SHEETWIRE__STATUS__LISTEN", "[::1]:80"),
        ("SHEETWIRE_CLOCK_RATE", "60"),
        ("HOME", "/root"),
    ];
    let config = load_with(SMALL, &variables).unwrap().config;
    assert_eq!((&*config.mysql.server.host, config.mysql.server.port), ("db2", 3307));
    assert_eq!(config.name.as_str(), "42");
    assert_eq!(config.status.unwrap().listen.port(), 80);
}

#[test]
fn a_variable_that_is_no_key_or_of_the_wrong_kind_is_named() {
    let variables = [
        ("SHEETWIRE__MYSQL__HOTS", "db2"),
        ("SHEETWIRE__MYSQL__PORT", "high"),
        ("SHEETWIRE__TABLE__WHERE", "1"),
    ];
    let problems = load_with(SMALL, &variables).unwrap_err().problems;
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "SHEETWIRE__MYSQL__HOTS: is not a key; did you mean host?",
            "SHEETWIRE__MYSQL__PORT: must be a whole number",
            "SHEETWIRE__TABLE__WHERE: tables are described in the file only",
        ]
    );
}

#[test]
fn secrets_come_from_files_or_variables_and_are_never_shown() {
    let file = "user = \"sheetwire\"\npassword_env = \"DB_PASSWORD\"";
    let text = with(SMALL, "user = \"sheetwire\"", file);
    let config = load_with(&text, &[("DB_PASSWORD", "hunter2")]).unwrap().config;
    assert!(!format!("{config:?}").contains("hunter2"));
    let secrets = config.secrets();
    let secrets: Vec<_> = secrets.iter().map(|secret| secret.reveal().as_str()).collect();
    assert_eq!(secrets, ["hunter2", "line-of-key"]);
    assert!(problems(&text)[0].contains("the variable DB_PASSWORD, which is not set"));
    let both = with(&text, "password_env", "password_file = \"/run/credentials/db\"\npassword_env");
    assert!(problems(&both)[0].starts_with("mysql.password_env: stands beside password_file"));
    let empty = with(&text, "password_env = \"DB_PASSWORD\"", "password_file = \"/run/empty\"");
    assert!(problems(&empty)[0].contains("/run/empty is empty"));
    let user = with(SMALL, "google.json", "/run/user.json");
    assert!(problems(&user)[0].contains("is not the key of a service account"));
}

#[test]
fn what_is_doubtful_is_a_finding_and_stops_nothing() {
    let text = with(
        SMALL,
        "user = \"sheetwire\"",
        "user = \"u\"\npassword_file = \"/run/open\"\ntls = \"disabled\"",
    );
    let text = with(&text, "[[table]]", "budget = { reads_per_minute = 300 }\n[[table]]");
    let findings = load_with(&text, &[]).unwrap().findings;
    let keys: Vec<_> = findings.iter().map(|finding| finding.key.as_str()).collect();
    assert_eq!(keys, ["mysql.tls", "mysql.password_file", "sheets.budget.reads_per_minute"]);
    assert!(findings[1].text.contains("chmod 600 /run/open"), "{findings:?}");
}

#[test]
fn tls_is_the_default_everywhere_but_on_this_machine() {
    for (host, wanted) in [
        ("db1", Tls::VerifyIdentity),
        ("10.0.0.1", Tls::VerifyIdentity),
        ("localhost", Tls::Disabled),
        ("127.0.0.9", Tls::Disabled),
        ("::1", Tls::Disabled),
    ] {
        let config = config(&with(SMALL, "db1", host));
        assert_eq!(config.mysql.server.tls, wanted, "{host}");
    }
    let text = with(SMALL, "\"db1\"", "\"localhost\"");
    let text = with(&text, "[sheets]", "[mysql.writer]\nhost = \"db2\"\n[sheets]");
    assert_eq!(config(&text).mysql.writer.unwrap().tls, Tls::VerifyIdentity);
}

#[test]
fn the_endpoint_is_https_or_on_this_machine() {
    let at = |endpoint: &str| {
        with(SMALL, "credentials_file = \"google.json\"", &format!("endpoint = \"{endpoint}\""))
    };
    for local in ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000"] {
        let sheets = config(&at(local)).sheets;
        assert_eq!(sheets.credentials, None);
        assert!(
            sheets.endpoint.as_str().starts_with(local) && sheets.endpoint.as_str().ends_with('/')
        );
    }
    assert!(
        problems(&at("https://sheets.example/"))[0]
            .starts_with("sheets.credentials_file: is missing")
    );
    assert!(
        problems(&at("http://sheets.example/"))[0].contains("may be http on this machine only")
    );
    for odd in ["sheets.example", "ftp://x", "https://", "https://a b", "http://u@localhost"] {
        assert!(problems(&at(odd))[0].starts_with("sheets.endpoint: must be an address"), "{odd}");
    }
}

#[test]
fn the_number_among_the_replicas_depends_on_the_name_alone() {
    let id = |text: &str| config(text).mysql.server_id.get();
    assert_eq!(id(SMALL), id(&with(SMALL, "db1", "db2")));
    assert_ne!(id(SMALL), id(&with(SMALL, "\"crm\"", "\"erp\"")));
    assert!(id(SMALL) >= 0x8000_0000);
}

#[test]
fn every_key_is_read() {
    // Reading a key that is not in the list is an assertion; a key of the list that nobody reads shows here.
    let sources = [include_str!("parse.rs"), include_str!("tables.rs")].concat();
    for key in all_keys() {
        let name = key.rsplit('.').next().unwrap();
        assert!(sources.contains(&format!("\"{name}\"")), "{key} is known and never read");
    }
}
