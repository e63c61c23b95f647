//! What a collector is told about its host and its task.

use jiff::tz::TimeZone;

/// Syslog lines under this name are our own: a digest of them would feed on itself.
pub(super) const OWN_APP: &[u8] = b"skep";

/// What a collector is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The zone of stamps that name none.
    pub zone: TimeZone,
    /// About now, in seconds since 1970: the year of year-less stamps of sources that do not say
    /// when they were written.
    pub now_unix_s: i64,
    /// Lines before this are left out, in nanoseconds since 1970.
    pub since_ns: Option<i64>,
    /// Lines from this on are left out, in nanoseconds since 1970.
    pub until_ns: Option<i64>,
    /// What `generic` looks for.
    pub severity_rules: SeverityRules,
}

impl Settings {
    /// Settings for all lines, with the default rules.
    #[must_use]
    pub fn new(zone: TimeZone, now_unix_s: i64) -> Self {
        let severity_rules = SeverityRules::default();
        Self {
            zone,
            now_unix_s,
            since_ns: None,
            until_ns: None,
            severity_rules,
        }
    }
}

/// Severities by the words that tell them, the gravest first; what fits none is `INFO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityRules(pub Vec<(String, Vec<String>)>);

impl Default for SeverityRules {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self(vec![
            (
                "CRITICAL".to_owned(),
                words(&[
                    "fatal",
                    "critical",
                    "panic",
                    "segfault",
                    "segmentation fault",
                ]),
            ),
            (
                "WARNING".to_owned(),
                words(&["error", "warn", "denied", "failed", "failure"]),
            ),
        ])
    }
}
