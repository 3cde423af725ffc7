//! The server's own command-line client, run as a process: exact, and nothing of ours in between.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Rows of an answer, in order. `None` is SQL `NULL`, which is not the text `NULL`.
pub type Rows = Vec<Vec<Option<String>>>;

/// Who speaks to which server, through which program.
#[derive(Debug, Clone)]
pub struct ClientLine {
    /// The client program of the server's own flavour.
    pub program: PathBuf,
    /// `--socket=...`, or host and port.
    pub address: Vec<String>,
    /// Account name.
    pub user: String,
    /// Password; empty for none. Goes through the environment, never the command line.
    pub password: String,
    /// Default database.
    pub database: Option<String>,
}

impl ClientLine {
    /// The command with everything that makes output predictable.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--no-defaults")
            .args(["--xml", "--unbuffered", "--default-character-set=utf8mb4"])
            .args(&self.address)
            .arg(format!("--user={}", self.user))
            .args(&self.database)
            .env("LC_ALL", "C.UTF-8");
        if self.password.is_empty() {
            command.env_remove("MYSQL_PWD");
        } else {
            command.env("MYSQL_PWD", &self.password);
        }
        command
    }

    /// Runs `sql` (one or more statements) and returns the rows of all its answers, or the server's error text.
    pub fn try_query(&self, sql: &str) -> Result<Rows, String> {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                format!("cannot start {}: {e}; run scripts/setup", self.program.display())
            })?;
        let mut input = child.stdin.take().unwrap();
        let text = sql.to_owned();
        // From a thread of its own: a client with much to say stops reading.
        let feeding = std::thread::spawn(move || input.write_all(text.as_bytes()));
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let _ = feeding.join();
        if output.status.success() {
            Ok(parse_xml(&output.stdout))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    /// As [`Self::try_query`]; an error fails the test with the statement and the server's text.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Rows {
        self.try_query(sql).unwrap_or_else(|e| panic!("{e}\nin: {}", shortened(sql)))
    }
}

/// The beginning of a statement, for messages.
pub fn shortened(sql: &str) -> String {
    sql.chars().take(300).collect()
}

/// Takes the rows out of what the client writes with `--xml`.
///
/// Every byte of a value is there, escaped where XML asks for it, except that the client writes a NUL as a
/// space: ask for `HEX(column)` where that matters.
pub fn parse_xml(output: &[u8]) -> Rows {
    let text = String::from_utf8_lossy(output);
    let mut rows = Rows::new();
    let mut rest: &str = &text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with("row>") {
            rows.push(Vec::new());
        } else if let Some(tag) = rest.strip_prefix("field ") {
            // Names are escaped too, so the first `>` ends the tag.
            let (attributes, behind) = tag.split_once('>').unwrap_or((tag, ""));
            let nil = attributes.ends_with("xsi:nil=\"true\" /");
            let (value, behind) = if nil {
                ("", behind)
            } else {
                behind.split_once("</field>").unwrap_or((behind, ""))
            };
            let row = rows.last_mut().unwrap_or_else(|| panic!("a field outside a row: {text}"));
            row.push((!nil).then(|| unescaped(value)));
            rest = behind;
        }
    }
    rows
}

fn unescaped(value: &str) -> String {
    value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
