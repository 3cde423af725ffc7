//! What a world is like: drawn per seed, many faults switched off in each (swarm testing), so that some worlds are all of one kind of trouble.

use std::{num::NonZeroU32, time::Duration};

use sheetwire_engine::{
    engine::Settings,
    merge::{OnRemoved, Rule},
    pacer::Budget,
    planner::BatchLimits,
};

use crate::tape::Tape;

/// How often what goes wrong, in percent where nothing else is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The process dies, per mille of the steps.
    pub crash: usize,
    /// The server of the database dies and comes back, per mille of the steps.
    pub server_crash: usize,
    /// The store refuses a write: the process stops.
    pub store_refuses: usize,
    /// Applied, but the answer is lost.
    pub answer_lost: usize,
    /// Never applied, and the answer is lost.
    pub batch_lost: usize,
    /// Applied later, after the answer was given up.
    pub batch_late: usize,
    /// 429.
    pub throttled: usize,
    /// Refused before it left.
    pub not_sent: usize,
    /// A read fails, or tells of an earlier moment.
    pub read_fails: usize,
    /// A transaction cannot be prepared now: deadlock, lock wait, read-only.
    pub not_now: usize,
    /// The answer to a commit is lost.
    pub commit_lost: usize,
    /// A doorbell is lost, doubled or late.
    pub bells: usize,
    /// The log comes late: the source is a replica.
    pub lag: usize,
    /// The stream breaks and tells a transaction again.
    pub stream_breaks: usize,
    /// A person deletes the journal, or restores an older version of the spreadsheet; per mille of people's acts.
    pub journal: usize,
    /// An operator stops a table, lets it go on, repairs it, has it looked at, or has to move a damaged store away; per mille of the steps.
    pub operator: usize,
    /// A second process runs on a copy of the store; per mille of the steps.
    pub split: usize,
}

/// How a two-way table is kept.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Who wins.
    pub rule: Rule,
    /// What follows when a row is deleted in the sheet.
    pub on_removed: OnRemoved,
    /// Whether the sheet may change the database at all.
    pub inbound: bool,
}

/// Which policies are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyChoice {
    /// Any.
    #[default]
    Any,
    /// The database wins.
    Database,
    /// The sheet wins.
    Sheet,
    /// The newest wins.
    Newest,
    /// A person decides.
    Hold,
    /// One way only.
    OneWay,
}

impl PolicyChoice {
    const NAMES: [(&'static str, Self); 6] = [
        ("any", Self::Any),
        ("database", Self::Database),
        ("sheet", Self::Sheet),
        ("newest", Self::Newest),
        ("hold", Self::Hold),
        ("one-way", Self::OneWay),
    ];

    /// The choice of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, choice)| *choice)
    }

    /// Its name on the command line and on tapes.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, choice)| *choice == self).map_or("any", |(name, _)| name)
    }
}

/// Everything that is drawn before a world begins.
#[derive(Debug, Clone)]
pub struct Options {
    /// What goes wrong.
    pub faults: Faults,
    /// Weight of people's acts among the steps.
    pub people: usize,
    /// Weight of applications' transactions among the steps.
    pub apps: usize,
    /// Whether people change keys, copy rows and take things back.
    pub wild: bool,
    /// Of each table.
    pub policies: [Policy; 3],
    /// Positions are sets of transactions, not offsets.
    pub gtid: bool,
    /// Whether cells get notes: not drawn, so that a tape comes to the same.
    pub notes: bool,
    /// For the engine.
    pub settings: Settings,
}

impl Options {
    /// Draws a world's options.
    pub fn draw(tape: &mut Tape, choice: PolicyChoice) -> Self {
        let faults = Faults::draw(tape);
        let policy = draw_policy(tape, choice);
        let mut policies = [policy; 3];
        if choice == PolicyChoice::Any && tape.percent(50) {
            for policy in &mut policies {
                *policy = draw_policy(tape, choice);
            }
        }
        Self {
            faults,
            people: tape.pick(&[10, 20, 30]),
            apps: tape.pick(&[8, 4, 14]),
            wild: tape.percent(40),
            policies,
            gtid: faults.lag > 0 || tape.percent(40),
            notes: false,
            settings: draw_settings(tape),
        }
    }
}

fn draw_policy(tape: &mut Tape, choice: PolicyChoice) -> Policy {
    let any = [Rule::Database, Rule::Sheet, Rule::Hold, Rule::Newest];
    let rule = match choice {
        PolicyChoice::Any => tape.pick(&any),
        PolicyChoice::Database | PolicyChoice::OneWay => Rule::Database,
        PolicyChoice::Sheet => Rule::Sheet,
        PolicyChoice::Newest => Rule::Newest,
        PolicyChoice::Hold => Rule::Hold,
    };
    let one_way =
        choice == PolicyChoice::OneWay || (choice == PolicyChoice::Any && tape.percent(15));
    let on_removed =
        tape.pick(&[OnRemoved::Remove, OnRemoved::Remove, OnRemoved::Ignore, OnRemoved::Hold]);
    Policy { rule, on_removed, inbound: !one_way }
}

impl Faults {
    fn draw(tape: &mut Tape) -> Self {
        if tape.percent(8) {
            return Self::default();
        }
        let mut knob = |most: usize| if tape.percent(55) { 1 + tape.below(most) } else { 0 };
        Self {
            crash: knob(25),
            server_crash: knob(8),
            store_refuses: knob(2),
            answer_lost: knob(25),
            batch_lost: knob(20),
            batch_late: knob(20),
            throttled: knob(12),
            not_sent: knob(12),
            read_fails: knob(12),
            not_now: knob(30),
            commit_lost: knob(70),
            bells: knob(60),
            lag: knob(60),
            stream_breaks: knob(15),
            journal: knob(10),
            operator: knob(15),
            split: if tape.percent(15) { 1 + tape.below(6) } else { 0 },
        }
    }
}

fn draw_settings(tape: &mut Tape) -> Settings {
    let budget = NonZeroU32::new(tape.pick(&[600, 54])).unwrap_or(NonZeroU32::MIN);
    Settings {
        instance: "i".into(),
        pipeline: "world".into(),
        run: 1,
        budget: Budget { writes_per_minute: budget, reads_per_minute: budget },
        limits: BatchLimits {
            rows_max: tape.pick(&[200, 5, 2]),
            bytes_max: tape.pick(&[2_000_000, 400]),
        },
        rows_pending_max: tape.pick(&[1_000, 9, 3]),
        chunk_rows: tape.pick(&[100, 3, 1]),
        flush_every: Duration::from_secs(tape.pick(&[0, 2])),
        sweep_every: Duration::from_secs(tape.pick(&[20, 60, 600])),
        journal_hold: Duration::from_mins(3),
        history: false,
        takeover: false,
        started_at_us: START_US,
        refused: Vec::new(),
    }
}

/// Wall clock at the beginning of every world, microseconds since the Unix epoch.
pub const START_US: i64 = 1_800_000_000_000_000;
