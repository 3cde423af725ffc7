//! Injected weather: lost, late, slow, refused and broken answers, switched while running.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use super::clock::Clock;
use super::quota::CallKind;
use super::state::locked;

/// What goes wrong. Spans are virtual milliseconds; without one the call waits for a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The connection closes before anything is done.
    RequestLost,
    /// The call takes effect, the connection closes without an answer.
    AnswerLost,
    /// The call is answered at once and takes effect later, validated as things stand then.
    AppliedLate {
        /// How much later.
        #[serde(default)]
        after_ms: Option<u64>,
        /// Whether the answer is a 503 instead of a closed connection.
        #[serde(default)]
        unavailable: bool,
    },
    /// 429, without being counted.
    Throttled,
    /// 500.
    Internal {
        /// Whether the call takes effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// 503.
    Unavailable {
        /// Whether the call takes effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// 401, although the token is good.
    Unauthenticated,
    /// The call takes effect, the answer breaks off in the middle of its body.
    TruncatedBody,
    /// Nothing happens for a while, then the call takes effect and is answered.
    StallBefore {
        /// How long.
        #[serde(default)]
        for_ms: Option<u64>,
    },
    /// The call takes effect at once and is answered after a while.
    StallAfter {
        /// How long.
        #[serde(default)]
        for_ms: Option<u64>,
    },
    /// An answer that takes its time.
    Slow {
        /// How long.
        for_ms: u64,
    },
}

impl FaultKind {
    /// The name used in the log and over HTTP.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestLost => "request_lost",
            Self::AnswerLost => "answer_lost",
            Self::AppliedLate { .. } => "applied_late",
            Self::Throttled => "throttled",
            Self::Internal { .. } => "internal",
            Self::Unavailable { .. } => "unavailable",
            Self::Unauthenticated => "unauthenticated",
            Self::TruncatedBody => "truncated_body",
            Self::StallBefore { .. } => "stall_before",
            Self::StallAfter { .. } => "stall_after",
            Self::Slow { .. } => "slow",
        }
    }
}

/// Which calls a fault may hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultFilter {
    /// Reads and writes of the API; not the token endpoint.
    #[default]
    Api,
    /// Reads.
    Reads,
    /// Writes.
    Writes,
    /// `spreadsheets.batchUpdate`.
    BatchUpdate,
    /// The token endpoint.
    Token,
}

/// A fault and when it strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Which calls.
    #[serde(default)]
    pub filter: FaultFilter,
    /// Only calls on this spreadsheet.
    #[serde(default)]
    pub spreadsheet: Option<String>,
    /// Matching calls that pass untouched first.
    #[serde(default)]
    pub skip: u32,
    /// How often it strikes before it is spent; none: until taken away.
    #[serde(default)]
    pub times: Option<u32>,
    /// Chance of striking at each matching call, 0 to 1; none: always.
    #[serde(default)]
    pub probability: Option<f64>,
}

impl Fault {
    /// Strikes the next matching call, once.
    pub fn once(kind: FaultKind, filter: FaultFilter) -> Self {
        Self { kind, filter, spreadsheet: None, skip: 0, times: Some(1), probability: None }
    }

    /// Strikes every matching call until taken away.
    pub fn always(kind: FaultKind, filter: FaultFilter) -> Self {
        Self { times: None, ..Self::once(kind, filter) }
    }

    /// Strikes each matching call with this chance (0 to 1) until taken away.
    pub fn sometimes(kind: FaultKind, filter: FaultFilter, probability: f64) -> Self {
        Self { probability: Some(probability), ..Self::always(kind, filter) }
    }

    /// Reads a fault, and refuses every key that means nothing for it: a misspelt one would arm something else than was meant.
    pub(crate) fn read(body: Value) -> Result<Self, String> {
        let asked: Vec<String> =
            body.as_object().map(|body| body.keys().cloned().collect()).unwrap_or_default();
        let fault: Self = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let known = serde_json::to_value(&fault).map_err(|error| error.to_string())?;
        if let Some(unknown) = asked.iter().find(|key| known.get(key.as_str()).is_none()) {
            let names: Vec<&str> =
                known.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let kind = fault.kind.name();
            return Err(format!(
                "unknown key '{unknown}' for the fault {kind}; known are {}",
                names.join(", ")
            ));
        }
        if fault.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return Err("probability must be between 0 and 1".to_owned());
        }
        Ok(fault)
    }

    fn matches(&self, name: &str, kind: CallKind, spreadsheet: Option<&str>) -> bool {
        let filtered = match self.filter {
            FaultFilter::Api => matches!(kind, CallKind::Read | CallKind::Write),
            FaultFilter::Reads => kind == CallKind::Read,
            FaultFilter::Writes => kind == CallKind::Write,
            FaultFilter::BatchUpdate => name == "spreadsheets.batchUpdate",
            FaultFilter::Token => kind == CallKind::Token,
        };
        filtered && self.spreadsheet.as_deref().is_none_or(|id| spreadsheet == Some(id))
    }
}

#[derive(Debug)]
struct Inner {
    next: u64,
    armed: BTreeMap<u64, Fault>,
    held: BTreeMap<u64, oneshot::Sender<()>>,
    chance: u64,
}

