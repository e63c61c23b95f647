//! Shapes of trouble with fixed thresholds, which nothing that was learned ever raises.

use skep_lines::neutral_cut;
use skep_protocol::{
    digest::{CollectorReport, Row, Section},
    oracle::{EVIDENCE_MAX, Finding},
    severity::Severity,
};

/// Attempts of one source from which on it guesses.
const GUESSES_MIN: u64 = 20;

/// Attempts of all sources together, none of which guesses alone, from which on they do together.
const GUESSES_TOGETHER_MIN: u64 = 100;

/// Sources that this takes.
const GUESSERS_MIN: usize = 10;

/// Answers with a server error from which on it is a burst.
const SERVER_ERRORS_MIN: u64 = 50;

/// Lines of a web server's error log, or of a level called error, from which on it is a burst.
const ERRORS_MIN: u64 = 100;

/// Units that fail together from which on it is more than a unit.
const UNITS_FAILED_MANY: u64 = 5;

/// Longest name out of a log that a finding shows, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// Everything that one collector's numbers show.
pub(super) fn look(name: &str, collector: &CollectorReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(guessing(name, collector));
    findings.extend(login_after_failures(collector));
    findings.extend(server_errors(name, collector));
    findings.extend(of_the_system(collector));
    findings.extend(levels(name, collector));
    findings
}

/// Somebody tries names and passwords: one source alone, or many together.
fn guessing(name: &str, collector: &CollectorReport) -> Option<Finding> {
    collector.totals.get("failed")?;
    let table = collector.tables.get("by_source")?;
    let attempts = |row: &Row| row.count("count") + row.count("probes");
    let total = total(collector, "failed") + total(collector, "probes");
    let mut alone: Vec<&Row> = table
        .rows
        .iter()
        .filter(|row| attempts(row) >= GUESSES_MIN)
        .collect();
    alone.sort_by_key(|row| std::cmp::Reverse(attempts(row)));
    let n_sources = table.rows.len() + usize_of(table.other.as_ref().map_or(0, |other| other.keys));
    let title = match alone.first() {
        Some(first) => {
            let others = match alone.len() - 1 {
                0 => String::new(),
                1 => " and 1 other source".to_owned(),
                n => format!(" and {n} other sources"),
            };
            let n: u64 = alone.iter().map(|row| attempts(row)).sum();
            format!(
                "{name}: {}{others} made {n} attempts to guess a login",
                shown(&first.key)
            )
        }
        None if total >= GUESSES_TOGETHER_MIN && n_sources >= GUESSERS_MIN => {
            format!("{name}: {n_sources} sources made {total} attempts to guess a login together")
        }
        None => return None,
    };
    let keys: Vec<&str> = alone.iter().map(|row| row.key.as_str()).collect();
    let sections = ["failed", "invalid_user", "probes"];
    let lines = sections.iter().filter_map(|name| section(collector, name));
    Some(Finding {
        shape: String::new(),
        title,
        severity: Severity::Warning,
        evidence: naming(lines, &keys),
        confidence: 95,
        advice: Some(
            "Block these sources (fail2ban, or the firewall), and let sshd take keys only."
                .to_owned(),
        ),
    })
}

/// Somebody came in from where logins had failed before.
fn login_after_failures(collector: &CollectorReport) -> Option<Finding> {
    let section = section(collector, "login_after_failures").filter(|found| found.count > 0)?;
    let rows = collector
        .tables
        .get("by_source")
        .map_or(&[][..], |table| &table.rows);
    let source = section.lines.iter().find_map(|line| {
        let row = rows.iter().find(|row| holds(&line.text, &row.key))?;
        Some((shown(&row.key), row.count("count")))
    });
    let n = section.count;
    let logins = if n == 1 {
        "a login".to_owned()
    } else {
        format!("{n} logins")
    };
    // A person who mistypes gives up or gets in long before somebody who guesses.
    let guessed = source
        .as_ref()
        .is_none_or(|(_, failures)| *failures >= GUESSES_MIN);
    let (severity, advice) = if guessed {
        let advice = "Find out at once whether that login was yours; if not, lock the account, \
                      end its sessions and look what it did.";
        (Severity::Critical, advice)
    } else {
        (
            Severity::Warning,
            "Ask the user whether that login was theirs.",
        )
    };
    let whence = source.map_or_else(
        || "the same source".to_owned(),
        |(source, failures)| format!("{source}, after {failures} failures there"),
    );
    Some(Finding {
        shape: String::new(),
        title: format!("{logins} came from {whence}"),
        severity,
        evidence: ids(section.lines.iter()),
        confidence: 95,
        advice: Some(advice.to_owned()),
    })
}

