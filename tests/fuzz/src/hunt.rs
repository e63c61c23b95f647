//! A hunt: mutate, run, keep what led somewhere new.

use std::{
    any::Any,
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::{Mutator, Outcome, Target};

/// Most inputs that are mutated further; at the bound a new one takes the place of another.
pub const LIVE_MAX: usize = 4096;

/// An input that broke something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// What the panic said.
    pub what: String,
}

/// One hunt; the same target, corpus and seed go the same way.
#[derive(Debug)]
pub struct Hunt<'a> {
    target: &'a Target,
    mutator: Mutator,
    rng: StdRng,
    live: Vec<Vec<u8>>,
    seen: HashSet<Outcome>,
    /// Inputs that were made here and led somewhere new.
    grown: Vec<Vec<u8>>,
    n_inputs: u64,
}

impl<'a> Hunt<'a> {
    /// A hunt that begins with `inputs`.
    ///
    /// # Errors
    /// One of them breaks something.
    pub fn new(
        target: &'a Target,
        inputs: impl IntoIterator<Item = Vec<u8>>,
        seed: u64,
    ) -> Result<Self, Finding> {
        let mut hunt = Self {
            target,
            mutator: Mutator::new(target.words, target.bytes_max),
            rng: StdRng::seed_from_u64(seed),
            live: Vec::new(),
            seen: HashSet::new(),
            grown: Vec::new(),
            n_inputs: 0,
        };
        for input in inputs {
            let outcome = hunt.run(&input)?;
            hunt.seen.insert(outcome);
            hunt.live.push(input);
        }
        hunt.live.push(Vec::new());
        Ok(hunt)
    }

    /// The next input; nothing was run yet.
    pub fn next_input(&mut self) -> Vec<u8> {
        let base = self
            .live
            .choose(&mut self.rng)
            .map_or(&[][..], Vec::as_slice);
        let other = self
            .live
            .choose(&mut self.rng)
            .map_or(&[][..], Vec::as_slice);
        self.mutator.mutate(&mut self.rng, base, other)
    }

    /// Runs an input, and keeps it where it led somewhere new.
    ///
    /// # Errors
    /// It broke something.
    pub fn try_input(&mut self, input: Vec<u8>) -> Result<(), Finding> {
        let outcome = self.run(&input)?;
        if self.seen.insert(outcome) {
            self.grown.push(input.clone());
            if self.live.len() < LIVE_MAX {
                self.live.push(input);
            } else {
                let place = self.rng.random_range(0..LIVE_MAX);
                self.live[place] = input;
            }
        }
        Ok(())
    }

    /// Makes and runs one input.
    ///
    /// # Errors
    /// It broke something.
    pub fn step(&mut self) -> Result<(), Finding> {
        let input = self.next_input();
        self.try_input(input)
    }

    /// Inputs that were run so far.
    #[must_use]
    pub fn n_inputs(&self) -> u64 {
        self.n_inputs
    }

    /// Ways that inputs went so far.
    #[must_use]
    pub fn n_outcomes(&self) -> usize {
        self.seen.len()
    }

    /// Inputs of this hunt that led somewhere new.
    #[must_use]
    pub fn grown(&self) -> &[Vec<u8>] {
        &self.grown
    }

    fn run(&mut self, input: &[u8]) -> Result<Outcome, Finding> {
        self.n_inputs += 1;
        let run = self.target.run;
        catch_unwind(AssertUnwindSafe(|| run(input))).map_err(|panic| Finding {
            input: input.to_vec(),
            what: text_of(panic.as_ref()),
        })
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}
