//! Two cases as one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use skep_protocol::{
    case::{Analysis, Case, CaseState, Cause, Entry, NAMES_MAX, TIMELINE_MAX},
    severity::Severity,
};
use uuid::Uuid;

use super::{
    cause,
    entry::{by_time, by_weight, joined, same},
    kind::{Kind, kind},
};

/// Cases that one has taken in, by their ids; of more, the first stay.
const MERGED_MAX: usize = 32;

/// A case as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) case: Case,
    /// What people were told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<Told>,
    /// The question that ended without a report: an answer may still come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unanswered: Option<Unanswered>,
}

/// A question that ended without a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unanswered {
    /// The query id.
    pub(crate) query_id: String,
    /// The lines it was about, which an answer may stand on; a timeline bounds them.
    pub(crate) evidence: BTreeSet<String>,
}

/// What people were told of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) at_ms: u64,
    pub(crate) severity: Severity,
    pub(crate) rule: String,
    pub(crate) n_hosts: usize,
    /// Counts what they were told.
    pub(crate) revision: u32,
}

/// A case of one report.
pub(super) fn of_one(id: Uuid, entry: Entry, now_ms: u64) -> Case {
    let mut case = Case {
        id,
        state: CaseState::Watching,
        severity: entry.severity,
        cause: Cause {
            rule: String::new(),
            title: String::new(),
            text: String::new(),
            severity: entry.severity,
        },
        also: Vec::new(),
        hosts: vec![entry.host.clone()],
        sources: Vec::new(),
        users: Vec::new(),
        first_ms: entry.first_ms,
        last_ms: entry.last_ms,
        opened_ms: 0,
        updated_ms: now_ms,
        closed_ms: None,
        reports: 1,
        timeline: Vec::new(),
        left_out: 0,
        analysis: Analysis::NotAsked,
        alerts: 0,
        merged: Vec::new(),
    };
    let kind = kind(&entry);
    if kind.has_account() {
        case.users.extend(entry.user.clone());
    }
    if matches!(kind, Kind::Attack | Kind::Login | Kind::Ban) {
        case.sources.extend(entry.source.clone());
    }
    case.timeline.push(entry);
    case
}

/// `case` with what `other` holds; its name stays.
pub(super) fn merge(case: &mut Case, other: Case) {
    names(&mut case.hosts, other.hosts);
    names(&mut case.sources, other.sources);
    names(&mut case.users, other.users);
    case.severity = case.severity.max(other.severity);
    case.first_ms = case.first_ms.min(other.first_ms);
    case.last_ms = case.last_ms.max(other.last_ms);
    case.updated_ms = case.updated_ms.max(other.updated_ms);
    case.opened_ms = match (case.opened_ms, other.opened_ms) {
        (0, opened_ms) | (opened_ms, 0) => opened_ms,
        (a, b) => a.min(b),
    };
    case.reports = case.reports.saturating_add(other.reports);
    case.alerts = case.alerts.saturating_add(other.alerts);
    case.left_out = case.left_out.saturating_add(other.left_out);
    if other.opened_ms > 0 {
        case.merged.push(other.id);
    }
    case.merged.extend(other.merged);
    case.merged.truncate(MERGED_MAX);
    timeline(case, other.timeline);
}

/// Brings what a case says of itself up to its timeline.
pub(super) fn conclude(case: &mut Case) {
    let mut causes = cause::explain(&case.timeline);
    case.cause = causes.remove(0);
    let floor = causes.iter().map(|cause| cause.severity).max();
    case.also = causes;
    case.severity = case
        .severity
        .max(case.cause.severity)
        .max(floor.unwrap_or_default());
}

fn timeline(case: &mut Case, entries: Vec<Entry>) {
    for entry in entries {
        match case.timeline.iter().position(|known| same(known, &entry)) {
            Some(at) => {
                let known = case.timeline.swap_remove(at);
                case.timeline.push(joined(known, entry));
            }
            None => case.timeline.push(entry),
        }
    }
    case.timeline.sort_by(by_weight);
    let n_left_out = case.timeline.len().saturating_sub(TIMELINE_MAX) as u64;
    case.left_out = case.left_out.saturating_add(n_left_out);
    case.timeline.truncate(TIMELINE_MAX);
    case.timeline.sort_by(by_time);
}

fn names(ours: &mut Vec<String>, theirs: Vec<String>) {
    ours.extend(theirs);
    ours.sort();
    ours.dedup();
    ours.truncate(NAMES_MAX);
}
