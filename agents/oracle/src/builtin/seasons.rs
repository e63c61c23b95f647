//! What is usual at this hour: of the day, and of the week. Robust and bounded.
//!
//! For each number of a collector the counts of the newest days are kept for each hour of the day,
//! and of the newest weeks for each hour of the week. Their median and the median distance from it
//! say what is usual, so that a wild day does not move it; what is older is forgotten. Only whole
//! hours count: an hour that two patrols share is put together first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_protocol::{
    digest::CollectorReport,
    oracle::{Finding, Window},
    severity::Severity,
};

use super::{evidence::finding, guessing};

/// Numbers of one collector that are followed; further ones are not.
const METRICS_MAX: usize = 24;

/// Days that are kept for an hour of the day, and weeks for an hour of the week; the oldest go.
const DAYS_MAX: usize = 14;
const WEEKS_MAX: usize = 5;

/// Days, or weeks, that an hour must have been seen before it is known what is usual then.
const DAYS_MIN: usize = 4;
const WEEKS_MIN: usize = 3;

/// So many usual distances above the median is unusual.
const DISTANCES: u64 = 8;

/// An hour that differs by fewer events than this is not worth a word.
const EVENTS_MIN: u64 = 30;

/// Nor one that is not so many times what is usual.
const TIMES: u64 = 3;

/// Lines of an hour at least usual, where their absence is worth a word.
const SILENCE_MIN: u64 = 50;

/// A surge of guesses of which a person hears: so many times what is just usual, and so many more.
const SURGE_TIMES: u64 = 5;
const SURGE_MIN: u64 = 200;

/// Hours of one window that are judged and learned; of a longer one the newest.
const HOURS_MAX: usize = 48;

const HOUR_MS: u64 = 3_600_000;
const HOURS_OF_WEEK: u64 = 168;
const LINES: &str = "lines";
const ATTEMPTS: &str = "attempts";

/// Not followed: they say the size of what was served, not how much happened.
const SIZES: &[&str] = &["bytes"];

/// What is usual for each number of a collector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Seasons {
    metrics: BTreeMap<String, Series>,
    /// The hour in which the last window ended, as far as it went.
    begun: Option<Begun>,
}

/// The counts of past hours, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Series {
    /// By hour of the day.
    days: BTreeMap<u64, Vec<u64>>,
    /// By hour of the week, 0 being Thursday 00:00 UTC, as the Unix epoch began.
    weeks: BTreeMap<u64, Vec<u64>>,
}

/// An hour of which a part was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    hour: u64,
    until_ms: u64,
    counts: Counts,
}

type Counts = BTreeMap<String, u64>;

/// The hours that are whole with this window, the earliest first, and the one that it begins.
struct Hours {
    whole: Vec<(u64, Counts)>,
    begun: Option<Begun>,
}

impl Seasons {
    /// The numbers that differ from what is usual.
    pub(super) fn look(
        &self,
        name: &str,
        collector: &CollectorReport,
        window: Window,
    ) -> Vec<Finding> {
        let hours = self.hours(collector, window);
        let mut findings = Vec::new();
        for (metric, series) in &self.metrics {
            let count = |counts: &Counts| counts.get(metric).copied().unwrap_or(0);
            let found = hours.whole.iter().filter_map(|(hour, counts)| {
                let usual = series.usual(*hour)?;
                Some((count(counts), usual))
            });
            let found: Vec<(u64, Usual)> = found.collect();
            let wildest = found
                .iter()
                .filter(|(n, usual)| usual.is_exceeded_by(*n))
                .max_by_key(|(n, usual)| n.saturating_sub(usual.most));
            // At a door more lines are more attempts, which are judged together.
            let wildest = wildest.filter(|_| metric != LINES || !guessing::is_door(collector));
            findings.extend(wildest.and_then(|(n, usual)| exceeded(name, metric, *n, *usual)));
            let silent = found.iter().filter(|(n, usual)| *n == 0 && usual.least > 0);
            if metric == LINES
                && let Some((_, usual)) = silent.max_by_key(|(_, usual)| usual.median)
            {
                let title = format!(
                    "{name}: silent for an hour, where {} lines are usual at this time",
                    usual.median
                );
                findings.push(finding("silence", Severity::Notice, 70, title));
            }
        }
        // More of something is more lines, too.
        let rates = findings
            .iter()
            .filter(|found| found.shape == "unusual_rate")
            .count();
        let of_lines = format!(" {LINES} in an hour");
        findings.retain(|found| rates < 2 || !found.title.contains(&of_lines));
        findings
    }

    /// Takes a window into what is usual.
    pub(super) fn learn(&mut self, collector: &CollectorReport, window: Window) {
        let hours = self.hours(collector, window);
        for (hour, counts) in hours.whole {
            let new = counts
                .keys()
                .filter(|metric| !self.metrics.contains_key(*metric));
            let room = METRICS_MAX.saturating_sub(self.metrics.len());
            let new: Vec<String> = new.take(room).cloned().collect();
            for metric in new {
                self.metrics.insert(metric, Series::default());
            }
            for (metric, series) in &mut self.metrics {
                series.learn(hour, counts.get(metric).copied().unwrap_or(0));
            }
        }
        self.begun = hours.begun;
    }

