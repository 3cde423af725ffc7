//! How a call to Google ended badly, and what that means for a write and for a read.

use std::time::Duration;

use google_sheets4::{Error as CrateError, hyper::StatusCode};
use serde::Deserialize;
use sheetwire_engine::batch::{ReadFailure, WriteOutcome};

use super::{auth::TokenFault, wire::Compiled};

/// Google's sentences may quote cells at length.
const MESSAGE_CHARS_MAX: usize = 400;

/// A call that gave no answer to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallFailure {
    /// The request never left.
    NotSent(String),
    /// There is no token and there will be none until somebody acts.
    NoCredentials(String),
    /// Google refused the call in its own words.
    Refused(Refusal),
    /// The request may have left, and nobody knows what became of it.
    Ambiguous(String),
}

/// Google's error envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    /// Canonical word, for example `PERMISSION_DENIED`.
    pub(super) word: String,
    /// The sentence.
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Envelope {
    error: EnvelopeError,
}

#[derive(Deserialize)]
struct EnvelopeError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
}

impl Refusal {
    /// Reads a refusal. Only Google's own envelope is believed: a page of a proxy on the way proves nothing.
    pub(super) fn parse(status: StatusCode, body: &[u8]) -> Option<Self> {
        let Envelope { error } = serde_json::from_slice(body).ok()?;
        let message = error.message.chars().take(MESSAGE_CHARS_MAX).collect();
        Some(Self { status: status.as_u16(), word: error.status, message })
    }

    /// Whether the quota is spent.
    pub(super) fn is_throttling(&self) -> bool {
        self.status == 429 || self.word == "RESOURCE_EXHAUSTED"
    }

    /// Whether the token was not accepted: the call was stopped before it was looked at.
    pub(super) fn is_bad_token(&self) -> bool {
        self.status == 401
    }

    /// Index of the request that Google names, as in `Invalid requests[7].updateCells: ...`.
    pub(super) fn request(&self) -> Option<usize> {
        let (_, behind) = self.message.split_once("requests[")?;
        behind.split_once(']')?.0.parse().ok()
    }

    /// Whether a range asked for does not exist: the tab was renamed or its grid is smaller than believed.
    pub(super) fn is_about_a_range(&self) -> bool {
        self.status == 400
            && self.request().is_none()
            && (self.message.contains("Unable to parse range")
                || self.message.contains("exceeds grid limits"))
    }
}

impl From<TokenFault> for CallFailure {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Transient(reason) => Self::NotSent(reason),
            TokenFault::Refused(message) => Self::NoCredentials(message),
        }
    }
}

impl CallFailure {
    /// A failure of a call made through the crate to `base`; `status` is what the delegate saw.
    pub(super) fn of_crate(error: CrateError, status: Option<StatusCode>, base: &str) -> Self {
        match error {
            CrateError::HttpError(error) => Self::of_client(&error, base),
            CrateError::MissingToken(error) => match error.downcast::<TokenFault>() {
                Ok(fault) => (*fault).into(),
                Err(_) => Self::NotSent("no token".to_owned()),
            },
            CrateError::BadRequest(body) => {
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::of_status(status, body.to_string().as_bytes())
            }
            CrateError::Failure(response) => Self::of_status(response.status(), b""),
            // The text of the answer is left out: it holds cells.
            CrateError::JsonDecodeError(_, error) => Self::cut(error.classify()),
            other => Self::Ambiguous(format!("{other}").trim().to_owned()),
        }
    }

    /// Success, but not a whole answer: the batch may have been applied.
    pub(super) fn cut(how: serde_json::error::Category) -> Self {
        Self::Ambiguous(format!("the answer was cut or is not JSON ({how:?})"))
    }

    /// No answer in time.
    pub(super) fn late(limit: Duration) -> Self {
        Self::Ambiguous(format!("no answer within {} seconds", limit.as_secs_f32()))
    }

    /// A failure of the HTTP client, whose words name neither whom it called nor where that is.
    pub(super) fn of_client(error: &hyper_util::client::legacy::Error, base: &str) -> Self {
        let said = chain(error);
        if error.is_connect() {
            Self::NotSent(format!(
                "Google ({base}) was not reached: {said}; see that this machine may connect to that address"
            ))
        } else {
            Self::Ambiguous(format!("the connection to Google ({base}) broke: {said}"))
        }
    }

