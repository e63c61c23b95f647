//! The clock: this host's own, against its papers, against the others.

use skep_packet::limits::SKEW_MAX_MS;

use super::super::{
    Finding,
    facts::{Facts, Papers},
};
use crate::verb::day;

/// From here on clocks that differ are a warning; at `SKEW_MAX_MS` packets are refused.
const SKEW_WARN_MS: u64 = 10_000;

const SET: &str = "set the clock: `timedatectl set-ntp true`, or chrony, or what this host uses";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![synchronised(facts.clock.is_synchronised)];
    if let Papers::Whole { not_before_ms, .. } = facts.papers
        && facts.now_ms.saturating_add(SKEW_MAX_MS) < not_before_ms
    {
        let what = format!(
            "it stands at {}, before this node's passport was issued ({})",
            day(facts.now_ms),
            day(not_before_ms)
        );
        found.push(Finding::failure("clock", what, SET));
    }
    found.extend(peers(facts));
    found
}

fn synchronised(is_synchronised: Option<bool>) -> Finding {
    match is_synchronised {
        Some(true) => Finding::ok("clock", "the system keeps it synchronised"),
        Some(false) => Finding::warning(
            "clock",
            "nothing keeps it synchronised: 30 s off, and other nodes refuse what this one says",
            SET,
        ),
        None => Finding::skipped("clock", "nothing here tells whether it is synchronised"),
    }
}

fn peers(facts: &Facts) -> Vec<Finding> {
    let clocks = &facts.clock.peers;
    let mut found = Vec::new();
    for (node, ahead_ms) in clocks {
        let off_ms = ahead_ms.unsigned_abs();
        if off_ms < SKEW_WARN_MS {
            continue;
        }
        let side = if *ahead_ms > 0 { "ahead of" } else { "behind" };
        let what = format!("{node}'s is {} s {side} this host's", off_ms / 1000);
        let cure = format!("find out which of both is wrong with `date -u`, and there {SET}");
        found.push(match off_ms > SKEW_MAX_MS {
            true => Finding::failure("clock", what, cure),
            false => Finding::warning("clock", what, cure),
        });
    }
    if found.is_empty() && !clocks.is_empty() {
        let most_ms = clocks.iter().map(|(_, ahead_ms)| ahead_ms.unsigned_abs());
        let most_ms = most_ms.max().unwrap_or_default();
        let what = format!("within {most_ms} ms of {} other node(s)", clocks.len());
        found.push(Finding::ok("clock", what));
    }
    found
}
