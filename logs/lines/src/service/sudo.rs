//! What sudo and su say of those who want to be somebody else.
//!
//! sudo writes `USER : [WHY NOT ; ]TTY=… ; PWD=… ; USER=… ; COMMAND=…`. The folder and the command
//! are the user's own words and may read like more fields. Whether a command ran is told by what
//! stands in front of all; whom it ran as is left open where there is more than one answer.

use memchr::memmem;

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::service::pam;
use crate::service::repeat;

/// Somebody wanted to be somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What came of it.
    pub kind: Kind,
    /// Who wanted it.
    pub user: &'a [u8],
    /// Whom they wanted to be; empty where not said.
    pub target: &'a [u8],
    /// What they wanted to do; empty where not said.
    pub command: &'a [u8],
    /// Why not, in sudo's words; empty where it was done.
    pub reason: &'a [u8],
    /// How often: 1, or what `message repeated N times` says.
    pub repeat: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A command was run, or a shell was begun.
    Command,
    /// It was refused, for another reason than a password.
    Denied,
    /// This many wrong passwords, as sudo or su sums them up.
    Incorrect(u64),
    /// A wrong password, as PAM tells it at once.
    PamFirst,
    /// This many more, as PAM tells it at the end.
    PamMore(u64),
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "sudo.command",
            Self::Denied => "sudo.denied",
            Self::Incorrect(_) => "sudo.failed",
            Self::PamFirst | Self::PamMore(_) => "sudo.pam_failure",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Command => "USER : TTY=… ; COMMAND=COMMAND, (to TARGET) USER on TTY",
            Self::Denied => "USER : REASON ; TTY=… ; COMMAND=COMMAND",
            Self::Incorrect(_) => {
                "USER : N incorrect password attempts, FAILED SU (to TARGET) USER"
            }
            Self::PamFirst => "pam_unix(sudo:auth): authentication failure; ruser=USER",
            Self::PamMore(_) => "PAM N more authentication failures; ruser=USER",
        }
    }

    fn count(self) -> Option<u64> {
        match self {
            Self::Incorrect(count) | Self::PamMore(count) => Some(count),
            _ => None,
        }
    }
}

impl Event<'_> {
    /// What the line stands for: wrong passwords, or lines where it counts none.
    fn count(&self) -> u64 {
        let each = self.kind.count().unwrap_or(1);
        each.saturating_mul(u64::from(self.repeat))
    }

    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let outcome = match self.kind {
            Kind::Command => Outcome::Success,
            _ => Outcome::Failure,
        };
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(outcome)
            .text("user.name", self.user)
            .text("user.effective.name", self.target)
            .text("process.command_line", self.command)
            .text("error.message", self.reason)
            .number("event.count", Some(self.count()).filter(|count| *count > 1))
    }
}

/// The event of a body that this program wrote; none where it is none. Linear time.
#[must_use]
pub fn event<'a>(app: &[u8], body: &'a [u8]) -> Option<Event<'a>> {
    let (body, repeat) = repeat::unfold(body)?;
    let event = once(app, body)?;
    Some(Event { repeat, ..event })
}

fn once<'a>(app: &[u8], body: &'a [u8]) -> Option<Event<'a>> {
    match app {
        b"sudo" => sudo(body),
        b"su" | b"su-l" => su(body),
        b"" => sudo(body).or_else(|| su(body)),
        // Old PAMs add the module to the program's name.
        _ if app.starts_with(b"su(pam_") || app.starts_with(b"sudo(pam_") => module(body),
        _ => None,
    }
}

/// PAM's own lines, of the module that every system has: others say the same once more.
fn module(body: &[u8]) -> Option<Event<'_>> {
    let refused = pam::refused(body)?;
    let is_ours = matches!(refused.service, b"" | b"sudo" | b"sudo-i" | b"su" | b"su-l");
    if !is_ours || (body.starts_with(b"pam_") && !body.starts_with(b"pam_unix(")) {
        return None;
    }
    let kind = match body.starts_with(b"PAM ") {
        true => Kind::PamMore(refused.count.min(ATTEMPTS_MAX)),
        false => Kind::PamFirst,
    };
    let (user, target) = match refused.asked_by {
        b"" => (refused.user, &b""[..]),
        asked_by => (asked_by, refused.user),
    };
    Some(Event {
        kind,
        user,
        target,
        command: b"",
        reason: b"",
        repeat: 1,
    })
}

