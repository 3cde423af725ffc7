//! The per-minute quotas: reads and writes, per user and per project, counted separately.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::error::ApiError;

/// Length of a quota window.
pub const MINUTE: Duration = Duration::from_mins(1);

/// Which of the two quotas a call draws on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Answers without changing anything.
    Read,
    /// Changes a spreadsheet.
    Write,
    /// Asks for an access token; no quota.
    Token,
    /// A file call of the Drive API; its quota is another one and not modelled.
    Drive,
    /// Nothing the API knows; no quota.
    Unknown,
}

/// How a minute is cut out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaWindow {
    /// The minutes of the emulator's clock: everything is refilled at once.
    Fixed,
    /// The last sixty seconds before the call: the stricter reading.
    Sliding,
}

/// The quotas in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaLimits {
    /// Reads per minute of one service account.
    pub reads_per_user: usize,
    /// Reads per minute of all accounts together.
    pub reads_per_project: usize,
    /// Writes per minute of one service account.
    pub writes_per_user: usize,
    /// Writes per minute of all accounts together.
    pub writes_per_project: usize,
    /// How the minute is cut.
    pub window: QuotaWindow,
}

impl Default for QuotaLimits {
    /// What Google publishes: 60 per user, 300 per project.
    fn default() -> Self {
        Self {
            reads_per_user: 60,
            reads_per_project: 300,
            writes_per_user: 60,
            writes_per_project: 300,
            window: QuotaWindow::Fixed,
        }
    }
}

/// What was drawn on the quotas since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct QuotaUse {
    /// Reads admitted.
    pub reads: u64,
    /// Writes admitted.
    pub writes: u64,
    /// Reads refused with 429.
    pub reads_refused: u64,
    /// Writes refused with 429.
    pub writes_refused: u64,
}

/// Counts calls and refuses those above the limits.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    limits: Option<QuotaLimits>,
    spent: BTreeMap<(CallKind, Option<String>), VecDeque<Duration>>,
    used: QuotaUse,
}

/// A call above a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exceeded {
    kind: CallKind,
    per_user: bool,
    limit: usize,
    /// Start of the window that is full.
    pub(crate) since: Duration,
}

impl Quota {
    pub(crate) fn new(limits: Option<QuotaLimits>) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn limits(&self) -> Option<&QuotaLimits> {
        self.limits.as_ref()
    }

    /// Replaces the limits; what was spent in the present minute stays spent.
    pub(crate) fn set_limits(&mut self, limits: Option<QuotaLimits>) {
        self.limits = limits;
    }

    pub(crate) fn used(&self) -> QuotaUse {
        self.used
    }

    /// Admits the call and counts it, or refuses it; a refused call spends nothing.
    pub(crate) fn admit(
        &mut self,
        kind: CallKind,
        user: &str,
        now: Duration,
    ) -> Result<(), Exceeded> {
        if !matches!(kind, CallKind::Read | CallKind::Write) {
            return Ok(());
        }
        let user = Some(user.to_owned());
        if let Err(exceeded) = self.check(kind, user.as_ref(), now) {
            match kind {
                CallKind::Write => self.used.writes_refused += 1,
                _ => self.used.reads_refused += 1,
            }
            return Err(exceeded);
        }
        for holder in [user, None] {
            self.spent.entry((kind, holder)).or_default().push_back(now);
        }
        match kind {
            CallKind::Write => self.used.writes += 1,
            _ => self.used.reads += 1,
        }
        Ok(())
    }

    fn check(
        &mut self,
        kind: CallKind,
        user: Option<&String>,
        now: Duration,
    ) -> Result<(), Exceeded> {
        let (window, per_user, per_project) = match (&self.limits, kind) {
            (Some(it), CallKind::Write) => (it.window, it.writes_per_user, it.writes_per_project),
            (Some(it), _) => (it.window, it.reads_per_user, it.reads_per_project),
            (None, _) => (QuotaWindow::Sliding, usize::MAX, usize::MAX),
        };
        for (holder, limit) in [(user.cloned(), per_user), (None, per_project)] {
            let per_user = holder.is_some();
            let spent = self.spent.entry((kind, holder)).or_default();
            // Kept for a whole minute whatever the window, so that changing the window loses nothing.
            while spent.front().is_some_and(|&at| at + MINUTE <= now) {
                spent.pop_front();
            }
            let since = match window {
                QuotaWindow::Fixed => Duration::from_secs(now.as_secs() / 60 * 60),
                QuotaWindow::Sliding => spent.front().copied().unwrap_or(now),
            };
            if spent.iter().filter(|&&at| at >= since).count() >= limit {
                return Err(Exceeded { kind, per_user, limit, since });
            }
        }
        Ok(())
    }
}

