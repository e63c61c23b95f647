//! Who guesses passwords, over all collectors of a digest.

use std::collections::BTreeMap;

use skep_protocol::digest::DigestReport;

use super::rules::By;
use super::rules::GUESSES_MIN;
use super::rules::RULES;

/// How often each source tried to come in, at whatever door.
pub(super) struct Guessers(BTreeMap<String, u64>);

impl Guessers {
    /// Those of a digest: what its tables of sources hold, which is bounded.
    pub(super) fn of(digest: &DigestReport) -> Self {
        let mut attempts: BTreeMap<String, u64> = BTreeMap::new();
        for rule in RULES.iter().filter(|rule| rule.by == By::Guesser) {
            let found = digest.collectors.get(rule.collector);
            let table = found.and_then(|found| found.tables.get("by_source"));
            for row in table.iter().flat_map(|table| &table.rows) {
                *attempts.entry(row.key.clone()).or_default() += rule.times(row);
            }
        }
        Self(attempts)
    }

    /// How often a source tried.
    pub(super) fn attempts(&self, source: &str) -> u64 {
        self.0.get(source).copied().unwrap_or_default()
    }

    /// Whether it guesses.
    pub(super) fn has(&self, source: &str) -> bool {
        self.attempts(source) >= GUESSES_MIN
    }
}
