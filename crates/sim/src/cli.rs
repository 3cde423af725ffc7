//! What can be asked for, and how it is answered. The last line always says how it went.

use std::{
    io::{self, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};
use sheetwire_sim::{
    life::{Keep, Plan, Story},
    options::PolicyChoice,
    run::{Order, Tally, run},
    shrink::{kind, shrink},
    sometimes::{is_due, never},
    tape::Tape,
    tapes::{Kept, read_all},
};

/// A deterministic simulator that drives the real engine through everything that users, servers and Google can do to it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Whole worlds: the engine, a database, spreadsheets, people and faults.
    Engine(Engine),
    /// The laws of merging, on drawn rows.
    Planner {
        /// How many rows.
        #[arg(long, default_value_t = 100_000)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Threads; every core where nothing is said.
        #[arg(long)]
        threads: Option<NonZeroUsize>,
    },
    /// Plausible but wrong designs of the engine: each must be noticed.
    Mutants {
        /// Worlds lived with each, at most.
        #[arg(long, default_value_t = 5_000)]
        seeds: u64,
        /// Just this one.
        #[arg(long, value_name = "NAME")]
        #[cfg_attr(feature = "mutants", arg(value_parser = bad_design))]
        only: Option<BadDesign>,
        /// Threads; every core where nothing is said.
        #[arg(long)]
        threads: Option<NonZeroUsize>,
    },
    /// Every tape of a folder; none may fail any more.
    Tapes {
        /// The folder.
        folder: PathBuf,
    },
    /// What `sheetwire run --record FILE` wrote: a fresh engine must want the same.
    Replay {
        /// The file.
        file: PathBuf,
        /// Tell all that is on it.
        #[arg(long)]
        trace: bool,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the command line")]
struct Engine {
    /// How many worlds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Just this seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Just this tape.
    #[arg(long, conflicts_with_all = ["seeds", "seed"], value_name = "FILE")]
    tape: Option<PathBuf>,
    /// Which policies the tables have.
    #[arg(long, default_value = "any", value_parser = PossibleValuesParser::new(["any", "database", "sheet", "newest", "hold", "one-way"]))]
    policy: String,
    /// The bad design that the engine is (see `mutants`).
    #[cfg(feature = "mutants")]
    #[arg(long, value_parser = bad_design, value_name = "NAME")]
    mutant: Option<sheetwire_engine::mutants::Mutant>,
    /// Cells get notes.
    #[arg(long)]
    notes: bool,
    /// Steps of trouble in each world.
    #[arg(long, default_value_t = 200)]
    ticks: u64,
    /// Tell the story of the one world.
    #[arg(long)]
    trace: bool,
    /// Look for a short story that fails in the same way.
    #[arg(long)]
    shrink: bool,
    /// Write each failing world into this folder, shrunk, as a tape.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Fail where something that ought to happen sometimes never did; always so in 20,000 worlds of any policy.
    #[arg(long)]
    sometimes: bool,
    /// Threads; every core where nothing is said.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let answer = match &arguments.what {
        What::Engine(order) => engine(order),
        What::Planner { seeds, from, threads } => planner(*from, *seeds, *threads),
        What::Mutants { seeds, only, threads } => mutants(*seeds, only.as_ref(), *threads),
        What::Tapes { folder } => tapes(folder),
        What::Replay { file, trace } => sheetwire_sim::replay::told(file, *trace),
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn engine(order: &Engine) -> io::Result<bool> {
    let policy = PolicyChoice::of_name(&order.policy).unwrap_or_default();
    let plan = Plan {
        policy,
        ticks: order.ticks,
        #[cfg(feature = "mutants")]
        mutant: order.mutant,
        #[cfg(not(feature = "mutants"))]
        mutant: None,
        notes: order.notes,
    };
    if let Some(file) = &order.tape {
        let text = std::fs::read_to_string(file)?;
        let kept = Kept::parse(&text)
            .map_err(|why| io::Error::other(format!("{}: {why}", file.display())))?;
        return one(order, kept.plan, &Tape::of_choices(kept.choices), "tape");
    }
    if let Some(seed) = order.seed {
        return one(order, plan, &Tape::of_seed(seed), &format!("seed {seed}"));
    }
    quiet();
    let tally = run(Order {
        from: order.from,
        seeds: order.seeds,
        plan,
        threads: threads(order.threads),
        failures_max: 0,
        twice_every: 100,
    });
    report(order, plan, &tally)
}

fn threads(wanted: Option<NonZeroUsize>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    wanted.map_or_else(cores, NonZeroUsize::get)
}

fn planner(from: u64, seeds: u64, wanted: Option<NonZeroUsize>) -> io::Result<bool> {
    quiet();
    let tally = sheetwire_sim::planner::run(from, seeds, threads(wanted));
    for (seed, failure) in tally.failures.iter().take(20) {
        say(&format!("seed {seed}: {failure}"))?;
    }
    let failures = tally.failures.len();
    say(&format!("{seeds} seeds, {failures} failures, {:.0} seeds/s", tally.rate()))?;
    Ok(failures == 0)
}

#[cfg(not(feature = "mutants"))]
type BadDesign = String;
#[cfg(feature = "mutants")]
type BadDesign = sheetwire_engine::mutants::Mutant;

#[cfg(feature = "mutants")]
fn bad_design(name: &str) -> Result<BadDesign, String> {
    use sheetwire_sim::mutants;

    mutants::of_name(name).ok_or_else(|| {
        let names: Vec<String> = BadDesign::ALL.into_iter().map(mutants::name).collect();
        format!("there are {}", names.join(", "))
    })
}

#[cfg(not(feature = "mutants"))]
fn mutants(_: u64, _: Option<&BadDesign>, _: Option<NonZeroUsize>) -> io::Result<bool> {
    Err(io::Error::other(
        "the bad designs are not in this build: cargo run --release -p sheetwire-sim --features mutants -- mutants",
    ))
}

#[cfg(feature = "mutants")]
fn mutants(seeds: u64, only: Option<&BadDesign>, wanted: Option<NonZeroUsize>) -> io::Result<bool> {
    use sheetwire_sim::mutants::{Fate, name, run};

    quiet();
    let tell = |fate: &Fate| {
        let name = name(fate.mutant);
        let _ = match &fate.killed {
            Some((seed, failure)) => {
                let line = failure.lines().next().unwrap_or_default();
                say(&format!("{name}: killed at seed {seed} by {line}"))
            }
            None => say(&format!("{name}: SURVIVES {seeds} seeds")),
        };
    };
    let chosen = only.map_or(&BadDesign::ALL[..], std::slice::from_ref);
    let fates = run(chosen, seeds, threads(wanted), &tell);
    let survivors = fates.iter().filter(|fate| fate.killed.is_none()).count();
    say(&format!("{} mutants, {survivors} survivors", fates.len()))?;
    Ok(survivors == 0)
}

/// Panics of the engine are failures, not noise.
fn quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}

fn report(order: &Engine, plan: Plan, tally: &Tally) -> io::Result<bool> {
    let counters: Vec<String> =
        tally.counters.iter().map(|(what, times)| format!("{what} {times}")).collect();
    say(&format!("happened: {}", counters.join(", ")))?;
    for (seed, failure) in tally.failures.iter().take(200) {
        let line = failure.lines().next().unwrap_or_default();
        say(&format!("seed {seed} ({}): {line}", plan.policy.name()))?;
    }
    if let Some(folder) = &order.keep {
        std::fs::create_dir_all(folder)?;
        for (seed, failure) in &tally.failures {
            keep_tape(folder, plan, *seed, failure)?;
        }
    }
    let mut good = tally.failures.is_empty();
    if order.sometimes || is_due(tally.seeds, plan.policy) {
        for what in never(&tally.counters) {
            say(&format!("never happened, although it ought to in so many worlds: {what}"))?;
            good = false;
        }
    }
    let (seeds, failures) = (tally.seeds, tally.failures.len());
    say(&format!("{seeds} seeds, {failures} failures, {:.0} seeds/s", tally.rate()))?;
    Ok(good)
}

fn keep_tape(folder: &Path, plan: Plan, seed: u64, failure: &str) -> io::Result<()> {
    let story = sheetwire_sim::life::live(Tape::of_seed(seed), plan, Keep::default());
    // As they were taken: a choice beyond what there was to choose from would mean something else as soon as there is more.
    let shrunk = Tape::of_choices(shrink(story.choices, plan, failure));
    let choices = sheetwire_sim::life::live(shrunk, plan, Keep::default()).choices;
    let line = failure.lines().next().unwrap_or_default();
    let kept =
        Kept { why: format!("{line}\nfound as seed {seed}"), plan, reaches: Vec::new(), choices };
    let name = format!("{}-{}-{seed}.tape", kind(failure), plan.policy.name());
    std::fs::write(folder.join(name), kept.to_text())
}

fn one(order: &Engine, plan: Plan, tape: &Tape, name: &str) -> io::Result<bool> {
    quiet();
    let keep = Keep { trace: order.trace, hash: true };
    let mut story = sheetwire_sim::life::live(tape.clone(), plan, keep);
    if let (true, Some(failure)) = (order.shrink, story.failure.clone()) {
        let choices = shrink(story.choices, plan, &failure);
        story = sheetwire_sim::life::live(Tape::of_choices(choices), plan, keep);
    }
    tell(&story)?;
    if order.shrink {
        let choices: Vec<String> = story.choices.iter().map(ToString::to_string).collect();
        say(&format!("choices {}", choices.join(" ")))?;
    }
    if let Some(hash) = story.hash {
        say(&format!("trace hash {hash:016x}"))?;
    }
    let failures = u8::from(story.failure.is_some());
    say(&format!("{name}: {}", story.failure.as_deref().unwrap_or("nothing is wrong")))?;
    say(&format!("1 seeds, {failures} failures, 1 seeds/s"))?;
    Ok(failures == 0)
}

fn tell(story: &Story) -> io::Result<()> {
    story.trace.iter().try_for_each(|line| say(line))
}

fn tapes(folder: &Path) -> io::Result<bool> {
    quiet();
    let tapes = read_all(folder)?;
    let mut failures = 0;
    for (name, kept) in &tapes {
        if let Err(failure) = kept.verdict() {
            failures += 1;
            say(&format!("{name}: {failure}"))?;
        }
    }
    say(&format!("{} tapes, {failures} failures", tapes.len()))?;
    Ok(failures == 0 && !tapes.is_empty())
}
