//! What cron says of the jobs it runs: Debian's cron, cronie, busybox's crond, anacron.
//!
//! `(USER) VERB (TEXT)`: only the text is a job's own, so a job that prints `CMD (` fools nobody.

use memchr::memmem;

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::service::repeat;

/// Something cron did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What it did.
    pub kind: Kind,
    /// Whose job it is; empty where not named.
    pub user: &'a [u8],
    /// The command, or what went wrong.
    pub text: &'a [u8],
    /// How often: 1, or what `message repeated N times` says.
    pub repeat: u32,
}

/// What cron did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A job was started.
    Run,
    /// A job could not be started, or ended badly, or its output could not be sent.
    Failed,
    /// Somebody changed a table of jobs.
    Changed,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "cron.run",
            Self::Failed => "cron.failed",
            Self::Changed => "cron.changed",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Run => "(USER) CMD (COMMAND)",
            Self::Failed => "(USER) error|ERROR|FAILED …|BAD …|WRONG … (TEXT)",
            Self::Changed => "(USER) REPLACE|DELETE (TABLE)",
        }
    }
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let (outcome, name) = match self.kind {
            Kind::Run => (None, "process.command_line"),
            Kind::Failed => (Some(Outcome::Failure), "error.message"),
            Kind::Changed => (Some(Outcome::Success), "file.name"),
        };
        Facts::new(self.kind.name(), self.kind.rule())
            .outcome(outcome)
            .text("user.name", self.user)
            .text(name, self.text)
            .number("event.count", Some(self.repeat).filter(|n| *n > 1))
    }
}

/// Whether a program of this name writes cron's lines.
#[must_use]
pub fn is_cron(app: &[u8]) -> bool {
    let name = match app.iter().rposition(|byte| *byte == b'/') {
        Some(at) => &app[at + 1..],
        None => app,
    };
    matches!(
        name,
        b"" | b"CRON" | b"cron" | b"crond" | b"CROND" | b"crontab" | b"anacron" | b"cronie"
    )
}

/// The event of a body; none where it is none. Linear time.
#[must_use]
pub fn event(body: &[u8]) -> Option<Event<'_>> {
    let (body, repeat) = repeat::unfold(body)?;
    let event = once(body)?;
    Some(Event { repeat, ..event })
}

fn once(body: &[u8]) -> Option<Event<'_>> {
    match body.first()? {
        b'(' => parenthesised(body),
        b'U' | b'u' => busybox(body),
        b'J' => anacron(body),
        b'E' => Some(Event {
            kind: Kind::Failed,
            user: b"",
            text: body.strip_prefix(b"Error: ")?,
            repeat: 1,
        }),
        _ => None,
    }
}

fn parenthesised(body: &[u8]) -> Option<Event<'_>> {
    let inside = body.strip_prefix(b"(")?;
    let end = inside.iter().take(300).position(|byte| *byte == b')')?;
    let (user, rest) = (&inside[..end], inside[end + 1..].strip_prefix(b" ")?);
    let open = memmem::find(rest, b" (")?;
    let (verb, text) = (&rest[..open], &rest[open + 2..]);
    let text = text.strip_suffix(b")").unwrap_or(text);
    let kind = match verb {
        b"CMD" => Kind::Run,
        b"REPLACE" | b"DELETE" => Kind::Changed,
        b"error" | b"ERROR" | b"ORPHAN" | b"MAIL" => Kind::Failed,
        _ if verb.starts_with(b"FAILED") || verb.starts_with(b"CAN'T") => Kind::Failed,
        _ if verb.starts_with(b"BAD ") || verb.starts_with(b"WRONG ") => Kind::Failed,
        _ => return None,
    };
    // Here the program stands in the user's place.
    let user: &[u8] = match user {
        b"CRON" | b"system" => b"",
        _ if user.starts_with(b"*system*") => b"",
        _ => user,
    };
    let text = match kind {
        Kind::Run => without_pid(text),
        _ => text,
    };
    Some(Event {
        kind,
        user,
        text,
        repeat: 1,
    })
}

