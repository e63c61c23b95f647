//! What a line says, under names that all services share.

use crate::record::Value;
use crate::severity::Severity;
use crate::text::neutral;

/// A longer text of an attribute is cut here.
const TEXT_BYTES_MAX: usize = 4_096;

/// What one line says: an event, how it ended, and who and what is named in it.
///
/// Attributes carry the names of OpenTelemetry's semantic conventions, and of the Elastic Common
/// Schema where those have none (`source.address`, `user.name`, `url.path`). A service reads its
/// events without building this; it is made only where somebody asks what a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The event's name, `SERVICE.WHAT`.
    pub event: &'static str,
    /// The rule that matched: the form of the line, in words.
    pub rule: &'static str,
    /// How it ended, for an event that can end well or badly.
    pub outcome: Option<Outcome>,
    /// How grave the line itself says it is, where its prefix does not.
    pub severity: Option<Severity>,
    /// What else the line says, in a fixed order.
    pub attributes: Vec<(&'static str, Value)>,
}

/// How an event ended for whoever caused it.
///
/// Source: `event.outcome` of the Elastic Common Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// They got what they wanted.
    Success,
    /// They did not.
    Failure,
}

impl Outcome {
    /// Its name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

impl Facts {
    /// An event of which nothing else is known yet.
    #[must_use]
    pub fn new(event: &'static str, rule: &'static str) -> Self {
        Self {
            event,
            rule,
            outcome: None,
            severity: None,
            attributes: Vec::new(),
        }
    }

    /// It ended like this, if that is known.
    #[must_use]
    pub fn outcome(self, outcome: impl Into<Option<Outcome>>) -> Self {
        Self {
            outcome: outcome.into(),
            ..self
        }
    }

    /// The line calls it as grave as this.
    #[must_use]
    pub fn severity(self, severity: impl Into<Option<Severity>>) -> Self {
        Self {
            severity: severity.into(),
            ..self
        }
    }

    /// Adds a text, made safe to show; an empty one is left out.
    #[must_use]
    pub fn text(mut self, name: &'static str, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        if !text.is_empty() {
            let text = crate::text::neutral_cut(text, TEXT_BYTES_MAX);
            self.attributes.push((name, Value::Text(text)));
        }
        self
    }

    /// Adds a number, if there is one.
    #[must_use]
    pub fn number(mut self, name: &'static str, number: Option<impl Into<u64>>) -> Self {
        if let Some(number) = number {
            self.attributes.push((name, Value::Number(number.into())));
        }
        self
    }

    /// An attribute, by name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// One line for tables of tests: `event outcome name=value …`.
impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.event)?;
        if let Some(outcome) = self.outcome {
            write!(f, " {}", outcome.text())?;
        }
        for (name, value) in &self.attributes {
            match value {
                Value::Number(number) => write!(f, " {name}={number}")?,
                Value::Text(text) => write!(f, " {name}={}", neutral(text.as_bytes()))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_left_out() {
        let facts = Facts::new("sshd.failed", "Failed …")
            .outcome(Outcome::Failure)
            .text("source.address", b"10.0.0.7")
            .text("user.name", b"")
            .number("source.port", Some(22u16))
            .number("process.exit_code", None::<u64>);
        assert_eq!(
            facts.to_string(),
            "sshd.failed failure source.address=10.0.0.7 source.port=22"
        );
        assert_eq!(facts.attribute("source.port"), Some(&Value::Number(22)));
        assert_eq!(facts.attribute("user.name"), None);
    }

    #[test]
    fn what_is_shown_is_neutral() {
        let facts = Facts::new("a.b", "").text("user.name", b"\x1b[2Jx\xff");
        assert_eq!(facts.to_string(), "a.b user.name=\\x1b[2Jx\\xff");
    }
}
