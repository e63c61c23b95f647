//! What people are told, as each channel writes it. Log text is made harmless here, once.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skep_lines::{format_utc, neutral};
use skep_protocol::{
    alert::{Alert, EVIDENCE_MAX},
    severity::Severity,
};
use uuid::Uuid;

/// Longest subject of a mail, in characters; the rest stands in its text.
const SUBJECT_CHARS_MAX: usize = 150;

/// Lines of evidence in a mail; a file's line has none, a webhook gets them all.
const MAIL_EVIDENCE_MAX: usize = 20;

/// Longest line of evidence that people are sent, in characters.
const EVIDENCE_CHARS_MAX: usize = 500;

/// One message to people. Its texts hold no control characters, `msg` but line feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The same on every try and every channel.
    pub(crate) id: Uuid,
    /// The record it shows.
    pub(crate) alert_id: Uuid,
    pub(crate) level: Severity,
    pub(crate) cause: String,
    pub(crate) msg: String,
    /// What a mail is called instead of level, host and cause.
    #[serde(default)]
    pub(crate) title: Option<String>,
    /// `msg` for a mail program that shows HTML.
    #[serde(default)]
    pub(crate) html: Option<String>,
    pub(crate) origin: String,
    pub(crate) host: String,
    pub(crate) group: Option<String>,
    /// Id and text of each line.
    pub(crate) evidence: Vec<(String, String)>,
    /// When what it tells happened, in milliseconds since the Unix epoch.
    pub(crate) happened_ms: u64,
    /// When the message was made.
    pub(crate) made_ms: u64,
    /// The alerts that were held back, of which it shows the newest.
    pub(crate) held: Option<Held>,
}

/// What a cooldown held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// How many, the one shown too.
    pub(crate) count: u64,
    /// Since when, in milliseconds since the Unix epoch.
    pub(crate) since_ms: u64,
}

impl Message {
    /// The message that shows `alert`, made at `now_ms`.
    pub(crate) fn new(alert_id: Uuid, alert: &Alert, now_ms: u64, held: Option<Held>) -> Self {
        let name = format!("{now_ms}/{}/{}/{held:?}", alert.level, alert.cause);
        let evidence = alert.evidence.iter().take(EVIDENCE_MAX);
        let cut = |text: &str| cut(&plain(text), EVIDENCE_CHARS_MAX);
        Self {
            id: Uuid::new_v5(&alert_id, name.as_bytes()),
            alert_id,
            level: alert.level,
            cause: plain(&alert.cause),
            msg: plain_lines(&alert.msg),
            title: alert.title.as_deref().map(plain),
            html: None,
            origin: alert.origin.to_string(),
            host: match alert.host.is_empty() {
                true => alert.origin.node.to_string(),
                false => plain(&alert.host),
            },
            group: alert.group.as_deref().map(plain),
            evidence: evidence
                .map(|line| (plain(&line.id), cut(&line.text)))
                .collect(),
            happened_ms: if alert.timestamp == 0 {
                now_ms
            } else {
                alert.timestamp
            },
            made_ms: now_ms,
            held,
        }
    }

    /// One line for a file or a terminal, without a line feed. A letter is told by its title.
    pub(crate) fn to_line(&self) -> String {
        let msg = self
            .title
            .as_ref()
            .unwrap_or(&self.msg)
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let msg: Vec<&str> = msg.collect();
        let mut line = format!(
            "{} [{}] {}: {} | {}",
            time(self.happened_ms),
            self.level,
            self.host,
            self.cause,
            msg.join(" / "),
        );
        if let Some(held) = self.held_back() {
            put(&mut line, format_args!(" | {held}"));
        }
        put(
            &mut line,
            format_args!(" | from {} id={}", self.origin, self.alert_id),
        );
        line
    }

    /// The subject of a mail.
    pub(crate) fn to_subject(&self) -> String {
        let more = match self.held {
            Some(held) if held.count > 1 => format!(" ({} times)", held.count),
            _ => String::new(),
        };
        let subject = match &self.title {
            Some(title) => title.clone(),
            None => format!("[{}] {}: {}", self.level, self.host, self.cause),
        };
        cut(&subject, SUBJECT_CHARS_MAX) + &more
    }

    /// The text of a mail.
    pub(crate) fn to_mail(&self) -> String {
        let mut text = format!("{}\n\n", self.msg.trim_end());
        if let Some(held) = self.held_back() {
            put(&mut text, format_args!("{held}\n\n"));
        }
        if !self.evidence.is_empty() {
            text.push_str("Lines from the log, as they were written:\n");
        }
        for (id, line) in self.evidence.iter().take(MAIL_EVIDENCE_MAX) {
            put(&mut text, format_args!("  {id}  {line}\n"));
        }
        match self.evidence.len().checked_sub(MAIL_EVIDENCE_MAX) {
            None | Some(0) => {}
            Some(more) => put(&mut text, format_args!("  and {more} more\n")),
        }
        if !self.evidence.is_empty() {
            text.push('\n');
        }
        let mut row = |name: &str, value: &str| put(&mut text, format_args!("{name:<8}{value}\n"));
        row("level", self.level.name());
        row("cause", &self.cause);
        row("host", &self.host);
        row("when", &time(self.happened_ms));
        row("origin", &self.origin);
        if let Some(group) = &self.group {
            row("group", group);
        }
        row("alert", &self.alert_id.to_string());
        text
    }

    /// The body of a webhook.
    pub(crate) fn to_json(&self) -> Value {
        let evidence = self
            .evidence
            .iter()
            .map(|(id, text)| json!({ "id": id, "text": text }));
        json!({
            "id": self.id,
            "type": "notify.alert.general",
            "alert_id": self.alert_id,
            "level": self.level,
            "cause": self.cause,
            "title": self.title,
            "msg": self.msg,
            "formatted_msg": self.to_line(),
            "origin": self.origin,
            "host": self.host,
            "group": self.group,
            "evidence": evidence.collect::<Vec<_>>(),
            "timestamp": self.happened_ms,
            "count": self.held.map_or(1, |held| held.count),
            "held_back_since": self.held.map(|held| held.since_ms),
        })
    }

    fn held_back(&self) -> Option<String> {
        let held = self.held?;
        let since = time(held.since_ms);
        Some(match held.count {
            0 | 1 => format!("Held back since {since}."),
            count => format!("This one and {} more since {since}.", count - 1),
        })
    }
}

/// One line of harmless text.
fn plain(text: &str) -> String {
    neutral(text.replace(['\n', '\r'], " ").trim().as_bytes())
}

/// Harmless text that keeps its lines.
fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| neutral(line.trim_end().as_bytes()))
        .collect();
    lines.join("\n")
}

/// The first `chars_max` characters, with `…` where something was left out.
fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

fn time(unix_ms: u64) -> String {
    format_utc(
        i64::try_from(unix_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000),
    )
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a string takes what is written");
}

#[cfg(test)]
mod tests;