    fn hours(&self, collector: &CollectorReport, window: Window) -> Hours {
        let (first, last) = (window.from_ms / HOUR_MS, window.until_ms / HOUR_MS);
        let mut whole = Vec::new();
        let mut begun = None;
        // What nobody could read is not silence.
        let is_read = !collector.traces.hours.is_empty() || collector.coverage.errors.is_empty();
        let oldest = last.saturating_sub(HOURS_MAX as u64);
        for hour in first.max(oldest)..=last {
            let mut counts = counts(collector, hour);
            let starts = hour * HOUR_MS >= window.from_ms;
            let earlier = self
                .begun
                .as_ref()
                .filter(|begun| !starts && begun.hour == hour && begun.until_ms == window.from_ms);
            for (metric, n) in earlier.into_iter().flat_map(|begun| &begun.counts) {
                *counts.entry(metric.clone()).or_default() += n;
            }
            let is_begun = is_read && (starts || earlier.is_some());
            let ends = (hour + 1) * HOUR_MS <= window.until_ms;
            if is_begun && ends {
                whole.push((hour, counts));
            } else if is_begun && window.until_ms > hour * HOUR_MS {
                let until_ms = window.until_ms;
                begun = Some(Begun {
                    hour,
                    until_ms,
                    counts,
                });
            }
        }
        Hours { whole, begun }
    }
}

/// What is usual at an hour.
#[derive(Debug, Clone, Copy)]
struct Usual {
    median: u64,
    /// The most that is still usual.
    most: u64,
    /// The least that was seen.
    least: u64,
}

impl Usual {
    fn of(seen: &[u64]) -> Self {
        let median = median(seen.to_vec());
        let distances = seen.iter().map(|n| n.abs_diff(median)).collect();
        // What never varied may vary as chance would have it; the distance of three in two makes
        // of the median distance what a deviation would be.
        let distance = (self::median(distances) * 3 / 2).max(median.isqrt()).max(1);
        let peak = seen.iter().copied().max().unwrap_or(0);
        let most = median.saturating_add(DISTANCES.saturating_mul(distance));
        Self {
            median,
            // What came at this hour of other days is usual, unless it came once.
            most: most.max(second(seen, peak)),
            least: if median >= SILENCE_MIN {
                seen.iter().copied().min().unwrap_or(0)
            } else {
                0
            },
        }
    }

    fn is_exceeded_by(&self, n: u64) -> bool {
        n > self.most
            && n.saturating_sub(self.median) >= EVENTS_MIN
            && n >= self.median.saturating_mul(TIMES)
    }
}

impl Series {
    /// What is usual at an hour: of the day, and where weeks enough were seen, of the week too.
    fn usual(&self, hour: u64) -> Option<Usual> {
        let days = self
            .days
            .get(&(hour % 24))
            .filter(|seen| seen.len() >= DAYS_MIN)?;
        let days = Usual::of(days);
        let weeks = self.weeks.get(&(hour % HOURS_OF_WEEK));
        let Some(weeks) = weeks.filter(|seen| seen.len() >= WEEKS_MIN) else {
            return Some(days);
        };
        let weeks = Usual::of(weeks);
        Some(Usual {
            median: weeks.median,
            most: weeks.most.max(days.most),
            least: weeks.least.min(days.least),
        })
    }

    fn learn(&mut self, hour: u64, n: u64) {
        keep(self.days.entry(hour % 24).or_default(), n, DAYS_MAX);
        keep(
            self.weeks.entry(hour % HOURS_OF_WEEK).or_default(),
            n,
            WEEKS_MAX,
        );
    }
}

fn exceeded(name: &str, metric: &str, n: u64, usual: Usual) -> Option<Finding> {
    let words = metric.replace('_', " ");
    let title = format!(
        "{name}: {n} {words} in an hour, where {} are usual at this time",
        usual.median
    );
    if metric != ATTEMPTS {
        return Some(finding("unusual_rate", Severity::Notice, 60, title));
    }
    let is_surge = n >= usual.most.saturating_mul(SURGE_TIMES) && n - usual.most >= SURGE_MIN;
    // Lesser ones stand there already, as what was counted.
    is_surge.then(|| finding("surge", Severity::Warning, 70, title))
}

/// The counts of an hour, and what is made of them.
fn counts(collector: &CollectorReport, hour: u64) -> Counts {
    let rows = collector.traces.hours.iter().filter(|row| row.hour == hour);
    let mut counts = Counts::new();
    // What strangers try at a door comes in bursts at any time: only all of it together tells.
    let is_door = guessing::is_door(collector);
    let is_noise = |metric: &str| {
        is_door && (guessing::ATTEMPTS.contains(&metric) || metric == "invalid_user")
    };
    for (metric, n) in rows.flat_map(|row| &row.counts.0) {
        if !SIZES.contains(&metric.as_str()) && !is_noise(metric) {
            *counts.entry(metric.clone()).or_default() += n;
        }
        if is_door && guessing::ATTEMPTS.contains(&metric.as_str()) {
            *counts.entry(ATTEMPTS.to_owned()).or_default() += n;
        }
    }
    counts.entry(LINES.to_owned()).or_default();
    counts
}

fn keep(seen: &mut Vec<u64>, n: u64, max: usize) {
    seen.push(n);
    if seen.len() > max {
        seen.remove(0);
    }
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or(0)
}

/// The second largest.
fn second(of: &[u64], largest: u64) -> u64 {
    let mut rest = of.to_vec();
    if let Some(at) = rest.iter().position(|n| *n == largest) {
        rest.swap_remove(at);
    }
    rest.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
