//! The totals by hour.
//!
//! Lines come almost in order, so an hour's counts are the difference of the totals between its
//! first line and the next hour's: nothing is added up line by line.

use skep_protocol::digest::HourCounts;
use skep_protocol::digest::Ordered;

/// Hours that are kept apart, some more than a week; at the bound the two oldest become one.
pub(super) const HOURS_MAX: usize = 200;

const HOUR_NS: i64 = 3_600_000_000_000;

/// The total that comes before those of the rules.
const LINES: &str = "lines";

/// The counts of each hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hours {
    /// By hour, the earliest first.
    rows: Vec<Row>,
    /// The row of the line before, and its hour.
    at: usize,
    hour: i64,
    /// The totals when this hour's lines began.
    base: Vec<u64>,
    /// Lines since then.
    lines: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    hour: i64,
    lines: u64,
    counts: Vec<u64>,
}

impl Hours {
    /// A line of this moment follows; `totals` are those of the lines before. Its hour since 1970.
    #[inline]
    pub(super) fn turn(&mut self, unix_ns: i64, totals: &[u64]) -> u32 {
        let hour = unix_ns.div_euclid(HOUR_NS);
        if hour != self.hour || self.rows.is_empty() {
            self.switch(hour, totals);
        }
        u32::try_from(hour).unwrap_or(0)
    }

    /// A line that is counted.
    #[inline]
    pub(super) fn line(&mut self) {
        self.lines += 1;
    }

    /// Counts what came since the last turn.
    pub(super) fn close(&mut self, totals: &[u64]) {
        self.base.resize(totals.len(), 0);
        let Some(row) = self.rows.get_mut(self.at) else {
            return;
        };
        row.lines += std::mem::take(&mut self.lines);
        row.counts.resize(totals.len(), 0);
        for ((count, total), base) in row.counts.iter_mut().zip(totals).zip(&self.base) {
            *count += total.saturating_sub(*base);
        }
        // What was counted too much is taken back from where it may stand.
        let base = std::mem::replace(&mut self.base, totals.to_vec());
        for (at, (total, base)) in totals.iter().zip(base).enumerate() {
            if *total < base {
                self.retract(at, base - total);
            }
        }
    }

    /// From now on the totals grow from here.
    pub(super) fn go_on(&mut self, totals: &[u64]) {
        self.base = totals.to_vec();
    }

    /// What these totals count by now was counted too much: it is taken from the earliest hours.
    pub(super) fn retract(&mut self, at: usize, mut n: u64) {
        for row in &mut self.rows {
            let Some(count) = row.counts.get_mut(at) else {
                continue;
            };
            let less = n.min(*count);
            *count -= less;
            n -= less;
        }
    }

    /// Adds the hours of later lines, which are closed; `totals` are those of the lines here.
    pub(super) fn merge(&mut self, later: Self, totals: &[u64]) {
        let last = later.rows.get(later.at).map(|row| row.hour);
        if self.rows.is_empty()
            && let Some(first) = later.rows.first()
        {
            self.at = self.place(first.hour);
        }
        self.close(totals);
        for (base, theirs) in self.base.iter_mut().zip(&later.base) {
            *base += theirs;
        }
        for row in later.rows {
            let at = self.place(row.hour);
            let known = &mut self.rows[at];
            known.lines += row.lines;
            known.counts.resize(row.counts.len(), 0);
            for (count, n) in known.counts.iter_mut().zip(row.counts) {
                *count += n;
            }
        }
        self.lines += later.lines;
        if let Some(hour) = last {
            self.at = self.place(hour);
            self.hour = hour;
        }
    }

    /// The hours as others read them.
    pub(super) fn report(&self, names: &[String], totals: &[u64]) -> Vec<HourCounts> {
        let mut closed = self.clone();
        closed.close(totals);
        let row = |row: &Row| {
            let counts = names.iter().cloned().zip(row.counts.iter().copied());
            let counts = std::iter::once((LINES.to_owned(), row.lines)).chain(counts);
            HourCounts {
                hour: u64::try_from(row.hour).unwrap_or(0),
                counts: Ordered(counts.filter(|(_, n)| *n > 0).collect()),
            }
        };
        closed.rows.iter().map(row).collect()
    }

    #[cold]
    fn switch(&mut self, hour: i64, totals: &[u64]) {
        self.close(totals);
        self.at = self.place(hour);
        self.hour = hour;
    }

    /// The row of an hour; at the bound, room is made for it.
    fn place(&mut self, hour: i64) -> usize {
        match self.rows.binary_search_by_key(&hour, |row| row.hour) {
            Ok(at) => at,
            // What is older than the oldest that is kept counts there.
            Err(0) if self.rows.len() >= HOURS_MAX => 0,
            Err(at) => {
                let row = Row {
                    hour,
                    ..Row::default()
                };
                self.rows.insert(at, row);
                if self.rows.len() <= HOURS_MAX {
                    return at;
                }
                let oldest = self.rows.remove(0);
                let next = &mut self.rows[0];
                next.lines += oldest.lines;
                next.counts
                    .resize(next.counts.len().max(oldest.counts.len()), 0);
                for (count, n) in next.counts.iter_mut().zip(oldest.counts) {
                    *count += n;
                }
                at - 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["failed".to_owned()]
    }

    fn shown(hours: &Hours, totals: &[u64]) -> Vec<(u64, u64, u64)> {
        let rows = hours.report(&names(), totals);
        let count = |row: &HourCounts, name: &str| row.counts.get(name).copied().unwrap_or(0);
        rows.iter()
            .map(|row| (row.hour, count(row, "lines"), count(row, "failed")))
            .collect()
    }

    /// Each line counts one.
    fn fed(hours_of_lines: &[i64]) -> (Hours, Vec<u64>) {
        let (mut hours, mut totals) = (Hours::default(), vec![0]);
        for hour in hours_of_lines {
            hours.turn(hour * HOUR_NS + 5, &totals);
            hours.line();
            totals[0] += 1;
        }
        (hours, totals)
    }

    #[test]
    fn lines_count_in_their_hour_whatever_their_order() {
        let (hours, totals) = fed(&[3, 3, 5, 4, 3, 5]);
        assert_eq!(shown(&hours, &totals), [(3, 3, 3), (4, 1, 1), (5, 2, 2)]);
    }

    #[test]
    fn parts_merge_to_the_whole_and_go_on() {
        let (mut first, mut totals) = fed(&[3, 4]);
        let (mut later, theirs) = fed(&[4, 4, 6]);
        later.close(&theirs);
        first.merge(later, &totals);
        totals[0] += theirs[0];
        assert_eq!(shown(&first, &totals), [(3, 1, 1), (4, 3, 3), (6, 1, 1)]);
        first.line();
        totals[0] += 1;
        assert_eq!(shown(&first, &totals), [(3, 1, 1), (4, 3, 3), (6, 2, 2)]);
    }

    #[test]
    fn a_log_of_many_years_keeps_its_newest_hours_apart_and_all_its_counts() {
        let many: Vec<i64> = (0..1000).chain([0, 5]).collect();
        let (hours, totals) = fed(&many);
        let rows = shown(&hours, &totals);
        assert_eq!(rows.len(), HOURS_MAX);
        assert_eq!(rows.iter().map(|row| row.2).sum::<u64>(), 1002);
        assert_eq!(rows.last(), Some(&(999, 1, 1)));
    }
}
