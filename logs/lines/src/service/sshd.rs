//! What OpenSSH's server says about who comes in and who does not (versions 6 to 10).
//!
//! Peers choose their user names, and a name may read ` from 1.2.3.4 port 22 ssh2`. So lines are
//! read from their end, where sshd itself wrote; only what follows `ssh2: ` (a key, which may be
//! the peer's words again) is cut off first: a name holds no colon.

mod end;
mod name;

pub use self::name::Name;
use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;

/// More repeats than this are not believed: the line counts once.
pub const REPEAT_MAX: u32 = 1_000_000;

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
                "Connection closed|reset, Disconnected, Disconnecting: authenticating or invalid user"
            }
            Self::Ended => {
                "Connection closed|reset, Disconnected, timeout: no user, or one who was in"
            }
            Self::Refused => "refused connect from HOST (SOURCE), drop connection from [SOURCE]",
            Self::Denied => "User USER from SOURCE not allowed because REASON",
            Self::Protocol => "no identification, bad banner, nothing in common with SOURCE",
        }
    }

    /// How it ended for the peer.
    #[must_use]
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Accepted => Some(Outcome::Success),
            Self::Ended => None,
            _ => Some(Outcome::Failure),
        }
    }
}

/// Whether a program of this name writes sshd's lines.
///
/// `sshd-session` does from OpenSSH 9.8 on, `sshd-auth` from 10.0.
#[must_use]
pub fn is_sshd(app: &[u8]) -> bool {
    matches!(app, b"sshd" | b"sshd-session" | b"sshd-auth")
}

/// The event of a line's body; none where it is none of sshd's events. Linear time.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event<'_>> {
    match body {
        [b'm', ..] => repeated(body.strip_prefix(b"message repeated ")?),
        _ => once(body),
    }
}

/// rsyslog's `message repeated N times: [ BODY]`.
fn repeated(rest: &[u8]) -> Option<Event<'_>> {
    let (count, rest) = scan::token(rest);
    let count = scan::number(count)?;
    let body = rest.strip_prefix(b"times: [")?.strip_suffix(b"]")?;
    let event = once(body.strip_prefix(b" ").unwrap_or(body))?;
    let repeat = u32::try_from(count)
        .ok()
        .filter(|count| (1..=REPEAT_MAX).contains(count));
    Some(Event {
        repeat: repeat.unwrap_or(1),
        ..event
    })
}

fn once(body: &[u8]) -> Option<Event<'_>> {
    match body.first()? {
        b'F' => attempt(Kind::Failed, body.strip_prefix(b"Failed ")?),
        b'A' => attempt(Kind::Accepted, body.strip_prefix(b"Accepted ")?),
        b'I' => invalid_user(body.strip_prefix(b"Invalid user ")?),
        b'C' | b'D' => end::event(body).or_else(|| protocol(body)),
        b'e' => pam_failure(body.strip_prefix(b"error: PAM: ")?),
        b'f' => timeout(body.strip_prefix(b"fatal: ")?),
        b'T' => timeout(body),
        b'U' => denied(body).or_else(|| protocol(body)),
        b'r' => refused(body.strip_prefix(b"refused connect from ")?),
        b'd' => dropped(body.strip_prefix(b"drop connection #")?),
        b'B' | b'b' => protocol(body),
        _ => None,
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
    let (rest, in_child) = preauth(rest.strip_prefix(b"for ")?);
    let rest = match rest.strip_suffix(b" ssh2") {
        Some(rest) => rest,
        None => match memchr::memmem::find(rest, b" ssh2: ") {
            Some(at) => &rest[..at],
            None => rest,
        },
    };
    let (before, peer) = Peer::at_end(rest)?;
    let name = name_before_from(before)?;
    let unknown = name
        .strip_prefix(b"invalid user ")
        .or(name.strip_prefix(b"illegal user "));
    let user = Some(Name::written(unknown.unwrap_or(name), in_child));
    Some(Event {
        method,
        user,
        unknown_user: unknown.is_some(),
        ..Event::of(kind, peer)
    })
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

/// `Authentication failure for [illegal user ]NAME from HOST`.
fn pam_failure(rest: &[u8]) -> Option<Event<'_>> {
    let refusals: [&[u8]; 4] = [
        b"Authentication failure for ",
        b"authentication error for ",
        b"User not known to the underlying authentication module for ",
        b"Have exhausted maximum number of retries for service for ",
    ];
    let rest = refusals
        .iter()
        .find_map(|refusal| rest.strip_prefix(*refusal))?;
    let (rest, in_child) = preauth(rest);
    let (before, address) = scan::peer_at_end(rest)?;
    let name = name_before_from(before)?;
    let unknown = name.strip_prefix(b"illegal user ");
    let user = Some(Name::written(unknown.unwrap_or(name), in_child));
    let event = Event::of(
        Kind::PamFailure,
        Peer {
            address,
            port: None,
        },
    );
    Some(Event {
        user,
        unknown_user: unknown.is_some(),
        method: b"pam",
        ..event
    })
}

/// `Timeout before authentication for ADDRESS port N`, or `… for connection from A to B, pid = N`.
fn timeout(rest: &[u8]) -> Option<Event<'_>> {
    let rest = rest.strip_prefix(b"Timeout before authentication for ")?;
    if let Some(rest) = rest.strip_prefix(b"connection from ") {
        let (address, _) = scan::token(rest);
        let peer = Peer {
            address,
            port: None,
        };
        return scan::is_peer(address).then(|| Event::of(Kind::Ended, peer));
    }
    let (_, peer) = Peer::at_end(preauth(rest).0)?;
    Some(Event::of(Kind::Ended, peer))
}

/// `User NAME from HOST not allowed because …`.
fn denied(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"User ")?;
    let at = memchr::memmem::rfind(rest, b" not allowed because ")?;
    let (before, address) = scan::peer_at_end(&rest[..at])?;
    let name = name_before_from(before)?;
    let user = Some(Name::written(name, false));
    Some(Event {
        user,
        ..Event::of(
            Kind::Denied,
            Peer {
                address,
                port: None,
            },
        )
    })
}

/// `HOST (ADDRESS)`.
fn refused(rest: &[u8]) -> Option<Event<'_>> {
    let (_, address) = scan::last_token(rest)?;
    let address = address.strip_prefix(b"(")?.strip_suffix(b")")?;
    let peer = Peer {
        address,
        port: None,
    };
    scan::is_peer(address).then(|| Event::of(Kind::Refused, peer))
}

/// `N from [ADDRESS]:PORT on …`.
fn dropped(rest: &[u8]) -> Option<Event<'_>> {
    let (_, rest) = scan::token(rest);
    let rest = rest.strip_prefix(b"from [")?;
    let address = &rest[..memchr::memchr(b']', rest)?];
    let peer = Peer {
        address,
        port: None,
    };
    scan::is_peer(address).then(|| Event::of(Kind::Refused, peer))
}

/// Lines about peers that speak something else; the peer's words stand in quotes before `from`.
fn protocol(body: &[u8]) -> Option<Event<'_>> {
    let (body, _) = preauth(body);
    let peer = if body.starts_with(b"Bad protocol version identification '")
        || body.starts_with(b"Did not receive identification string from ")
    {
        Peer::at_end(body)?.1
    } else {
        let rest = body
            .strip_prefix(b"Unable to negotiate with ")
            .or(body.strip_prefix(b"banner exchange: Connection from "))?;
        let at = memchr::memmem::find(rest, b": ")?;
        Peer::at_end(&rest[..at])?.1
    };
    Some(Event::of(Kind::Protocol, peer))
}

#[cfg(test)]
mod tests;
