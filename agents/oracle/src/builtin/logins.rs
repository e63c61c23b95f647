//! Somebody came in from where logins had failed before.

use skep_protocol::{
    digest::{CollectorReport, Login},
    oracle::Finding,
    severity::Severity,
};

use super::evidence::{finding, holds, ids, section, shown};

/// Failures before a login that make it worth a look. People mistype three times and try again an
/// hour later: within one digest that is six, or nine.
pub(super) const LOOK_MIN: u64 = 10;

/// Failures before a login after which somebody guessed: a person who mistypes gives up or gets in
/// long before that.
pub(super) const GUESSED_MIN: u64 = 20;

const GUESSED: &str = "Find out at once whether that login was yours; if not, lock the account, end \
                       its sessions and look what it did.";

const SLIPPED: &str = "Ask the user whether that login was theirs.";

pub(super) fn look(collector: &CollectorReport) -> Option<Finding> {
    let logins = &collector.traces.logins;
    let worst = logins
        .iter()
        .filter(|login| login.failures_before >= LOOK_MIN)
        .max_by_key(|login| login.failures_before);
    match worst {
        Some(worst) => Some(after(collector, worst)),
        None if logins.is_empty() => shown_by_lines(collector),
        // Lines begin at five failures, which people reach by mistyping; traces know how many.
        None => None,
    }
}

fn after(collector: &CollectorReport, worst: &Login) -> Finding {
    let logins = collector.traces.logins.iter();
    let n: u64 = logins
        .filter(|login| login.failures_before >= LOOK_MIN)
        .map(|login| login.n)
        .sum();
    let title = format!(
        "{} came from {}, as {}, after {} failures there",
        count(n),
        shown(&worst.source),
        shown(&worst.user),
        worst.failures_before
    );
    success(
        collector,
        title,
        &worst.source,
        worst.failures_before >= GUESSED_MIN,
    )
}

/// A login after failures, of which a person should hear.
pub(super) fn success(
    collector: &CollectorReport,
    title: String,
    source: &str,
    guessed: bool,
) -> Finding {
    let (severity, advice) = if guessed {
        (Severity::Critical, GUESSED)
    } else {
        (Severity::Warning, SLIPPED)
    };
    let sections = ["login_after_failures", "accepted"];
    let lines = sections.iter().filter_map(|name| section(collector, name));
    let mut evidence = ids(lines
        .flat_map(|section| &section.lines)
        .filter(|line| holds(&line.text, source)));
    evidence.dedup();
    Finding {
        evidence,
        advice: Some(advice.to_owned()),
        ..finding("success_after_failures", severity, 95, title)
    }
}

/// The same from a digest without traces: the lines have to tell the source.
fn shown_by_lines(collector: &CollectorReport) -> Option<Finding> {
    let section = section(collector, "login_after_failures").filter(|found| found.count > 0)?;
    let rows = collector
        .tables
        .get("by_source")
        .map_or(&[][..], |table| &table.rows);
    let of_line = |text: &str| rows.iter().find(|row| holds(text, &row.key));
    let sources = section.lines.iter().filter_map(|line| of_line(&line.text));
    // The one with the most failures: newer logins of others must not hide it.
    let worst = sources.max_by_key(|row| row.count("count"));
    let Some(worst) = worst else {
        let title = format!(
            "{} came from the same source as failures",
            count(section.count)
        );
        let mut found = success(collector, title, "", true);
        found.evidence = ids(section.lines.iter());
        return Some(found);
    };
    let failures = worst.count("count");
    let title = format!(
        "{} came from {}, after {failures} failures there",
        count(section.count),
        shown(&worst.key)
    );
    Some(success(
        collector,
        title,
        &worst.key,
        failures >= GUESSED_MIN,
    ))
}

fn count(n: u64) -> String {
    match n {
        1 => "a login".to_owned(),
        n => format!("{n} logins"),
    }
}
