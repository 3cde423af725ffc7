//! Rules of the house that no lint knows, checked on the repository's own files. A rule that is broken names file, line and cure.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]
#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "our own files are named in lower case"
)]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Imports go down this list only: a module may use those of later lines, and itself.
const RANKS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    // Doors and corridor: none of them knows another.
    &["flow", "mysql", "sheets", "store", "webhook", "status"],
    &["policy"],
    &["ports"],
    &["hold"],
    &["config"],
    &["telemetry", "clock"],
    &["secret", "fault"],
];

/// Files that may use a room that is not below them, with the room and the reason.
const UPWARD: &[(&str, &str, &str)] = &[];

/// Longest file: beyond it, it has more than one duty.
const LINES_MAX: usize = 600;

/// Files that may be longer, with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Calls with one place each: the call, where it may stand, and why.
const ONE_PLACE: &[(&str, &[&str], &str)] = &[
    (
        "Instant::now",
        // How long a real server may keep silent or lag behind is no time that a test may speed up.
        &["src/clock.rs", "src/mysql/binlog.rs", "src/mysql/snapshot.rs"],
        "a test must be able to set the clock: take a Clock",
    ),
    ("SystemTime::now", &["src/clock.rs"], "a test must be able to set the clock: take a Clock"),
    ("Timestamp::now", &["src/clock.rs"], "a test must be able to set the clock: take a Clock"),
    ("time::sleep", &["src/clock.rs"], "a test must be able to set the clock: Clock::sleep_until"),
    ("thread::sleep", &[], "it stops a whole thread: Clock::sleep_until"),
    ("tokio::spawn", &["src/flow/supervisor.rs"], "one owner for all tasks: ask the supervisor"),
    (
        "env::var",
        &["src/config/load.rs", "src/config/testing.rs", "src/clock.rs"],
        "what the operator decides is read in one place: add a key",
    ),
];

/// What the rules of the engine crate must do without.
const NOT_IN_ENGINE: &[&str] = &[
    "tokio",
    "async ",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "SystemTime",
    "time::Instant",
    "Instant::now",
    "HashMap",
    "HashSet",
    "RandomState",
];

/// A file of the repository.
struct Source {
    /// Path from the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The text without comments and without the tests at its end, line by line with numbers from 1.
    fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = inline_tests(&self.text).unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate();
        lines.map(|(index, line)| (index + 1, without_comment(line)))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository, generated ones left out.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root(), &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the walk found no sources");
    sources
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["target", ".git", ".cache", "node_modules", "Cargo.lock", "__pycache__"].contains(&name)
        {
            continue;
        }
        if path.is_dir() {
            collect(&path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            sources.push(Source { path, text });
        }
    }
}

/// Files that are compiled for tests only, as their parent declares them.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let folder = match source.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
            _ => source.path.trim_end_matches(".rs").to_owned(),
        };
        let lines: Vec<_> = source.text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let declared = pair[1].strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            if let Some(name) = declared {
                files.extend([format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]);
            }
        }
    }
    files
}

/// Where `#[cfg(test)] mod tests {` begins.
fn inline_tests(text: &str) -> Option<usize> {
    let found = text.match_indices("#[cfg(test)]").find(|(at, marker)| {
        let rest = text[at + marker.len()..].trim_start();
        rest.starts_with("mod ") && rest.lines().next().is_some_and(|line| line.ends_with('{'))
    });
    found.map(|(at, _)| at)
}

