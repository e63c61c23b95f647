//! What OpenSSH's server says about who comes in and who does not (versions 6 to 10).
//!
//! Peers choose their user names, and a name may read ` from 1.2.3.4 port 22 ssh2`. So lines are
//! read from their end, where sshd itself wrote; only what follows `ssh2: ` (a key, which may be
//! the peer's words again) is cut off first: a name holds no colon.

mod end;
mod name;
mod other;
mod pam;

pub use self::name::Name;
use super::repeat;
use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;

/// An event of one sshd process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// The authentication method (`password`, `keyboard-interactive/pam`); empty where not named.
    pub method: &'a [u8],
    /// The user name the peer gave, where the line holds it.
    pub user: Option<Name<'a>>,
    /// The host does not know this user, or does not let them in.
    pub unknown_user: bool,
    /// The peer's address, without a mapped prefix; empty where the line names none.
    pub source: &'a [u8],
    /// The peer's port.
    pub port: Option<u16>,
    /// How often: 1, or what `message repeated N times` says.
    pub repeat: u32,
}

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An attempt failed: `Failed METHOD for …`.
    Failed,
    /// PAM refused an attempt; a [`Kind::Failed`] of the same process may follow for the same one.
    PamFailure,
    /// A login.
    Accepted,
    /// A name this host does not know.
    InvalidUser,
    /// The connection ended before authentication, with a user name given: a probe.
    EndedUnauthenticated,
    /// The connection ended in another way.
    Ended,
    /// Refused before sshd spoke: by TCP wrappers, or dropped for penalties or too many at once.
    Refused,
    /// A user who is known but not allowed in.
    Denied,
    /// Something came that is no SSH, or no SSH that this host speaks.
    Protocol,
    /// The peer said that it goes; sshd's own line about the end follows.
    Leaving,
    /// Too many attempts in one connection; each of them had its own line.
    Exhausted,
    /// A module of PAM refused somebody; sshd's own line about it follows.
    PamModule,
    /// The peer's name and address do not belong together.
    Unmapped,
    /// A name this host does not know, once more: older versions say it in two lines.
    Asked,
    /// PAM began or ended a session; sshd's own line about the login came before.
    Session,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "sshd.failed",
            Self::PamFailure => "sshd.pam_failure",
            Self::Accepted => "sshd.accepted",
            Self::InvalidUser => "sshd.invalid_user",
            Self::EndedUnauthenticated => "sshd.probe",
            Self::Ended => "sshd.ended",
            Self::Refused => "sshd.refused",
            Self::Denied => "sshd.denied",
            Self::Protocol => "sshd.protocol",
            Self::Leaving => "sshd.leaving",
            Self::Exhausted => "sshd.exhausted",
            Self::PamModule => "sshd.pam_module",
            Self::Unmapped => "sshd.unmapped",
            Self::Asked => "sshd.asked",
            Self::Session => "sshd.session",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Failed => "Failed METHOD for [invalid user] USER from SOURCE port PORT",
            Self::PamFailure => "error: PAM: REASON for [illegal user] USER from SOURCE",
            Self::Accepted => "Accepted METHOD for USER from SOURCE port PORT",
            Self::InvalidUser => "Invalid user USER from SOURCE port PORT",
            Self::EndedUnauthenticated => {
                "Connection closed|reset by, Disconnected from authenticating|invalid user USER SOURCE"
            }
            Self::Ended => {
                "Connection closed|reset by, Disconnected from [user USER] SOURCE, timeout"
            }
            Self::Refused => "refused connect from HOST (SOURCE), drop connection from [SOURCE]",
            Self::Denied => "User USER from SOURCE not allowed because REASON",
            Self::Protocol => "no identification, bad banner, nothing in common with SOURCE",
            Self::Leaving => "Received disconnect from SOURCE port PORT: CODE: REASON",
            Self::Exhausted => "too many authentication failures for USER [from SOURCE]",
            Self::PamModule => "MODULE(sshd:auth): authentication failure; rhost=SOURCE user=USER",
            Self::Unmapped => {
                "reverse mapping for HOST [SOURCE] failed, Address SOURCE maps to HOST"
            }
            Self::Asked => "input_userauth_request: invalid user USER",
            Self::Session => "MODULE(sshd:session): session opened|closed for user USER",
        }
    }

    /// Whether such a line alone says that something happened which no other line says.
    #[must_use]
    pub fn is_counted(self) -> bool {
        matches!(
            self,
            Self::Failed
                | Self::PamFailure
                | Self::Accepted
                | Self::InvalidUser
                | Self::EndedUnauthenticated
                | Self::Ended
        )
    }

    /// How it ended for the peer.
    #[must_use]
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Accepted => Some(Outcome::Success),
            Self::Ended | Self::Leaving | Self::Unmapped | Self::Session => None,
            _ => Some(Outcome::Failure),
        }
    }
}

