//! A status event: what an agent reports about itself or what it watches, for whoever listens.

use serde::{Deserialize, Serialize};
use skep_packet::Address;

use crate::severity::Severity;

/// The content of a `standard.status.event.packet`: a report that nobody has to act on.
///
/// Sent best effort: the next one says what is true then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// Who reports.
    pub origin: Address,
    /// What it is about: a collector, a channel, a unit; the agent itself if empty.
    #[serde(default)]
    pub subject: String,
    /// The state, one word: `reading`, `idle`, `failing`.
    pub state: String,
    /// How grave that is.
    #[serde(default)]
    pub severity: Severity,
    /// What happened, in one sentence.
    #[serde(default)]
    pub detail: String,
    /// When it was so, in milliseconds since the Unix epoch.
    pub timestamp: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_one_is_a_state_and_its_origin() {
        let text = r#"{"origin":"log_watcher@n1","state":"idle","timestamp":5}"#;
        let event: StatusEvent = serde_json::from_str(text).unwrap();
        assert_eq!(event.severity, Severity::Info);
        let back = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<StatusEvent>(&back).unwrap(), event);
    }
}
