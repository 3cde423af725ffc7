//! Kills the product at moments that are drawn, and once at each named place, and counts what was hit.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sheets_emulator::http::{Call, CallKind};
use sheetwire::hold;

use super::{
    super::{
        SOON,
        grid::Tab,
        rng::Rng,
        stage::tail,
        windows::{Window, classify},
        writer::Progress,
    },
    Side,
    postman::Postman,
    table::{NAME, ever},
    trip::{Step, Tail},
};
use crate::{
    slice::BOOK,
    support::{
        sheetwire::{Home, Running},
        wait::wait_until,
    },
};

/// A drawn moment lies within this time: from the start on, or from the first transaction that was carried out.
const MOMENTS: Duration = Duration::from_millis(1_800);
/// Kills beyond the wanted number, for steps that were not hit yet.
const EXTRA_MAX: usize = 40;

/// When to kill.
#[derive(Debug, Clone, Copy)]
enum Aim {
    /// At any time.
    AnyTime,
    /// At any time, when it has written to the database.
    AtWork,
    /// At this named place.
    Place(&'static str),
    /// When its tape says that it is there.
    Step(Step),
    /// When the emulator says that a batch is there.
    Batch(Window),
}

/// Kills, by what they hit. One may hit something on both ways, and counts on both.
#[derive(Debug, Default)]
pub(super) struct Kills {
    /// All of them.
    pub(super) all: usize,
    /// Those at a moment that was drawn.
    pub(super) at_random: usize,
    rows: BTreeMap<Window, usize>,
    edits: BTreeMap<Step, usize>,
    /// Those at a drawn moment.
    edits_at_random: BTreeMap<Step, usize>,
    rows_at_random: BTreeMap<Window, usize>,
    places: BTreeMap<String, usize>,
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kills, {} at random; a row:", self.all, self.at_random)?;
        for window in Window::ALL {
            let random = self.rows_at_random.get(&window).copied().unwrap_or(0);
            write!(f, " {} {window} ({random}),", self.of_rows(window))?;
        }
        f.write_str(" an edit:")?;
        for step in Step::ALL {
            let random = self.edits_at_random.get(&step).copied().unwrap_or(0);
            write!(f, " {} {} ({random}),", self.of_edits(step), step.name())?;
        }
        f.write_str(" places:")?;
        for place in hold::PLACES {
            write!(f, " {} {place},", self.at(place))?;
        }
        Ok(())
    }
}

impl Kills {
    fn of_rows(&self, window: Window) -> usize {
        self.rows.get(&window).copied().unwrap_or(0)
    }

    fn of_edits(&self, step: Step) -> usize {
        self.edits.get(&step).copied().unwrap_or(0)
    }

    fn at(&self, place: &str) -> usize {
        self.places.get(place).copied().unwrap_or(0)
    }

    /// Fails where one of them was never hit.
    pub(super) fn assert_everywhere(&self) {
        for window in Window::ALL {
            assert!(self.of_rows(window) > 0, "no kill hit the window '{window}': {self}");
        }
        for step in Step::ALL {
            assert!(self.of_edits(step) > 0, "no kill hit '{}': {self}", step.name());
        }
        for place in hold::PLACES {
            assert!(self.at(place) > 0, "no kill at '{place}': {self}");
        }
    }
}

/// The killer.
#[derive(Debug)]
pub(super) struct Killer<'a> {
    pub(super) side: Side<'a>,
    pub(super) postman: &'a Postman,
    pub(super) progress: &'a Progress,
    pub(super) rng: Rng,
    pub(super) tape: Tail,
    pub(super) kills: Kills,
}

