use skep_protocol::digest::{Login, TraceGroup};

use super::*;

const START_H: u64 = 500_000;

fn sshd(sources: &[Trace], logins: &[Login]) -> CollectorReport {
    let mut collector = CollectorReport::default();
    collector.totals.0.push(("failed".to_owned(), 0));
    let group = TraceGroup {
        keys: sources.len() as u64,
        rows: sources.to_vec(),
    };
    collector
        .traces
        .groups
        .0
        .push(("sources".to_owned(), group));
    collector.traces.logins = logins.to_vec();
    collector
}

fn trace(key: &str, n: u64, known: u64, hours: u64, last: u64) -> Trace {
    Trace {
        key: key.to_owned(),
        n,
        known,
        hours,
        first: last + 1 - hours,
        last,
        ..Trace::default()
    }
}

fn scope() -> Scope<'static> {
    Scope {
        name: "sshd",
        window: None,
    }
}

/// Six attempts in each of `patrols` patrols, one an hour.
fn slow(patrols: u64, known: u64) -> (Memory, u64) {
    let (mut memory, mut until_h) = (Memory::default(), START_H);
    for _ in 0..patrols {
        until_h += 6;
        memory.learn(
            &sshd(&[trace("203.0.113.9", 6, known, 6, until_h - 1)], &[]),
            until_h,
        );
    }
    (memory, until_h)
}

#[test]
fn who_tries_once_an_hour_is_seen_after_a_day() {
    let now = |until_h: u64| sshd(&[trace("203.0.113.9", 6, 6, 6, until_h + 5)], &[]);
    let (memory, until_h) = slow(2, 6);
    assert_eq!(memory.look(scope(), &now(until_h)), []);
    let (memory, until_h) = slow(3, 6);
    let found = memory.look(scope(), &now(until_h));
    assert_eq!(
        found[0].title,
        "sshd: 203.0.113.9 came back in 24 hours and made 24 attempts, a few at a time"
    );
    assert_eq!(found[0].severity, Severity::Warning);
    let (memory, until_h) = slow(3, 0);
    let strangers = sshd(&[trace("203.0.113.9", 6, 0, 6, until_h + 5)], &[]);
    assert_eq!(
        memory.look(scope(), &strangers)[0].severity,
        Severity::Notice
    );
}

#[test]
fn a_login_after_the_failures_of_days_is_seen() {
    let (mut memory, until_h) = slow(4, 6);
    let login = Login {
        user: "ann".to_owned(),
        source: "203.0.113.9".to_owned(),
        n: 1,
        failures_before: 2,
        last: until_h,
    };
    let came = sshd(&[], &[login]);
    let found = memory.look(scope(), &came);
    assert_eq!(
        (found[0].shape.as_str(), found[0].severity),
        ("success_after_failures", Severity::Critical)
    );
    memory.learn(&came, until_h);
    assert_eq!(memory.look(scope(), &came), [], "it was said once");
}

#[test]
fn a_week_without_a_source_is_enough_and_a_forged_stamp_keeps_nobody() {
    let (mut memory, until_h) = slow(4, 6);
    memory.learn(
        &sshd(&[trace("192.0.2.1", 1, 0, 1, until_h + 999_999)], &[]),
        until_h,
    );
    memory.learn(&sshd(&[], &[]), until_h + FORGET_H + 1);
    assert_eq!(memory, Memory::default());
}

#[test]
fn a_flood_of_sources_pushes_nobody_out_who_stays() {
    let (mut memory, until_h) = slow(3, 6);
    for round in 0..5 {
        let flood: Vec<Trace> = (0..900)
            .map(|n| trace(&format!("198.18.{round}.{n}"), 900, 0, 1, until_h))
            .collect();
        memory.learn(&sshd(&flood, &[]), until_h);
    }
    assert_eq!(memory.0.len(), SOURCES_MAX);
    assert!(memory.0.contains_key("203.0.113.9"));
}
