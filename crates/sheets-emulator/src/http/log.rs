//! What was asked and what became of it, call by call.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::quota::CallKind;
use super::state::locked;

/// Calls kept; older ones are forgotten, ordinals go on.
const CALLS_MAX: usize = 50_000;

/// One call, from its first byte to whatever became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks, each set on its own")]
pub struct Call {
    /// 1 for the first call since start.
    pub ordinal: u64,
    /// Virtual milliseconds since start when the head of the request had come in.
    pub at_ms: u64,
    /// HTTP method.
    pub method: String,
    /// Path as it came, without the query string.
    pub path: String,
    /// Name of the API method, for example `spreadsheets.batchUpdate`.
    pub name: &'static str,
    /// The quota it draws on.
    pub kind: CallKind,
    /// Spreadsheet id in the path.
    pub spreadsheet: Option<String>,
    /// Account behind the token.
    pub account: Option<String>,
    /// Bytes of the request body.
    pub bytes_in: usize,
    /// Bytes of the answer's body.
    pub bytes_out: usize,
    /// HTTP status of the answer; none while there is none and when the answer was withheld.
    pub status: Option<u16>,
    /// Sentence of the error, of the answer or of a batch refused after its answer was lost.
    pub error: Option<String>,
    /// Kinds of the requests of a batchUpdate, in order.
    pub requests: Vec<String>,
    /// Name of the injected fault.
    pub fault: Option<&'static str>,
    /// The request came in whole.
    pub received: bool,
    /// The call took effect (for a read: the answer was made).
    pub applied: bool,
    /// The answer was handed to the connection and the client was still there.
    pub answered: bool,
    /// Held back by a stall or to be applied late, until released.
    pub held: bool,
}

/// No call matched before the deadline; the text lists the last calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no call matched within {waited:?}; the last calls were: {last}")]
pub struct NoSuchCall {
    waited: Duration,
    last: String,
}

/// Every call since start, the newest 50,000 in full.
#[derive(Debug)]
pub struct CallLog {
    calls: Mutex<VecDeque<Call>>,
    changes: watch::Sender<u64>,
}

impl CallLog {
    pub(crate) fn new() -> Self {
        Self { calls: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// All calls kept, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.calls).iter().cloned().collect()
    }

    /// The calls with an ordinal above `ordinal`, at most `limit` of the newest.
    pub fn after(&self, ordinal: u64, limit: usize) -> Vec<Call> {
        let calls = locked(&self.calls);
        let mut newest: Vec<Call> = calls
            .iter()
            .rev()
            .take_while(|call| call.ordinal > ordinal)
            .take(limit)
            .cloned()
            .collect();
        newest.reverse();
        newest
    }

    /// The one call with this ordinal.
    pub fn call(&self, ordinal: u64) -> Option<Call> {
        locked(&self.calls).iter().rev().find(|call| call.ordinal == ordinal).cloned()
    }

    /// Calls since start, forgotten ones included.
    pub fn count(&self) -> u64 {
        locked(&self.calls).back().map_or(0, |call| call.ordinal)
    }

    /// The oldest kept call for which `wanted` holds, as soon as there is one.
    ///
    /// `deadline` is real time. Nothing is polled: every change of the log wakes the waiter.
    pub async fn wait_for(
        &self,
        deadline: Duration,
        wanted: impl Fn(&Call) -> bool,
    ) -> Result<Call, NoSuchCall> {
        let mut changes = self.changes.subscribe();
        let found = tokio::time::timeout(deadline, async {
            loop {
                changes.borrow_and_update();
                if let Some(call) = locked(&self.calls).iter().find(|call| wanted(call)) {
                    return call.clone();
                }
                // The sender lives as long as this log, so this cannot fail.
                let _ = changes.changed().await;
            }
        });
        found.await.map_err(|_| NoSuchCall { waited: deadline, last: self.tail() })
    }

    fn tail(&self) -> String {
        let last: Vec<String> = self
            .after(0, 8)
            .iter()
            .map(|call| {
                let answer = call.status.map_or("none".to_owned(), |status| status.to_string());
                format!("#{} {} -> {answer}", call.ordinal, call.name)
            })
            .collect();
        last.join(", ")
    }

    /// Starts a record and returns its ordinal.
    pub(crate) fn begin(&self, mut call: Call) -> u64 {
        let ordinal = {
            let mut calls = locked(&self.calls);
            call.ordinal = calls.back().map_or(1, |last| last.ordinal + 1);
            let ordinal = call.ordinal;
            if calls.len() == CALLS_MAX {
                calls.pop_front();
            }
            calls.push_back(call);
            ordinal
        };
        self.touch();
        ordinal
    }

    /// Changes the record of `ordinal`, if it is still kept.
    pub(crate) fn note(&self, ordinal: u64, change: impl FnOnce(&mut Call)) {
        if let Some(call) =
            locked(&self.calls).iter_mut().rev().find(|call| call.ordinal == ordinal)
        {
            change(call);
        }
        self.touch();
    }

    fn touch(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}
