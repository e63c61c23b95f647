//! How grave something is, in the words of reports and alerts.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How grave something is. From `Warning` on a person should look.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do: business as usual.
    #[default]
    Info,
    /// Unusual, and nothing to do yet: a new kind of line, a somewhat higher rate.
    Notice,
    /// Worth a person's look today: an attack that did not get in, an analysis that did not come.
    #[serde(alias = "warn")]
    Warning,
    /// Something failed that people rely on.
    #[serde(alias = "err")]
    Error,
    /// Somebody may be inside, or what people rely on is down: now.
    #[serde(alias = "crit", alias = "emergency", alias = "fatal")]
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
    ];

    /// The severity as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no severity is called {word:?}")]
pub struct UnknownSeverity {
    /// The word.
    pub word: String,
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(word: &str) -> Result<Self, UnknownSeverity> {
        let known = Self::ALL
            .into_iter()
            .find(|severity| severity.name() == word);
        known.ok_or_else(|| UnknownSeverity {
            word: word.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graver_is_greater_and_names_read_back() {
        assert!(Severity::ALL.is_sorted());
        for severity in Severity::ALL {
            assert_eq!(severity.name().parse(), Ok(severity));
            let json = serde_json::to_value(severity).unwrap();
            assert_eq!(json, severity.name());
        }
        assert!("loud".parse::<Severity>().is_err());
        assert_eq!(
            serde_json::from_str::<Severity>("\"crit\"").unwrap(),
            Severity::Critical
        );
    }
}
