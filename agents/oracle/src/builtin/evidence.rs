//! What shapes look at: totals, sections, traces, and the lines that show them.

use std::borrow::Cow;

use skep_lines::neutral_cut;
use skep_protocol::{
    digest::{CollectorReport, EvidenceLine, Row, Section, Trace},
    oracle::{EVIDENCE_MAX, Finding},
    severity::Severity,
};

use super::guessing::ATTEMPTS;

/// Longest name out of a log that a finding shows, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// A finding of a shape, without evidence and advice yet.
pub(super) fn finding(
    shape: &str,
    severity: Severity,
    confidence: u8,
    title: impl Into<String>,
) -> Finding {
    Finding {
        title: title.into(),
        shape: shape.to_owned(),
        severity,
        evidence: Vec::new(),
        confidence,
        advice: None,
    }
}

pub(super) fn total(collector: &CollectorReport, name: &str) -> u64 {
    collector.totals.get(name).copied().unwrap_or(0)
}

/// The most that these totals were together in one hour; all of it where the hours are not known.
pub(super) fn peak(collector: &CollectorReport, names: &[&str]) -> u64 {
    let hours = &collector.traces.hours;
    let of_hour = |counts: &skep_protocol::digest::Ordered<u64>| -> u64 {
        names.iter().filter_map(|name| counts.get(name)).sum()
    };
    if hours.is_empty() {
        return names.iter().map(|name| total(collector, name)).sum();
    }
    let peaks = hours.iter().map(|hour| of_hour(&hour.counts));
    peaks.max().unwrap_or(0)
}

pub(super) fn section<'a>(collector: &'a CollectorReport, name: &str) -> Option<&'a Section> {
    collector
        .sections
        .iter()
        .find(|section| section.name == name)
}

/// What each source did: its trace, or where there is none its row of the table. Such a source had
/// no wilder hour than all of them together.
pub(super) fn sources(collector: &CollectorReport) -> Cow<'_, [Trace]> {
    let traces = collector.traces.rows("sources");
    if !traces.is_empty() {
        return Cow::Borrowed(traces);
    }
    let wildest = peak(collector, &ATTEMPTS);
    let of_row = |row: &Row| {
        let n = attempts(collector, row);
        Trace {
            key: row.key.clone(),
            n,
            peak: n.min(wildest),
            hours: 1,
            ..Trace::default()
        }
    };
    let rows = collector.tables.get("by_source");
    let rows = rows.map_or(&[][..], |table| &table.rows);
    Cow::Owned(
        rows.iter()
            .map(of_row)
            .filter(|source| source.n > 0)
            .collect(),
    )
}

/// How many sources there were, shown or not.
pub(super) fn n_sources(collector: &CollectorReport) -> u64 {
    if let Some(group) = collector.traces.groups.get("sources") {
        return group.keys;
    }
    let other = collector
        .tables
        .get("by_source")
        .and_then(|table| table.other.as_ref());
    // Of a mail server's other clients nobody knows whether they tried to log in.
    let other = other
        .filter(|_| !is_mail(collector))
        .map_or(0, |other| other.keys);
    sources(collector).len() as u64 + other
}

/// A mail server's clients do more than try to log in.
fn is_mail(collector: &CollectorReport) -> bool {
    collector.totals.get("sasl_failed").is_some()
}

fn attempts(collector: &CollectorReport, row: &Row) -> u64 {
    match is_mail(collector) {
        true => row.count("sasl_failed"),
        false => row.count("count") + row.count("probes"),
    }
}

/// Lines of these sections that name one of `keys`; all of their lines where there are no keys.
pub(super) fn naming(collector: &CollectorReport, sections: &[&str], keys: &[&str]) -> Vec<String> {
    let sections = sections.iter().filter_map(|name| section(collector, name));
    let lines = sections.flat_map(|section| &section.lines);
    ids(lines.filter(|line| keys.is_empty() || keys.iter().any(|key| holds(&line.text, key))))
}

pub(super) fn ids<'a>(lines: impl Iterator<Item = &'a EvidenceLine>) -> Vec<String> {
    lines
        .map(|line| line.id.clone())
        .take(EVIDENCE_MAX)
        .collect()
}

/// Whether a line holds a name, not as a part of a longer one.
pub(super) fn holds(text: &str, name: &str) -> bool {
    if let Some(network) = name.strip_suffix("::/64") {
        return !network.is_empty() && text.contains(&format!("{network}:"));
    }
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

/// The first of some names, and how many more there are.
pub(super) fn and_others(names: &[&str], what: &str) -> String {
    let first = names.first().map_or_else(String::new, |name| shown(name));
    match names.len() {
        0 | 1 => first,
        2 => format!("{first} and 1 other {what}"),
        n => format!("{first} and {} other {what}s", n - 1),
    }
}

/// Whether an address is of a network that no stranger of the internet has.
pub(super) fn is_private(address: &str) -> bool {
    use std::net::{IpAddr, Ipv6Addr};
    let network = address.strip_suffix("/64").unwrap_or(address);
    match network.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => {
            let first = address.segments()[0];
            address == Ipv6Addr::LOCALHOST || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whole() {
        let line = "Failed password for ann from 10.0.0.7 port 9. From 2001:db8:1:2::5 too";
        for (name, found) in [
            ("10.0.0.7", true),
            ("0.0.0.7", false),
            ("10.0.0", false),
            ("ann", true),
            ("an", false),
            ("2001:db8:1:2::/64", true),
            ("2001:db8:1::/64", true),
            ("2001:db8:9::/64", false),
            ("", false),
        ] {
            assert_eq!(holds(line, name), found, "{name}");
        }
    }

    #[test]
    fn private_networks_are_known() {
        for address in [
            "10.1.2.3",
            "192.168.0.1",
            "127.0.0.1",
            "::1",
            "fd00:1:2:3::/64",
            "fe80::/64",
        ] {
            assert!(is_private(address), "{address}");
        }
        for address in ["203.0.113.9", "2001:db8::/64", "UNKNOWN", ""] {
            assert!(!is_private(address), "{address}");
        }
    }
}