/// The armed faults and the calls they hold back.
#[derive(Debug)]
pub struct Faults(Mutex<Inner>);

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let (armed, held) = (BTreeMap::new(), BTreeMap::new());
        Self(Mutex::new(Inner { next: 1, armed, held, chance: seed }))
    }

    /// Arms a fault and returns its number. Of several that match a call, the oldest strikes.
    pub fn arm(&self, fault: Fault) -> u64 {
        let mut inner = locked(&self.0);
        let number = inner.next;
        inner.next += 1;
        inner.armed.insert(number, fault);
        number
    }

    /// Takes one fault away; calls it holds stay held.
    pub fn disarm(&self, number: u64) {
        locked(&self.0).armed.remove(&number);
    }

    /// Takes all faults away; calls they hold stay held.
    pub fn clear(&self) {
        locked(&self.0).armed.clear();
    }

    /// The faults that may still strike, with their numbers.
    pub fn armed(&self) -> Vec<(u64, Fault)> {
        locked(&self.0).armed.iter().map(|(number, fault)| (*number, fault.clone())).collect()
    }

    /// Ordinals of the calls held back now (see [`super::log::Call::ordinal`]).
    pub fn held(&self) -> Vec<u64> {
        locked(&self.0).held.keys().copied().collect()
    }

    /// Lets one held call go on; false when it is not held.
    pub fn release(&self, ordinal: u64) -> bool {
        let gate = locked(&self.0).held.remove(&ordinal);
        gate.is_some_and(|gate| gate.send(()).is_ok())
    }

    /// Lets every held call go on.
    pub fn release_all(&self) {
        let held = std::mem::take(&mut locked(&self.0).held);
        for gate in held.into_values() {
            // A receiver that is gone has already gone on by the clock.
            let _ = gate.send(());
        }
    }

    /// The fault that strikes this call, if one does; uses it up.
    pub(crate) fn strike(
        &self,
        name: &str,
        kind: CallKind,
        spreadsheet: Option<&str>,
    ) -> Option<FaultKind> {
        let mut guard = locked(&self.0);
        let inner = &mut *guard;
        let (number, struck, spent) = inner.armed.iter_mut().find_map(|(number, fault)| {
            if !fault.matches(name, kind, spreadsheet) {
                return None;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return None;
            }
            if fault.probability.is_some_and(|chance| draw(&mut inner.chance) >= chance) {
                return None;
            }
            if let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
            }
            Some((*number, fault.kind.clone(), fault.times == Some(0)))
        })?;
        if spent {
            inner.armed.remove(&number);
        }
        Some(struck)
    }

    /// Starts holding `ordinal`; the returned [`Held`] waits until it is released.
    pub(crate) fn hold(&self, ordinal: u64) -> Held {
        let (gate, released) = oneshot::channel();
        locked(&self.0).held.insert(ordinal, gate);
        Held { ordinal, released }
    }

    /// Waits for the release, or for the span to pass.
    pub(crate) async fn wait(&self, held: Held, clock: &Clock, span_ms: Option<u64>) {
        let Held { ordinal, released } = held;
        match span_ms {
            Some(span) => tokio::select! {
                _ = released => {}
                () = clock.sleep(Duration::from_millis(span)) => {}
            },
            None => {
                let _ = released.await;
            }
        }
        locked(&self.0).held.remove(&ordinal);
    }
}

/// A call that is held back.
#[derive(Debug)]
pub(crate) struct Held {
    ordinal: u64,
    released: oneshot::Receiver<()>,
}

/// The next number in 0..1 of a splitmix64 sequence: the same seed strikes the same calls.
fn draw(state: &mut u64) -> f64 {
    let bits = super::state::splitmix(state) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(faults: &Faults, calls: usize) -> usize {
        let hit = |_: &usize| {
            faults.strike("spreadsheets.batchUpdate", CallKind::Write, Some("s")).is_some()
        };
        (0..calls).filter(hit).count()
    }

    #[test]
    fn counts_skips_and_filters_decide_who_is_struck() {
        let faults = Faults::new(1);
        let two = Fault {
            times: Some(2),
            skip: 3,
            ..Fault::once(FaultKind::AnswerLost, FaultFilter::BatchUpdate)
        };
        faults.arm(two);
        faults.arm(Fault::always(FaultKind::Throttled, FaultFilter::Reads));
        assert_eq!(strikes(&faults, 3), 0);
        assert_eq!(strikes(&faults, 5), 2);
        assert_eq!(faults.armed().len(), 1);
        assert!(faults.strike("token", CallKind::Token, None).is_none());
    }

    #[test]
    fn the_same_seed_strikes_the_same_calls() {
        let run = |seed| {
            let faults = Faults::new(seed);
            faults.arm(Fault::sometimes(FaultKind::Throttled, FaultFilter::Api, 0.25));
            strikes(&faults, 1000)
        };
        assert_eq!(run(7), run(7));
        assert!((200..300).contains(&run(7)), "{}", run(7));
    }

    #[test]
    fn a_fault_reads_from_plain_json() {
        let text = r#"{"fault":"applied_late","after_ms":500,"filter":"batch_update","times":1}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault.kind, FaultKind::AppliedLate { after_ms: Some(500), unavailable: false });
        assert!(serde_json::from_str::<Fault>(r#"{"fault":"gremlins"}"#).is_err());
    }
}
