//! What ModSecurity says in the error logs of Apache and nginx, and in section H of its audit log.
//!
//! The head of a line is the server's; behind `ModSecurity: ` stands what was done, then the
//! rule's own fields in brackets. What a peer sent stands among them with its quotes escaped.

use memchr::memmem;

use super::httpd;
use super::httpd::ErrorLine;
use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::severity::Severity;

/// A rule that a request met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The request was not let through.
    pub is_blocked: bool,
    /// The status it was answered with, where it was blocked and that is said.
    pub status: Option<u16>,
    /// How grave the server finds the line; none in the audit log.
    pub severity: Option<Severity>,
    /// The peer; empty in the audit log, where it stands in another section.
    pub source: &'a [u8],
    /// The peer's port.
    pub port: Option<u16>,
    /// The rule's number; empty where not named.
    pub rule: &'a [u8],
    /// What the rule says; empty where it says nothing.
    pub message: &'a [u8],
    /// The host asked; empty where not named.
    pub host: &'a [u8],
    /// The path asked for, without its query.
    pub path: &'a [u8],
    /// What the lines of one request have in common.
    pub request_id: &'a [u8],
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let (name, rule) = match self.is_blocked {
            true => (
                "mod_security.blocked",
                "[client SOURCE] ModSecurity: Access denied …",
            ),
            false => (
                "mod_security.warning",
                "[client SOURCE] ModSecurity: Warning. …",
            ),
        };
        Facts::new(name, rule)
            .outcome(Some(Outcome::Failure).filter(|_| self.is_blocked))
            .severity(self.severity)
            .text("source.address", self.source)
            .number("source.port", self.port)
            .text("rule.id", self.rule)
            .text("rule.description", self.message)
            .text("server.address", self.host)
            .text("url.path", self.path)
            .number("http.response.status_code", self.status)
            .text("http.request.id", self.request_id)
    }
}

/// The event of a line; none where it is none. Linear time.
#[must_use]
pub fn event(line: &[u8]) -> Option<Event<'_>> {
    const MARK: &[u8] = b"ModSecurity: ";
    if let Some(said) = line.strip_prefix(b"Message: ") {
        return done(said);
    }
    if let Some(said) = line.strip_prefix(MARK) {
        return done(said);
    }
    // Most lines are not of this module: the word is cheaper to find than the head is to read.
    memmem::find(line, MARK)?;
    let httpd::Event::Error(error) = httpd::event(line)? else {
        return None;
    };
    let ErrorLine {
        severity, message, ..
    } = error;
    let (client, said) = match message.strip_prefix(b"[client ") {
        Some(inside) => {
            let end = inside.iter().take(300).position(|byte| *byte == b']')?;
            let after = inside[end + 1..].trim_ascii_start();
            (&inside[..end], after)
        }
        None => (&b""[..], message),
    };
    let event = done(said.strip_prefix(MARK)?)?;
    let source = match error.source {
        b"" if scan::is_peer(client) => scan::unmapped(client),
        source => source,
    };
    Some(Event {
        severity: Some(severity),
        source,
        port: error.port,
        ..event
    })
}

/// `Access denied with code 403 (phase 2). …` or `Warning. …`, and the fields behind.
fn done(said: &[u8]) -> Option<Event<'_>> {
    let (denied, is_warning) = match said.trim_ascii_start() {
        // Before version 2.8 the rule's fields stood in front.
        fields @ [b'[', ..] => {
            let at = memmem::find(fields, b"] Access denied ");
            let denied = at.map(|at| &fields[at + b"] Access denied ".len()..]);
            (denied, memmem::find(fields, b"] Warning. ").is_some())
        }
        said => (
            said.strip_prefix(b"Access denied "),
            said.starts_with(b"Warning. "),
        ),
    };
    let is_blocked = denied.is_some();
    if !is_blocked && !is_warning {
        return None;
    }
    let status = denied.and_then(|rest| rest.strip_prefix(b"with code "));
    let status = status.and_then(|rest| scan::number(scan::token(rest).0));
    Some(Event {
        is_blocked,
        status: status.and_then(|status| u16::try_from(status).ok()),
        severity: None,
        source: b"",
        port: None,
        rule: first(said, b" [id \""),
        message: first(said, b" [msg \""),
        host: last(said, b" [hostname \""),
        path: httpd::path(last(said, b" [uri \"")),
        request_id: last(said, b" [unique_id \""),
    })
}

/// The value of a field that stands in front of all that a peer sent.
fn first<'a>(said: &'a [u8], opening: &[u8]) -> &'a [u8] {
    memmem::find(said, opening).map_or(b"", |at| value(&said[at + opening.len()..]))
}

/// The value of a field that stands behind all that a peer sent.
fn last<'a>(said: &'a [u8], opening: &[u8]) -> &'a [u8] {
    memmem::rfind(said, opening).map_or(b"", |at| value(&said[at + opening.len()..]))
}

