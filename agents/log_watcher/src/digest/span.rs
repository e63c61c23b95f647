//! The span of time of what was read, and of what is wanted.

/// The earliest and latest moment seen, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) ends: Option<(i64, i64)>,
}

impl Span {
    pub(super) fn see(&mut self, unix_ns: i64) {
        self.ends = Some(match self.ends {
            Some((first, last)) => (first.min(unix_ns), last.max(unix_ns)),
            None => (unix_ns, unix_ns),
        });
    }

    pub(super) fn merge(&mut self, other: Self) {
        if let Some((first, last)) = other.ends {
            self.see(first);
            self.see(last);
        }
    }
}

/// The span asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Window {
    pub(super) since_ns: Option<i64>,
    pub(super) until_ns: Option<i64>,
}

impl Window {
    /// Whether a line is wanted; one without a time of its own goes with the line before it.
    pub(super) fn admits(&self, unix_ns: Option<i64>) -> bool {
        let Some(unix_ns) = unix_ns else { return true };
        self.since_ns.is_none_or(|since_ns| unix_ns >= since_ns)
            && self.until_ns.is_none_or(|until_ns| unix_ns < until_ns)
    }
}
