//! What became of mail: delivered, put off, returned, turned away; and who failed to log in for it.
//!
//! `sent`, `deferred` and `bounced` are recipients by what was last tried for them: a delivered
//! bounce notice is sent like any mail, and a recipient that is put off again and again counts once
//! for its message. `rejected` are recipients refused at RCPT, for good or for now, with a queue id
//! or without. What milters, header checks or other stages refuse is a message or a client, no
//! recipient: it has a section of its own. `sasl_failed` are attempts.

mod queue;

use skep_lines::Facts;
use skep_lines::service::postfix;
use skep_lines::service::postfix::Event;
use skep_lines::service::postfix::Kind;

use self::queue::Queue;
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const SENT: usize = 0;
const DEFERRED: usize = 1;
const BOUNCED: usize = 2;
const REJECTED: usize = 3;
const SASL_FAILED: usize = 4;

/// Rejects and failed logins.
const BY_SOURCE: usize = 0;
/// Failed logins, and the recipients of what came by good ones.
const BY_USER: usize = 1;
const BY_SENDER: usize = 2;
const BY_CLIENT: usize = 3;
const BY_RELAY: usize = 4;
const BY_CODE: usize = 5;
const BY_REASON: usize = 6;

const SECTION_REJECTED: usize = 0;
const SECTION_REFUSED: usize = 1;
const SECTION_SASL_FAILED: usize = 2;
const SECTION_BOUNCED: usize = 3;
const SECTION_DEFERRED: usize = 4;
const SECTION_EXPIRED: usize = 5;
const SECTION_HELD: usize = 6;
const SECTION_ABUSED: usize = 7;
const SECTION_TROUBLE: usize = 8;

const SECTIONS: [&str; 9] = [
    "rejected",
    "refused_otherwise",
    "sasl_failed",
    "bounced",
    "deferred",
    "expired",
    "held_or_discarded",
    "abused",
    "trouble",
];

const TABLES: [TableShape; 7] = [
    TableShape::new("by_source", "source.address", ["count", "sasl_failed"]),
    TableShape::new("by_user", "user.name", ["count", "recipients"]),
    TableShape::new(
        "by_email.from.address",
        "email.from.address",
        ["count", "bounced"],
    ),
    TableShape::new("by_client.address", "client.address", ["count", "bounced"]),
    TableShape::new("by_postfix.relay", "postfix.relay", ["count", "failed"]),
    TableShape::new(
        "by_smtp.response.enhanced_status_code",
        "smtp.response.enhanced_status_code",
        ["count", "rejected"],
    ),
    TableShape::new("by_error.message", "error.message", ["count", ""]),
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Postfix::default())
}

#[derive(Default)]
struct Postfix {
    queue: Queue,
}

impl Rules for Postfix {
    fn shape(&self) -> Shape {
        Shape::new(
            &["sent", "deferred", "bounced", "rejected", "sasl_failed"],
            &TABLES,
            &SECTIONS,
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        event(seen).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = event(seen) else {
            return;
        };
        let is_new = self.queue.see(seen, &event, tally);
        count(&event, is_new, tally);
        if let Some(section) = section(event.kind) {
            tally.sections[section].push(seen.place, seen.raw, u64::from(event.repeat));
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        let mut text = format!(
            "{} sent, {} deferred, {} bounced, {} rejected, {} logins failed",
            totals[SENT], totals[DEFERRED], totals[BOUNCED], totals[REJECTED], totals[SASL_FAILED]
        );
        let more = [
            (SECTION_EXPIRED, "messages expired"),
            (SECTION_REFUSED, "refused otherwise"),
            (SECTION_HELD, "held or discarded"),
            (SECTION_TROUBLE, "errors of Postfix itself"),
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

    fn open(&self) -> serde_json::Value {
        self.queue.save()
    }

    fn resume(&mut self, open: &serde_json::Value) {
        self.queue = Queue::load(open);
    }

    fn merge(&mut self, tally: &mut Tally, later: &mut dyn Rules, later_tally: &mut Tally) {
        let later: &mut dyn std::any::Any = later;
        if let Some(later) = later.downcast_mut::<Self>() {
            let queue = std::mem::take(&mut later.queue);
            self.queue.merge(queue, tally, later_tally);
        }
    }
}

fn event<'a>(seen: &Seen<'a>) -> Option<Event<'a>> {
    if !postfix::is_postfix(seen.line.app) {
        return None;
    }
    postfix::event(seen.line.body)
}

/// Counts an event; a delivery that is put off counts if it `is_new` for its recipient.
fn count(event: &Event<'_>, is_new: bool, tally: &mut Tally) {
    let n = u64::from(event.repeat);
    let tried = |tally: &mut Tally, failed: u64| {
        tally.tables[BY_RELAY].add(event.relay_name(), [n, failed]);
        if failed > 0 && !event.dsn.is_empty() {
            tally.tables[BY_CODE].count(event.dsn, n);
        }
    };
    match event.kind {
        Kind::Sent => {
            tally.totals[SENT] += n;
            tried(tally, 0);
        }
        Kind::Deferred => {
            tally.totals[DEFERRED] += u64::from(is_new);
            tried(tally, n);
        }
        Kind::Bounced => {
            tally.totals[BOUNCED] += n;
            tried(tally, n);
        }
        Kind::Rejected => {
            tally.totals[REJECTED] += n;
            if !event.source.is_empty() {
                tally.tables[BY_SOURCE].count(event.source, n);
            }
            if !event.dsn.is_empty() {
                tally.tables[BY_CODE].add(event.dsn, [n, n]);
            }
            tally.tables[BY_REASON].count(event.reason_in_short(), n);
        }
        Kind::SaslFailed => {
            tally.totals[SASL_FAILED] += n;
            if !event.source.is_empty() {
                tally.tables[BY_SOURCE].add(event.source, [n, n]);
            }
            if !event.user.is_empty() {
                tally.tables[BY_USER].count(event.user, n);
            }
        }
        _ => {}
    }
}

fn section(kind: Kind) -> Option<usize> {
    Some(match kind {
        Kind::Rejected => SECTION_REJECTED,
        Kind::Refused => SECTION_REFUSED,
        Kind::SaslFailed => SECTION_SASL_FAILED,
        Kind::Bounced => SECTION_BOUNCED,
        Kind::Deferred => SECTION_DEFERRED,
        Kind::Expired => SECTION_EXPIRED,
        Kind::Held | Kind::Discarded => SECTION_HELD,
        Kind::Abused | Kind::Screened => SECTION_ABUSED,
        Kind::Trouble => SECTION_TROUBLE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
