//! Who tried to come in through sshd, from where, and with what outcome.
//!
//! `failed`: `Failed METHOD for …`, and what PAM refused without such a line. `invalid_user`: the
//! part of them for users this host does not know, and `Invalid user` lines that no failure of the
//! same process follows. `probes`: connections that ended before authentication, of a process
//! without a failure: all that a server which takes only keys says about an attack.

mod connections;
mod pending;

use skep_lines::Facts;
use skep_lines::service::sshd;
use skep_lines::service::sshd::Event;
use skep_lines::service::sshd::Kind;

use self::connections::Connections;
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;
use crate::digest::traces::Attempt;

/// So many failures before a login from the same source are worth a look.
const FAILURES_BEFORE_LOGIN_MIN: u64 = 5;

const FAILED: usize = 0;
const ACCEPTED: usize = 1;
const INVALID_USER: usize = 2;
const PROBES: usize = 3;

const BY_SOURCE: usize = 0;
const BY_USER: usize = 1;
/// Logins by source, and how many failures had come from there before the last of them.
const LOGINS: usize = 2;

const SECTION_FAILED: usize = 0;
const SECTION_INVALID: usize = 1;
const SECTION_PROBES: usize = 2;
const SECTION_ACCEPTED: usize = 3;
const SECTION_AFTER_FAILURES: usize = 4;

const TABLES: [TableShape; 3] = [
    TableShape {
        name: "by_source",
        field: "source.address",
        columns: ["count", "probes"],
    },
    TableShape {
        name: "by_user",
        field: "user.name",
        columns: ["count", "probes"],
    },
    TableShape {
        name: "",
        field: "source.address",
        columns: ["logins", "failures_before"],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Sshd::default())
}

#[derive(Default)]
struct Sshd {
    connections: Connections,
}

impl Rules for Sshd {
    fn shape(&self) -> Shape {
        Shape::new(
            &["failed", "accepted", "invalid_user", "probes"],
            &TABLES,
            &[
                "failed",
                "invalid_user",
                "probes",
                "accepted",
                "login_after_failures",
            ],
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        event(seen).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        // Modules of PAM write a large part of the lines, and nothing in them counts.
        if seen.line.body.starts_with(b"pam_") {
            return;
        }
        let Some(event) = event(seen).filter(|event| event.kind.is_counted()) else {
            return;
        };
        let n = self.connections.see(seen, &event, tally);
        keep(seen, &event, n, tally);
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        let mut text = format!(
            "{} failed, {} accepted, {} for unknown users, {} probes",
            totals[FAILED], totals[ACCEPTED], totals[INVALID_USER], totals[PROBES]
        );
        text.push_str(&super::most_from(&tally.tables[BY_SOURCE]));
        let after = tally.sections[SECTION_AFTER_FAILURES].count;
        if after > 0 {
            text.push_str(&format!(
                "; {after} logins after failures from the same source"
            ));
        }
        text
    }

    fn settle(&mut self, tally: &mut Tally) {
        self.connections.settle_all(tally);
    }

    fn open(&self) -> serde_json::Value {
        self.connections.save()
    }

    fn resume(&mut self, open: &serde_json::Value) {
        self.connections = Connections::load(open);
    }

    fn merge(&mut self, tally: &mut Tally, later: &mut dyn Rules, later_tally: &mut Tally) {
        let later: &mut dyn std::any::Any = later;
        let Some(later) = later.downcast_mut::<Self>() else {
            return;
        };
        merge_logins(tally, later_tally);
        let connections = std::mem::take(&mut later.connections);
        self.connections.merge(tally, connections, later_tally);
    }
}

#[inline]
fn event<'a>(seen: &Seen<'a>) -> Option<Event<'a>> {
    // A file that sshd writes itself (`-E`) has no prefix.
    let is_own = sshd::is_sshd(seen.line.app) || seen.line.app.is_empty();
    if !is_own {
        return None;
    }
    sshd::event(seen.line.body)
}

/// Counts a failed attempt, `n` times.
fn count_failed(tally: &mut Tally, user: &[u8], source: &[u8], unknown: bool, n: u64) {
    tally.totals[FAILED] += n;
    if unknown {
        tally.totals[INVALID_USER] += n;
    }
    if !source.is_empty() {
        tally.tables[BY_SOURCE].count(source, n);
    }
    tally.tables[BY_USER].count(user, n);
    tally.tracks.attempt(Attempt {
        source,
        target: user,
        known: !unknown,
        n,
    });
}

/// Counts a login; failures of its source so far stand beside it.
fn count_accepted(tally: &mut Tally, user: &[u8], source: &[u8], n: u64) {
    tally.totals[ACCEPTED] += n;
    let [failures, _] = tally.tables[BY_SOURCE].get(source);
    let [_, known] = tally.tables[LOGINS].get(source);
    tally.tables[LOGINS].add(source, [n, failures.saturating_sub(known)]);
    tally.tracks.login(user, source, n, failures);
}

/// The failures before a later login include all that came here.
fn merge_logins(tally: &mut Tally, later: &mut Tally) {
    let before = &tally.tables[BY_SOURCE];
    later.tracks.precede(|source| before.get(source)[0]);
    let sources: Vec<Vec<u8>> = later.tables[LOGINS]
        .iter()
        .map(|(source, _)| source.to_vec())
        .collect();
    for source in sources {
        let [failures, _] = tally.tables[BY_SOURCE].get(&source);
        let [_, known] = tally.tables[LOGINS].get(&source);
        later.tables[LOGINS].add(&source, [0, failures.saturating_sub(known)]);
    }
}

/// Keeps a line that stands for `n` events more than were known; one that adds none shows nothing.
fn keep(seen: &Seen<'_>, event: &Event<'_>, n: u64, tally: &mut Tally) {
    if n == 0 {
        return;
    }
    let section = match event.kind {
        Kind::Failed | Kind::PamFailure => SECTION_FAILED,
        Kind::InvalidUser => SECTION_INVALID,
        Kind::EndedUnauthenticated => SECTION_PROBES,
        Kind::Accepted => SECTION_ACCEPTED,
        _ => return,
    };
    tally.sections[section].push(seen.place, seen.raw, n);
    if event.kind == Kind::Accepted
        && tally.tables[LOGINS].get(event.source)[1] >= FAILURES_BEFORE_LOGIN_MIN
    {
        tally.sections[SECTION_AFTER_FAILURES].push(seen.place, seen.raw, n);
    }
}

#[cfg(test)]
mod tests;
