//! What Postfix says about mail: who brings it, who is turned away, what becomes of it.
//!
//! Senders choose addresses, subjects and user names, and the servers they choose write replies:
//! each may hold `status=` or another line's words. So a line is read in the order in which
//! Postfix writes it, quoted local parts as quoted, and where text of others stands first, from
//! the end. Postfix itself cleans the name given with HELO.

mod client;
mod delivery;
mod kind;
mod reject;
mod screen;
mod written;

pub use self::kind::Kind;
use self::written::Peer;
use super::repeat;
use crate::facts::Facts;

/// An event of one Postfix daemon; fields the line does not hold are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// The message it happened to; empty for one that has none (`NOQUEUE`).
    pub queue_id: &'a [u8],
    /// The client's address, without a mapped prefix.
    pub source: &'a [u8],
    /// The client's port.
    pub port: Option<u16>,
    /// The name given with SASL.
    pub user: &'a [u8],
    /// The SASL mechanism.
    pub method: &'a [u8],
    /// The sender's address, if the line names one: that of a bounce is empty, and named.
    pub from: Option<&'a [u8]>,
    /// The recipient's address.
    pub to: &'a [u8],
    /// The server or agent it was handed to (`mx.example[192.0.2.1]:25`, `local`, `none`).
    pub relay: &'a [u8],
    /// The stage of a reject or of a broken dialogue (`RCPT`, `END-OF-MESSAGE`, `header`).
    pub stage: &'a [u8],
    /// The reply's three digits.
    pub code: &'a [u8],
    /// The enhanced status code (`5.1.1`).
    pub dsn: &'a [u8],
    /// Why, in the writer's words.
    pub reason: &'a [u8],
    /// How often: 1, or what `message repeated N times` says.
    pub repeat: u32,
}

/// Whether a program of this name writes Postfix's lines.
///
/// `postfix/smtpd`, `postfix/submission/smtpd`, and any instance's or service's name before the
/// daemon's own; `postfix` alone where a syslog daemon cut the rest off.
#[must_use]
pub fn is_postfix(app: &[u8]) -> bool {
    match app.iter().rposition(|byte| *byte == b'/') {
        Some(at) => at > 0 && DAEMONS.binary_search(&&app[at + 1..]).is_ok(),
        None => app == b"postfix",
    }
}

/// The last part of the names that Postfix's programs log under, sorted.
const DAEMONS: &[&[u8]] = &[
    b"anvil",
    b"bounce",
    b"cleanup",
    b"defer",
    b"discard",
    b"dnsblog",
    b"error",
    b"flush",
    b"lmtp",
    b"local",
    b"master",
    b"nqmgr",
    b"oqmgr",
    b"pickup",
    b"pipe",
    b"postdrop",
    b"postfix-script",
    b"postlogd",
    b"postqueue",
    b"postscreen",
    b"postsuper",
    b"proxymap",
    b"proxywrite",
    b"qmgr",
    b"qmqpd",
    b"relay",
    b"retry",
    b"scache",
    b"sendmail",
    b"showq",
    b"smtp",
    b"smtpd",
    b"spawn",
    b"tlsmgr",
    b"tlsproxy",
    b"trace",
    b"trivial-rewrite",
    b"verify",
    b"virtual",
];

/// The event of a line's body; none where it is none of Postfix's events. Linear time.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event<'_>> {
    let (body, repeat) = repeat::unfold(body)?;
    let event = once(body)?;
    Some(Event { repeat, ..event })
}

fn once(body: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = body.strip_prefix(b"warning: ") {
        return client::warning(rest);
    }
    for grave in [&b"fatal: "[..], b"panic: ", b"error: "] {
        if let Some(reason) = body.strip_prefix(grave) {
            return Some(Event {
                reason,
                ..Event::of(Kind::Trouble)
            });
        }
    }
    match queue_id(body) {
        Some((id, rest)) => of_message(id, rest),
        None => client::event(body).or_else(|| screen::event(body)),
    }
}

/// A queue id or `NOQUEUE` in front of `: `, and what follows.
///
/// Short ids are upper-case hexadecimal, long ones have digits and letters of both cases.
fn queue_id(body: &[u8]) -> Option<(&[u8], &[u8])> {
    const QUEUE_ID_BYTES_MAX: usize = 32;
    let head = &body[..body.len().min(QUEUE_ID_BYTES_MAX + 2)];
    let end = head.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    let rest = body[end..].strip_prefix(b": ")?;
    if body[..end] == *b"NOQUEUE" {
        return Some((b"", rest));
    }
    (end >= 5).then_some((&body[..end], rest))
}

/// What a line about a message, or about one that never became one, says.
fn of_message<'a>(id: &'a [u8], rest: &'a [u8]) -> Option<Event<'a>> {
    let event = match rest.first()? {
        b't' if rest.starts_with(b"to=<") => delivery::delivered(&rest[b"to=<".len()..]),
        b'f' if rest.starts_with(b"from=<") => delivery::queued(&rest[b"from=<".len()..]),
        b'c' => client::received(rest.strip_prefix(b"client=")?),
        b'u' => delivery::submitted(rest.strip_prefix(b"uid=")?),
        b'm' if rest.starts_with(b"message-id=") => Some(Event::of(Kind::MessageId)),
        b'r' if rest == b"removed" => Some(Event::of(Kind::Removed)),
        // Newer versions name the message that a client broke off, or that there was none.
        _ => reject::event(rest).or_else(|| client::broken_off(rest)),
    }?;
    Some(Event {
        queue_id: id,
        ..event
    })
}

impl<'a> Event<'a> {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            queue_id: b"",
            source: b"",
            port: None,
            user: b"",
            method: b"",
            from: None,
            to: b"",
            relay: b"",
            stage: b"",
            code: b"",
            dsn: b"",
            reason: b"",
            repeat: 1,
        }
    }

    fn by(kind: Kind, peer: Peer<'a>) -> Self {
        Self {
            source: peer.address,
            port: peer.port,
            ..Self::of(kind)
        }
    }

    /// Why, without what differs from one client to the next: for a table of reasons.
    #[must_use]
    pub fn reason_in_short(&self) -> &'a [u8] {
        reject::in_short(self.reason)
    }

    /// The name of the server or agent it was handed to, without address and port.
    #[must_use]
    pub fn relay_name(&self) -> &'a [u8] {
        let end = memchr::memchr(b'[', self.relay).filter(|end| *end > 0);
        &self.relay[..end.unwrap_or(self.relay.len())]
    }

    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(self.kind.outcome())
            .text("source.address", self.source)
            .number("source.port", self.port)
            .text("user.name", self.user)
            .text("postfix.sasl_method", self.method)
            .text("postfix.queue_id", self.queue_id)
            .text("email.from.address", self.from.unwrap_or_default())
            .text("email.to.address", self.to)
            .text("postfix.relay", self.relay)
            .text("postfix.stage", self.stage)
            .text("smtp.response.status_code", self.code)
            .text("smtp.response.enhanced_status_code", self.dsn)
            .text("error.message", self.reason)
            .number("event.count", Some(self.repeat).filter(|n| *n > 1))
    }
}

#[cfg(test)]
mod tests;
