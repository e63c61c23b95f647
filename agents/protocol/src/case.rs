//! The case conversation: what a forensic_detective made of severity reports, for people.

use serde::{Deserialize, Serialize};
use skep_packet::Address;
use uuid::Uuid;

use crate::{digest::EvidenceLine, oracle::Report, severity::Severity};

/// The role that lists cases.
pub const ROLE_LIST: &str = "hive.forensics.cases";
/// Its handler.
pub const HANDLER_LIST: &str = "cmd_list_cases";
/// The role that shows one case.
pub const ROLE_SHOW: &str = "hive.forensics.case";
/// Its handler.
pub const HANDLER_SHOW: &str = "cmd_show_case";

/// Entries of a timeline; of more, the gravest and then the earliest stay.
pub const TIMELINE_MAX: usize = 60;
/// Lines of evidence of an entry; of more, the newest stay.
pub const LINES_MAX: usize = 3;
/// Longest text of a case, a line of evidence too, in bytes; the rest is cut off.
pub const TEXT_BYTES_MAX: usize = 300;
/// Hosts, sources or users that a case names; further ones are only counted in its timeline.
pub const NAMES_MAX: usize = 64;
/// Cases in one answer.
pub const LIST_MAX: usize = 100;

/// Something that happened: severity reports that belong together.
///
/// Its texts were made harmless to show when they came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its name, for good.
    pub id: Uuid,
    /// Whether it goes on.
    pub state: CaseState,
    /// How grave it is; it never becomes milder.
    pub severity: Severity,
    /// What it probably is.
    pub cause: Cause,
    /// What else fits.
    #[serde(default)]
    pub also: Vec<Cause>,
    /// The hosts it is about, in alphabetical order.
    pub hosts: Vec<String>,
    /// The addresses it came from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The accounts it is about.
    #[serde(default)]
    pub users: Vec<String>,
    /// The first thing that happened, in milliseconds since the Unix epoch.
    pub first_ms: u64,
    /// The last thing.
    pub last_ms: u64,
    /// When it was opened; 0 before.
    pub opened_ms: u64,
    /// When the last report came.
    pub updated_ms: u64,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<u64>,
    /// Reports that came.
    pub reports: u64,
    /// What happened, the earliest first.
    pub timeline: Vec<Entry>,
    /// Entries that did not fit.
    #[serde(default)]
    pub left_out: u64,
    /// What the oracle says.
    #[serde(default)]
    pub analysis: Analysis,
    /// Alerts that told of it.
    #[serde(default)]
    pub alerts: u32,
    /// Cases that turned out to be this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<Uuid>,
}

/// Whether a case goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Not grave enough to be one, and kept because it may explain what comes.
    Watching,
    /// Something happened, and more may come.
    Open,
    /// Nothing more came.
    Closed,
}

impl CaseState {
    /// The state as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// What a case probably is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The rule that says so, one word.
    pub rule: String,
    /// In a few words without variable parts.
    pub title: String,
    /// In a sentence, with the names.
    pub text: String,
    /// How grave that is at least.
    pub severity: Severity,
}

/// What happened to one thing, in one way: one line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The host it happened on.
    pub host: String,
    /// Who saw it: a collector or service.
    pub collector: String,
    /// What happened, one word: `unit_failed`.
    pub event: String,
    /// How grave that is by itself.
    pub severity: Severity,
    /// The address it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The account it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The unit, program, device or package it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// How often it happened.
    pub count: u64,
    /// The first time, in milliseconds since the Unix epoch.
    pub first_ms: u64,
    /// The last time.
    pub last_ms: u64,
    /// Who reported it; the first one by name where there are several.
    pub origin: Address,
    /// Lines that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceLine>,
}

/// What the oracle says about a case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Analysis {
    /// It was not asked.
    #[default]
    NotAsked,
    /// It is being asked.
    Asked,
    /// Its report.
    Report {
        /// The report.
        report: Box<Report>,
        /// It came after the case had said that none does.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
    },
    /// None came.
    Missing {
        /// Why.
        reason: String,
    },
}

/// Asks for cases: the content of a [`HANDLER_LIST`] command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListCases {
    /// Words that a case must hold, in any field, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Only cases in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<CaseState>,
    /// Only cases about something that happened since then, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// How many at most; 20 where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// The answer: those that changed last come first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cases {
    /// The cases.
    pub cases: Vec<CaseBrief>,
    /// How many more there are.
    #[serde(default)]
    pub more: u64,
}

/// A case in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseBrief {
    /// Its name.
    pub id: Uuid,
    /// Whether it goes on.
    pub state: CaseState,
    /// How grave it is.
    pub severity: Severity,
    /// What it probably is, in a few words.
    pub title: String,
    /// The hosts it is about.
    pub hosts: Vec<String>,
    /// The addresses it came from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The first thing that happened, in milliseconds since the Unix epoch.
    pub first_ms: u64,
    /// The last thing.
    pub last_ms: u64,
    /// When the last report came.
    pub updated_ms: u64,
    /// Reports that came.
    pub reports: u64,
}

/// Asks for one case: the content of a [`HANDLER_SHOW`] command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowCase {
    /// Its id, or enough of its beginning.
    pub id: String,
}

impl Case {
    /// The case in a line.
    #[must_use]
    pub fn brief(&self) -> CaseBrief {
        CaseBrief {
            id: self.id,
            state: self.state,
            severity: self.severity,
            title: self.cause.title.clone(),
            hosts: self.hosts.clone(),
            sources: self.sources.clone(),
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            updated_ms: self.updated_ms,
            reports: self.reports,
        }
    }
}

/// As much of a case's id as people read and write.
#[must_use]
pub fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text.chars().take(SHORT_CHARS).collect()
}

/// Letters of a short id.
pub const SHORT_CHARS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_question_is_for_all_of_them() {
        let all: ListCases = serde_json::from_str("{}").unwrap();
        assert_eq!(all, ListCases::default());
        assert_eq!(serde_json::to_string(&all).unwrap(), "{}");
        assert!(serde_json::from_str::<ListCases>(r#"{"stat":"open"}"#).is_err());
    }

    #[test]
    fn an_analysis_says_in_which_state_it_is() {
        let missing = Analysis::Missing {
            reason: "nobody serves the role".to_owned(),
        };
        let json = serde_json::to_value(&missing).unwrap();
        assert_eq!(json["state"], "missing");
        assert_eq!(serde_json::from_value::<Analysis>(json).unwrap(), missing);
        let asked = serde_json::to_value(Analysis::Asked).unwrap();
        assert_eq!(asked, serde_json::json!({ "state": "asked" }));
    }

    #[test]
    fn a_short_id_begins_the_long_one() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(short(id), "01234567");
        assert!(id.to_string().starts_with(&short(id)));
    }
}
