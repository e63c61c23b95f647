//! From a status event to an entry of a timeline: bounded, harmless to show, with sane times.

use std::{cmp::Ordering, net::IpAddr};

use skep_lines::neutral_cut;
use skep_packet::Address;
use skep_protocol::{
    case::{Entry, LINES_MAX, TEXT_BYTES_MAX},
    digest::EvidenceLine,
    status::StatusEvent,
};

/// How far a reporter's clock may be ahead of ours.
const AHEAD_MAX_MS: u64 = 30_000;

/// Longest time that one report may cover; an earlier beginning is cut off.
const COVERS_MAX_MS: u64 = 24 * 3_600_000;

/// The entry that an event makes. Whoever sent it is its origin, whatever it says.
pub(crate) fn entry(event: StatusEvent, from: &Address, now_ms: u64) -> Entry {
    let report = event.report.unwrap_or_default().bounded();
    let text = |text: &str| neutral_cut(text.trim().as_bytes(), TEXT_BYTES_MAX);
    let named = |name: Option<String>| name.map(|name| text(&name)).filter(|name| !name.is_empty());
    let host = match report.host.is_empty() {
        true => from.node.to_string(),
        false => text(&report.host),
    };
    let said_ms = |ms: u64| if ms == 0 { event.timestamp } else { ms };
    let last_ms = said_ms(report.last_ms).min(now_ms.saturating_add(AHEAD_MAX_MS));
    let first_ms = said_ms(report.first_ms).clamp(last_ms.saturating_sub(COVERS_MAX_MS), last_ms);
    let mut evidence: Vec<EvidenceLine> = report
        .evidence
        .iter()
        .map(|line| EvidenceLine {
            id: text(&line.id),
            text: text(&line.text),
        })
        .collect();
    if evidence.is_empty() && !event.detail.trim().is_empty() {
        evidence.push(EvidenceLine {
            id: "report".to_owned(),
            text: text(&event.detail),
        });
    }
    newest(&mut evidence);
    Entry {
        host,
        collector: text(&event.subject),
        event: text(&event.state.to_lowercase()),
        severity: event.severity,
        source: named(report.source),
        user: named(report.user),
        object: named(report.object),
        count: report.count.max(1),
        first_ms,
        last_ms,
        origin: from.clone(),
        evidence,
    }
}

/// Keeps the newest lines, each once. Of one source, stamps sort as text.
fn newest(evidence: &mut Vec<EvidenceLine>) {
    evidence.sort_by(|a, b| (&a.text, &a.id).cmp(&(&b.text, &b.id)));
    evidence.dedup();
    let n_old = evidence.len().saturating_sub(LINES_MAX);
    evidence.drain(..n_old);
}

/// Whether two entries are of one thing: then they are one line of the timeline.
pub(super) fn same(a: &Entry, b: &Entry) -> bool {
    identity(a) == identity(b)
}

fn identity(entry: &Entry) -> (&str, &str, &str, [Option<&str>; 3]) {
    let Entry {
        host,
        collector,
        event,
        ..
    } = entry;
    let names = [&entry.source, &entry.user, &entry.object];
    (host, collector, event, names.map(Option::as_deref))
}

/// In the order of time; the same entries always come in the same order.
pub(super) fn by_time(a: &Entry, b: &Entry) -> Ordering {
    (a.first_ms, identity(a)).cmp(&(b.first_ms, identity(b)))
}

/// What to keep where not all can stay: the gravest, then the earliest.
pub(super) fn by_weight(a: &Entry, b: &Entry) -> Ordering {
    b.severity.cmp(&a.severity).then_with(|| by_time(a, b))
}

/// Two entries of one thing as one.
pub(super) fn joined(mut a: Entry, b: Entry) -> Entry {
    a.severity = a.severity.max(b.severity);
    a.count = a.count.saturating_add(b.count);
    a.first_ms = a.first_ms.min(b.first_ms);
    a.last_ms = a.last_ms.max(b.last_ms);
    if b.origin.to_string() < a.origin.to_string() {
        a.origin = b.origin;
    }
    a.evidence.extend(b.evidence);
    newest(&mut a.evidence);
    a
}

/// An address of the host itself says nothing about who is behind it.
pub(super) fn is_outside(source: &str) -> bool {
    !source
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}
