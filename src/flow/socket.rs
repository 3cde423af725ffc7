//! The control socket: one line of JSON in, one line of JSON out. A file of mode 0600 in the data folder.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    flow::{
        control::Question,
        desk::Desk,
        request::{Answer, Request},
    },
    ports::Records,
};

/// A request line longer than this is refused: room for the keys of some thousands of rows.
const LINE_BYTES_MAX: u64 = 1_000_000;
/// An asker that has not said its line by then is sent away, and a pipeline that has not answered by then is given up. Far more than
/// either needs: the control loop answers between two steps of its work.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Askers served at once; more wait in the socket's queue.
const ASKERS_MAX: usize = 16;
/// After a connection could not be taken, for want of descriptors most likely.
const PAUSE: Duration = Duration::from_millis(50);

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
pub async fn serve(
    listener: UnixListener,
    questions: mpsc::Sender<Question>,
    waiting: Waiting,
    records: Arc<dyn Records>,
) {
    let mut askers = JoinSet::new();
    let desk = Desk { questions, waiting, records };
    while !desk.questions.is_closed() {
        tokio::select! {
            accepted = listener.accept(), if askers.len() < ASKERS_MAX => match accepted {
                Ok((stream, _)) => {
                    let desk = desk.clone();
                    askers.spawn(async move {
                        match timeout(ANSWER_WITHIN, answer(stream, &desk)).await {
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
            () = desk.questions.closed() => {}
        }
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => desk.answer(request).await?,
        Err(_) if !line.ends_with('\n') => {
            Answer::Refused(format!("a request is one line of at most {LINE_BYTES_MAX} bytes"))
        }
        Err(error) => Answer::Refused(format!(
            "this version does not know the request ({error}): use the `sheetwire` that `run` was started with, or restart `run`"
        )),
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Asks the process of a data folder; `None` when none runs. One that does not answer in time is an error of the kind
/// [`io::ErrorKind::TimedOut`].
pub async fn ask(data_dir: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let late =
        |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {ANSWER_WITHIN:?}"));
    timeout(ANSWER_WITHIN, exchange(data_dir, request)).await.map_err(late)?
}

async fn exchange(data_dir: &Path, request: &Request) -> io::Result<Option<Answer>> {
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
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
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
    use crate::flow::desk::NoRecords;

    /// A folder with a socket that is served, and what hears the questions.
    fn served(name: &str, waits_for: Option<&str>) -> (PathBuf, mpsc::Receiver<Question>) {
        let folder = std::env::temp_dir().join(format!("sw-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (questions_in, questions) = mpsc::channel(1);
        let (_, waiting) = watch::channel(waits_for.map(str::to_owned));
        let listener = listen(&folder).unwrap();
        tokio::spawn(serve(listener, questions_in, waiting, Arc::new(NoRecords)));
        (folder, questions)
    }

    #[tokio::test]
    async fn a_silent_asker_keeps_nobody_waiting_and_is_sent_away() {
        let (folder, _questions) = served("silent", Some("the database"));
        let mut silent = UnixStream::connect(path(&folder)).await.unwrap();
        for _ in 0..2 * ASKERS_MAX {
            let answer = ask(&folder, &Request::Status {}).await.unwrap();
            assert_eq!(answer, Some(Answer::Starting("the database".into())));
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
            async move { ask(&folder, &Request::Status {}).await }
        });
        tokio::task::yield_now().await;
        tokio::time::pause();
        let error = asking.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
    #[tokio::test]
    async fn what_is_no_request_is_refused_with_a_sentence() {
        let (folder, _questions) = served("odd", Some("the database"));
        for (line, words) in [
            ("status\n".to_owned(), "does not know"),
            ("x".repeat(1_000_000), "one line of at most"),
        ] {
            let mut stream = UnixStream::connect(path(&folder)).await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            let answer: Answer = serde_json::from_str(&said).unwrap();
            assert!(matches!(&answer, Answer::Refused(why) if why.contains(words)), "{answer:?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
