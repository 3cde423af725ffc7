//! The control socket: one line of JSON in, one line of JSON out. A file of mode 0600 in the data folder.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sheetwire_engine::engine::Status;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::flow::control::Question;

/// A request line longer than this is refused.
const LINE_BYTES_MAX: u64 = 4_096;
/// An asker that has not said its line by then is sent away, and a pipeline that has not answered by then is given up. Far more than
/// either needs: the control loop answers between two steps of its work.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Askers served at once; more wait in the socket's queue.
const ASKERS_MAX: usize = 16;
/// After a connection could not be taken, for want of descriptors most likely.
const PAUSE: Duration = Duration::from_millis(50);

/// What a running process says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It has not begun to follow the database yet.
    Starting {
        /// What it waits for.
        starting: String,
    },
    /// It follows the database.
    Running(Status),
}

/// What a process that starts waits for; `None` once the control loop answers.
pub type Waiting = watch::Receiver<Option<String>>;

/// Where the socket of a data folder is.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Opens the socket. The caller holds the data folder's lock, so a file left behind is nobody's.
pub fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    let path = path(data_dir);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers askers, each by itself so that a silent one holds up nobody, until the pipeline ends.
pub async fn serve(listener: UnixListener, questions: mpsc::Sender<Question>, waiting: Waiting) {
    let mut askers = JoinSet::new();
    while !questions.is_closed() {
        tokio::select! {
            accepted = listener.accept(), if askers.len() < ASKERS_MAX => match accepted {
                Ok((stream, _)) => {
                    let (questions, waiting) = (questions.clone(), waiting.clone());
                    askers.spawn(async move {
                        match timeout(ANSWER_WITHIN, answer(stream, &questions, &waiting)).await {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => tracing::debug!(%error, "an asker went away"),
                            Err(_) => tracing::debug!("an asker was silent"),
                        }
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "an asker could not be let in");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = askers.join_next() => {}
            () = questions.closed() => {}
        }
    }
}

async fn answer(
    stream: UnixStream,
    questions: &mpsc::Sender<Question>,
    waiting: &Waiting,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
    let (asker, reply) = oneshot::channel();
    let question = match line.trim() {
        "status" => Question::Status(asker),
        "sync" => Question::Sweep(asker),
        _ => return write.write_all(b"{\"error\":\"unknown question\"}\n").await,
    };
    let starting = waiting.borrow().clone();
    let answer = if let Some(starting) = starting {
        Answer::Starting { starting }
    } else {
        let closing = || io::Error::other("the pipeline is closing");
        questions.send(question).await.map_err(|_| closing())?;
        Answer::Running(reply.await.map_err(|_| closing())?)
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Asks the process of a data folder; `None` when none runs. One that does not answer in time is an error of the kind
/// [`io::ErrorKind::TimedOut`].
pub async fn ask(data_dir: &Path, question: &str) -> io::Result<Option<Answer>> {
    let late =
        |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {ANSWER_WITHIN:?}"));
    timeout(ANSWER_WITHIN, exchange(data_dir, question)).await.map_err(late)?
}

async fn exchange(data_dir: &Path, question: &str) -> io::Result<Option<Answer>> {
    let mut stream = match UnixStream::connect(path(data_dir)).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.write_all(format!("{question}\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    if text.is_empty() {
        // It has just ended.
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a socket that is served, and what hears the questions.
    fn served(name: &str, waits_for: Option<&str>) -> (PathBuf, mpsc::Receiver<Question>) {
        let folder = std::env::temp_dir().join(format!("sw-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (questions_in, questions) = mpsc::channel(1);
        let (_, waiting) = watch::channel(waits_for.map(str::to_owned));
        tokio::spawn(serve(listen(&folder).unwrap(), questions_in, waiting));
        (folder, questions)
    }

    #[tokio::test]
    async fn a_silent_asker_keeps_nobody_waiting_and_is_sent_away() {
        let (folder, _questions) = served("silent", Some("the database"));
        let mut silent = UnixStream::connect(path(&folder)).await.unwrap();
        for _ in 0..2 * ASKERS_MAX {
            let answer = ask(&folder, "status").await.unwrap();
            assert_eq!(answer, Some(Answer::Starting { starting: "the database".into() }));
        }
        tokio::time::pause();
        let mut said = Vec::new();
        silent.read_to_end(&mut said).await.unwrap();
        assert!(said.is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_pipeline_that_does_not_answer_is_given_up() {
        // Nobody takes the questions.
        let (folder, _questions) = served("deaf", None);
        let asking = tokio::spawn({
            let folder = folder.clone();
            async move { ask(&folder, "status").await }
        });
        tokio::task::yield_now().await;
        tokio::time::pause();
        let error = asking.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
