//! Calls through the hub of `google-sheets4`, with its traps closed: it names the one scope, keeps the HTTP status, repeats nothing
//! but a call that was stopped for its token, and never waits without end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use google_sheets4::{
    Delegate, Error, Sheets,
    api::{BatchUpdateSpreadsheetResponse, Spreadsheet},
    common::{Response, Retry},
    hyper::StatusCode,
};
use serde_json::Value;
use tokio::time::{error::Elapsed, timeout};

use super::{
    auth::{Connector, Credentials, SCOPE},
    failure::CallFailure,
    transport::{CallLimits, Calls},
    wire::outgoing,
};
use crate::ports::Ask;

/// The crate's hub.
pub(super) struct Hub {
    pub(super) sheets: Sheets<Connector>,
    pub(super) base: String,
    pub(super) credentials: Credentials,
    pub(super) limits: CallLimits,
    pub(super) calls: Arc<Calls>,
}

/// Sees what the crate's answer leaves out: whether the request left, and the status of a refusal. Never asks for a repetition.
struct Witness<'a> {
    base: &'a str,
    counter: &'a AtomicU64,
    limit: Duration,
    sent: bool,
    status: Option<StatusCode>,
}

impl Delegate for Witness<'_> {
    fn pre_request(&mut self) {
        self.sent = true;
        self.counter.fetch_add(1, Ordering::Relaxed);
    }

    fn http_failure(&mut self, response: &Response, _: Option<&Value>) -> Retry {
        self.status = Some(response.status());
        Retry::Abort
    }
}

type Ended<T> = Result<Result<(Response, T), Error>, Elapsed>;

impl<'a> Witness<'a> {
    fn of((base, counter): (&'a str, &'a AtomicU64), limit: Duration) -> Self {
        Self { base, counter, limit, sent: false, status: None }
    }

    fn judge<T>(self, ended: Ended<T>) -> Result<T, CallFailure> {
        match ended {
            Ok(Ok((_, answer))) => Ok(answer),
            Ok(Err(error)) => Err(CallFailure::of_crate(error, self.status, self.base)),
            Err(_) if self.sent => Err(CallFailure::late(self.limit)),
            // All the time went into waiting for a token.
            Err(_) => Err(CallFailure::NotSent("no token within the time limit".to_owned())),
        }
    }
}

impl Hub {
    /// `spreadsheets.get`, for a small answer.
    pub(super) async fn get(
        &self,
        spreadsheet: &str,
        ranges: &[String],
        fields: &str,
    ) -> Result<Spreadsheet, CallFailure> {
        self.with_a_good_token(|| Box::pin(self.get_once(spreadsheet, ranges, fields))).await
    }

    /// `spreadsheets.batchUpdate`, for a small body and a small answer.
    pub(super) async fn batch_update(
        &self,
        spreadsheet: &str,
        body: &Value,
        fields: &str,
    ) -> Result<BatchUpdateSpreadsheetResponse, CallFailure> {
        self.with_a_good_token(|| Box::pin(self.batch_update_once(spreadsheet, body, fields))).await
    }

    /// One call; a second one only where the first was stopped at the door for its token.
    async fn with_a_good_token<'c, T>(
        &self,
        call: impl Fn() -> Ask<'c, Result<T, CallFailure>> + Send,
    ) -> Result<T, CallFailure> {
        match call().await {
            Err(CallFailure::Refused(refusal)) if refusal.is_bad_token() => {
                self.credentials.token(true).await?;
                call().await
            }
            answer => answer,
        }
    }

    async fn get_once(
        &self,
        spreadsheet: &str,
        ranges: &[String],
        fields: &str,
    ) -> Result<Spreadsheet, CallFailure> {
        let mut witness = Witness::of((&self.base, &self.calls.reads), self.limits.read);
        let mut call = self.sheets.spreadsheets().get(spreadsheet).add_scope(SCOPE);
        for range in ranges {
            call = call.add_ranges(range);
        }
        let call =
            call.param("fields", fields).param("prettyPrint", "false").delegate(&mut witness);
        let ended = timeout(self.limits.read, Box::pin(call.doit())).await;
        witness.judge(ended)
    }

    async fn batch_update_once(
        &self,
        spreadsheet: &str,
        body: &Value,
        fields: &str,
    ) -> Result<BatchUpdateSpreadsheetResponse, CallFailure> {
        let request = outgoing::typed(body)
            .map_err(|error| CallFailure::NotSent(format!("not in Google's schema: {error}")))?;
        let mut witness = Witness::of((&self.base, &self.calls.writes), self.limits.write);
        let call = self.sheets.spreadsheets().batch_update(request, spreadsheet);
        let call = call.add_scope(SCOPE).param("fields", fields).param("prettyPrint", "false");
        let ended = timeout(self.limits.write, Box::pin(call.delegate(&mut witness).doit())).await;
        witness.judge(ended)
    }
}