/// Whether a program of this name writes sshd's lines.
///
/// `sshd-session` does from OpenSSH 9.8 on, `sshd-auth` from 10.0; modules of old PAMs add theirs.
#[must_use]
pub fn is_sshd(app: &[u8]) -> bool {
    matches!(app, b"sshd" | b"sshd-session" | b"sshd-auth") || app.starts_with(b"sshd(pam_")
}

/// The event of a line's body; none where it is none of sshd's events. Linear time.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event<'_>> {
    let (body, repeat) = match body {
        [b'm', ..] => repeat::unfold(body)?,
        [.., b' '] => (body.trim_ascii_end(), 1),
        _ => (body, 1),
    };
    let event = once(body)?;
    Some(Event {
        repeat: event.repeat.saturating_mul(repeat),
        ..event
    })
}

fn once(body: &[u8]) -> Option<Event<'_>> {
    match body.first()? {
        b'F' => attempt(Kind::Failed, body.strip_prefix(b"Failed ")?),
        b'A' => match body.strip_prefix(b"Accepted ") {
            Some(rest) => attempt(Kind::Accepted, rest),
            None => other::unmapped(body),
        },
        b'i' => asked(body.strip_prefix(b"input_userauth_request: ")?),
        b'I' => invalid_user(
            body.strip_prefix(b"Invalid user ")
                .or(body.strip_prefix(b"Illegal user "))?,
        ),
        b'C' | b'D' => end::event(body).or_else(|| other::protocol(body)),
        b'e' => error(body.strip_prefix(b"error: ")?),
        b'f' => {
            let rest = body.strip_prefix(b"fatal: ")?;
            other::timeout(rest).or_else(|| other::protocol(rest))
        }
        b'T' => other::timeout(body),
        b'U' => other::denied(body).or_else(|| other::protocol(body)),
        b'R' => other::root_refused(body).or_else(|| end::received(body)),
        b'r' => other::refused(body).or_else(|| other::unmapped(body)),
        b'd' => other::dropped(body.strip_prefix(b"drop connection #")?),
        b'p' | b'P' | b'a' | b'(' => pam::line(body).or_else(|| other::protocol(body)),
        b'm' => exhausted(body),
        // Solaris puts `[ID 800047 auth.info] ` in front.
        b'[' => {
            let rest = body.strip_prefix(b"[ID ")?;
            let end = rest.iter().take(40).position(|byte| *byte == b']')?;
            let rest = rest[end + 1..].strip_prefix(b" ")?;
            if rest.starts_with(b"[") {
                None
            } else {
                once(rest)
            }
        }
        b'B' | b'b' | b's' => other::protocol(body),
        _ => None,
    }
}

/// What follows `error: `.
fn error(rest: &[u8]) -> Option<Event<'_>> {
    match rest.first()? {
        b'P' => match rest.strip_prefix(b"PAM: ") {
            Some(rest) => pam::failure(rest),
            None => other::protocol(rest),
        },
        b'R' => end::received(rest),
        b'm' => exhausted(rest),
        _ => other::protocol(rest),
    }
}

impl<'a> Event<'a> {
    fn of(kind: Kind, peer: Peer<'a>) -> Self {
        let source = scan::unmapped(peer.address);
        let (user, unknown_user) = (None, false);
        Self {
            kind,
            method: b"",
            user,
            unknown_user,
            source,
            port: peer.port,
            repeat: 1,
        }
    }

    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let user = self.user.as_ref().map(Name::bytes).unwrap_or_default();
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(self.kind.outcome())
            .text("source.address", self.source)
            .number("source.port", self.port)
            .text("user.name", user)
            .text("ssh.auth_method", self.method)
            .number("event.count", Some(self.repeat).filter(|n| *n > 1))
    }
}

