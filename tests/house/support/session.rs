//! One client process kept open: statement after statement without a process each, for write load and for
//! transactions that stay open while something else happens.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::client::{ClientLine, Rows, parse_xml, shortened};

/// An open session. Dropping it closes the connection; an open transaction is rolled back by the server.
#[derive(Debug)]
pub struct Session {
    client: Child,
    statements: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    markers: u64,
}

impl Session {
    /// Connects. A refused login shows at the first statement.
    pub fn open(line: &ClientLine) -> Self {
        let wanted = line.command();
        // Errors join the answers, so that they arrive in their place.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 2>&1", "session"]).arg(wanted.get_program());
        shell.args(wanted.get_args()).args(["--force", "--skip-reconnect"]);
        for (name, value) in wanted.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let mut client = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let statements = client.stdin.take();
        let answers = BufReader::new(client.stdout.take().unwrap());
        Self { client, statements, answers, markers: 0 }
    }

    /// Sends one or more statements and waits until the server has answered all of them.
    ///
    /// An error of the server comes back as its text (`ERROR 1062 (23000) ...`); the session goes on. An
    /// answer with a line that itself starts with `ERROR ` is taken for one.
    pub fn try_query(&mut self, sql: &str) -> Result<Rows, String> {
        self.send(sql)?;
        self.answer()
    }

    /// As [`Self::try_query`]; an error fails the test.
    #[track_caller]
    pub fn query(&mut self, sql: &str) -> Rows {
        self.try_query(sql).unwrap_or_else(|e| panic!("{e}\nin: {}", shortened(sql)))
    }

    /// Sends statements without waiting: one that blocks on a lock. Follow with [`Self::answer`].
    pub fn send(&mut self, sql: &str) -> Result<(), String> {
        self.markers += 1;
        let pipe = self.statements.as_mut().ok_or("the session is closed")?;
        let end = if sql.trim_end().ends_with(';') { "" } else { ";" };
        writeln!(pipe, "{sql}{end}\nSELECT 'answered-{}' AS marker;", self.markers)
            .and_then(|()| pipe.flush())
            .map_err(|e| format!("the client is gone: {e}"))
    }

    /// Waits for the answer to what [`Self::send`] sent.
    pub fn answer(&mut self) -> Result<Rows, String> {
        let marker = format!(">answered-{}</field>", self.markers);
        let mut output = Vec::new();
        let mut error: Option<String> = None;
        loop {
            let start = output.len();
            let count = self.answers.read_until(b'\n', &mut output).map_err(|e| e.to_string())?;
            let line = String::from_utf8_lossy(&output[start..]).into_owned();
            if count == 0 {
                return Err(error.unwrap_or_else(|| "the client ended without a word".to_owned()));
            }
            if line.starts_with("ERROR ") {
                error.get_or_insert_with(|| line.trim_end().to_owned());
                output.truncate(start);
            }
            // Errors of the client itself: the connection is gone, and no marker will come.
            if line.starts_with("ERROR 20") {
                self.statements = None;
                return Err(line.trim_end().to_owned());
            }
            if line.contains(&marker) {
                break;
            }
        }
        let mut rows = parse_xml(&output);
        rows.pop();
        error.map_or(Ok(rows), Err)
    }

    /// The server's number of this connection.
    pub fn connection_id(&mut self) -> u64 {
        let rows = self.query("SELECT CONNECTION_ID()");
        rows[0][0].as_deref().unwrap().parse().unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.statements = None;
        // A statement that hangs must not hang the test that gave up on it.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
