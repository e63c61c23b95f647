//! Which packets the kernel's filter stopped, from whom and for what.
//!
//! `blocked`: packets whose rule says that they were stopped, or says nothing at all; what a rule
//! only logs stands beside it, as do addresses that cannot be and floods of connections.

use skep_lines::Facts;
use skep_lines::service::netfilter;
use skep_lines::service::netfilter::Event;
use skep_lines::service::netfilter::Fate;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;
use crate::digest::traces::Attempt;

const BLOCKED: usize = 0;

const BY_SOURCE: usize = 0;
const BY_PORT: usize = 1;
const BY_PROTOCOL: usize = 2;
const BY_RULE: usize = 3;

const TABLES: [TableShape; 4] = [
    TableShape {
        name: "by_source",
        field: "source.address",
        columns: ["count", "logged"],
    },
    TableShape {
        name: "by_destination.port",
        field: "destination.port",
        columns: ["count", "logged"],
    },
    TableShape {
        name: "by_network.transport",
        field: "network.transport",
        columns: ["count", "logged"],
    },
    TableShape {
        name: "by_rule.name",
        field: "rule.name",
        columns: ["count", "logged"],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Kernel)
}

struct Kernel;

fn event<'a>(seen: &Seen<'a>) -> Option<Event<'a>> {
    if !netfilter::is_kernel(seen.line.app) {
        return None;
    }
    netfilter::event(seen.line.body)
}

impl Rules for Kernel {
    fn shape(&self) -> Shape {
        // The sections stand in the order of the fates.
        Shape::new(
            &["blocked"],
            &TABLES,
            &["blocked", "logged", "martians", "syn_floods"],
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        event(seen).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = event(seen) else {
            return;
        };
        let n = u64::from(event.repeat);
        let section = match event.fate {
            Fate::Blocked => {
                tally.totals[BLOCKED] += n;
                count(&event, [n, 0], tally);
                track(&event, tally);
                0
            }
            Fate::Logged => {
                count(&event, [0, n], tally);
                1
            }
            Fate::Martian => 2,
            Fate::SynFlood => 3,
        };
        tally.sections[section].push(seen.place, seen.raw, n);
    }

    fn headline(&self, tally: &Tally) -> String {
        let mut text = format!("{} packets blocked", tally.totals[BLOCKED]);
        let more = [
            (1, "only logged"),
            (2, "from impossible addresses"),
            (3, "floods of connections"),
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
}

fn count(event: &Event<'_>, counts: [u64; 2], tally: &mut Tally) {
    tally.tables[BY_SOURCE].add(event.source, counts);
    if let Some(port) = event.destination_port {
        tally.tables[BY_PORT].add(port.to_string().as_bytes(), counts);
    }
    if !event.protocol.is_empty() {
        tally.tables[BY_PROTOCOL].add(&event.protocol.to_ascii_lowercase(), counts);
    }
    if !event.prefix.is_empty() {
        tally.tables[BY_RULE].add(event.prefix, counts);
    }
}

/// Who knocked at which ports.
fn track(event: &Event<'_>, tally: &mut Tally) {
    let port = event.destination_port.map(|port| port.to_string());
    tally.tracks.attempt(Attempt {
        source: event.source,
        target: port.unwrap_or_default().as_bytes(),
        known: false,
        n: u64::from(event.repeat),
    });
}

#[cfg(test)]
mod tests;
