//! A digest as programs get it: the counts, what they come to, and what came of asking about them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Ordered, Overview, report::CollectorReport};
use crate::oracle::{Report, Window};

/// A digest of one host as one JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Document<'a> {
    /// The node whose host it is about; empty for files that were read without a node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_ms: u64,
    /// The span it covers; none where it covers all that its files hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What it comes to.
    pub overview: Overview,
    /// What each collector found, in the order they were asked for.
    pub collectors: Cow<'a, Ordered<CollectorReport>>,
    /// What came of asking an oracle; none where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
}

/// What came of asking an oracle about a digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// The question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
