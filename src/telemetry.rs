//! What is logged, and what never is.
//!
//! Logs go to stderr, results to stdout. Crates that print tokens, packets or rows are held down whatever the operator asks for;
//! behind that, every line passes a [`Redact`] that knows the secrets of this process.

use std::{
    borrow::Cow,
    fmt,
    io::{self, IsTerminal, Write},
    sync::{Arc, PoisonError, RwLock},
};

use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{fault::Fault, secret::Secret};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// The most that these crates may log.
const CEILINGS: &[(&str, LevelFilter)] = &[
    // Signed assertions and access tokens at debug; what goes wrong comes back as an error anyway.
    ("yup_oauth2", LevelFilter::OFF),
    // Request and answer bodies.
    ("google_apis_common", LevelFilter::INFO),
    ("google_sheets4", LevelFilter::INFO),
    // Headers, with the access token among them.
    ("h2", LevelFilter::INFO),
    ("hyper", LevelFilter::INFO),
    ("hyper_rustls", LevelFilter::INFO),
    ("hyper_util", LevelFilter::INFO),
    ("tower", LevelFilter::INFO),
    // Handshakes and key schedules.
    ("rustls", LevelFilter::INFO),
    // Packets: statements with their values, rows, authentication.
    ("mysql_async", LevelFilter::INFO),
    ("mysql_cdc", LevelFilter::INFO),
    ("mysql_common", LevelFilter::INFO),
    // Every batch, with its cells; and it speaks from destructors of threads that cannot log any more, which would end the process. What
    // goes wrong comes back from each flush.
    ("sled", LevelFilter::OFF),
];

/// Starts logging to stderr. Call it once, first of all.
///
/// # Errors
/// [`Fault::Configuration`] when the filter cannot be read.
pub fn start(format: LogFormat, filter: &str, redact: &Redact) -> Result<(), Fault> {
    let terminal = io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let look = Look { json, colours: terminal };
    let subscriber = subscriber(look, filter, Redacting { redact: redact.clone(), to: io::stderr });
    let subscriber = subscriber.map_err(|error| {
        Fault::Configuration(format!(
            "log.filter cannot be read: {error}; write it as in \"info,sheetwire=debug\""
        ))
    })?;
    subscriber.try_init().map_err(|error| {
        Fault::Configuration(format!("logging was started twice, please report it: {error}"))
    })
}

/// Whether a filter can be read; the error is a sentence about its value.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    let read = EnvFilter::builder().parse(filter);
    read.map(drop).map_err(|error| {
        format!("cannot be read: {error}; write it as in \"info,sheetwire=debug\"")
    })
}

#[derive(Debug, Clone, Copy)]
struct Look {
    json: bool,
    colours: bool,
}

fn subscriber<W>(
    look: Look,
    filter: &str,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, Box<dyn std::error::Error>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(filter)?.and(filter_fn(is_below_ceiling));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if look.json {
        lines.json().flatten_event(true).boxed()
    } else if look.colours {
        // Leaves NO_COLOR to the crate.
        lines.boxed()
    } else {
        lines.with_ansi(false).boxed()
    };
    Ok(Registry::default().with(lines.with_filter(filter)))
}

/// Whether a line may be logged at all, whatever the filter says: the one list of crates that print secrets, for every subscriber
/// of this product.
pub fn is_below_ceiling(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let ceiling = CEILINGS.iter().find(|(name, _)| {
        target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    ceiling.is_none_or(|(_, ceiling)| metadata.level() <= ceiling)
}

/// Replaces the secrets it has learnt by three stars: the last defence, for what nobody foresaw. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redact {
    /// Longest first, so that a secret within a secret does not leave the rest standing.
    known: Arc<RwLock<Vec<String>>>,
}

impl fmt::Debug for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redact(***)")
    }
}

impl Redact {
    /// Shorter ones are words of ordinary text.
    const SHORTEST: usize = 4;

