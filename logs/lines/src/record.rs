//! The owned form of a log line: OpenTelemetry's logs data model.

use serde::Deserialize;
use serde::Serialize;

use crate::line::Line;
use crate::severity::Severity;
use crate::stamp::Clock;
use crate::text::neutral;

/// A log record.
///
/// Source: OpenTelemetry logs data model; attributes carry their semantic-convention names
/// (`source.address`, `user.name`, `event.name`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it happened, in nanoseconds since 1970 UTC; none where the line does not say.
    pub timestamp_ns: Option<i64>,
    /// When it was read, in nanoseconds since 1970 UTC.
    pub observed_ns: i64,
    /// How grave, where it is known.
    pub severity: Option<Severity>,
    /// What it says, with bytes that are no UTF-8 as `\xNN`.
    pub body: String,
    /// The host it was written on; empty where unknown.
    pub host: String,
    /// The program that wrote it; empty where unknown.
    pub service: String,
    /// Its process.
    pub pid: Option<u32>,
    /// What was read out of it, in the order of reading.
    pub attributes: Vec<(String, Value)>,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A count, a port, a status.
    Number(u64),
    /// Anything else.
    Text(String),
}

impl Record {
    /// The record of a line, with no attributes yet.
    #[must_use]
    pub fn from_line(line: &Line<'_>, clock: &mut Clock, observed_ns: i64) -> Self {
        Self {
            timestamp_ns: clock.resolve(line.stamp),
            observed_ns,
            severity: line.severity,
            body: neutral(line.body),
            host: neutral(line.host),
            service: neutral(line.app),
            pid: line.pid,
            attributes: Vec::new(),
        }
    }

    /// An attribute, by name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}