fn without_comment(line: &str) -> &str {
    // "://" is an address, not a comment.
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Code that the product is made of: ours, without tests and without the emulator.
fn production(sources: &[Source]) -> Vec<&Source> {
    let tests = test_files(sources);
    let ours = |path: &str| path.starts_with("src/") || path.starts_with("crates/engine/src/");
    sources
        .iter()
        .filter(|source| source.is_rust() && ours(&source.path) && !tests.contains(&source.path))
        .collect()
}

/// Fails with all that was found.
fn expect_none(rule: &str, found: &[String]) {
    let mut report = String::new();
    for found in found {
        write!(report, "\n  {found}").unwrap();
    }
    assert!(found.is_empty(), "{rule}:{report}");
}

#[test]
fn imports_go_down_only() {
    let sources = sources();
    let mut found = Vec::new();
    for source in production(&sources) {
        let Some(inside) = source.path.strip_prefix("src/").filter(|inside| *inside != "lib.rs")
        else {
            continue;
        };
        let room = inside.split(['/', '.']).next().unwrap();
        let Some(own) = rank(room) else {
            found
                .push(format!("{}: {room} has no rank; give it one in tests/tidy.rs", source.path));
            continue;
        };
        let text: Vec<_> = source.production().map(|(_, line)| line).collect();
        for used in uses(&text.join("\n")) {
            if UPWARD.iter().any(|(path, room, _)| (*path, *room) == (&*source.path, &*used)) {
                continue;
            }
            if used != room && rank(&used).is_none_or(|used| used <= own) {
                found.push(format!("{}: uses {used}, which is not below {room}", source.path));
            }
        }
    }
    expect_none("a module uses only those below it (RANKS in tests/tidy.rs)", &found);
}

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// The first names behind every `crate::`.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, start) in text.match_indices("crate::") {
        let rest = &text[at + start.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(heads(group));
        } else {
            found.push(head(rest));
        }
    }
    found
}

