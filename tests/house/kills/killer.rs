//! Kills the product where it is told to, looks where it really hit, and counts.

use std::{fmt, fs, path::PathBuf, time::Duration};

use sheets_emulator::http::{Call, CallKind, Fault, FaultFilter, FaultKind};

use super::{
    BOOK, SOON,
    grid::Tab,
    rng::Rng,
    stage::{Stage, Weather, tail},
    tables::TABLES,
    windows::{Kills, Window, carries_rows, classify, is_batch},
    writer::Progress,
};
use crate::support::{
    sheetwire::{Home, Running},
    wait::wait_until,
};

/// Kills beyond the wanted number, for what has not happened yet.
const EXTRA_MAX: usize = 30;
/// Of five kills, so many come at a moment that is drawn and not aimed at anything.
const AT_RANDOM_OF_FIVE: usize = 3;
/// A drawn moment lies within this time after the start: about four starts long, or thirty batches.
const MOMENTS: Duration = Duration::from_millis(2_500);

/// When to kill.
#[derive(Debug, Clone, Copy)]
enum Aim {
    /// In this window.
    At(Window),
    /// At any time.
    AnyTime,
}

/// When a batch that was in flight at the kill is let go.
#[derive(Debug, Clone, Copy)]
enum Release {
    /// While nothing runs: it is applied, and its sender is dead.
    WhileDead,
    /// While the next process starts.
    AtStart,
    /// When the next process has moved the fence: it is late.
    BehindTheFence,
}

/// What became of batches that were let go after their sender was dead.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Applied: the fence had not moved.
    pub(super) applied: u32,
    /// Refused whole.
    pub(super) refused: u32,
}

/// The killer.
#[derive(Debug)]
pub(super) struct Killer<'a> {
    stage: &'a Stage,
    progress: &'a Progress,
    rng: Rng,
    rounds: u32,
    held: Option<(u64, Release)>,
    /// Kills so far.
    pub(super) kills: Kills,
    /// Late batches so far.
    pub(super) late: Late,
}

impl fmt::Display for Killer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {}: {} {:?}", self.rounds, self.kills, self.late)
    }
}

impl<'a> Killer<'a> {
    /// Nobody is dead yet.
    pub(super) fn new(stage: &'a Stage, progress: &'a Progress, rng: Rng) -> Self {
        let (kills, late) = (Kills::default(), Late::default());
        Self { stage, progress, rng, rounds: 0, held: None, kills, late }
    }

    /// So many kills: most at any time, the others aimed at every window as often as at the others; more of a window that was missed.
    pub(super) fn kill(&mut self, home: &mut Home, times: usize) {
        let at_random = times * AT_RANDOM_OF_FIVE / 5;
        let aims = Window::ALL.into_iter().cycle().map(Aim::At).take(times - at_random);
        let mut deck: Vec<Aim> = aims.chain((0..at_random).map(|_| Aim::AnyTime)).collect();
        self.rng.shuffle(&mut deck);
        for aim in deck {
            self.round(home, aim);
        }
        for _ in 0..EXTRA_MAX {
            let Some(aim) = self.wanting(home) else { break };
            self.round(home, Aim::At(aim));
        }
        // The last one may have left something on its way.
        self.stage.emulator.faults().release_all();
    }

    /// What to aim at so that everything that shall happen has happened; `None` when it has.
    fn wanting(&self, home: &Home) -> Option<Window> {
        let missed = Window::ALL.into_iter().find(|window| self.kills.of(*window) == 0);
        let weather = Weather::of(self.stage, home);
        missed
            .or((self.late.refused == 0).then_some(Window::InFlight))
            .or((!weather.was_bad()).then_some(Window::Between))
    }

    /// Starts the product, waits for the moment, kills it, and sees what was hit.
    fn round(&mut self, home: &mut Home, aim: Aim) {
        self.rounds += 1;
        let hold = self.prepare_hold(home, aim);
        let mark = self.stage.emulator.log().count();
        let mut running = home.run();
        self.let_go(mark, hold.as_ref());
        match (aim, &hold) {
            (_, Some(file)) => wait_until(SOON, "the product to come to the place", || {
                assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
                file.exists()
            }),
            (Aim::At(Window::InFlight), None) => {
                self.stall((home, &mut running), mark, &FaultKind::StallBefore { for_ms: None });
            }
            (Aim::At(Window::Unanswered), None) => {
                self.stall((home, &mut running), mark, &FaultKind::StallAfter { for_ms: None });
            }
            (Aim::At(_), None) => self.some_moment(home, &mut running, mark),
            (Aim::AnyTime, None) => self.any_time(),
        }
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        running.kill9();
        let calls = self.calls_since(mark);
        let said = hold.and_then(|file| fs::read_to_string(file).ok());
        let hit = classify(said.as_deref(), &calls);
        self.kills.count(hit, matches!(aim, Aim::AnyTime));
        eprintln!("kill {}: {aim:?}, hit {hit}, {} calls", self.rounds, calls.len());
        self.nothing_taken_back_is_shown();
        self.keep_or_let_go();
        if self.rng.percent(30) {
            // The backlog grows while nobody reads it.
            let more = u64::try_from(self.rng.within(1..=25)).unwrap();
            self.progress.wait_transactions(more, SOON);
        }
    }

