//! What the kernel says of packets: rules of iptables, nftables, ufw and firewalld that log, and
//! what it found strange by itself.
//!
//! A line shows that a rule logged a packet, not what became of it: that only the prefix tells,
//! which the rule's author chose. [`Fate`] says how it is read.

use memchr::memmem;

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::service::repeat;

/// A packet, or packets, that the kernel wrote about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Event<'a> {
    /// What happened to it.
    pub fate: Fate,
    /// What the rule puts in front of its lines; empty where nothing.
    pub prefix: &'a [u8],
    /// The sender; empty where not named.
    pub source: &'a [u8],
    /// The sender's port.
    pub source_port: Option<u16>,
    /// The receiver; empty where not named.
    pub destination: &'a [u8],
    /// The receiver's port.
    pub destination_port: Option<u16>,
    /// The protocol, in capitals (`TCP`) or as a number; empty where not named.
    pub protocol: &'a [u8],
    /// The interface it came in by; empty for one that was sent here.
    pub ingress: &'a [u8],
    /// The interface it was to go out by; empty for one that is for this host.
    pub egress: &'a [u8],
    /// How often: 1, or what `message repeated N times` says.
    pub repeat: u32,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fate {
    /// The prefix says so (`BLOCK`, `drop`, `REJECT`, `denied` …), or there is none: a rule that
    /// logs without a word stands in front of one that drops.
    #[default]
    Blocked,
    /// The prefix says that it passed, or says something else: it was only logged.
    Logged,
    /// Its address cannot be where it came in by.
    Martian,
    /// More connections were begun than the kernel keeps.
    SynFlood,
}

impl Fate {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "kernel.blocked",
            Self::Logged => "kernel.logged",
            Self::Martian => "kernel.martian",
            Self::SynFlood => "kernel.syn_flood",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Blocked => "[PREFIX that says so, or none] IN=… SRC=SOURCE DST=…",
            Self::Logged => "PREFIX that says no such thing, IN=… SRC=SOURCE DST=…",
            Self::Martian => "martian source DESTINATION from SOURCE, on dev INTERFACE",
            Self::SynFlood => "possible SYN flooding on port PORT",
        }
    }
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let outcome = match self.fate {
            Fate::Logged => None,
            _ => Some(Outcome::Failure),
        };
        Facts::new(self.fate.name(), self.fate.rule())
            .outcome(outcome)
            .text("source.address", self.source)
            .number("source.port", self.source_port)
            .text("destination.address", self.destination)
            .number("destination.port", self.destination_port)
            .text("network.transport", self.protocol.to_ascii_lowercase())
            .text("observer.ingress.interface.name", self.ingress)
            .text("observer.egress.interface.name", self.egress)
            .text("rule.name", self.prefix)
            .number("event.count", Some(self.repeat).filter(|n| *n > 1))
    }
}

/// Whether a program of this name writes the kernel's lines about packets.
#[must_use]
pub fn is_kernel(app: &[u8]) -> bool {
    matches!(app, b"" | b"kernel" | b"ulogd" | b"ulogd2" | b"klogd")
}

/// The event of a body; none where it is none. Linear time.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event<'_>> {
    let (body, repeat) = repeat::unfold(body)?;
    let body = super::systemd::without_uptime(body).trim_ascii_start();
    let event = packet(body).or_else(|| strange(body))?;
    Some(Event { repeat, ..event })
}

/// `PREFIX IN=eth0 OUT= MAC=… SRC=A DST=B LEN=40 … PROTO=TCP SPT=1 DPT=2 …`.
fn packet(body: &[u8]) -> Option<Event<'_>> {
    let at = memmem::find(body, b"IN=")?;
    let (prefix, fields) = body.split_at(at);
    let prefix = prefix.trim_ascii();
    let mut event = Event {
        fate: fate(prefix),
        prefix,
        ..Event::default()
    };
    for field in fields.split(|byte| *byte == b' ') {
        let Some(equals) = field.iter().take(8).position(|byte| *byte == b'=') else {
            continue;
        };
        let value = &field[equals + 1..];
        let port = || scan::number(value).and_then(|port| u16::try_from(port).ok());
        // The packet that an ICMP message answers stands behind it, in brackets: the first counts.
        match &field[..equals] {
            b"IN" if event.ingress.is_empty() => event.ingress = value,
            b"OUT" if event.egress.is_empty() => event.egress = value,
            b"SRC" if event.source.is_empty() => event.source = value,
            b"DST" if event.destination.is_empty() => event.destination = value,
            b"PROTO" if event.protocol.is_empty() => event.protocol = value,
            b"SPT" => event.source_port = event.source_port.or_else(port),
            b"DPT" => event.destination_port = event.destination_port.or_else(port),
            _ => {}
        }
    }
    let whole = scan::is_ip(event.source) && scan::is_ip(event.destination);
    whole.then_some(event)
}

/// Longer prefixes are cut by the kernel; what is longer was not written by a rule.
const PREFIX_BYTES_MAX: usize = 128;

fn fate(prefix: &[u8]) -> Fate {
    const BLOCKED: [&[u8]; 6] = [b"block", b"drop", b"deny", b"denied", b"reject", b"refuse"];
    const PASSED: [&[u8]; 5] = [b"allow", b"accept", b"audit", b"pass", b"permit"];
    const BAD: [&[u8]; 4] = [b"ban", b"invalid", b"blacklist", b"discard"];
    if prefix.is_empty() {
        return Fate::Blocked;
    }
    let prefix = prefix[..prefix.len().min(PREFIX_BYTES_MAX)].to_ascii_lowercase();
    let says = |words: &[&[u8]]| {
        words
            .iter()
            .any(|word| memmem::find(&prefix, word).is_some())
    };
    match says(&BLOCKED) || (says(&BAD) && !says(&PASSED)) {
        true => Fate::Blocked,
        false => Fate::Logged,
    }
}

/// What the kernel itself found strange.
fn strange(body: &[u8]) -> Option<Event<'_>> {
    let body = body.strip_prefix(b"IPv4: ").unwrap_or(body);
    if let Some(rest) = body.strip_prefix(b"martian source ") {
        let (destination, rest) = scan::token(rest);
        let (source, rest) = scan::token(rest.strip_prefix(b"from ")?);
        let ingress = rest.strip_prefix(b"on dev ").unwrap_or_default();
        let event = Event {
            fate: Fate::Martian,
            source: source.strip_suffix(b",").unwrap_or(source),
            destination,
            ingress,
            ..Event::default()
        };
        return scan::is_ip(event.source).then_some(event);
    }
    let body = match body.strip_prefix(b"TCP: ") {
        Some(rest) => match rest.strip_prefix(b"request_sock_TCP") {
            Some(after) => scan::token(after).1,
            None => rest,
        },
        None => body,
    };
    let rest = body
        .strip_prefix(b"possible SYN flooding on port ")
        .or(body.strip_prefix(b"Possible SYN flooding on port "))?;
    let (place, _) = scan::token(rest);
    let place = place.strip_suffix(b".").unwrap_or(place);
    let port = match place.iter().rposition(|byte| *byte == b':') {
        Some(at) => &place[at + 1..],
        None => place,
    };
    Some(Event {
        fate: Fate::SynFlood,
        destination_port: scan::number(port).and_then(|port| u16::try_from(port).ok()),
        ..Event::default()
    })
}

#[cfg(test)]
mod tests;
