//! Why a model gave no opinion.

use serde_json::Value;
use skep_lines::neutral_cut;

use super::{REASON_BYTES_MAX, budget::OverBudget, retry};

/// Why a model gave no opinion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModelError {
    /// It was silent for too long, or the time that the asker waits left none for it.
    #[error("the model did not answer in time")]
    TimedOut,
    /// It could not be reached.
    #[error("the model could not be reached: {0}")]
    Unreachable(String),
    /// Its server says no.
    #[error("the model's server says HTTP {status}: {text}")]
    Http {
        /// The status.
        status: u16,
        /// The start of what it says.
        text: String,
        /// What `Retry-After` says.
        retry_after: Option<String>,
    },
    /// Its server broke off.
    #[error("the model's server broke off: {0}")]
    Broke(String),
    /// Its answer is larger than an answer is.
    #[error("the model's answer is larger than {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// Its answer is none.
    #[error("the model's answer is no report: {0}")]
    Garbage(String),
    /// It failed again and again, and is left alone for a while.
    #[error("the model failed again and again and is left alone for {seconds} s")]
    Resting {
        /// For how long yet.
        seconds: u64,
    },
    /// Another question would cost more than may be spent.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// What it cost could not be kept.
    #[error("the budget could not be kept: {0}")]
    Unkept(String),
}

impl ModelError {
    /// An error that a server tells in the place of an answer.
    pub(super) fn broke(error: &Value) -> Self {
        let text = error.get("message").and_then(Value::as_str);
        let text = text.map_or_else(|| error.to_string(), str::to_owned);
        Self::Broke(neutral_cut(text.as_bytes(), REASON_BYTES_MAX))
    }

    /// Whether the next time may be better.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broke(_) => true,
            Self::Http { status, .. } => retry::passes(*status),
            _ => false,
        }
    }

    /// Whether it may be the form of the question that the server does not know.
    pub(crate) fn is_of_form(&self) -> bool {
        matches!(
            self,
            Self::Http {
                status: 400 | 422,
                ..
            }
        )
    }

    /// Whether it tells of the server, and not of one answer.
    pub(crate) fn is_servers(&self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::Unreachable(_) | Self::Broke(_) | Self::Http { .. }
        )
    }

    /// Whether nothing was worked at, so that nothing was spent.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Http { .. })
    }
}
