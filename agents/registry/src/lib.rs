//! Every agent this binary knows.
//!
//! A new agent is its folder, its dependency here, and its line in the list.

use skep_agent::AgentSpec;

/// The programs of all agents, by kind in alphabetical order.
static SPECS: &[AgentSpec] = &[
    skep_alert::SPEC,
    skep_external::SPEC,
    skep_forensic_detective::SPEC,
    skep_log_watcher::SPEC,
    skep_oracle::SPEC,
    skep_rpc_router::SPEC,
    skep_steward::SPEC,
];

/// The programs of all agents, by kind in alphabetical order.
#[must_use]
pub fn specs() -> &'static [AgentSpec] {
    SPECS
}

#[cfg(test)]
mod tests;
