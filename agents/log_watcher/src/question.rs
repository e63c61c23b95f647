//! A question to an oracle that is still open, and how it is settled: once.
//!
//! The row is on disk before anything is asked. Settling it is one transaction: the row goes, the
//! callbacks leave and, where due, the alert; so whatever dies in between, there is one end.

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;
use skep_agent::StoreError;
use skep_agent::Tx;
use skep_packet::Address;
use skep_protocol::alert::Alert;
use skep_protocol::callback::Answering;
use skep_protocol::callback::Callback;
use skep_protocol::callback::Format;
use skep_protocol::digest::Analysis;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::EvidenceLine;
use skep_protocol::oracle::OracleResponse;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;
use uuid::Uuid;

use crate::config::OracleTerms;
use crate::show;
use crate::show::Facts;

/// Open questions stand under this prefix, by their query id.
pub(crate) const OPEN: &str = "question/";

/// How far the answers to a person have been numbered, beside its question: a small row of its
/// own, because it changes every few seconds.
pub(crate) const ANSWERING: &str = "answering/";

/// Questions that ended without a report, so that a late one can be shown.
const SETTLED: &str = "settled/";

/// Their query ids, the oldest first.
pub(crate) const SETTLED_ORDER: &str = "settled-order";

/// Settled questions that are remembered; the oldest go.
pub(crate) const SETTLED_MAX: usize = 20;

/// The name space of query ids; random, fixed for good.
const SPACE: Uuid = Uuid::from_u128(0x9d1c_44b2_6a0e_4f83_b7de_20f1_86c5_3e97);

/// A question before its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) query_id: String,
    pub(crate) deadline_ms: u64,
    /// What the digest comes as, for a person.
    pub(crate) format: Format,
    /// Whether the person sees the digest's evidence lines; the oracle does in any case.
    pub(crate) include_details: bool,
    /// The patrol it belongs to; its stored digest gets the analysis.
    pub(crate) patrol: Option<u64>,
    pub(crate) window: Option<Window>,
    /// What its document says beside the counts.
    #[serde(default)]
    pub(crate) facts: Facts,
    pub(crate) digest: DigestReport,
}

/// A question that ended without a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) question: Question,
    pub(crate) answering: Answering,
}

/// How a question ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// With a report that is one.
    Report(Box<OracleResponse>),
    /// Without.
    Failed(Failure),
}

/// Why no analysis came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("nobody serves the role {role}")]
    NoOracle { role: String },
    #[error("the oracle did not answer within {seconds} s")]
    TimedOut { seconds: u64 },
    #[error("the oracle {endpoint} is gone")]
    Lost { endpoint: Address },
    #[error("the oracle could not: {reason}")]
    Refused { reason: String },
    #[error("the oracle's answer is no report: {reason}")]
    Garbage { reason: String },
    #[error("interrupted: this node was restarted while the oracle was asked")]
    Interrupted,
}

impl Failure {
    /// The kind of failure, without variable parts: what alerts are grouped by.
    fn cause(&self) -> &'static str {
        match self {
            Self::NoOracle { .. } => "no oracle to ask",
            Self::TimedOut { .. } => "oracle did not answer in time",
            Self::Lost { .. } => "oracle was lost while asked",
            Self::Refused { .. } => "oracle refused",
            Self::Garbage { .. } => "oracle answered garbage",
            Self::Interrupted => "oracle question interrupted",
        }
    }
}

/// The id of the question about what this work is, of this agent: a repeat is the same question.
pub(crate) fn query_id(work: &str, agent: &Address) -> String {
    Uuid::new_v5(&SPACE, format!("{work} {agent}").as_bytes()).to_string()
}

/// Where a settled question stands.
pub(crate) fn settled_key(query_id: &str) -> String {
    format!("{SETTLED}{query_id}")
}

impl Question {
    pub(crate) fn key(&self) -> String {
        format!("{OPEN}{}", self.query_id)
    }

    pub(crate) fn answering_key(&self) -> String {
        format!("{ANSWERING}{}", self.query_id)
    }

    /// Writes the open question; nothing was asked yet.
    pub(crate) fn open(&self, tx: &mut Tx, answering: &Answering) {
        tx.put(&self.key(), self);
        tx.put(&self.answering_key(), answering);
    }

    /// Takes the open question away; `None` if it was settled before.
    pub(crate) fn close(&self, tx: &mut Tx) -> Result<Option<Answering>, StoreError> {
        if tx.get::<Question>(&self.key())?.is_none() {
            return Ok(None);
        }
        let answering = tx.get(&self.answering_key())?;
        tx.delete(&self.key());
        tx.delete(&self.answering_key());
        Ok(answering)
    }

    /// What the person is told at the end.
    pub(crate) fn last_words(
        &self,
        answering: &mut Answering,
        outcome: &Outcome,
        now_ms: u64,
    ) -> Vec<Callback> {
        match (self.format, outcome) {
            (Format::Text, Outcome::Report(response)) => {
                answering.text(now_ms, &show::analysis(&response.report), true)
            }
            (Format::Text, Outcome::Failed(failure)) => {
                answering.text(now_ms, &show::no_analysis(&failure.to_string()), true)
            }
            (Format::Json, _) => answering.json(now_ms, &self.document(outcome), true),
        }
    }

