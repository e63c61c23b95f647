//! Rates against what is usual at this hour of the week.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_protocol::{
    digest::CollectorReport,
    oracle::{Finding, Window},
    severity::Severity,
};

/// Numbers of one collector that are followed; further ones are not.
const METRICS_MAX: usize = 64;

/// Windows that must have been seen at this hour of the week before it has a usual rate of its
/// own; until then the rate over all hours stands for it.
const SEEN_AT_HOUR_MIN: u32 = 3;

/// Windows that must have been seen at all.
const SEEN_MIN: u32 = 4;

/// How much of a new window goes into what is usual, once enough were seen.
const WEIGHT: f64 = 0.1;

/// So many usual deviations away is unusual.
const DEVIATIONS: f64 = 5.0;

/// A rate that differs by fewer events than this is not worth a word.
const EVENTS_MIN: f64 = 20.0;

/// Shortest window that says something about a rate.
const WINDOW_MS_MIN: u64 = 60_000;

const HOUR_MS: u64 = 3_600_000;
const HOURS_OF_WEEK: u64 = 168;

/// What is usual for each number of a collector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline(BTreeMap<String, Series>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Series {
    all: Usual,
    /// By hour of the week, 0 being Thursday 00:00 UTC, as the Unix epoch began.
    hours: BTreeMap<u64, Usual>,
}

/// A mean and a mean deviation of events per hour, the newest counting most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Usual {
    seen: u32,
    mean: f64,
    deviation: f64,
}

impl Usual {
    fn learn(&mut self, rate: f64) {
        self.seen = self.seen.saturating_add(1);
        if self.seen == 1 {
            self.mean = rate;
            return;
        }
        let weight = WEIGHT.max(1.0 / f64::from(self.seen));
        // One wild window moves what is usual only as far as a just unusual one would.
        let rate = if self.seen > SEEN_MIN {
            rate.min(self.most())
        } else {
            rate
        };
        let away = (rate - self.mean).abs();
        self.mean += weight * (rate - self.mean);
        self.deviation += weight * (away - self.deviation);
    }

    /// The most that is still usual. A rate that never varied may vary as chance would have it.
    fn most(self) -> f64 {
        self.mean + DEVIATIONS * self.deviation.max(self.mean.sqrt()).max(1.0)
    }
}

/// The numbers that differ from what is usual.
pub(super) fn look(
    name: &str,
    collector: &CollectorReport,
    window: Window,
    baseline: &Baseline,
) -> Vec<Finding> {
    let Some((hours, hour_of_week)) = span(window) else {
        return Vec::new();
    };
    let numbers = numbers(collector).filter_map(|(metric, n)| {
        let series = baseline.0.get(metric)?;
        let at_hour = series.hours.get(&hour_of_week).copied();
        let usual = at_hour
            .filter(|usual| usual.seen >= SEEN_AT_HOUR_MIN)
            .unwrap_or(series.all);
        if series.all.seen < SEEN_MIN {
            return None;
        }
        let (found, expected) = (float(n), usual.mean * hours);
        let words = metric.replace('_', " ");
        if found > usual.most() * hours && found - expected >= EVENTS_MIN {
            let title = format!("{name}: {n} {words}, where {expected:.0} are usual at this time");
            Some(finding(title, 60))
        } else if metric == LINES && n == 0 && expected >= 5.0 * EVENTS_MIN {
            let title = format!("{name}: silent, where {expected:.0} lines are usual at this time");
            Some(finding(title, 70))
        } else {
            None
        }
    });
    numbers.collect()
}

/// Takes a window into what is usual.
pub(super) fn learn(collector: &CollectorReport, window: Window, baseline: &mut Baseline) {
    let Some((hours, hour_of_week)) = span(window) else {
        return;
    };
    for (metric, n) in numbers(collector) {
        if !baseline.0.contains_key(metric) && baseline.0.len() >= METRICS_MAX {
            continue;
        }
        let series = baseline.0.entry(metric.to_owned()).or_default();
        let rate = float(n) / hours;
        series.all.learn(rate);
        series.hours.entry(hour_of_week).or_default().learn(rate);
    }
}

const LINES: &str = "lines";

fn numbers(collector: &CollectorReport) -> impl Iterator<Item = (&str, u64)> {
    let totals = collector
        .totals
        .0
        .iter()
        .map(|(metric, n)| (metric.as_str(), *n));
    std::iter::once((LINES, collector.lines_read)).chain(totals)
}

fn finding(title: String, confidence: u8) -> Finding {
    Finding {
        shape: String::new(),
        title,
        severity: Severity::Notice,
        evidence: Vec::new(),
        confidence,
        advice: None,
    }
}

/// A window's length in hours, and the hour of the week it begins in.
fn span(window: Window) -> Option<(f64, u64)> {
    let ms = window
        .until_ms
        .checked_sub(window.from_ms)
        .filter(|ms| *ms >= WINDOW_MS_MIN)?;
    Some((
        float(ms) / float(HOUR_MS),
        window.from_ms / HOUR_MS % HOURS_OF_WEEK,
    ))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 52 bits"
)]
fn float(n: u64) -> f64 {
    n as f64
}
