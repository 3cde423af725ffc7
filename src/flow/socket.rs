//! The control socket: one line of JSON in, one line of JSON out. A file of mode 0600 in the data folder.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sheetwire_engine::engine::Status;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

use crate::flow::control::Question;

/// A request line longer than this is refused.
const LINE_BYTES_MAX: u64 = 4_096;

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

/// Answers askers one after another until the pipeline ends.
pub async fn serve(listener: UnixListener, questions: mpsc::Sender<Question>) {
    while let Ok((stream, _)) = listener.accept().await {
        if let Err(error) = answer(stream, &questions).await {
            tracing::debug!(%error, "an asker went away");
        }
        if questions.is_closed() {
            return;
        }
    }
}

async fn answer(stream: UnixStream, questions: &mpsc::Sender<Question>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
    let (asker, reply) = oneshot::channel();
    let question = match line.trim() {
        "status" => Question::Status(asker),
        "sync" => Question::Sweep(asker),
        _ => return write.write_all(b"{\"error\":\"unknown question\"}\n").await,
    };
    let closing = || io::Error::other("the pipeline is closing");
    questions.send(question).await.map_err(|_| closing())?;
    let status = reply.await.map_err(|_| closing())?;
    let mut text = serde_json::to_string(&status)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Asks the running pipeline of a data folder; `None` when none runs.
pub async fn ask(data_dir: &Path, question: &str) -> io::Result<Option<Status>> {
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
    Ok(Some(serde_json::from_str(&text)?))
}
