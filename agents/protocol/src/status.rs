//! A status event: what an agent reports about itself or what it watches, for whoever listens.

use serde::{Deserialize, Deserializer, Serialize};
use skep_packet::Address;

use crate::{digest::EvidenceLine, severity::Severity};

/// The role of whoever makes sense of severity reports.
pub const ROLE: &str = "hive.forensics.data_feed";
/// Its handler; durable.
pub const HANDLER: &str = "cmd_ingest_status_report";

/// Lines of evidence of a severity report; the first ones stay.
pub const EVIDENCE_MAX: usize = 5;
/// Longest text of a severity report, a line of evidence too, in characters; the rest is cut off.
pub const TEXT_CHARS_MAX: usize = 500;

/// The content of a `standard.status.event.packet`.
///
/// Without a `report` it is a state, sent best effort: the next one says what is true then. With
/// one it is a *severity report*: something that happened, sent durably, because nobody says it
/// again. The names in which older agents write it are understood too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// Who reports. Whoever takes the packet knows its sender, and goes by that.
    pub origin: Address,
    /// What it is about: a collector, a channel, a unit; the agent itself if empty.
    #[serde(default, alias = "service_name")]
    pub subject: String,
    /// The state or event, one word: `reading`, `failing`, `unit_failed`.
    #[serde(alias = "status")]
    pub state: String,
    /// How grave that is.
    #[serde(default, deserialize_with = "any_case")]
    pub severity: Severity,
    /// What happened, in one sentence.
    #[serde(default)]
    pub detail: String,
    /// When it was so, in milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// What a severity report can be correlated by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<SeverityReport>,
}

/// Where, by whom, how often and when: what reports of several hosts are put together by.
///
/// Names and lines come out of logs: not safe to print as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeverityReport {
    /// The host it happened on; the node's name where an agent reports on its own host.
    pub host: String,
    /// The address it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The account it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The unit, program, device or package it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// How often it happened.
    pub count: u64,
    /// The first time, in milliseconds since the Unix epoch.
    pub first_ms: u64,
    /// The last time.
    pub last_ms: u64,
    /// Lines that show it, the oldest first.
    pub evidence: Vec<EvidenceLine>,
}

impl SeverityReport {
    /// The report without what is beyond its bounds, and with its times in order.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        cut(&mut self.host);
        let texts = [&mut self.source, &mut self.user, &mut self.object];
        texts.into_iter().flatten().for_each(cut);
        self.evidence.truncate(EVIDENCE_MAX);
        for line in &mut self.evidence {
            cut(&mut line.id);
            cut(&mut line.text);
        }
        if self.first_ms > self.last_ms {
            std::mem::swap(&mut self.first_ms, &mut self.last_ms);
        }
        self
    }
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
    }
}

/// Older agents shout.
fn any_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    let word = String::deserialize(deserializer)?.to_ascii_lowercase();
    serde_json::from_value(word.into()).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_one_is_a_state_and_its_origin() {
        let text = r#"{"origin":"log_watcher@n1","state":"idle","timestamp":5}"#;
        let event: StatusEvent = serde_json::from_str(text).unwrap();
        assert_eq!((event.severity, &event.report), (Severity::Info, &None));
        let back = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<StatusEvent>(&back).unwrap(), event);
        assert!(!back.contains("report"), "{back}");
    }

    #[test]
    fn older_names_are_understood() {
        let text = r#"{"origin":"watchdog@n1","service_name":"nginx","status":"DOWN",
            "severity":"CRITICAL","timestamp":5,"report":{"host":"web1","count":1}}"#;
        let event: StatusEvent = serde_json::from_str(text).unwrap();
        assert_eq!(
            (event.subject.as_str(), event.state.as_str(), event.severity),
            ("nginx", "DOWN", Severity::Critical)
        );
        assert_eq!(event.report.unwrap().host, "web1");
    }

    #[test]
    fn a_report_has_bounds() {
        let line = EvidenceLine {
            id: "sshd/1:1".to_owned(),
            text: "ü".repeat(10_000),
        };
        let report = SeverityReport {
            user: Some("x".repeat(10_000)),
            first_ms: 9,
            last_ms: 3,
            evidence: vec![line; 1000],
            ..SeverityReport::default()
        };
        let report = report.bounded();
        assert_eq!(report.user.map(|user| user.len()), Some(TEXT_CHARS_MAX));
        assert_eq!(report.evidence.len(), EVIDENCE_MAX);
        assert_eq!(report.evidence[0].text.chars().count(), TEXT_CHARS_MAX);
        assert_eq!((report.first_ms, report.last_ms), (3, 9));
    }
}