impl Killer<'_> {
    /// So many kills at random, and one at each place; more for what was not hit.
    pub(super) fn kill(&mut self, home: &mut Home, at_random: usize) {
        let places = hold::PLACES.into_iter().map(Aim::Place);
        let drawn = (0..at_random).map(|n| if n % 3 == 0 { Aim::AnyTime } else { Aim::AtWork });
        let mut deck: Vec<Aim> = places.chain(drawn).collect();
        self.rng.shuffle(&mut deck);
        for aim in deck {
            self.round(home, aim);
        }
        for _ in 0..EXTRA_MAX {
            let Some(aim) = self.wanting() else { break };
            self.round(home, aim);
        }
    }

    /// What to aim at so that everything was hit; `None` when it was.
    fn wanting(&self) -> Option<Aim> {
        let step = Step::ALL.into_iter().find(|step| self.kills.of_edits(*step) == 0);
        let window = || Window::ALL.into_iter().find(|window| self.kills.of_rows(*window) == 0);
        let aim = |step| match step {
            // Over too soon to be met by looking at the tape.
            Step::Committed => Aim::Place(hold::COMMITTED),
            step => Aim::Step(step),
        };
        step.map(aim).or_else(|| {
            Some(match window()? {
                Window::BeforeSend => Aim::Place(hold::BEFORE_SEND),
                Window::NotStored => Aim::Place(hold::ANSWERED),
                Window::StoreFlush => Aim::Place(hold::STORE_FLUSH),
                Window::Between => Aim::AnyTime,
                window @ (Window::InFlight | Window::Unanswered) => Aim::Batch(window),
            })
        })
    }

    /// Starts the product, waits for the moment, kills it, and sees what was hit.
    fn round(&mut self, home: &mut Home, aim: Aim) {
        let held = self.prepare(home, aim);
        self.tape.begin();
        let mark = self.side.emulator.log().count();
        let mut running = home.run();
        match aim {
            Aim::Place(place) => {
                let file = held.as_ref().unwrap();
                let what = format!("the product to come to the place: {aim:?}");
                // Whole: the file is there a moment before its word is.
                let said = || fs::read_to_string(file).is_ok_and(|said| said == place);
                wait(home, &mut running, &what, said);
            }
            Aim::AnyTime => self.any_time(),
            Aim::AtWork => {
                wait(home, &mut running, "a transaction", || self.tape.doing().committed > 0);
                self.any_time();
            }
            Aim::Step(step) => {
                let there = || self.tape.doing().steps(self.side.db).contains(&step);
                wait(home, &mut running, step.name(), there);
            }
            Aim::Batch(window) => {
                let there = || classify(None, &self.calls_since(mark)) == window;
                wait(home, &mut running, "a batch on its way", there);
            }
        }
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        running.kill9();
        self.postman.killed();
        self.count(aim, mark, held.as_deref());
        self.nothing_taken_back_is_shown();
        if self.rng.percent(30) {
            // People and the application go on while nobody listens.
            let more = u64::try_from(self.rng.within(1..=25)).unwrap();
            self.progress.wait_transactions(more, SOON);
        }
    }

    /// Tells the next process where to wait to be killed; returns the file that it makes then.
    fn prepare(&mut self, home: &mut Home, aim: Aim) -> Option<PathBuf> {
        let Aim::Place(place) = aim else {
            home.set("SHEETWIRE_HOLD", "");
            return None;
        };
        let file = home.join(&format!("hold-{}", self.kills.all));
        // What happens once in a life is met at its first time.
        let once = [hold::BELLS_ANEW, hold::PROBED].contains(&place);
        let passing = if once { 1 } else { self.rng.within(1..=3) };
        home.set("SHEETWIRE_HOLD", &format!("{place}:{passing}"));
        home.set("SHEETWIRE_HOLD_FILE", file.to_str().unwrap());
        if place == hold::PROBED {
            // It is probed again where that was not noted.
            let _ = fs::remove_file(home.join("state/probes.json"));
        }
        Some(file)
    }

    /// Lets a time pass that is drawn to the microsecond. Here the time itself is the claim, so nothing is waited for.
    fn any_time(&mut self) {
        let drawn = self.rng.below(usize::try_from(MOMENTS.as_micros()).unwrap());
        let span = Duration::from_micros(u64::try_from(drawn).unwrap());
        assert!(!self.progress.stopped_within(span), "the application or somebody has stopped");
    }

    fn count(&mut self, aim: Aim, mark: u64, held: Option<&Path>) {
        let place = held.and_then(|file| fs::read_to_string(file).ok());
        // A claim is a batch, too; the other places are no part of a batch's way.
        let as_batch = match place.as_deref() {
            Some(hold::BEFORE_CLAIM) => Some(hold::BEFORE_SEND),
            Some(hold::CLAIMED) => Some(hold::ANSWERED),
            Some(hold::STORE_FLUSH | hold::STORE_FLUSHED) => Some(hold::STORE_FLUSH),
            Some(other) if [hold::BEFORE_SEND, hold::ANSWERED].contains(&other) => Some(other),
            _ => None,
        };
        let window = classify(as_batch, &self.calls_since(mark));
        let doing = self.tape.doing().clone();
        let steps = doing.steps(self.side.db);
        let at_random = matches!(aim, Aim::AnyTime | Aim::AtWork);
        eprintln!(
            "kill {}: {aim:?}, hit {window}, {}; {} committed, {} rings",
            self.kills.all + 1,
            steps.iter().map(|step| step.name()).collect::<Vec<_>>().join(" and "),
            doing.committed,
            doing.rings,
        );
        let kills = &mut self.kills;
        kills.all += 1;
        kills.at_random += usize::from(at_random);
        let both = [
            (true, &mut kills.rows, &mut kills.edits),
            (at_random, &mut kills.rows_at_random, &mut kills.edits_at_random),
        ];
        for (_, rows, edits) in both.into_iter().filter(|(counts, ..)| *counts) {
            // Between batches, and not between two steps of an edit either.
            if window != Window::Between || steps.is_empty() {
                *rows.entry(window).or_default() += 1;
            }
            for step in &steps {
                *edits.entry(*step).or_default() += 1;
            }
        }
        if let Some(place) = place {
            *kills.places.entry(place).or_default() += 1;
        }
    }

    /// Calls of the process that began behind `mark`. What comes before its first call for a token was still on its way from its
    /// predecessor.
    fn calls_since(&self, mark: u64) -> Vec<Call> {
        let calls = self.side.emulator.log().after(mark, usize::MAX);
        calls.into_iter().skip_while(|call| call.kind != CallKind::Token).collect()
    }

    /// A transaction that was rolled back never was: none of its words may ever stand in the tab.
    fn nothing_taken_back_is_shown(&self) {
        let book = self.side.emulator.spreadsheet(BOOK).unwrap();
        let Some(tab) = Tab::named(&book, NAME, "id") else { return };
        let shown: BTreeSet<String> = tab.texts().map(|(_, _, text)| text.to_owned()).collect();
        let shown: Vec<String> =
            shown.into_iter().filter(|text| text.starts_with("app word")).collect();
        let real = ever(self.side.db, &shown);
        let vain: Vec<&String> = shown.iter().filter(|word| !real.contains(word)).collect();
        assert!(vain.is_empty(), "rolled back, and in the tab: {vain:?}");
    }
}

#[track_caller]
fn wait(home: &Home, running: &mut Running<'_>, what: &str, mut there: impl FnMut() -> bool) {
    wait_until(SOON, what, || {
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        there()
    });
}
