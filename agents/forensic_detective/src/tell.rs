//! A case as the alert that people get.

use skep_packet::Address;
use skep_protocol::{
    alert::{Alert, EVIDENCE_MAX},
    case::{Case, short},
    digest::EvidenceLine,
};
use uuid::Uuid;

use crate::{
    core::{Due, Stored},
    show,
};

/// The alert of a case: one record, whatever becomes of the case.
pub(crate) fn of_case(origin: &Address, stored: &Stored, due: Due) -> Alert {
    let case = &stored.case;
    let mut alert = Alert::new(
        origin.clone(),
        case.severity,
        &case.cause.title,
        show::story(case),
    );
    alert.id = Some(case.id);
    alert.group = Some(format!("case {}", short(case.id)));
    alert.host = host(case);
    alert.timestamp = case.last_ms;
    alert.evidence = evidence(case);
    alert.revision = stored.told.as_ref().map_or(0, |told| told.revision);
    alert.quiet = due == Due::Record;
    alert
}

/// The end of an alert whose case turned out to be another one.
pub(crate) fn of_absorbed(origin: &Address, gone: &Stored, into: Uuid) -> Alert {
    let mut alert = of_case(origin, gone, Due::Record);
    alert.msg = format!("This is part of case {} now.\n\n{}", short(into), alert.msg);
    alert
}

fn host(case: &Case) -> String {
    match case.hosts.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// Lines of the gravest entries first, each with its host.
fn evidence(case: &Case) -> Vec<EvidenceLine> {
    let mut entries: Vec<_> = case.timeline.iter().collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.severity));
    let lines = entries.into_iter().flat_map(|entry| {
        entry.evidence.iter().map(|line| EvidenceLine {
            id: format!("{} {}", entry.host, line.id),
            text: line.text.clone(),
        })
    });
    lines.take(EVIDENCE_MAX).collect()
}
