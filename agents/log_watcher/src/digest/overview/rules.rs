//! The thresholds that make counts grave. docs/DIGEST.md shows them; a test keeps both the same.

use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::Point;
use skep_protocol::severity::Severity;

/// A total of a collector, and from where on it is grave.
pub(super) struct Rule {
    pub(super) collector: &'static str,
    pub(super) total: &'static str,
    pub(super) at_least: u64,
    /// Also at least so many of a thousand of this total.
    pub(super) of: Option<(&'static str, u64)>,
    pub(super) severity: Severity,
    /// What it is, before the number.
    pub(super) text: &'static str,
}

const fn rule(
    collector: &'static str,
    total: &'static str,
    at_least: u64,
    severity: Severity,
    text: &'static str,
) -> Rule {
    Rule {
        collector,
        total,
        at_least,
        of: None,
        severity,
        text,
    }
}

impl Rule {
    const fn of(self, total: &'static str, permille: u64) -> Self {
        Self {
            of: Some((total, permille)),
            ..self
        }
    }
}

use Severity::Error;
use Severity::Notice;
use Severity::Warning;

/// Every rule, by collector; of those for one total the gravest that fits counts.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("dovecot", "failed", 100, Warning, "failed logins to mailboxes"),
    rule("fail2ban", "bans", 1, Notice, "addresses banned"),
    rule("httpd", "errors", 100, Notice, "errors of the web server"),
    rule("httpd", "status_5xx", 10, Warning, "requests that the server failed").of("requests", 10),
    rule("httpd", "status_5xx", 100, Error, "requests that the server failed").of("requests", 100),
    rule("mod_security", "blocked", 1, Notice, "requests blocked"),
    rule("mod_security", "blocked", 100, Warning, "requests blocked"),
    rule("packages", "removed", 1, Notice, "packages removed"),
    rule("postfix", "bounced", 10, Warning, "recipients bounced").of("sent", 50),
    rule("postfix", "deferred", 100, Warning, "deliveries deferred").of("sent", 100),
    rule("postfix", "sasl_failed", 100, Warning, "failed logins to send mail"),
    rule("sshd", "failed", 100, Warning, "wrong passwords"),
    rule("sshd", "probes", 100, Notice, "connections that only tried the door"),
    rule("sudo", "failed", 3, Warning, "wrong passwords for sudo or su"),
    rule("systemd", "oom_kills", 1, Error, "processes killed for want of memory"),
    rule("systemd", "segfaults", 1, Warning, "programs crashed"),
    rule("systemd", "units_failed", 1, Error, "units failed"),
];

/// From one source, this many failures are somebody guessing.
pub(super) const FROM_ONE_SOURCE: u64 = 30;

/// The collectors whose `by_source` counts failed logins.
pub(super) const GUESSED: &[&str] = &["dovecot", "sshd"];

/// Adds what is grave about a collector's counts.
pub(super) fn judge(name: &str, found: &CollectorReport, points: &mut Vec<Point>) {
    let mut point = |severity, text| {
        points.push(Point {
            severity,
            collector: name.to_owned(),
            text,
            cure: String::new(),
        });
    };
    for (total, count) in &found.totals.0 {
        let fits = RULES.iter().filter(|rule| {
            rule.collector == name && rule.total == total && holds(rule, *count, found)
        });
        if let Some(rule) = fits.max_by_key(|rule| rule.severity) {
            point(rule.severity, format!("{}: {count}", rule.text));
        }
        // What runs on severity rules counts by severity.
        if let Some(severity) = named(total).filter(|_| *count > 0) {
            point(severity, format!("lines of severity {total}: {count}"));
        }
    }
    if let Some(text) = guesses(name, found) {
        point(Warning, text);
    }
}

fn holds(rule: &Rule, count: u64, found: &CollectorReport) -> bool {
    let enough_of = |(total, permille): (&str, u64)| {
        let whole = found.totals.get(total).copied().unwrap_or_default();
        count.saturating_mul(1000) >= whole.saturating_mul(permille)
    };
    count >= rule.at_least && rule.of.is_none_or(enough_of)
}

/// The severity that a total is named after, if people should look at it.
fn named(total: &str) -> Option<Severity> {
    let severity = match total {
        "warn" => Warning,
        "err" => Error,
        "crit" | "fatal" | "emergency" | "alert" => Severity::Critical,
        _ => total.parse().ok()?,
    };
    (severity >= Warning).then_some(severity)
}

/// Who guesses passwords, the busiest by name.
fn guesses(name: &str, found: &CollectorReport) -> Option<String> {
    let sources = found
        .tables
        .get("by_source")
        .filter(|_| GUESSED.contains(&name))?;
    let mut busy = sources
        .rows
        .iter()
        .filter(|row| row.count("count") >= FROM_ONE_SOURCE);
    let first = busy.next()?;
    let more = match busy.count() {
        0 => String::new(),
        1 => ", and another source does the same".to_owned(),
        n => format!(", and {n} more sources do the same"),
    };
    let count = first.count("count");
    Some(format!("{} failed {count} logins{more}", first.key))
}
