//! The agent's part of a directive.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use skep_agent::{AgentError, Outgoing};
use skep_packet::{Kind, RolePattern};
use skep_protocol::{
    alert::{self, Alert},
    oracle,
    severity::Severity,
};

use crate::{core::Terms, rows::Kept};

/// Seconds between two updates of one case to people, unless it became graver. Longer than an alert
/// agent's own cooldown, so that the two do not add up.
const UPDATE_COOLDOWN_DEFAULT_S: u64 = 900;

/// The agent's part of a directive.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds that two reports about the same may lie apart and still be one case.
    #[schemars(range(min = 1, max = 86_400))]
    window_s: u64,
    /// Seconds after which a case to which nothing came is closed: longer than the hosts' patrols
    /// lie apart.
    #[schemars(range(min = 1, max = 2_592_000))]
    quiet_s: u64,
    /// How grave a report must be to open a case; milder ones explain.
    open_at: Severity,
    /// Seconds between two updates of one case to people, unless it became graver.
    #[schemars(range(max = 604_800))]
    update_cooldown_s: u64,
    /// Hours that one case covers at most; what comes then is a new case.
    #[schemars(range(min = 1, max = 720))]
    case_hours_max: u64,
    /// Cases that are kept; of more, the one that closed first goes.
    #[schemars(range(min = 1, max = 5000))]
    cases_max: usize,
    /// Days that a closed case is kept.
    #[schemars(range(min = 1, max = 3650))]
    cases_days: u64,
    /// Whether an oracle is asked about each case.
    enable_oracle: bool,
    /// The role that analyses.
    oracle_role: String,
    /// Seconds an oracle has for its answer; then the case says that none came.
    #[schemars(range(min = 1, max = 3600))]
    oracle_timeout: u64,
    /// The role that tells people.
    alert_role: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window_s: 900,
            quiet_s: 8 * 3600,
            open_at: Severity::Warning,
            update_cooldown_s: UPDATE_COOLDOWN_DEFAULT_S,
            case_hours_max: 72,
            cases_max: 500,
            cases_days: 90,
            enable_oracle: true,
            oracle_role: oracle::ROLE.to_owned(),
            oracle_timeout: 120,
            alert_role: alert::ROLE.to_owned(),
        }
    }
}

/// The config, checked.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) terms: Terms,
    pub(crate) kept: Kept,
    pub(crate) oracle: Option<(RolePattern, Duration)>,
    alert_role: RolePattern,
}

impl Config {
    pub(crate) fn check(self) -> Result<Rules, AgentError> {
        let role = |key: &str, text: &str| {
            text.parse()
                .map_err(|error| AgentError::Config(format!("{key}: {error}")))
        };
        let oracle_role = role("oracle_role", &self.oracle_role)?;
        let timeout = Duration::from_secs(self.oracle_timeout.max(1));
        Ok(Rules {
            terms: Terms {
                window_ms: self.window_s.saturating_mul(1000),
                quiet_ms: self.quiet_s.saturating_mul(1000),
                open_at: self.open_at,
                cooldown_ms: self.update_cooldown_s.saturating_mul(1000),
                span_max_ms: self.case_hours_max.saturating_mul(3_600_000),
                asks: self.enable_oracle,
            },
            kept: Kept {
                cases_max: self.cases_max.max(1),
                age_ms: self.cases_days.saturating_mul(86_400_000),
            },
            oracle: self.enable_oracle.then_some((oracle_role, timeout)),
            alert_role: role("alert_role", &self.alert_role)?,
        })
    }
}

impl Rules {
    /// An alert on its way to people.
    pub(crate) fn alert(&self, alert: &Alert) -> Outgoing {
        let outgoing = Outgoing::to_role(self.alert_role.clone(), alert);
        outgoing.kind(Kind::Alert).durable()
    }
}