/// A web server that fails its visitors.
fn server_errors(name: &str, collector: &CollectorReport) -> Option<Finding> {
    let (n, requests) = (total(collector, "status_5xx"), total(collector, "requests"));
    let errors = total(collector, "errors");
    let (title, severity, of) = if n >= SERVER_ERRORS_MIN {
        // One visitor in twenty is more than somebody's odd request.
        let many = n.saturating_mul(20) >= requests;
        let severity = if many {
            Severity::Error
        } else {
            Severity::Warning
        };
        (
            format!("{name}: {n} of {requests} answers were server errors"),
            severity,
            "status_5xx",
        )
    } else if requests > 0 && errors >= ERRORS_MIN {
        (
            format!("{name}: {errors} errors in its log"),
            Severity::Warning,
            "errors",
        )
    } else {
        return None;
    };
    Some(Finding {
        shape: String::new(),
        title,
        severity,
        evidence: ids(section(collector, of)
            .into_iter()
            .flat_map(|found| &found.lines)),
        confidence: 95,
        advice: Some("Look at what the web server's application says at that time.".to_owned()),
    })
}

/// What systemd and the kernel say.
fn of_the_system(collector: &CollectorReport) -> Vec<Finding> {
    let find = |what: &'static str, severity, one: &str, many: &str, advice: &str| {
        let n = total(collector, what);
        let title = if n == 1 {
            one.to_owned()
        } else {
            format!("{n} {many}")
        };
        let lines = section(collector, what)
            .into_iter()
            .flat_map(|found| &found.lines);
        (n > 0).then(|| Finding {
            shape: String::new(),
            title,
            severity,
            evidence: ids(lines),
            confidence: 95,
            advice: Some(advice.to_owned()),
        })
    };
    let many = total(collector, "units_failed") >= UNITS_FAILED_MANY;
    let severity = if many {
        Severity::Error
    } else {
        Severity::Warning
    };
    let units = find(
        "units_failed",
        severity,
        "a unit failed",
        "units failed",
        "See `systemctl --failed`, and the unit's own log.",
    );
    let memory = find(
        "oom_kills",
        Severity::Error,
        "the kernel killed a process because memory ran out",
        "processes were killed by the kernel because memory ran out",
        "Find what takes the memory; give the service a limit of its own (MemoryMax=).",
    );
    let faults = find(
        "segfaults",
        Severity::Warning,
        "a program crashed (segmentation fault)",
        "crashes of programs (segmentation faults)",
        "Update the program, or look at its core dump (`coredumpctl`).",
    );
    units.into_iter().chain(memory).chain(faults).collect()
}

/// What a collector without knowledge of its service counts by the words in its lines.
fn levels(name: &str, collector: &CollectorReport) -> Option<Finding> {
    if collector.totals.get("requests").is_some() {
        return None;
    }
    let grave = ["critical", "fatal", "emergency", "alert"];
    let grave = grave.iter().find(|level| total(collector, level) > 0);
    let (level, severity) = match grave {
        Some(level) => (*level, Severity::Warning),
        None if total(collector, "error") >= ERRORS_MIN => ("error", Severity::Warning),
        None => return None,
    };
    let n = total(collector, level);
    let lines = if n == 1 { "line" } else { "lines" };
    Some(Finding {
        shape: String::new(),
        title: format!("{name}: {n} {level} {lines}"),
        severity,
        evidence: ids(section(collector, level)
            .into_iter()
            .flat_map(|found| &found.lines)),
        confidence: 70,
        advice: None,
    })
}

fn total(collector: &CollectorReport, name: &str) -> u64 {
    collector.totals.get(name).copied().unwrap_or(0)
}

fn section<'a>(collector: &'a CollectorReport, name: &str) -> Option<&'a Section> {
    collector
        .sections
        .iter()
        .find(|section| section.name == name)
}

/// Lines that name one of `keys`; all lines where there are no keys.
fn naming<'a>(sections: impl Iterator<Item = &'a Section>, keys: &[&str]) -> Vec<String> {
    let lines = sections.flat_map(|section| &section.lines);
    ids(lines.filter(|line| keys.is_empty() || keys.iter().any(|key| holds(&line.text, key))))
}

fn ids<'a>(lines: impl Iterator<Item = &'a skep_protocol::digest::EvidenceLine>) -> Vec<String> {
    lines
        .map(|line| line.id.clone())
        .take(EVIDENCE_MAX)
        .collect()
}

/// Whether a line holds a name, not as a part of a longer one.
fn holds(text: &str, name: &str) -> bool {
    let part = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '.');
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, rest) = text.split_at(at);
            let after = rest.strip_prefix(name).unwrap_or_default();
            // A full stop ends a sentence more often than it goes on an address.
            let mut next = after.chars();
            let goes_on = match next.next() {
                Some('.') => next.next().is_some_and(char::is_alphanumeric),
                next => next.is_some_and(char::is_alphanumeric),
            };
            !part(before.chars().next_back()) && !goes_on
        })
}

/// A name out of a log, safe to show.
pub(super) fn shown(name: &str) -> String {
    neutral_cut(name.as_bytes(), NAME_BYTES_MAX)
}

fn usize_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