impl Exceeded {
    /// A refusal as an injected fault gives it: the per-user quota of `kind` is spent.
    pub(crate) fn injected(kind: CallKind, since: Duration) -> Self {
        Self { kind, per_user: true, limit: QuotaLimits::default().writes_per_user, since }
    }

    /// The 429 in Google's words, without any hint when to come back.
    pub(crate) fn error(&self, project: &str, since: jiff::Timestamp) -> ApiError {
        let (lower, upper) = match self.kind {
            CallKind::Write => ("write", "Write"),
            _ => ("read", "Read"),
        };
        let (per, unit, limit) = if self.per_user {
            (" per user", "1/min/{project}/{user}", "PerMinutePerUser")
        } else {
            ("", "1/min/{project}", "PerMinutePerProject")
        };
        ApiError {
            http: 429,
            status: "RESOURCE_EXHAUSTED",
            message: format!(
                "Quota exceeded for quota metric '{upper} requests' and limit '{upper} requests per \
                 minute{per}' of service 'sheets.googleapis.com' for consumer \
                 'project_number:{project}'."
            ),
            details: vec![
                json!({
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "RATE_LIMIT_EXCEEDED",
                    "domain": "googleapis.com",
                    "metadata": {
                        "quota_limit": format!("{upper}Requests{limit}"),
                        "quota_limit_value": self.limit.to_string(),
                        "quota_metric": format!("sheets.googleapis.com/{lower}_requests"),
                        "quota_unit": unit,
                        "quota_location": "global",
                        "service": "sheets.googleapis.com",
                        "consumer": format!("projects/{project}"),
                        "window_start_time": since.to_string(),
                    }
                }),
                json!({
                    "@type": "type.googleapis.com/google.rpc.Help",
                    "links": [{
                        "description": "Request a higher quota limit.",
                        "url": "https://cloud.google.com/docs/quotas/help/request_increase",
                    }]
                }),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(quota: &mut Quota, count: usize, user: &str, at: u64) -> usize {
        (0..count)
            .filter(|_| quota.admit(CallKind::Write, user, Duration::from_secs(at)).is_ok())
            .count()
    }

    #[test]
    fn a_fixed_minute_refills_at_its_edge_and_a_sliding_one_does_not() {
        let mut fixed = Quota::new(Some(QuotaLimits::default()));
        assert_eq!(spend(&mut fixed, 70, "a", 59), 60);
        assert_eq!(spend(&mut fixed, 70, "a", 60), 60);
        let limits = QuotaLimits { window: QuotaWindow::Sliding, ..QuotaLimits::default() };
        let mut sliding = Quota::new(Some(limits));
        assert_eq!(spend(&mut sliding, 70, "a", 59), 60);
        assert_eq!(spend(&mut sliding, 70, "a", 118), 0);
        assert_eq!(spend(&mut sliding, 70, "a", 119), 60);
    }

    #[test]
    fn users_share_the_project_and_reads_do_not_touch_writes() {
        let mut quota = Quota::new(Some(QuotaLimits::default()));
        let admitted: usize =
            ["a", "b", "c", "d", "e", "f"].iter().map(|user| spend(&mut quota, 60, user, 1)).sum();
        assert_eq!(admitted, 300);
        assert!(quota.admit(CallKind::Read, "f", Duration::from_secs(1)).is_ok());
        let refused = quota.admit(CallKind::Write, "f", Duration::from_secs(1)).unwrap_err();
        let error = refused.error("7", jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(error.details[0]["metadata"]["quota_limit"], "WriteRequestsPerMinutePerProject");
        assert_eq!(quota.used().writes_refused, 61);
    }
}
