//! One entry of the journal, parsed from a line of `journalctl -o json`.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::SeqAccess;
use serde::de::Visitor;

/// A message is kept up to this many bytes; what is beyond is dropped, and the entry is counted.
pub const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// What of an entry matters to a log record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// When the journal received it, in microseconds since 1970.
    pub realtime_unix_us: u64,
    /// The host it was logged on.
    pub hostname: String,
    /// The name its program logged under; the process's name where it gave none.
    pub identifier: String,
    /// The process, as the kernel knows it, else as the program said.
    pub pid: Option<u32>,
    /// The systemd unit.
    pub unit: Option<String>,
    /// Syslog's severity, 0 (emergency) to 7 (debug).
    pub priority: Option<u8>,
    /// The text, any bytes; several messages of one entry are joined by newlines.
    pub message: Vec<u8>,
    /// Its place in the journal.
    pub cursor: String,
}

/// The fields asked of `journalctl`, which prints the addresses (`__…`) by itself.
pub(super) const FIELDS: &str =
    "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,SYSLOG_PID,_COMM,_HOSTNAME,_PID,_SYSTEMD_UNIT";

#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    realtime: String,
    #[serde(rename = "MESSAGE", default)]
    message: Field,
    #[serde(rename = "PRIORITY", default)]
    priority: Field,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Field,
    #[serde(rename = "SYSLOG_PID", default)]
    syslog_pid: Field,
    #[serde(rename = "_COMM", default)]
    command: Field,
    #[serde(rename = "_HOSTNAME", default)]
    hostname: Field,
    #[serde(rename = "_PID", default)]
    pid: Field,
    #[serde(rename = "_SYSTEMD_UNIT", default)]
    unit: Field,
}

impl Entry {
    /// Parses a line of `journalctl -o json`; `None` if it is no entry.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let raw: Raw = serde_json::from_slice(line).ok()?;
        let unit = raw.unit.text();
        Some(Self {
            realtime_unix_us: raw.realtime.parse().ok()?,
            hostname: raw.hostname.text().unwrap_or_default(),
            identifier: raw
                .identifier
                .text()
                .or(raw.command.text())
                .unwrap_or_default(),
            pid: raw.pid.number().or(raw.syslog_pid.number()),
            unit,
            priority: raw.priority.number().filter(|priority| *priority <= 7),
            message: raw.message.0.join(&b'\n'),
            cursor: raw.cursor,
        })
    }

    /// Cuts the message at its bound; whether it had to.
    pub(super) fn cap(&mut self) -> bool {
        let too_long = self.message.len() > ENTRY_BYTES_MAX;
        self.message.truncate(ENTRY_BYTES_MAX);
        too_long
    }
}

/// A field's values: `journalctl` prints text as a string, other bytes as an array of numbers,
/// a field that occurs several times as an array of those, and one it left out as null.
#[derive(Debug, Default, PartialEq, Eq)]
struct Field(Vec<Vec<u8>>);

impl Field {
    fn text(&self) -> Option<String> {
        self.0
            .first()
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn number<T: std::str::FromStr>(&self) -> Option<T> {
        self.text()?.trim().parse().ok()
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, bytes, several of them, or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field(vec![text.as_bytes().to_vec()]))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
        let mut bytes = Vec::new();
        let mut values = Vec::new();
        while let Some(element) = seq.next_element()? {
            match element {
                Element::Byte(byte) => bytes.push(byte),
                Element::Value(value) => values.push(value),
                Element::Null => {}
            }
        }
        if !bytes.is_empty() {
            values.push(bytes);
        }
        Ok(Field(values))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Element {
    Byte(u8),
    #[serde(deserialize_with = "value")]
    Value(Vec<u8>),
    Null,
}

fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Text(String),
        Bytes(Vec<u8>),
    }
    Ok(match Value::deserialize(deserializer)? {
        Value::Text(text) => text.into_bytes(),
        Value::Bytes(bytes) => bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Option<Vec<u8>> {
        let line = format!(
            r#"{{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"17","_UNKNOWN":{{"a":1}},"MESSAGE":{json}}}"#
        );
        Entry::parse(line.as_bytes()).map(|entry| entry.message)
    }

    #[test]
    fn a_message_is_text_bytes_several_or_nothing() {
        assert_eq!(message(r#""hello""#).unwrap(), b"hello");
        assert_eq!(message(r"[72,105,255]").unwrap(), b"Hi\xff");
        assert_eq!(message(r#"["a","b"]"#).unwrap(), b"a\nb");
        assert_eq!(message(r#"["a",[255,10]]"#).unwrap(), b"a\n\xff\n");
        assert_eq!(message("null").unwrap(), b"");
        assert_eq!(message("[]").unwrap(), b"");
        assert_eq!(message(r#"["a",null]"#).unwrap(), b"a");
        assert_eq!(message("[256]"), None);
        assert_eq!(message("{}"), None);
    }

    #[test]
    fn all_that_matters_is_taken() {
        let line = br#"{"__CURSOR":"s=a;i=1","__REALTIME_TIMESTAMP":"1700000000000001",
            "__MONOTONIC_TIMESTAMP":"5","_HOSTNAME":"web1","SYSLOG_IDENTIFIER":"sshd","_PID":"12",
            "SYSLOG_PID":"99","_COMM":"sshd","_SYSTEMD_UNIT":"ssh.service","PRIORITY":"6",
            "MESSAGE":"Accepted password for bob"}"#;
        let expected = Entry {
            realtime_unix_us: 1_700_000_000_000_001,
            hostname: "web1".to_owned(),
            identifier: "sshd".to_owned(),
            pid: Some(12),
            unit: Some("ssh.service".to_owned()),
            priority: Some(6),
            message: b"Accepted password for bob".to_vec(),
            cursor: "s=a;i=1".to_owned(),
        };
        assert_eq!(Entry::parse(line), Some(expected));
    }

    #[test]
    fn what_is_missing_is_made_up_for() {
        let line = br#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","_COMM":"cron",
            "SYSLOG_PID":" 7 ","PRIORITY":"9"}"#;
        let entry = Entry::parse(line).unwrap();
        assert_eq!(
            (entry.identifier.as_str(), entry.pid, entry.priority),
            ("cron", Some(7), None)
        );
    }

    #[test]
    fn other_lines_are_no_entries() {
        for line in [
            &b""[..],
            b"{",
            b"-- No entries --",
            b"{\"__CURSOR\":\"c\"}",
            b"[]",
        ] {
            assert_eq!(Entry::parse(line), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            proptest::prop_assert!(Entry::parse(&line).is_none_or(|entry| !entry.cursor.is_empty() || !line.is_empty()));
        }
    }
}