    /// Where the window is inside of the process, tells it to wait there; returns the file that it makes then.
    fn prepare_hold(&mut self, home: &mut Home, aim: Aim) -> Option<PathBuf> {
        let place = match aim {
            Aim::At(Window::BeforeSend) => "before_send",
            Aim::At(Window::NotStored) => "answered",
            Aim::At(Window::StoreFlush) => "store_flush",
            _ => {
                home.set("SHEETWIRE_HOLD", "");
                return None;
            }
        };
        let file = home.join(&format!("hold-{}", self.rounds));
        home.set("SHEETWIRE_HOLD", &format!("{place}:{}", self.rng.within(1..=5)));
        home.set("SHEETWIRE_HOLD_FILE", file.to_str().unwrap());
        Some(file)
    }

    /// Waits until a batch with rows hangs at Google.
    fn stall(&mut self, (home, running): (&Home, &mut Running<'_>), mark: u64, kind: &FaultKind) {
        let mut since = mark;
        loop {
            let skip = u32::try_from(self.rng.below(5)).unwrap();
            let fault = Fault::once(kind.clone(), FaultFilter::BatchUpdate);
            self.stage.emulator.faults().arm(Fault { skip, ..fault });
            let applied = matches!(kind, FaultKind::StallAfter { .. });
            let call = self.stage.wait_call(home, running, |call| {
                let struck = call.ordinal > since && call.fault == Some(kind.name());
                struck && call.held && (call.applied == applied || call.error.is_some())
            });
            if carries_rows(&call) && call.error.is_none() {
                return;
            }
            // The fence alone, or a refusal: worth a kill too, but it is not the window that is wanted.
            since = call.ordinal;
            self.stage.emulator.faults().release(call.ordinal);
        }
    }

    /// Lets a time pass that is drawn to the microsecond. Here the time itself is the claim, so nothing is waited for.
    fn any_time(&mut self) {
        let drawn = self.rng.below(usize::try_from(MOMENTS.as_micros()).unwrap());
        let span = Duration::from_micros(u64::try_from(drawn).unwrap());
        assert!(!self.progress.stopped_within(span), "writer or person have stopped");
    }

    fn some_moment(&mut self, home: &Home, running: &mut Running<'_>, mark: u64) {
        let some = u64::try_from(self.rng.within(1..=20)).unwrap();
        match self.rng.below(4) {
            0 => {}
            1 => self.progress.wait_transactions(some * 3, SOON),
            2 => drop(self.stage.wait_call(home, running, |call| call.ordinal >= mark + some)),
            _ => drop(self.stage.wait_call(home, running, |call| {
                call.ordinal > mark + some && is_batch(call) && carries_rows(call)
            })),
        }
    }

    /// Calls of the process that began behind `mark`. What comes before its first call for a token was still on its way from its
    /// predecessor.
    fn calls_since(&self, mark: u64) -> Vec<Call> {
        let calls = self.stage.emulator.log().after(mark, usize::MAX);
        calls.into_iter().skip_while(|call| call.kind != CallKind::Token).collect()
    }

    /// Decides what becomes of a batch that hangs at Google now that its sender is dead.
    fn keep_or_let_go(&mut self) {
        let held = self.stage.emulator.faults().held();
        let log = self.stage.emulator.log();
        let stalled = |ordinal: &u64| {
            log.call(*ordinal)
                .is_some_and(|call| matches!(call.fault, Some("stall_before" | "stall_after")))
        };
        let Some(ordinal) = held.into_iter().find(stalled) else { return };
        let choices = [
            Release::WhileDead,
            Release::AtStart,
            Release::BehindTheFence,
            Release::BehindTheFence,
        ];
        match self.rng.pick(&choices) {
            Release::WhileDead => self.release(ordinal),
            later => self.held = Some((ordinal, later)),
        }
    }

    /// Lets a batch of a dead process go at its time.
    fn let_go(&mut self, mark: u64, hold: Option<&PathBuf>) {
        let Some((ordinal, when)) = self.held.take() else { return };
        if matches!(when, Release::BehindTheFence) {
            wait_until(SOON, "the fence to be moved", || {
                let moved =
                    self.calls_since(mark).iter().any(|call| is_batch(call) && call.applied);
                // A process that is held before its first call will not move it.
                moved || hold.is_some_and(|file| file.exists())
            });
        }
        self.release(ordinal);
    }

    fn release(&mut self, ordinal: u64) {
        let log = self.stage.emulator.log();
        let before = log.call(ordinal).is_some_and(|call| call.applied);
        self.stage.emulator.faults().release(ordinal);
        let over = log.wait_for(SOON, |call| {
            call.ordinal == ordinal && !call.held && (call.applied || call.error.is_some())
        });
        let call = self.stage.runtime().block_on(over).unwrap();
        if !before {
            let count = if call.applied { &mut self.late.applied } else { &mut self.late.refused };
            *count += 1;
        }
    }

    /// A transaction that was rolled back never was: none of its words may ever stand in a tab.
    fn nothing_taken_back_is_shown(&self) {
        let taken_back = self.progress.taken_back();
        let book = self.stage.emulator.spreadsheet(BOOK).unwrap();
        for table in &TABLES {
            let Some(tab) = Tab::of(&book, table) else { continue };
            for (row, _, text) in tab.texts() {
                assert!(
                    !taken_back.contains(text),
                    "{} row {row}: '{text}' was rolled back",
                    table.name
                );
            }
        }
    }
}
