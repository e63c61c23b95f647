//! What fail2ban says (0.8 to 1.1): what it found, whom it banned, in its own file or by syslog.

use memchr::memmem;

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::line::Line;
use crate::scan;
use crate::severity::Severity;
use crate::stamp;

/// An event of fail2ban; fields the line does not hold are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// How grave, where the line says it.
    pub severity: Option<Severity>,
    /// The jail.
    pub jail: &'a [u8],
    /// Who: an address, a network, or whatever else the jail looks for.
    pub target: &'a [u8],
    /// What went wrong, in fail2ban's words.
    pub reason: &'a [u8],
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A line of a watched log counts against someone.
    Found,
    /// Someone is shut out.
    Banned,
    /// Someone is let in again, or fail2ban ends.
    Unbanned,
    /// A ban from before the last start is set up again.
    Restored,
    /// A ban that holds already: told again, set up again, or made longer.
    Upheld,
    /// A line of a watched log does not count: its source is trusted.
    Ignored,
    /// A jail begins to watch.
    JailStarted,
    /// A jail watches no more.
    JailStopped,
    /// fail2ban itself is in trouble: a ban may not be in force.
    Trouble,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "fail2ban.found",
            Self::Banned => "fail2ban.banned",
            Self::Unbanned => "fail2ban.unbanned",
            Self::Restored => "fail2ban.restored",
            Self::Upheld => "fail2ban.upheld",
            Self::Ignored => "fail2ban.ignored",
            Self::JailStarted => "fail2ban.jail_started",
            Self::JailStopped => "fail2ban.jail_stopped",
            Self::Trouble => "fail2ban.trouble",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Found => "[JAIL] Found SOURCE [- DATE]",
            Self::Banned => "[JAIL] Ban SOURCE",
            Self::Unbanned => "[JAIL] Unban SOURCE",
            Self::Restored => "[JAIL] Restore Ban SOURCE",
            Self::Upheld => {
                "[JAIL] SOURCE already banned, Reban|Increase Ban SOURCE, Found SOURCE, bad"
            }
            Self::Ignored => "[JAIL] Ignore SOURCE by REASON",
            Self::JailStarted => "Jail 'JAIL' started",
            Self::JailStopped => "Jail 'JAIL' stopped",
            Self::Trouble => "ERROR|CRITICAL MESSAGE",
        }
    }

    /// How it ended for whoever it is about.
    #[must_use]
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Found | Self::Banned | Self::Restored | Self::Upheld | Self::Trouble => {
                Some(Outcome::Failure)
            }
            Self::Unbanned | Self::Ignored => Some(Outcome::Success),
            Self::JailStarted | Self::JailStopped => None,
        }
    }
}

impl<'a> Event<'a> {
    fn of(kind: Kind, jail: &'a [u8], target: &'a [u8]) -> Self {
        Self {
            kind,
            severity: None,
            jail,
            target,
            reason: b"",
        }
    }

    /// The address; empty where what was found is none.
    #[must_use]
    pub fn source(&self) -> &'a [u8] {
        let address = match memchr::memchr(b'/', self.target) {
            Some(at) => &self.target[..at],
            None => self.target,
        };
        if scan::is_ip(address) {
            self.target
        } else {
            b""
        }
    }

    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let other = match self.source() {
            b"" => self.target,
            _ => b"",
        };
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(self.kind.outcome())
            .severity(self.severity)
            .text("source.address", self.source())
            .text("fail2ban.jail", self.jail)
            .text("fail2ban.id", other)
            .text("error.message", self.reason)
    }
}

/// The event of a line; none where it is none of fail2ban's events. Linear time.
#[must_use]
pub fn event<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let is_own = line.app.starts_with(b"fail2ban");
    let is_inside = line.app.is_empty() && line.body.starts_with(b"fail2ban.");
    if !is_own && !is_inside {
        return None;
    }
    let (severity, message) = message(line.body);
    let event = message_event(severity, message)?;
    Some(Event { severity, ..event })
}

