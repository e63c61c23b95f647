//! What a person may do.

use serde::{Deserialize, Serialize};

/// What an operator may do; a higher level may do all a lower one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Look: digests, states, searches.
    Viewer,
    /// Act on what runs: restart, mute, acknowledge.
    Operator,
    /// Change what runs and who may.
    Admin,
}

impl Level {
    /// The level as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
