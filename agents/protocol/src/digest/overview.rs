//! What a digest comes to: how grave it is, what needs a person, what changed.

use serde::{Deserialize, Serialize};

use crate::{oracle::Window, severity::Severity};

/// Points of one kind that an overview holds; the mildest beyond are left out.
pub const POINTS_MAX: usize = 20;

/// What a digest comes to, before its tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Overview {
    /// How grave it all is; at least as grave as each need.
    pub severity: Severity,
    /// What decided that.
    pub decided_by: DecidedBy,
    /// What a person should look at, the gravest first.
    pub needs: Vec<Point>,
    /// What is notably different from the last digest of the same kind.
    pub changes: Vec<Point>,
    /// The span of the digest that it was compared with; none where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<Window>,
}

/// What decided how grave a digest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// Thresholds over its counts.
    #[default]
    Rules,
    /// An oracle's report, and what could not be read.
    Analysis,
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// How grave it is.
    pub severity: Severity,
    /// The collector it is about; empty where it is about the whole.
    pub collector: String,
    /// What it is, in one line. May hold log text: not safe to print as it is.
    pub text: String,
    /// What a person can do about it; empty where nothing is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cure: String,
}