fn head(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// First names of the parts of `a, b::{c, d}, e}`.
fn heads(group: &str) -> Vec<String> {
    let mut heads = vec![head(group.trim_start())];
    let mut depth = 0;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

#[test]
fn the_uses_of_a_file_are_all_seen() {
    let text = "use crate::{\n    fault::Fault,\n    ports::{Ask, Chunk},\n    store,\n};\nlet x = crate::clock::Clock::start();";
    assert_eq!(uses(text), ["fault", "ports", "store", "clock"]);
    assert!(rank("store") > rank("app") && rank("store") < rank("ports") && rank("x").is_none());
}

#[test]
fn some_calls_have_one_place() {
    let sources = sources();
    let mut found = Vec::new();
    for source in production(&sources) {
        for (call, places, why) in ONE_PLACE {
            if places.contains(&&*source.path) {
                continue;
            }
            for (number, line) in source.production() {
                if line.contains(call) {
                    found.push(format!("{}:{number}: {call}: {why}", source.path));
                }
            }
        }
    }
    expect_none("a call stands in a place that is not its own", &found);
}

#[test]
fn the_engine_has_no_clock_no_road_and_no_chance() {
    let sources = sources();
    let mut found = Vec::new();
    for source in production(&sources) {
        if !source.path.starts_with("crates/engine/") {
            continue;
        }
        for (number, line) in source.production() {
            for word in NOT_IN_ENGINE.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    expect_none("the engine decides from its inputs alone", &found);
}

#[test]
fn the_emulator_knows_nothing_of_ours() {
    let sources = sources();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/sheets-emulator/"))
    {
        for (number, line) in source.text.lines().enumerate() {
            let ours = ["sheetwire::", "sheetwire_engine", "sheetwire-engine", "sheetwire ="];
            if ours.iter().any(|name| without_comment(line).contains(name)) {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    expect_none("the emulator shares no code with what it tests", &found);
}

#[test]
fn a_file_has_one_duty_and_says_which() {
    const VAGUE: &[&str] = &["util", "utils", "helper", "helpers", "manager", "misc", "common"];
    let sources = sources();
    let mut found = Vec::new();
    for source in &sources {
        let code = [".rs", ".js", ".gs", ".py", ".sh", ".html", ".css"];
        if !code.iter().any(|extension| source.path.ends_with(extension)) {
            continue;
        }
        let (path, lines) = (&source.path, source.text.lines().count());
        if lines > LINES_MAX && !LONG_FILES.iter().any(|(long, _)| long == path) {
            found.push(format!("{path}: has {lines} lines, and may {LINES_MAX}; split it"));
        }
        if source.is_rust() && !source.text.starts_with("//!") {
            found.push(format!("{path}: does not begin with what it is for (//!)"));
        }
        let name = path.rsplit('/').next().unwrap().split('.').next().unwrap();
        if VAGUE.contains(&name) {
            found.push(format!("{path}: {name} says nothing; name it after its duty"));
        }
    }
    for (path, reason) in LONG_FILES {
        let long = sources.iter().find(|source| source.path == *path);
        if long.is_none_or(|source| source.text.lines().count() <= LINES_MAX) || reason.is_empty() {
            found.push(format!("{path}: is no longer an exception; take it out of LONG_FILES"));
        }
    }
    expect_none("files", &found);
}

#[test]
fn every_key_stands_in_the_example() {
    let shown = keys_shown(include_str!("../config/sheetwire.example.toml"));
    let missing: Vec<_> = sheetwire::config::all_keys()
        .filter(|key| !shown.contains(*key))
        .map(|key| format!("{key}: add it with its default to config/sheetwire.example.toml"))
        .collect();
    expect_none("a key is not in the example", &missing);
    assert!(!shown.contains("mysql.sentinel"));
}

/// Paths of all keys in the file, those in comments too.
fn keys_shown(text: &str) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    let mut section = String::new();
    for line in text.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            section = format!("{name}[].");
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, value)) = line.split_once(" = ") {
            shown.insert(format!("{section}{key}"));
            let inline = value.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            for part in inline.unwrap_or_default().split(',') {
                if let Some((inner, _)) = part.split_once('=') {
                    shown.insert(format!("{section}{key}.{}", inner.trim()));
                }
            }
        }
    }
    shown
}

#[test]
fn documents_name_files_that_exist() {
    let sources = sources();
    let mut found = Vec::new();
    for source in &sources {
        let page = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].contains(&&*source.path);
        let chapter = source.path.starts_with("docs/") && source.path.ends_with(".md");
        if !page && !chapter {
            continue;
        }
        let folder = root().join(&source.path).parent().unwrap().to_path_buf();
        for (number, line) in source.text.lines().enumerate() {
            for name in file_names(line) {
                if !exists(&name, &folder, &sources) {
                    found.push(format!("{}:{}: {name}", source.path, number + 1));
                }
            }
        }
    }
    expect_none("a document names a file that is not there", &found);
}

/// What looks like a file of ours in a line of Markdown: in backticks, or as the target of a link.
fn file_names(line: &str) -> Vec<String> {
    let quoted = line.split('`').skip(1).step_by(2).filter(|name| looks_like_ours(name));
    let linked = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let linked = linked.filter(|link| !link.is_empty() && !link.contains(':'));
    quoted.chain(linked).map(str::to_owned).collect()
}

fn looks_like_ours(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(['/', '-']) {
        return false;
    }
    match name.split_once('/') {
        // A path of ours starts at a folder of ours.
        Some((first, _)) => first.starts_with('.') || root().join(first).is_dir(),
        None => [".rs", ".md"].iter().any(|extension| name.len() > 3 && name.ends_with(extension)),
    }
}

fn exists(name: &str, folder: &Path, sources: &[Source]) -> bool {
    let bare = !name.contains('/')
        && sources.iter().any(|source| source.path.rsplit('/').next() == Some(name));
    bare || root().join(name).exists() || folder.join(name).exists()
}

#[test]
fn names_of_files_are_told_from_other_words() {
    let line = "See `src/store/sled.rs`, `GTID`, `text/plain`, [here](docs/X.md#a), `clock.rs`, `/etc/x.rs`, [there](https://a.b/c.md)";
    assert_eq!(file_names(line), ["src/store/sled.rs", "clock.rs", "docs/X.md"]);
    let sources = sources();
    assert!(exists("fault.rs", &root(), &sources) && !exists("src/nowhere.rs", &root(), &sources));
}

#[test]
fn scripts_can_be_run() {
    let sources = sources();
    let mut found = Vec::new();
    for source in &sources {
        let mode = fs::metadata(root().join(&source.path)).unwrap().permissions().mode();
        let script = source.text.starts_with("#!/");
        if script && mode & 0o111 == 0 {
            found.push(format!("{0}: begins with #! and cannot be run: chmod +x {0}", source.path));
        }
        if !script && mode & 0o111 != 0 {
            found.push(format!(
                "{0}: can be run and does not begin with #!: chmod -x {0}",
                source.path
            ));
        }
    }
    expect_none("scripts", &found);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // In halves, so that this file passes its own rule.
    let names = [
        ["/wo", "rk/"],
        ["/ro", "ot/."],
        ["/Us", "ers/"],
        ["suba", "gent"],
        ["chat", "gpt"],
        ["clau", "de"],
    ]
    .map(|halves| halves.concat());
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let line = line.to_lowercase();
            for name in names.iter().filter(|name| line.contains(&name.to_lowercase())) {
                found.push(format!("{}:{}: {name}", source.path, number + 1));
            }
        }
    }
    expect_none("a name that says nothing to a stranger", &found);
}
