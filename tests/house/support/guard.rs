//! A process that cannot outlive the test process, however that one ends.
//!
//! The program runs as the child of a small shell, which reads a pipe from us. The end of the pipe is the end
//! of the program: the kernel closes it when the test process dies, even by `kill -9`. The same pipe carries
//! the signals we want to send, so that no process id is ever guessed.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use super::wait::{wait_for, wait_until};

/// `$1` folder to remove when we are gone (or empty), `$2` and `$3` files for the output; the rest is the program.
///
/// The watcher answers every signal with a line. At the end of the pipe it leaves a mark before it kills, so
/// that the main shell, which alone can wait for the program, knows that the folder is nobody's any more.
const SHELL: &str = r#"
folder=$1; out=$2; err=$3; shift 3
mark=$folder/.abandoned
exec 3<&0
trap : INT TERM HUP
"$@" </dev/null >>"$out" 2>>"$err" 3<&- &
program=$!
echo "$program"
(
    trap '' INT TERM HUP
    while read -r signal <&3; do kill -s "$signal" "$program"; echo "sent $signal"; done
    [ -z "$folder" ] || : >"$mark"
    kill -s KILL "$program"
) &
watcher=$!
exec 3<&- </dev/null
while :; do
    wait "$program"; code=$?
    kill -s 0 "$program" 2>/dev/null || break
done
kill -s KILL "$watcher" 2>/dev/null
if [ -n "$folder" ]; then
    if [ -e "$mark" ] || ! kill -s 0 "$PPID" 2>/dev/null; then rm -rf "$folder"; fi
fi
exit "$code"
"#;

/// Where the guarded program's output goes, and what is left when the test process dies.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// File that standard output is appended to.
    pub stdout: PathBuf,
    /// File that standard error is appended to.
    pub stderr: PathBuf,
    /// Folder that the guard removes when the test process is gone.
    pub remove: Option<PathBuf>,
}

/// A running program under guard. Dropping it kills the program and waits for its end.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
    signals: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: u32,
}

impl Guarded {
    /// Starts `program` with `arguments`; `environment` is added to the environment of the tests.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
        outputs: &Outputs,
    ) -> Self {
        let folder = outputs.remove.as_deref().unwrap_or_else(|| Path::new(""));
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(SHELL)
            .arg("guard")
            .args([folder, &outputs.stdout, &outputs.stderr, program])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start the guard of {}: {e}", program.display()));
        let signals = shell.stdin.take();
        let mut answers = BufReader::new(shell.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let pid =
            line.trim().parse().unwrap_or_else(|e| panic!("no pid of {}: {e}", program.display()));
        Self { shell, signals, answers, pid }
    }

    /// Process id of the program itself.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the program still runs. A frozen program runs.
    pub fn is_alive(&mut self) -> bool {
        self.shell.try_wait().unwrap().is_none() && !matches!(self.state(), None | Some('Z'))
    }

    /// Sends a signal by its name without `SIG`: `KILL`, `TERM`, `INT`, `STOP`, `CONT`. A program that has
    /// ended already is no error.
    pub fn signal(&mut self, name: &str) {
        let Some(pipe) = self.signals.as_mut() else { return };
        if writeln!(pipe, "{name}").and_then(|()| pipe.flush()).is_err() {
            return;
        }
        let mut answer = String::new();
        let _ = self.answers.read_line(&mut answer);
        if name == "STOP" {
            wait_until(Duration::from_mins(1), "the process to stop", || {
                self.state().is_none_or(|now| now == 'T')
            });
        }
    }

    /// Waits for the program to end by itself and returns its exit code; `128 + n` after signal `n`.
    #[track_caller]
    pub fn wait_exit(&mut self, within: Duration) -> i32 {
        let pid = self.pid;
        let status: ExitStatus =
            wait_for(within, &format!("process {pid} to end"), || self.shell.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }

    /// Kills the program as the kernel does when it is out of memory, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.wait_exit(Duration::from_mins(2));
    }

    /// Lets go without a word, as the kernel does for a test process that was killed, and returns once the
    /// guard has done its duty.
    pub fn abandon(mut self) {
        self.signals = None;
        self.wait_exit(Duration::from_mins(2));
    }

    /// The letter of the process state, `None` when there is no such process.
    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        // The name in parentheses may contain anything; the state follows the last one.
        stat.rsplit_once(") ")?.1.chars().next()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The pipe stays open until the shell is gone: its end would mean that the test process died.
        self.signal("KILL");
        let _ = self.shell.wait();
    }
}