/// The other end of a connection, as far as a line names it.
#[derive(Debug, Clone, Copy)]
struct Peer<'a> {
    address: &'a [u8],
    port: Option<u16>,
}

impl<'a> Peer<'a> {
    /// A line that names none.
    const NONE: Self = Self {
        address: b"",
        port: None,
    };

    /// `… ADDRESS port N` or `… ADDRESS` at the end, and what stands before the space.
    fn at_end(text: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (before, port) = match scan::port_at_end(text) {
            Some((before, port)) => (before, Some(port)),
            None => (text, None),
        };
        let (before, address) = scan::peer_at_end(before)?;
        Some((before, Self { address, port }))
    }
}

/// Whether the unprivileged child wrote the line, and the line without that mark.
fn preauth(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b" [preauth]") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// A name that ends where ` from` begins.
fn name_before_from(text: &[u8]) -> Option<&[u8]> {
    match text.strip_suffix(b" from") {
        Some(name) => Some(name),
        None => (text == b"from").then_some(b""),
    }
}

/// `METHOD for [invalid user ]NAME from ADDRESS port N ssh2[: KEY]`.
fn attempt(kind: Kind, rest: &[u8]) -> Option<Event<'_>> {
    let (method, rest) = scan::token(rest);
    Some(Event {
        method,
        ..attempt_for(kind, rest)?
    })
}

/// `for [invalid user ]NAME from ADDRESS port N ssh2[: KEY]`.
fn attempt_for(kind: Kind, rest: &[u8]) -> Option<Event<'_>> {
    let (rest, in_child) = preauth(rest.strip_prefix(b"for ")?);
    // Most lines end here. A colon in the name belongs to a key that reads like such an end.
    if let Some(plain) = rest.strip_suffix(b" ssh2")
        && let Some((event, name)) = attempt_by(kind, plain, in_child)
        && !name.contains(&b':')
    {
        return Some(event);
    }
    attempt_by(kind, without_key(rest), in_child).map(|(event, _)| event)
}

/// `[invalid user ]NAME from ADDRESS port N`, and the name as written.
fn attempt_by(kind: Kind, text: &[u8], in_child: bool) -> Option<(Event<'_>, &[u8])> {
    let (before, peer) = Peer::at_end(text)?;
    let name = name_before_from(before)?;
    let unknown = name
        .strip_prefix(b"invalid user ")
        .or(name.strip_prefix(b"illegal user "));
    let name = unknown.unwrap_or(name);
    let event = Event {
        user: Some(Name::written(name, in_child)),
        unknown_user: unknown.is_some(),
        ..Event::of(kind, peer)
    };
    Some((event, name))
}

/// The text in front of ` ssh2`, and of what may follow it behind a colon.
fn without_key(text: &[u8]) -> &[u8] {
    for protocol in [b" ssh2: ", b" ssh1: "] {
        if let Some(at) = memchr::memmem::find(text, protocol) {
            return &text[..at];
        }
    }
    text.strip_suffix(b" ssh2")
        .or(text.strip_suffix(b" ssh1"))
        .unwrap_or(text)
}

/// `invalid user NAME`, without a peer.
fn asked(rest: &[u8]) -> Option<Event<'_>> {
    let (rest, in_child) = preauth(rest);
    let name = rest
        .strip_prefix(b"invalid user ")
        .or(rest.strip_prefix(b"illegal user "))?;
    Some(Event {
        user: Some(Name::written(name, in_child)),
        unknown_user: true,
        ..Event::of(Kind::Asked, Peer::NONE)
    })
}

/// `maximum authentication attempts exceeded for [invalid user ]NAME from ADDRESS port N ssh2`.
fn exhausted(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"maximum authentication attempts exceeded ")?;
    attempt_for(Kind::Exhausted, rest)
}

/// `NAME from ADDRESS[ port N]`.
fn invalid_user(rest: &[u8]) -> Option<Event<'_>> {
    let (rest, in_child) = preauth(rest);
    let (before, peer) = Peer::at_end(rest)?;
    let user = Some(Name::written(name_before_from(before)?, in_child));
    Some(Event {
        user,
        unknown_user: true,
        ..Event::of(Kind::InvalidUser, peer)
    })
}

#[cfg(test)]
mod tests;
