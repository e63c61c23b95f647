//! The oracle conversation: a digest goes to whoever serves `hive.oracle`, a report comes back.
//!
//! A report is an opinion on log text that strangers wrote: [`check`] says whether it is one at
//! all, and nothing in it is ever run.

mod check;
mod fit;
mod report;

use serde::{Deserialize, Serialize};

pub use self::check::{
    ADVICE_MAX, EVIDENCE_MAX, FINDINGS_MAX, ReportError, SUMMARY_CHARS_MAX, TEXT_CHARS_MAX,
    UNFOUNDED_MAX, check, evidence_ids,
};
pub use self::fit::{DIGEST_BYTES_MAX, fitted};
pub use self::report::{Finding, Report};
use crate::digest::DigestReport;

/// The role that analyses.
pub const ROLE: &str = "hive.oracle";
/// Its handler.
pub const HANDLER: &str = "cmd_msg_prompt";
/// The role that shows what a question would make leave the host.
pub const PREVIEW_ROLE: &str = "hive.oracle.preview";
/// Its handler.
pub const PREVIEW_HANDLER: &str = "cmd_oracle_preview";
/// Where the answer goes unless the asker names another handler.
pub const RETURN_HANDLER: &str = "cmd_oracle_response";

/// Asks for an analysis: the content of a [`HANDLER`] command.
///
/// At least one of `prompt`, `messages` and `digest` says what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The question, the token of the ask as text.
    pub query_id: String,
    /// The asker's handler for the answer.
    #[serde(default = "return_handler")]
    pub return_handler: String,
    /// What is asked, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Or as a conversation, the oldest message first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The digest that it is about, as data; cut by [`fitted`] so that it fits a packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestReport>,
    /// The host that the digest is about.
    #[serde(default)]
    pub host: String,
    /// The span of time that the digest covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Whether the digest is a patrol's, which covers each line once: only then the oracle learns
    /// from it what is usual.
    #[serde(default)]
    pub patrol: bool,
    /// How long the asker waits, in milliseconds; the oracle's own bound where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What it says.
    pub content: String,
}

/// A span of time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its first.
    pub from_ms: u64,
    /// The first after it.
    pub until_ms: u64,
}

impl Prompt {
    /// A question about a digest; the asker adds the window and whether it is a patrol's.
    #[must_use]
    pub fn about(query_id: &str, host: &str, digest: &DigestReport) -> Self {
        Self {
            query_id: query_id.to_owned(),
            return_handler: return_handler(),
            prompt: None,
            messages: Vec::new(),
            digest: Some(fitted(digest, DIGEST_BYTES_MAX)),
            host: host.to_owned(),
            window: None,
            patrol: false,
            within_ms: None,
        }
    }
}

/// The answer: the content of a [`RETURN_HANDLER`] command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleResponse {
    /// The question it answers.
    pub query_id: String,
    /// The report as text for people.
    pub response: String,
    /// The report.
    pub report: Report,
}

/// Asks what a question would make leave the host: the content of a [`PREVIEW_HANDLER`] command.
/// Nothing is sent, spent or learned for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskPreview {
    /// The question.
    pub question: Prompt,
    /// The session of the person who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// What a question would make leave the host; nothing where no model is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preview {
    /// The requests, in the order in which they would be tried.
    pub requests: Vec<OutboundRequest>,
    /// Lines that no model would be shown because they speak to their reader, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// One request to a language model's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRequest {
    /// The backend, as it signs its reports.
    pub backend: String,
    /// Where it goes.
    pub url: String,
    /// Its body, to the byte.
    pub body: String,
}

fn return_handler() -> String {
    RETURN_HANDLER.to_owned()
}
