//! Where a kill hit: told from what the emulator and the hold file have seen, never from what was wanted.

use std::{collections::BTreeMap, fmt};

use sheets_emulator::http::Call;

/// A window of time in the life of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Window {
    /// Durable in the store, not sent.
    BeforeSend,
    /// With Google, and not applied.
    InFlight,
    /// Applied, and nobody was told.
    Unanswered,
    /// Answered, and the answer not stored.
    NotStored,
    /// Written by the store, and not flushed: nobody was told that it is durable.
    StoreFlush,
    /// Anything else: starting, reading, waiting, or finding out what became of a lost answer.
    Between,
}

impl Window {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::BeforeSend,
        Self::InFlight,
        Self::Unanswered,
        Self::NotStored,
        Self::StoreFlush,
        Self::Between,
    ];
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeSend => "before send",
            Self::InFlight => "in flight",
            Self::Unanswered => "applied but unanswered",
            Self::NotStored => "answered but not stored",
            Self::StoreFlush => "inside a store flush",
            Self::Between => "between batches",
        })
    }
}

/// Kills by window.
#[derive(Debug, Default)]
pub(super) struct Kills {
    hits: BTreeMap<Window, u32>,
    /// Of them, those at a moment that was drawn.
    at_random: BTreeMap<Window, u32>,
}

impl Kills {
    /// Counts one.
    pub(super) fn count(&mut self, window: Window, at_random: bool) {
        *self.hits.entry(window).or_default() += 1;
        if at_random {
            *self.at_random.entry(window).or_default() += 1;
        }
    }

    /// How often this one was hit.
    pub(super) fn of(&self, window: Window) -> u32 {
        self.hits.get(&window).copied().unwrap_or(0)
    }

    /// All kills.
    pub(super) fn sum(&self) -> u32 {
        self.hits.values().sum()
    }

    /// Kills at a moment that was drawn.
    pub(super) fn at_random(&self) -> u32 {
        self.at_random.values().sum()
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kills, {} at random:", self.sum(), self.at_random())?;
        for window in Window::ALL {
            let random = self.at_random.get(&window).copied().unwrap_or(0);
            write!(f, " {} {window} ({random}),", self.of(window))?;
        }
        Ok(())
    }
}

/// A call that carries a batch or moves the fence past a lost one.
pub(super) fn is_batch(call: &Call) -> bool {
    call.name == "spreadsheets.batchUpdate"
}

/// A call that carries rows: it copies at least the header into the journal. One that only moves the fence copies nothing.
pub(super) fn carries_rows(call: &Call) -> bool {
    is_batch(call) && call.requests.iter().any(|kind| kind == "copyPaste")
}

/// Whether the client has long learned that there will be no whole answer.
fn was_cut(call: &Call) -> bool {
    let cuts = ["request_lost", "answer_lost", "applied_late", "truncated_body"];
    call.fault.is_some_and(|fault| cuts.contains(&fault))
}

/// The window that was hit. `calls` are those of the process that was killed, as they stood when it was gone; `hold` is what the
/// hold file says, where there is one.
pub(super) fn classify(hold: Option<&str>, calls: &[Call]) -> Window {
    let last = calls.iter().rev().find(|call| is_batch(call));
    let open = last.is_some_and(|call| call.received && !call.answered && !was_cut(call));
    match (hold, last) {
        (Some("store_flush"), _) => Window::StoreFlush,
        (Some("before_send"), _) if !open => Window::BeforeSend,
        (Some("answered"), Some(call))
            if carries_rows(call) && call.answered && call.applied && call.status == Some(200) =>
        {
            Window::NotStored
        }
        (None, Some(call)) if open && carries_rows(call) => {
            if call.applied {
                Window::Unanswered
            } else {
                Window::InFlight
            }
        }
        _ => Window::Between,
    }
}
