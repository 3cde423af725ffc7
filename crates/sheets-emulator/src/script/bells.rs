//! What scripts sent out, and what was answered. Never a body, a header or a query string: secrets stand there.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::http::locked;

/// Deliveries kept; older ones are forgotten, ordinals go on.
const BELLS_MAX: usize = 10_000;

/// One call of `UrlFetchApp.fetch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bell {
    /// 1 for the first since start.
    pub ordinal: u64,
    /// Virtual milliseconds since start when it was sent.
    pub at_ms: u64,
    /// Spreadsheet whose script sent it.
    pub spreadsheet: String,
    /// Where to, without a query string or an account.
    pub url: String,
    /// `verb` of a JSON body.
    pub verb: Option<String>,
    /// `kind` of a JSON body.
    pub kind: Option<String>,
    /// `tab` of a JSON body.
    pub tab: Option<String>,
    /// `range` of a JSON body.
    pub range: Option<String>,
    /// The header `X-Sheetwire-Edit`.
    pub edit: Option<String>,
    /// HTTP status of the answer; none while there is none and when there never was one.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl Bell {
    /// What may be told of a request.
    pub(super) fn of(
        spreadsheet: &str,
        url: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let edit = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-sheetwire-edit"));
        Self {
            ordinal: 0,
            at_ms: 0,
            spreadsheet: spreadsheet.to_owned(),
            url: bare(url),
            verb: text("verb"),
            kind: text("kind"),
            tab: text("tab"),
            range: text("range"),
            edit: edit.map(|(_, value)| value.clone()),
            status: None,
            error: None,
        }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.status.is_some() || self.error.is_some()
    }
}

/// The address without what may be secret in it.
pub(super) fn bare(url: &str) -> String {
    let cut = url.split(['?', '#']).next().unwrap_or_default();
    match cut.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(h, p)| (h, Some(p)));
            let host = host.rsplit('@').next().unwrap_or_default();
            path.map_or_else(|| format!("{scheme}://{host}"), |p| format!("{scheme}://{host}/{p}"))
        }
        None => cut.to_owned(),
    }
}

/// Every delivery since start, in the order they were sent.
#[derive(Debug)]
pub struct Bells {
    bells: Mutex<VecDeque<Bell>>,
    changes: watch::Sender<u64>,
}

impl Bells {
    pub(crate) fn new() -> Self {
        Self { bells: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// All deliveries kept, oldest first.
    pub fn all(&self) -> Vec<Bell> {
        locked(&self.bells).iter().cloned().collect()
    }

    /// The deliveries with an ordinal above `ordinal`, at most `limit` of the newest.
    pub fn after(&self, ordinal: u64, limit: usize) -> Vec<Bell> {
        let bells = locked(&self.bells);
        let newer = bells.iter().rev().take_while(|bell| bell.ordinal > ordinal).take(limit);
        let mut found: Vec<Bell> = newer.cloned().collect();
        found.reverse();
        found
    }

    /// Deliveries since start.
    pub fn count(&self) -> u64 {
        locked(&self.bells).back().map_or(0, |bell| bell.ordinal)
    }

    /// The deliveries as soon as `wanted` holds for them; none when `deadline` (real time) passed.
    pub async fn wait_until(
        &self,
        deadline: Duration,
        wanted: impl Fn(&[Bell]) -> bool,
    ) -> Option<Vec<Bell>> {
        let mut changes = self.changes.subscribe();
        let found = tokio::time::timeout(deadline, async {
            loop {
                changes.borrow_and_update();
                let all = self.all();
                if wanted(&all) {
                    return all;
                }
                // The sender lives as long as this log, so this cannot fail.
                let _ = changes.changed().await;
            }
        });
        found.await.ok()
    }

    pub(super) fn begin(&self, mut bell: Bell, at: Duration) -> u64 {
        let ordinal = {
            let mut bells = locked(&self.bells);
            bell.ordinal = bells.back().map_or(1, |last| last.ordinal + 1);
            bell.at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
            let ordinal = bell.ordinal;
            if bells.len() == BELLS_MAX {
                bells.pop_front();
            }
            bells.push_back(bell);
            ordinal
        };
        self.touch();
        ordinal
    }

    pub(super) fn end(&self, ordinal: u64, outcome: Result<u16, &str>) {
        if let Some(bell) = locked(&self.bells).iter_mut().rev().find(|it| it.ordinal == ordinal) {
            bell.status = outcome.ok();
            bell.error = outcome.err().map(str::to_owned);
        }
        self.touch();
    }

    fn touch(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_shows_neither_query_nor_account_nor_signature() {
        let headers = [
            ("X-Sheetwire-Edit".to_owned(), "e-1".to_owned()),
            ("X-Sheetwire-Signature".to_owned(), "v1=feed".to_owned()),
        ];
        let url = "http://me:pass@example.org:81/hook/x?token=hush#hush";
        let bell = Bell::of(
            "s",
            url,
            &headers,
            r#"{"verb":"ring","kind":"edit","range":"A1","user":"me@"}"#,
        );
        assert_eq!(bell.url, "http://example.org:81/hook/x");
        assert_eq!((bell.verb.as_deref(), bell.edit.as_deref()), (Some("ring"), Some("e-1")));
        let shown = serde_json::to_string(&bell).unwrap() + &format!("{bell:?}");
        for hushed in ["pass", "hush", "feed", "me@"] {
            assert!(!shown.contains(hushed), "{hushed} in {shown}");
        }
        assert_eq!(bare("http://example.org"), "http://example.org");
    }
}
