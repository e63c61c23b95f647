//! What single sources did in the digests before: whoever tries once an hour shows only here.
//!
//! A source is forgotten a week after it came last. At the bound those that came in the fewest
//! hours go first, so that a flood of new ones does not push out who stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_protocol::{
    digest::{CollectorReport, Trace},
    oracle::Finding,
    severity::Severity,
};

use super::{
    Scope,
    evidence::{and_others, finding, naming, shown, sources},
    guessing, logins,
};

/// Sources that are remembered.
const SOURCES_MAX: usize = 1_000;

/// How long, after they came last.
const FORGET_H: u64 = 168;

/// Hours in which a source tried something, from which on it is one that does not go away.
const HOURS_MIN: u64 = 24;

/// Attempts at accounts that exist here, from which on that needs a person.
const KNOWN_MIN: u64 = 10;

/// Longest key that is kept, in bytes; a longer one is no address.
const KEY_BYTES_MAX: usize = 64;

/// What sources did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Memory(BTreeMap<String, Past>);

/// What one source did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Past {
    n: u64,
    known: u64,
    hours: u64,
    last: u64,
    /// Attempts since it came in, or was first seen.
    since_login: u64,
}

impl Past {
    /// It, and what the source did now.
    fn with(self, now: &Trace) -> Self {
        // An hour that two patrols share is one.
        let shared = u64::from(self.hours > 0 && now.first == self.last);
        Self {
            n: self.n.saturating_add(now.n),
            known: self.known.saturating_add(now.known),
            hours: self.hours.saturating_add(now.hours).saturating_sub(shared),
            last: self.last.max(now.last),
            since_login: self.since_login.saturating_add(now.n),
        }
    }
}

impl Memory {
    pub(super) fn look(&self, scope: Scope<'_>, collector: &CollectorReport) -> Vec<Finding> {
        if !guessing::is_door(collector) {
            return Vec::new();
        }
        let slow = self.slow(scope, collector);
        slow.into_iter().chain(self.came_in(collector)).collect()
    }

    /// Sources that keep trying, however little at a time.
    fn slow(&self, scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
        let sources = sources(collector);
        let long = sources
            .iter()
            .map(|now| (now, self.past(&now.key).with(now)));
        let mut long: Vec<(&Trace, Past)> =
            long.filter(|(_, past)| past.hours >= HOURS_MIN).collect();
        long.sort_by(|(a, past), (b, other)| {
            (other.known, other.hours, &a.key).cmp(&(past.known, past.hours, &b.key))
        });
        let (_, worst) = long.first()?;
        let at_known: Vec<&str> = keys(long.iter().filter(|(_, past)| past.known >= KNOWN_MIN));
        let (keys, severity) = if at_known.is_empty() {
            (keys(long.iter()), Severity::Notice)
        } else {
            (at_known, Severity::Warning)
        };
        let title = format!(
            "{}: {} came back in {} hours and made {} attempts, a few at a time",
            scope.name,
            and_others(&keys, "source"),
            worst.hours,
            worst.n
        );
        let advice = "This stays below every limiter's threshold: block the source by hand, and let \
                      sshd take keys only.";
        Some(Finding {
            evidence: naming(collector, &["failed", "invalid_user", "probes"], &keys),
            advice: (severity >= Severity::Warning).then(|| advice.to_owned()),
            ..finding("low_and_slow", severity, 80, title)
        })
    }

    /// A source that failed in earlier digests came in. What failed in this one is seen without us.
    fn came_in(&self, collector: &CollectorReport) -> Option<Finding> {
        let logins = collector.traces.logins.iter();
        let before = logins.map(|login| {
            let past = self.past(&login.source).since_login;
            (login, past.saturating_add(login.failures_before))
        });
        let (login, failures) = before
            .filter(|(login, failures)| {
                *failures >= logins::GUESSED_MIN && login.failures_before < logins::GUESSED_MIN
            })
            .max_by_key(|(_, failures)| *failures)?;
        let title = format!(
            "a login came from {}, as {}, after {failures} failures there in the days before",
            shown(&login.source),
            shown(&login.user)
        );
        Some(logins::success(collector, title, &login.source, true))
    }

    /// Remembers what this digest shows; forgets what is old.
    pub(super) fn learn(&mut self, collector: &CollectorReport, until_h: u64) {
        if !guessing::is_door(collector) {
            return;
        }
        for now in sources(collector).iter() {
            if now.key.len() <= KEY_BYTES_MAX && now.n > 0 {
                let mut now = now.clone();
                // No stamp reaches into the future, or keeps a source in mind for longer.
                now.last = if now.last == 0 {
                    until_h
                } else {
                    now.last.min(until_h)
                };
                let past = self.past(&now.key).with(&now);
                self.0.insert(now.key, past);
            }
        }
        for login in &collector.traces.logins {
            if let Some(past) = self.0.get_mut(&login.source) {
                past.since_login = 0;
            }
        }
        self.0
            .retain(|_, past| until_h.saturating_sub(past.last) <= FORGET_H);
        if self.0.len() > SOURCES_MAX {
            let weight = |past: &Past| (past.hours, past.n, past.last);
            let mut order: Vec<((u64, u64, u64), String)> = self
                .0
                .iter()
                .map(|(key, past)| (weight(past), key.clone()))
                .collect();
            order.sort_unstable();
            for (_, key) in order.iter().take(self.0.len() - SOURCES_MAX) {
                self.0.remove(key);
            }
        }
    }

    fn past(&self, source: &str) -> Past {
        self.0.get(source).copied().unwrap_or_default()
    }
}

fn keys<'a>(of: impl Iterator<Item = &'a (&'a Trace, Past)>) -> Vec<&'a str> {
    of.map(|(trace, _)| trace.key.as_str()).collect()
}

#[cfg(test)]
mod tests;