/// The level and the words, behind what a journal or a syslog daemon kept of fail2ban's own head:
/// `[STAMP ][fail2ban.PART  ][[PID]][: ]LEVEL  MESSAGE`.
fn message(body: &[u8]) -> (Option<Severity>, &[u8]) {
    let mut rest = body.trim_ascii_start();
    if let Some((_, after)) = stamp::leading_iso(rest) {
        rest = after.trim_ascii_start();
    }
    if rest.starts_with(b"fail2ban.") {
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b' ' | b'[' | b':'));
        rest = rest[end.unwrap_or(rest.len())..].trim_ascii_start();
    }
    let (word, _) = scan::token(rest);
    if let Some(pid) = word.strip_prefix(b"[")
        && let Some(end) = memchr::memchr(b']', pid)
        && scan::number(&pid[..end]).is_some()
        && matches!(pid[end + 1..], [] | [b':'])
    {
        rest = &rest[word.len()..];
    }
    rest = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    let (word, after) = scan::token(rest);
    let word = word.strip_suffix(b":").unwrap_or(word);
    let is_level = word.iter().all(u8::is_ascii_uppercase);
    match Severity::from_word(word).filter(|_| is_level) {
        Some(severity) => (Some(severity), after.trim_ascii_start()),
        None => (None, rest),
    }
}

fn message_event(severity: Option<Severity>, message: &[u8]) -> Option<Event<'_>> {
    if severity.is_some_and(|severity| severity >= Severity::ERROR) {
        return Some(Event {
            reason: message,
            ..Event::of(Kind::Trouble, b"", b"")
        });
    }
    if let Some(rest) = message.strip_prefix(b"Jail '") {
        let at = memmem::rfind(rest, b"' ")?;
        let kind = match &rest[at + 2..] {
            b"started" => Kind::JailStarted,
            b"stopped" => Kind::JailStopped,
            _ => return None,
        };
        return Some(Event::of(kind, &rest[..at], b""));
    }
    let inside = message.strip_prefix(b"[")?;
    // A jail's name may hold brackets; the first end that a known verb follows is its own.
    const ENDS_MAX: usize = 8;
    let mut ends = memmem::find_iter(inside, b"] ").take(ENDS_MAX);
    ends.find_map(|end| {
        let (jail, said) = (&inside[..end], &inside[end + 2..]);
        deed(jail, said).filter(|_| is_balanced(jail))
    })
}

/// Whether each bracket that closes was opened before.
fn is_balanced(jail: &[u8]) -> bool {
    let mut depth = 0u32;
    jail.iter().all(|byte| match byte {
        b'[' => {
            depth += 1;
            true
        }
        b']' if depth == 0 => false,
        b']' => {
            depth -= 1;
            true
        }
        _ => true,
    })
}

fn deed<'a>(jail: &'a [u8], said: &'a [u8]) -> Option<Event<'a>> {
    let verbs: [(&[u8], Kind); 8] = [
        (b"Found ", Kind::Found),
        (b"Ban ", Kind::Banned),
        (b"Unban ", Kind::Unbanned),
        (b"Restore Ban ", Kind::Restored),
        (b"Reban ", Kind::Upheld),
        (b"Increase Ban ", Kind::Upheld),
        (b"Ignore ", Kind::Ignored),
        (b"Repeat Ban ", Kind::Upheld),
    ];
    if let Some(target) = said.strip_suffix(b" already banned") {
        return Some(Event::of(Kind::Upheld, jail, target));
    }
    let (verb, kind) = verbs.iter().find(|(verb, _)| said.starts_with(verb))?;
    let (target, rest) = scan::token(&said[verb.len()..]);
    // The observer's own line about what was found, and told, already: `Found A, bad - …`.
    let (target, kind) = match target.strip_suffix(b",") {
        Some(target) if rest.starts_with(b"bad ") => (target, Kind::Upheld),
        Some(target) => (target, *kind),
        None => (target, *kind),
    };
    (!target.is_empty()).then(|| Event::of(kind, jail, target))
}

#[cfg(test)]
mod tests;
