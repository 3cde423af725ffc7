//! One spreadsheet: its fence, the one batch in flight, and what is being asked right now.

use crate::{
    backoff::Backoff,
    batch::{InFlight, RowIndex},
    door::Bell,
    position::Position,
    tab::EditMark,
    time::Moment,
};

/// What a spreadsheet is doing.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Nothing is known: it has to be looked at.
    Closed,
    /// [`crate::door::Action::Open`] was asked for.
    Opening,
    /// Tabs (indexes) are being read.
    Reading { what: Reading, tabs: Vec<usize> },
    /// Spilled rows are being loaded for the next batch.
    Loading,
    /// Free.
    Ready,
    /// The batch waits for the store's ticket before it may be sent.
    Persisting { flight: InFlight, ticket: u64 },
    /// Durable, to be sent.
    Cleared { flight: InFlight },
    /// Sent; waiting for the answer.
    Sending { flight: InFlight },
    /// The answer was lost: the fence has to be moved past the batch.
    InDoubt { flight: InFlight },
    /// The burn was sent.
    Burning { flight: InFlight },
    /// The batch was applied, its journal has to be read.
    Applied { flight: InFlight },
    /// The journal is being read.
    Asking { flight: InFlight },
}

impl Phase {
    /// The word for status and log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Closed | Self::Opening => "opening",
            Self::Reading { .. } => "reading",
            Self::Loading | Self::Ready => "ready",
            Self::Persisting { .. } | Self::Cleared { .. } | Self::Sending { .. } => "writing",
            Self::InDoubt { .. }
            | Self::Burning { .. }
            | Self::Applied { .. }
            | Self::Asking { .. } => "resolving",
        }
    }
}

/// What is being read of each tab.
#[derive(Debug, Clone)]
pub(crate) enum Reading {
    /// Everything.
    Whole,
    /// The key columns.
    Keys,
    /// The rows that doorbells named, and what they said; one for each read.
    Parts(Vec<((RowIndex, u32), EditMark)>),
}

/// What becomes of a spreadsheet that somebody else has kept before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takeover {
    /// It is left alone.
    No,
    /// The operator says that whoever kept it is gone: good for one look, so that a live rival is still found out.
    Allowed,
    /// It was taken over, and its journal still names whoever kept it: it is written to even where nothing differs, so that a start needs no second
    /// word of the operator, and so that the other one finds out.
    Unclaimed,
}

/// State of one spreadsheet.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) spreadsheet: String,
    /// Indexes of its tabs.
    pub(crate) tabs: Vec<usize>,
    pub(crate) phase: Phase,
    /// The fence's sequence number; `None` before the first batch ever.
    pub(crate) fence: Option<u64>,
    pub(crate) takeover: Takeover,
    /// Sequence numbers must not be used twice even when the journal was lost.
    pub(crate) fence_floor: u64,
    /// A batch of an earlier life, or one that was fenced: to be resolved after the next look.
    pub(crate) recover: Option<InFlight>,
    pub(crate) backoff: Backoff,
    /// Nothing is asked of Google before this.
    pub(crate) not_before: Moment,
    pub(crate) next_sweep: Moment,
    /// When the read that is under way was asked for.
    pub(crate) reading_since: Moment,
    pub(crate) last_flush: Option<Moment>,
    /// The pacer has granted a write that was not sent yet, because keys had to be read first.
    pub(crate) write_granted: bool,
    /// Send one tab per batch, to find the one that Google refuses.
    pub(crate) solo: bool,
    /// Position before the oldest change that is pending here.
    pub(crate) clean: Option<Position>,
    /// Why the spreadsheet cannot be reached, where it cannot.
    pub(crate) denied: Option<String>,
    /// Doorbells that no read has answered yet.
    pub(crate) bells: Vec<Bell>,
    /// When rows that seem to be gone are looked at again.
    pub(crate) recheck: Moment,
    /// When tabs may be read again on account of their notes.
    pub(crate) notes_at: Moment,
    /// Something happened there lately: it is swept more often for a while.
    pub(crate) active_until: Moment,
}

impl Book {
    pub(crate) fn new(spreadsheet: String, backoff: Backoff, clean: Option<Position>) -> Self {
        Self {
            spreadsheet,
            tabs: Vec::new(),
            phase: Phase::Closed,
            fence: None,
            takeover: Takeover::No,
            fence_floor: 0,
            recover: None,
            backoff,
            not_before: Moment::START,
            next_sweep: Moment::START,
            reading_since: Moment::START,
            last_flush: None,
            write_granted: false,
            solo: false,
            clean,
            denied: None,
            bells: Vec::new(),
            recheck: Moment::START,
            notes_at: Moment::START,
            active_until: Moment::START,
        }
    }

    /// Sequence number of the next batch.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.fence.unwrap_or(0).max(self.fence_floor) + 1
    }

    /// Tries again later, longer each time.
    pub(crate) fn hold_back(&mut self, now: Moment) {
        self.not_before = now.after(self.backoff.next_wait());
    }

    /// Whether what was read of it is what people made of it: it was looked at, nobody else writes there, and nothing of an earlier life is
    /// in doubt.
    pub(crate) fn is_trusted(&self) -> bool {
        self.recover.is_none()
            && self.denied.is_none()
            && !matches!(
                self.phase,
                Phase::Closed
                    | Phase::Opening
                    | Phase::InDoubt { .. }
                    | Phase::Burning { .. }
                    | Phase::Applied { .. }
                    | Phase::Asking { .. }
            )
    }

    /// Something worked.
    pub(crate) fn worked(&mut self) {
        self.backoff.reset();
        self.denied = None;
    }
}
