//! Proves against the user's own spreadsheet what the writer relies on.
//!
//! A hidden tab is added and taken away again; no tab of the user's is touched. What is left behind by a probe that was cut short is
//! cleared by the next one.

use google_sheets4::api::Spreadsheet;

use super::{
    SheetsClient,
    failure::CallFailure,
    reply::BatchReply,
    wire::{self, fence::FenceKind, outgoing::Outgoing, probe},
};
use crate::{fault::Fault, ports::Ask};
use sheetwire_engine::batch::ReadFailure;

/// What a probe found, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeReport {
    /// The kind of fence that Google honours in this spreadsheet.
    pub fence: FenceKind,
    /// Reads drawn on the quota.
    pub reads: u64,
    /// Writes drawn on the quota.
    pub writes: u64,
}

/// The most reads and writes a probe may take, for whoever keeps the budget.
pub const PROBE_COST_MAX: (u64, u64) = (3, 8);

impl SheetsClient {
    /// Proves that a stale fence is refused as a whole, and that a row copied before it is overwritten comes back in the answer to
    /// the same batch. Remembers the kind of fence for later batches.
    ///
    /// Weather is [`Fault::Transient`]; anything else is a sentence for the operator in [`Fault::Google`].
    pub fn probe<'a>(&'a self, spreadsheet: &'a str) -> Ask<'a, Result<ProbeReport, Fault>> {
        Box::pin(async move {
            let mut cost = (0, 0);
            let found = self.run_probe(spreadsheet, &mut cost).await;
            let fence = found.map_err(|trouble| self.fault(trouble, spreadsheet))?;
            self.set_fence_kind(spreadsheet, fence);
            Ok(ProbeReport { fence, reads: cost.0, writes: cost.1 })
        })
    }

    async fn run_probe(
        &self,
        spreadsheet: &str,
        cost: &mut (u64, u64),
    ) -> Result<FenceKind, Trouble> {
        self.clear_leftovers(spreadsheet, cost).await?;
        cost.1 += 1;
        self.post(spreadsheet, probe::prepare()).await?;
        let verdict = self.experiment(spreadsheet, cost).await;
        match &verdict {
            Ok(_) => {
                cost.1 += 1;
                let clear = probe::clear(&[probe::range_id(2)], true);
                self.post(spreadsheet, clear).await?;
            }
            // The verdict stands; what cannot be cleared now is cleared by the next probe.
            Err(_) => drop(self.clear_leftovers(spreadsheet, cost).await),
        }
        verdict
    }

    async fn experiment(
        &self,
        spreadsheet: &str,
        cost: &mut (u64, u64),
    ) -> Result<FenceKind, Trouble> {
        cost.1 += 1;
        let kind = if self.refuses(spreadsheet, probe::stale_range(), 2).await? {
            FenceKind::NamedRange
        } else {
            // What the stale batch has done is undone, so that the next step starts where it should.
            self.clear_leftovers(spreadsheet, cost).await?;
            cost.1 += 2;
            self.post(spreadsheet, probe::prepare()).await?;
            if !self.refuses(spreadsheet, probe::stale_tab(), 1).await? {
                return Err(Trouble::Verdict("it applies a batch that deletes a missing tab"));
            }
            FenceKind::JournalTab
        };
        cost.1 += 1;
        let answer = self.post(spreadsheet, probe::good()).await?;
        let answer = answer.sheets().await?;
        let sheet = answer.sheets.iter().find(|sheet| sheet.properties.sheet_id == probe::SHEET_ID);
        probe::judge(sheet).map_err(Trouble::Verdict)?;
        Ok(kind)
    }

    /// Whether Google refuses this batch and names one of its first requests.
    async fn refuses(
        &self,
        spreadsheet: &str,
        body: Outgoing,
        fence_requests: usize,
    ) -> Result<bool, Trouble> {
        match self.post(spreadsheet, body).await {
            Ok(_) => Ok(false),
            Err(Trouble::Call(CallFailure::Refused(refusal)))
                if refusal.status == 400
                    && refusal.request().is_some_and(|at| at < fence_requests) =>
            {
                Ok(true)
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn clear_leftovers(
        &self,
        spreadsheet: &str,
        cost: &mut (u64, u64),
    ) -> Result<(), Trouble> {
        cost.0 += 1;
        let seen = self.transport().look(spreadsheet, wire::LOOK_FIELDS).await?;
        let (ranges, tab) = leftovers(seen);
        if tab || !ranges.is_empty() {
            cost.1 += 1;
            self.post(spreadsheet, probe::clear(&ranges, tab)).await?;
        }
        Ok(())
    }

    async fn post(&self, spreadsheet: &str, body: Outgoing) -> Result<BatchReply, Trouble> {
        let fields = wire::BATCH_FIELDS;
        Ok(self.transport().batch_update(spreadsheet, body, fields).await?)
    }

    fn fault(&self, trouble: Trouble, spreadsheet: &str) -> Fault {
        let failure = match trouble {
            Trouble::Verdict(found) => {
                return Fault::Google(format!(
                    "Google does not keep what sheetwire relies on in spreadsheet {spreadsheet}: {found}; \
                     nothing was written to your tabs, and nothing will be; report this"
                ));
            }
            // An earlier probe's batch came late, in the middle of this one: nobody else knows these names.
            Trouble::Call(CallFailure::Refused(refusal))
                if refusal.status == 400 && probe::is_about_us(&refusal.message) =>
            {
                return Fault::Transient(format!(
                    "an earlier probe of spreadsheet {spreadsheet} came in between: {}",
                    refusal.message
                ));
            }
            Trouble::Call(CallFailure::Refused(refusal))
                if refusal.status == 400 && !refusal.is_throttling() =>
            {
                return Fault::Google(format!(
                    "Google refuses the probe of spreadsheet {spreadsheet}: {}; make room for one small tab, \
                     and let {} add tabs",
                    refusal.message,
                    self.email()
                ));
            }
            Trouble::Call(failure) => failure,
        };
        match failure.of_read(&self.cure(spreadsheet)) {
            ReadFailure::Throttled => Fault::Transient(
                "the quota is spent; the probe is repeated when there is some again".to_owned(),
            ),
            ReadFailure::Transient { reason } => Fault::Transient(reason),
            ReadFailure::Denied { message } => Fault::Google(message),
            ReadFailure::TabGone { sheet_id } => {
                Fault::Transient(format!("tab {sheet_id} is gone"))
            }
        }
    }
}

/// Why there is no verdict, or what a bad one says.
enum Trouble {
    Call(CallFailure),
    Verdict(&'static str),
}

impl From<CallFailure> for Trouble {
    fn from(failure: CallFailure) -> Self {
        Self::Call(failure)
    }
}

/// Named ranges of an earlier probe, and whether its tab is still there.
fn leftovers(seen: Spreadsheet) -> (Vec<String>, bool) {
    let ids = seen.named_ranges.unwrap_or_default().into_iter();
    let ids = ids.filter_map(|range| range.named_range_id);
    let tab = seen.sheets.unwrap_or_default().into_iter().any(|sheet| {
        sheet.properties.and_then(|properties| properties.sheet_id) == Some(probe::SHEET_ID)
    });
    (ids.filter(|id| probe::is_range_id(id)).collect(), tab)
}
