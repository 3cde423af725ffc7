//! From a long story that fails to a short one that fails in the same way.

use crate::{
    life::{Keep, Plan, live},
    tape::Tape,
};

/// Worlds that shrinking may cost.
const TRIES_MAX: usize = 20_000;

/// What makes two failures the same: the claim that is broken.
pub fn kind(failure: &str) -> &str {
    failure.split([' ', ':']).find(|word| word.starts_with('I') && word.len() < 4).unwrap_or(
        failure.split_once(|c: char| c.is_ascii_digit()).map_or(failure, |(start, _)| start),
    )
}

/// Shrinks the choices of a failing world.
pub fn shrink(choices: Vec<u32>, plan: Plan, failure: &str) -> Vec<u32> {
    let mut search = Search { best: choices, plan, kind: kind(failure).to_owned(), tries: 0 };
    loop {
        let before = search.best.clone();
        search.cut_the_end();
        search.in_blocks(Vec::clear);
        search.in_blocks(|block| block.fill(0));
        search.smaller_numbers();
        if search.best == before || search.tries >= TRIES_MAX {
            return search.best;
        }
    }
}

struct Search {
    best: Vec<u32>,
    plan: Plan,
    kind: String,
    tries: usize,
}

impl Search {
    /// Keeps the choices where they fail in the same way.
    fn keep_if_failing(&mut self, choices: Vec<u32>) -> bool {
        if self.tries >= TRIES_MAX || choices == self.best {
            return false;
        }
        self.tries += 1;
        let story = live(Tape::of_choices(choices.clone()), self.plan, Keep::default());
        let same = story.failure.is_some_and(|failure| kind(&failure) == self.kind);
        if same {
            self.best = choices;
        }
        same
    }

    fn cut_the_end(&mut self) {
        let mut cut = self.best.len() / 2;
        while cut > 0 {
            let shorter = self.best[..self.best.len() - cut.min(self.best.len())].to_vec();
            if !self.keep_if_failing(shorter) {
                cut /= 2;
            }
        }
    }

    fn in_blocks(&mut self, simpler: impl Fn(&mut Vec<u32>)) {
        let mut size = (self.best.len() / 2).max(1);
        loop {
            let mut from = 0;
            while from < self.best.len() {
                let to = (from + size).min(self.best.len());
                let mut block = self.best[from..to].to_vec();
                simpler(&mut block);
                let choices = [&self.best[..from], &block, &self.best[to..]].concat();
                let shorter = choices.len() < self.best.len();
                if !(self.keep_if_failing(choices) && shorter) {
                    from += size;
                }
            }
            if size == 1 || self.tries >= TRIES_MAX {
                return;
            }
            size /= 2;
        }
    }

    fn smaller_numbers(&mut self) {
        for place in 0..self.best.len() {
            for smaller in [1, self.best.get(place).copied().unwrap_or(0) / 2] {
                let mut choices = self.best.clone();
                let Some(choice) = choices.get_mut(place).filter(|choice| **choice > smaller)
                else {
                    continue;
                };
                *choice = smaller;
                self.keep_if_failing(choices);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn failures_are_told_apart_by_the_claim_that_is_broken() {
        assert_eq!(kind("Tab0: I2: u17, typed in row 3, is nowhere"), "I2");
        assert_eq!(kind("I12: the engine panicked"), "I12");
        assert_eq!(kind("not idle after 3,000 steps"), "not idle after ");
    }
}
