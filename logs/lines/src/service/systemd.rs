//! What systemd and the kernel say about units and processes that ended badly.

use memchr::memmem;

use crate::facts::Facts;
use crate::facts::Outcome;

/// Something that ended badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// The unit, or the process's name; empty where not named.
    pub subject: &'a [u8],
    /// Why, in the writer's word (`exit-code`, `timeout`); empty where not said.
    pub reason: &'a [u8],
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A unit came to the state failed.
    UnitFailed,
    /// A process was killed for want of memory.
    OomKill,
    /// A process touched memory that is not its own.
    Segfault,
    /// A unit is being started again after it ended.
    Restart,
    /// A file system or a disk reported an error.
    DiskError,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnitFailed => "systemd.unit_failed",
            Self::OomKill => "systemd.oom_kill",
            Self::Segfault => "systemd.segfault",
            Self::Restart => "systemd.restart",
            Self::DiskError => "systemd.disk_error",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::UnitFailed => "UNIT: Failed with result 'REASON'",
            Self::OomKill => "Out of memory: Killed process PID (NAME)",
            Self::Segfault => "NAME[PID]: segfault at ADDRESS",
            Self::Restart => "UNIT: Scheduled restart job",
            Self::DiskError => "FILESYSTEM error (device DEVICE), I/O error, dev DEVICE",
        }
    }
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let subject = match self.kind {
            Kind::UnitFailed | Kind::Restart => "systemd.unit",
            Kind::OomKill | Kind::Segfault => "process.executable.name",
            Kind::DiskError => "system.device",
        };
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(Outcome::Failure)
            .text(subject, self.subject)
            .text("error.type", self.reason)
    }
}

/// The event of a body that this program wrote; none where it is none. Linear time.
#[must_use]
pub fn event<'a>(app: &[u8], body: &'a [u8]) -> Option<Event<'a>> {
    match app {
        b"systemd" | b"(systemd)" => unit(body),
        b"systemd-oomd" => oomd(body),
        b"kernel" => kernel(without_uptime(body)),
        _ => None,
    }
}

/// `UNIT: Failed with result 'exit-code'.`, or `Unit UNIT entered failed state.` of the versions
/// before 230; between 230 and 238 both came, the old words in another order.
fn unit(body: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = body.strip_prefix(b"Unit ") {
        let unit = rest.strip_suffix(b" entered failed state.")?;
        return Some(Event {
            kind: Kind::UnitFailed,
            subject: unit,
            reason: b"",
        });
    }
    let at = memmem::find(body, b": ")?;
    let (unit, said) = (&body[..at], &body[at + 2..]);
    if unit.contains(&b' ') {
        return None;
    }
    if let Some(rest) = said.strip_prefix(b"Failed with result '") {
        let reason = &rest[..memchr::memchr(b'\'', rest)?];
        return Some(Event {
            kind: Kind::UnitFailed,
            subject: unit,
            reason,
        });
    }
    let restarts = said.starts_with(b"Scheduled restart job, restart counter is at ");
    restarts.then_some(Event {
        kind: Kind::Restart,
        subject: unit,
        reason: b"",
    })
}

/// `Killed /path/of/the.scope due to memory pressure …`.
fn oomd(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"Killed ")?;
    let end = memmem::find(rest, b" due to ")?;
    let group = &rest[..end];
    let start = group
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |at| at + 1);
    Some(Event {
        kind: Kind::OomKill,
        subject: &group[start..],
        reason: b"memory-pressure",
    })
}

/// The kernel's own clock, `[50028442.088484] `, stands in front where a syslog daemon kept it.
pub(crate) fn without_uptime(body: &[u8]) -> &[u8] {
    let Some(inside) = body.strip_prefix(b"[") else {
        return body;
    };
    let is_clock = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b' ');
    let end = inside.iter().take_while(|byte| is_clock(byte)).count();
    match &inside[end..] {
        [b']', b' ', rest @ ..] => rest,
        _ => body,
    }
}

fn kernel(body: &[u8]) -> Option<Event<'_>> {
    oom_kill(body)
        .or_else(|| segfault(body))
        .or_else(|| disk_error(body))
}

/// `[Memory cgroup out|Out] of memory: Killed process N (NAME)`. Older kernels said `Kill process`
/// first and `Killed process` on a line of its own: only that is the kill.
fn oom_kill(body: &[u8]) -> Option<Event<'_>> {
    let rest = match body.strip_prefix(b"Killed process ") {
        Some(rest) => rest,
        None => {
            let rest = body
                .strip_prefix(b"Out of memory")
                .or(body.strip_prefix(b"Memory cgroup out of memory"))?;
            let at = memmem::find(rest, b": Killed process ")?;
            &rest[at + b": Killed process ".len()..]
        }
    };
    let open = memchr::memchr(b'(', rest)?;
    let close = memmem::find(rest, b") ").unwrap_or_else(|| rest.len().saturating_sub(1));
    let subject = rest.get(open + 1..close).unwrap_or(b"");
    let pid = rest[..open].trim_ascii_end();
    let shaped = !pid.is_empty()
        && pid
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b',');
    let shaped = shaped || memmem::find(pid, b", UID ").is_some();
    shaped.then_some(Event {
        kind: Kind::OomKill,
        subject,
        reason: b"",
    })
}

/// `NAME[N]: segfault at …`; a process's name may hold anything, also brackets.
fn segfault(body: &[u8]) -> Option<Event<'_>> {
    let at = memmem::find(body, b"]: segfault at ")?;
    let open = body[..at].iter().rposition(|byte| *byte == b'[')?;
    let pid = &body[open + 1..at];
    let shaped = !pid.is_empty() && pid.iter().all(u8::is_ascii_digit);
    shaped.then_some(Event {
        kind: Kind::Segfault,
        subject: &body[..open],
        reason: b"",
    })
}

/// `EXT4-fs error (device sda1): …`, `[blk_update_request: ]I/O error, dev sda, sector …`.
fn disk_error(body: &[u8]) -> Option<Event<'_>> {
    if let Some(at) = memmem::find(body, b"-fs error (device ") {
        let rest = &body[at + b"-fs error (device ".len()..];
        let end = memchr::memchr(b')', rest)?;
        let subject = &rest[..end];
        return Some(Event {
            kind: Kind::DiskError,
            subject,
            reason: b"filesystem",
        });
    }
    let at = memmem::find(body, b"I/O error, dev ")?;
    let rest = &body[at + b"I/O error, dev ".len()..];
    let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
    Some(Event {
        kind: Kind::DiskError,
        subject: &rest[..end],
        reason: b"io",
    })
}

#[cfg(test)]
mod tests;
