//! Who came in through Dovecot, who did not, and by which protocol.
//!
//! `failed` are attempts: a login process tells of a connection's failures once, in one line. With
//! `auth_verbose` the auth process has a line for each, too. Those count only where the connection
//! came in at last, so that no login process tells of them, and never where they have no session:
//! those are of another service that asks Dovecot, and tells of them itself, such as Postfix.

mod sessions;

use skep_lines::Facts;
use skep_lines::service::dovecot;
use skep_lines::service::dovecot::Event;
use skep_lines::service::dovecot::Kind;

use self::sessions::Sessions;
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const LOGINS: usize = 0;
const FAILED: usize = 1;

const BY_SOURCE: usize = 0;
const BY_USER: usize = 1;
const BY_PROTOCOL: usize = 2;
const BY_REASON: usize = 3;

const SECTION_FAILED: usize = 0;
const SECTION_LOGINS: usize = 1;
const SECTION_ABORTED: usize = 2;
const SECTION_TROUBLE: usize = 3;

const TABLES: [TableShape; 4] = [
    TableShape::new("by_source", "source.address", ["count", "logins"]),
    TableShape::new("by_user", "user.name", ["count", "logins"]),
    TableShape::new(
        "by_network.protocol.name",
        "network.protocol.name",
        ["count", "logins"],
    ),
    TableShape::new("by_error.message", "error.message", ["count", ""]),
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Dovecot::default())
}

#[derive(Default)]
struct Dovecot {
    sessions: Sessions,
}

impl Rules for Dovecot {
    fn shape(&self) -> Shape {
        Shape::new(
            &["logins", "failed"],
            &TABLES,
            &["failed", "logins", "aborted", "trouble"],
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        dovecot::event(&seen.line).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = dovecot::event(&seen.line) else {
            return;
        };
        self.sessions.see(seen.unix_ns, &event, tally);
        let (section, n) = match event.kind {
            Kind::Failed => (SECTION_FAILED, event.attempts),
            Kind::LoggedIn => (SECTION_LOGINS, 1),
            Kind::Aborted => (SECTION_ABORTED, 1),
            Kind::Trouble => (SECTION_TROUBLE, 1),
            _ => return,
        };
        tally.sections[section].push(seen.place, seen.raw, u64::from(n));
        if matches!(event.kind, Kind::Failed | Kind::Aborted) {
            tally.tables[BY_REASON].count(event.reason_in_short(), 1);
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let mut text = format!(
            "{} logins, {} failed",
            tally.totals[LOGINS], tally.totals[FAILED]
        );
        let more = [
            (SECTION_ABORTED, "left without a login"),
            (SECTION_TROUBLE, "errors of Dovecot itself"),
        ];
        for (section, what) in more {
            let count = tally.sections[section].count;
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text.push_str(&super::most_from(&tally.tables[BY_SOURCE]));
        text
    }

    fn flush(&mut self, tally: &mut Tally) {
        self.sessions.settle_old(tally);
    }

    fn settle(&mut self, tally: &mut Tally) {
        self.sessions.settle_all(tally);
    }

    fn open(&self) -> serde_json::Value {
        self.sessions.save()
    }

    fn resume(&mut self, open: &serde_json::Value) {
        self.sessions = Sessions::load(open);
    }

    fn merge(&mut self, tally: &mut Tally, later: &mut dyn Rules, later_tally: &mut Tally) {
        let later: &mut dyn std::any::Any = later;
        if let Some(later) = later.downcast_mut::<Self>() {
            let sessions = std::mem::take(&mut later.sessions);
            self.sessions.merge(sessions, tally, later_tally);
        }
    }
}

/// Counts a login, which has nothing to do with what failed before it.
fn count_login(event: &Event<'_>, tally: &mut Tally) {
    tally.totals[LOGINS] += 1;
    if !event.source.is_empty() {
        tally.tables[BY_SOURCE].add(event.source, [0, 1]);
    }
    tally.tables[BY_USER].add(event.user, [0, 1]);
    tally.tables[BY_PROTOCOL].add(event.protocol(), [0, 1]);
}

#[cfg(test)]
mod tests;
