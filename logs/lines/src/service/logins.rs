//! Refused logins of programs without a service of their own: FTP servers, dropbear, webmin, the
//! console, and whatever asks PAM.
//!
//! Only what was refused: what these say besides is not read.

mod dropbear;

use memchr::memmem;

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::service::pam;
use crate::service::repeat;
use crate::stamp::Stamp;

/// Somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// The form of the line, in words.
    pub rule: &'static str,
    /// Who wanted in; empty where not said.
    pub user: &'a [u8],
    /// Where from; empty where not said.
    pub source: &'a [u8],
    /// The peer's port.
    pub port: Option<u16>,
    /// How often: 1, or what `message repeated N times` says.
    pub repeat: u32,
}

/// What happened to somebody who wanted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They were refused.
    Failed,
    /// They were sent away after too many attempts; each of them had its own line.
    Exhausted,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "logins.failed",
            Self::Exhausted => "logins.exhausted",
        }
    }
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts::new(self.kind.name(), self.rule)
            .outcome(Outcome::Failure)
            .text("source.address", self.source)
            .number("source.port", self.port)
            .text("user.name", self.user)
            .number("event.count", Some(self.repeat).filter(|n| *n > 1))
    }
}

fn refused<'a>(rule: &'static str, user: &'a [u8], source: &'a [u8]) -> Option<Event<'a>> {
    let is_peer = source.is_empty() || scan::is_peer(source);
    is_peer.then(|| Event {
        kind: Kind::Failed,
        rule,
        user,
        source: scan::unmapped(source),
        port: None,
        repeat: 1,
    })
}

fn exhausted<'a>(rule: &'static str, user: &'a [u8], source: &'a [u8]) -> Option<Event<'a>> {
    let event = refused(rule, user, source)?;
    Some(Event {
        kind: Kind::Exhausted,
        ..event
    })
}

/// The stamp of vsftpd's own log, `Thu Feb 12 14:10:21 2026 [pid …`; local time.
#[must_use]
pub fn locate(line: &[u8]) -> Stamp<'_> {
    // A day of one digit has a space more in front of it, or none.
    let ends = |at: &usize| line.get(*at..at + 6) == Some(b" [pid ") && line[at - 5] == b' ';
    match [24, 23].iter().find(|at| ends(at)) {
        Some(at) => Stamp::Apache(&line[..*at]),
        None => Stamp::None,
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
        b"" => vsftpd_file(body),
        b"vsftpd" => vsftpd(body).or_else(|| module(app, body)),
        b"proftpd" => proftpd(body).or_else(|| module(app, body)),
        b"pure-ftpd" => pure_ftpd(body).or_else(|| module(app, body)),
        b"dropbear" => dropbear::event(body),
        b"wu-ftpd" => wu_ftpd(body).or_else(|| module(app, body)),
        b"webmin" | b"usermin" => webmin(body),
        b"login" => console(body).or_else(|| module(app, body)),
        b"klogind" | b"rlogind" | b"rshd" => remote(body),
        // These have services of their own.
        b"sudo" | b"su" | b"su-l" | b"dovecot" => None,
        _ if super::sshd::is_sshd(app) || app.starts_with(b"su") => None,
        _ => module(app, body),
    }
}

/// PAM's line under any program's name.
fn module<'a>(app: &[u8], body: &'a [u8]) -> Option<Event<'a>> {
    let refused = pam::refused(body)?;
    // Without a module in either place, it is no line of PAM's.
    let is_pam = pam::head(body).is_some()
        || memmem::find(app, b"(pam_").is_some()
        || app == b"vsftpd" && refused.service.is_empty();
    let has_own = matches!(
        refused.service,
        b"dovecot" | b"sudo" | b"su" | b"su-l" | b"sshd"
    );
    if !is_pam || has_own {
        return None;
    }
    let user = match refused.user {
        b"" => refused.asked_by,
        user => user,
    };
    self::refused(
        "MODULE(SERVICE:auth): authentication failure; rhost=SOURCE user=USER",
        user,
        refused.source,
    )
}

/// `Thu Feb 12 14:10:21 2026 [pid 2] [USER] FAIL LOGIN: Client "SOURCE"`.
fn vsftpd_file(line: &[u8]) -> Option<Event<'_>> {
    let at = line.iter().take(64).position(|byte| *byte == b'[')?;
    let rest = line[at..].strip_prefix(b"[pid ")?;
    let end = rest.iter().take(12).position(|byte| *byte == b']')?;
    vsftpd(rest[end + 1..].strip_prefix(b" ")?)
}

