//! How counts lie in time, and what single sources and accounts did: for whoever looks for shapes
//! in a digest that totals do not show.

use serde::Deserialize;
use serde::Serialize;

use super::ordered::Ordered;

/// What a digest says beyond totals and tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Traces {
    /// The totals by hour, the oldest first; only what is not zero. Lines without a time count in
    /// the hour of the line before them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<HourCounts>,
    /// Traces by who left them: `sources`, `accounts`, `units`.
    #[serde(skip_serializing_if = "is_empty")]
    pub groups: Ordered<TraceGroup>,
    /// Logins, those after the most failures first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<Login>,
}

/// The counts of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HourCounts {
    /// Hours since the Unix epoch.
    pub hour: u64,
    /// `lines`, and the totals under their names.
    pub counts: Ordered<u64>,
}

/// Traces of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceGroup {
    /// How many keys there were, whether they have a row here or not.
    pub keys: u64,
    /// Those that did the most, and those that came in the most hours.
    pub rows: Vec<Trace>,
}

/// What one source, account or unit did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// An address (of IPv6 its /64), a user name, a unit. Log text.
    pub key: String,
    /// What it did: attempts, requests that were refused, packets that were blocked, restarts.
    pub n: u64,
    /// At how many different things: names, paths, ports; of an account, from how many sources. An
    /// estimate, within a fifth.
    pub wide: u64,
    /// Attempts at accounts that this host has, those left out that every host has.
    pub known: u64,
    /// At how many of these; an estimate.
    pub known_wide: u64,
    /// The most of `n` in one hour.
    pub peak: u64,
    /// In how many different hours.
    pub hours: u64,
    /// The first of these, in hours since the Unix epoch.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// Logins of one user from one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Login {
    /// The user. Log text.
    pub user: String,
    /// The address.
    pub source: String,
    /// How many.
    pub n: u64,
    /// Failures of that source before the last of them.
    pub failures_before: u64,
    /// The hour of the last of them, in hours since the Unix epoch.
    pub last: u64,
}

impl Traces {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty() && self.groups.0.is_empty() && self.logins.is_empty()
    }

    /// The rows of a kind; none where nothing of that kind was seen.
    #[must_use]
    pub fn rows(&self, group: &str) -> &[Trace] {
        self.groups.get(group).map_or(&[], |group| &group.rows)
    }

    /// Leaves at most so many rows of each kind, half of them those that did the most and half
    /// those that came in the most hours, and as many hours and logins.
    pub fn cut(&mut self, rows_max: usize) {
        let n_old = self.hours.len().saturating_sub(rows_max);
        self.hours.drain(..n_old);
        self.logins.truncate(rows_max);
        for (_, group) in &mut self.groups.0 {
            group.cut(rows_max);
        }
    }
}

impl TraceGroup {
    fn cut(&mut self, rows_max: usize) {
        if self.rows.len() > rows_max {
            let longest =
                |a: &Trace, b: &Trace| (b.hours, b.n, &a.key).cmp(&(a.hours, a.n, &b.key));
            self.rows.sort_by(longest);
            let mut rest = self.rows.split_off(rows_max / 2);
            rest.sort_by(most);
            rest.truncate(rows_max - self.rows.len());
            self.rows.append(&mut rest);
        }
        self.rows.sort_by(most);
    }
}

fn most(a: &Trace, b: &Trace) -> std::cmp::Ordering {
    (b.n, b.hours, &a.key).cmp(&(a.n, a.hours, &b.key))
}

fn is_empty(groups: &Ordered<TraceGroup>) -> bool {
    groups.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_ones_stay_beside_those_that_did_the_most() {
        let row = |n: u64, hours: u64| Trace {
            key: format!("{n}/{hours}"),
            n,
            hours,
            ..Trace::default()
        };
        let mut rows: Vec<Trace> = (0..500).map(|n| row(1000 + n, 1)).collect();
        rows.push(row(6, 6));
        let mut traces = Traces::default();
        traces
            .groups
            .0
            .push(("sources".to_owned(), TraceGroup { keys: 501, rows }));
        traces.cut(10);
        let keys: Vec<&str> = traces
            .rows("sources")
            .iter()
            .map(|row| row.key.as_str())
            .collect();
        assert_eq!(keys.len(), 10);
        assert_eq!((keys[0], keys[9]), ("1499/1", "6/6"));
        assert_eq!(traces.groups.0[0].1.keys, 501);
    }
}
