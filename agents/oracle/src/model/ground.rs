//! What a text names, and whether the evidence shows it: addresses, users, counts and times.
//!
//! Evidence is read with the same eyes as a model's words, so that a count is found among counts
//! and not in the middle of a time.

mod facts;

use std::collections::BTreeSet;

use self::facts::facts;
use crate::redact::words;

/// Characters of a fact that are told.
const TOLD_CHARS_MAX: usize = 100;

/// Bytes of a text of the evidence that are looked at: far more than a model is told of one.
const LOOKED_BYTES_MAX: usize = 4096;

/// What sort of thing a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Address,
    User,
    Count,
    Time,
}

/// One thing that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) sort: Sort,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// In the one form that it is compared in.
    value: String,
}

/// What evidence shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ground {
    texts: String,
    values: BTreeSet<(Sort, String)>,
}

impl Sort {
    const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
            Self::Count => "count",
            Self::Time => "time",
        }
    }

    /// Whether it must stand in the very lines that a claim stands on. Counts and times are those
    /// of the whole digest.
    pub(crate) fn is_of_lines(self) -> bool {
        matches!(self, Self::Address | Self::User)
    }
}

impl Fact {
    /// As people read it: `count 500`.
    pub(crate) fn told(&self, text: &str) -> String {
        let named = text.get(self.start..self.end).unwrap_or_default();
        let named: String = named.chars().take(TOLD_CHARS_MAX).collect();
        format!("{} {named}", self.sort.word())
    }
}

impl Ground {
    /// What a text of the evidence shows.
    pub(crate) fn add(&mut self, text: &str) {
        let (text, _) = text.split_at(text.floor_char_boundary(LOOKED_BYTES_MAX));
        for fact in facts(text) {
            for value in shown(&fact) {
                self.values.insert((fact.sort, value));
            }
        }
        self.texts.push_str(text);
        self.texts.push('\n');
    }

    /// A count of the evidence.
    pub(crate) fn count(&mut self, n: u64) {
        self.values.insert((Sort::Count, n.to_string()));
    }

    /// What a text names and no evidence shows, in order.
    pub(crate) fn unfounded(&self, text: &str) -> Vec<Fact> {
        let mut facts = facts(text);
        facts.retain(|fact| !self.holds(fact, text));
        facts
    }

    fn holds(&self, fact: &Fact, text: &str) -> bool {
        let named = text.get(fact.start..fact.end).unwrap_or_default();
        match fact.sort {
            Sort::User => !words(&self.texts, named).is_empty(),
            Sort::Address if fact.value.contains("://") => self.texts.contains(named),
            sort => self.values.contains(&(sort, fact.value.clone())),
        }
    }
}

/// What a fact of the evidence shows beside itself: a second shows its minute and its hour.
fn shown(fact: &Fact) -> Vec<String> {
    let value = &fact.value;
    let starts: &[usize] = match fact.sort {
        Sort::Time if value.contains(':') => &[2, 5],
        _ => &[],
    };
    let mut shown = vec![value.clone()];
    shown.extend(
        starts
            .iter()
            .filter_map(|end| value.get(..*end).map(str::to_owned)),
    );
    if fact.sort == Sort::Time && value.len() == "2026-11-20".len() {
        shown.extend(value.get(5..).map(str::to_owned));
    }
    shown
}

#[cfg(test)]
mod tests;
