//! What of each collector is reported, and how grave it is by itself.

use skep_protocol::digest::Row;
use skep_protocol::severity::Severity;

/// How reports are cut out of what a collector found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// One for each row of `by_source` that reaches the least; the sections show it.
    Source,
    /// The same, and what a source tries at other collectors of the same host counts too: who knocks
    /// at several doors is heard at each.
    Guesser,
    /// One for each row of `by_source` whose source guesses at any collector of the digest.
    OfGuesser,
    /// The same first, then one for each thing that the sections' other lines are about.
    OfGuesserThenLine,
    /// One for each thing that the sections' lines are about.
    Line,
    /// One for all, by the totals of the sections' names.
    All,
}

/// One kind of report.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) collector: &'static str,
    pub(super) event: &'static str,
    pub(super) severity: Severity,
    pub(super) by: By,
    pub(super) sections: &'static [&'static str],
    /// What of a row of `by_source` counts.
    pub(super) columns: &'static [&'static str],
    /// Fewer than this are nothing.
    pub(super) least: u64,
}

/// Attempts of one source from which on it guesses.
pub(super) const GUESSES_MIN: u64 = 20;

/// Answers with a server error from which on it is a burst.
const SERVER_ERRORS_MIN: u64 = 50;

/// Lines of a web server's error log from which on it is a burst.
const ERRORS_MIN: u64 = 100;

/// Mails that did not get through from which on it is trouble.
const MAILS_MIN: u64 = 100;

/// Wrong passwords for `sudo` from which on somebody guesses.
const SUDO_FAILED_MIN: u64 = 5;

/// Names and sections are those of the digest, which stay. Collectors that are not here count lines
/// by level, and levels are reported as such.
pub(super) const RULES: &[Rule] = &[
    rule(
        "sshd",
        "login_after_failures",
        Severity::Warning,
        By::Line,
        &["login_after_failures"],
        1,
    ),
    rule(
        "sshd",
        "brute_force",
        Severity::Warning,
        By::Guesser,
        &["failed", "invalid_user", "probes"],
        GUESSES_MIN,
    )
    .counting(&["count", "probes"]),
    rule("sshd", "login", Severity::Info, By::Line, &["accepted"], 1),
    rule(
        "systemd",
        "disk_error",
        Severity::Error,
        By::Line,
        &["disk_errors"],
        1,
    ),
    rule(
        "systemd",
        "oom_kill",
        Severity::Error,
        By::Line,
        &["oom_kills"],
        1,
    ),
    rule(
        "systemd",
        "unit_failed",
        Severity::Error,
        By::Line,
        &["units_failed"],
        1,
    ),
    rule(
        "systemd",
        "segfault",
        Severity::Warning,
        By::Line,
        &["segfaults"],
        1,
    ),
    rule(
        "systemd",
        "unit_restart",
        Severity::Notice,
        By::Line,
        &["restarts"],
        1,
    ),
    rule(
        "httpd",
        "server_errors",
        Severity::Error,
        By::All,
        &["status_5xx"],
        SERVER_ERRORS_MIN,
    ),
    rule(
        "httpd",
        "errors_logged",
        Severity::Warning,
        By::All,
        &["errors"],
        ERRORS_MIN,
    ),
    rule(
        "mod_security",
        "web_attack",
        Severity::Warning,
        By::Source,
        &["blocked", "warnings"],
        GUESSES_MIN,
    ),
    rule(
        "dovecot",
        "brute_force",
        Severity::Warning,
        By::Guesser,
        &["failed"],
        GUESSES_MIN,
    ),
    rule(
        "logins",
        "brute_force",
        Severity::Warning,
        By::Guesser,
        &["failed"],
        GUESSES_MIN,
    ),
    rule(
        "postfix",
        "brute_force",
        Severity::Warning,
        By::Guesser,
        &["sasl_failed"],
        GUESSES_MIN,
    )
    // A row also holds the recipients that were turned away.
    .counting(&["sasl_failed"]),
    // A mail server has more logins than reports can hold: only these explain something.
    rule(
        "dovecot",
        "login",
        Severity::Info,
        By::OfGuesser,
        &["logins"],
        1,
    )
    .counting(&["logins"]),
    rule(
        "postfix",
        "mail_stuck",
        Severity::Warning,
        By::All,
        &["deferred", "bounced"],
        MAILS_MIN,
    ),
    rule(
        "fail2ban",
        "ban",
        Severity::Notice,
        By::OfGuesserThenLine,
        &["bans"],
        1,
    )
    .counting(&["bans"]),
    rule(
        "sudo",
        "sudo_failed",
        Severity::Warning,
        By::Line,
        &["failed"],
        SUDO_FAILED_MIN,
    ),
    rule("sudo", "sudo", Severity::Info, By::Line, &["commands"], 1),
    rule(
        "packages",
        "package_change",
        Severity::Info,
        By::Line,
        &["installed", "upgraded", "removed"],
        1,
    ),
    rule(
        "sudo",
        "sudo_denied",
        Severity::Warning,
        By::Line,
        &["denied"],
        1,
    ),
    // Counted, and nothing to report: blocked packets and jobs that ran.
    rule("kernel", "blocked", Severity::Info, By::All, &[], u64::MAX),
    rule("cron", "runs", Severity::Info, By::All, &[], u64::MAX),
];

const fn rule(
    collector: &'static str,
    event: &'static str,
    severity: Severity,
    by: By,
    sections: &'static [&'static str],
    least: u64,
) -> Rule {
    Rule {
        collector,
        event,
        severity,
        by,
        sections,
        columns: &["count"],
        least,
    }
}

impl Rule {
    /// With other columns of `by_source`.
    const fn counting(mut self, columns: &'static [&'static str]) -> Self {
        self.columns = columns;
        self
    }

    /// How often a row's source did it.
    pub(super) fn times(&self, row: &Row) -> u64 {
        self.columns.iter().map(|column| row.count(column)).sum()
    }
}
