//! What models may cost in a day, and what they have cost.
//!
//! Pure: the day comes in, the ledger is a value that the agent keeps in its store. A question is
//! reserved before it is asked and settled after, so that one that was cut off by a crash counts as
//! if it had been answered in full: the ledger may say too much, never too little.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::question::TOKEN_BYTES;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Millionths in a unit of money.
const MICRO: f64 = 1_000_000.0;

/// What may be spent in a day (UTC); without a number there is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Tokens, of questions and answers together.
    pub tokens_per_day: Option<u64>,
    /// Money, in the currency of the prices.
    #[schemars(range(min = 0))]
    pub cost_per_day: Option<f64>,
}

/// What a model costs, in any one currency.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// Of a million tokens of questions.
    #[schemars(range(min = 0))]
    pub input_per_million: f64,
    /// Of a million tokens of answers.
    #[schemars(range(min = 0))]
    pub output_per_million: f64,
}

/// Tokens of a question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// What was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) tokens: u64,
    /// Millionths of a unit of money.
    pub(crate) micros: u64,
}

/// What was spent on one day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    /// Days since 1970.
    day: u64,
    /// By backend.
    spent: BTreeMap<String, Spent>,
}

/// A budget that is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("budget: {what} of {whose} for today would not do for another question")]
pub(crate) struct OverBudget {
    what: String,
    whose: String,
}

/// Who asks, and within what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) backend: &'a str,
    pub(crate) own: Budget,
    /// Of all backends together.
    pub(crate) whole: Budget,
    pub(crate) price: Price,
}

impl Usage {
    /// What a question of so many bytes may take at most, with its answer. A token is taken for
    /// shorter than it is on the average, as log lines have many short ones.
    pub(crate) fn at_most(question_bytes: usize, answer_tokens: usize) -> Self {
        Self {
            input: (question_bytes / (TOKEN_BYTES - 1)) as u64 + 1,
            output: answer_tokens as u64,
        }
    }
}

impl Price {
    /// What it comes to.
    fn of(self, usage: Usage) -> Spent {
        let cost = to_f64(usage.input) * self.input_per_million
            + to_f64(usage.output) * self.output_per_million;
        Spent {
            tokens: usage.input.saturating_add(usage.output),
            micros: to_micros(cost),
        }
    }
}

impl Ledger {
    /// Sets aside what a question may cost.
    pub(crate) fn reserve(
        &mut self,
        terms: Terms<'_>,
        usage: Usage,
        now_unix_ms: u64,
    ) -> Result<Spent, OverBudget> {
        // A clock that was set back opens no second day.
        let day = now_unix_ms / DAY_MS;
        if day > self.day {
            self.day = day;
            self.spent.clear();
        }
        let more = terms.price.of(usage);
        fits(self.of(terms.backend), more, terms.own, terms.backend)?;
        fits(self.whole(), more, terms.whole, "the oracle")?;
        let spent = self.spent.entry(terms.backend.to_owned()).or_default();
        spent.tokens = spent.tokens.saturating_add(more.tokens);
        spent.micros = spent.micros.saturating_add(more.micros);
        Ok(more)
    }

    /// Puts what it did cost in the place of what was set aside.
    pub(crate) fn settle(&mut self, terms: Terms<'_>, reserved: Spent, usage: Usage) {
        let cost = terms.price.of(usage);
        // A new day that began meanwhile knows of no reservation.
        let spent = self.spent.entry(terms.backend.to_owned()).or_default();
        let put = |spent: u64, reserved: u64, cost: u64| {
            spent.saturating_sub(reserved).saturating_add(cost)
        };
        spent.tokens = put(spent.tokens, reserved.tokens, cost.tokens);
        spent.micros = put(spent.micros, reserved.micros, cost.micros);
    }

    /// What one backend spent.
    pub(crate) fn of(&self, backend: &str) -> Spent {
        self.spent.get(backend).copied().unwrap_or_default()
    }

    fn whole(&self) -> Spent {
        let add = |sum: Spent, spent: &Spent| Spent {
            tokens: sum.tokens.saturating_add(spent.tokens),
            micros: sum.micros.saturating_add(spent.micros),
        };
        self.spent.values().fold(Spent::default(), add)
    }
}

fn fits(spent: Spent, more: Spent, budget: Budget, whose: &str) -> Result<(), OverBudget> {
    let over = |what: String| OverBudget {
        what,
        whose: whose.to_owned(),
    };
    let after = spent.tokens.saturating_add(more.tokens);
    if let Some(max) = budget.tokens_per_day.filter(|max| after > *max) {
        return Err(over(format!("{} of {max} tokens", spent.tokens)));
    }
    let after = spent.micros.saturating_add(more.micros);
    // What costs nothing is not kept back by money.
    let max = budget.cost_per_day.filter(|_| more.micros > 0);
    match max.filter(|max| after > to_micros(max * MICRO)) {
        None => Ok(()),
        Some(max) => Err(over(format!(
            "{:.4} of {max}",
            to_f64(spent.micros) / MICRO
        ))),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "more than 2^53 tokens are no day's"
)]
fn to_f64(n: u64) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
fn to_micros(micros: f64) -> u64 {
    micros.ceil() as u64
}

#[cfg(test)]
mod tests;
