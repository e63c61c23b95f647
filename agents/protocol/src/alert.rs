//! The alert conversation: what an agent tells people through whoever serves `hive.alert`.

use serde::{Deserialize, Serialize};
use skep_packet::{Address, Kind, PacketId};
use uuid::Uuid;

use crate::{digest::EvidenceLine, severity::Severity};

/// The role that tells people.
pub const ROLE: &str = "hive.alert";
/// Its handler; durable.
pub const HANDLER: &str = "cmd_send_alert_msg";
/// Its handler for people: the newest alerts and what became of them.
pub const HANDLER_LIST: &str = "cmd_list_alerts";
/// What the packet is.
pub const KIND: Kind = Kind::Alert;

/// Longest `msg` and the like that is kept, in characters; the rest is cut off.
pub const MSG_CHARS_MAX: usize = 16 * 1024;
/// Longest `html`, in bytes; a longer one is left out whole, for half of it says something else.
pub const HTML_BYTES_MAX: usize = 160 * 1024;
/// Most lines of evidence that are kept; the first ones stay.
pub const EVIDENCE_MAX: usize = 50;

/// The content of a `notify.alert.general`: something a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Names the record: a second alert with the same id updates it and never makes another. The
    /// packet's id where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// What happened, in a few sentences. May hold log text: not safe to print as it is.
    pub msg: String,
    /// What a mail of it is called, instead of its level, host and cause; and all that a line in a
    /// file says of it. For what is a letter more than an alert: a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `msg` as HTML, for mails, which then hold both; its maker made the log text in it harmless.
    /// Goes out with the first message and is not kept in the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The kind of thing that happened, in a few words without variable parts: alerts of one
    /// (origin, cause) share a cooldown, where they have no `group`.
    pub cause: String,
    /// Who says it.
    pub origin: Address,
    /// How grave it is.
    #[serde(default = "warning")]
    pub level: Severity,
    /// What it belongs to, where several causes are one story: alerts of one (origin, group) share
    /// a cooldown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The lines that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceLine>,
    /// The host it is about; the origin's node where it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// When it happened, in milliseconds since the Unix epoch; when it arrived where it is 0.
    #[serde(default)]
    pub timestamp: u64,
    /// The question it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// Only brings a record up to date that people were told of already: nobody is told again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Counts what people should be told under one id: a higher one is news, also where neither
    /// the level nor the cause changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
}

impl Alert {
    /// An alert with what every one has.
    #[must_use]
    pub fn new(origin: Address, level: Severity, cause: &str, msg: impl Into<String>) -> Self {
        Self {
            id: None,
            msg: msg.into(),
            title: None,
            html: None,
            cause: cause.to_owned(),
            host: origin.node.to_string(),
            origin,
            level,
            group: None,
            evidence: Vec::new(),
            timestamp: 0,
            query_id: None,
            quiet: false,
            revision: 0,
        }
    }

    /// The alert about a question to an oracle: whoever raises it, and however often, it is one
    /// record.
    #[must_use]
    pub fn about_question(mut self, query_id: &str) -> Self {
        self.id = Some(question_id(query_id));
        self.query_id = Some(query_id.to_owned());
        self
    }

    /// The packet id that a repeat would have too, so that a sender's retry is one packet.
    #[must_use]
    pub fn packet_id(&self) -> Option<PacketId> {
        self.id.map(PacketId)
    }
}

/// The record's id of the alert about a question: UUIDv5 of its query id.
#[must_use]
pub fn question_id(query_id: &str) -> Uuid {
    /// The name space of these ids; random, fixed for good.
    const SPACE: Uuid = Uuid::from_u128(0x5f0e_62c1_9d0b_4a57_8e0c_3b7a_5c1d_f2a6);
    Uuid::new_v5(&SPACE, query_id.as_bytes())
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn warning() -> Severity {
    Severity::Warning
}

/// Asks for the newest alerts: the content of a [`HANDLER_LIST`] command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListAlerts {
    /// How many at most; 20 where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// The answer: the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alerts {
    /// The records.
    pub alerts: Vec<Record>,
}

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// The alert, as it was last said.
    pub alert: Alert,
    /// When it first came, in milliseconds since the Unix epoch.
    pub first_ms: u64,
    /// When it last came.
    pub last_ms: u64,
    /// How often it came.
    pub times: u64,
    /// Whether people were told by a message of its own, or it waits to be counted in the next one.
    pub notified: bool,
    /// What became of the messages that told of it, one for each message and channel.
    #[serde(default)]
    pub deliveries: Vec<Delivery>,
}

/// What became of a message on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The message: what a mail's Message-ID and a webhook's idempotency key are made of.
    pub message: Uuid,
    /// The channel, by its name.
    pub channel: String,
    /// How far it got.
    pub state: DeliveryState,
    /// How often it was tried, the try that worked too.
    pub attempts: u32,
    /// When it was last tried or delivered, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How far a message got on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// On its way; it is tried again until it is delivered or too old.
    Waiting,
    /// The other side took it.
    Delivered,
    /// Given up.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_one_alert_whoever_raises_it() {
        let origin: Address = "log_watcher@n1".parse().unwrap();
        let first = Alert::new(origin.clone(), Severity::Warning, "oracle timeout", "a");
        let again = Alert::new(origin, Severity::Error, "anomaly", "b");
        let (first, again) = (first.about_question("q1"), again.about_question("q1"));
        assert_eq!(first.id, again.id);
        assert_ne!(first.id, Some(question_id("q2")));
    }

    #[test]
    fn the_least_alert_is_a_message_a_cause_and_its_origin() {
        let text = r#"{"msg":"m","cause":"c","origin":"a@n1"}"#;
        let alert: Alert = serde_json::from_str(text).unwrap();
        assert_eq!((alert.level, alert.id), (Severity::Warning, None));
        let back = serde_json::to_string(&alert).unwrap();
        assert_eq!(serde_json::from_str::<Alert>(&back).unwrap(), alert);
    }
}
