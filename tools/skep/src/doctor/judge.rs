//! From what was seen to what it means. Nothing here looks at the host.

mod home;
mod host;
mod papers;
mod reach;
#[cfg(test)]
mod tests;
mod time;
mod watching;

use super::{Finding, facts::Facts};

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 3_600_000;

/// Every finding, in the order in which a person would look.
pub(crate) fn judge(facts: &Facts) -> Vec<Finding> {
    let parts = [
        home::judge(facts),
        papers::judge(facts),
        time::judge(facts),
        reach::judge(facts),
        host::judge(facts),
        watching::judge(facts),
    ];
    parts.into_iter().flatten().collect()
}