/// `[USER] FAIL LOGIN: Client "SOURCE"`; the name is the peer's.
fn vsftpd(body: &[u8]) -> Option<Event<'_>> {
    const FAIL: &[u8] = b"] FAIL LOGIN: Client \"";
    let rest = body.strip_prefix(b"[")?;
    let at = memmem::rfind(rest, FAIL)?;
    let client = &rest[at + FAIL.len()..];
    let source = &client[..memchr::memchr(b'"', client)?];
    refused("[USER] FAIL LOGIN: Client \"SOURCE\"", &rest[..at], source)
}

/// `HOST (NAME[SOURCE]) - USER x (Login failed): …`, `USER x: no such user found …`.
fn proftpd(body: &[u8]) -> Option<Event<'_>> {
    const RULE: &str = "HOST (NAME[SOURCE]) - USER USER (Login failed): REASON";
    let open = memmem::find(body, b" (")?;
    let inside = &body[open + 2..];
    let close = memmem::find(inside, b"])")?;
    let bracket = memchr::memchr(b'[', &inside[..close])?;
    let source = &inside[bracket + 1..close];
    let said = &inside[close + 2..];
    let said = said.strip_prefix(b":").or(said.strip_prefix(b" -"))?;
    let said = said.trim_ascii_start();
    if let Some(rest) = said.strip_prefix(b"SECURITY VIOLATION: ") {
        let at = memmem::rfind(rest, b" login attempted")?;
        return refused(RULE, &rest[..at], source);
    }
    if said.starts_with(b"Maximum login attempts (") {
        return exhausted(RULE, b"", source);
    }
    let rest = said.strip_prefix(b"USER ")?;
    let ends: [&[u8]; 3] = [
        b" (Login failed): ",
        b": no such user found",
        b" (Login failed)",
    ];
    let at = ends.iter().find_map(|end| memmem::rfind(rest, end))?;
    refused(RULE, &rest[..at], source)
}

/// `(?@SOURCE) [WARNING] Authentication failed for user [USER]`.
fn pure_ftpd(body: &[u8]) -> Option<Event<'_>> {
    const FAILED: &[u8] = b") [WARNING] Authentication failed for user [";
    let inside = body.strip_prefix(b"(")?;
    let at = memmem::find(inside, FAILED)?;
    let address = memchr::memrchr(b'@', &inside[..at])? + 1;
    let user = inside[at + FAILED.len()..].strip_suffix(b"]")?;
    refused(
        "(?@SOURCE) [WARNING] Authentication failed for user [USER]",
        user,
        &inside[address..at],
    )
}

/// `failed login from HOST [SOURCE]`.
fn wu_ftpd(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"failed login from ")?;
    let at = memmem::rfind(rest, b" [")?;
    let source = rest[at + 2..].strip_suffix(b"]")?;
    refused("failed login from HOST [SOURCE]", b"", source)
}

/// `Invalid login as USER from SOURCE`, `Non-existent login as USER from SOURCE`.
fn webmin(body: &[u8]) -> Option<Event<'_>> {
    let rest = body
        .strip_prefix(b"Invalid login as ")
        .or(body.strip_prefix(b"Non-existent login as "))?;
    let at = memmem::rfind(rest, b" from ")?;
    refused(
        "Invalid|Non-existent login as USER from SOURCE",
        &rest[..at],
        rest[at + 6..].trim_ascii_end(),
    )
}

/// `FAILED LOGIN (1) on '/dev/tty1' FOR 'USER', Authentication failure`, and older forms.
fn console(body: &[u8]) -> Option<Event<'_>> {
    const RULE: &str = "FAILED LOGIN (N) on 'TTY' FOR 'USER', REASON";
    let rest = body.strip_prefix(b"FAILED LOGIN ")?;
    let at = memmem::find(rest, b" FOR ")?;
    let source = memmem::find(&rest[..at], b" FROM ").map(|from| &rest[from + 6..at]);
    let user = &rest[at + 5..];
    let end = memmem::rfind(user, b", ").unwrap_or(user.len());
    let user = &user[..end];
    let user = user.strip_prefix(b"'").unwrap_or(user);
    let user = user.strip_suffix(b"'").unwrap_or(user);
    refused(RULE, user, source.unwrap_or_default())
}