/// More attempts than this in one line are not believed.
const ATTEMPTS_MAX: u64 = 1_000;

fn sudo(body: &[u8]) -> Option<Event<'_>> {
    if body.starts_with(b"pam_") || body.starts_with(b"PAM ") {
        return module(body);
    }
    let body = body.trim_ascii_start();
    let at = memmem::find(body, b" : ")?;
    let (user, rest) = (&body[..at], &body[at + 3..]);
    if user.contains(&b' ') || user.is_empty() || rest.starts_with(b"(command continued)") {
        return None;
    }
    let (reason, fields) = match starts_with_field(rest) {
        true => (&b""[..], rest),
        false => {
            let end = memmem::find(rest, b" ; ")?;
            (&rest[..end], &rest[end + 3..])
        }
    };
    starts_with_field(fields).then_some(())?;
    let command = match memmem::find(fields, b"COMMAND=") {
        Some(at) => &fields[at + b"COMMAND=".len()..],
        None => b"",
    };
    let kind = match reason {
        b"" => Kind::Command,
        _ => incorrect(reason).map_or(Kind::Denied, Kind::Incorrect),
    };
    // Without a command nothing was run: a list of what is allowed was asked for.
    let is_whole = kind != Kind::Command || !command.is_empty();
    is_whole.then_some(Event {
        kind,
        user,
        target: target(fields),
        command,
        reason,
        repeat: 1,
    })
}

fn starts_with_field(rest: &[u8]) -> bool {
    let names: [&[u8]; 6] = [b"TTY=", b"PWD=", b"HOST=", b"USER=", b"CWD=", b"CHROOT="];
    names.iter().any(|name| rest.starts_with(name))
}

/// The value of `USER=`; none where the folder or the command holds another one.
fn target(fields: &[u8]) -> &[u8] {
    const USER: &[u8] = b"USER=";
    let mut places = memmem::find_iter(fields, b"; USER=").map(|at| at + 2);
    let first = match fields.starts_with(USER) {
        true => Some(0),
        false => places.next(),
    };
    let (Some(first), None) = (first, places.next()) else {
        return b"";
    };
    let value = &fields[first + USER.len()..];
    let end = memmem::find(value, b" ; ").unwrap_or(value.len());
    &value[..end]
}

/// `3 incorrect password attempts`.
fn incorrect(reason: &[u8]) -> Option<u64> {
    let (count, rest) = scan::token(reason);
    let count = scan::number(count)?;
    rest.starts_with(b"incorrect password attempt")
        .then_some(count.min(ATTEMPTS_MAX))
}

fn su(body: &[u8]) -> Option<Event<'_>> {
    if body.starts_with(b"pam_") || body.starts_with(b"PAM ") || body.starts_with(b"authentic") {
        return module(body);
    }
    let of = |kind, user, target| Event {
        kind,
        user,
        target,
        command: b"",
        reason: b"",
        repeat: 1,
    };
    let done = |failed: bool| match failed {
        true => Kind::Incorrect(1),
        false => Kind::Command,
    };
    // util-linux: `[FAILED SU ](to root) amy on pts/0`.
    let failed = body.strip_prefix(b"FAILED SU ");
    if let Some(rest) = failed.unwrap_or(body).strip_prefix(b"(to ") {
        let end = memchr::memchr(b')', rest)?;
        let user = rest[end + 1..].strip_prefix(b" ")?;
        let on = memmem::rfind(user, b" on ")?;
        return Some(of(done(failed.is_some()), &user[..on], &rest[..end]));
    }
    // shadow: `Successful su for root by amy`, `FAILED su for root by amy`.
    let failed = body.strip_prefix(b"FAILED su for ");
    if let Some(rest) = failed.or(body.strip_prefix(b"Successful su for ")) {
        let by = memmem::rfind(rest, b" by ")?;
        return Some(of(done(failed.is_some()), &rest[by + 4..], &rest[..by]));
    }
    // BSD: `[BAD SU ]amy to root on /dev/pts/0`.
    let failed = body.strip_prefix(b"BAD SU ");
    let (user, rest) = scan::token(failed.unwrap_or(body));
    let (target, rest) = scan::token(rest.strip_prefix(b"to ")?);
    let (terminal, nothing) = scan::token(rest.strip_prefix(b"on ")?);
    let whole = nothing.is_empty() && (terminal.starts_with(b"/dev/") || failed.is_some());
    whole.then_some(of(done(failed.is_some()), user, target))
}

#[cfg(test)]
mod tests;
