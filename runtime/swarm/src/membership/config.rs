//! The times and bounds of failure detection.

use std::time::Duration;

/// Most members that are kept, dead ones too; a rumor about one more is not taken in.
pub const MEMBERS_MAX: usize = 4_096;

/// Most rumors on one probe or answer.
pub(super) const RUMORS_PER_FRAME_MAX: usize = 16;

/// Most rumors in one gossip frame of its own.
pub(super) const RUMORS_PER_GOSSIP_MAX: usize = 64;

/// How many members are asked to probe a silent one (SWIM's k).
pub(super) const HELPERS: usize = 3;

/// How many members a gossip round tells.
pub(super) const GOSSIP_FANOUT: usize = 3;

/// Probes run for others at a time; a further request is dropped, its asker has other helpers.
pub(super) const RELAYED_MAX: usize = 256;

/// Most descriptors asked for in one request: as many as are sure to fit one frame.
pub(super) const FETCH_PER_REQUEST_MAX: usize = 16;

/// Versions of our own descriptor that others tell of are believed below this (2^53): with a higher
/// one a liar could leave us no room to grow.
pub(super) const VERSION_BELIEVED_MAX: u64 = 1 << 53;

/// The times of failure detection and repair. The defaults suit a LAN and a WAN of one continent.
#[derive(Debug, Clone)]
pub struct MembershipConfig {
    /// One member is probed per period.
    pub probe_period: Duration,
    /// How long a direct answer may take before helpers are asked.
    pub probe_timeout: Duration,
    /// A suspect has this many periods, times log10 of the swarm's size, to refute.
    pub suspicion_periods: u32,
    /// A suspect that others judge, its hub is dead, may take so long to find another one and refute.
    pub hub_grace: Duration,
    /// How often news is told beside the probes, while there is any.
    pub gossip_period: Duration,
    /// A rumor is told this many times, times log10 of the swarm's size (SWIM's λ).
    pub rumor_tellings: u32,
    /// How often everything is compared with one random member.
    pub push_pull_period: Duration,
    /// How often one random enrolled node that is not held alive is dialled.
    pub dial_period: Duration,
    /// How long an answer to a request for descriptors may take before another node is asked.
    pub fetch_timeout: Duration,
    /// How long a dead member is remembered, so that old rumors do not bring it back.
    pub dead_kept: Duration,
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self {
            probe_period: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            suspicion_periods: 3,
            hub_grace: Duration::from_secs(30),
            gossip_period: Duration::from_millis(200),
            rumor_tellings: 4,
            push_pull_period: Duration::from_secs(10),
            dial_period: Duration::from_secs(10),
            fetch_timeout: Duration::from_secs(2),
            dead_kept: Duration::from_hours(1),
        }
    }
}

impl MembershipConfig {
    /// How long a suspect may refute, in a swarm of `n` members.
    pub(super) fn suspicion(&self, n: usize) -> Duration {
        self.probe_period * self.suspicion_periods * log_scale(n)
    }

    /// How often one rumor is told, in a swarm of `n` members.
    pub(super) fn tellings(&self, n: usize) -> u32 {
        self.rumor_tellings * log_scale(n)
    }
}

/// The next whole number above log10(n), at least 1.
fn log_scale(n: usize) -> u32 {
    n.max(1).ilog10() + 1
}
