//! Chance that can be replayed and shrunk: every choice of a world is a number on a tape.
//!
//! Zero always means the least exciting thing that can happen, so that a tape with more zeros tells a simpler story. A tape that ends early
//! goes on with zeros.

/// Where choices come from.
#[derive(Debug, Clone)]
pub struct Tape {
    state: u64,
    /// What was chosen so far.
    taken: Vec<u32>,
    /// What is to be chosen, where a tape is played.
    given: Option<Vec<u32>>,
}

impl Tape {
    /// Fresh choices out of a seed.
    pub fn of_seed(seed: u64) -> Self {
        // A few rounds, so that neighbouring seeds do not begin alike.
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
        for _ in 0..4 {
            state ^= state >> 33;
            state = state.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        }
        Self { state: state | 1, taken: Vec::with_capacity(2_048), given: None }
    }

    /// The choices of a tape.
    pub fn of_choices(choices: Vec<u32>) -> Self {
        Self { state: 1, taken: Vec::with_capacity(choices.len()), given: Some(choices) }
    }

    /// Everything that was chosen.
    pub fn choices(&self) -> &[u32] {
        &self.taken
    }

    /// One of `0..below`.
    pub fn below(&mut self, below: usize) -> usize {
        let limit = u32::try_from(below.max(1)).unwrap_or(u32::MAX);
        let choice = if let Some(given) = &self.given {
            given.get(self.taken.len()).copied().unwrap_or(0).min(limit - 1)
        } else {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            let high = u32::try_from(self.state >> 32).unwrap_or(0);
            // Multiplying and shifting spreads as evenly as it has to be here, without a division.
            u32::try_from((u64::from(high) * u64::from(limit)) >> 32).unwrap_or(0)
        };
        self.taken.push(choice);
        usize::try_from(choice).unwrap_or(0)
    }

    /// Whether something happens that happens so often in a hundred. Zero on the tape: it does not.
    pub fn percent(&mut self, percent: usize) -> bool {
        percent > 0 && self.below(100) >= 100 - percent.min(100)
    }

    /// The same, in a thousand.
    pub fn per_mille(&mut self, chance: usize) -> bool {
        chance > 0 && self.below(1_000) >= 1_000 - chance.min(1_000)
    }

    /// One of these; the first is the least exciting.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// One of these by weight; the first is the least exciting.
    pub fn weighted<T: Copy>(&mut self, of: &[(usize, T)]) -> T {
        let total: usize = of.iter().map(|(weight, _)| weight).sum();
        let mut choice = self.below(total);
        for (weight, what) in of {
            if choice < *weight {
                return *what;
            }
            choice -= weight;
        }
        of[0].1
    }
}