fn value(text: &[u8]) -> &[u8] {
    let end = memmem::find(text, b"\"]");
    end.map_or(b"", |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let found =
            event(line.as_bytes()).map_or("none".to_owned(), |event| event.facts().to_string());
        assert_eq!(found, expected, "{line}");
    }

    /// Synthetic, after the documented forms of versions 2 and 3.
    const FIELDS: &str = "[file \"/etc/crs/a.conf\"] [line \"47\"] [id \"930100\"] \
        [msg \"Path Traversal\"] [data \"Matched: \\\" [id \\\"6\\\"] [uri \\\"/fake\\\"] found\"] \
        [severity \"CRITICAL\"] [hostname \"h.example\"] [uri \"/a?b\"] [unique_id \"YVW\"]";
    const FACTS: &str = "rule.id=930100 rule.description=Path Traversal \
        server.address=h.example url.path=/a";

    #[test]
    fn apaches_error_log() {
        let head = "[Thu Feb 12 14:10:21.009964 2026] [security2:error] [pid 2:tid 1] [client ::1:377] [client ::1]";
        check(
            &format!("{head} ModSecurity: Warning. Pattern match \"x\" at ARGS. {FIELDS}"),
            &format!(
                "mod_security.warning source.address=::1 source.port=377 {FACTS} http.request.id=YVW"
            ),
        );
        check(
            &format!(
                "{head} ModSecurity: Access denied with code 403 (phase 2). Operator GE matched 5. {FIELDS}"
            ),
            &format!(
                "mod_security.blocked failure source.address=::1 source.port=377 {FACTS} \
                 http.response.status_code=403 http.request.id=YVW"
            ),
        );
        check(
            &format!("{head} ModSecurity: Access denied with connection close (phase 1). {FIELDS}"),
            &format!(
                "mod_security.blocked failure source.address=::1 source.port=377 {FACTS} http.request.id=YVW"
            ),
        );
        check(&format!("{head} AH01276: Cannot serve directory"), "none");
        check(
            &format!("{head} ModSecurity: Access allowed (phase 1). {FIELDS}"),
            "none",
        );
        check(
            "[Thu Feb 12 14:10:21.009964 2026] [:notice] [pid 2:tid 1] ModSecurity for Apache/2.9.7 configured.",
            "none",
        );
    }

    #[test]
    fn apache_2_2s_and_nginxs_error_logs() {
        check(
            &format!(
                "[Thu Feb 12 14:10:21 2026] [error] [client 10.0.0.7] ModSecurity: Warning. {FIELDS}"
            ),
            &format!("mod_security.warning source.address=10.0.0.7 {FACTS} http.request.id=YVW"),
        );
        check(
            &format!(
                "2026/02/12 14:10:21 [error] 4#4: *4 [client 10.0.0.7] ModSecurity: Access denied with code 403 (phase 2). \
                 {FIELDS} [ref \"o0\"], client: 10.0.0.7, server: s, request: \"GET /a HTTP/1.1\", host: \"h\""
            ),
            &format!(
                "mod_security.blocked failure source.address=10.0.0.7 {FACTS} \
                 http.response.status_code=403 http.request.id=YVW"
            ),
        );
    }

    #[test]
    fn fields_in_front_of_what_was_done() {
        check(
            "[Thu Feb 12 14:10:21 2026] [error] [client 10.0.0.7] ModSecurity:  [file \"/a\"] [id \"960015\"] \
             [tag \"x\"] Access denied with code 403 (phase 2). Operator EQ matched 0. [hostname \"h\"] [uri \"/a\"]",
            "mod_security.blocked failure source.address=10.0.0.7 rule.id=960015 server.address=h url.path=/a \
             http.response.status_code=403",
        );
    }

    #[test]
    fn the_audit_logs_last_section() {
        check(
            &format!("Message: Access denied with code 403 (phase 2). {FIELDS}"),
            &format!(
                "mod_security.blocked failure {FACTS} http.response.status_code=403 http.request.id=YVW"
            ),
        );
        check(
            &format!("ModSecurity: Warning. Matched {FIELDS}"),
            &format!("mod_security.warning {FACTS} http.request.id=YVW"),
        );
        check("Action: Intercepted (phase 2)", "none");
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(
            head in proptest::sample::select(vec![
                "Message: Warning. ", "ModSecurity: Access denied with code ",
                "[Thu Feb 12 14:10:21 2026] [error] [client 10.0.0.7] ModSecurity: Warning. [id \"", "",
            ]),
            tail in proptest::prelude::any::<Vec<u8>>(),
        ) {
            let line = [head.as_bytes(), &tail].concat();
            proptest::prop_assert!(event(&line).is_none_or(|event| event.rule.len() <= line.len()));
        }
    }
}