/// `Authentication failed from SOURCE (SOURCE): …`.
fn remote(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"Authentication failed from ")?;
    let (source, _) = scan::token(rest);
    refused("Authentication failed from SOURCE", b"", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(app: &str, body: &str, expected: &str) {
        let event = event(app.as_bytes(), body.as_bytes());
        let found = event.map_or("none".to_owned(), |event| {
            let facts = event.facts().to_string();
            facts
                .trim_start_matches("logins.failed failure ")
                .to_owned()
        });
        assert_eq!(found, expected, "{body}");
    }

    const AMY: &str = "source.address=10.0.0.7 user.name=amy";

    #[test]
    fn ftp_servers() {
        let own = "Thu Feb 12 14:10:21 2026 [pid 2] [amy] FAIL LOGIN: Client \"::ffff:10.0.0.7\"";
        check("", own, AMY);
        assert_eq!(
            locate(own.as_bytes()),
            Stamp::Apache(b"Thu Feb 12 14:10:21 2026")
        );
        let short = "Mon Feb 2 14:10:21 2026 [pid 2] [amy] FAIL LOGIN: Client \"10.0.0.7\"";
        check("", short, AMY);
        assert_eq!(
            locate(short.as_bytes()),
            Stamp::Apache(b"Mon Feb 2 14:10:21 2026")
        );
        check("vsftpd", "[amy] FAIL LOGIN: Client \"10.0.0.7\"", AMY);
        check(
            "vsftpd",
            "message repeated 4 times: [ [amy] FAIL LOGIN: Client \"10.0.0.7\"]",
            &format!("{AMY} event.count=4"),
        );
        check("vsftpd", "[amy] OK LOGIN: Client \"10.0.0.7\"", "none");
        check(
            "",
            "Thu Feb 12 14:10:21 2026 [pid 2] CONNECT: Client \"10.0.0.7\"",
            "none",
        );
        check(
            "proftpd",
            "10.0.0.1 (h.example[10.0.0.7]) - USER amy (Login failed): Incorrect password",
            AMY,
        );
        check(
            "proftpd",
            "localhost (::1[10.0.0.7]): USER amy: no such user found from h [10.0.0.7] to 10.0.0.1:21",
            AMY,
        );
        check(
            "proftpd",
            "h (h[10.0.0.7]) - SECURITY VIOLATION: amy login attempted.",
            AMY,
        );
        check(
            "proftpd",
            "h (h[10.0.0.7]) - USER amy: Login successful.",
            "none",
        );
        check(
            "pure-ftpd",
            "(?@10.0.0.7) [WARNING] Authentication failed for user [amy]",
            AMY,
        );
    }

    #[test]
    fn other_programs() {
        for (app, body) in [
            ("wu-ftpd", "failed login from h.example [10.0.0.7]"),
            (
                "proftpd",
                "h (h[10.0.0.7]) - Maximum login attempts (3) exceeded, connection refused",
            ),
        ] {
            let event = event(app.as_bytes(), body.as_bytes()).unwrap();
            assert_eq!(event.source, b"10.0.0.7", "{body}");
            assert_eq!(event.kind == Kind::Exhausted, app == "proftpd", "{body}");
        }
        check("webmin", "Invalid login as amy from 10.0.0.7", AMY);
        check(
            "login",
            "FAILED LOGIN (1) on '/dev/tty1' FOR 'amy', Authentication failure",
            "user.name=amy",
        );
        check(
            "klogind",
            "Authentication failed from 10.0.0.7 (10.0.0.7): Permission denied in replay cache code",
            "source.address=10.0.0.7",
        );
    }

    #[test]
    fn pam_under_any_name() {
        let failure =
            "authentication failure; logname= uid=0 euid=0 tty=x ruser= rhost=10.0.0.7  user=amy";
        check(
            "gdm-password",
            &format!("pam_unix(gdm:auth): {failure}"),
            AMY,
        );
        check("ftpd(pam_unix)", failure, AMY);
        check("proftpd", &format!("(pam_unix) {failure}"), AMY);
        check("vsftpd", failure, AMY);
        check("anything", failure, "none");
        check("sshd(pam_unix)", failure, "none");
        check("sudo", &format!("pam_unix(sudo:auth): {failure}"), "none");
        check(
            "auth",
            &format!("pam_unix(dovecot:auth): {failure}"),
            "none",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(
            app in proptest::sample::select(vec!["", "vsftpd", "proftpd", "pure-ftpd", "dropbear", "webmin", "login", "klogind", "x"]),
            head in proptest::sample::select(vec!["[a] FAIL LOGIN: Client \"", "h (h[1.2.3.4]) - USER ", "(?@", "Bad password attempt for '", "FAILED LOGIN ", ""]),
            tail in proptest::prelude::any::<Vec<u8>>(),
        ) {
            let body = [head.as_bytes(), &tail].concat();
            proptest::prop_assert!(matches!(locate(&body), Stamp::None | Stamp::Apache(_)));
            let event = event(app.as_bytes(), &body);
            proptest::prop_assert!(event.is_none_or(|event| event.user.len() <= body.len()));
        }
    }
}