    /// Learns secrets, as they are and as JSON and Rust's debug output write them.
    pub fn learn<'a>(&self, secrets: impl IntoIterator<Item = &'a Secret<String>>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            let secret = secret.reveal();
            if secret.len() < Self::SHORTEST {
                continue;
            }
            let unquoted = |text: &str| text.trim_matches('"').to_owned();
            known.push(secret.clone());
            known.push(unquoted(&format!("{secret:?}")));
            known.extend(serde_json::to_string(secret).ok().map(|text| unquoted(&text)));
        }
        known.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        known.dedup();
        known.retain(|secret| secret.len() >= Self::SHORTEST);
    }

    /// The text without the secrets.
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        for secret in known.iter() {
            if clean.contains(secret.as_str()) {
                clean = Cow::Owned(clean.replace(secret.as_str(), "***"));
            }
        }
        clean
    }
}

/// Makes writers that redact. The formatter writes each event in one piece.
struct Redacting<M> {
    redact: Redact,
    to: M,
}

struct RedactingWriter<'a, W> {
    redact: &'a Redact,
    to: W,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacting<M> {
    type Writer = RedactingWriter<'a, M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter { redact: &self.redact, to: self.to.make_writer() }
    }
}

impl<W: Write> Write for RedactingWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.to.write_all(self.redact.clean(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `log` writes through a subscriber like the real one.
    fn logged(json: bool, filter: &str, redact: &Redact, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let to = {
            let sink = sink.clone();
            move || sink.clone()
        };
        let writer = Redacting { redact: redact.clone(), to };
        let look = Look { json, colours: false };
        {
            let _guard = subscriber(look, filter, writer).unwrap().set_default();
            log();
        }
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn crates_that_print_secrets_are_held_down_whatever_the_filter_says() {
        let all_up: Vec<_> = CEILINGS.iter().map(|(name, _)| format!("{name}=trace")).collect();
        for filter in [
            "trace",
            &format!("trace,{}", all_up.join(",")),
            "yup_oauth2::service_account=trace,trace",
        ] {
            let text = logged(false, filter, &Redact::default(), || {
                log::debug!(target: "yup_oauth2::service_account", "canary of a token");
                log::error!(target: "yup_oauth2", "canary of an error");
                tracing::trace!(target: "h2::codec::framed_write", "canary of a header");
                for (name, _) in CEILINGS {
                    log::trace!(target: &format!("{name}::deep"), "canary of {name}");
                    log::debug!(target: name, "canary of {name}");
                }
                log::debug!(target: "somebody_else", "a witness by log");
                log::info!(target: "mysql_async::conn", "a word that is allowed");
                tracing::debug!("a witness by tracing");
            });
            assert!(!text.contains("canary"), "{text}");
            for wanted in ["a witness by log", "a word that is allowed", "a witness by tracing"] {
                assert!(text.contains(wanted), "{filter}: {text}");
            }
        }
    }

    #[test]
    fn a_name_that_only_begins_alike_is_not_held_down() {
        let text = logged(false, "trace", &Redact::default(), || {
            tracing::debug!(target: "h2o", "heard");
            tracing::debug!(target: "sledge::hammer", "felt");
        });
        assert!(text.contains("heard") && text.contains("felt"), "{text}");
    }

    #[test]
    fn known_secrets_are_stars_in_text_and_in_json() {
        let redact = Redact::default();
        redact.learn(&[
            Secret::new("p\"w\\d-1".to_owned()),
            Secret::new("p\"w\\d-1-longer".to_owned()),
            Secret::new("it".to_owned()),
        ]);
        for json in [false, true] {
            let text = logged(json, "info", &redact, || {
                tracing::info!(
                    url = "mysql://u:p\"w\\d-1-longer@h",
                    "it says p\"w\\d-1 twice: p\"w\\d-1"
                );
            });
            assert!(
                !text.contains("w\\") && !text.contains("d-1") && !text.contains("longer"),
                "{text}"
            );
            assert!(text.contains("it says *** twice: ***"), "{text}");
        }
    }

    #[test]
    fn json_lines_are_json() {
        let text = logged(true, "info", &Redact::default(), || tracing::info!(rows = 3, "flushed"));
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((&line["message"], &line["rows"]), (&"flushed".into(), &3.into()));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_a_sentence() {
        let sentence = check_filter("sheetwire=loud").unwrap_err();
        assert!(sentence.contains("info,sheetwire=debug"), "{sentence}");
        assert_eq!(check_filter("info,sheetwire=debug"), Ok(()));
    }
}
