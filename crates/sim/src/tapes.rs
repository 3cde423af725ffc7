//! Tapes that once failed, as text: committed beside the sources, and played by every run of the tests.
//!
//! ```text
//! # why it failed, one or more lines
//! policy any
//! ticks 200
//! reaches crash, misdirected
//! choices 0 3 1 4 1 5
//! ```
//!
//! `reaches` names what the story must come by: a tape that does not any more tells another story, because the simulator has changed, and
//! is to be taken anew or removed.

use std::{fmt::Write as _, fs, io, path::Path};

use crate::{
    life::{Keep, Plan, Story, live},
    options::PolicyChoice,
    tape::Tape,
};

/// A tape as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Why it was kept.
    pub why: String,
    /// How it is lived.
    pub plan: Plan,
    /// Counters that it must raise.
    pub reaches: Vec<String>,
    /// What was chosen.
    pub choices: Vec<u32>,
}

impl Kept {
    /// Reads a tape. A sentence with the line where it cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut kept =
            Self { why: String::new(), plan: Plan::default(), reaches: vec![], choices: vec![] };
        for (number, line) in (1..).zip(text.lines()) {
            let bad = |what: &str| format!("line {number}: {what}");
            match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
                ("", _) => {}
                ("#", why) => {
                    kept.why += if kept.why.is_empty() { "" } else { "\n" };
                    kept.why += why;
                }
                ("policy", name) => {
                    let choice = PolicyChoice::of_name(name);
                    kept.plan.policy = choice.ok_or_else(|| bad("no such policy"))?;
                }
                ("ticks", ticks) => {
                    kept.plan.ticks = ticks.parse().map_err(|_| bad("no number of ticks"))?;
                }
                ("reaches", names) => {
                    kept.reaches = names.split(',').map(|name| name.trim().to_owned()).collect();
                }
                ("choices", numbers) => {
                    let numbers: Result<Vec<u32>, _> =
                        numbers.split_whitespace().map(str::parse).collect();
                    kept.choices = numbers.map_err(|_| bad("choices are numbers"))?;
                }
                (word, _) => return Err(bad(&format!("nobody knows '{word}'"))),
            }
        }
        if kept.choices.is_empty() { Err("there are no choices".into()) } else { Ok(kept) }
    }

    /// As text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in self.why.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "policy {}", self.plan.policy.name());
        let _ = writeln!(text, "ticks {}", self.plan.ticks);
        if !self.reaches.is_empty() {
            let _ = writeln!(text, "reaches {}", self.reaches.join(", "));
        }
        let choices: Vec<String> = self.choices.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "choices {}", choices.join(" "));
        text
    }

    /// Lives it.
    pub fn play(&self, keep: Keep) -> Story {
        live(Tape::of_choices(self.choices.clone()), self.plan, keep)
    }

    /// Lives it, and says what is wrong.
    pub fn verdict(&self) -> Result<(), String> {
        let story = self.play(Keep::default());
        if let Some(failure) = story.failure {
            return Err(failure);
        }
        match self.reaches.iter().find(|name| !story.counters.contains_key(name.as_str())) {
            Some(name) => Err(format!("it does not come by '{name}' any more: take it anew")),
            None => Ok(()),
        }
    }
}

/// Every tape of a folder, by name.
pub fn read_all(folder: &Path) -> io::Result<Vec<(String, Kept)>> {
    let mut tapes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tape") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let kept = Kept::parse(&fs::read_to_string(&path)?);
            let bad = |why| io::Error::other(format!("{}: {why}", path.display()));
            tapes.push((name, kept.map_err(bad)?));
        }
    }
    tapes.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_comes_back_as_it_was_written() {
        let kept = Kept {
            why: "I2: lost\nfound as seed 4".into(),
            plan: Plan { policy: PolicyChoice::Hold, ticks: 60, mutant: None, notes: false },
            reaches: vec!["crash".into(), "held".into()],
            choices: vec![0, 7, 4_000_000_000],
        };
        assert_eq!(Kept::parse(&kept.to_text()), Ok(kept));
        assert_eq!(Kept::parse("choices 1 x"), Err("line 1: choices are numbers".into()));
        assert_eq!(Kept::parse("# B"), Err("there are no choices".into()));
        assert_eq!(Kept::parse("\nspeed 3"), Err("line 2: nobody knows 'speed'".into()));
    }
}