/// Debian's cron puts `[PID] ` in front where it is told to.
fn without_pid(text: &[u8]) -> &[u8] {
    let Some(inside) = text.strip_prefix(b"[") else {
        return text;
    };
    let digits = inside.iter().take_while(|byte| byte.is_ascii_digit());
    let end = digits.count();
    match &inside[end..] {
        [b']', b' ', rest @ ..] if end > 0 => rest,
        _ => text,
    }
}

/// `USER root pid 123 cmd run-parts /etc/periodic/15min`.
fn busybox(body: &[u8]) -> Option<Event<'_>> {
    let rest = body
        .strip_prefix(b"USER ")
        .or(body.strip_prefix(b"user "))?;
    let (user, rest) = scan::token(rest);
    let (pid, rest) = scan::token(
        rest.trim_ascii_start()
            .strip_prefix(b"pid ")?
            .trim_ascii_start(),
    );
    scan::number(pid)?;
    Some(Event {
        kind: Kind::Run,
        user: user.strip_suffix(b":").unwrap_or(user),
        text: rest.strip_prefix(b"cmd ")?,
        repeat: 1,
    })
}

/// ``Job `cron.daily' terminated (exit status: 1) (mailing output)``; what ended well is no news.
fn anacron(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"Job `")?;
    let said = memmem::find(rest, b"' terminated (")?;
    rest[said..].starts_with(b"' terminated (").then_some(())?;
    let failed = !rest[said..].starts_with(b"' terminated (mailing");
    failed.then_some(Event {
        kind: Kind::Failed,
        user: b"",
        text: body,
        repeat: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let found =
            event(body.as_bytes()).map_or("none".to_owned(), |event| event.facts().to_string());
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn jobs_that_run() {
        check(
            "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
            "cron.run user.name=root process.command_line=   cd / && run-parts --report /etc/cron.hourly",
        );
        check(
            "(amy) CMD ([77] echo 'CMD (x)')",
            "cron.run user.name=amy process.command_line=echo 'CMD (x)'",
        );
        check(
            "USER root pid  77 cmd run-parts /etc/periodic/15min",
            "cron.run user.name=root process.command_line=run-parts /etc/periodic/15min",
        );
    }

    #[test]
    fn folded_lines_are_unfolded() {
        check(
            "message repeated 3 times: [ (amy) CMD (echo ])]",
            "cron.run user.name=amy process.command_line=echo ] event.count=3",
        );
        check("message repeated 3 times: [ (amy) CMD (echo", "none");
    }

    #[test]
    fn what_is_no_run() {
        for body in [
            "(amy) END ([77] echo hi)",
            "(amy) CMDEND (echo hi)",
            "(amy) CMDOUT ((root) CMD (x))",
            "(*system*) RELOAD (/etc/crontab)",
            "(amy) BEGIN EDIT (amy)",
            "(CRON) info (No MTA installed, discarding output)",
            "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
            "Job `cron.daily' started",
            "(amy",
            "(amy) CMD",
        ] {
            check(body, "none");
        }
    }

    #[test]
    fn what_went_wrong_and_what_was_changed() {
        check(
            "(CRON) error (grandchild #77 failed with exit status 1)",
            "cron.failed failure error.message=grandchild #77 failed with exit status 1",
        );
        check(
            "(amy) WRONG FILE OWNER (/etc/cron.d/x)",
            "cron.failed failure user.name=amy error.message=/etc/cron.d/x",
        );
        check(
            "(amy) REPLACE (amy)",
            "cron.changed success user.name=amy file.name=amy",
        );
        check(
            "Job `cron.daily' terminated (exit status: 1) (mailing output)",
            "cron.failed failure error.message=Job `cron.daily' terminated (exit status: 1) (mailing output)",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(
            head in proptest::sample::select(vec!["(a) CMD (", "(", "USER a pid ", "Job `", ""]),
            tail in proptest::prelude::any::<Vec<u8>>(),
        ) {
            let body = [head.as_bytes(), &tail].concat();
            proptest::prop_assert!(event(&body).is_none_or(|event| event.text.len() <= body.len()));
        }
    }
}