    /// What the person is told of an answer after the end.
    pub(crate) fn late_words(
        &self,
        answering: &mut Answering,
        response: &OracleResponse,
        now_ms: u64,
    ) -> Vec<Callback> {
        let mut words = match self.format {
            Format::Text => {
                let text = format!(
                    "\nThe analysis came late.{}",
                    show::analysis(&response.report)
                );
                answering.text(now_ms, &text, true)
            }
            Format::Json => {
                let outcome = Outcome::Report(Box::new(response.clone()));
                answering.json(now_ms, &self.document(&outcome), true)
            }
        };
        for callback in &mut words {
            callback.late = true;
        }
        words
    }

    fn document(&self, outcome: &Outcome) -> String {
        show::json(&show::document(
            &self.shown(),
            &self.facts,
            self.analysis(outcome),
        ))
    }

    /// The digest as the person sees it.
    pub(crate) fn shown(&self) -> Cow<'_, DigestReport> {
        match self.include_details {
            true => Cow::Borrowed(&self.digest),
            false => Cow::Owned(show::without_lines(&self.digest)),
        }
    }

    /// What came of asking, as programs read it.
    pub(crate) fn analysis(&self, outcome: &Outcome) -> Option<Analysis> {
        let (report, reason) = match outcome {
            Outcome::Report(response) => (Some(response.report.clone()), None),
            Outcome::Failed(failure) => (None, Some(failure.to_string())),
        };
        Some(Analysis {
            query_id: Some(self.query_id.clone()),
            report,
            reason,
        })
    }

    /// The alert that the outcome calls for, under the id of the question.
    pub(crate) fn alert(
        &self,
        origin: &Address,
        outcome: &Outcome,
        terms: &OracleTerms,
        now_ms: u64,
    ) -> Option<Alert> {
        let alert = match outcome {
            Outcome::Report(response) if response.report.anomaly => {
                let level = response.report.severity.max(Severity::Warning);
                let mut alert =
                    Alert::new(origin.clone(), level, "anomaly in the logs", told(response));
                alert.evidence = self.evidence(response);
                alert
            }
            Outcome::Report(response) => {
                let reason = response.report.degraded.as_ref()?;
                if !terms.alert_on_degraded {
                    return None;
                }
                let text = format!("the analysis is only the built-in one: {reason}");
                Alert::new(origin.clone(), terms.severity, "analysis degraded", text)
            }
            Outcome::Failed(failure) => {
                let text = format!("no analysis of a digest of {}: {failure}", origin.node);
                Alert::new(origin.clone(), terms.severity, failure.cause(), text)
            }
        };
        let mut alert = alert.about_question(&self.query_id);
        alert.timestamp = now_ms;
        Some(alert)
    }

    /// What a late report adds to the record of its question. Only an anomaly is news to people.
    pub(crate) fn late_alert(
        &self,
        origin: &Address,
        response: &OracleResponse,
        terms: &OracleTerms,
        now_ms: u64,
    ) -> Alert {
        let outcome = Outcome::Report(Box::new(response.clone()));
        let anomaly = response.report.anomaly;
        let news = if anomaly {
            self.alert(origin, &outcome, terms, now_ms)
        } else {
            None
        };
        news.unwrap_or_else(|| {
            let text = format!("the analysis came late: {}", response.report.summary);
            let alert = Alert::new(origin.clone(), terms.severity, "analysis came late", text);
            let mut alert = alert.about_question(&self.query_id);
            alert.timestamp = now_ms;
            alert.quiet = true;
            alert
        })
    }

    /// The lines of the digest that the findings stand on.
    fn evidence(&self, response: &OracleResponse) -> Vec<EvidenceLine> {
        let wanted: Vec<&String> = response
            .report
            .findings
            .iter()
            .flat_map(|finding| &finding.evidence)
            .collect();
        let collectors = self.digest.collectors.0.iter();
        let sections = collectors.flat_map(|(_, collector)| &collector.sections);
        let lines = sections.flat_map(|section| &section.lines);
        let mut found: Vec<EvidenceLine> = Vec::new();
        for line in lines.filter(|line| wanted.contains(&&line.id)) {
            if found.iter().all(|known| known.id != line.id) {
                found.push(line.clone());
            }
        }
        found.truncate(skep_protocol::alert::EVIDENCE_MAX);
        found
    }
}

/// A report in a few sentences.
fn told(response: &OracleResponse) -> String {
    let report = &response.report;
    let findings: Vec<String> = report
        .findings
        .iter()
        .map(|finding| format!("[{}] {}", finding.severity, finding.title))
        .collect();
    format!("{}\n{}", report.summary, findings.join("\n"))
        .trim_end()
        .to_owned()
}
