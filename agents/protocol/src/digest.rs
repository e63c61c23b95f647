//! The digest conversation: who asks for a digest of the logs, and what comes back.
//!
//! The JSON shape of a [`DigestReport`] is an interface: totals, table and row names are promises
//! to other programs. What a reader does not know it skips, so that nodes of two versions talk.

mod coverage;
mod document;
mod ordered;
mod overview;
mod report;
mod table;
mod traces;

use serde::Deserialize;
use serde::Serialize;

pub use self::coverage::Coverage;
pub use self::coverage::LineCounts;
pub use self::coverage::SourceCoverage;
pub use self::coverage::SourceGap;
pub use self::coverage::SourceProblem;
pub use self::document::Analysis;
pub use self::document::Document;
pub use self::ordered::Ordered;
pub use self::overview::DecidedBy;
pub use self::overview::Overview;
pub use self::overview::POINTS_MAX;
pub use self::overview::Point;
pub use self::report::CollectorReport;
pub use self::report::DigestReport;
pub use self::report::EvidenceLine;
pub use self::report::Section;
pub use self::table::Other;
pub use self::table::Row;
pub use self::table::Table;
pub use self::traces::HourCounts;
pub use self::traces::Login;
pub use self::traces::Trace;
pub use self::traces::TraceGroup;
pub use self::traces::Traces;
use crate::callback::Format;
use crate::flag::flag;

/// The role that makes digests.
pub const ROLE: &str = "logwatch.generate.digest";
/// Its handler.
pub const HANDLER: &str = "cmd_generate_system_log_digest";

/// Asks for a digest: the content of a [`HANDLER`] command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerateDigest {
    /// The collectors wanted, by name; all that are configured if empty.
    #[serde(default)]
    pub collectors: Vec<String>,
    /// Whether an oracle is asked about the digest.
    #[serde(default, deserialize_with = "flag")]
    pub use_oracle: bool,
    /// Whether evidence lines come along.
    #[serde(default = "yes", deserialize_with = "flag")]
    pub include_details: bool,
    /// The session of the person who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What ties the answers to this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the person's program wants its callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_handler: Option<String>,
    /// What the digest comes as.
    #[serde(default)]
    pub format: Format,
    /// Only lines at most this old, in seconds; all that the files hold if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_s: Option<u64>,
    /// The newest digest that is kept, instead of a new one.
    #[serde(default, deserialize_with = "flag")]
    pub last: bool,
}

impl Default for GenerateDigest {
    fn default() -> Self {
        Self {
            collectors: Vec::new(),
            use_oracle: false,
            include_details: true,
            session_id: None,
            token: None,
            return_handler: None,
            format: Format::default(),
            since_s: None,
            last: false,
        }
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
