//! What Dovecot says about logins (1.x to 2.4), by syslog and in a log file of its own.
//!
//! The same failure can stand in several lines. A login process tells once for a connection how
//! often it failed in it ([`Kind::Failed`]); with `auth_verbose` the auth process tells each one,
//! too ([`Kind::AuthFailed`]), and also those of other programs that ask it, such as Postfix.
//!
//! Clients choose their user names, and a name may read `>, rip=192.0.2.1`. What Dovecot adds
//! about a connection stands behind the name, so that is read from the end.

mod auth;
mod head;
mod login;

use self::head::Head;
use super::repeat;
use crate::facts::Facts;
use crate::facts::Outcome;
use crate::line::Line;
use crate::severity::Severity;

/// An event of one of Dovecot's processes; fields the line does not hold are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// The process (`imap-login`, `auth`).
    pub service: &'a [u8],
    /// How grave, where the line says it.
    pub severity: Option<Severity>,
    /// The user name as given.
    pub user: &'a [u8],
    /// The client's address, without a mapped prefix.
    pub source: &'a [u8],
    /// The SASL mechanism.
    pub method: &'a [u8],
    /// The connection's id: the same in all lines about it.
    pub session: &'a [u8],
    /// The password database that was asked (`pam`, `sql`).
    pub driver: &'a [u8],
    /// Why, in Dovecot's words.
    pub reason: &'a [u8],
    /// How many attempts it stands for.
    pub attempts: u32,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A login.
    LoggedIn,
    /// A connection ended without a login after attempts that failed.
    Failed,
    /// A connection ended without a login, and without an attempt that was decided.
    Aborted,
    /// A password database refused an attempt.
    AuthFailed,
    /// A session of a user ended.
    Disconnected,
    /// A mail was stored.
    Stored,
    /// Dovecot itself is in trouble.
    Trouble,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoggedIn => "dovecot.logged_in",
            Self::Failed => "dovecot.failed",
            Self::Aborted => "dovecot.aborted",
            Self::AuthFailed => "dovecot.auth_failed",
            Self::Disconnected => "dovecot.disconnected",
            Self::Stored => "dovecot.stored",
            Self::Trouble => "dovecot.trouble",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::LoggedIn => "PROTOCOL-login: Login|Logged in: user=<USER>, rip=SOURCE",
            Self::Failed => {
                "PROTOCOL-login: WHY (auth failed, N attempts …): user=<USER>, rip=SOURCE"
            }
            Self::Aborted => "PROTOCOL-login: WHY: user=<USER>, rip=SOURCE",
            Self::AuthFailed => "auth[-worker]: DRIVER(USER,SOURCE[,<SESSION>]): WHY",
            Self::Disconnected => "PROTOCOL(USER)<PID><SESSION>: Disconnected|Logged out",
            Self::Stored => "PROTOCOL(USER)…: … saved|stored mail",
            Self::Trouble => "SERVICE: Error|Fatal|Panic: WHY",
        }
    }

    /// How it ended for the client.
    #[must_use]
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::LoggedIn | Self::Stored => Some(Outcome::Success),
            Self::Failed | Self::Aborted | Self::AuthFailed | Self::Trouble => {
                Some(Outcome::Failure)
            }
            Self::Disconnected => None,
        }
    }
}

/// The event of a line; none where it is none of Dovecot's events. Linear time.
#[must_use]
pub fn event<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (body, repeat) = repeat::unfold(line.body)?;
    let event = match line.app {
        b"dovecot" | b"dovecot-auth" => {
            let body = body.strip_prefix(b"dovecot: ").unwrap_or(body);
            auth::pam_unix(body).or_else(|| of_process(Head::leading(body)?))
        }
        b"auth" if !line.host.is_empty() => auth::pam_unix(body),
        b"" if line.host.is_empty() => {
            let body = without_tai64n(body)?;
            let pam = body
                .strip_prefix(b"dovecot-auth: ")
                .and_then(auth::pam_unix);
            pam.or_else(|| of_process(Head::leading(body)?))
        }
        // A log file of Dovecot's own has no host, and the process where a program stands.
        app if line.host.is_empty() || login::is_login(app) => of_process(Head::whole(app, body)?),
        _ => None,
    }?;
    Some(Event {
        attempts: event.attempts.saturating_mul(repeat),
        ..event
    })
}

/// What follows the stamp of daemontools, `@` and 24 hexadecimal digits.
fn without_tai64n(body: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = body.strip_prefix(b"@")?.split_at_checked(24)?;
    let is_stamp = stamp.iter().all(u8::is_ascii_hexdigit);
    rest.strip_prefix(b" ").filter(|_| is_stamp)
}

fn of_process(head: Head<'_>) -> Option<Event<'_>> {
    let is_grave = |severity: &Severity| *severity >= Severity::ERROR;
    let event = if head.severity.is_some_and(|severity| is_grave(&severity)) {
        Event {
            user: head.user,
            session: head.session,
            reason: head.text,
            ..Event::of(Kind::Trouble)
        }
    } else if login::is_login(head.service) {
        login::event(head.text)?
    } else if matches!(head.service, b"auth" | b"auth-worker") {
        auth::event(head.text).or_else(|| auth::of_login(&head))?
    } else {
        of_session(&head)?
    };
    Some(Event {
        service: head.service,
        severity: head.severity,
        ..event
    })
}

/// What the process that serves a user says.
fn of_session<'a>(head: &Head<'a>) -> Option<Event<'a>> {
    let ends = [&b"Disconnected"[..], b"Logged out", b"Connection closed"];
    let kind = if head.user.is_empty() {
        return None;
    } else if ends.iter().any(|end| head.text.starts_with(end)) {
        Kind::Disconnected
    } else if memchr::memmem::find(head.text, b" mail to ").is_some()
        || memchr::memmem::find(head.text, b" mail into ").is_some()
    {
        Kind::Stored
    } else {
        return None;
    };
    Some(Event {
        user: head.user,
        session: head.session,
        reason: head.text,
        ..Event::of(kind)
    })
}

impl<'a> Event<'a> {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            service: b"",
            severity: None,
            user: b"",
            source: b"",
            method: b"",
            session: b"",
            driver: b"",
            reason: b"",
            attempts: 1,
        }
    }

    /// The protocol spoken (`imap`, `pop3`, `managesieve`); empty for processes that speak none.
    #[must_use]
    pub fn protocol(&self) -> &'a [u8] {
        match self.service.strip_suffix(b"-login") {
            Some(protocol) => protocol,
            None if matches!(self.service, b"auth" | b"auth-worker" | b"master") => b"",
            None => self.service,
        }
    }

    /// How a connection ended, without the numbers that differ: for a table of reasons.
    #[must_use]
    pub fn reason_in_short(&self) -> &'a [u8] {
        let end = memchr::memmem::find(self.reason, b" (").unwrap_or(self.reason.len());
        &self.reason[..end]
    }

    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let failed = self.kind == Kind::Failed;
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(self.kind.outcome())
            .severity(self.severity)
            .text("source.address", self.source)
            .text("user.name", self.user)
            .text("network.protocol.name", self.protocol())
            .text("dovecot.sasl_method", self.method)
            .text("dovecot.session", self.session)
            .text("dovecot.driver", self.driver)
            .text("error.message", self.reason)
            .number(
                "event.count",
                Some(self.attempts).filter(|n| failed || *n > 1),
            )
    }
}

#[cfg(test)]
mod tests;