    /// An answer with a status other than success.
    pub(super) fn of_status(status: StatusCode, body: &[u8]) -> Self {
        match Refusal::parse(status, body) {
            Some(refusal) if !status.is_server_error() => Self::Refused(refusal),
            Some(refusal) => Self::Ambiguous(format!("{status}: {}", refusal.message)),
            None if status == StatusCode::TOO_MANY_REQUESTS => Self::Refused(Refusal {
                status: status.as_u16(),
                word: "RESOURCE_EXHAUSTED".to_owned(),
                message: String::new(),
            }),
            None => Self::Ambiguous(format!("{status} without a word of Google's")),
        }
    }

    /// What it means for a batch.
    pub(super) fn of_write(self, batch: &Compiled, cure: &Cure<'_>) -> WriteOutcome {
        let refusal = match self {
            Self::NotSent(reason) => return WriteOutcome::NotSent { reason },
            Self::NoCredentials(message) => return WriteOutcome::Denied { message },
            Self::Ambiguous(reason) => return WriteOutcome::Unknown { reason },
            Self::Refused(refusal) => refusal,
        };
        if refusal.is_throttling() {
            return WriteOutcome::Throttled;
        }
        match refusal.status {
            401 | 403 | 404 => WriteOutcome::Denied { message: cure.of(&refusal) },
            // Whether a range of the answer is looked at before or after applying is not documented.
            400 if refusal.is_about_a_range() => WriteOutcome::Unknown { reason: refusal.message },
            408 | 409 | 499 => WriteOutcome::Unknown { reason: refusal.message },
            _ => {
                let request = refusal.request();
                let fence = request.is_some_and(|at| at < batch.fence_requests);
                if fence && !is_about_size(&refusal.message) {
                    return WriteOutcome::Fenced;
                }
                let tab = request.and_then(|at| batch.owners.get(at).copied().flatten());
                WriteOutcome::Refused { tab, message: refusal.message }
            }
        }
    }

    /// What it means for a read.
    pub(super) fn of_read(self, cure: &Cure<'_>) -> ReadFailure {
        match self {
            Self::NotSent(reason) | Self::Ambiguous(reason) => ReadFailure::Transient { reason },
            Self::NoCredentials(message) => ReadFailure::Denied { message },
            Self::Refused(refusal) if refusal.is_throttling() => ReadFailure::Throttled,
            Self::Refused(refusal) => match refusal.status {
                401 | 403 | 404 => ReadFailure::Denied { message: cure.of(&refusal) },
                status => ReadFailure::Transient {
                    reason: format!("Google answers {status}: {}", refusal.message),
                },
            },
        }
    }
}

/// Adding the journal tab may fail for want of room, which is not the fence's doing.
fn is_about_size(message: &str) -> bool {
    message.contains("number of cells")
}

/// Who asks for what, for a sentence that ends with the cure.
#[derive(Debug)]
pub(super) struct Cure<'a> {
    /// E-mail address of the service account.
    pub(super) email: &'a str,
    /// Spreadsheet id.
    pub(super) spreadsheet: &'a str,
}

impl Cure<'_> {
    fn of(&self, refusal: &Refusal) -> String {
        let Self { email, spreadsheet } = self;
        let says = &refusal.message;
        match refusal.status {
            401 => format!(
                "Google does not accept the token of {email} ({says}); \
                 check that the service account still exists and is enabled"
            ),
            403 if says.contains("has not been used") || says.contains("disabled") => format!(
                "the Google Sheets API is not enabled for the project of {email} ({says}); enable it"
            ),
            404 => format!(
                "there is no spreadsheet {spreadsheet} ({says}); check its id in the configuration, \
                 and share it with {email} as an editor"
            ),
            _ => format!(
                "{email} may not use the spreadsheet {spreadsheet} ({says}); \
                 share https://docs.google.com/spreadsheets/d/{spreadsheet} with {email} as an editor"
            ),
        }
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sheets::wire::{journal::JournalTab, layout::JournalLayout, outgoing::Outgoing};

    const CURE: Cure<'_> = Cure { email: "robot@project.example", spreadsheet: "book" };

    /// Two requests of the fence, one of the journal, one of tab 0, one of tab 1.
    fn compiled() -> Compiled {
        let journal = JournalTab { sheet_id: 1, title: String::new(), rows: 1, columns: 1 };
        Compiled {
            body: Outgoing::Text(String::new()),
            fence_requests: 2,
            owners: vec![None, None, None, Some(0), Some(1)],
            layout: JournalLayout { tabs: Vec::new(), end_row: 0, end_column: 0 },
            journal,
        }
    }

    fn failure(status: u16, word: &str, message: &str) -> CallFailure {
        let body = json!({"error": {"code": status, "message": message, "status": word}});
        CallFailure::of_status(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes())
    }

    fn write(failure: CallFailure) -> WriteOutcome {
        failure.of_write(&compiled(), &CURE)
    }

    fn invalid(message: &str) -> WriteOutcome {
        write(failure(400, "INVALID_ARGUMENT", message))
    }

    #[test]
    fn a_refusal_that_names_the_fence_is_the_fences() {
        for at in 0..2 {
            let message = format!("Invalid requests[{at}].deleteNamedRange: no such range");
            assert_eq!(invalid(&message), WriteOutcome::Fenced);
        }
        let full = "Invalid requests[0].addSheet: This action would increase the number of cells in the \
                    workbook above the limit of 10000000 cells.";
        let refused = WriteOutcome::Refused { tab: None, message: full.to_owned() };
        assert_eq!(invalid(full), refused, "want of room is not the fence's doing");
    }

    #[test]
    fn any_other_refusal_names_its_tab_where_it_can() {
        for (message, tab) in [
            ("Invalid requests[4].updateCells: No grid with id: 9", Some(1)),
            ("Invalid value at 'requests[3].update_cells.rows' (x), \"y\"", Some(0)),
            ("Invalid requests[2].updateCells: too long", None),
            ("Invalid requests[77].updateCells: beyond", None),
            ("You are trying to edit a protected cell or object.", None),
        ] {
            let expected = WriteOutcome::Refused { tab, message: message.to_owned() };
            assert_eq!(invalid(message), expected);
        }
    }

    #[test]
    fn a_range_of_the_answer_that_does_not_exist_leaves_the_batch_in_doubt() {
        for message in [
            "Unable to parse range: '_sheetwire'!1:1",
            "Range ('_sheetwire'!A1001:B1005) exceeds grid limits. Max rows: 10, max columns: 2",
        ] {
            assert!(matches!(invalid(message), WriteOutcome::Unknown { .. }), "{message}");
        }
    }

    #[test]
    fn only_what_google_says_in_its_own_envelope_is_believed() {
        assert_eq!(write(failure(429, "RESOURCE_EXHAUSTED", "Quota")), WriteOutcome::Throttled);
        for status in [500, 502, 503, 504, 409] {
            let outcome = write(failure(status, "UNAVAILABLE", "later"));
            assert!(matches!(outcome, WriteOutcome::Unknown { .. }), "{status}: {outcome:?}");
        }
        for (status, body) in [(403, "<html>proxy</html>"), (400, ""), (302, ""), (404, "{")] {
            let status = StatusCode::from_u16(status).unwrap();
            let outcome = write(CallFailure::of_status(status, body.as_bytes()));
            assert!(matches!(outcome, WriteOutcome::Unknown { .. }), "{status}: {outcome:?}");
        }
        let bare = CallFailure::of_status(StatusCode::TOO_MANY_REQUESTS, b"slow down");
        assert_eq!(write(bare), WriteOutcome::Throttled);
    }

    #[test]
    fn a_denial_names_the_account_to_share_with() {
        for (status, word) in [(403, "PERMISSION_DENIED"), (404, "NOT_FOUND")] {
            let outcome = write(failure(status, word, "The caller does not have permission"));
            let WriteOutcome::Denied { message } = outcome else { panic!("{outcome:?}") };
            assert!(message.contains("share") && message.contains(CURE.email), "{message}");
            let read = failure(status, word, "no").of_read(&CURE);
            assert!(matches!(read, ReadFailure::Denied { .. }), "{read:?}");
        }
    }

    #[test]
    fn googles_sentences_are_cut() {
        let CallFailure::Refused(refusal) = failure(400, "", &"x".repeat(10_000)) else {
            panic!("a 400 is a refusal")
        };
        assert_eq!(refusal.message.len(), MESSAGE_CHARS_MAX);
    }
}
